/* SPDX-License-Identifier: Apache-2.0 */
/* url - see the header. Names and paths are checked byte by byte: they are short, and every rule
 * here is one that somebody has used to get past another gateway. */
#include "http/url.h"

#include "base/check.h"
#include "base/num.h"
#include "base/utf8.h"

#define NAME_MAX_LEN 253 /* RFC 1035 §2.3.4, without the root's dot and length octet */
#define IPV6_MAX_LEN 45  /* ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255 */

static bool is_alnum(char c)
{
    char l = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (l >= 'a' && l <= 'z');
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static bool is_ipv6(str s)
{
    unsigned colons = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ':')
            colons++;
        else if (s.p[i] != '.' && hex(s.p[i]) < 0)
            return false;
    }
    return colons >= 2 && s.n <= IPV6_MAX_LEN;
}

static bool is_name(str s)
{
    if (s.n == 0 || s.n > NAME_MAX_LEN + 1)
        return false;
    char before = '.';
    for (size_t i = 0; i < s.n; before = s.p[i++]) {
        char c = s.p[i];
        if (c == '.' ? before == '.' : !is_alnum(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* Everything behind the host: empty, or ":port". *port stays when there is none. */
static bool split_port(str s, uint16_t *port)
{
    uint64_t v;
    if (s.n == 0)
        return true;
    if (s.p[0] != ':' || s.n > 6 || num_u64(str_from(s, 1), &v) != RC_OK || v == 0 || v > 65535)
        return false;
    *port = (uint16_t)v;
    return true;
}

static const char *split_authority(struct url *u)
{
    str a = u->authority, rest;
    if (a.n && a.p[0] == '[') {
        size_t at = str_find_char(a, ']');
        if (at == SIZE_MAX)
            return "bad IPv6 address";
        u->host = str_of(a.p + 1, at - 1);
        u->is_ipv6 = true;
        rest = str_from(a, at + 1);
        if (!is_ipv6(u->host))
            return "bad IPv6 address";
    } else {
        u->host = str_head(a, str_find_char(a, ':'));
        rest = str_from(a, u->host.n);
        if (!is_name(u->host))
            return "bad host name";
    }
    return split_port(rest, &u->port) ? NULL : "bad port";
}

bool url_authority_is_valid(str authority)
{
    struct url u = {.authority = authority};
    return split_authority(&u) == NULL;
}

static bool is_visible_ascii(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= 0x20 || (uint8_t)s.p[i] >= 0x7f)
            return false;
    return true;
}

static const char *parse(str text, struct url *u)
{
    if (!is_visible_ascii(text))
        return "blanks, control and non-ASCII characters are not allowed in a URL";
    if (str_has_prefix_nocase(text, STR("https://")))
        *u = (struct url){.tls = true, .port = 443};
    else if (str_has_prefix_nocase(text, STR("http://")))
        *u = (struct url){.port = 80};
    else
        return "a URL must begin with http:// or https://";
    if (str_find_char(text, '#') != SIZE_MAX)
        return "a fragment (#) is not allowed here";
    str rest = str_from(text, u->tls ? 8 : 7);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '\\')
        n++;
    u->authority = str_head(rest, n);
    if (str_find_char(u->authority, '@') != SIZE_MAX)
        return "a user or password is not allowed in a URL";
    rest = str_from(rest, n);
    size_t q = str_find_char(rest, '?');
    u->path = str_head(rest, q);
    u->query = q == SIZE_MAX ? STR_NONE : str_from(rest, q + 1);
    if (str_find_char(u->path, '\\') != SIZE_MAX)
        return "a backslash is not allowed in a URL";
    return split_authority(u);
}

enum rc url_parse(str text, struct url *ret, const char **ret_why)
{
    struct url u = {0};
    const char *why = parse(text, &u);
    if (why) {
        *ret_why = why;
        return RC_SYNTAX;
    }
    ASSERT(u.host.n > 0 && u.port > 0);
    *ret = u;
    return RC_OK;
}

/* The byte of the escape at s.p[i], or -1. */
static int escape(str s, size_t i)
{
    ASSERT(i < s.n && s.p[i] == '%');
    if (s.n - i < 3)
        return -1;
    int high = hex(s.p[i + 1]), low = hex(s.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Escapes above 0x7f at *i, together one UTF-8 character: step over them. */
static bool skip_utf8(str s, size_t *i)
{
    char seq[4];
    for (size_t n = 0; n < sizeof(seq) && *i < s.n && s.p[*i] == '%'; n++, *i += 3) {
        int c = escape(s, *i);
        if (c < 0x80)
            return false;
        seq[n] = (char)c;
        if (utf8_is_valid(str_of(seq, n + 1))) {
            *i += 3;
            return true;
        }
    }
    return false;
}

/*
 * An escape of what means something in a path ("%2e%2e", "%2f", "%5c"), or of a percent sign that
 * makes a second one ("%252e"), is read by one server as the thing and by the next as its name.
 * None of the paths that weir knows needs one.
 */
static bool skip_escape(str s, size_t *i)
{
    int c = escape(s, *i);
    if (c > 0x7f)
        return skip_utf8(s, i);
    if (c < 0x20 || c == 0x7f || c == '.' || c == '/' || c == '\\' || c == '%')
        return false;
    *i += 3;
    return true;
}

static bool is_path_char(char c)
{
    return (uint8_t)c > 0x20 && (uint8_t)c < 0x7f && c != '\\' && c != '#' && c != '?';
}

static bool is_segment(str s)
{
    if (str_eq(s, STR(".")) || str_eq(s, STR("..")))
        return false;
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] == '%' ? !skip_escape(s, &i) : !is_path_char(s.p[i++]))
            return false;
    }
    return true;
}

bool url_path_is_canonical(str path)
{
    if (path.n == 0 || path.p[0] != '/')
        return false;
    str rest = str_from(path, 1);
    while (rest.p) {
        str segment = str_cut(&rest, '/');
        bool is_last = !rest.p;
        if ((segment.n == 0 && !is_last) || !is_segment(segment))
            return false;
    }
    return true;
}

enum rc url_decode(str s, struct buf *b)
{
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] != '%') {
            size_t n = str_find_char(str_from(s, i), '%');
            str plain = str_head(str_from(s, i), n);
            buf_add(b, plain);
            i += plain.n;
            continue;
        }
        int c = escape(s, i);
        if (c < 0)
            return RC_SYNTAX;
        buf_add_char(b, (char)c);
        i += 3;
    }
    return b->failed ? RC_NOMEM : RC_OK;
}

void url_encode(str s, struct buf *b)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            buf_add_char(b, c);
        } else {
            char tmp[3] = {'%', digits[(uint8_t)c >> 4], digits[c & 15]};
            buf_add(b, str_of(tmp, sizeof(tmp)));
        }
    }
}

/* One that is there twice is refused: which of them counts, each server knows for itself. */
enum rc url_query(str query, str key, str *ret)
{
    bool found = false;
    str value = STR_NONE;
    while (query.p) {
        str pair = str_cut(&query, '&');
        str name = str_head(pair, str_find_char(pair, '='));
        if (!str_eq(name, key))
            continue;
        if (found)
            return RC_DUPLICATE;
        found = true;
        value = str_from(pair, name.n + 1);
    }
    if (!found)
        return RC_NOTFOUND;
    *ret = value;
    return RC_OK;
}

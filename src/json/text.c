/* SPDX-License-Identifier: Apache-2.0 */
/* text - see the header. The longest escape is a surrogate pair: 12 bytes for 4 of UTF-8; nothing
 * grows when it is undone, so the room of the source always does. */
#include "json/text_int.h"

#include "base/check.h"
#include "base/utf8.h"

#define REPLACEMENT 0xFFFDu
#define HASH_BLOCK  128

/* What follows the backslash, or 0. 'u' is not here: it has digits. */
static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at s, or -1. JSON has UTF-16 here, so a character beyond U+FFFF is
 * two of them (RFC 8259, section 7). */
static int32_t code_unit(const char *s, const char *end)
{
    if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
        return -1;
    int a = hex_digit(s[2]), b = hex_digit(s[3]), c = hex_digit(s[4]), d = hex_digit(s[5]);
    if ((a | b | c | d) < 0)
        return -1;
    return a << 12 | b << 8 | c << 4 | d;
}

size_t json_escape_size(const char *s, const char *end)
{
    if (end - s < 2)
        return 0;
    if (simple_escape(s[1]))
        return 2;
    return code_unit(s, end) >= 0 ? 6 : 0;
}

size_t json_escape_undo(const char *s, const char *end, char *to, size_t *used)
{
    if (end - s < 2)
        return 0;
    *used = 2;
    if ((to[0] = simple_escape(s[1])) != 0)
        return 1;
    int32_t u = code_unit(s, end);
    if (u < 0)
        return 0;
    *used = 6;
    uint32_t cp = (uint32_t)u;
    if ((cp & 0xF800) == 0xD800) {
        int32_t low = cp < 0xDC00 ? code_unit(s + 6, end) : -1;
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp & 0x3FF) << 10 | ((uint32_t)low & 0x3FF));
            *used = 12;
        } else {
            cp = REPLACEMENT;
        }
    }
    return utf8_encode(to, cp);
}

static const char *find_backslash(const char *s, const char *end)
{
    const char *p = s < end ? memchr(s, '\\', (size_t)(end - s)) : NULL;
    return p ? p : end;
}

size_t json_text_undo(char *to, str raw)
{
    if (raw.n == 0)
        return 0;
    const char *s = raw.p, *end = raw.p + raw.n;
    char *d = to, undone[4];
    while (s < end) {
        const char *e = find_backslash(s, end);
        memcpy(d, s, (size_t)(e - s));
        d += e - s;
        s = e;
        if (s == end)
            break;
        size_t used, n = json_escape_undo(s, end, undone, &used);
        if (n == 0)
            return SIZE_MAX;
        ASSERT(n <= used && used <= (size_t)(end - s));
        memcpy(d, undone, n);
        d += n;
        s += used;
    }
    ASSERT((size_t)(d - to) <= raw.n); /* what the caller made room for */
    return (size_t)(d - to);
}

/* A string as a row of slices; see the header. */
struct pieces {
    const char *s, *end;
    bool escaped;
    char undone[4];
    str left; /* of the piece that was given out last */
};

static struct pieces pieces_of(str s, bool escaped)
{
    const char *p = s.p ? s.p : "";
    return (struct pieces){.s = p, .end = p + s.n, .escaped = escaped};
}

/* So that two spellings of one text can be compared without room for either: both are cut into
 * pieces, and as much is compared as both have. Have bytes in p->left, unless the string is at its
 * end. False: it is, or the escape is bad. */
static bool next_piece(struct pieces *p)
{
    if (p->left.n)
        return true;
    if (p->s == p->end)
        return false;
    const char *e = p->escaped ? find_backslash(p->s, p->end) : p->end;
    if (e > p->s) {
        p->left = str_of(p->s, (size_t)(e - p->s));
        p->s = e;
        return true;
    }
    size_t used, n = json_escape_undo(p->s, p->end, p->undone, &used);
    if (n == 0)
        return false;
    p->left = str_of(p->undone, n);
    p->s += used;
    return true;
}

size_t json_text_size(str raw)
{
    size_t n = 0;
    struct pieces p = pieces_of(raw, true);
    for (; next_piece(&p); p.left.n = 0)
        n += p.left.n;
    return p.s == p.end ? n : SIZE_MAX;
}

bool json_text_eq(str a, bool a_escaped, str b, bool b_escaped)
{
    if (!a_escaped && !b_escaped)
        return str_eq(a, b);
    struct pieces x = pieces_of(a, a_escaped), y = pieces_of(b, b_escaped);
    for (;;) {
        bool more = next_piece(&x);
        if (more != next_piece(&y))
            return false;
        if (!more)
            return true;
        size_t n = x.left.n < y.left.n ? x.left.n : y.left.n;
        if (memcmp(x.left.p, y.left.p, n) != 0)
            return false;
        x.left = str_from(x.left, n);
        y.left = str_from(y.left, n);
    }
}

size_t json_text_edges(str raw, char head[8], char tail[8])
{
    size_t n = 0;
    struct pieces p = pieces_of(raw, true);
    for (; next_piece(&p); p.left.n = 0) {
        str part = str_head(p.left, n < 8 ? 8 - n : 0);
        if (part.n)
            memcpy(head + n, part.p, part.n);
        n += p.left.n;
        part = str_from(p.left, p.left.n > 8 ? p.left.n - 8 : 0);
        memmove(tail, tail + part.n, 8 - part.n);
        memcpy(tail + 8 - part.n, part.p, part.n);
    }
    return n;
}

/* SipHash over blocks of 128 unescaped bytes, each block's hash keying the next: what has one block
 * is hashed at once, and what has escapes needs no more room than one block. */
uint64_t json_text_hash(struct hash_key key, str s, bool escaped)
{
    if (!escaped && s.n <= HASH_BLOCK)
        return hash_bytes(key, s);
    char block[HASH_BLOCK];
    size_t n = 0;
    uint64_t h = 0;
    bool any = false;
    struct pieces p = pieces_of(s, escaped);
    while (next_piece(&p)) {
        if (n == HASH_BLOCK) {
            h = hash_bytes(key, str_of(block, n));
            key.k0 ^= h;
            n = 0;
            any = true;
        }
        str part = str_head(p.left, HASH_BLOCK - n);
        memcpy(block + n, part.p, part.n);
        n += part.n;
        p.left = str_from(p.left, part.n);
    }
    ASSERT(n > 0 || !any);
    return hash_bytes(key, str_of(block, n));
}

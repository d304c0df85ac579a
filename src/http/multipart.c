/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart - see the header. Delimiters are searched for, never line by line; the CRLF before one
 * belongs to it (RFC 2046), and the first has none.
 */
#include "http/multipart.h"

#include "base/check.h"

#define CRLF STR("\r\n")

/* ---- parameters: `; name=token; name="quoted"`, of Content-Type and Content-Disposition */

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static str take_token(str *s)
{
    size_t n = 0;
    while (n < s->n && is_token_char(s->p[n]))
        n++;
    str token = str_head(*s, n);
    *s = str_from(*s, n);
    return token;
}

/* What is between the quotes; *s moves behind them. A backslash before a quote is a quoted pair to
 * some and the end of the text to others: refused. */
static bool take_quoted(str *s, str *ret)
{
    size_t end = str_find_char(str_from(*s, 1), '"');
    if (end == SIZE_MAX)
        return false;
    str inside = str_head(str_from(*s, 1), end);
    if (inside.n && inside.p[inside.n - 1] == '\\')
        return false;
    *ret = inside;
    *s = str_from(*s, end + 2);
    return true;
}

/* Boundaries are often written bare though they hold what no token may ("=", "/", ":"). */
static str take_bare(str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != ';' && s->p[n] != ' ' && s->p[n] != '\t' && s->p[n] != '"')
        n++;
    str bare = str_head(*s, n);
    *s = str_from(*s, n);
    return bare;
}

/* The next `; name=value`. False at the end, or, with *ret_bad, where it is malformed. */
static bool next_param(str *s, str *ret_name, str *ret_value, bool *ret_bad)
{
    *s = str_trim(*s);
    *ret_bad = s->n != 0;
    if (!s->n || s->p[0] != ';')
        return false;
    *s = str_trim(str_from(*s, 1));
    str name = take_token(s);
    if (!name.n || !s->n || s->p[0] != '=')
        return false;
    *s = str_from(*s, 1);
    str value = STR_NONE;
    if (s->n && s->p[0] == '"') {
        if (!take_quoted(s, &value))
            return false;
    } else {
        value = take_bare(s);
        if (!value.n)
            return false;
    }
    *ret_bad = false;
    *ret_name = name;
    *ret_value = value;
    return true;
}

/* ---- the boundary */

bool multipart_is_form(str type)
{
    return str_eq_nocase(str_trim(str_head(type, str_find_char(type, ';'))),
                         STR("multipart/form-data"));
}

/* RFC 2046: bchars; a blank not at the end. */
static bool is_boundary(str b)
{
    if (!b.n || b.n > MULTIPART_BOUNDARY_MAX || b.p[b.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < b.n; i++) {
        char c = b.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c && strchr("'()+_,-./:=? ", c))))
            return false;
    }
    return true;
}

enum rc multipart_boundary(str type, str *ret)
{
    str name, value, found = STR_NONE;
    bool bad;
    if (!multipart_is_form(type))
        return RC_SYNTAX;
    str rest = str_from(type, str_find_char(type, ';'));
    while (next_param(&rest, &name, &value, &bad)) {
        if (!str_eq_nocase(name, STR("boundary")))
            continue;
        if (found.p)
            return RC_SYNTAX;
        found = value;
    }
    if (bad || !is_boundary(found))
        return RC_SYNTAX;
    *ret = found;
    return RC_OK;
}

/* ---- the head of a part */

static enum multipart_result bad(struct multipart *m, const char *why)
{
    m->why = why;
    return MULTIPART_BAD;
}

static const char *read_disposition(str v, struct multipart_part *p)
{
    str name, value;
    bool malformed;
    str kind = take_token(&v);
    if (!str_eq_nocase(kind, STR("form-data")))
        return "a part's content-disposition must be form-data";
    while (next_param(&v, &name, &value, &malformed)) {
        if (str_eq_nocase(name, STR("name"))) {
            if (p->name.p || !value.n || str_find_char(value, '\\') != SIZE_MAX)
                return "a part's name is empty, ambiguous or there twice";
            p->name = value;
        } else if (str_eq_nocase(name, STR("filename"))) {
            if (p->filename.p)
                return "a part has two filenames";
            p->filename = value;
        } else if (str_has_prefix_nocase(name, STR("name*"))) {
            return "an extended name (name*) is not allowed in a form";
        }
    }
    if (malformed)
        return "a part's content-disposition is malformed";
    return p->name.p ? NULL : "a part has no name";
}

static bool has_control(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20 ? s.p[i] != '\t' : s.p[i] == 0x7f)
            return true;
    return false;
}

/* One line without its CRLF. NULL: fine. */
static const char *read_field(str line, struct multipart_part *p)
{
    str name = take_token(&line);
    if (!name.n || !line.n || line.p[0] != ':' || has_control(line))
        return "a part's header is malformed";
    str value = str_trim(str_from(line, 1));
    if (str_eq_nocase(name, STR("content-disposition")))
        return p->name.p ? "a part has two content-dispositions" : read_disposition(value, p);
    if (str_eq_nocase(name, STR("content-type"))) {
        if (p->type.p)
            return "a part has two content-types";
        p->type = value;
    }
    if (str_eq_nocase(name, STR("content-transfer-encoding")) &&
        !str_eq_nocase(value, STR("binary")) && !str_eq_nocase(value, STR("8bit")) &&
        !str_eq_nocase(value, STR("7bit")))
        return "a part's content-transfer-encoding is not supported: send the bytes as they are";
    return NULL;
}

/* ---- parts */

void multipart_init(struct multipart *m, str boundary, str body)
{
    CHECK(is_boundary(boundary)); /* it is copied into m->mark */
    _Static_assert(sizeof(m->mark) >= 2 + MULTIPART_BOUNDARY_MAX, "there is room for it");
    *m = (struct multipart){.body = body, .mark_n = 2 + boundary.n};
    memcpy(m->mark, "--", 2);
    memcpy(m->mark + 2, boundary.p, boundary.n);
}

/* The data from m->at to the next delimiter; m->at moves behind it. NULL: fine. In the middle of a
 * line the boundary is data like any other; behind a bare CR or LF it is a delimiter to lenient
 * readers only, and with it a part that nobody here has seen. */
static const char *take_data(struct multipart *m, str *ret)
{
    str mark = str_of(m->mark, m->mark_n), body = m->body;
    for (size_t from = m->at;;) {
        size_t n = str_find(str_from(body, from), mark), at = from + n;
        if (n == SIZE_MAX)
            return "the form is cut off";
        ASSERT(at >= m->at && at + mark.n <= body.n);
        if (at >= m->at + 2 && body.p[at - 2] == '\r' && body.p[at - 1] == '\n') {
            *ret = str_head(str_from(body, m->at), at - 2 - m->at);
            m->at = at + mark.n;
            return NULL;
        }
        if (at == m->at || body.p[at - 1] == '\n' || body.p[at - 1] == '\r')
            return "a delimiter has no CRLF before it";
        from = at + 1;
    }
}

/* Behind a delimiter stands CRLF and a part, or "--" and the end. */
static enum multipart_result behind_mark(struct multipart *m)
{
    str rest = str_from(m->body, m->at);
    if (str_has_prefix(rest, CRLF)) {
        m->at += 2;
        return MULTIPART_PART;
    }
    if (str_eq(rest, STR("--")) || str_eq(rest, STR("--\r\n"))) {
        m->over = true;
        return MULTIPART_END;
    }
    return bad(m, str_has_prefix(rest, STR("--")) ? "something follows the end of the form"
                                                  : "a delimiter is not alone on its line");
}

static enum multipart_result read_head(struct multipart *m, struct multipart_part *p)
{
    str rest = str_from(m->body, m->at);
    size_t end = str_find(str_head(rest, MULTIPART_HEAD_MAX), STR("\r\n\r\n"));
    if (end == SIZE_MAX)
        return bad(m, "a part's head is cut off or too long");
    str head = str_head(rest, end);
    m->at += end + 4;
    ASSERT(m->at <= m->body.n);
    while (head.n) {
        size_t n = str_find(head, CRLF);
        const char *why = read_field(str_head(head, n), p);
        if (why)
            return bad(m, why);
        head = n == SIZE_MAX ? STR_NONE : str_from(head, n + 2);
    }
    return p->name.p ? MULTIPART_PART : bad(m, "a part has no name");
}

enum multipart_result multipart_next(struct multipart *m, struct multipart_part *ret)
{
    struct multipart_part p = {0};
    ASSERT(m->at <= m->body.n);
    if (m->why || m->over)
        return m->why ? MULTIPART_BAD : MULTIPART_END;
    if (m->at == 0) {
        if (!str_has_prefix(m->body, str_of(m->mark, m->mark_n)))
            return bad(m, "the form does not begin with its boundary");
        m->at = m->mark_n;
    }
    enum multipart_result r = behind_mark(m);
    if (r != MULTIPART_PART)
        return r;
    if (m->parts++ == MULTIPART_PARTS_MAX)
        return bad(m, "the form has too many parts");
    r = read_head(m, &p);
    if (r != MULTIPART_PART)
        return r;
    const char *why = take_data(m, &p.data);
    if (why)
        return bad(m, why);
    *ret = p;
    return MULTIPART_PART;
}

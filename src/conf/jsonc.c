/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonc - the tolerant JSON that people write by hand: comments (two slashes, slash-star, '#'),
 * trailing commas, single quotes, bare keys, tabs. What JSON5 readers accept of it is accepted;
 * what is plainly a slip (a missing comma, text without quotes) is refused where it stands. The
 * strict reader of json/ is for the wire; this one trades its speed for line and column.
 *
 * One loop, one state, no recursion; nesting lives in the tree.
 *
 *     state     takes                         then
 *     VALUE     a value                       COMMA, or END at the top
 *     ITEM      a value or ']'                COMMA        (']' after ',': a trailing comma)
 *     KEY       a key or '}'                  COLON
 *     COLON     ':'                           VALUE
 *     COMMA     ',' or what closes            KEY or ITEM
 *     END       nothing
 *
 * A generic JSON5 reader was rejected: hexadecimal numbers, Infinity and line separators are no
 * help in a configuration, and each is one more way to be misread.
 */
#include "base/auto.h"
#include "base/num.h"
#include "base/utf8.h"
#include "conf/parse.h"

enum want { WANT_VALUE, WANT_ITEM, WANT_KEY, WANT_COLON, WANT_COMMA, WANT_END };

struct reader {
    struct conf_tree *tree;
    str text;
    size_t at;
    size_t marked; /* line and column are those of this offset */
    uint32_t line, column;
};

/* Bring line and column up to `at`. Each byte is passed once, so long lines cost nothing extra. */
static void mark(struct reader *r)
{
    ASSERT(r->marked <= r->at && r->at <= r->text.n); /* never back, never past the end */
    for (; r->marked < r->at; r->marked++) {
        char c = r->text.p[r->marked];
        if (c == '\n') {
            r->line++;
            r->column = 1;
        } else if (((unsigned char)c & 0xC0) != 0x80) {
            r->column++;
        }
    }
}

static enum rc refuse(struct reader *r, const char *what)
{
    mark(r);
    conf_note(r->tree->report, CONF_ERROR, r->line, r->column, "%s", what);
    return RC_CONFIG;
}

static bool starts(const struct reader *r, const char *two)
{
    return r->at + 1 < r->text.n && r->text.p[r->at] == two[0] && r->text.p[r->at + 1] == two[1];
}

static void skip_line(struct reader *r)
{
    size_t end = str_find_char(str_from(r->text, r->at), '\n');
    r->at = end == SIZE_MAX ? r->text.n : r->at + end;
}

static enum rc skip_blanks(struct reader *r)
{
    while (r->at < r->text.n) {
        char c = r->text.p[r->at];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            r->at++;
        } else if (c == '#' || starts(r, "//")) {
            skip_line(r);
        } else if (starts(r, "/*")) {
            size_t end = str_find(str_from(r->text, r->at + 2), STR("*/"));
            if (end == SIZE_MAX)
                return refuse(r, "this comment is not closed; '*/' is missing");
            r->at += 2 + end + 2;
        } else {
            break;
        }
    }
    return RC_OK;
}

/* Four hex digits at offset `at`. */
static bool hex4(const struct reader *r, size_t at, uint32_t *ret)
{
    uint64_t v;
    if (r->text.n < at + 4 || num_hex(str_of(r->text.p + at, 4), &v) != RC_OK)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* Behind "\u": one character, a surrogate pair as one. JSON escapes UTF-16 units: what lies beyond
 * U+FFFF takes two, a high one (D800 to DBFF) and a low one (RFC 8259 section 7). Half of a pair is
 * no character and has no UTF-8. */
static enum rc unescape_unicode(struct reader *r, struct buf *to)
{
    uint32_t cp, low;
    if (!hex4(r, r->at, &cp))
        return refuse(r, "\\u needs four hex digits");
    r->at += 4;
    if (cp >= 0xD800 && cp < 0xDC00 && starts(r, "\\u") && hex4(r, r->at + 2, &low) &&
        low >= 0xDC00 && low < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        r->at += 6;
    }
    if (cp >= 0xD800 && cp < 0xE000)
        return refuse(r, "half of a surrogate pair; write the whole character");
    char utf8[4];
    buf_add(to, str_of(utf8, utf8_encode(utf8, cp)));
    return RC_OK;
}

/* Behind a backslash. */
static enum rc unescape(struct reader *r, struct buf *to)
{
    static const char from[] = "\"'\\/bfnrt", out[] = "\"'\\/\b\f\n\r\t";
    char c = r->at < r->text.n ? r->text.p[r->at] : '\0';
    size_t i = c ? str_find_char(str_of(from, sizeof(from) - 1), c) : SIZE_MAX;
    if (i == SIZE_MAX && c != 'u' && c != '\n')
        return refuse(r, "unknown escape; write \\\\ for a backslash");
    r->at++;
    if (c == 'u')
        return unescape_unicode(r, to);
    if (c != '\n') /* a backslash at the end of a line continues it */
        buf_add_char(to, out[i]);
    return RC_OK;
}

static enum rc read_quoted(struct reader *r, struct buf *to)
{
    char quote = r->text.p[r->at++];
    ASSERT(quote == '"' || quote == '\'');
    while (r->at < r->text.n) {
        char c = r->text.p[r->at];
        if (c == quote) {
            r->at++;
            return RC_OK;
        }
        if ((unsigned char)c < 0x20 && c != '\t')
            return refuse(r, c == '\n' ? "the closing quote is missing in this line"
                                       : "a control character; write it as an escape");
        r->at++;
        if (c == '\\')
            TRY(unescape(r, to));
        else
            buf_add_char(to, c);
    }
    return refuse(r, "the closing quote is missing");
}

static bool is_word_char(char c)
{
    char l = (char)(c | 32);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '-' ||
           c == '+' || c == '.';
}

static str read_word(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->text.n && is_word_char(r->text.p[r->at]))
        r->at++;
    return str_of(r->text.p + from, r->at - from);
}

/* A key or a text in quotes. */
static enum rc on_quoted(struct reader *r, struct buf *scratch)
{
    uint32_t line = r->line, column = r->column;
    buf_clear(scratch);
    TRY(read_quoted(r, scratch));
    if (scratch->failed)
        return RC_NOMEM;
    str s = buf_str(scratch);
    return tree_scalar(r->tree, s.n ? s : STR(""), true, line, column);
}

static bool looks_like_number(str s)
{
    char c = s.p[0];
    return (c >= '0' && c <= '9') || ((c == '-' || c == '+' || c == '.') && s.n > 1);
}

/* Outside of quotes: true, false, null, a number; or a key of letters. */
static enum rc on_word(struct reader *r, bool key)
{
    uint32_t line = r->line, column = r->column;
    size_t from = r->at;
    str s = read_word(r);
    if (!s.n)
        return refuse(r, key ? "a key was expected here" : "a value was expected here");
    if (!key && str_eq(s, STR("null")))
        return tree_null(r->tree, line, column);
    if (key || str_eq(s, STR("true")) || str_eq(s, STR("false")) || looks_like_number(s))
        return tree_scalar(r->tree, s, false, line, column);
    r->at = from;
    return refuse(r, "text must stand in quotes");
}

/* What comes after a value that is whole now. */
static enum want after_value(const struct reader *r)
{
    return r->tree->depth ? WANT_COMMA : WANT_END;
}

static enum rc on_open(struct reader *r, enum conf_kind kind, enum want *want)
{
    TRY(tree_open(r->tree, kind, r->line, r->column));
    r->at++;
    *want = kind == CONF_MAP ? WANT_KEY : WANT_ITEM;
    return RC_OK;
}

/* '}' or ']': fits what is open, and nothing is half said. */
static enum rc on_close(struct reader *r, char c, enum want *want)
{
    enum conf_kind open = r->tree->depth ? r->tree->open[r->tree->depth - 1]->kind : CONF_NULL;
    if (open != (c == '}' ? CONF_MAP : CONF_LIST))
        return refuse(r, c == '}' ? "this '}' closes nothing" : "this ']' closes nothing");
    if (*want == WANT_VALUE || *want == WANT_COLON)
        return refuse(r, "the value of the last key is missing");
    r->at++;
    TRY(tree_close(r->tree));
    *want = after_value(r);
    return RC_OK;
}

static enum rc on_value(struct reader *r, char c, struct buf *scratch, enum want *want)
{
    if (c == '{' || c == '[')
        return on_open(r, c == '{' ? CONF_MAP : CONF_LIST, want);
    if (c == '"' || c == '\'')
        TRY(on_quoted(r, scratch));
    else
        TRY(on_word(r, false));
    *want = after_value(r);
    return RC_OK;
}

static enum rc on_key(struct reader *r, char c, struct buf *scratch, enum want *want)
{
    if (c == '"' || c == '\'')
        TRY(on_quoted(r, scratch));
    else
        TRY(on_word(r, true));
    *want = WANT_COLON;
    return RC_OK;
}

static enum rc on_comma(struct reader *r, char c, enum want *want)
{
    CHECK(r->tree->depth > 0); /* at the top a value is followed by WANT_END */
    bool map = r->tree->open[r->tree->depth - 1]->kind == CONF_MAP;
    if (c != ',')
        return refuse(r, map ? "',' or '}' is missing before this"
                             : "',' or ']' is missing before this");
    r->at++;
    *want = map ? WANT_KEY : WANT_ITEM;
    return RC_OK;
}

/* One token; `c` is its first character. */
static enum rc step(struct reader *r, char c, struct buf *scratch, enum want *want)
{
    if ((c == '}' || c == ']') && *want != WANT_END)
        return on_close(r, c, want);
    switch (*want) {
    case WANT_VALUE:
    case WANT_ITEM:
        return on_value(r, c, scratch, want);
    case WANT_KEY:
        return on_key(r, c, scratch, want);
    case WANT_COLON:
        if (c != ':')
            return refuse(r, "the ':' after the key is missing");
        r->at++;
        *want = WANT_VALUE;
        return RC_OK;
    case WANT_COMMA:
        return on_comma(r, c, want);
    case WANT_END:
        return refuse(r, "more text after the end; one '{ ... }' is all");
    }
    return RC_INTERNAL;
}

enum rc conf_parse_json(struct conf_tree *t, str text)
{
    AUTO(buf_fini) struct buf scratch = BUF_INIT(text.n + 16);
    struct reader r = {.tree = t, .text = text, .line = 1, .column = 1};
    enum want want = WANT_VALUE;
    for (;;) {
        TRY(skip_blanks(&r));
        mark(&r);
        if (r.at >= text.n)
            break;
        TRY(step(&r, text.p[r.at], &scratch, &want));
    }
    if (want != WANT_END)
        return refuse(&r, "the file ends too early; a '}' or ']' is missing");
    ASSERT(t->depth == 0 && t->root);
    return RC_OK;
}

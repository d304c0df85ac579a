/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_mend - a transducer: one byte in, what it means out. Commas and colons of the source are
 * only remembered, and written when what follows them is there.
 */
#include "json/mend.h"

#include "base/num.h"
#include "json/write.h"

void json_mend_init(struct json_mend *m)
{
    *m = (struct json_mend){.state = MEND_BEFORE};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool in_object(const struct json_mend *m)
{
    return m->depth && m->open[m->depth - 1] == '{';
}

/* ---- writing */

static void put_comma(struct json_mend *m, struct buf *out)
{
    if (m->comma)
        buf_add_char(out, ',');
    m->comma = false;
}

/* A byte of a string as JSON wants it; of longer characters each byte as it is. */
static void put_char(struct buf *out, char c)
{
    if ((unsigned char)c < 0x80)
        json_escape(out, str_of(&c, 1));
    else
        buf_add_char(out, c);
}

/* A value is complete, or a key. */
static void finish(struct json_mend *m)
{
    m->state = m->is_key ? MEND_COLON : MEND_AFTER;
    m->comma = !m->is_key;
    m->nword = 0;
    m->long_word = false;
}

static void open_bracket(struct json_mend *m, char c, struct buf *out)
{
    if (m->depth == JSON_DEPTH_MAX) { /* deeper than anybody reads: no more of it */
        buf_lit(out, "null");
        m->is_key = false;
        finish(m);
        return;
    }
    buf_add_char(out, c);
    m->open[m->depth++] = (uint8_t)c;
    m->comma = false;
    m->state = c == '{' ? MEND_KEY : MEND_VALUE;
}

static void close_one(struct json_mend *m, struct buf *out)
{
    CHECK(m->depth > 0); /* below it stands m->open */
    buf_add_char(out, in_object(m) ? '}' : ']');
    m->depth--;
    m->comma = true;
    m->state = m->depth ? MEND_AFTER : MEND_DONE;
}

/* A closing bracket: all that is open inside of its fellow closes too; without a fellow it is
 * noise. */
static void close_to(struct json_mend *m, char c, struct buf *out)
{
    uint8_t want = c == '}' ? '{' : '[';
    unsigned at = m->depth;
    while (at && m->open[at - 1] != want)
        at--;
    while (at && m->depth >= at)
        close_one(m, out);
}

/* ---- words: numbers, literals, and text without quotes */

static bool is_number(str w)
{
    struct json_node node;
    struct json_doc doc;
    return json_parse_into(&node, 1, w, &doc, NULL) == RC_OK && node.type == JSON_NUMBER;
}

static const char *literal_of(str w)
{
    static const struct {
        const char *word, *json;
    } rows[] = {
        {"true", "true"}, {"false", "false"},    {"null", "null"},
        {"True", "true"}, {"False", "false"},    {"None", "null"},
        {"NaN", "null"},  {"undefined", "null"}, {"Infinity", "null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(w, str_c(rows[i].word)))
            return rows[i].json;
    return NULL;
}

/* What may end at a blank; text without quotes goes on behind one. */
static bool is_whole_word(const struct json_mend *m)
{
    str w = str_of(m->word, m->nword);
    return !m->long_word && (is_number(w) || literal_of(w));
}

static void finish_word(struct json_mend *m, struct buf *out)
{
    str w = str_trim(str_of(m->word, m->nword));
    const char *literal = literal_of(w);
    if (m->long_word) {
        buf_add_char(out, '"');
    } else if (!m->is_key && literal) {
        buf_add(out, str_c(literal));
    } else if (!m->is_key && is_number(w)) {
        buf_add(out, w);
    } else {
        buf_add_char(out, '"');
        json_escape(out, w);
        buf_add_char(out, '"');
    }
    finish(m);
}

static void add_to_word(struct json_mend *m, char c, struct buf *out)
{
    if (m->nword == JSON_MEND_WORD) { /* no number is that long: it goes on as text */
        if (!m->long_word)
            buf_add_char(out, '"');
        m->long_word = true;
        for (unsigned i = 0; i < m->nword; i++)
            put_char(out, m->word[i]);
        m->nword = 0;
    }
    CHECK(m->nword < JSON_MEND_WORD);
    if (m->long_word)
        put_char(out, c);
    else
        m->word[m->nword++] = c;
}

/* ---- a byte in each state. False: the byte is to be looked at again in the new state. */

static void begin_string(struct json_mend *m, char quote, bool key, struct buf *out)
{
    put_comma(m, out);
    buf_add_char(out, '"');
    m->quote = quote;
    m->is_key = key;
    m->state = MEND_STRING;
}

static void begin_word(struct json_mend *m, bool key, struct buf *out)
{
    put_comma(m, out);
    m->is_key = key;
    m->nword = 0;
    m->long_word = false;
    m->state = MEND_WORD;
}

static void begin_comment(struct json_mend *m, char c)
{
    m->back = m->state;
    m->comment = c == '#' ? '/' : 0;
    m->state = MEND_COMMENT;
}

static bool on_key(struct json_mend *m, char c, struct buf *out)
{
    if (is_blank(c) || c == ',' || c == ':')
        return true;
    if (c == '}' || c == ']') {
        close_to(m, c, out);
    } else if (c == '"' || c == '\'' || c == '`') {
        begin_string(m, c, true, out);
    } else if (c == '/' || c == '#') {
        begin_comment(m, c);
    } else if (c != '{' && c != '[') {
        begin_word(m, true, out);
        return false;
    }
    return true;
}

static bool on_colon(struct json_mend *m, char c, struct buf *out)
{
    if (is_blank(c))
        return true;
    buf_add_char(out, ':');
    m->state = MEND_VALUE;
    if (c == '}' || c == ',') { /* a key and nothing to it */
        buf_lit(out, "null");
        m->is_key = false;
        finish(m);
        return false;
    }
    return c == ':' || c == '=';
}

static bool on_value(struct json_mend *m, char c, struct buf *out)
{
    if (is_blank(c))
        return true;
    if (c == '/' || c == '#') {
        begin_comment(m, c);
        return true;
    }
    if (c == '}' || c == ']' || c == ',') {
        if (!in_object(m) && c == ',')
            return true;
        if (in_object(m)) {
            buf_lit(out, "null");
            m->comma = true;
        }
        m->state = MEND_AFTER;
        return false;
    }
    if (c == '"' || c == '\'' || c == '`') {
        begin_string(m, c, false, out);
        return true;
    }
    if (c == '{' || c == '[') {
        put_comma(m, out);
        open_bracket(m, c, out);
        return true;
    }
    begin_word(m, false, out);
    return false;
}

static bool on_after(struct json_mend *m, char c, struct buf *out)
{
    if (is_blank(c))
        return true;
    if (c == '}' || c == ']') {
        close_to(m, c, out);
        return true;
    }
    if (c == '/' || c == '#') {
        begin_comment(m, c);
        return true;
    }
    m->state = in_object(m) ? MEND_KEY : MEND_VALUE; /* also where the comma is missing */
    return c == ',';
}

static bool on_string(struct json_mend *m, char c, struct buf *out)
{
    if (c == '\\') {
        m->nword = 0;
        m->state = MEND_ESCAPE;
    } else if (c == m->quote) {
        m->nword = 0;
        m->state = MEND_QUOTE;
    } else if ((unsigned char)c < 0x20 || c == '"') {
        put_char(out, c);
    } else {
        buf_add_char(out, c);
    }
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* m->word holds what of \uXXXX has come. */
static bool on_escape(struct json_mend *m, char c, struct buf *out)
{
    if (!m->nword && c != 'u') {
        m->state = MEND_STRING;
        if (str_find_char(STR("\"\\/bfnrt"), c) != SIZE_MAX) {
            buf_add_char(out, '\\');
            buf_add_char(out, c);
        } else {
            if (c != '\'' && c != '`' && c != '\n') /* those need none; JSON has no others */
                buf_lit(out, "\\\\");
            if (c != '\n')
                put_char(out, c);
        }
        return true;
    }
    if (m->nword && !is_hex(c)) { /* no \u after all: a backslash and what came behind it */
        buf_lit(out, "\\\\");
        json_escape(out, str_of(m->word, m->nword));
        m->state = MEND_STRING;
        return false;
    }
    CHECK(m->nword < JSON_MEND_WORD);
    m->word[m->nword++] = c;
    if (m->nword == 5) {
        buf_add_char(out, '\\');
        buf_add(out, str_of(m->word, 5));
        m->state = MEND_STRING;
    }
    return true;
}

/* Behind a quote: it was the last one if what follows can follow a string, else one of the text. */
static bool on_quote(struct json_mend *m, char c, struct buf *out)
{
    static const char behind_key[] = ":=},", behind_value[] = ",}]";
    if (is_blank(c) && m->nword < JSON_MEND_WORD) {
        m->word[m->nword++] = c;
        return true;
    }
    const char *may = m->is_key ? behind_key : behind_value;
    bool comment = c == '/' || c == '#';
    if (strchr(may, c) || (comment && m->nword) || (m->nword && memchr(m->word, '\n', m->nword))) {
        buf_add_char(out, '"');
        finish(m);
        return false;
    }
    put_char(out, m->quote);
    json_escape(out, str_of(m->word, m->nword));
    m->nword = 0;
    m->state = MEND_STRING;
    return false;
}

static bool on_word(struct json_mend *m, char c, struct buf *out)
{
    bool ends = m->is_key ? c == ':' || c == '=' || c == '}' || c == ',' || is_blank(c)
                          : c == ',' || c == '}' || c == ']' || c == '\n' || c == '\r' ||
                                (is_blank(c) && is_whole_word(m));
    if (!ends) {
        add_to_word(m, c, out);
        return true;
    }
    finish_word(m, out);
    return false;
}

static bool on_comment(struct json_mend *m, char c)
{
    switch (m->comment) {
    case 0:
        m->comment = c;
        if (c != '/' && c != '*') { /* a lone slash: noise */
            m->state = m->back;
            return false;
        }
        return true;
    case '/':
        if (c == '\n')
            m->state = m->back;
        return true;
    default:
        if (m->comment == '+' && c == '/')
            m->state = m->back;
        m->comment = c == '*' ? '+' : '*';
        return true;
    }
}

/* Each state takes the byte or hands it to the state it has changed to; no state hands one back to
 * a state that handed it on, so the loop of json_mend_feed ends. */
static bool on_byte(struct json_mend *m, char c, struct buf *out)
{
    switch (m->state) {
    case MEND_BEFORE:
        if (c == '{')
            open_bracket(m, c, out);
        return true;
    case MEND_KEY:
        return on_key(m, c, out);
    case MEND_COLON:
        return on_colon(m, c, out);
    case MEND_VALUE:
        return on_value(m, c, out);
    case MEND_AFTER:
        return on_after(m, c, out);
    case MEND_STRING:
        return on_string(m, c, out);
    case MEND_ESCAPE:
        return on_escape(m, c, out);
    case MEND_QUOTE:
        return on_quote(m, c, out);
    case MEND_WORD:
        return on_word(m, c, out);
    case MEND_COMMENT:
        return on_comment(m, c);
    case MEND_DONE:
        return true;
    }
    return true;
}

size_t json_mend_feed(struct json_mend *m, str in, struct buf *out)
{
    size_t i = 0;
    for (; i < in.n && m->state != MEND_DONE; i++)
        while (!on_byte(m, in.p[i], out))
            ;
    return i;
}

/* What stands half done at the end. */
static void end_token(struct json_mend *m, struct buf *out)
{
    if (m->state == MEND_COMMENT)
        m->state = m->back;
    if (m->state == MEND_STRING || m->state == MEND_ESCAPE || m->state == MEND_QUOTE) {
        buf_add_char(out, '"');
        finish(m);
    } else if (m->state == MEND_WORD) {
        finish_word(m, out);
    }
    if (m->state == MEND_COLON)
        buf_lit(out, ":null");
    else if (m->state == MEND_VALUE && in_object(m))
        buf_lit(out, "null");
}

void json_mend_end(struct json_mend *m, struct buf *out)
{
    if (m->state == MEND_BEFORE)
        buf_lit(out, "{}");
    else
        end_token(m, out);
    while (m->depth)
        close_one(m, out);
    m->state = MEND_DONE;
}

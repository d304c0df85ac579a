/* SPDX-License-Identifier: Apache-2.0 */
/* write - commas, colons and escapes; see the header.
 *
 * Two bits a level are all the state: is it an object, and has it had an item, so that the next one
 * needs a comma. */
#include "json/write.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "json/scan_int.h"

void json_writer_init(struct json_writer *w, struct rope *to)
{
    *w = (struct json_writer){.to = to};
}

static uint64_t level(const struct json_writer *w)
{
    ASSERT(w->depth > 0 && w->depth <= JSON_WRITE_DEPTH);
    return 1ULL << (w->depth - 1);
}

static void comma(struct json_writer *w)
{
    if (w->has_items & level(w))
        buf_add_char(&w->to->own, ',');
    w->has_items |= level(w);
}

/* Before any value. */
static void begin_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
    } else if (w->depth) {
        ASSERT(!(w->is_object & level(w))); /* a value of an object wants its key first */
        comma(w);
    }
}

static void begin(struct json_writer *w, char bracket, bool object)
{
    CHECK(w->depth < JSON_WRITE_DEPTH);
    begin_value(w);
    w->depth++;
    w->has_items &= ~level(w);
    w->is_object = object ? w->is_object | level(w) : w->is_object & ~level(w);
    buf_add_char(&w->to->own, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{', true);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[', false);
}

void json_end(struct json_writer *w)
{
    CHECK(w->depth > 0);
    ASSERT(!w->after_key);
    buf_add_char(&w->to->own, w->is_object & level(w) ? '}' : ']');
    w->depth--;
}

static void begin_key(struct json_writer *w)
{
    CHECK(w->depth > 0);
    ASSERT((w->is_object & level(w)) && !w->after_key);
    comma(w);
    w->after_key = true;
}

void json_key_text(struct json_writer *w, str text)
{
    ASSERT(text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == ':');
    begin_key(w);
    buf_add(&w->to->own, text);
}

void json_key_str(struct json_writer *w, str key)
{
    begin_key(w);
    buf_add_char(&w->to->own, '"');
    rope_put(w->to, key);
    buf_lit(&w->to->own, "\":");
}

/* RFC 8259 has short names for five of them; the others take six characters. */
static void add_control(struct buf *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *known = c ? strchr(names, c) : NULL;
    if (known) {
        char pair[2] = {'\\', letters[known - names]};
        buf_add(to, str_of(pair, 2));
    } else {
        char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        buf_add(to, str_of(six, 6));
    }
}

/* s: some bytes beyond ASCII, up to the next that is not. Well-formed sequences pass; for each byte
 * that belongs to none there is one U+FFFD. */
static void add_high(struct buf *to, str s)
{
    while (s.n) {
        size_t n = utf8_valid_prefix(s);
        buf_add(to, str_head(s, n));
        s = str_from(s, n);
        if (s.n) {
            buf_lit(to, "\xEF\xBF\xBD");
            s = str_from(s, 1);
        }
    }
}

/* From one byte that is not plain to the next: most text has none, and is one copy. */
void json_escape(struct buf *to, str s)
{
    if (s.n == 0)
        return;
    const char *p = s.p, *end = s.p + s.n;
    while (p < end) {
        const char *e = json_scan_plain(p, end);
        buf_add(to, str_of(p, (size_t)(e - p)));
        if (e == end)
            return;
        p = e;
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80) {
            while (e < end && (unsigned char)*e >= 0x80)
                e++;
            add_high(to, str_of(p, (size_t)(e - p)));
            p = e;
            continue;
        }
        if (c < 0x20) {
            add_control(to, c);
        } else {
            char pair[2] = {'\\', (char)c};
            buf_add(to, str_of(pair, 2));
        }
        p++;
    }
}

void json_put_str(struct json_writer *w, str s)
{
    json_open_str(w);
    json_add_plain(w, s);
    json_close_str(w);
}

void json_put_raw_str(struct json_writer *w, str s)
{
    struct buf *own = &w->to->own;
    if (WEIR_LIKELY(s.n < ROPE_REF_MIN && own->cap - own->len > s.n + 3)) { /* in one go */
        begin_value(w);
        char *p = own->p + own->len;
        *p++ = '"';
        if (s.n)
            memcpy(p, s.p, s.n);
        p[s.n] = '"';
        own->len += s.n + 2;
        ASSERT(own->len <= own->cap);
        return;
    }
    json_open_str(w);
    json_add_raw(w, s);
    json_close_str(w);
}

void json_put_text(struct json_writer *w, str json)
{
    ASSERT(json.n > 0);
    begin_value(w);
    rope_put(w->to, json);
}

void json_put_u64(struct json_writer *w, uint64_t v)
{
    begin_value(w);
    buf_add_u64(&w->to->own, v);
}

void json_put_i64(struct json_writer *w, int64_t v)
{
    begin_value(w);
    buf_add_i64(&w->to->own, v);
}

void json_put_bool(struct json_writer *w, bool v)
{
    begin_value(w);
    rope_copy(w->to, v ? STR("true") : STR("false"));
}

void json_put_null(struct json_writer *w)
{
    begin_value(w);
    rope_copy(w->to, STR("null"));
}

void json_put_fixed(struct json_writer *w, double v, int digits)
{
    char text[352]; /* the greatest double has 309 digits before its point */
    if (!isfinite(v)) {
        json_put_null(w);
        return;
    }
    ASSERT(digits >= 0 && digits <= 9);
    const int n = snprintf(text, sizeof(text), "%.*f", digits, v);
    json_put_text(w, str_of(text, (size_t)n));
}

void json_member_text(struct json_writer *w, const char *key, str s)
{
    json_key_str(w, str_c(key));
    json_put_str(w, s);
}

void json_member_u64(struct json_writer *w, const char *key, uint64_t v)
{
    json_key_str(w, str_c(key));
    json_put_u64(w, v);
}

void json_member_known(struct json_writer *w, const char *key, double v, int digits)
{
    json_key_str(w, str_c(key));
    json_put_fixed(w, v < 0 ? (double)NAN : v, digits);
}

/* A string in pieces, as they come: between open and close nothing else may be written. */
void json_open_str(struct json_writer *w)
{
    begin_value(w);
    buf_add_char(&w->to->own, '"');
}

void json_add_raw(struct json_writer *w, str escaped)
{
    rope_put(w->to, escaped);
}

void json_add_plain(struct json_writer *w, str plain)
{
    json_escape(&w->to->own, plain);
}

void json_close_str(struct json_writer *w)
{
    buf_add_char(&w->to->own, '"');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventstream - messages by their own length: no byte is looked for, so a cut costs nothing but the
 * copy of the message that it cuts.
 *
 * A cut message is gathered in two goals: first the prelude, which says how long the whole is, then
 * the rest. `held` grows with what has come, never with what a prelude claims will come: a provider
 * that announces 4 MiB and falls silent has cost us twelve bytes.
 */
#include "http/eventstream.h"

#include <zlib.h>

#include "base/check.h"

#define KEEP_MAX (64u << 10u) /* a buffer grown over this by a big message is given back */

static uint32_t read_u32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void write_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> (24 - 8 * i));
}

static uint32_t crc_of(const char *p, size_t n)
{
    return (uint32_t)crc32_z(0, (const Bytef *)p, n);
}

/* ---- reading */

enum eventstream_result eventstream_length(str head, uint32_t *ret)
{
    if (head.n < EVENTSTREAM_PRELUDE)
        return EVENTSTREAM_MORE;
    uint32_t total = read_u32(head.p), headers = read_u32(head.p + 4);
    if (read_u32(head.p + 8) != crc_of(head.p, 8))
        return EVENTSTREAM_BAD;
    if (total < EVENTSTREAM_MIN || headers > EVENTSTREAM_HEADERS_MAX ||
        headers > total - EVENTSTREAM_MIN)
        return EVENTSTREAM_BAD;
    *ret = total;
    return EVENTSTREAM_OK;
}

enum eventstream_result eventstream_open(str raw, struct eventstream_message *ret)
{
    uint32_t total;
    if (eventstream_length(raw, &total) != EVENTSTREAM_OK || total != raw.n)
        return EVENTSTREAM_BAD;
    size_t body = raw.n - 4, headers = read_u32(raw.p + 4);
    if (read_u32(raw.p + body) != crc_of(raw.p, body))
        return EVENTSTREAM_BAD;
    str rest = str_of(raw.p + EVENTSTREAM_PRELUDE, body - EVENTSTREAM_PRELUDE);
    ASSERT(headers <= rest.n); /* eventstream_length has seen to it */
    *ret = (struct eventstream_message){str_head(rest, headers), str_from(rest, headers)};
    return EVENTSTREAM_OK;
}

/* Bytes of a value; -1: a u16 before it says. */
static const int8_t sizes[EVENTSTREAM_TYPES] = {
    [EVENTSTREAM_TRUE] = 0,   [EVENTSTREAM_FALSE] = 0,   [EVENTSTREAM_INT8] = 1,
    [EVENTSTREAM_INT16] = 2,  [EVENTSTREAM_INT32] = 4,   [EVENTSTREAM_INT64] = 8,
    [EVENTSTREAM_BYTES] = -1, [EVENTSTREAM_STRING] = -1, [EVENTSTREAM_TIME] = 8,
    [EVENTSTREAM_UUID] = 16,
};

/* Move n bytes from the front of *from to *ret. False: there are not so many. */
static bool take(str *from, size_t n, str *ret)
{
    if (from->n < n)
        return false;
    *ret = str_head(*from, n);
    *from = str_from(*from, n);
    return true;
}

enum eventstream_result eventstream_header(str *headers, struct eventstream_header *ret)
{
    str rest = *headers, n, name, type, value;
    if (!rest.n)
        return EVENTSTREAM_MORE;
    if (!take(&rest, 1, &n) || !n.p[0] || !take(&rest, (uint8_t)n.p[0], &name) ||
        !take(&rest, 1, &type) || (uint8_t)type.p[0] >= EVENTSTREAM_TYPES)
        return EVENTSTREAM_BAD;
    ASSERT(name.n > 0);
    size_t size = (size_t)sizes[(uint8_t)type.p[0]];
    if (sizes[(uint8_t)type.p[0]] < 0) {
        if (!take(&rest, 2, &n))
            return EVENTSTREAM_BAD;
        size = (size_t)((uint8_t)n.p[0] << 8 | (uint8_t)n.p[1]);
    }
    if (!take(&rest, size, &value))
        return EVENTSTREAM_BAD;
    *ret = (struct eventstream_header){name, (enum eventstream_type)(uint8_t)type.p[0], value};
    *headers = rest;
    return EVENTSTREAM_OK;
}

/* ---- as events */

struct labels { /* the headers that say what a message is */
    str message, event, exception, code, words;
};

static bool read_labels(str headers, struct labels *to)
{
    const struct {
        str name;
        str *to;
    } rows[] = {
        {STR(":message-type"), &to->message},     {STR(":event-type"), &to->event},
        {STR(":exception-type"), &to->exception}, {STR(":error-code"), &to->code},
        {STR(":error-message"), &to->words},
    };
    struct eventstream_header h;
    enum eventstream_result r;
    while ((r = eventstream_header(&headers, &h)) == EVENTSTREAM_OK)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (h.type == EVENTSTREAM_STRING && str_eq(h.name, rows[i].name))
                *rows[i].to = h.value;
    return r == EVENTSTREAM_MORE;
}

static enum sse_result read_message(str raw, struct sse_event *ret)
{
    struct eventstream_message m;
    struct labels l = {0};
    if (eventstream_open(raw, &m) != EVENTSTREAM_OK || !read_labels(m.headers, &l))
        return SSE_TOO_BIG;
    *ret = (struct sse_event){.event = l.event, .raw = raw};
    if (m.payload.n)
        ret->data = m.payload;
    if (str_eq(l.message, STR("exception"))) {
        ret->fault = true;
        ret->event = l.exception;
    } else if (str_eq(l.message, STR("error"))) {
        ret->fault = true;
        ret->event = l.code;
        ret->data = l.words;
    }
    return SSE_EVENT;
}

/* How many bytes of the message that begins with `have` are still to come: to know its length, or
 * to its end. SSE_EVENT: as *ret says. */
static enum sse_result missing(str have, size_t max, size_t *ret)
{
    uint32_t total = EVENTSTREAM_PRELUDE;
    if (eventstream_length(have, &total) == EVENTSTREAM_BAD || total > max)
        return SSE_TOO_BIG;
    *ret = total > have.n ? total - have.n : 0;
    return SSE_EVENT;
}

/* A message that lies whole in what was fed is lent as it lies. */
static enum sse_result next_in_place(struct sse_parser *p, str *in, struct sse_event *ret)
{
    uint32_t total = 0;
    enum eventstream_result r = eventstream_length(*in, &total);
    if (r == EVENTSTREAM_BAD || total > p->held.max)
        return SSE_TOO_BIG;
    if (r == EVENTSTREAM_MORE || total > in->n)
        return SSE_MORE;
    str raw = str_head(*in, total);
    *in = str_from(*in, total);
    return read_message(raw, ret);
}

static enum sse_result next_held(struct sse_parser *p, str *in, struct sse_event *ret)
{
    size_t need = 0;
    while (in->n) {
        if (missing(buf_str(&p->held), p->held.max, &need) != SSE_EVENT)
            return SSE_TOO_BIG;
        ASSERT(need > 0); /* or nothing would be taken, for ever */
        str piece = str_head(*in, need);
        *in = str_from(*in, piece.n);
        buf_add(&p->held, piece);
        if (p->held.failed || missing(buf_str(&p->held), p->held.max, &need) != SSE_EVENT)
            return SSE_TOO_BIG;
        if (need == 0) {
            p->lent = true;
            return read_message(buf_str(&p->held), ret);
        }
    }
    return SSE_MORE;
}

enum sse_result eventstream_next(struct sse_parser *p, str *in, struct sse_event *ret)
{
    if (p->lent) {
        if (p->held.cap > KEEP_MAX)
            buf_fini(&p->held);
        else
            buf_clear(&p->held);
        p->lent = false;
    }
    if (!buf_size(&p->held)) {
        enum sse_result r = next_in_place(p, in, ret);
        if (r != SSE_MORE || !in->n)
            return r;
    }
    return next_held(p, in, ret);
}

/* ---- writing */

static void add_header(struct buf *to, str name, str value)
{
    ASSERT(name.n && name.n <= UINT8_MAX && value.n <= UINT16_MAX);
    buf_add_char(to, (char)name.n);
    buf_add(to, name);
    buf_add_char(to, EVENTSTREAM_STRING);
    buf_add_char(to, (char)(value.n >> 8));
    buf_add_char(to, (char)value.n);
    buf_add(to, value);
}

size_t eventstream_begin(struct buf *to, enum eventstream_kind kind, str type)
{
    bool event = kind == EVENTSTREAM_EVENT;
    size_t at = buf_size(to);
    buf_add(to, STR("\0\0\0\0\0\0\0\0\0\0\0\0"));
    add_header(to, event ? STR(":event-type") : STR(":exception-type"), type);
    add_header(to, STR(":content-type"), STR("application/json"));
    add_header(to, STR(":message-type"), event ? STR("event") : STR("exception"));
    if (!to->failed) /* until the end it says how long the headers are */
        write_u32(to->p + to->off + at + 4, (uint32_t)(buf_size(to) - at - EVENTSTREAM_PRELUDE));
    return at;
}

void eventstream_end(struct buf *to, size_t begun)
{
    buf_add(to, STR("\0\0\0\0"));
    if (to->failed)
        return;
    char *p = to->p + to->off + begun;
    size_t total = buf_size(to) - begun;
    CHECK(begun <= buf_size(to) && total >= EVENTSTREAM_MIN && total <= UINT32_MAX);
    write_u32(p, (uint32_t)total);
    write_u32(p + 8, crc_of(p, 8));
    write_u32(p + total - 4, crc_of(p, total - 4));
}

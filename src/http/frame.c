/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame - one way in for all framings; lines are read here, the rest in files of their own.
 */
#include "http/frame.h"

#include "base/check.h"
#include "http/eventstream.h"

void frame_init(struct frame_parser *p, enum frame_kind kind, size_t max_event)
{
    p->kind = kind;
    sse_init(&p->sse, max_event);
}

void frame_fini(struct frame_parser *p)
{
    sse_fini(&p->sse);
}

size_t frame_pending(const struct frame_parser *p)
{
    return sse_pending(&p->sse);
}

str frame_rest(const struct frame_parser *p)
{
    return sse_rest(&p->sse);
}

str frame_type(enum frame_kind kind)
{
    switch (kind) {
    case FRAME_SSE:
        return STR("text/event-stream");
    case FRAME_LINES:
        return STR("application/x-ndjson");
    case FRAME_AWS:
        return STR("application/vnd.amazon.eventstream");
    }
    return STR_NONE;
}

/* ---- lines */

/* An empty line is an event without data: servers send it to show that they live. */
static void read_line(str raw, struct sse_event *e)
{
    ASSERT(raw.n && raw.p[raw.n - 1] == '\n');
    str line = str_head(raw, raw.n - 1);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    *e = (struct sse_event){.raw = raw};
    if (line.n)
        e->data = line;
}

static enum sse_result next_line(struct sse_parser *p, str *in, struct sse_event *ret)
{
    if (p->lent) {
        buf_clear(&p->held);
        p->lent = false;
    }
    if (!in->n)
        return SSE_MORE;
    const char *end = memchr(in->p, '\n', in->n);
    str piece = end ? str_head(*in, (size_t)(end - in->p) + 1) : *in;
    size_t held = buf_size(&p->held);
    *in = str_from(*in, piece.n);
    ASSERT(held <= p->held.max);
    if (piece.n > p->held.max - held)
        return SSE_TOO_BIG;
    if (end && !held) {
        read_line(piece, ret);
        return SSE_EVENT;
    }
    buf_add(&p->held, piece);
    if (p->held.failed)
        return SSE_TOO_BIG;
    if (!end)
        return SSE_MORE;
    p->lent = true;
    read_line(buf_str(&p->held), ret);
    return SSE_EVENT;
}

enum sse_result frame_next(struct frame_parser *p, str *in, struct sse_event *ret)
{
    if (p->kind == FRAME_SSE)
        return sse_next(&p->sse, in, ret);
    if (p->sse.broken)
        return SSE_TOO_BIG;
    enum sse_result r =
        p->kind == FRAME_AWS ? eventstream_next(&p->sse, in, ret) : next_line(&p->sse, in, ret);
    p->sse.broken = r == SSE_TOO_BIG;
    return r;
}

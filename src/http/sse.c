/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse - find the blank line, then read the fields.
 *
 * Two passes over an event. The first looks for the blank line that ends it; its whole state is a
 * few bits (is the current line empty, was the last byte a CR), so it runs over each piece once,
 * wherever the pieces are cut, and never over held bytes again. The second reads the fields of the
 * complete event, which lies in one piece: in the caller's bytes, or in `held` when it was cut.
 * Most events are one long line: where the first line ends is remembered, and not looked for again.
 *
 * The one hard question is a blank line that ends in CR at the end of a piece: is an LF to come? To
 * wait would keep the last event of a CR-only stream for ever, and not to wait would tear the CRLF
 * in two and leave an LF in front of the next raw. The line before decides: if it ended in a lone
 * CR, the stream is of that kind and the event ends here; else the parser waits for the next byte.
 * That depends on bytes only, not on the cut, so all cuts give the same events.
 */
#include "http/sse.h"

#include "base/check.h"
#include "http/scan_int.h"

#define KEEP_MAX (64u << 10) /* a buffer grown over this by a big event is given back */

enum { END_NONE, END_LF, END_CR, END_CRLF };

void sse_init(struct sse_parser *p, size_t max_event)
{
    *p = (struct sse_parser){.line_is_empty = true};
    buf_init(&p->held, max_event);
    buf_init(&p->data, max_event);
}

void sse_fini(struct sse_parser *p)
{
    buf_fini(&p->held);
    buf_fini(&p->data);
}

size_t sse_pending(const struct sse_parser *p)
{
    return p->lent ? 0 : buf_size(&p->held);
}

str sse_rest(const struct sse_parser *p)
{
    return sse_pending(p) ? buf_str(&p->held) : STR_NONE;
}

/* ---- first pass: where does the event end? */

/* The CR that was the last byte is complete now, with or without LF. True: it ended the event. */
static bool finish_cr(struct sse_parser *p, unsigned kind)
{
    p->cr = false;
    p->line_end = (uint8_t)kind;
    p->line_is_empty = true;
    return p->cr_blank;
}

/* Bytes of [p, end) up to the end of the event, or NULL when it does not end in them. *first gets
 * the end of the first line that ends in them. */
static const char *find_end(struct sse_parser *s, const char *p, const char *end,
                            const char **first)
{
    *first = NULL;
    while (p != end) {
        if (s->cr) {
            bool crlf = *p == '\n';
            p += crlf;
            if (finish_cr(s, crlf ? END_CRLF : END_CR))
                return p;
            continue;
        }
        const char *eol = scan_line(p, end);
        s->line_is_empty &= eol == p;
        if (eol == end)
            return NULL;
        if (!*first)
            *first = eol;
        bool blank = s->line_is_empty;
        p = eol + 1;
        if (*eol == '\n') {
            s->line_end = END_LF;
            s->line_is_empty = true;
            if (blank)
                return p;
        } else if (blank && s->line_end == END_CR) {
            return p;
        } else {
            s->cr = true;
            s->cr_blank = blank;
        }
    }
    return NULL;
}

/* ---- second pass: the fields */

/* Is this line the field `name`? Then its value: behind the colon and one blank. */
static bool is_field(str line, str name, str *ret)
{
    if (!str_has_prefix(line, name))
        return false;
    str rest = str_from(line, name.n);
    if (rest.n && rest.p[0] != ':')
        return false;
    rest = str_from(rest, rest.n ? 1 : 0);
    *ret = str_from(rest, rest.n && rest.p[0] == ' ' ? 1 : 0);
    return true;
}

/* The first data line is lent as it lies; from the second on they are joined in p->data. */
static void add_data(struct sse_parser *p, struct sse_event *e, str value)
{
    if (!e->data.p) {
        e->data = value;
        return;
    }
    if (buf_size(&p->data) == 0)
        buf_add(&p->data, e->data);
    buf_add_char(&p->data, '\n');
    buf_add(&p->data, value);
    e->data = buf_str(&p->data);
}

/* Behind a bare JSON error there may be anything that ends a line. */
static str without_line_ends(str s)
{
    while (s.n && scan_ends_line(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* `eol`: the end of the first line, or NULL: not known. */
static enum sse_result read_event(struct sse_parser *p, str raw, const char *eol,
                                  struct sse_event *e)
{
    const char *at = raw.p, *end = raw.p + raw.n, *bare = NULL;
    *e = (struct sse_event){.raw = raw};
    if (!p->started && str_has_prefix(raw, STR("\xef\xbb\xbf")))
        at += 3;
    p->started = true;
    while (at != end) {
        if (!eol)
            eol = scan_line(at, end);
        str line = str_of(at, (size_t)(eol - at)), value;
        if (is_field(line, STR("data"), &value))
            add_data(p, e, value);
        else if (is_field(line, STR("event"), &value))
            e->event = value;
        else if (!bare && line.n && (line.p[0] == '{' || line.p[0] == '['))
            bare = at;
        ASSERT(eol >= at && eol <= end);
        at = eol + (eol != end);
        eol = NULL;
    }
    if (bare && !e->data.p) {
        e->bare = true;
        e->data = without_line_ends(str_of(bare, (size_t)(end - bare)));
    }
    return p->data.failed ? SSE_TOO_BIG : SSE_EVENT;
}

/* ---- together */

/* One event of a megabyte must not cost its stream a megabyte for ever. */
static void recycle(struct buf *b)
{
    if (b->cap > KEEP_MAX)
        buf_fini(b);
    else
        buf_clear(b);
}

static enum sse_result next(struct sse_parser *p, str *in, struct sse_event *ret)
{
    if (in->n == 0)
        return SSE_MORE;
    const char *first, *end = find_end(p, in->p, in->p + in->n, &first);
    str piece = str_of(in->p, end ? (size_t)(end - in->p) : in->n);
    *in = str_from(*in, piece.n);
    size_t held = buf_size(&p->held);
    if (piece.n > p->held.max - held)
        return SSE_TOO_BIG;
    ASSERT(!held || !p->lent); /* an event that was given out is not added to */
    if (end && !held)
        return read_event(p, piece, first, ret);
    buf_add(&p->held, piece);
    if (p->held.failed)
        return SSE_TOO_BIG;
    if (!end)
        return SSE_MORE;
    p->lent = true;
    return read_event(p, buf_str(&p->held), NULL, ret);
}

enum sse_result sse_next(struct sse_parser *p, str *in, struct sse_event *ret)
{
    if (p->broken)
        return SSE_TOO_BIG;
    if (p->lent) {
        recycle(&p->held);
        p->lent = false;
    }
    if (buf_size(&p->data))
        recycle(&p->data);
    enum sse_result r = next(p, in, ret);
    p->broken = r == SSE_TOO_BIG;
    return r;
}

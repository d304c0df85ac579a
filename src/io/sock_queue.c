/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock_queue - what the kernel did not take: the slow side of sock_write.
 *
 * A list of segments, in the order in which they must leave. A segment either refers to the owner's
 * bytes or is a chunk of copied ones; small copies fill the last chunk. At most SOCK_FLIGHT_MAX
 * bytes at once are handed to libuv ("in flight"), so a message can be stopped half-way. Under TLS
 * the segments are plaintext that is encrypted piece by piece as the kernel takes it; ciphertext
 * that is already made goes before everything as `wire`.
 *
 *     out -> [ wire ] -> [ seg | seg | seg ... ]       in flight: wire, or the first segments
 *
 * The queue exists only while something waits: a sock whose peer keeps up never allocates.
 */
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop_int.h"
#include "io/sock_int.h"

#define CHUNK_SIZE (4 * 1024) /* least size of a copied segment: many small events share one */
#define IOV_BATCH  64
/* Ciphertext that arises while other is in flight is alerts and key updates: a peer that makes us
 * queue more than this is playing games. */
#define NEXT_WIRE_MAX (64 * 1024)

struct segment {
    struct segment *next;
    const char *p; /* what is left of it */
    size_t n;
    size_t room; /* free bytes behind p + n; 0 for a reference */
    bool is_copy;
    char copied[];
};

struct sock_queue {
    struct sock *sock;
    uv_write_t req;
    bool busy; /* req is in flight */
    size_t in_flight;
    struct segment *first, *last;
    size_t bytes;         /* of the segments, in flight or not */
    size_t copied;        /* bytes of those that are copies */
    struct buf wire;      /* ciphertext, in flight when busy */
    struct buf next_wire; /* ciphertext made meanwhile (a key update, an alert) */
};

static void on_written(uv_write_t *req, int status);

/* ---- segments */

static void count(struct sock_queue *q, const struct segment *g, size_t n)
{
    q->bytes += n;
    if (g->is_copy)
        q->copied += n;
}

static void uncount(struct sock_queue *q, const struct segment *g, size_t n)
{
    q->bytes -= n;
    if (g->is_copy)
        q->copied -= n;
}

static void segment_push(struct sock_queue *q, struct segment *g)
{
    if (q->last)
        q->last->next = g;
    else
        q->first = g;
    q->last = g;
    count(q, g, g->n);
}

static void consume(struct sock_queue *q, size_t n)
{
    CHECK(n <= q->bytes);
    while (q->first && n >= q->first->n) {
        struct segment *g = q->first;
        n -= g->n;
        uncount(q, g, g->n);
        q->first = g->next;
        mem_free(g);
    }
    if (!q->first)
        q->last = NULL;
    if (n) {
        CHECK(q->first != NULL);
        uncount(q, q->first, n);
        q->first->p += n;
        q->first->n -= n;
    }
}

/* Forget every segment behind `keep`; NULL: all of them. */
static void drop_after(struct sock_queue *q, struct segment *keep)
{
    struct segment *g = keep ? keep->next : q->first;
    while (g) {
        struct segment *next = g->next;
        uncount(q, g, g->n);
        mem_free(g);
        g = next;
    }
    if (keep)
        keep->next = NULL;
    else
        q->first = NULL;
    q->last = keep;
}

static enum rc add_ref(struct sock_queue *q, const char *p, size_t n)
{
    struct segment *g = mem_alloc(sizeof(*g));
    if (!g)
        return RC_NOMEM;
    *g = (struct segment){.p = p, .n = n};
    segment_push(q, g);
    return RC_OK;
}

/* Fill the last chunk; how much of n went in. */
static size_t fill_last(struct sock_queue *q, const char *p, size_t n)
{
    struct segment *g = q->last;
    if (!g || g->room == 0)
        return 0;
    size_t part = n < g->room ? n : g->room;
    memcpy(g->copied + (g->p - g->copied) + g->n, p, part);
    g->n += part;
    g->room -= part;
    count(q, g, part);
    return part;
}

static enum rc add_copy(struct sock_queue *q, const char *p, size_t n)
{
    size_t part = fill_last(q, p, n);
    p += part;
    n -= part;
    if (n == 0)
        return RC_OK;
    size_t size = n < CHUNK_SIZE ? CHUNK_SIZE : n;
    struct segment *g = mem_alloc(sizeof(*g) + size);
    if (!g)
        return RC_NOMEM;
    *g = (struct segment){.p = g->copied, .n = n, .room = size - n, .is_copy = true};
    memcpy(g->copied, p, n);
    segment_push(q, g);
    return RC_OK;
}

/* ---- the queue */

static struct sock_queue *need_queue(struct sock *s)
{
    if (s->out)
        return s->out;
    struct sock_queue *q = mem_zalloc(sizeof(*q));
    if (!q)
        return NULL;
    q->sock = s;
    buf_init(&q->wire, NEXT_WIRE_MAX);
    buf_init(&q->next_wire, NEXT_WIRE_MAX);
    s->out = q;
    return q;
}

static void queue_free(struct sock *s)
{
    struct sock_queue *q = s->out;
    CHECK(!q->busy); /* libuv still has the request */
    drop_after(q, NULL);
    ASSERT(q->bytes == 0 && q->copied == 0);
    buf_fini(&q->wire);
    buf_fini(&q->next_wire);
    s->out = NULL;
    mem_free(q);
}

enum rc sock_enqueue(struct sock *s, const struct iovec *iov, size_t n, size_t skip,
                     enum sock_mode mode)
{
    struct sock_queue *q = need_queue(s);
    if (!q)
        return RC_NOMEM;
    if (mode == SOCK_COPY && q->copied >= SOCK_QUEUE_MAX)
        return RC_LIMIT;
    for (size_t i = 0; i < n; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        const char *p = (const char *)iov[i].iov_base + skip;
        size_t len = iov[i].iov_len - skip;
        skip = 0;
        TRY(mode == SOCK_REF ? add_ref(q, p, len) : add_copy(q, p, len));
    }
    return RC_OK;
}

enum rc sock_enqueue_wire(struct sock *s, struct buf *wire)
{
    struct sock_queue *q = need_queue(s);
    if (!q)
        return RC_NOMEM;
    if (buf_size(&q->wire) == 0 && !q->busy) {
        buf_fini(&q->wire);
        q->wire = *wire;
        *wire = BUF_INIT(wire->max);
        return RC_OK;
    }
    buf_add(&q->next_wire, buf_str(wire));
    buf_clear(wire);
    return q->next_wire.failed ? RC_LIMIT : RC_OK;
}

bool sock_wire_is_empty(const struct sock *s)
{
    const struct sock_queue *q = s->out;
    return !q || (!q->busy && buf_size(&q->wire) == 0 && buf_size(&q->next_wire) == 0);
}

size_t sock_queued(const struct sock *s)
{
    const struct sock_queue *q = s->out;
    if (!q)
        return 0;
    /* libuv keeps count of what is in flight as the kernel takes it. */
    size_t sent =
        q->busy ? q->in_flight - uv_stream_get_write_queue_size((const uv_stream_t *)&s->tcp) : 0;
    return q->bytes + buf_size(&q->wire) + buf_size(&q->next_wire) - sent;
}

static bool is_empty(const struct sock_queue *q)
{
    return q->bytes == 0 && buf_size(&q->wire) == 0 && buf_size(&q->next_wire) == 0;
}

void sock_drop_queued(struct sock *s)
{
    struct sock_queue *q = s->out;
    if (!q)
        return;
    if (!q->busy) {
        queue_free(s);
        return;
    }
    struct segment *keep = NULL;
    if (buf_size(&q->wire) == 0) { /* what is in flight are segments */
        size_t left = q->in_flight;
        keep = q->first;
        while (keep && left > keep->n) {
            left -= keep->n;
            keep = keep->next;
        }
        CHECK(keep != NULL);
        uncount(q, keep, keep->n - left);
        keep->n = left;
        keep->room = 0;
    }
    drop_after(q, keep);
    buf_clear(&q->next_wire);
}

void sock_queue_drop(struct sock *s)
{
    struct sock_queue *q = s->out;
    if (!q)
        return;
    if (!q->busy) {
        queue_free(s);
        return;
    }
    /* libuv reads nothing more of a closing stream: only the request itself must stay. */
    drop_after(q, NULL);
    buf_clear(&q->next_wire);
}

static void launch(struct sock *s, const struct iovec *iov, size_t n, size_t bytes)
{
    struct sock_queue *q = s->out;
    ASSERT(!q->busy && n > 0 && bytes > 0);
    q->busy = true;
    q->in_flight = bytes;
    int err = uv_write(&q->req, (uv_stream_t *)&s->tcp, (const uv_buf_t *)(const void *)iov,
                       (unsigned)n, on_written);
    if (err == 0)
        return;
    q->busy = false;
    queue_free(s);
    sock_fail_write(s, sock_rc_of_uv(err));
}

static void pump_plain(struct sock *s)
{
    struct sock_queue *q = s->out;
    struct iovec iov[IOV_BATCH];
    size_t n = 0, bytes = 0;
    for (struct segment *g = q->first; g && n < IOV_BATCH && bytes < SOCK_FLIGHT_MAX; g = g->next) {
        size_t room = SOCK_FLIGHT_MAX - bytes;
        size_t part = g->n < room ? g->n : room;
        iov[n++] = (struct iovec){(void *)(uintptr_t)g->p, part};
        bytes += part;
    }
    launch(s, iov, n, bytes);
}

/* Everything has left. Not to be reached from inside a call of the owner: on_drain follows. */
static void drained(struct sock *s)
{
    queue_free(s);
    if (s->shut)
        sock_shutdown(s);
    if (!s->closing && !s->out && s->ops->on_drain)
        s->ops->on_drain(s);
}

/* Encrypt from the front until the kernel has enough; what it did not take is then `wire`. */
static void pump_tls(struct sock *s)
{
    struct sock_queue *q = s->out;
    if (buf_size(&q->wire) == 0 && buf_size(&q->next_wire)) {
        struct buf spare = q->wire;
        q->wire = q->next_wire;
        q->next_wire = spare;
        buf_clear(&q->next_wire);
    }
    while (buf_size(&q->wire) == 0 && q->first && tls_sock_is_ready(s)) {
        struct iovec iov = {(void *)(uintptr_t)q->first->p, q->first->n};
        size_t done = 0;
        tls_sock_write(s, &iov, 1, &done);
        if (s->write_failed)
            return; /* the queue goes when the owner closes */
        consume(q, done);
    }
    if (buf_size(&q->wire)) {
        str w = buf_str(&q->wire);
        struct iovec iov = {(void *)(uintptr_t)w.p, w.n};
        launch(s, &iov, 1, w.n);
    } else if (is_empty(q)) {
        drained(s);
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct sock_queue *q = list_entry(req, struct sock_queue, req);
    struct sock *s = q->sock;
    CHECK(s->out == q && q->busy);
    q->busy = false;
    if (status != 0 || s->closing) {
        queue_free(s);
        sock_fail_write(s, sock_rc_of_uv(status));
        return;
    }
    s->bytes_out += q->in_flight;
    if (buf_size(&q->wire))
        buf_consume(&q->wire, q->in_flight);
    else
        consume(q, q->in_flight);
    if (is_empty(q))
        drained(s);
    else
        sock_pump(s);
}

void sock_pump(struct sock *s)
{
    struct sock_queue *q = s->out;
    if (!q || q->busy || s->closing || s->write_failed)
        return;
    if (s->tls)
        pump_tls(s);
    else
        pump_plain(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - what goes back to the client: one writev a reply, one a flush of a stream.
 *
 * A whole reply leaves as head and body together. Large bodies, and large ends of streams, are sent
 * by reference, for the request (and its arena) lives until the last byte is gone; small remainders
 * are copied by sock.
 */
#include "server/server_int.h"

#include "base/rope.h"
#include "http/h1_write.h"

#define BY_REF_MIN (16 * 1024)
#define IOV_SMALL  16

/* RFC 9112 §6.3: these end with their head, and 204 may not even name a length. */
static bool has_body(const struct request *r, unsigned status)
{
    return r->head->method != H1_HEAD && status != 204 && status != 304;
}

/* Into server->scratch; false without memory. length < 0: a stream. */
static bool build_head(struct request *r, unsigned status, str lines, int64_t length)
{
    struct conn *c = r->conn;
    struct buf *b = &c->server->scratch;
    if (c->server->draining || c->unread_body || (c->half_closed && !buf_size(&c->in)))
        c->keep_alive = false;
    buf_clear(b);
    h1_write_status(b, status);
    buf_add(b, server_date(c->server));
    buf_add(b, lines);
    if (length >= 0 && status != 204)
        h1_write_length(b, (uint64_t)length);
    else if (r->chunked)
        buf_lit(b, "transfer-encoding: chunked\r\n");
    if (!c->keep_alive)
        buf_lit(b, "connection: close\r\n\r\n");
    else if (r->head->minor == 0)
        buf_lit(b, "connection: keep-alive\r\n\r\n");
    else
        buf_lit(b, "\r\n");
    return !b->failed;
}

void reply_over(struct request *r)
{
    struct conn *c = r->conn;
    CHECK(c->req == r && r->replied && !sock_queued(&c->sock));
    c->req = NULL;
    c->server->ops->on_sent(r);
    request_free(r);
    conn_next(c);
}

/* Everything was handed to the sock: over now, or when the queue is empty (on_drain). */
static void finish(struct request *r)
{
    r->draining = true;
    if (!sock_queued(&r->conn->sock))
        reply_over(r);
}

static bool push(struct request *r, const struct iovec *iov, size_t n, enum sock_mode mode)
{
    struct conn *c = r->conn;
    bool was_empty = sock_queued(&c->sock) == 0;
    for (size_t i = 0; i < n; i++)
        r->bytes_out += iov[i].iov_len;
    if (sock_write(&c->sock, iov, n, mode) != RC_OK) {
        conn_close(c);
        return false;
    }
    if (was_empty && sock_queued(&c->sock))
        conn_queue_began(c);
    return true;
}

void reply_full(struct request *r, unsigned status, str lines, const struct iovec *body, size_t n)
{
    struct conn *c = r->conn;
    CHECK(!r->replied && !r->gone);
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += body[i].iov_len;
    bool built = build_head(r, status, lines, (int64_t)len);
    r->replied = r->head_sent = true;
    if (!has_body(r, status))
        n = len = 0;
    bool by_ref = len >= BY_REF_MIN;
    struct iovec small[IOV_SMALL],
        *iov = n < IOV_SMALL ? small : arena_alloc(&r->arena, (n + 1) * sizeof(*iov));
    str head = buf_str(&c->server->scratch);
    if (by_ref)
        head = arena_dup(&r->arena, head);
    if (!built || !iov || !head.p) {
        conn_close(c);
        return;
    }
    iov[0] = str_iov(head);
    if (n)
        memcpy(iov + 1, body, n * sizeof(*iov));
    if (push(r, iov, n + 1, by_ref ? SOCK_REF : SOCK_COPY))
        finish(r);
}

bool reply_start(struct request *r, unsigned status, str lines)
{
    struct conn *c = r->conn;
    CHECK(!r->replied && !r->gone);
    ASSERT(status != 204 && status != 304);
    r->replied = r->streaming = true;
    r->chunked = r->head->minor > 0;
    if (!r->chunked)
        c->keep_alive = false;
    if (build_head(r, status, lines, -1))
        r->held_head = arena_dup(&r->arena, buf_str(&c->server->scratch));
    if (r->held_head.p)
        return true;
    conn_close(c);
    return false;
}

void reply_trailer(struct request *r, str lines)
{
    CHECK(r->streaming && !r->draining && !r->gone);
    ASSERT(str_has_suffix(lines, STR("\r\n")));
    r->trailer = lines;
}

/* The end of a chunk, or the last one, with the trailer that there may be. How many pieces. */
static size_t end_chunk(const struct request *r, bool after_bytes, bool last, struct iovec *iov)
{
    if (!last || !r->trailer.n) {
        iov[0] = str_iov(!last ? H1_CHUNK_END : after_bytes ? STR("\r\n0\r\n\r\n") : H1_CHUNK_LAST);
        return 1;
    }
    iov[0] = str_iov(after_bytes ? STR("\r\n0\r\n") : STR("0\r\n"));
    iov[1] = str_iov(r->trailer);
    iov[2] = str_iov(STR("\r\n"));
    return 3;
}

#define PIECES_MAX 6 /* head, chunk size, bytes, end of the chunk; or that with a trailer */

/* The pieces of a write of `bytes`; a chunk's size is printed to `size`. How many there are. */
static size_t frame(struct request *r, str bytes, bool last, char *size, struct iovec *iov)
{
    size_t n = 0;
    bool mute = r->head->method == H1_HEAD;
    CHECK(r->streaming && !r->draining && !r->gone);
    if (!r->head_sent)
        iov[n++] = str_iov(r->held_head);
    r->head_sent = true;
    if (mute) {
        /* the head is all */
    } else if (r->chunked && bytes.n) {
        iov[n++] = str_iov(str_of(size, h1_chunk_prefix(size, bytes.n)));
        iov[n++] = str_iov(bytes);
        n += end_chunk(r, true, last, iov + n);
    } else if (bytes.n) {
        iov[n++] = str_iov(bytes);
    } else if (r->chunked && last) {
        n += end_chunk(r, false, true, iov + n);
    }
    ASSERT(n <= PIECES_MAX);
    return n;
}

bool reply_data(struct request *r, str bytes, bool last)
{
    struct iovec iov[PIECES_MAX];
    char size[H1_CHUNK_PREFIX_MAX];
    size_t n = frame(r, bytes, last, size, iov);
    if (n && !push(r, iov, n, SOCK_COPY))
        return false;
    if (last)
        finish(r);
    return !last;
}

/* All pieces go by reference: the head and the chunk's size lie in the arena, the rest is static.
 */
void reply_last(struct request *r, struct buf *bytes)
{
    struct iovec iov[PIECES_MAX];
    str all = buf_str(bytes);
    if (all.n < BY_REF_MIN) {
        reply_data(r, all, true);
        return;
    }
    char *size = arena_alloc(&r->arena, H1_CHUNK_PREFIX_MAX);
    struct buf *kept = arena_new(&r->arena, struct buf);
    if (!size || !kept) {
        conn_close(r->conn);
        return;
    }
    if (!push(r, iov, frame(r, all, true, size, iov), SOCK_REF))
        return;
    if (sock_queued(&r->conn->sock)) {
        CHECK(!r->last);
        *kept = *bytes;
        *bytes = BUF_INIT(kept->max);
        r->last = kept;
    }
    finish(r);
}

bool reply_flush(struct request *r)
{
    return r->head_sent || reply_data(r, STR(""), false);
}

size_t reply_queued(const struct request *r)
{
    return sock_queued(&r->conn->sock);
}

void reply_abort(struct request *r)
{
    if (r->streaming && !r->chunked) /* HTTP/1.0: a close would be a proper end */
        conn_cut(r->conn);
    else
        conn_close(r->conn);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - what goes back to the client: one writev a reply, one a flush of a stream.
 *
 * A whole reply leaves as head and body together. Large bodies are sent by reference, for the
 * request (and its arena) lives until the last byte is gone; small remainders are copied by sock.
 */
#include "server/server_int.h"

#include "base/rope.h"
#include "http/h1_write.h"

#define BY_REF_MIN (16 * 1024)
#define IOV_SMALL  16

static void build_head(struct request *r, unsigned status, str lines, int64_t length)
{
    struct conn *c = r->conn;
    struct buf *b = &c->server->scratch;
    buf_clear(b);
    h1_write_status(b, status);
    buf_add(b, lines);
    if (length >= 0)
        h1_write_length(b, (uint64_t)length);
    else if (r->chunked)
        buf_lit(b, "transfer-encoding: chunked\r\n");
    if (!c->keep_alive)
        buf_lit(b, "connection: close\r\n\r\n");
    else if (r->head->minor == 0)
        buf_lit(b, "connection: keep-alive\r\n\r\n");
    else
        buf_lit(b, "\r\n");
}

/* Everything was handed to the sock: over now, or when the queue is empty. */
static void finish(struct request *r)
{
    struct conn *c = r->conn;
    r->draining = true;
    if (sock_queued(&c->sock)) {
        conn_arm(c);
        return;
    }
    c->server->ops->on_sent(r);
    request_free(r);
    conn_next(c);
}

static bool push(struct request *r, const struct iovec *iov, size_t n, enum sock_mode mode)
{
    struct conn *c = r->conn;
    bool idle = sock_queued(&c->sock) == 0;
    for (size_t i = 0; i < n; i++)
        r->bytes_out += iov[i].iov_len;
    if (sock_write(&c->sock, iov, n, mode) != RC_OK) {
        conn_close(c);
        return false;
    }
    if (idle && sock_queued(&c->sock)) {
        c->seen_bytes = c->sock.bytes_out;
        conn_arm(c);
    }
    return true;
}

void reply_full(struct request *r, unsigned status, str lines, const struct iovec *body, size_t n)
{
    struct conn *c = r->conn;
    CHECK(!r->replied && !r->gone);
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += body[i].iov_len;
    if (c->server->draining || c->unread_body)
        c->keep_alive = false;
    build_head(r, status, lines, (int64_t)len);
    r->replied = r->head_sent = true;
    struct iovec small[IOV_SMALL],
        *iov = n < IOV_SMALL ? small : arena_alloc(&r->arena, (n + 1) * sizeof(*iov));
    bool by_ref = len >= BY_REF_MIN;
    str head = buf_str(&c->server->scratch);
    if (by_ref) {
        head = arena_dup(&r->arena, head);
        iov = arena_alloc(&r->arena, (n + 1) * sizeof(*iov));
    }
    if (!iov || !head.p || c->server->scratch.failed) {
        conn_close(c);
        return;
    }
    iov[0] = str_iov(head);
    if (r->head->method == H1_HEAD)
        n = 0;
    if (n)
        memcpy(iov + 1, body, n * sizeof(*iov));
    if (push(r, iov, n + 1, by_ref ? SOCK_REF : SOCK_COPY))
        finish(r);
}

bool reply_start(struct request *r, unsigned status, str lines)
{
    struct conn *c = r->conn;
    CHECK(!r->replied && !r->gone);
    r->replied = true;
    r->chunked = r->head->minor > 0;
    if (!r->chunked || c->server->draining)
        c->keep_alive = false;
    build_head(r, status, lines, -1);
    r->held_head = arena_dup(&r->arena, buf_str(&c->server->scratch));
    if (r->held_head.p)
        return true;
    conn_close(c);
    return false;
}

bool reply_data(struct request *r, str bytes, bool last)
{
    CHECK(r->replied && !r->draining && !r->gone);
    struct iovec iov[4];
    size_t n = 0;
    char size[H1_CHUNK_PREFIX_MAX];
    if (!r->head_sent)
        iov[n++] = str_iov(r->held_head);
    r->head_sent = true;
    if (r->chunked && bytes.n) {
        iov[n++] = str_iov(str_of(size, h1_chunk_prefix(size, bytes.n)));
        iov[n++] = str_iov(bytes);
        iov[n++] = str_iov(last ? STR("\r\n0\r\n\r\n") : STR("\r\n"));
    } else if (bytes.n) {
        iov[n++] = str_iov(bytes);
    } else if (r->chunked && last) {
        iov[n++] = str_iov(STR("0\r\n\r\n"));
    }
    if (n && !push(r, iov, n, SOCK_COPY))
        return false;
    if (last)
        finish(r);
    return !last;
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
    conn_close(r->conn);
}

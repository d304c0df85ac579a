/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed - bytes that a client sent, on their way to a request.
 *
 * Heads: the common case is a whole head (and a small body) in one read. It is copied once, into
 * the request's arena, and parsed there, so that its slices live as long as the request. A head in
 * parts gathers in conn->in first. Bodies: read straight to where they stay. With a Content-Length
 * the next read goes into the body's own memory (conn_alloc); chunked bodies are decoded from the
 * shared buffer.
 */
#include "server/server_int.h"

#define SMALL_BODY  4096 /* up to here a body lives in the arena */
#define CHUNK_FIRST 16384

static enum h1_result parse_head(struct conn *c, str view, size_t *ret_used)
{
    struct server *s = c->server;
    size_t from = c->head_tried > 3 ? c->head_tried - 3 : 0;
    size_t end = str_find(str_from(view, from), STR("\r\n\r\n"));
    if (end == SIZE_MAX || from + end + 4 > H1_HEAD_MAX) { /* perhaps it is bad already */
        enum h1_result got = h1_request(&s->parsed, view, c->head_tried, ret_used);
        c->head_tried = view.n;
        return got == H1_DONE ? H1_BAD : got;
    }
    str head = arena_dup(&c->req->arena, str_head(view, from + end + 4));
    if (!head.p)
        return H1_BAD;
    return h1_request(&s->parsed, head, 0, ret_used);
}

/* The parsed head, as short as it is, in the request's arena. */
static bool keep_head(struct conn *c)
{
    const struct h1_head *h = &c->server->parsed;
    size_t n = offsetof(struct h1_head, headers) + h->nheaders * sizeof(h->headers[0]);
    struct h1_head *copy = arena_alloc(&c->req->arena, n);
    if (!copy)
        return false;
    memcpy(copy, h, n);
    c->req->head = copy;
    return true;
}

static void body_done(struct conn *c, str body)
{
    c->req->body = body;
    conn_set_state(c, CONN_BUSY);
    c->server->ops->on_request(c->req);
}

/* A body of known length: `rest` holds its first bytes. Returns how many of them belong to it. */
static size_t start_length(struct conn *c, str rest)
{
    struct request *r = c->req;
    uint64_t len = r->head->content_length;
    size_t n = (size_t)len, have = rest.n < n ? rest.n : n;
    if (n == 0) {
        body_done(c, STR(""));
        return 0;
    }
    if (n <= SMALL_BODY)
        r->body_mem = NULL, r->body.p = arena_alloc(&r->arena, n);
    else
        r->body.p = r->body_mem = body_take(c->server->bodies, n, &r->body_cap);
    if (!r->body.p) {
        conn_refuse(c, REFUSE_NO_MEMORY, 503, "out of memory");
        return have;
    }
    char *to;
    memcpy(&to, &r->body.p, sizeof(to));
    if (have)
        memcpy(to, rest.p, have);
    r->body.n = have;
    c->body_left = n - have;
    if (c->body_left == 0)
        body_done(c, r->body);
    else
        conn_set_state(c, CONN_BODY);
    return have;
}

static bool append_body(struct conn *c, str data)
{
    struct request *r = c->req;
    if (data.n > c->server->limits.body_max - r->body.n)
        return conn_refuse(c, REFUSE_TOO_LARGE, 413, "request body too large");
    if (r->body.n + data.n > r->body_cap) {
        size_t cap, need = r->body.n + data.n;
        char *mem =
            body_take(c->server->bodies, need * 2 < CHUNK_FIRST ? CHUNK_FIRST : need * 2, &cap);
        if (!mem)
            return conn_refuse(c, REFUSE_NO_MEMORY, 503, "out of memory");
        if (r->body.n)
            memcpy(mem, r->body.p, r->body.n);
        body_give(c->server->bodies, r->body_mem, r->body_cap);
        r->body_mem = mem;
        r->body_cap = cap;
        r->body.p = mem;
    }
    memcpy(r->body_mem + r->body.n, data.p, data.n);
    r->body.n += data.n;
    return true;
}

/* Take what belongs to a chunked body; returns how many bytes of `in` were used. */
static size_t feed_chunked(struct conn *c, str in)
{
    size_t before = in.n;
    for (;;) {
        str data;
        switch (chunk_next(&c->chunk, &in, &data)) {
        case H1_BAD:
            conn_refuse(c, REFUSE_BAD, 400, "malformed chunked body");
            return before;
        case H1_DONE:
            body_done(c, c->req->body.p ? c->req->body : STR(""));
            return before - in.n;
        case H1_MORE:
            if (data.n == 0)
                return before - in.n;
            if (!append_body(c, data))
                return before;
            break;
        }
    }
}

static size_t feed_body(struct conn *c, str in)
{
    struct request *r = c->req;
    if (r->head->body == H1_BODY_CHUNKED)
        return feed_chunked(c, in);
    size_t n = in.n < c->body_left ? in.n : (size_t)c->body_left;
    char *to;
    memcpy(&to, &r->body.p, sizeof(to));
    if (in.p != to + r->body.n) /* else the read went straight there */
        memcpy(to + r->body.n, in.p, n);
    r->body.n += n;
    c->body_left -= n;
    if (c->body_left == 0)
        body_done(c, r->body);
    return n;
}

/* The head is whole: ask the handler, then start with the body. Returns bytes of `rest` used. */
static size_t begin(struct conn *c, str rest)
{
    struct request *r = c->req;
    const struct h1_head *h = r->head;
    r->began_us = loop_now_us();
    c->keep_alive = h->keep_alive && !c->server->draining;
    bool body = h->body == H1_BODY_CHUNKED || (h->body == H1_BODY_LENGTH && h->content_length > 0);
    c->unread_body = body;
    conn_set_state(c, CONN_BUSY);
    if (h->first[H1_EXPECT] && !h->expect_continue) {
        conn_refuse(c, REFUSE_EXPECTATION, 417, "the only expectation met is 100-continue");
        return 0;
    }
    if (!c->server->ops->on_head(r))
        return 0;
    if (h->body == H1_BODY_LENGTH && h->content_length > c->server->limits.body_max) {
        conn_refuse(c, REFUSE_TOO_LARGE, 413, "request body too large");
        return 0;
    }
    c->unread_body = false;
    if (!body) {
        body_done(c, STR(""));
        return 0;
    }
    if (h->expect_continue && rest.n == 0 && h->minor > 0)
        conn_continue(c);
    if (c->state == CONN_CLOSING)
        return 0;
    if (h->body == H1_BODY_LENGTH)
        return start_length(c, rest);
    chunk_init(&c->chunk);
    conn_set_state(c, CONN_BODY);
    return feed_chunked(c, rest);
}

/* Try to read a head from `view`. Returns bytes used; 0 with the state unchanged: more is needed.
 */
static size_t feed_head(struct conn *c, str view)
{
    size_t skip = 0;
    while (c->state == CONN_IDLE && skip + 2 <= view.n && skip < 4 &&
           memcmp(view.p + skip, "\r\n", 2) == 0)
        skip += 2; /* RFC 9112 §2.2: an empty line before a request line */
    view = str_from(view, skip);
    if (view.n == 0)
        return skip;
    if (c->state == CONN_IDLE) {
        c->req = request_new(c);
        if (!c->req) {
            conn_close(c);
            return skip;
        }
        c->head_tried = 0;
        conn_set_state(c, CONN_HEAD);
    }
    size_t used = 0;
    switch (parse_head(c, view, &used)) {
    case H1_MORE:
        return skip;
    case H1_BAD:
        keep_head(c);
        c->unread_body = true;
        conn_refuse(c, REFUSE_BAD,
                    c->server->parsed.bad_status ? c->server->parsed.bad_status : 400,
                    c->server->parsed.bad_why ? c->server->parsed.bad_why : "malformed request");
        return skip + view.n;
    case H1_DONE:
        break;
    }
    if (!keep_head(c)) {
        conn_close(c);
        return skip;
    }
    return skip + used + begin(c, str_from(view, used));
}

/* One step over `in`; returns bytes used, 0 when nothing can be done with them now. */
static size_t step(struct conn *c, str in)
{
    switch (c->state) {
    case CONN_IDLE:
    case CONN_HEAD:
        return feed_head(c, in);
    case CONN_BODY:
        return feed_body(c, in);
    case CONN_LINGER:
    case CONN_CLOSING:
        return in.n;
    case CONN_BUSY:
        return c->unread_body ? in.n : 0;
    }
    return in.n;
}

/* Keep what cannot be used yet; stop reading when the client sends more than is reasonable. */
static void stash(struct conn *c, str rest)
{
    buf_add(&c->in, rest);
    if (c->in.failed) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_BUSY && buf_size(&c->in) >= PIPELINE_MAX && !c->paused) {
        c->paused = true;
        sock_pause(&c->sock);
    }
}

void conn_feed(struct conn *c, char *p, size_t n)
{
    bool nested = c->feeding;
    str in = str_of(p, n);
    bool buffered = buf_size(&c->in) > 0;
    if (buffered && n) {
        stash(c, in);
        if (c->state == CONN_CLOSING)
            return;
    }
    if (nested)
        return;
    c->feeding = true;
    if (buffered)
        in = buf_str(&c->in);
    while (in.n && c->state != CONN_CLOSING) {
        size_t used = step(c, in);
        if (used == 0)
            break;
        in = str_from(in, used);
        if (buffered && c->state != CONN_CLOSING) {
            buf_consume(&c->in, used);
            in = buf_str(&c->in);
        }
    }
    c->feeding = false;
    if (c->state == CONN_CLOSING)
        return;
    if (!buffered && in.n)
        stash(c, in);
    else if (!buf_size(&c->in) && c->in.cap)
        buf_fini(&c->in); /* an idle connection owns no buffer */
}

struct iovec conn_alloc(struct conn *c)
{
    if (c->state != CONN_BODY || c->req->head->body != H1_BODY_LENGTH || buf_size(&c->in))
        return (struct iovec){0};
    struct iovec v = {.iov_len = (size_t)c->body_left};
    memcpy(&v.iov_base, &c->req->body.p, sizeof(v.iov_base));
    v.iov_base = (char *)v.iov_base + c->req->body.n;
    return v;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed - bytes that a client sent, on their way to a request.
 *
 * Heads: the common case is a whole head (and a small body) in one read. It is parsed where it lies
 * and then copied once, into the request's arena, slices and all: they live as long as the request.
 * A head in parts gathers in conn->in first. Bodies: read straight to where they stay. With a
 * Content-Length the next read goes into the body's own memory (conn_alloc); chunked bodies are
 * decoded from the shared buffer.
 *
 * Each step below may end the request, and even the connection: it returns what it used and touches
 * neither after it has called the handler.
 */
#include "server/server_int.h"

#define SMALL_BODY  4096 /* up to here a body lives in the arena */
#define CHUNK_FIRST 16384

/* Keep what cannot be used yet; stop reading when the client sends more than is reasonable. */
static void stash(struct conn *c, str rest)
{
    buf_add(&c->in, rest);
    if (c->in.failed) {
        conn_close(c);
    } else if (buf_size(&c->in) >= PIPELINE_MAX && !c->paused) {
        c->paused = true;
        c->probe_at = loop_now(c->server->loop) + PROBE_EVERY_MS;
        sock_pause(&c->sock);
        conn_arm(c);
    }
}

/* ---- bodies */

static void body_done(struct conn *c)
{
    struct request *r = c->req;
    r->body = r->body_len ? str_of(r->body_mem, r->body_len) : STR("");
    if (c->state != CONN_BUSY)
        conn_set_state(c, CONN_BUSY);
    c->server->ops->on_request(r);
}

/* A body of known length: `rest` holds its first bytes. Returns how many of them belong to it. */
static size_t start_length(struct conn *c, str rest)
{
    struct request *r = c->req;
    size_t n = (size_t)r->head->content_length, have = rest.n < n ? rest.n : n;
    r->body_mem =
        n <= SMALL_BODY ? arena_alloc(&r->arena, n) : body_take(c->server->bodies, n, &r->body_cap);
    if (!r->body_mem) {
        conn_refuse(c, REFUSE_NO_MEMORY, 503, "out of memory");
        return have;
    }
    if (have)
        memcpy(r->body_mem, rest.p, have);
    r->body_len = have;
    c->body_left = n - have;
    if (c->body_left == 0)
        body_done(c);
    else
        conn_set_state(c, CONN_BODY);
    return have;
}

static size_t feed_length(struct conn *c, str in)
{
    struct request *r = c->req;
    size_t n = in.n < c->body_left ? in.n : (size_t)c->body_left;
    CHECK(r->body_len + c->body_left ==
          r->head->content_length); /* what the memory was taken for */
    char *to = r->body_mem + r->body_len;
    bool in_place = in.p == to; /* the read went straight there: see conn_alloc */
    if (!in_place)
        memcpy(to, in.p, n);
    r->body_len += n;
    c->body_left -= n;
    if (in_place && in.n > n) { /* what follows lies in this request's memory, and goes with it */
        stash(c, str_from(in, n));
        if (c->state == CONN_CLOSING)
            return in.n;
    }
    if (c->body_left == 0)
        body_done(c);
    return in_place ? in.n : n;
}

/* Room for `need` bytes. Blocks come in powers of two, so this grows by doubling. */
static bool grow_body(struct conn *c, size_t need)
{
    struct request *r = c->req;
    size_t cap, want = need <= BODY_POOL_MAX ? need : need + need / 2;
    if (want > c->server->limits.body_max && need <= c->server->limits.body_max)
        want = (size_t)c->server->limits.body_max;
    char *mem = body_take(c->server->bodies, want < CHUNK_FIRST ? CHUNK_FIRST : want, &cap);
    if (!mem)
        return conn_refuse(c, REFUSE_NO_MEMORY, 503, "out of memory");
    if (r->body_len)
        memcpy(mem, r->body_mem, r->body_len);
    body_give(c->server->bodies, r->body_mem, r->body_cap);
    r->body_mem = mem;
    r->body_cap = cap;
    return true;
}

/* False: refused. */
static bool append_body(struct conn *c, str data)
{
    struct request *r = c->req;
    uint64_t max = c->server->limits.body_max;
    size_t need = r->body_len + data.n;
    if (need > max || c->chunk.left > max - need) /* the chunk says how much comes: D14 */
        return conn_refuse(c, REFUSE_TOO_LARGE, 413, "request body too large");
    if (need > r->body_cap && !grow_body(c, need + (size_t)c->chunk.left))
        return false;
    CHECK(need <= r->body_cap);
    if (data.n)
        memcpy(r->body_mem + r->body_len, data.p, data.n);
    r->body_len = need;
    return true;
}

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
            body_done(c);
            return before - in.n;
        case H1_MORE:
            if (!append_body(c, data) || data.n == 0)
                return before;
            break;
        }
    }
}

static size_t feed_body(struct conn *c, str in)
{
    return c->req->head->body == H1_BODY_CHUNKED ? feed_chunked(c, in) : feed_length(c, in);
}

/* ---- heads */

/* A slice of `from` becomes the same slice of its copy; absent and static ones stay. */
static void move_slice(str *s, str from, const char *copy)
{
    uintptr_t at = (uintptr_t)s->p - (uintptr_t)from.p;
    if (at <= from.n)
        s->p = copy + at;
}

/* The parsed head as short as it is, and the bytes it was read from, become the request's. */
static bool keep_head(struct request *r, const struct h1_head *h, str bytes)
{
    size_t n = offsetof(struct h1_head, headers) + h->nheaders * sizeof(h->headers[0]);
    struct h1_head *copy = arena_alloc(&r->arena, n + bytes.n);
    if (!copy)
        return false;
    char *text = (char *)copy + n;
    memcpy(copy, h, n);
    memcpy(text, bytes.p, bytes.n);
    str *const slices[] = {&copy->method_text, &copy->target, &copy->path, &copy->query,
                           &copy->host};
    for (size_t i = 0; i < ARRAY_LEN(slices); i++)
        move_slice(slices[i], bytes, text);
    for (unsigned i = 0; i < copy->nheaders; i++) {
        move_slice(&copy->headers[i].name, bytes, text);
        move_slice(&copy->headers[i].value, bytes, text);
    }
    r->head = r->own_head = copy;
    return true;
}

/* The head is whole: ask the handler, then start with the body. Returns bytes of `rest` used. */
static size_t begin(struct conn *c, str rest)
{
    struct request *r = c->req;
    const struct h1_head *h = r->head;
    bool body = h->body == H1_BODY_CHUNKED || (h->body == H1_BODY_LENGTH && h->content_length > 0);
    /* What follows these is no request, whatever the answer is (D21). */
    bool last = h->method == H1_CONNECT || h->method == H1_TRACE;
    r->began_us = loop_now_us();
    c->keep_alive = h->keep_alive && !last;
    c->unread_body = body || last;
    r->known = true;
    conn_set_state(c, CONN_BUSY);
    if (!c->server->ops->on_head(r))
        return 0;
    if (h->body == H1_BODY_LENGTH && h->content_length > c->server->limits.body_max) {
        conn_refuse(c, REFUSE_TOO_LARGE, 413, "request body too large");
        return 0;
    }
    c->unread_body = last;
    if (!body) {
        body_done(c);
        return 0;
    }
    if (h->expect_continue && rest.n == 0)
        conn_continue(c);
    if (c->state == CONN_CLOSING)
        return 0;
    if (h->body == H1_BODY_LENGTH)
        return start_length(c, rest);
    chunk_init(&c->chunk);
    conn_set_state(c, CONN_BODY);
    return feed_chunked(c, rest);
}

static size_t refuse_head(struct conn *c, const struct h1_head *h, str view)
{
    if (!keep_head(c->req, h, str_head(view, H1_HEAD_MAX))) {
        conn_close(c);
        return view.n;
    }
    conn_refuse(c, h->bad_status == 417 ? REFUSE_EXPECTATION : REFUSE_BAD, h->bad_status,
                h->bad_why);
    return view.n;
}

static size_t feed_head(struct conn *c, str view)
{
    struct h1_head *h = &c->server->parsed;
    size_t used = 0;
    enum h1_result got = h1_request(h, view, c->head_tried, &used);
    if (got == H1_MORE) {
        c->head_tried = view.n;
        if (c->state == CONN_IDLE)
            conn_set_state(c, CONN_HEAD);
        return 0;
    }
    c->head_tried = 0;
    c->req = request_new(c);
    if (!c->req) {
        conn_close(c);
        return view.n;
    }
    if (got == H1_BAD)
        return refuse_head(c, h, view);
    if (!keep_head(c->req, h, str_head(view, used))) {
        conn_refuse(c, REFUSE_NO_MEMORY, 503, "out of memory");
        return view.n;
    }
    return used + begin(c, str_from(view, used));
}

/* RFC 9112 §2.2: old clients end a body with an empty line. One starts no deadline; a second one is
 * the parser's to skip; more of them are no request (D17). */
static size_t feed_idle(struct conn *c, str view)
{
    if (!c->blank && view.p[0] == '\r') {
        if (view.n == 1)
            return 0;
        c->blank = view.p[1] == '\n';
        if (c->blank)
            return 2;
    }
    return feed_head(c, view);
}

/* ---- all of them */

/* One step over `in`; returns bytes used, 0 when nothing can be done with them now. */
static size_t step(struct conn *c, str in)
{
    switch (c->state) {
    case CONN_IDLE:
        return feed_idle(c, in);
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

/* Steps over what was stashed, or over `in` when nothing was; returns what is left of `in`. */
static str run(struct conn *c, str in, bool stashed)
{
    unsigned begun = 0;
    while (in.n && c->state != CONN_CLOSING) {
        if (c->state == CONN_IDLE && begun++ == PIPELINE_TURN) {
            loop_defer(c->server->loop, &c->resume);
            break;
        }
        size_t used = step(c, in);
        if (used == 0)
            break;
        CHECK(used <= in.n);
        in = str_from(in, used);
        if (stashed && c->state != CONN_CLOSING)
            buf_consume(&c->in, used);
    }
    return in;
}

static bool is_reading(const struct conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

void conn_feed(struct conn *c, str fresh)
{
    bool stashed = buf_size(&c->in) > 0;
    if (stashed && fresh.n)
        stash(c, fresh);
    str rest = run(c, stashed ? buf_str(&c->in) : fresh, stashed);
    if (c->state == CONN_CLOSING)
        return;
    if (!stashed && rest.n)
        stash(c, rest);
    else if (!buf_size(&c->in) && c->in.cap)
        buf_fini(&c->in); /* an idle connection owns no buffer */
    if (c->paused && buf_size(&c->in) < PIPELINE_MAX) {
        c->paused = false;
        sock_read_start(&c->sock);
    }
    if (c->half_closed && is_reading(c) && !deferred_is_waiting(&c->resume))
        conn_close(c); /* the rest of this one never comes */
}

/* Where the next read goes. A head comes into a short buffer: most requests fit, and of a large one
 * little has to be copied. A body's own memory is offered with what room there is behind it, for a
 * read that does not fill its buffer is known to be the last. */
struct iovec conn_alloc(struct conn *c)
{
    struct request *r = c->req;
    if (c->state == CONN_IDLE)
        return (struct iovec){c->server->first, FIRST_READ};
    if (c->state != CONN_BODY || r->head->body != H1_BODY_LENGTH)
        return (struct iovec){0};
    size_t room = r->body_cap ? r->body_cap - r->body_len : (size_t)c->body_left;
    CHECK(room >= c->body_left && r->body_len <= r->head->content_length);
    return (struct iovec){r->body_mem + r->body_len, room};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - a server on a real loop, with a handler whose paths are the situations that the tests
 * need:
 *
 *     /echo      the body comes back in one piece
 *     /sum       "LENGTH HASH\n" of the body
 *     /big?N     N bytes of the pattern, by reference
 *     /events?N  a stream of N events, all given at once
 *     /flow?N    a stream of N bytes of the pattern, given as the client takes them
 *     /last?N    a stream that begins, and whose N last bytes come all at once
 *     /later     as /echo, on the loop's next turn
 *     /wait      nothing until site_answer
 *     /open      the beginning of a stream; goes on with site_say and site_answer
 *     /deny      401 from the head alone; /denylater: the same, after a turn
 *     /abort     the beginning of a stream that breaks off
 *     /closeall  server_close_all inside on_request
 *     /none      204
 *
 * The handler checks what every handler may rely on: each request hears on_head or on_refuse first,
 * and exactly one of on_sent and on_gone last, and nothing of it is touched after.
 */
#pragma once
#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/listen.h"
#include "io/tls.h"
#include "server/server_int.h"

#define PATTERN_MAX (32u << 20)
#define FLOW_QUEUE  (256 * 1024)

struct job {
    struct request *r;
    struct deferred later;
    struct list link; /* of site.waiting */
    uint64_t flow_left, flow_at;
    unsigned events;
};

struct site {
    struct loop *l;
    struct server *server;
    struct server_limits limits;
    int listener;
    uint16_t port;
    struct tls_ctx *tls;
    char *pattern;
    struct list waiting; /* jobs of /wait and /open, oldest first */
    int kernel_buf;      /* of accepted sockets, each way, when not 0 */
    /* what happened */
    unsigned known, heads, requests, sent, gone, drains, refused[8], depth, deepest;
    bool taken_over; /* /last: the request owns the bytes now */
    size_t most_queued;
    char last_target[256]; /* of the newest request that ended */
};

static inline struct site *site_of(struct request *r)
{
    return server_user(request_server(r));
}

static inline uint64_t hash_of(const char *p, size_t n)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 1099511628211u;
    return h;
}

/* ---- the handler */

static inline void site_enter(struct site *s)
{
    if (++s->depth > s->deepest)
        s->deepest = s->depth;
}

static inline void job_flow(struct job *j)
{
    struct request *r = j->r;
    struct site *s = site_of(r);
    while (reply_queued(r) < FLOW_QUEUE) {
        size_t n = j->flow_left < 32768 ? (size_t)j->flow_left : 32768;
        str part = str_of(s->pattern + j->flow_at % (PATTERN_MAX / 2), n);
        j->flow_at += n;
        j->flow_left -= n;
        if (!reply_data(r, part, j->flow_left == 0))
            return;
        if (reply_queued(r) > s->most_queued)
            s->most_queued = reply_queued(r);
    }
}

static inline void job_events(struct job *j)
{
    for (unsigned i = 1; i <= j->events; i++) {
        char text[32];
        int n = snprintf(text, sizeof(text), "data: %u\n\n", i);
        if (!reply_data(j->r, str_of(text, (size_t)n), i == j->events))
            return;
    }
}

static inline void job_echo(struct job *j)
{
    reply_text(j->r, 200, STR("content-type: text/plain\r\n"), j->r->body);
}

static inline void job_on_later(struct deferred *d)
{
    struct job *j = list_entry(d, struct job, later);
    struct site *s = site_of(j->r);
    site_enter(s);
    if (str_eq(j->r->head->path, STR("/denylater")))
        reply_text(j->r, 401, STR(""), STR("no\n"));
    else
        job_echo(j);
    s->depth--;
}

static inline uint64_t arg_of(const struct request *r)
{
    uint64_t n = 0;
    assert_int_equal(num_u64(r->head->query, &n), RC_OK);
    return n;
}

static inline void job_sum(struct job *j)
{
    struct request *r = j->r;
    reply_text(r, 200, STR(""),
               arena_strf(&r->arena, "%zu %llx\n", r->body.n,
                          (unsigned long long)hash_of(r->body.p, r->body.n)));
}

/* What the request does not take over stays the handler's. */
static inline void job_last(struct job *j)
{
    struct request *r = j->r;
    struct site *s = site_of(r);
    struct buf b = BUF_INIT(PATTERN_MAX);
    buf_add(&b, str_of(s->pattern, (size_t)arg_of(r)));
    const char *mem = b.p;
    if (reply_data(r, STR("first\n"), false))
        reply_last(r, &b);
    s->taken_over = mem && !b.p;
    buf_fini(&b);
}

static inline bool job_stream(struct job *j)
{
    struct request *r = j->r;
    str path = r->head->path;
    if (!reply_start(r, 200, STR("content-type: text/event-stream\r\n")))
        return true;
    if (str_eq(path, STR("/events"))) {
        j->events = (unsigned)arg_of(r);
        job_events(j);
    } else if (str_eq(path, STR("/flow"))) {
        j->flow_left = arg_of(r);
        job_flow(j);
    } else if (str_eq(path, STR("/last"))) {
        job_last(j);
    } else if (str_eq(path, STR("/abort"))) {
        if (reply_data(r, STR("data: 1\n\n"), false))
            reply_abort(r);
    } else {
        list_push_back(&site_of(r)->waiting, &j->link);
        reply_data(r, STR("data: 0\n\n"), false);
    }
    return true;
}

static inline void site_serve(struct job *j)
{
    struct request *r = j->r;
    struct site *s = site_of(r);
    str path = r->head->path;
    if (str_eq(path, STR("/sum")))
        job_sum(j);
    else if (str_eq(path, STR("/big")))
        reply_text(r, 200, STR(""), str_of(s->pattern, (size_t)arg_of(r)));
    else if (str_eq(path, STR("/none")))
        reply_full(r, 204, STR(""), NULL, 0);
    else if (str_eq(path, STR("/later")))
        loop_defer(s->l, &j->later);
    else if (str_eq(path, STR("/wait")))
        list_push_back(&s->waiting, &j->link);
    else if (str_eq(path, STR("/closeall")))
        server_close_all(s->server);
    else if (str_eq(path, STR("/events")) || str_eq(path, STR("/flow")) ||
             str_eq(path, STR("/last")) || str_eq(path, STR("/abort")) ||
             str_eq(path, STR("/open")))
        job_stream(j);
    else
        job_echo(j);
}

static inline bool site_on_head(struct request *r)
{
    struct site *s = site_of(r);
    assert_null(r->user);
    assert_true(r->began_us > 0 && r->body.p == NULL);
    s->known++;
    s->heads++;
    site_enter(s);
    struct job *j = arena_new(&r->arena, struct job);
    bool go_on = false;
    if (!j) {
        reply_text(r, 503, STR(""), STR("no memory\n"));
    } else {
        *j = (struct job){.r = r, .later.fn = job_on_later};
        list_init(&j->link);
        r->user = j;
        str path = r->head->path;
        go_on = !str_has_prefix(path, STR("/deny"));
        if (str_eq(path, STR("/deny")))
            reply_text(r, 401, STR("www-authenticate: Bearer\r\n"), STR("no\n"));
        else if (!go_on)
            loop_defer(s->l, &j->later);
    }
    s->depth--;
    return go_on;
}

static inline void site_on_request(struct request *r)
{
    struct site *s = site_of(r);
    struct job *j = r->user;
    assert_ptr_equal(j->r, r);
    assert_true(r->body.p != NULL);
    s->requests++;
    site_enter(s);
    site_serve(j);
    s->depth--;
}

static inline void site_on_refuse(struct request *r, enum refusal why)
{
    struct site *s = site_of(r);
    s->refused[why]++;
    s->known += !r->user; /* else it was after on_head */
    assert_true(r->head->bad_status >= 400 && r->head->bad_why);
    site_enter(s);
    reply_text(r, r->head->bad_status, STR("x-refused: yes\r\n"), str_c(r->head->bad_why));
    s->depth--;
}

/* Also touches all that the request's owner may still look at. */
static inline void site_ended(struct request *r)
{
    struct site *s = site_of(r);
    struct job *j = r->user;
    str target = r->head->target;
    size_t n = target.n < sizeof(s->last_target) - 1 ? target.n : sizeof(s->last_target) - 1;
    if (n)
        memcpy(s->last_target, target.p, n);
    s->last_target[n] = '\0';
    for (unsigned i = 0; i < r->head->nheaders; i++)
        (void)hash_of(r->head->headers[i].value.p, r->head->headers[i].value.n);
    if (!j)
        return;
    deferred_cancel(&j->later);
    list_remove(&j->link);
    j->r = NULL;
}

static inline void site_on_gone(struct request *r)
{
    assert_true(r->gone);
    site_of(r)->gone++;
    site_ended(r);
}

static inline void site_on_sent(struct request *r)
{
    assert_true(r->replied && !r->gone);
    site_of(r)->sent++;
    site_ended(r);
}

static inline void site_on_drain(struct request *r)
{
    struct site *s = site_of(r);
    struct job *j = r->user;
    s->drains++;
    site_enter(s);
    if (j && j->flow_left)
        job_flow(j);
    s->depth--;
}

static inline str site_ping(struct request *r)
{
    (void)r;
    return STR(": ping\n\n");
}

static const struct server_ops site_ops = {
    .on_head = site_on_head,
    .on_request = site_on_request,
    .on_refuse = site_on_refuse,
    .on_gone = site_on_gone,
    .on_drain = site_on_drain,
    .on_sent = site_on_sent,
    .ping = site_ping,
};

/* End the oldest of /wait and /open. */
static inline void site_answer(struct site *s)
{
    assert_false(list_is_empty(&s->waiting));
    struct job *j = list_entry(s->waiting.next, struct job, link);
    if (j->r->streaming)
        reply_data(j->r, STR("data: end\n\n"), true);
    else
        job_echo(j);
}

/* One more event of the oldest /open. */
static inline bool site_say(struct site *s, const char *text)
{
    assert_false(list_is_empty(&s->waiting));
    return reply_data(list_entry(s->waiting.next, struct job, link)->r, str_c(text), false);
}

/* ---- life */

/* Generous limits: a test shortens those it is about. */
static inline struct server_limits site_limits(void)
{
    return (struct server_limits){
        .body_max = 33u << 20,
        .arena_max = 64u << 20,
        .conns_max = 20000,
        .head_ms = 20000,
        .idle_ms = 20000,
        .body_grace_ms = 20000,
        .body_min_rate = 1024,
        .body_total_ms = 60000,
        .write_ms = 20000,
    };
}

static inline void site_set(struct site *s, struct server_limits limits)
{
    s->limits = limits;
    server_set_limits(s->server, &limits);
}

/* The same bytes for all sites: making them takes time. */
static inline char *pattern_of(void)
{
    static char *bytes;
    if (bytes)
        return bytes;
    bytes = malloc(PATTERN_MAX);
    assert_non_null(bytes);
    uint32_t x = 12345;
    for (size_t i = 0; i < PATTERN_MAX; i += 2) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
        bytes[i + 1] = (char)(x >> 16);
    }
    return bytes;
}

static inline void site_open(struct site *s)
{
    *s = (struct site){.limits = site_limits()};
    list_init(&s->waiting);
    assert_int_equal(loop_new(&s->l), RC_OK);
    assert_int_equal(server_new(s->l, &site_ops, s, &s->server), RC_OK);
    site_set(s, s->limits);
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 1024, &s->listener, &s->port, NULL), RC_OK);
    s->pattern = pattern_of();
}

static inline void site_close(struct site *s)
{
    server_close_all(s->server);
    assert_int_equal(server_conns(s->server), 0);
    assert_int_equal(server_requests(s->server), 0);
    loop_free(s->l);
    server_free(s->server);
    close(s->listener);
}

/* The newest connection of the server, to look inside. */
static inline struct conn *site_conn(struct site *s)
{
    assert_false(list_is_empty(&s->server->conns));
    return list_entry(s->server->conns.prev, struct conn, link);
}

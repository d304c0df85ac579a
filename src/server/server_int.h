/* SPDX-License-Identifier: Apache-2.0 */
/* server_int - what conn.c, request.c and reply.c share; not for other folders. */
#pragma once
#include "base/buf.h"
#include "server/server.h"

#define PIPELINE_MAX                                                                         \
    (64 * 1024)             /* bytes kept while a request is served; then reading stops: D15 \
                             */
#define LINGER_MS      2000 /* a refused upload is drained so long, that the answer arrives */
#define LINGER_BYTES   (1u << 20)
#define PROBE_CHECK_MS 150 /* from a probe to the look whether it was answered by a reset */
#define PROBE_EVERY_MS 700
#define FREE_REQUESTS  64 /* pooled requests, with one arena chunk each */

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_LINGER, CONN_CLOSING };

struct server {
    struct loop *loop;
    const struct server_ops *ops;
    void *user;
    struct server_limits limits;
    struct list conns;
    struct list free_requests;
    unsigned nconns, nfree, nrequests;
    bool draining;
    struct buf scratch;    /* reply heads are built here */
    struct h1_head parsed; /* a head is parsed here, then copied as short as it is */
    struct body_pool *bodies;
};

struct conn {
    struct sock sock; /* first: a sock is its conn */
    struct server *server;
    struct list link;
    struct timer timer;
    struct buf in; /* a head in parts, or what was pipelined */
    struct request *req;
    struct chunk_decoder chunk;
    uint64_t body_left;
    msec since;          /* when this state began */
    uint64_t seen_bytes; /* progress mark of the timer */
    size_t head_tried, lingered;
    enum conn_state state;
    bool keep_alive, unread_body, half_closed, feeding, paused;
    uint8_t handles; /* sock and timer: the memory goes when both are closed */
};

/* conn.c */
void conn_next(struct conn *c);  /* the request is over: idle again, linger or close */
void conn_close(struct conn *c); /* idempotent; a request in flight is told on_gone */
void conn_set_state(struct conn *c, enum conn_state state);
void conn_arm(struct conn *c);
void conn_continue(struct conn *c); /* an interim 100 response: every client skips it */
bool conn_refuse(struct conn *c, enum refusal why, unsigned status, const char *text);

/* feed.c: bytes in */
void conn_feed(struct conn *c, char *p, size_t n);
struct iovec conn_alloc(struct conn *c);

/* request.c */
struct request *request_new(struct conn *c);
void request_free(struct request *r);

/* body_pool.c */
struct body_pool *body_pool_new(void);
void body_pool_free(struct body_pool *p);
char *body_take(struct body_pool *p, size_t need, size_t *ret_cap); /* NULL: no memory */
void body_give(struct body_pool *p, char *mem, size_t cap);         /* accepts NULL */

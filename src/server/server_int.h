/* SPDX-License-Identifier: Apache-2.0 */
/* server_int - what the files of server/ share; not for other folders. */
#pragma once
#include "base/buf.h"
#include "server/server.h"

#define PIPELINE_MAX   (64 * 1024) /* bytes kept while a request is served; then no reading: D15 */
#define PIPELINE_TURN  32          /* requests begun in one go: the loop's others want their turn */
#define FIRST_READ     (16 * 1024) /* of a request: most are shorter */
#define LINGER_MS      2000        /* what a refused client still sends is read so long, ... */
#define LINGER_BYTES   (1u << 20)  /* ... or so far, that it may read the answer */
#define PROBE_CHECK_MS 150         /* from a probe to the look whether a reset answered it */
#define PROBE_EVERY_MS 700         /* then doubling, PROBE_BACKOFF times */
#define PROBE_BACKOFF  4
#define PROBE_INTERIM  4  /* interim responses a request gets at most: Go's client bears five */
#define PROBE_IDLE_S   10 /* TCP's own keepalive finds those who half-closed and then died */
#define FREE_REQUESTS  64 /* pooled requests, with one arena chunk each */
/* That chunk holds all of a usual call, be it a stream: else each would pay for a second one, and
 * what is left of the first lie idle as long as the stream is open. */
#define REQUEST_CHUNK (12u << 10)
#define DATE_LINE     37 /* "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */

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
    struct buf scratch; /* reply heads are built here */
    struct body_pool *bodies;
    uint64_t date_s; /* the second that `date` tells */
    char date[DATE_LINE];
    char first[FIRST_READ]; /* where heads are read to */
    struct h1_head parsed;  /* a head is parsed here, then copied as short as it is */
};

struct conn {
    struct sock sock; /* first: a sock is its conn */
    struct server *server;
    struct list link;
    struct timer timer;
    struct deferred resume; /* goes on with what was pipelined */
    struct buf in;          /* a head in parts, or what was pipelined */
    struct request *req;    /* BODY, BUSY: never NULL; else always */
    struct chunk_decoder chunk;
    uint64_t body_left;
    size_t head_tried; /* HEAD: bytes of `in` that are known to be no whole head */
    size_t lingered;
    msec since;     /* when this state began */
    uint64_t mark;  /* progress as the timer last saw it */
    msec stall_at;  /* BUSY and bytes queued: then the client must have taken some */
    msec probe_at;  /* BUSY and half_closed or paused: then look whether it is there */
    uint8_t probes; /* sent since the FIN */
    bool probed;    /* sent, and the answer not yet looked for */
    enum conn_state state;
    bool keep_alive;
    bool blank;       /* an empty line came before this request */
    bool unread_body; /* bytes of this message may still come, and nobody wants them */
    bool half_closed; /* the client's FIN is here */
    bool paused;      /* `in` is full */
    bool cut;         /* close with a reset */
    uint8_t handles;  /* sock and timer: the memory goes when both are closed */
};

/* conn.c */
void conn_next(struct conn *c);  /* the request is over: idle again, linger or close */
void conn_close(struct conn *c); /* idempotent; a request in flight is told on_gone */
void conn_cut(struct conn *c);   /* as close, with a reset: what was sent is not the whole */
void conn_set_state(struct conn *c, enum conn_state state);
void conn_continue(struct conn *c); /* an interim 100 response: every client skips it */
/* Have the handler word a refusal; the connection ends after it. Always false. */
bool conn_refuse(struct conn *c, enum refusal why, unsigned status, const char *text);

/* deadline.c */
void conn_arm(struct conn *c); /* for the nearest deadline of its state */
void conn_on_timer(struct timer *t);
void conn_queue_began(struct conn *c); /* from now on the client must take something: D5 */
void conn_on_fin(struct conn *c);      /* BUSY: is it still there? */

/* feed.c: bytes in */
void conn_feed(struct conn *c, str fresh);
struct iovec conn_alloc(struct conn *c);

/* reply.c */
void reply_over(struct request *r); /* sent to its last byte */

/* request.c */
struct request *request_new(struct conn *c);
void request_free(struct request *r);

/* date.c */
str server_date(struct server *s); /* the line, ready */

/* body_pool.c */
struct body_pool *body_pool_new(void);
void body_pool_free(struct body_pool *p);
/* At least `need` bytes, a power of two up to BODY_POOL_MAX, above it exact. NULL: no memory. */
char *body_take(struct body_pool *p, size_t need, size_t *ret_cap);
void body_give(struct body_pool *p, char *mem, size_t cap); /* accepts NULL */
#define BODY_POOL_MAX (64u << 20)

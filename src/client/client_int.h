/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_int - the parts of client/ as they see each other.
 *
 *   exchange.c  one request and its answer: start, pause, cancel, and how it ends
 *   up_conn.c   one connection: resolve, dial, proxy, TLS, then busy and idle in turn
 *   up_read.c   a response's bytes: head, body, end
 *   origin.c    the client, its origins and their pools
 *   proxy.c     what is said to a proxy
 *
 * A connection's way:
 *
 *     RESOLVE -> DIAL -> [PROXY] -> [TLS] -> BUSY <-> IDLE
 *         \________\________\________\________\_______\____> CLOSING -> freed
 *
 * It has an exchange in every state but IDLE and CLOSING.
 */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "client/client.h"
#include "io/dial.h"
#include "io/dns.h"
#include "io/sock.h"
#include "io/tls.h"

#define ORIGIN_IDLE_MAX  128   /* idle connections kept for one origin by one worker */
#define ORIGIN_CONNS_MAX 16384 /* of one worker; what the open files allow is less, mostly */
#define IDLE_TTL_MS      60000 /* unless the provider says less (Keep-Alive: timeout=) */
#define IDLE_MARGIN_MS   1000  /* less than it says: its clock starts before ours */
#define IDLE_NONE        1     /* it says a second or none: the connection is not kept */
/* A connection in constant use would hold on to its address for ever: after this long it is not
 * kept (RELIABILITY U40). Spread over a minute, so that those opened together do not end together.
 */
#define AGE_MAX_MS      600000
#define AGE_SPREAD_MS   60000
#define INTERIM_MAX     8    /* 1xx heads before the answer (RELIABILITY U36) */
#define LAST_WORDS_MS   1000 /* after a failed write, how long the peer may still explain */
#define KEEPALIVE_S     30
#define USER_TIMEOUT_MS 20000 /* RELIABILITY U42 */
#define HELD_MAX        (LOOP_READ_SIZE + H1_HEAD_MAX)
#define REWRITTEN_MAX   (64 * 1024) /* a request head, once more, for a proxy */

enum up_state { UP_RESOLVE, UP_DIAL, UP_PROXY, UP_TLS, UP_BUSY, UP_IDLE, UP_CLOSING };

struct up_conn {
    struct sock sock; /* first; open from PROXY on */
    struct timer timer;
    struct list link; /* origin.idle or origin.busy */
    struct origin *origin;
    struct exchange *x;
    enum up_state state;
    bool sock_open;
    unsigned open_handles;
    struct dns_query query;
    struct dial *dial;
    /* the response being read */
    struct buf held;  /* bytes not yet parsed: a head that comes in pieces, a body that is paused */
    size_t tried;     /* of held: without a whole head */
    unsigned interim; /* 1xx heads seen */
    bool in_body;
    bool keep; /* may be used again */
    enum h1_body body;
    uint64_t left; /* H1_BODY_LENGTH */
    struct chunk_decoder chunk;
    /* the request being sent */
    uint64_t out_before;  /* sock.bytes_out when it began */
    size_t unacked_seen;  /* for the send deadline: what was on its way when the timer last fired */
    struct buf rewritten; /* the head in absolute-form, for plain proxies */
    msec idle_ttl;        /* of the first answer; 0: none came yet */
    msec idle_until;
    msec retire_at; /* not kept after it */
};

struct origin {
    struct list link;
    struct client *client;
    struct origin_spec spec; /* slices into text */
    char *text;              /* the key: all of the spec in one string */
    size_t text_n;
    struct tls_ctx *tls; /* made at first use */
    struct tls_slot slot;
    struct list idle, busy; /* idle: the most recently used first */
    unsigned nidle, nbusy;
    unsigned lent; /* client_lend without its client_give; 0: it lives as long as the client */
};

/* A TLS context is shared by the origins that trust the same CAs. */
struct trust {
    struct list link;
    struct tls_ctx *ctx;
    bool verify;
    bool system; /* the system's CAs; else ca_file */
    size_t n;
    char ca_file[];
};

struct client {
    struct loop *loop;
    struct dns *dns;
    struct map by_key;
    struct list origins;
    struct list trusts;
    struct h1_head head; /* scratch: one head is parsed at a time */
    uint32_t made;       /* connections so far */
};

static inline str origin_key(const struct origin *o)
{
    return str_of(o->text, o->text_n);
}

/* ---- origin.c */
/* The most recently used connection that is still good, or NULL. It is on no list. */
struct up_conn *pool_take(struct origin *o);
/* Keep `c` for later, or close it. */
void pool_put(struct up_conn *c);
/* The context for the origin's TLS. RC_NOMEM, RC_TLS with a static text. */
enum rc origin_tls(struct origin *o, struct tls_ctx **ret, const char **ret_why) MUST_CHECK;

/* ---- up_conn.c */
/* Begin a new connection for `x`. RC_NOMEM, RC_BUSY: nothing was begun. What fails later is told
 * through exchange_failed. */
enum rc up_conn_start(struct origin *o, struct exchange *x) MUST_CHECK;
void up_conn_use(struct up_conn *c, struct exchange *x); /* an idle one, from pool_take: send x */
void up_conn_close(struct up_conn *c);                   /* idempotent; the exchange is let go */
/* Something broke or took too long: close, and tell the exchange if there is one. */
void up_conn_lost(struct up_conn *c, enum rc rc, const char *what);
void up_conn_moved(struct up_conn *c); /* set the deadline anew: bytes moved */

/* ---- up_read.c */
void up_read_begin(struct up_conn *c); /* a new request is on its way */
void up_read(struct up_conn *c, char *p, size_t n);
void up_read_held(struct up_conn *c); /* after a pause */
void up_read_eof(struct up_conn *c, bool clean);

/* ---- exchange.c */
/* x has no connection any more when these are called. */
/* Its connection was lost: failed, or repeated once on a new one if it was an idle race. */
void exchange_lost(struct exchange *x, enum rc rc, const char *what);
void exchange_failed(struct exchange *x, enum rc rc, const char *what); /* on_fail follows, later */
void exchange_ended(struct exchange *x, bool by_close);                 /* on_end, now */

/* ---- proxy.c */
enum rc proxy_connect_head(const struct origin *o, struct buf *to) MUST_CHECK;
/* The request of x with its target in absolute-form: what stands in for its first iovec goes to
 * *head, and `*ret_skip` bytes of the first iovec are left out. RC_NOMEM, RC_INTERNAL. */
enum rc proxy_rewrite(const struct origin *o, const struct exchange *x, struct buf *head,
                      size_t *ret_skip) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - HTTP/1.1 towards providers: origins, pools of connections, one exchange at a time each.
 *
 * One client per worker. An origin is (scheme, host, port, TLS settings, proxy): its pool of idle
 * connections is keyed by that identity and so survives a config reload. An exchange borrows a
 * connection (the most recently used idle one, else a new one: DNS, happy eyeballs, proxy CONNECT,
 * TLS), sends the request by reference, and reports the answer as it comes. A connection goes back
 * only if its message ended cleanly with nothing behind it; else it is closed (RELIABILITY §0.3, U10).
 *
 * Idle race (U5): when a reused connection dies before the first response byte, the exchange is
 * repeated once on a fresh connection, unseen. All other failures are reported, with the phase, and
 * the owner decides.
 *
 * Callbacks never run inside exchange_start; they may call exchange_cancel. After on_end, on_fail or
 * exchange_cancel no callback runs and the struct is the owner's again.
 */
#pragma once
#include "http/h1.h"
#include "io/loop.h"

struct client;
struct origin;

/* What makes an origin. Slices are copied. */
struct origin_spec {
    bool tls;
    str host;
    uint16_t port;
    str proxy_host; /* absent: direct; http:// proxies with CONNECT for tls, absolute-form else */
    uint16_t proxy_port;
    str proxy_auth; /* value of Proxy-Authorization, absent: none */
    str ca_file;    /* absent: the system's */
    bool tls_no_verify;
    str sni; /* absent: host */
};

enum rc client_new(struct loop *l, struct client **ret) MUST_CHECK;
void client_free(struct client *c); /* closes all connections; exchanges must be over */
/* Find or make. Borrowed; lives as long as the client. NULL: out of memory. */
struct origin *client_origin(struct client *c, const struct origin_spec *spec);
/* Close idle connections older than their limit, drop unused origins: called by the worker's tick. */
void client_tick(struct client *c, msec now);
unsigned origin_idle(const struct origin *o);
unsigned origin_busy(const struct origin *o);

enum exchange_phase { EXCHANGE_CONNECT, EXCHANGE_SEND, EXCHANGE_WAIT, EXCHANGE_HEAD, EXCHANGE_BODY };

struct exchange_fail {
    enum rc rc; /* RC_DNS RC_CONNECT RC_TLS RC_TIMEOUT RC_RESET RC_PROTOCOL RC_LIMIT RC_NOMEM RC_BUSY */
    enum exchange_phase phase;
    bool sent_any;    /* at least one request byte left */
    const char *what; /* static text for the log */
};

struct exchange;

struct exchange_ops {
    /* The final head (1xx are swallowed). Slices are valid only here. May cancel. */
    void (*on_head)(struct exchange *x, const struct h1_head *h);
    /* Body bytes, transfer-coding removed. May be called many times; may cancel, may pause. */
    void (*on_body)(struct exchange *x, char *p, size_t n);
    /* The message ended as HTTP says it should; for a body delimited by close, `by_close` is true. */
    void (*on_end)(struct exchange *x, bool by_close);
    void (*on_fail)(struct exchange *x, const struct exchange_fail *f);
};

/* Deadlines are absolute loop times; 0 = none. Each phase ends with RC_TIMEOUT at its own. */
struct exchange_limits {
    msec connect_ms, tls_ms;   /* durations from the start of each connection try */
    msec first_byte_ms;        /* from the last request byte to the first response byte */
    msec idle_ms;              /* between two reads of the response */
    msec deadline;             /* absolute, for all of it */
};

struct exchange {
    const struct exchange_ops *ops;
    struct origin *origin;
    const struct iovec *iov; /* head and body; the memory stays until the end */
    size_t niov;
    struct exchange_limits limits;
    bool to_head; /* the request is a HEAD */
    /* private to client/ */
    struct up_conn *conn;
    struct list link;
    struct deferred later;
    bool reused, replayed, paused, sent_any, done;
    enum exchange_phase phase;
    struct exchange_fail fail;
};

void exchange_start(struct client *c, struct exchange *x);
void exchange_cancel(struct exchange *x); /* closes the connection; idempotent */
void exchange_pause(struct exchange *x);  /* no more on_body until resumed; deadlines of idle rest */
void exchange_resume(struct exchange *x);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - HTTP/1.1 towards providers: origins, pools of connections, one exchange at a time each.
 *
 * One client per worker. An origin is (scheme, host, port, TLS settings, proxy): its pool of idle
 * connections is keyed by that identity and so survives a config reload. An exchange borrows a
 * connection (the most recently used idle one, else a new one: DNS, happy eyeballs, proxy CONNECT,
 * TLS), sends the request by reference, and reports the answer as it comes. A connection goes back
 * only if its message ended cleanly with nothing behind it; else it is closed (RELIABILITY §0.3,
 * U10).
 *
 * Idle race (U5): when a reused connection dies before the first response byte, the exchange is
 * repeated once on a fresh connection, unseen. All other failures are reported, with the phase, and
 * the owner decides.
 *
 * Callbacks never run inside exchange_start; they may call exchange_cancel. After on_end, on_fail
 * or exchange_cancel no callback runs and the struct is the owner's again.
 */
#pragma once
#include "http/h1.h"
#include "io/loop.h"

struct client;
struct dns;
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
    /* Who asks is led here by somebody else: all that the host resolves to must be public
     * (io/addr.h) or stand in `besides`, addresses separated by blanks; else on_fail, with
     * CLIENT_NOT_PUBLIC. Never with a proxy, which resolves by itself. */
    bool public_only;
    str besides;
};

extern const char CLIENT_NOT_PUBLIC[]; /* exchange_fail.what, compared by its address */

enum rc client_new(struct loop *l, struct client **ret) MUST_CHECK;
void client_free(struct client *c); /* closes all connections; exchanges must be over */
/* Find or make. Borrowed; lives as long as the client. NULL: out of memory. */
struct origin *client_origin(struct client *c, const struct origin_spec *spec);
/* As client_origin, for hosts that nobody configured and that may be many: the last give of as many
 * lends closes what is idle and forgets the origin. All exchanges on it must be over by then. Not
 * to be mixed with client_origin for one spec. */
struct origin *client_lend(struct client *c, const struct origin_spec *spec);
void client_give(struct origin *o);
/* Close idle connections older than their limit: called by the worker's tick, about once a second.
 */
void client_tick(struct client *c, msec now);
struct dns *client_dns(struct client *c); /* for tests: io/dns.h */
unsigned origin_idle(const struct origin *o);
unsigned origin_busy(const struct origin *o);

/* Where an exchange is; a failure names the phase it came in.
 *   CONNECT  resolving, connecting, proxy, TLS: nothing of the request has left
 *   SEND     the kernel has not taken all of the request
 *   WAIT     it has; no byte of the answer came
 *   HEAD     some did; no whole head
 *   BODY     on_head was called */
enum exchange_phase {
    EXCHANGE_CONNECT,
    EXCHANGE_SEND,
    EXCHANGE_WAIT,
    EXCHANGE_HEAD,
    EXCHANGE_BODY
};

struct exchange_fail {
    enum rc
        rc; /* RC_DNS RC_CONNECT RC_TLS RC_TIMEOUT RC_RESET RC_PROTOCOL RC_LIMIT RC_NOMEM RC_BUSY */
    enum exchange_phase phase;
    bool
        sent_any; /* at least one request byte left, in this try or in a lost idle race before it */
    const char *what; /* static text for the log; never NULL */
};

struct exchange;

struct exchange_ops {
    /* The final head (1xx are swallowed). Slices are valid only here. May cancel. */
    void (*on_head)(struct exchange *x, const struct h1_head *h);
    /* Body bytes, transfer-coding removed. May be called many times; may cancel, may pause. */
    void (*on_body)(struct exchange *x, char *p, size_t n);
    /* What one read brought was given: what was gathered from it may be passed on now, in one
     * piece. Until here, or an on_end of the same read, the bytes of on_body stay where they are.
     * Also before an on_fail for a fault in the same read. May cancel, may pause. May be NULL. */
    void (*on_batch)(struct exchange *x);
    /* The message ended as HTTP says it should; for a body delimited by close, `by_close` is true.
     * The connection is in the pool again: a next exchange started here uses it. */
    void (*on_end)(struct exchange *x, bool by_close);
    void (*on_fail)(struct exchange *x, const struct exchange_fail *f);
};

/* Each phase ends with RC_TIMEOUT at its own limit; 0 = none. All but the last are durations. */
struct exchange_limits {
    msec connect_ms;    /* name, TCP and proxy, from the start of each connection try */
    msec tls_ms;        /* the TLS handshake, from its start */
    msec first_byte_ms; /* from the last request byte to the first response byte */
    msec idle_ms;       /* between two reads of the response; while sending, between two advances */
    msec deadline;      /* absolute loop time, for all of it */
};

/* The owner zeroes it once, sets the first block before each start, and keeps it and the request's
 * bytes where they are until the end. */
struct exchange {
    const struct exchange_ops *ops;
    struct origin *origin;
    const struct iovec *iov; /* head and body; the first one begins with the request line */
    size_t niov;
    struct exchange_limits limits;
    bool to_head; /* the request is a HEAD */
    bool once;    /* not repeated even in an idle race: on_fail tells of it */
    /* private to client/ */
    struct up_conn *conn;
    struct deferred later;
    bool active;   /* started and not over */
    bool reused;   /* on a connection that has served before */
    bool replayed; /* an idle race was lost already */
    bool paused;
    bool sent_before; /* some of it left on the connection that was lost */
    enum exchange_phase phase;
    struct exchange_fail fail;
};

void exchange_start(struct client *c, struct exchange *x);
void exchange_cancel(
    struct exchange *x);                 /* closes the connection; no-op when over or not started */
void exchange_pause(struct exchange *x); /* no more on_body until resumed; the idle limit rests */
void exchange_resume(struct exchange *x); /* on_body follows later, never inside */
/* Another end for all of it; 0: none. Of one that is over: no-op. */
void exchange_set_deadline(struct exchange *x, msec deadline);
/* All of the request has left, and no head of an answer has come. */
bool exchange_waits(const struct exchange *x);
/* The exchange uses a connection that has served before: for metrics, valid from on_head on. */
bool exchange_is_reused(const struct exchange *x);

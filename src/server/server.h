/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - HTTP/1.1 towards clients: connections, requests, replies. One server per worker.
 *
 * A connection reads one head, asks the handler whether the body may come (on_head: authentication
 * needs headers only), reads the body whole and bounded, hands the request over (on_request) and
 * carries the reply. One request at a time: what a client pipelines waits in a bounded buffer. The
 * connection goes on reading while a request is served, for that is how it learns that the client
 * went away.
 *
 * A FIN is no farewell (D3: a client may half-close and wait for its answer). On FIN the server
 * probes: inside a stream with the dialect's ping, before the head with an interim 100 response
 * that every client skips. A peer that is really gone answers with a reset, and on_gone follows.
 *
 * The end of a request may come inside any call about it: on_sent and on_gone run within reply_*
 * when all could be sent at once, or nothing more can be. What comes after never does: the next
 * request of a connection begins when the handler has returned.
 *
 * Owns: connections, requests (pooled) and their arenas, body memory.   Thread: one loop.
 * Limits: struct server_limits; breaking one is answered and the connection closed.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/rope.h"
#include "http/h1.h"
#include "io/sock.h"

struct server;
struct conn;

struct server_limits {
    uint64_t body_max;      /* bytes of a request body */
    size_t arena_max;       /* bytes of a request's arena */
    unsigned conns_max;     /* connections of this worker */
    uint64_t head_ms;       /* from the first byte of a head to its end: D7 */
    uint64_t idle_ms;       /* keep-alive without a byte */
    uint64_t body_grace_ms; /* then at least body_min_rate: D8 */
    uint64_t body_min_rate; /* bytes per second */
    uint64_t body_total_ms;
    uint64_t write_ms; /* a client that takes nothing for so long is gone: D5 */
};

/* Why the server itself refuses a request. The handler words the answer in the caller's dialect. */
enum refusal {
    REFUSE_BAD,         /* malformed: head->bad_status, head->bad_why */
    REFUSE_TOO_LARGE,   /* body over body_max */
    REFUSE_TIMEOUT,     /* head or body too slow */
    REFUSE_EXPECTATION, /* Expect other than 100-continue */
    REFUSE_NO_MEMORY,
    REFUSE_OVERLOADED, /* too many connections */
};

/* One request and its reply. Freed by the server when the reply ended or the client went. */
struct request {
    struct arena arena;         /* dies with the request */
    const struct h1_head *head; /* and the bytes it points to: as long as the request */
    str body;                   /* whole, from on_request on; before it absent */
    struct conn *conn;
    void *user;         /* the handler's */
    usec began_us;      /* when the head was complete */
    msec began;         /* the same, in the loop's time */
    uint64_t bytes_out; /* given to the socket: head, framing and body */
    /* private to server/ */
    struct server *server;
    struct list link;
    struct h1_head *own_head; /* what `head` points to */
    char *body_mem;           /* of the arena, or, with body_cap, of the body pool */
    size_t body_len, body_cap;
    str held_head;    /* reply head that waits for the first body bytes */
    str trailer;      /* field lines behind the last chunk; usually none */
    struct buf *last; /* in the arena: the queue refers to these bytes; NULL: to none of ours */
    bool known;       /* the handler was called with it */
    bool replied;     /* a head was given */
    bool head_sent;   /* to the socket */
    bool streaming, chunked;
    bool draining; /* everything was given; the queue is not empty yet */
    bool gone;     /* the client is gone: on_gone was or will be called */
    bool kept;     /* … and the handler still needs it */
};

struct server_ops {
    /* The head is here; no body byte was looked at. True: read the body, then on_request. False:
     * the handler has replied (or will); a body that was announced is never read and the connection
     * closes after the reply. Returns false too when the request ended inside. */
    bool (*on_head)(struct request *r);
    void (*on_request)(struct request *r);
    /* Answer a refused request, at once, with reply_full. May be the first that is heard of it, or
     * follow on_head. r->head may be incomplete: method, target and path are there when they could
     * be read; bad_status and bad_why are always. */
    void (*on_refuse)(struct request *r, enum refusal why);
    /* The client is gone (or server_close_all came) before the reply was sent whole. The request is
     * freed after this call. */
    void (*on_gone)(struct request *r);
    /* What was queued has been taken by the client: a paused producer may go on. */
    void (*on_drain)(struct request *r);
    /* The reply was sent to its last byte. The request is freed after this call. */
    void (*on_sent)(struct request *r);
    /* Bytes that mean nothing to a client in mid-stream (": ping\n\n"). They may come between any
     * two reply_data, so a stream is given in whole events. */
    str (*ping)(struct request *r);
};

enum rc server_new(struct loop *l, const struct server_ops *ops, void *user,
                   struct server **ret) MUST_CHECK;
void server_free(struct server *s); /* after server_close_all and a run of the loop */
void *server_user(struct server *s);
void server_set_limits(struct server *s, const struct server_limits *limits);
/* A connection was accepted; takes the fd. tls may be NULL. */
void server_accept(struct server *s, int fd, struct tls_ctx *tls);
/* From now on idle connections close and replies say "connection: close". */
void server_drain(struct server *s);
/* Cut every connection; requests in flight are told on_gone. */
void server_close_all(struct server *s);
unsigned server_conns(const struct server *s);
unsigned server_requests(const struct server *s); /* in flight */
struct server *request_server(const struct request *r);
/* In on_gone: the request lives on, without a connection, until request_done. Nothing can be said
 * to its client any more. Before server_free. */
void request_keep(struct request *r);
void request_done(struct request *r);
/* The peer's address as text, in the request's arena. */
str request_peer(struct request *r);
bool request_peer_is_loopback(const struct request *r);

/* ---- the reply. Header lines come ready: "name: value\r\n" each, no blank line; the server adds
 * date, connection, and the framing: content-length or chunked; for HTTP/1.0 the end of a stream is
 * the end of the connection. To a HEAD request only the head is sent, whatever is given. */

/* A whole reply. The body's memory must stay until on_sent or on_gone (the request's arena does);
 * the iovecs and header_lines need not. The request may be over on return: touch it no more. */
void reply_full(struct request *r, unsigned status, str header_lines, const struct iovec *body,
                size_t n);
static inline void reply_text(struct request *r, unsigned status, str header_lines, str body)
{
    struct iovec v = str_iov(body);
    reply_full(r, status, header_lines, &v, 1);
}
/* A stream: the head goes out with the first bytes (or with reply_flush). These return false when
 * the request is over (the client is gone, or `last` was sent): it must not be touched again. */
bool reply_start(struct request *r, unsigned status, str header_lines) MUST_CHECK;
/* Some bytes; copied if they cannot leave at once. `last` ends the reply in the same write. */
bool reply_data(struct request *r, str bytes, bool last);
/* The last bytes of a stream, as many as there are, in the same write as its end. Few are copied;
 * many are sent by reference and leave in pieces as the client takes them, so what waits is never
 * there twice: the request then takes the memory of *bytes over, and *bytes is empty. Else it stays
 * the caller's. The request may be over on return: touch it no more. */
void reply_last(struct request *r, struct buf *bytes);
bool reply_flush(struct request *r); /* send a held head alone */
/* Field lines ("name: value\r\n" each; they live as long as the request) that stand behind the last
 * byte of a stream: what its head could not know (RFC 9112, 7.1.2). Later ones replace those that
 * were given before. A client of HTTP/1.0 gets none, and any may ignore them. */
void reply_trailer(struct request *r, str lines);
size_t reply_queued(const struct request *r);
/* Cut the connection without a proper end: the only way left to say that a stream is broken. */
void reply_abort(struct request *r);

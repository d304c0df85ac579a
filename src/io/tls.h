/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - what connections share under TLS: the OpenSSL context, and sessions to resume.
 *
 * A tls_ctx is made once per certificate (server) or per CA file (client) and shared: it is
 * counted, and immutable once made, so all workers may use one (a server's must be one, or a
 * session ticket of one worker is worthless at another). TLS 1.2 at least; no renegotiation, no
 * compression; ALPN says http/1.1. A client verifies the chain and the host name unless told not
 * to.
 *
 * Making one reads files and may take milliseconds: at start-up, on reload, or on an origin's first
 * use, not per connection.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"
#include "base/time.h"

struct tls_ctx;

/* A client has so long for the handshake (RELIABILITY D26). */
#define TLS_SERVER_HANDSHAKE_MS 10000

/* ca_file: PEM; absent: the system's (OpenSSL's default paths, SSL_CERT_FILE, SSL_CERT_DIR).
 * RC_NOMEM, RC_CONFIG with a static text in *ret_why (may be NULL). */
enum rc tls_ctx_new_client(str ca_file, bool verify, struct tls_ctx **ret,
                           const char **ret_why) MUST_CHECK;
/* cert_file: PEM chain, leaf first. RC_NOMEM, RC_CONFIG as above. */
enum rc tls_ctx_new_server(str cert_file, str key_file, struct tls_ctx **ret,
                           const char **ret_why) MUST_CHECK;
/* Before its first use: another limit than TLS_SERVER_HANDSHAKE_MS. */
void tls_ctx_set_handshake_ms(struct tls_ctx *c, msec ms);
/* Server side, before its first use: sessions of `old` may be taken up again, where both show the
 * same certificate. Else, or when that fails, their clients shake hands anew. */
void tls_ctx_keep_tickets(struct tls_ctx *c, const struct tls_ctx *old);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c); /* any thread */
void tls_ctx_unref(struct tls_ctx *c);          /* any thread; accepts NULL */

/* Where a client keeps the newest session of one origin, to resume it. Zeroed at first; of one
 * loop; must outlive every connection that was given it. */
struct tls_slot {
    void *session;
};
void tls_slot_fini(struct tls_slot *slot);

/* What sock_start_tls needs. */
struct tls_client {
    struct tls_ctx *ctx;
    str host;              /* for SNI and the certificate check; a name or an IP literal */
    struct tls_slot *slot; /* may be NULL */
};

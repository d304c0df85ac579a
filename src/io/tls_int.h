/* SPDX-License-Identifier: Apache-2.0 */
/* tls_int - the context as tls_sock.c sees it. For io/ only. */
#pragma once
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "io/tls.h"

struct tls_ctx {
    _Atomic unsigned refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio; /* tls_sock.c's way to the sock */
    bool verify;
    msec handshake_ms; /* server side */
};

/* The methods of the BIO between OpenSSL and a sock; NULL: out of memory. */
BIO_METHOD *tls_sock_bio_method(void);
/* A session ticket came; the SSL_CTX_sess_set_new_cb callback. */
int tls_sock_new_session(SSL *ssl, SSL_SESSION *session);

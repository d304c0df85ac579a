/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - certificates made on the spot, in a temporary folder: a CA, and leaves for the good case
 * and for every bad one.
 */
#pragma once
#include "../unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CERTS_PATH 128

struct certs {
    char dir[CERTS_PATH];
    X509 *ca;
    EVP_PKEY *ca_key;
    unsigned serial;
};

struct leaf {
    const char *name;
    const char *san; /* "DNS:localhost,IP:127.0.0.1" */
    long from, to;   /* days from now */
    bool self_signed;
};

static inline void certs_path(const struct certs *c, const char *name, const char *ext, char *to)
{
    snprintf(to, CERTS_PATH, "%.90s/%.20s.%.8s", c->dir, name, ext);
}

static inline void certs_write(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    if (cert)
        assert_int_equal(PEM_write_X509(f, cert), 1);
    if (key)
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
}

static inline void certs_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline X509 *certs_cert(struct certs *c, const char *cn, EVP_PKEY *key, long from, long to)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), (long)++c->serial);
    X509_gmtime_adj(X509_getm_notBefore(x), from * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x), to * 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)cn, -1, -1, 0);
    return x;
}

/* A new CA in *c, written as ca.pem in a new folder. */
static inline void certs_init(struct certs *c)
{
    *c = (struct certs){0};
    const char *tmp = getenv("TMPDIR");
    snprintf(c->dir, sizeof(c->dir), "%.80s/weir-certs-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(c->dir));
    c->ca_key = EVP_EC_gen("P-256");
    c->ca = certs_cert(c, "weir test CA", c->ca_key, -1, 30);
    X509_set_issuer_name(c->ca, X509_get_subject_name(c->ca));
    certs_extend(c->ca, c->ca, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(c->ca, c->ca_key, EVP_sha256()) > 0);
    char path[CERTS_PATH];
    certs_path(c, "ca", "pem", path);
    certs_write(path, c->ca, NULL);
}

/* NAME.pem and NAME.key. */
static inline void certs_leaf(struct certs *c, const struct leaf *leaf)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certs_cert(c, leaf->name, key, leaf->from, leaf->to);
    X509 *issuer = leaf->self_signed ? x : c->ca;
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    certs_extend(x, issuer, NID_subject_alt_name, leaf->san);
    assert_true(X509_sign(x, leaf->self_signed ? key : c->ca_key, EVP_sha256()) > 0);
    char path[CERTS_PATH];
    certs_path(c, leaf->name, "pem", path);
    certs_write(path, x, NULL);
    certs_path(c, leaf->name, "key", path);
    certs_write(path, NULL, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void certs_remove(const struct certs *c, const char *name)
{
    char path[CERTS_PATH];
    certs_path(c, name, "pem", path);
    unlink(path);
    certs_path(c, name, "key", path);
    unlink(path);
}

static inline void certs_fini(struct certs *c)
{
    certs_remove(c, "ca");
    rmdir(c->dir);
    X509_free(c->ca);
    EVP_PKEY_free(c->ca_key);
}

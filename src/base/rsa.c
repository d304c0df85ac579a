/* SPDX-License-Identifier: Apache-2.0 */
/* rsa - see the header. */
#include "base/rsa.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define PEM_MAX 16384 /* of an RSA key of 8192 bits: 6.5 KB */

static EVP_PKEY *read_key(str pem)
{
    if (!pem.n || pem.n > PEM_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

bool rsa_key_is_good(str pem)
{
    EVP_PKEY *key = read_key(pem);
    EVP_PKEY_free(key);
    return key != NULL;
}

enum rc rsa_sign_sha256(str pem, str bytes, struct buf *to)
{
    EVP_PKEY *key = read_key(pem);
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    size_t n = key ? (size_t)EVP_PKEY_size(key) : 0;
    unsigned char *room = ctx ? (unsigned char *)buf_reserve(to, n) : NULL;
    bool ok = room && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, room, &n, (const unsigned char *)bytes.p, bytes.n) == 1;
    if (ok)
        buf_commit(to, n);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? RC_OK : key ? RC_NOMEM : RC_SYNTAX;
}

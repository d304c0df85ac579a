/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - libcrypto's SHA-256, by its low-level calls.
 *
 * OpenSSL 3 would rather see EVP, whose one-shot call looks the algorithm up under a lock and
 * allocates; every request's key is hashed here, on a call's way, where neither is allowed. Its
 * HMAC call does the same behind the scenes, so the two hashes of RFC 2104 are written out.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/check.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "struct digest is too small");

static SHA256_CTX *context(struct digest *d)
{
    return (SHA256_CTX *)(void *)d->room_;
}

void digest_begin(struct digest *d)
{
    int ok = SHA256_Init(context(d));
    CHECK(ok);
}

void digest_add(struct digest *d, str piece)
{
    int ok = SHA256_Update(context(d), piece.p, piece.n);
    CHECK(ok);
}

void digest_end(struct digest *d, uint8_t ret[DIGEST_SHA256])
{
    int ok = SHA256_Final(ret, context(d));
    CHECK(ok);
    OPENSSL_cleanse(d, sizeof(*d));
}

void digest_hex(const uint8_t digest[DIGEST_SHA256], char to[2 * DIGEST_SHA256])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SHA256; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
}

void digest_sha256(str bytes, uint8_t ret[DIGEST_SHA256])
{
    struct digest d;
    digest_begin(&d);
    digest_add(&d, bytes);
    digest_end(&d, ret);
}

#define BLOCK 64 /* of SHA-256 */

/* One of the two hashes: the key's block, every byte of it changed by `pad`, then the text. */
static void keyed(const uint8_t key[BLOCK], uint8_t pad, str bytes, uint8_t ret[DIGEST_SHA256])
{
    struct digest d;
    uint8_t block[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = key[i] ^ pad;
    digest_begin(&d);
    digest_add(&d, str_of((const char *)block, BLOCK));
    digest_add(&d, bytes);
    digest_end(&d, ret);
    OPENSSL_cleanse(block, sizeof(block));
}

void digest_hmac(str key, str bytes, uint8_t ret[DIGEST_SHA256])
{
    uint8_t block[BLOCK] = {0}, inner[DIGEST_SHA256];
    if (key.n > BLOCK)
        digest_sha256(key, block);
    else if (key.n)
        memcpy(block, key.p, key.n);
    keyed(block, 0x36, bytes, inner);
    keyed(block, 0x5c, str_of((const char *)inner, sizeof(inner)), ret);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(inner, sizeof(inner));
}

bool digest_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

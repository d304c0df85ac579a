/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - libcrypto's SHA-256, by its low-level calls.
 *
 * OpenSSL 3 would rather see EVP, whose one-shot call looks the algorithm up under a lock and
 * allocates; every request's key is hashed here, on a call's way, where neither is allowed.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/check.h"

void digest_sha256(str bytes, uint8_t ret[DIGEST_SHA256])
{
    SHA256_CTX ctx;
    int ok = SHA256_Init(&ctx) && SHA256_Update(&ctx, bytes.p, bytes.n) && SHA256_Final(ret, &ctx);
    CHECK(ok);
    OPENSSL_cleanse(&ctx, sizeof(ctx));
}

bool digest_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

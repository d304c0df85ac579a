/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - SHA-256 and HMAC-SHA-256, whole or piece by piece, and a comparison whose time tells
 * nothing; thin over libcrypto.
 */
#pragma once
#include "base/str.h"

#define DIGEST_SHA256 32 /* bytes */

void digest_sha256(str bytes, uint8_t ret[DIGEST_SHA256]);

/* In lower-case hexadecimal digits; no NUL behind them. */
void digest_hex(const uint8_t digest[DIGEST_SHA256], char to[2 * DIGEST_SHA256]);

/* The same of many pieces: begin, add each, end. Movable memory of the caller; nothing to free. */
struct digest {
    uint64_t room_[16]; /* libcrypto's state, whose header stays in digest.c */
};
void digest_begin(struct digest *d);
void digest_add(struct digest *d, str piece);
void digest_end(struct digest *d, uint8_t ret[DIGEST_SHA256]); /* wipes *d */

/* HMAC of RFC 2104. `key` may have any length, and may be `ret` of an earlier call. */
void digest_hmac(str key, str bytes, uint8_t ret[DIGEST_SHA256]);

/* Equal, in a time that depends on n alone. */
bool digest_eq(const void *a, const void *b, size_t n);

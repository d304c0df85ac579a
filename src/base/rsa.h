/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa - signatures RS256 (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017 §8.2), as JSON web tokens of
 * Google's service accounts want them; thin over libcrypto. Once in an hour per credential: it may
 * allocate.
 */
#pragma once
#include "base/buf.h"

/* Is this PEM text a private RSA key? */
bool rsa_key_is_good(str pem);
/* Append the signature of `bytes`. RC_SYNTAX: no such key; RC_NOMEM. */
enum rc rsa_sign_sha256(str pem, str bytes, struct buf *to) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/* digest - SHA-256 and a comparison whose time tells nothing, thin over libcrypto. */
#pragma once
#include "base/str.h"

#define DIGEST_SHA256 32 /* bytes */

void digest_sha256(str bytes, uint8_t ret[DIGEST_SHA256]);
/* Equal, in a time that depends on n alone. */
bool digest_eq(const void *a, const void *b, size_t n);

/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once
#include "base/str.h"

bool utf8_is_valid(str s);
/* Length of the longest valid prefix; s.n when all of it is valid. A sequence cut off at the end
 * counts as invalid. */
size_t utf8_valid_prefix(str s);
/* Encode one scalar value (not a surrogate, <= 0x10FFFF) into to[4]; returns 1..4. */
size_t utf8_encode(char *to, uint32_t cp);

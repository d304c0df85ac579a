/* SPDX-License-Identifier: Apache-2.0 */
/* b64 - base64 (RFC 4648, standard alphabet, padding required). */
#pragma once
#include "base/buf.h"

void b64_encode(struct buf *to, str bytes);
/* RC_SYNTAX on anything outside the alphabet or wrong padding. */
enum rc b64_decode(struct buf *to, str s) MUST_CHECK;
/*
 * n bytes from byte `at` of what `s` stands for, without decoding the rest: for sizes and lengths
 * in the heads of files. Both alphabets are read. False: there are not as many, or something else
 * stands there (JSON's escapes of slashes move what follows, so such a text is not read).
 */
bool b64_peek(str s, size_t at, uint8_t *to, size_t n) MUST_CHECK;

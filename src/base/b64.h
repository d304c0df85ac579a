/* SPDX-License-Identifier: Apache-2.0 */
/* b64 - base64 (RFC 4648, standard alphabet, padding required). */
#pragma once
#include "base/buf.h"

void b64_encode(struct buf *to, str bytes);
/* RC_SYNTAX on anything outside the alphabet or wrong padding. */
enum rc b64_decode(struct buf *to, str s) MUST_CHECK;

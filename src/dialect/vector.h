/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector - embeddings as JSON arrays and as base64 of little-endian float32 (OpenAI's
 * encoding_format). Numbers are rounded to the nearest float32; back they get the nine digits that
 * tell every float32 from its neighbours.
 */
#pragma once
#include "base/buf.h"
#include "json/json.h"

/* A JSON array of numbers, onto `to` as base64 without quotes. RC_TYPE: something else is in it;
 * RC_LIMIT or RC_NOMEM as `to` says. Nothing that counts is appended on failure. */
enum rc vector_pack(jval array, struct buf *to) MUST_CHECK;
/* Base64 of whole float32s, onto `to` as a JSON array. RC_SYNTAX: it is none. */
enum rc vector_unpack(str base64, struct buf *to) MUST_CHECK;

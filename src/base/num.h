/* SPDX-License-Identifier: Apache-2.0 */
/*
 * num - text to numbers, strictly: the whole slice must be the number; no sign where none is
 * possible, no blanks, no overflow. RC_SYNTAX or RC_RANGE; outputs only on RC_OK.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

enum rc num_u64(str s, uint64_t *ret) MUST_CHECK;  /* 1*DIGIT */
enum rc num_i64(str s, int64_t *ret) MUST_CHECK;   /* ["-"] 1*DIGIT */
enum rc num_hex(str s, uint64_t *ret) MUST_CHECK;  /* 1*16HEXDIG */
enum rc num_double(str s, double *ret) MUST_CHECK; /* JSON number grammar */
/* JSON number grammar, not negative, in units of 10^-9: "0.27" is 270000000. For money: no float is
 * in between. What is finer is rounded to the nearest, half up. */
enum rc num_nano(str s, uint64_t *ret) MUST_CHECK;
/* "500", "2M", "1.5k", "4G": decimal multiples (k M G), as in rate limits. */
enum rc num_count(str s, uint64_t *ret) MUST_CHECK;
/* "30s", "500ms", "10m", "1h", "1d" to milliseconds; a bare number is milliseconds. */
enum rc num_duration(str s, uint64_t *ret_ms) MUST_CHECK;
/* "64k", "32MiB", "1GB": binary multiples, bytes. */
enum rc num_bytes(str s, uint64_t *ret) MUST_CHECK;

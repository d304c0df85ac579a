/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fmt - numbers to text without printf: for paths where a format string is too dear.
 * No function writes a NUL; each returns the bytes written.
 */
#pragma once
#include "base/str.h"
#include "base/time.h"

#define FMT_U64_MAX  20
#define FMT_TIME_MAX 24 /* 2026-11-23T02:20:30.123Z */

size_t fmt_u64(char *to, uint64_t v);
#define FMT_USD_MAX 24
/* Money as an exact decimal: "0.000123", "1.5", "-2", "0"; no digit more than it takes. */
size_t fmt_usd(char *to, nanousd v);
size_t fmt_hex64(char *to, uint64_t v); /* always 16 digits */
/* RFC 3339 in UTC with milliseconds, from milliseconds since the epoch. */
size_t fmt_time(char *to, uint64_t unix_ms);

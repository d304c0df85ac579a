/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date - HTTP-date, RFC 9110 §5.6.7, read in its three forms:
 *
 *     Sun, 06 Nov 1994 08:49:37 GMT     what everyone writes now
 *     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850; a year of two digits is the nearest one that is
 * not more than fifty years ahead of the clock Sun Nov  6 08:49:37 1994          asctime()
 *
 * Case-sensitive and without spare blanks, as the RFC has it. The day of the week must be one of
 * the seven and is not held against the date. A leap second is the second after it. Dates before
 * 1970 are none. Pure: the clock comes as an argument.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

/* Seconds since 1970. RC_SYNTAX. */
enum rc http_date(str s, uint64_t now_unix_s, uint64_t *ret_unix_s) MUST_CHECK;

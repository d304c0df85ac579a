/* SPDX-License-Identifier: Apache-2.0 */
/*
 * day - dates of the Gregorian calendar as days since 1 January 1970, without the C library's time
 * zones. The way back is in fmt_time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* False: there is no such day, or it is before 1970. */
bool day_of(uint32_t year, uint32_t month, uint32_t day, int32_t *ret);

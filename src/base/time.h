/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time - the types of time and money. No function here reads a clock: clocks are read in io/ and
 * passed down, so that tests and simulations can be the clock.
 */
#pragma once
#include <stdint.h>

typedef uint64_t msec;   /* monotonic milliseconds (io/loop.h); 0 = never */
typedef uint64_t usec;   /* monotonic microseconds */
typedef int64_t nanousd; /* money: 10^-9 US dollars */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - the process heap, behind one door.
 *
 * Everything that is not an arena is allocated here, so that one switch can make the n-th
 * allocation fail (mem_fail_after) and tests can walk every failure. Sizes are bytes. A failing
 * allocation returns NULL; mem_need aborts instead, for start-up code that cannot go on.
 */
#pragma once
#include <stddef.h>

#include "base/check.h"

void *mem_alloc(size_t n) MUST_CHECK;
void *mem_zalloc(size_t n) MUST_CHECK;           /* zeroed */
void *mem_realloc(void *p, size_t n) MUST_CHECK; /* on NULL the old block is untouched */
void mem_free(void *p);                          /* accepts NULL */
void *mem_need(size_t n) MUST_CHECK;             /* zeroed; aborts when there is none */

/* Fault injection: the n-th allocation from now on (1 = the next) and all after it fail.
 * 0 switches it off. Not for use while threads run. */
void mem_fail_after(size_t n);
/* Allocations served since the start of the process. */
size_t mem_count(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * excerpt - the beginning of an answer that was of no use, for the log: without the key that a
 * provider may echo, and without what might be somebody's prompt.
 */
#pragma once
#include "gate/gate_int.h"

/* Of the answer under way, as far as a log may tell, into the record of its attempt: a hedge sorts
 * the records of two anew (hedge.c), and each must keep its own. */
void excerpt_keep(struct call *c, str bytes);

/* An answer of a kind that is not expected: a little of it is read. The first two may end the
 * attempt. */
void strange_begin(struct call *c, str type);
void strange_bytes(struct call *c, const char *p, size_t n);
void strange_over(struct call *c); /* no more comes, or no more is wanted: the attempt failed */

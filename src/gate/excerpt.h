/* SPDX-License-Identifier: Apache-2.0 */
/*
 * excerpt - the beginning of an answer that was of no use, for the log: without the key that a
 * provider may echo, and without what might be somebody's prompt.
 */
#pragma once
#include "gate/gate_int.h"

/* In the arena; the newest first. */
struct excerpt {
    struct excerpt *next;
    unsigned attempt; /* the how-manieth, from one */
    str text;
};

/* Of the answer under way, as far as a log may tell. */
void excerpt_keep(struct call *c, str bytes);
str excerpt_of(const struct call *c, unsigned attempt); /* absent: none */

/* An answer of a kind that is not expected: a little of it is read. The first two may end the
 * attempt. */
void strange_begin(struct call *c, str type);
void strange_bytes(struct call *c, const char *p, size_t n);
void strange_over(struct call *c); /* no more comes, or no more is wanted: the attempt failed */

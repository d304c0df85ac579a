/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice - a client's own JSON with a few values exchanged, by slices: every other byte goes out as
 * it came, white space and unknown members included.
 *
 * Edits may be given in any order. Where one lies within another (a member is cut whose value was
 * to change) the larger one stands; else they must not overlap. At most SPLICE_MAX: splice_room
 * says how many more, where a client's bytes decide about their number.
 */
#pragma once
#include "base/arena.h"
#include "base/rope.h"
#include "json/json.h"

#define SPLICE_MAX 64

struct splice {
    str src;
    unsigned n;
    struct splice_edit {
        size_t at, len; /* of src */
        str text;       /* what stands there instead */
    } edits[SPLICE_MAX];
};

void splice_init(struct splice *s, jval root);
/* Exchange the value v (of the same document) for JSON text. */
void splice_replace(struct splice *s, jval v, str text);
/* Put members ("\"a\":1") first into the object v; commas are taken care of. */
void splice_into(struct splice *s, jval object, str members, struct arena *a);
/* Cut the members of `object` (or the elements of an array; they have no key) for which `is_cut`
 * says so, with a comma each. */
typedef bool (*splice_cut_fn)(void *ctx, jval key, jval value);
void splice_cut(struct splice *s, jval object, splice_cut_fn is_cut, void *ctx);
unsigned splice_room(const struct splice *s);
void splice_write(struct splice *s, struct rope *out);
/* `plain` as a JSON string with its quotes. Absent when the arena is full. */
str splice_quote(struct arena *a, str plain);

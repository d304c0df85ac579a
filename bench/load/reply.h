/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - the bytes of the mock provider's answers, made once for each kind of request.
 *
 * Headers, event order and fields are those of the recorded traffic of both providers. An answer
 * that is sent as a whole (JSON, or a burst) is one block of bytes. A timed one is in three parts:
 *
 *     opening   head and the events before the first content
 *     event     one content event, as one HTTP chunk, with a hole of REPLY_STAMP_DIGITS digits
 *               in its text for the time it is sent at (" t=0000001234567890123")
 *     closing   the events after the last content, and the end of the body
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prompt.h"
#include "shape.h"

#define REPLY_STAMP_DIGITS 19
#define REPLY_STAMP_MARK   " t="

/* What the answer depends on. */
struct reply_key {
    enum dialect dialect;
    bool stream, include_usage;
    const char *model;
    size_t model_len;
};

struct reply {
    struct reply_key key; /* its `model` is owned */
    struct shape shape;
    bool timed;
    struct text whole;                   /* when not timed */
    struct text opening, event, closing; /* when timed */
    size_t stamp_at;                     /* offset of the digits in `event` */
};

/* Never fails; a model name that asks for nothing special gets the plain answer. */
struct reply *reply_make(const struct reply_key *key);
bool reply_fits(const struct reply *r, const struct reply_key *key);

/* Write `ns` into the hole of a copy of r->event. */
void reply_stamp(const struct reply *r, char *event_copy, uint64_t ns);

/* A JSON answer with this body (model list, token count, statistics). */
void reply_add_json(struct text *t, const char *status, const char *json, size_t n);

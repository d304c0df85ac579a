/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive - runs dialects in tests: bytes of an answer to events, events to text lines that can be
 * compared, requests from one dialect to another. Everything made lives in `arena` until
 * drive_fini. Every decoding is watched: the promises of ir/event.h are asserted as it goes.
 */
#pragma once
#include "../unit.h"

#include "base/arena.h"
#include "dialect/quirk.h"

struct drive {
    struct arena arena;
    struct dialect_scratch scratch;
    struct dialect_opts opts; /* as the configuration has them; quirks.def adds the rest */
    const char *preset;       /* whose quirks; NULL: nobody's */
    struct ir_lossy lossy;    /* of the last request */
    struct fail fail;         /* of the last request that was refused */
};

void drive_init(struct drive *d);
void drive_fini(struct drive *d);

/* Parse, or fail the test. */
jval drive_json(struct drive *d, str text);

/* ---- answers ---- */
struct answer {
    const struct dialect *dialect;
    str bytes;
    bool stream;
    size_t first, step; /* how the bytes arrive: `first`, then `step` at a time; 0: all at once */
    const size_t *cuts; /* or cut before the byte at each of these places, which ascend */
    size_t n_cuts;
    bool client_usage;
};

enum answer_end { ANSWER_WHOLE, ANSWER_CUT_OFF, ANSWER_FAILED };

/* To any sink; what was forwarded of a stream goes to *raw when that is given. */
enum answer_end drive_answer(struct drive *d, const struct answer *a, struct ir_sink sink,
                             struct buf *raw);
/* As lines: "start id model", "open 0 text", "text 0 …" … */
str drive_lines(struct drive *d, const struct answer *a);
/* As the client of `to` gets it. */
str drive_to_stream(struct drive *d, const struct answer *a, const struct dialect *to,
                    const struct front_opts *o);
str drive_to_body(struct drive *d, const struct answer *a, const struct dialect *to,
                  const struct front_opts *o);
/* What it says, without how it was cut: text, thoughts, calls, finish, tokens. */
str drive_meaning(struct drive *d, const struct answer *a);

/* ---- requests ---- */
/* RC of the front's decoder; the request in *ret. */
enum rc drive_decode(struct drive *d, const struct dialect *from, str body, struct ir_request *ret);
/* Translated, or absent when it was refused (then see fail). */
str drive_request(struct drive *d, const struct dialect *from, str body, const struct dialect *to,
                  const char *model);
str drive_splice(struct drive *d, const struct dialect *dialect, str body, const char *model,
                 bool stream);
/* The lossy set as text. */
str drive_losses(struct drive *d);

/* An AWS event stream from lines "type {payload}", an exception's with a '!' in front; and back. */
str drive_frames(struct drive *d, str lines);
str drive_unframed(struct drive *d, str frames);

/* Files below the fixtures of the tree and of the wider tree; absent str: not there. */
str drive_file(struct drive *d, const char *path);
/* A recorded request as that front would be sent it: clouds name Claude's model in the path, the
 * Messages API in the body. Absent: an error's, or in words that the front never had (Mistral's
 * Chat has a sound's bytes where OpenAI has an object). */
str drive_recorded_request(struct drive *d, const char *path, const struct dialect *front);
str drive_shared(struct drive *d, const char *name);
const char *drive_shared_dir(void);

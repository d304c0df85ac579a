/* SPDX-License-Identifier: Apache-2.0 */
/*
 * voice - how a provider's language writes the parts of an answer.
 *
 * A voice is a row of functions that append text: the events before the first content, one content
 * event, the events behind the last, a whole answer, an error. The pieces of text they are given
 * are JSON already. Every event is one HTTP chunk, as providers send them.
 */
#pragma once
#include "reply.h"

struct voice {
    const char *stream_type; /* content-type of its streams */
    void (*opening)(struct text *t, const struct reply_key *k);
    void (*content)(struct text *t, const struct reply_key *k, const char *piece);
    void (*closing)(struct text *t, const struct reply_key *k);
    void (*whole)(struct text *t, const struct reply_key *k, const char *answer);
    void (*error)(struct text *t, unsigned status);
};

extern const struct voice voice_gemini, voice_converse; /* voice_cloud.c */

/* The last checksum of the one message that lies in the chunk at `chunk`, anew: what a voice with
 * checksums needs when its text was changed. */
void converse_seal(char *chunk, size_t n);

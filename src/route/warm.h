/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm - where the beginning of a prompt lies in a provider's cache.
 *
 * An agent sends its whole conversation with each turn, and providers ask a tenth for what they
 * have seen a moment ago. So a turn belongs where the last one went, as long as that is warm; and
 * what all sessions of an agent begin with (tools and system prompt) may be warm where another
 * session went.
 *
 *     tools, system | message | message | message        a prompt …
 *                  h0        h1        h2        h3      … and its chain: one rolling hash a
 * boundary
 *
 * When a turn was served, its last boundary and h0 are remembered with the place (provider and
 * model) and the key that served it, and what share of the prompt its usage said is cached. The
 * next turn's chain holds that boundary again, and looks it up, the longest first. What was
 * expected and did not come is forgotten; a place that disappoints often caches nothing and is not
 * remembered for a while.
 *
 * A hash of a boundary covers the roles, sizes and both ends of each text, not every byte: two
 * prompts that agree in all that and differ in the middle are one, and the worst that follows is a
 * call that costs its usual price. Cache marks of the client are left out, for they move.
 *
 * A set-associative table of fixed size, worker-local; what one worker learns is told to the others
 * by mail, for the next turn may come in on another connection (gate/warmth.c).
 *
 * Pure: the clock comes as an argument. warm_new allocates, and nothing else.
 */
#pragma once
#include "base/hash.h"
#include "base/time.h"
#include "ir/request.h"

#define WARM_SETS  512
#define WARM_WAYS  8
#define WARM_DEPTH 48 /* boundaries of a chain: the last ones, and the first */
#define WARM_HITS  16
#define WARM_MOST  (WARM_SETS * WARM_WAYS)
#define WARM_LEAST 3072 /* bytes of a body: less is no 1,024 tokens, and nobody caches it */

struct warm;

struct warm *warm_new(void); /* NULL: no memory */
void warm_free(struct warm *w);

/* A prompt's boundaries, the first (behind tools and system) at 0, the others in order. */
struct warm_chain {
    unsigned n;
    uint64_t hash[WARM_DEPTH];
    uint64_t bytes[WARM_DEPTH]; /* of text up to there */
};

/* `key` is the same on all workers. */
void warm_chain(struct warm_chain *c, const struct ir_request *r, struct hash_key key);

struct warm_hit {
    uint64_t place;
    uint32_t key;    /* index of the provider's key that has it */
    uint32_t missed; /* how often in a row it was expected there, and did not come */
    double share;    /* of the prompt, 0 to 1 */
};

/* Of each place what was learned of it last, as many as fit. */
unsigned warm_look(const struct warm *w, const struct warm_chain *c, msec now,
                   struct warm_hit ret[WARM_HITS]);

/* One boundary that is warm now. */
struct warm_note {
    uint64_t hash, place;
    uint32_t key;
    uint32_t missed;
    double share; /* of the prompt up to there */
    msec ttl;
};
void warm_put(struct warm *w, const struct warm_note *n, msec now);

/* All that is warm, with what is left of its time; how many, at most `most`. */
unsigned warm_notes(const struct warm *w, msec now, struct warm_note *to, unsigned most);

/* warm_text.c: the same as JSON, and back `age` milliseconds later; what makes no sense is left
 * out.
 */
struct json_writer;
void warm_write(const struct warm_note *notes, unsigned n, struct json_writer *w);
unsigned warm_read(jval v, uint64_t age, struct warm_note *to, unsigned most);

struct warm_ttl {
    msec ttl;
    bool tells_writes;
    uint64_t least; /* tokens of a prompt */
};
struct warm_ttl warm_ttl_of(str preset, str dialect);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field - reading a client's request member by member, against tables.
 *
 * Each object of a request is described by a table of rows: the member's name, what it must be, and
 * where it goes. So every dialect refuses the same things the same way (`stream:"true"`,
 * `max_tokens:1.5`), and a member that no row knows is noted, by its path without indices, as
 * something that a translation loses. `null` counts as absent.
 *
 *     static const struct field rows[] = {
 *         FIELD(temperature, FIELD_NUMBER, struct ir_request, temperature),
 *         FIELD_WITH(messages, read_messages),
 *     };
 *     TRY(field_walk(d, root, rows, ARRAY_LEN(rows), request, NULL));
 *
 * Errors: RC_SYNTAX with *d->fail filled (bad_request, param = "messages[2].content[0].type");
 * RC_NOMEM when the arena is full.
 */
#pragma once
#include "ir/request.h"

enum field_type {
    FIELD_NUMBER, /* any JSON number, kept as text: str */
    FIELD_COUNT,  /* an integer of at least 1: uint64_t */
    FIELD_TEXT,   /* string: jtext */
    FIELD_BOOL,   /* bool */
    FIELD_TRI,    /* boolean: enum ir_tri */
    FIELD_JSON,   /* anything, as text: str */
    FIELD_VALUE,  /* anything: jval */
    FIELD_OBJECT, /* an object: jval */
    FIELD_CALL,   /* .call */
    FIELD_KNOWN,  /* read elsewhere, or of no meaning: nothing */
};

/* Where we are, for error messages and names of unknown members. Lives on the stack. */
struct field_at {
    const struct field_at *up;
    const char *name; /* static */
    long index;       /* -1: none */
};

struct decoding {
    struct arena *arena;
    struct ir_request *request;
    struct fail *fail;
    struct ir_message **messages; /* tails */
    struct ir_tool **tools;
    struct ir_field **unknown;
    unsigned nunknown;
    unsigned nesting; /* of content within content */
    bool proto;       /* proto JSON (Google): a member may be spelt topP or top_p */
};

typedef enum rc (*field_fn)(struct decoding *d, jval v, void *to, const struct field_at *at);

struct field {
    const char *name;
    uint8_t len;
    uint8_t type;
    uint16_t offset;
    field_fn call;
};

#define FIELD(key, t, into, member)                                                          \
    {                                                                                        \
        .name = #key, .len = sizeof(#key) - 1, .type = (t), .offset = offsetof(into, member) \
    }
#define FIELD_WITH(key, fn)                                                     \
    {                                                                           \
        .name = #key, .len = sizeof(#key) - 1, .type = FIELD_CALL, .call = (fn) \
    }
#define FIELD_SKIP(key)                                            \
    {                                                              \
        .name = #key, .len = sizeof(#key) - 1, .type = FIELD_KNOWN \
    }

/* Unknown members kept per request; beyond that they are one "other". */
#define FIELD_UNKNOWN_MAX 32

void decoding_init(struct decoding *d, struct arena *a, struct ir_request *r, struct fail *f);

/* Read the members of `object` into *to. `at` is the object's own place, NULL for the root. */
enum rc field_walk(struct decoding *d, jval object, const struct field *rows, size_t n, void *to,
                   const struct field_at *at) MUST_CHECK;

/* Is `key` the snake case of `name`? (top_p, topP) */
bool field_is_snake_of(str key, str name);

/* Note a member that the canonical form has no place for. */
enum rc field_unknown(struct decoding *d, const struct field_at *at, str key,
                      jval value) MUST_CHECK;

/* Refuse: bad_request with the path of `at`. Returns RC_SYNTAX. */
enum rc field_bad(struct decoding *d, const struct field_at *at, const char *message,
                  const char *code);
enum rc field_nomem(struct decoding *d); /* RC_NOMEM, with a fail */

/* A block at *tail, with `v` as its own words where there are any. */
enum rc field_add_block(struct decoding *d, struct ir_block ***tail, enum ir_kind kind, jval v,
                        struct ir_block **ret) MUST_CHECK;

/* Single values; `key` may be NULL when `at` is the value's own place. */
enum rc field_text(struct decoding *d, jval v, const struct field_at *at, jtext *ret) MUST_CHECK;
enum rc field_list(struct decoding *d, jval v, const struct field_at *at,
                   struct ir_str_list *ret) MUST_CHECK; /* one string, or an array of strings */

/* ---- peeking (field_peek.c): the few members that are looked at before the whole is read.
 * RC_SYNTAX with *f filled, in the vendor's words; RC_NOMEM. Absent and null leave *ret alone. */

enum field_voice { FIELD_VOICE_OPENAI, FIELD_VOICE_ANTHROPIC };
enum field_want {
    FIELD_WANT_STRING,
    FIELD_WANT_BOOL,
    FIELD_WANT_COUNT,   /* an integer of at least 1 */
    FIELD_WANT_OBJECTS, /* a list of them */
    FIELD_WANT_INPUT,   /* a string, or a list of objects */
};

struct field_peek {
    struct arena *a; /* for words */
    struct fail *f;
    enum field_voice voice;
};

/* `got` stands where something else was wanted, or is absent. */
enum rc field_peek_refuse(const struct field_peek *p, const char *name, enum field_want want,
                          jval got);
enum rc field_peek_bool(const struct field_peek *p, jval root, const char *key,
                        bool *ret) MUST_CHECK;
enum rc field_peek_count(const struct field_peek *p, jval root, const char *key,
                         uint64_t *ret) MUST_CHECK;
/* The body's `model`, which must name one. */
enum rc field_peek_model(const struct field_peek *p, jval root, str *ret) MUST_CHECK;
/* Note pictures and documents among parts that say their `type`, as OpenAI's do. */
void field_peek_parts(jval content, str image, str document, struct ir_peek *p);

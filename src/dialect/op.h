/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - the operations that are no chat: embeddings, completions of old, images, sound, ranking,
 * moderation.
 *
 * They have no canonical form and need none: a client asks in the words of some API, the provider
 * that is chosen is asked in the same words, with its own name for the model, and its answer's
 * bytes come back. Only what differs stands in tables: ops.def has a row for each path of ours
 * (what it wants, in whose words, where the model stands), op_ways.def a row for each operation of
 * each kind of provider. Embeddings alone are translated where the words differ (dialect/embed.h).
 *
 * What an answer says of its cost is read by op_reader, for all of them: the places where the
 * providers put their counts do not contradict each other.
 *
 * A slot of every dialect for every operation was rejected: ten empty slots in a dozen dialects,
 * for what is one string of difference.
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/embed.h"

enum op_kind {
    OP_COMPLETE,
    OP_EMBED,
    OP_EMBED_ONE, /* one text and one vector, where that is another endpoint than many */
    OP_IMAGE,
    OP_IMAGE_EDIT,
    OP_IMAGE_VARY,
    OP_TRANSCRIBE,
    OP_TRANSLATE,
    OP_SPEAK,
    OP_RERANK,
    OP_MODERATE,
    OP_COUNT, /* tokens of a chat request: only where the configuration asks the provider for it */
};

/* Kinds of request bodies. */
#define OP_JSON 1u
#define OP_FORM 2u

/* What a provider that reports no usage leaves to be estimated. */
enum op_counts { OP_COUNTS_NONE, OP_COUNTS_INPUT, OP_COUNTS_BOTH };

struct op { /* a row of ops.def */
    enum op_kind kind;
    str name;
    str words;
    str path;
    unsigned bodies;
    enum op_counts counts;
    str default_model;
};

struct op_way { /* a row of op_ways.def */
    str dialects;
    enum op_kind kind;
    str path;
    str words;
    str rename;
};

/* The operation whose path this is; *ret_model is the model that the path names, else absent.
 * NULL: none. */
const struct op *op_route(str path, str *ret_model);
/* How a provider of `dialect` is asked for this. A way with the client's words first; else, for
 * embeddings, one to translate to. NULL: it has none. */
const struct op_way *op_way_of(const struct op *op, str dialect);
/* The way takes the client's own bytes. */
bool op_is_same(const struct op *op, const struct op_way *way);
/* Does an answer of this kind come as bytes that are neither JSON nor events? */
bool op_makes_bytes(enum op_kind kind);

/* ---- requests */

/* A form, and where the model's name lies in it. */
struct op_form {
    str boundary;
    str body;
    str model; /* slice of the body; absent: the form names none */
};

/* A glance at a JSON request. Refuses like dialect_front.peek. `path_model`: see op_route. */
enum rc op_peek(const struct op *op, jval root, str path_model, struct arena *a,
                struct ir_peek *ret, struct fail *f) MUST_CHECK;
/* A glance at a form. The whole of it is parsed: what cannot be read in one way only is refused. */
enum rc op_peek_form(const struct op *op, str content_type, str body, str path_model,
                     struct op_form *ret_form, struct ir_peek *ret, struct fail *f) MUST_CHECK;

/* The provider's path behind the base: "/models/m:embedContent". */
void op_path(const struct op_way *way, str model, struct buf *to);
/* The client's own body with c->model. RC_LIMIT: the rope is full; RC_NOMEM. */
enum rc op_splice(const struct op *op, const struct op_way *way, jval root,
                  const struct back_call *c, struct arena *a, struct rope *out) MUST_CHECK;
/* The same for a form: nothing but the model is copied. RC_SYNTAX: the name cannot stand in it. */
enum rc op_splice_form(const struct op_form *form, str model, struct rope *out) MUST_CHECK;

/* ---- answers */

/* What a whole answer, or an event, says of its cost. False: nothing. */
bool op_read_usage(jval root, struct usage *ret);

/* Reads whole answers and streams: only framing, decode_body, decoder_* feed and end are set. The
 * first event is content. Usage comes as events of the sink, all else is forwarded, but for the
 * chunk of completions that only we asked for. */
extern const struct dialect_back op_reader;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed - texts in, vectors out, in the words of each API that has them.
 *
 *     front.decode_request ─> embed_request ─ back.encode_request ─> rope
 *     provider's body ─ back.decode_answer ─> embed_answer ─ front.encode_answer ─> rope
 *
 * The same idea as dialect.h in small: there is no stream, and an answer is a list of vectors. A
 * vector stays the JSON text that the provider wrote, or its base64 of little-endian float32, and
 * is rewritten only where the client wants the other form: OpenAI's SDKs ask for base64, and many
 * servers ignore that.
 *
 * What a request says that the other language has no words for is named in `lost`; what would give
 * other vectors than were asked for (pictures, token ids, bytes instead of floats) is refused.
 */
#pragma once
#include "dialect/dialect.h"

enum embed_form { EMBED_UNSAID, EMBED_FLOAT, EMBED_BASE64 };

/* What the vectors are for: some models are told. */
enum embed_task {
    EMBED_TASK_UNSAID,
    EMBED_TASK_DOCUMENT,
    EMBED_TASK_QUERY,
    EMBED_TASK_CLASSIFY,
    EMBED_TASK_CLUSTER,
    EMBED_TASK_OTHER, /* a word of one language only: embed_request.task_word */
};

struct embed_input {
    struct embed_input *next;
    jtext text;
    str tokens; /* JSON array of token ids instead of a text; absent */
};

struct embed_request {
    struct embed_input *inputs, **tail;
    uint64_t n;
    enum embed_form form;
    str dimensions; /* number text; absent: unsaid */
    enum embed_task task;
    jtext task_word;
    struct ir_lossy lost; /* members that no other language knows */
};

struct embed_answer {
    jtext id, model; /* may be absent */
    jval *vectors;   /* arrays of numbers, or base64 strings; in order of the inputs */
    uint64_t n;
    uint64_t tokens; /* of the prompt; 0: unsaid */
};

struct embed_opts { /* of the call, for answers */
    bool one;       /* the client asked for one vector (OP_EMBED_ONE) */
    str id;         /* ours, where the provider gave none */
    jtext model;    /* as it was asked for */
};

struct embed_words {
    str name;
    enum rc (*decode_request)(jval root, bool one, struct arena *a, struct embed_request *ret,
                              struct fail *f) MUST_CHECK;
    enum rc (*encode_request)(const struct embed_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f) MUST_CHECK;
    /* RC_SYNTAX: it holds no vectors. */
    enum rc (*decode_answer)(jval root, struct arena *a, struct embed_answer *ret) MUST_CHECK;
    void (*encode_answer)(const struct embed_answer *an, const struct embed_request *r,
                          const struct embed_opts *o, struct rope *out);
};

extern const struct embed_words embed_openai, embed_gemini, embed_cohere, embed_ollama;

/* By the name in ops.def; NULL: none. */
const struct embed_words *embed_words_find(str name);

/* Gemini to Gemini: the model stands in each of a batch's requests. One that names another model
 * than the path is sent with the path's, which is the one that was checked. */
enum rc embed_splice_gemini(jval root, str model, struct arena *a, struct rope *out) MUST_CHECK;
/* An answer in OpenAI's words with its vectors in the form that was asked for; all else as it came.
 * False: they are in that form already, and nothing was written. */
bool embed_reform(jval root, enum embed_form form, struct rope *out);
/* What encoding_format asks for. */
enum embed_form embed_form_of(jval root);

/* ---- for the languages' own files */

enum rc embed_add(struct embed_request *r, struct arena *a, jtext text, str tokens) MUST_CHECK;
/* Members of `object` that none of the names (separated by blanks) knows go into r->lost. */
void embed_note_unknown(struct embed_request *r, jval object, const char *known);
/* Room for n vectors. */
enum rc embed_vectors(struct embed_answer *an, struct arena *a, uint64_t n) MUST_CHECK;
/* An array of numbers, or base64 of whole floats: what embed_put_vector can write in either form. A
 * provider's answer that holds anything else is none (RC_SYNTAX), for no client could read it. */
bool embed_is_vector(jval v);
/* One vector in the form that the client wants. */
void embed_put_vector(struct rope *out, jval vector, enum embed_form form);
/* Refuses token ids, for languages without them. */
enum rc embed_texts_only(const struct embed_request *r, struct fail *f) MUST_CHECK;
uint64_t embed_count(jval v); /* a count of tokens; 0 when there is none */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_int - the parts of the Gemini dialect (generateContent), for its own files and vertex.c.
 *
 *     gemini.c          the table, headers, splicing; gemini_path.c: its paths, both ways;
 *                       gemini_error.c: errors, both ways
 *     gemini_read.c     front: request bytes → canonical; gemini_contents.c: its contents;
 *                       gemini_peek.c: the glance at one
 *     gemini_write.c    back:  canonical → request bytes; gemini_history.c: its contents,
 *                       gemini_media.c: their parts; gemini_think.c: what becomes of reasoning
 *     gemini_feed.c     back:  answer bytes → events; gemini_take.c: what a candidate's parts say;
 *                       gemini_partial.c: arguments in pieces; gemini_usage.c: token counts,
 *                       both ways
 *     gemini_say.c      front: events → stream; gemini_body.c: a collected answer → body;
 *                       gemini_part.c: parts of both
 *
 * The API is proto JSON: null is absent, members may be spelt in snake case, and where a list is
 * expected one object stands for a list of one.
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/field.h"
#include "dialect/gather.h"
#include "dialect/seal.h"
#include "json/write.h"

#define GEMINI_FAMILY "gemini"
/* In place of a call's signature, where none is known: Google checks none then. */
#define GEMINI_UNSIGNED "skip_thought_signature_validator"
#define GEMINI_EOL      "\r\n\r\n" /* ends an event */

/* A member by its camel case name, also where it is spelt in snake case. */
jval gemini_get(jval v, str name);
#define gemini_get_lit(v, lit) gemini_get((v), STR(lit))
/* Walk a list, or one object as a list of one. */
struct gemini_list {
    struct json_iter it;
    jval one;
    bool single;
};
struct gemini_list gemini_list_of(jval v);
bool gemini_list_next(struct gemini_list *l, jval *ret);

/* ---- front: requests ---- */

/* What reading one request needs. The decoding is first, so that a field_fn can come back to it. */
struct gemini_reading {
    struct decoding d;
    struct gemini_call *pending; /* the last turn's calls that have no response yet, in order */
    struct gemini_call **pending_tail;
    unsigned ncalls;       /* calls so far, for the ids of those that have none */
    struct ir_block *open; /* the text or thought that is open for more … */
    struct gather text;    /* … and its words, once they are more than one piece */
};

/* gemini_path.c */
bool gemini_route(str path, str query, struct front_route *ret);
bool gemini_route_array(str path, str query, struct front_route *ret);
/* "/models/M:method" with what a stream needs, behind `base`. */
void gemini_put_path(const struct back_call *c, str base, struct buf *to);

/* gemini_peek.c */
enum rc gemini_peek(jval root, const struct front_route *route, struct arena *a,
                    struct ir_peek *ret, struct fail *f) MUST_CHECK;

/* gemini_read.c */
enum rc gemini_decode_request(jval root, const struct front_route *route, struct arena *a,
                              struct ir_request *ret, struct fail *f) MUST_CHECK;

/* gemini_contents.c */
enum rc gemini_read_contents(struct decoding *d, jval v, void *to,
                             const struct field_at *at) MUST_CHECK; /* a field_fn */
/* Parts of a system instruction. */
enum rc gemini_read_system(struct gemini_reading *r, jval v) MUST_CHECK;
/* The camel case name of a server-side tool or a part, as it came when it is not known. */
str gemini_name(str key);

/* ---- back: requests ---- */

struct gemini_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    unsigned version;     /* of the model: 205, 300; 0: unknown */
    bool schema_in_words; /* the response's schema goes into the system text */
    bool has_functions;
};

/* gemini_write.c */
enum rc gemini_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f) MUST_CHECK;
void gemini_lose(struct gemini_writer *gw, str name);

/* gemini_think.c: the member thinkingConfig, where one is wanted */
void gemini_put_thinking(struct gemini_writer *gw);

/* gemini_media.c: parts */
void gemini_put_member(struct json_writer *w, str key, jtext text); /* nothing when empty */
void gemini_put_text(struct gemini_writer *gw, jtext text, jtext sealed);
void gemini_put_note(struct gemini_writer *gw, str text, str loss);
/* A block that neither a signature nor a call is tied to; of others nothing. */
void gemini_put_block(struct gemini_writer *gw, const struct ir_block *b);
bool gemini_wants_bytes(const struct ir_block *b); /* dialect_back.wants_bytes */
void gemini_put_blocks(struct gemini_writer *gw, const struct ir_block *b); /* and the next … */

/* gemini_history.c */
void gemini_put_system(struct gemini_writer *gw);   /* "systemInstruction", where there is one */
void gemini_put_contents(struct gemini_writer *gw); /* the array */

/* ---- back: answers ---- */

/* gemini_usage.c */
#define GEMINI_USAGE_MAX 384
/* Take over what a usageMetadata says; false: nothing usable in it. */
bool gemini_read_usage(jval usage, struct usage *to);
/* "usageMetadata":{…}; nothing where no count is known. */
void gemini_write_usage(const struct usage *u, struct buf *out);

#define GEMINI_CHOICES_MAX 8
#define GEMINI_FINISH_MAX  40
#define GEMINI_PATH_MAX    192 /* of an argument whose value comes in pieces */

struct gemini_choice {
    bool seen, open, has_calls, finished;
    bool is_sealed;    /* the open text has its signature */
    bool partial;      /* the open call comes in pieces (gemini_partial.c) */
    bool searched;     /* what was searched for was told */
    enum ir_kind kind; /* of the open block */
    uint32_t block;    /* of the open block, or the next one */
    uint32_t codes;    /* executed so far */
    enum ir_finish finish;
    uint8_t finish_n;
    char finish_word[GEMINI_FINISH_MAX];
};

/* Arguments in pieces: where in the object the last piece stood. One call at a time. */
struct gemini_partial {
    bool any, string_open;
    uint16_t path_n;
    char path[GEMINI_PATH_MAX];
};

struct gemini_decoder {
    bool started, over;
    struct usage usage;
    struct gemini_partial partial;
    struct gemini_choice choices[GEMINI_CHOICES_MAX];
};

/* One chunk at work. */
struct gemini_feeding {
    struct gemini_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
    struct gemini_choice *c;
    uint32_t index; /* of c */
};

/* gemini_feed.c */
#define GEMINI_DECODER_SIZE 1024 /* checked against the struct there */
void gemini_decoder_init(void *state, bool client_usage);
enum feed_result gemini_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink) MUST_CHECK;
bool gemini_end(void *state, struct ir_sink sink) MUST_CHECK;
void gemini_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);
/* Emit ERROR and end the stream. Returns false. */
bool gemini_upstream_broke(struct gemini_feeding *f, str message);

/* gemini_take.c: events of one candidate. False: unusable, ERROR is out, the stream is over. */
bool gemini_take_candidate(struct gemini_feeding *f, jval v) MUST_CHECK;
void gemini_close_block(struct gemini_feeding *f);
enum ir_finish gemini_finish_of(jtext word);

/* gemini_partial.c: the open call's arguments as Vertex streams them */
bool gemini_partial_begin(struct gemini_feeding *f) MUST_CHECK; /* false as above */
bool gemini_partial_take(struct gemini_feeding *f, jval pieces) MUST_CHECK;
void gemini_partial_end(struct gemini_feeding *f);

/* ---- front: answers ---- */

/* gemini_say.c */
#define GEMINI_STREAM_SIZE 2048 /* checked against the struct there */
/* Between the events of a stream, and between the members of an array, an empty line means nothing.
 * A comment (": ping") would mean nothing to other readers of events, but Google's Python SDK takes
 * each line that is not `data:` for JSON, and fails; so does the SDK within Gemini CLI. */
#define GEMINI_PING "\r\n"
void gemini_stream_init(void *state, const struct front_opts *o);
void gemini_stream_init_array(void *state, const struct front_opts *o);
void gemini_encode_event(void *state, const struct ir_event *ev, struct buf *out);
void gemini_encode_raw(void *state, const struct sse_event *ev, struct buf *out);
str gemini_finish_word(enum ir_finish f);

/* gemini_body.c */
void gemini_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out);

/* gemini_part.c: parts that are no text, for both */
/* The arguments of a call: `args` where it is JSON text of an object, {} for what was cut off and
 * for the free text of a custom tool (which no client of this language declares). */
str gemini_object_of(struct arena *a, str args);
/* Code that a provider ran, or its result, from an opaque block and the input that came after it
 * (escaped; or empty). Absent: there are no words for the block. */
str gemini_opaque_part(struct arena *a, str raw, jtext input);
void gemini_put_media(struct buf *out, const struct ir_media *m);

/* gemini_error.c */
void gemini_put_error(const struct fail *f, unsigned status, struct buf *out);
void gemini_encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body);
void gemini_encode_stream_error(const struct fail *f, str request_id, struct buf *out);
void gemini_encode_array_error(const struct fail *f, str request_id, struct buf *out);
void gemini_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret);

/* gemini.c */
enum rc gemini_splice_request(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out) MUST_CHECK;

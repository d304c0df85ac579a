/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_int - the parts of the OpenAI Responses dialect, for its own files, and for dialects
 * that are this one at another address (Azure): they may build a dialect_back of the functions
 * below with a path and a credential of their own.
 *
 *     responses.c          the table, paths, headers, errors
 *     responses_read.c     front: request bytes → canonical; responses_tool.c: its tools,
 *                          responses_input.c: its items, responses_part.c: their content
 *     responses_write.c    back:  canonical → request bytes; responses_history.c: its items
 *     responses_feed.c     back:  answer bytes → events; responses_take.c: what one item says,
 *                          responses_usage.c: token counts, both ways
 *     responses_say.c      front: events → stream and body; responses_out.c: the items it is made
 *                          of, responses_echo.c: the response object around them
 *     responses_stored.c   front: answers that are asked for again by their id
 *
 * What is peculiar to this language, seen from the others:
 *
 *   - a conversation is a flat list of items (message, reasoning, function_call,
 *     function_call_output …) where others have turns that hold blocks;
 *   - the last event of a stream repeats the whole answer and the whole request, so an encoder
 *     must remember both;
 *   - the service can keep the conversation for its client (previous_response_id, item_reference,
 *     background): another language's provider does not, so those are refused in translation.
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/field.h"
#include "dialect/gather.h"
#include "json/write.h"

#define RESPONSES_FAMILY "openai-responses"

/* ---- front: requests ---- */

/* responses_read.c */
enum rc responses_peek(jval root, const struct front_route *route, struct arena *a,
                       struct ir_peek *ret, struct fail *f) MUST_CHECK;
enum rc responses_decode_request(jval root, const struct front_route *route, struct arena *a,
                                 struct ir_request *ret, struct fail *f) MUST_CHECK;

/* responses_tool.c; field_fns */
enum rc responses_read_tools(struct decoding *d, jval v, void *to,
                             const struct field_at *at) MUST_CHECK;
enum rc responses_read_choice(struct decoding *d, jval v, void *to,
                              const struct field_at *at) MUST_CHECK;
/* A tool inside a namespace, as the one flat name that other languages have: "space__name". In the
 * arena; absent when it is full. */
jtext responses_flat_name(struct arena *a, jtext space, jtext name);

/* What the client's own request says of the tool that a model called by its flat name. */
struct responses_called {
    jtext space; /* absent: none */
    jtext name;
    bool is_known;  /* the request declares it */
    bool is_custom; /* … as one that takes free text */
};
struct responses_called responses_find_tool(jval request, jtext flat);

/* responses_input.c; a field_fn: a string or the list of items */
enum rc responses_read_input(struct decoding *d, jval v, void *to,
                             const struct field_at *at) MUST_CHECK;
/* responses_part.c: a string or a list of content parts, appended at *tail */
enum rc responses_read_content(struct decoding *d, jval v, const struct field_at *at,
                               struct ir_block ***tail) MUST_CHECK;

/* ---- back: requests ---- */

/* responses_write.c */
struct responses_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    bool custom_calls;       /* the history has calls of free-text tools */
    bool seals;              /* reasoning of ours went into the history */
    bool searches, computes; /* hosted tools that have more to tell when asked */
};
enum rc responses_encode_request(const struct ir_request *r, const struct back_call *c,
                                 struct arena *a, struct rope *out, struct ir_lossy *lossy,
                                 struct fail *f) MUST_CHECK;
void responses_lose(struct responses_writer *rw, str name);
/* responses_history.c: the array of items */
void responses_put_input(struct responses_writer *rw);
/* Will this thinking or redacted block be written? */
bool responses_keeps_thought(const struct ir_block *b);

/* responses.c */
void responses_request_path(const struct back_call *c, str base_path, struct buf *to);
enum rc responses_splice_request(jval root, const struct back_call *c, struct arena *a,
                                 struct rope *out) MUST_CHECK;

/* ---- back: answers ---- */

/* responses_feed.c */
#define RESPONSES_DECODER_SIZE 512 /* checked against the struct there */
void responses_decoder_init(void *state, bool client_usage);
enum feed_result responses_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                                struct ir_sink sink) MUST_CHECK;
bool responses_end(void *state, struct ir_sink sink) MUST_CHECK;
void responses_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);

/* responses_usage.c */
#define RESPONSES_USAGE_MAX 320
bool responses_read_usage(jval usage, struct usage *ret); /* false: nothing usable in it */
void responses_write_usage(const struct usage *u, struct buf *out); /* an object */

/* ---- front: answers ---- */

#define RESPONSES_GATHER_MAX (64u << 20) /* of an answer, as of the bodies that the gate reads */

/* Before the seal of a thought that is sealed altogether (base64 of "redacted:"): here it is an
 * item like that of a thought with a signature. */
#define RESPONSES_REDACTED "cmVkYWN0ZWQ6"

enum responses_item {
    ITEM_NONE,
    ITEM_MESSAGE,
    ITEM_REASONING,
    ITEM_CALL,
    ITEM_CUSTOM, /* a call with free text */
    ITEM_HOSTED, /* a call that the provider makes itself */
};

#define RESPONSES_ID_MAX    96
#define RESPONSES_MODEL_MAX 160

/* A stream under way: what was sent and will be repeated. Items are gathered once, as the JSON that
 * they will be when they are done; each *.done event and the terminal one are slices of it:
 *
 *     json:  {"id":"msg_x_0",…,"content":[{"type":"output_text","text":"Hello","annotations":[]}]}
 *            ^ item_at                    ^ part_at                     ^ text_at
 */
struct responses_stream {
    bool started, over;
    bool failed; /* the arena is full: nothing more can be repeated */
    uint64_t seq;
    /* the response */
    struct arena *arena;
    jval request;
    str echo,
        early; /* members that repeat the request: all of them, and those of the first events */
    uint64_t created;
    struct front_kept *kept;
    struct usage usage;
    enum ir_finish finish;
    /* its items */
    struct gather json;
    struct gather notes; /* annotations of the open text, or a seal, or wrapped arguments */
    struct gather probs; /* log probabilities of the open text */
    size_t item_at, part_at, text_at;
    enum responses_item item;
    uint32_t index; /* of the open item, or the next one */
    uint32_t part;  /* of the open part, or the next one */
    uint32_t nnotes;
    bool part_open, refusal; /* … which is a refusal */
    bool spoke;              /* the open part or call has brought something */
    bool wrapped;            /* a free-text call that came as a function's arguments */
    bool mute;               /* a function's call that came with free text, which is no arguments */
    uint64_t chars;          /* of the open text */
    enum ir_server hosted;   /* what the open hosted call does */
    str result;              /* of it, while it is ended */
    str mark;                /* of the maker of the open thought's seal; static */
    uint16_t own_n, id_n, model_n, item_id_n;
    char own_id[RESPONSES_ID_MAX]; /* of the call: made-up ids are made of it */
    char id[RESPONSES_ID_MAX];     /* the provider's, where it is one of this language */
    char model[RESPONSES_MODEL_MAX];
    char item_id[RESPONSES_ID_MAX + 32];
};

/* responses_say.c */
void responses_stream_init(void *state, const struct front_opts *o);
void responses_encode_event(void *state, const struct ir_event *ev, struct buf *out);
void responses_encode_stream_error(const struct fail *f, str request_id, struct buf *out);
void responses_encode_body(const struct ir_response *r, const struct front_opts *o,
                           struct rope *out);
/* The head of an event whose name is `name`, up to and with its sequence number. */
#define RESPONSES_EVENT(name) \
    STR("event: " name "\ndata: {\"type\":\"" name "\",\"sequence_number\":")
void responses_begin_event(struct responses_stream *st, str head, struct buf *out);

/* responses_out.c: blocks to items, gathered and said */
void responses_open_block(struct responses_stream *st, const struct ir_event *ev, struct buf *out);
void responses_add_delta(struct responses_stream *st, const struct ir_event *ev, struct buf *out);
/* End the item under way, if there is one; `status` of it: "completed", "incomplete". */
void responses_close_item(struct responses_stream *st, str status, struct buf *out);

/* responses_echo.c */
/* Fill st->echo and st->early from st->request. */
void responses_make_echo(struct responses_stream *st);
/* Where the response object is written: onto a buf or a rope. */
struct responses_put {
    void (*fn)(void *to, str s);
    void *to;
};
void responses_put_object(const struct responses_stream *st, struct responses_put p, str status,
                          str echo, const struct fail *fail);
/* The same but for the items: what stands before them, with the bracket, and after. */
void responses_put_before(const struct responses_stream *st, struct responses_put p, str status,
                          const struct fail *fail);
void responses_put_after(const struct responses_stream *st, struct responses_put p, str status,
                         str echo);

/* responses_stored.c */
extern const struct front_stored responses_stored;
/* The answer is whole: into *st->kept, if it is wanted there. */
void responses_give_kept(const struct responses_stream *st, str status);

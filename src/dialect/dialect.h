/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect - one wire language, as a table of pure functions.
 *
 * A dialect may have a front (what clients speak to us), a back (what we speak to providers) or
 * both. Translation goes front → canonical (ir/) → back, and the answer's events the other way:
 *
 *     body ─ front.decode_request ─> ir_request ─ back.encode_request ─> rope
 *     provider's stream ─ framing ─ back.feed ─> ir_event ─ front.encode_event ─> client
 *     provider's body ── back.decode_body ─────> ir_event ─ (ir_collect) ─ front.encode_body ─>
 * client
 *
 * The same dialect on both sides skips all of it: back.splice_request sends the client's own bytes
 * with only the model (and what accounting needs) exchanged; back.feed still runs over the passing
 * events, learns usage, finish and errors, and says of each raw event whether it may be forwarded.
 * A stream that was asked where JSON comes (and the reverse) is decode_body into encode_event (feed
 * into ir_collect and encode_body).
 *
 * Nothing here does I/O, reads a clock or keeps globals. Stream state is memory of the caller
 * (stream_size, decoder_size bytes, 16-aligned, zeroed or not); nothing is allocated per event.
 * What a front's language wants whole (a call's arguments, a text told once more at its end) is
 * gathered in front_opts.arena, bounded, growing in place. JSON nodes of one event are in the
 * worker's dialect_scratch, so an idle stream holds none.
 *
 * Trust: bytes of clients and of providers are hostile. Errors are returned in `struct fail`, never
 * asserted.
 */
#pragma once
#include "base/rope.h"
#include "http/frame.h"
#include "ir/event.h"
#include "ir/response.h"

/* ---- quirks: how one provider deviates; all zero is right for the dialect's inventor ------------
 */

enum dialect_max_tokens { /* which name is written; AUTO: the old one */
                          MAXTOK_AUTO,
                          MAXTOK_OLD /* max_tokens */,
                          MAXTOK_NEW /* max_completion_tokens */
};
/* How asked-for reasoning is put to a Chat provider. AUTO: it is not, for most open models think,
 * or not, by themselves. */
enum dialect_effort {
    EFFORT_AUTO,
    EFFORT_NONE,
    EFFORT_FIELD /* reasoning_effort */,
    EFFORT_OBJECT /* reasoning:{effort|max_tokens}, OpenRouter */,
    EFFORT_THINKING /* thinking:{type}, GLM, Kimi, Doubao */,
    EFFORT_ENABLE /* enable_thinking and thinking_budget, Qwen */,
    EFFORT_BOTH /* thinking:{type} and reasoning_effort, DeepSeek */,
    EFFORT_SWITCH /* reasoning_effort: "high" or "none", Mistral */,
    EFFORT_EITHER /* thinking:{type} and enable_thinking, for whoever knows one of them */
};
/* How earlier thoughts go back to a Chat provider. AUTO: as reasoning_content. */
enum dialect_replay {
    REPLAY_AUTO,
    REPLAY_NONE,
    REPLAY_CONTENT /* reasoning_content */,
    REPLAY_REASONING /* reasoning */,
    REPLAY_DETAILS /* reasoning_details */,
    REPLAY_PARTS /* parts of the content, Mistral */
};
/* How a Chat provider is asked to search the web. AUTO: it can't be. */
enum dialect_search {
    SEARCH_AUTO,
    SEARCH_OPTIONS /* web_search_options, OpenAI's search models */,
    SEARCH_TOOL /* a tool "openrouter:web_search" */,
    SEARCH_FILTER /* web_search_options and search_domain_filter, Perplexity */,
    SEARCH_ENABLE /* enable_search, Qwen */,
    SEARCH_GLM /* a tool "web_search", Zhipu */
};
enum dialect_thinking { THINKING_AUTO, THINKING_BUDGET, THINKING_ADAPTIVE }; /* Anthropic models */
/* System messages after the first turn: as they are, or as the user's text in <system> tags. AUTO:
 * the latter, for many refuse them. */
enum dialect_mid_system { MID_SYSTEM_AUTO, MID_SYSTEM_KEEP, MID_SYSTEM_USER };
/* What becomes of an answer that was begun: an assistant message at the end of the history. AUTO,
 * as NONE: it is not gone on with, but answered anew or refused. */
enum dialect_prefill {
    PREFILL_AUTO,
    PREFILL_NONE,
    PREFILL_PLAIN,  /* the model goes on where it ends */
    PREFILL_PREFIX, /* the same, with "prefix":true on the message; Chat only */
    PREFILL_PARTIAL /* with "partial":true; Chat only */
};
enum dialect_auth {
    AUTH_DEFAULT,
    AUTH_BEARER,
    AUTH_X_API_KEY,
    AUTH_API_KEY /* azure */,
    AUTH_GOOG,
    AUTH_NONE
};

/* What may be refused, by number; REFUSES(TEMPERATURE) is its bit in dialect_opts.refused. */
enum dialect_param {
#define PARAM(id, name) PARAM_##id,
#include "dialect/param.def"
#undef PARAM
    PARAM_COUNT
};
#define REFUSES(id) (UINT64_C(1) << PARAM_##id)

/* For one provider and model; dialect/quirk.h makes it from the table and the configuration. */
struct dialect_opts {
    enum dialect_auth auth;
    enum dialect_max_tokens max_tokens;
    enum dialect_effort effort;
    enum dialect_replay replay;
    enum dialect_search search;
    enum dialect_thinking thinking;
    enum dialect_mid_system mid_system;
    enum dialect_prefill prefill;
    uint64_t refused;        /* REFUSES(…): would end in a 400, so it is not sent */
    uint64_t accepted;       /* REFUSES(…): surely taken, whatever a more general rule says */
    uint8_t temperature_max; /* in tenths; 0: what the dialect allows */
    uint8_t stop_max;        /* stop sequences; 0: what the dialect allows */
    /* From these two sets, for those who write: */
    bool no_stream_options;      /* no stream_options */
    bool no_strict;              /* no `strict` on tools */
    bool told_effort;            /* thinks only when it is told how hard */
    bool text_only_parts;        /* content must be a string */
    bool cache_markers;          /* surely takes cache_control on Chat parts (OpenRouter) */
    bool developer;              /* surely knows the developer's role; else say system */
    uint64_t default_max_tokens; /* Anthropic, when the client gave none; 0: by the model's name */
    str api_version;             /* anthropic-version, api-version; absent: the dialect's default */
    str path;        /* replaces the endpoint path after the base ("/chat/completions") */
    str extra;       /* a member of every translated Chat request ("reasoning_split") … */
    str extra_value; /* … and its JSON text */
};

/* ---- worker's scratch ---------------------------------------------------------------------------
 */

/* JSON nodes and bytes for decoding one event at a time. One per worker (or per test). */
struct dialect_scratch {
    struct json_node *nodes;
    uint32_t cap;
    struct json_doc doc;
    struct buf text;  /* for one event's made-up text */
    struct buf clean; /* a source that had to be repaired */
};

void scratch_init(struct dialect_scratch *s);
void scratch_fini(struct dialect_scratch *s);
/* Parse into the scratch, growing it; the document dies at the next parse. Bytes that are no UTF-8
 * are replaced by U+FFFD first (providers do send them); `src` must outlive the document. */
enum rc scratch_parse(struct dialect_scratch *s, str src, jval *ret) MUST_CHECK;

/* ---- front --------------------------------------------------------------------------------------
 */

enum front_op {
    FRONT_CHAT,
    FRONT_COUNT,
    FRONT_STORED, /* an answer of before, by its id: dialect_front.stored is there */
    FRONT_ABSENT, /* a path of this language that is not served: answered with `why` */
};

/* What is wanted of a stored answer: it is read or deleted (GET, DELETE), what it was asked is read
 * (GET), it is to be cancelled (POST). */
enum front_want { FRONT_WANT_ANSWER, FRONT_WANT_ITEMS, FRONT_WANT_CANCEL };

struct front_route { /* what a path says */
    enum front_op op;
    str model; /* where the path names one (Gemini), percent-decoding left to the caller; else
                  absent */
    bool stream_said; /* the path decides about streaming */
    bool stream;
    str why; /* FRONT_ABSENT: static text that says what to do instead */
    str id;  /* FRONT_STORED: of the answer; never empty */
    enum front_want want;
};

/* An answer that a later request may name by its id: JSON text, cut around the items that such a
 * request would have to repeat. */
struct front_kept {
    str id;                    /* as the client knows it; absent: it did not come to its end */
    str before, output, after; /* `output` is the inside of an array, and may be empty. All absent:
                                  what it said can't be known (yet) */
    bool elsewhere;            /* its provider keeps it too, and knows the id */
};

/* What a front encoder must know of the call. Strings are copied where they must last. */
struct front_opts {
    struct arena *arena; /* the call's: for what an encoder must gather before it can say it */
    str id;              /* our id of the call, [A-Za-z0-9_-]+: used where the provider gave none */
    jtext model;         /* name to report where the provider gave none */
    uint64_t created;    /* unix seconds now */
    bool include_usage;  /* ir_request/ir_peek.include_usage */
    bool as_mistral;     /* Chat's streams as Mistral's own clients read them: calls whole */
    uint64_t
        input_estimate; /* prompt tokens by our count, for dialects that say them first; 0: none */
    jval request;       /* the client's own body, or absent: for dialects whose answer repeats it */
    struct front_kept *kept; /* filled when the answer is whole; NULL: it will not be kept */
};

struct front_error { /* how to answer a failed call */
    unsigned status;
    unsigned retry_after_s; /* 0: none */
    uint64_t retry_after_ms;
    bool should_retry_no; /* send x-should-retry: false */
    str aws_type;         /* value of x-amzn-errortype; absent: none */
};

struct dialect_front {
    /* Is `path` (without query) mine? */
    bool (*route)(str path, str query, struct front_route *ret);

    /* A glance at the body. Refuses what it reads and is wrong (model missing, stream:"true",
     * max_tokens:1.5, n:0 …): then *f is filled and the result is not RC_OK. RC_NOMEM: arena full.
     */
    enum rc (*peek)(jval root, const struct front_route *route, struct arena *a,
                    struct ir_peek *ret, struct fail *f) MUST_CHECK;
    /* The whole request; also what peek checks. */
    enum rc (*decode_request)(jval root, const struct front_route *route, struct arena *a,
                              struct ir_request *ret, struct fail *f) MUST_CHECK;

    str stream_type; /* content-type of a stream */
    size_t stream_size;
    void (*stream_init)(void *state, const struct front_opts *o);
    /* Append what the event means to the client; often nothing. Look at out->failed afterwards. An
     * ERROR event writes the dialect's in-stream error; after it nothing more is written. */
    void (*encode_event)(void *state, const struct ir_event *ev, struct buf *out);
    /* Same dialect on both sides, but another framing: put the provider's own event among the
     * stream's, unread. The encoder is at work then, and is told of END and ERROR only. NULL: raw
     * events go to the client as they came. */
    void (*encode_raw)(void *state, const struct sse_event *ev, struct buf *out);
    /* Keeps an idle stream alive; valid between events, also before the first. */
    str ping;

    void (*encode_body)(const struct ir_response *r, const struct front_opts *o, struct rope *out);
    /* Body (application/json) and head of an error answer. request_id may be absent. */
    void (*encode_error)(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body);
    /* The same inside a stream, when no encoder is at work (same dialect on both sides). */
    void (*encode_stream_error)(const struct fail *f, str request_id, struct buf *out);
    /* Answer of FRONT_COUNT; NULL when the dialect has none. */
    void (*encode_count)(uint64_t tokens, struct buf *body);
    /* Header in which the client's dialect expects the request id. */
    str id_header;
    const struct front_stored *stored; /* NULL: no answer can be asked for again */
};

/* A dialect in which an answer can be read and deleted later, by its id. */
struct front_stored {
    /* Same dialect on both sides: the event that ends an answer, or its body. *ret refers to its
     * text; its id stays absent when this is no answer. */
    void (*hear)(jval last, struct front_kept *ret);
    /* The answer to a deletion. */
    void (*put_deleted)(str id, struct buf *out);
    /* What the answer `id` was asked: `items` is the array of all of them, `query` the client's
     * (how many, from which end …). RC_SYNTAX with *f: it makes no sense. */
    enum rc (*put_items)(jval items, str id, str query, struct buf *out, struct fail *f) MUST_CHECK;
};

/* ---- back ---------------------------------------------------------------------------------------
 */

/* What feed says of one event. Same dialect: whether its raw bytes go on to the client. */
enum feed_result {
    FEED_FORWARD,
    FEED_DROP,  /* asked for by us only, or after the end */
    FEED_END,   /* the terminal event: forward it; the stream is whole */
    FEED_ERROR, /* the sink got IR_EV_ERROR; do not forward: write the fail in the client's words */
};

struct back_aws { /* an AWS key whose secret is back_call.key; access_key_id absent: none */
    str access_key_id, session_token, region;
};

struct back_call {
    const struct dialect_opts *opts;
    str model; /* plain: as the provider calls it */
    bool stream;
    bool same;              /* the client speaks this dialect: its bytes are spliced */
    str key;                /* credential; absent: none */
    str query;              /* what the configuration appends to the path, without '?'; or absent */
    str client_version;     /* of the family's own clients: anthropic-version; or absent */
    str client_beta;        /* … and anthropic-beta; or absent */
    struct ir_lossy *lossy; /* same: what splicing had to cut; or NULL */
    struct back_aws aws;
};

/* A request that is written, for a signature. */
struct back_signing {
    str method, path, query, host; /* as they are sent; query without '?', may be absent */
    str content_type;              /* the same; absent where none is sent */
    const uint8_t *body_sha256;
    uint64_t unix_seconds;
};

struct reply_facts { /* of a failed answer */
    unsigned status;
    str content_type;
    str retry_after, retry_after_ms, should_retry; /* header values or absent */
    str error_type;                                /* x-amzn-errortype, or absent */
    str date;                                      /* when it was said, by the provider's clock */
    uint64_t unix_s;                               /* … and by ours; 0: the caller has no clock */
};

typedef void (*header_fn)(void *ctx, str name, str value);

struct dialect_back {
    enum frame_kind framing; /* of its streams */
    /* Endpoint path, appended to `to`: base_path is the base URL's path without trailing slash. A
     * base that is already the whole endpoint is understood. */
    void (*request_path)(const struct back_call *c, str base_path, struct buf *to);
    /* All headers but host, content-length, content-type: names in lower case. Values die when fn
     * returns. */
    void (*request_headers)(const struct back_call *c, header_fn fn, void *ctx);
    /* Headers that depend on the whole request. NULL: none; asked only for a call with AWS keys. */
    void (*sign)(const struct back_call *c, const struct back_signing *s, header_fn fn, void *ctx);

    /* The request in this dialect, with c->model for its model. What can't be said is named in
     * *lossy. RC_LIMIT when the rope is full, RC_SYNTAX with *f when it must be refused
     * (unsupported). `a` is for bytes the rope refers to. */
    enum rc (*encode_request)(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f) MUST_CHECK;
    /* The client's own bytes with c->model; asks for the usage in streams. `root` is its document.
     */
    enum rc (*splice_request)(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out) MUST_CHECK;

    /* Of an image or document that stands at a URL: this language can say only its bytes, and would
     * (media_wants_bytes). NULL: it can say the URL, or nothing at all. */
    bool (*wants_bytes)(const struct ir_block *b);
    bool splice_cuts; /* splice_request leaves out what opts->refused names */

    /* A whole 200 body to events. An error inside it comes as IR_EV_ERROR; anything that is no
     * answer of this dialect too (ERR_UPSTREAM). */
    void (*decode_body)(jval root, struct dialect_scratch *s, struct ir_sink sink);

    size_t decoder_size;
    /* client_usage: the client asked for the usage chunk itself (front_opts.include_usage). */
    void (*decoder_init)(void *state, bool client_usage);
    /* One event of the stream. After FEED_END and FEED_ERROR everything is FEED_DROP. */
    enum feed_result (*feed)(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink) MUST_CHECK;
    /* Same dialect, where the family's clients get other frames than this provider sends: the event
     * that was just fed, as they get it. NULL: the raw bytes. */
    void (*reframe)(void *state, struct dialect_scratch *s, struct buf *out);
    /* The bytes ended. True: the answer is whole (terminal event seen, or a finish reason where
     * providers forget the terminal event); END has been sent. False: cut off; nothing was sent. */
    bool (*end)(void *state, struct ir_sink sink) MUST_CHECK;

    /* A non-2xx answer. Never fails: what can't be read goes by the status. */
    void (*decode_error)(const struct reply_facts *r, str body, struct arena *a, struct fail *ret);
};

/* For the dialects' own slots. */
/* Into an encoder's state, which outlives the event: a text that fits whole is copied, and its
 * length returned; else, and for what is absent, 0. */
uint16_t dialect_keep(char *to, size_t cap, str s);
/* Append JSON text that may be spread over lines, for an event must be one: line ends, which stand
 * between tokens only, become blanks. */
void dialect_add_line(struct buf *out, str json);
void dialect_error_head(const struct fail *f, unsigned status, struct front_error *ret);
/* decode_error for every provider that answers errors in JSON (dialect/provider_error.h). */
void dialect_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret);
/* The same of an error that was read already: its kind, texts in the arena, waits. */
struct provider_error;
void dialect_fail_of(const struct reply_facts *r, const struct provider_error *e, struct arena *a,
                     struct fail *ret);
/* The credential of c->key as the provider wants it; `usual` where opts leave it open. */
void dialect_put_auth(const struct back_call *c, enum dialect_auth usual, header_fn fn, void *ctx);

struct dialect {
    str name;
    str family; /* the language on the wire: two dialects of one family pass each other's bytes */
    const struct dialect_front *front; /* or NULL */
    const struct dialect_back *back;   /* or NULL */
};

#define DIALECT(c_name, config_name) extern const struct dialect dialect_##c_name;
#include "dialect/registry.def"
#undef DIALECT

/* Do these two pass each other's bytes (one family, and the back can splice)? */
bool dialect_is_same(const struct dialect *front, const struct dialect *back);
/* By config name ("openai", "anthropic"); NULL: unknown. */
const struct dialect *dialect_find(str name);
/* All, in the order of the registry; NULL past the end. */
const struct dialect *dialect_at(size_t i);
/* The front whose path this is, and what the path says; NULL: none. */
const struct dialect *dialect_route(str path, str query, struct front_route *ret);

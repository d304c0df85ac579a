/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_request - one chat request in canonical form: a view over the client's bytes.
 *
 * Both sides of the gateway speak JSON, so text is never unescaped on its way: a `jtext` is the
 * body of a JSON string as it stands in the source, escapes and all, and goes into the outgoing
 * rope by reference (json_put_raw_str). Whole JSON values that are only carried (schemas, tool
 * arguments, cache markers) are a `str` holding JSON text. Numbers that are only carried keep their
 * text, so nothing is rounded. Only what logic needs is plain text, and its name says so (model).
 *
 *     messages -> msg(system) -> msg(user) -> msg(assistant) -> msg(tool) …
 *                    |              |             |                |
 *                  text        text, image    thinking,        tool_result -> text, image
 *                                             text, tool_use
 *
 * Order is the client's. System text is a message like others (role IR_SYSTEM or IR_DEVELOPER), in
 * its place: at the front, or in mid-conversation. Tool results are blocks, in a message of role
 * IR_TOOL or IR_USER. `null` was taken for absent. Lists are linked, in the call's arena.
 *
 * Lifetime: as long as the request body and the arena it was decoded into.
 */
#pragma once
#include "base/arena.h"
#include "ir/error.h"
#include "json/json.h"

typedef str jtext; /* body of a JSON string, still escaped; p == NULL: absent */

enum ir_role { IR_USER, IR_ASSISTANT, IR_SYSTEM, IR_DEVELOPER, IR_TOOL };

enum ir_kind {
    IR_TEXT,
    IR_THINKING,
    IR_REDACTED, /* thinking that only the provider can read */
    IR_REFUSAL,
    IR_IMAGE,
    IR_DOCUMENT, /* PDF, text or other file */
    IR_AUDIO,
    IR_TOOL_USE,
    IR_TOOL_RESULT,
    IR_OPAQUE, /* a block of one dialect's own: server tools, container uploads … */
};

enum ir_tri { IR_UNSET, IR_NO, IR_YES };

/* Where an image, document or sound is. */
enum ir_media_src {
    IR_MEDIA_URL,
    IR_MEDIA_BASE64,
    IR_MEDIA_TEXT,
    IR_MEDIA_FILE_ID,
    IR_MEDIA_BLOCKS
};

struct ir_media {
    enum ir_media_src src;
    jtext data;              /* url, base64, text or id */
    jtext media_type;        /* "image/png"; absent when the source did not say */
    jtext title;             /* file name or title */
    jtext context;           /* Anthropic documents */
    jtext detail;            /* OpenAI images: low, high, auto */
    str citations;           /* JSON text: {"enabled":true} */
    struct ir_block *blocks; /* IR_MEDIA_BLOCKS: a document made of content blocks */
};

struct ir_cite { /* one citation: JSON text, Anthropic's form */
    struct ir_cite *next;
    str json;
};

struct ir_block {
    struct ir_block *next;
    enum ir_kind kind;
    bool is_error;  /* tool_result */
    bool is_custom; /* tool_use of a custom tool: args is a jtext of free text, not JSON */
    str cache;      /* cache marker, JSON text */
    str raw;        /* the block's whole JSON as it came; its dialect is the request's */
    union {
        struct {
            jtext text;
            struct ir_cite *citations;
            jtext sealed; /* Gemini's signature of the text, to return with it; or absent */
        } text;           /* also IR_REFUSAL */
        struct {
            jtext text;
            jtext signature; /* absent: unsigned */
            jtext format;    /* who signed, where the source said: "anthropic-claude-v1" */
        } thinking;          /* IR_REDACTED: text is the sealed data */
        struct {
            jtext id, name;
            str args;     /* JSON text of an object; "{}" at least */
            jtext sealed; /* Gemini's thought signature: must return with this call; or absent */
        } use;
        struct {
            jtext id, name; /* name: where the dialect gives one */
            struct ir_block *content;
        } result;
        struct ir_media media; /* IMAGE, DOCUMENT, AUDIO */
        struct {
            jtext type;     /* the block's type name */
            jtext id, name; /* of a server tool */
            jtext args;     /* its input, while it is gathered from a stream */
            str family;     /* of an answer: whose words, when known */
        } opaque;
    };
};

struct ir_message {
    struct ir_message *next;
    enum ir_role role;
    jtext name; /* participant name, where given */
    struct ir_block *blocks;
    struct ir_block **tail;
};

enum ir_tool_kind { IR_TOOL_FUNCTION, IR_TOOL_CUSTOM, IR_TOOL_SERVER };

/* What a tool does that the vendor runs itself, as far as more than one vendor has such a tool;
 * dialect/server_tool.h translates. */
enum ir_server {
    IR_SERVER_OTHER, /* only its vendor knows */
    IR_SERVER_SEARCH,
    IR_SERVER_FETCH,
    IR_SERVER_CODE,
};

struct ir_tool {
    struct ir_tool *next;
    enum ir_tool_kind kind;
    enum ir_server server; /* SERVER */
    jtext name, description;
    jtext type;  /* CUSTOM and SERVER: the type as it came, "web_search_20250305" */
    jval schema; /* in the request's document; absent when none was given */
    enum ir_tri strict;
    str cache;
    str raw;
};

enum ir_choice_kind {
    IR_CHOICE_UNSET,
    IR_CHOICE_AUTO,
    IR_CHOICE_NONE,
    IR_CHOICE_ANY,
    IR_CHOICE_NAMED
};

struct ir_tool_choice {
    enum ir_choice_kind kind;
    jtext name;
    enum ir_tri parallel;
};

enum ir_think { IR_THINK_UNSET, IR_THINK_OFF, IR_THINK_ON, IR_THINK_ADAPTIVE };

struct ir_reasoning {
    enum ir_think mode;
    jtext effort;    /* minimal low medium high xhigh max; absent: unsaid */
    uint64_t budget; /* tokens; 0: unsaid */
    jtext summary;   /* how thoughts are to be shown: "summarized", "omitted", "auto" … */
};

enum ir_format_kind { IR_FORMAT_UNSET, IR_FORMAT_TEXT, IR_FORMAT_JSON, IR_FORMAT_SCHEMA };

struct ir_format {
    enum ir_format_kind kind;
    jtext name, description;
    jval schema; /* in the request's document */
    enum ir_tri strict;
};

/* A field that the canonical form has no place for. */
struct ir_field {
    struct ir_field *next;
    str name; /* as in the source */
    str json; /* its value's text */
};

struct ir_str_list {
    jtext *v;
    size_t n;
};

struct ir_request {
    str family; /* the front's dialect family: whose words raw blocks, file ids and tools are in */
    str model;  /* plain; what the client asked for */
    struct ir_message *messages;
    struct ir_tool *tools;
    struct ir_tool_choice choice;
    struct ir_reasoning reasoning;
    struct ir_format format;
    uint64_t max_tokens; /* 0: unsaid */
    uint64_t n;          /* choices asked for; 0: unsaid */
    /* Numbers as text; absent: unsaid. */
    str temperature, top_p, top_k, min_p;
    str frequency_penalty, presence_penalty, repetition_penalty, seed;
    struct ir_str_list stop;
    enum ir_tri logprobs;
    str top_logprobs;
    str logit_bias; /* JSON text */
    jtext user;     /* end user or session, as the client names it */
    str metadata;   /* JSON text of an object */
    jtext service_tier;
    jtext verbosity;
    str context_management; /* JSON text */
    str cache;              /* request-wide cache marker, JSON text */
    jtext cache_key;
    bool stream;
    bool include_usage; /* a Chat client asked for the usage chunk */
    struct ir_field *unknown;
};

/* What a front can say of a request at a glance, for routing, limits and accounting. */
struct ir_peek {
    str model; /* plain, in the arena or the body */
    bool stream;
    bool include_usage; /* Chat: stream_options.include_usage */
    bool thinks;        /* reasoning or thinking was asked for */
    bool has_tools;
    bool has_images; /* image parts anywhere, also in tool results */
    bool has_documents;
    bool has_audio;
    bool has_web_search; /* a server-side search tool is declared */
    uint32_t messages;
    uint64_t max_tokens; /* 0: unsaid */
    uint64_t n;          /* 1 when unsaid */
    uint64_t characters; /* of a text to be spoken */
    str user;            /* JSON-escaped user or session id; absent when none */
    bool keep;           /* the answer may be asked for or gone on from later, by its id */
    jtext previous;      /* id of the answer that this goes on from; absent when none */
};

#define IR_LOSSY_MAX      24
#define IR_LOSSY_NAME_MAX 48

/* Names of what a translation had to leave out or bend, for the x-weir-lossy header. */
struct ir_lossy {
    unsigned n;
    bool more; /* there were more than IR_LOSSY_MAX */
    str names[IR_LOSSY_MAX];
};

static inline void ir_lossy_clear(struct ir_lossy *l)
{
    l->n = 0;
    l->more = false;
}

/* Add a name once. Names must be static or in the call's arena; one that could not stand in a
 * header (anything but letters, digits and _ . - [ ]) goes in as "other". */
void ir_lossy_add(struct ir_lossy *l, str name);
bool ir_lossy_has(const struct ir_lossy *l, str name);
/* "a, b, c" onto `to`; nothing when empty. */
void ir_lossy_print(const struct ir_lossy *l, struct buf *to);

/* Building, for the decoders. NULL when the arena is full. */
struct ir_message *ir_add_message(struct arena *a, struct ir_message ***tail, enum ir_role role);
struct ir_block *ir_add_block(struct arena *a, struct ir_block ***tail, enum ir_kind kind);
/* The plain text of t: t itself where nothing is escaped. Absent when the arena is full. */
str ir_unescape(struct arena *a, jtext t);

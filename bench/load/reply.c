/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <string.h>

#include "prose.h"
#include "voice.h"

#define COMMON_HEADERS                                       \
    "Date: Thu, 17 Apr 2031 09:22:41 GMT\r\n"                \
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n" \
    "x-ratelimit-limit-requests: 10000\r\n"                  \
    "x-ratelimit-remaining-requests: 9999\r\n"               \
    "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"

#define OPENAI_ID    "chatcmpl-BenchAaBbCcDdEeFfGgHhIiJjKkLl"
#define ANTHROPIC_ID "msg_01BenchAaBbCcDdEeFfGgHhIi"

#define OPENAI_USAGE                                                            \
    "{\"prompt_tokens\":1187,\"completion_tokens\":142,\"total_tokens\":1329,"  \
    "\"prompt_tokens_details\":{\"cached_tokens\":1024,\"audio_tokens\":0},"    \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0," \
    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"
#define ANTHROPIC_USAGE(out)                                                                    \
    "{\"input_tokens\":163,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":1024," \
    "\"output_tokens\":" out ",\"service_tier\":\"standard\"}"

static const char stamp_hole[] = REPLY_STAMP_MARK "0000000000000000000";
_Static_assert(sizeof stamp_hole - 1 == sizeof REPLY_STAMP_MARK - 1 + REPLY_STAMP_DIGITS, "hole");

/* One event as one HTTP chunk; `name` is NULL in the dialect whose events have none. */
static void add_event(struct text *t, const char *name, const char *data)
{
    size_t n = strlen("data: ") + strlen(data) + 2;
    if (name)
        n += strlen("event: ") + strlen(name) + 1;
    text_printf(t, "%zx\r\n", n);
    if (name)
        text_printf(t, "event: %s\n", name);
    text_printf(t, "data: %s\n\n\r\n", data);
}

static void openai_chunk(struct text *t, const struct reply_key *k, const char *choices,
                         const char *usage)
{
    struct text data = {0};
    text_printf(&data,
                "{\"id\":\"" OPENAI_ID "\",\"object\":\"chat.completion.chunk\","
                "\"created\":1934270561,\"model\":\"%.*s\",\"service_tier\":\"default\","
                "\"system_fingerprint\":\"fp_0b1c2d3e4f\",\"choices\":[%s]",
                (int)k->model_len, k->model, choices);
    if (k->include_usage)
        text_printf(&data, ",\"usage\":%s", usage);
    text_puts(&data, "}");
    add_event(t, NULL, data.at);
}

static void openai_opening(struct text *t, const struct reply_key *k)
{
    openai_chunk(
        t, k,
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},"
        "\"logprobs\":null,\"finish_reason\":null}",
        "null");
}

static void openai_content(struct text *t, const struct reply_key *k, const char *piece)
{
    struct text choice = {0};
    text_printf(&choice,
                "{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
                "\"finish_reason\":null}",
                piece);
    openai_chunk(t, k, choice.at, "null");
}

static void openai_closing(struct text *t, const struct reply_key *k)
{
    openai_chunk(t, k, "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}",
                 "null");
    if (k->include_usage)
        openai_chunk(t, k, "", OPENAI_USAGE);
    add_event(t, NULL, "[DONE]");
}

static void anthropic_opening(struct text *t, const struct reply_key *k)
{
    struct text data = {0};
    text_printf(&data,
                "{\"type\":\"message_start\",\"message\":{\"id\":\"" ANTHROPIC_ID "\","
                "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%.*s\",\"content\":[],"
                "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" ANTHROPIC_USAGE("1") "}}",
                (int)k->model_len, k->model);
    add_event(t, "message_start", data.at);
    add_event(t, "content_block_start",
              "{\"type\":\"content_block_start\",\"index\":0,"
              "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}");
    add_event(t, "ping", "{\"type\": \"ping\"}");
}

static void anthropic_content(struct text *t, const struct reply_key *k, const char *piece)
{
    struct text data = {0};
    (void)k;
    text_printf(&data,
                "{\"type\":\"content_block_delta\",\"index\":0,"
                "\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}",
                piece);
    add_event(t, "content_block_delta", data.at);
}

static void anthropic_closing(struct text *t, const struct reply_key *k)
{
    (void)k;
    add_event(t, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
    add_event(t, "message_delta",
              "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
              "\"stop_sequence\":null},\"usage\":" ANTHROPIC_USAGE("142") "}");
    add_event(t, "message_stop", "{\"type\":\"message_stop\"}");
}

static void openai_whole(struct text *t, const struct reply_key *k, const char *answer)
{
    text_printf(t,
                "{\"id\":\"" OPENAI_ID "\",\"object\":\"chat.completion\",\"created\":1934270561,"
                "\"model\":\"%.*s\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                "\"content\":\"%s\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
                "\"finish_reason\":\"stop\"}],\"usage\":" OPENAI_USAGE
                ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0b1c2d3e4f\"}",
                (int)k->model_len, k->model, answer);
}

static void anthropic_whole(struct text *t, const struct reply_key *k, const char *answer)
{
    text_printf(t,
                "{\"id\":\"" ANTHROPIC_ID "\",\"type\":\"message\",\"role\":\"assistant\","
                "\"model\":\"%.*s\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],"
                "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                "\"usage\":" ANTHROPIC_USAGE("142") "}",
                (int)k->model_len, k->model, answer);
}

static void openai_error(struct text *t, unsigned status)
{
    text_printf(t,
                "{\"error\":{\"message\":\"The mock was asked for a %u.\",\"type\":"
                "\"server_error\",\"param\":null,\"code\":null}}",
                status);
}

static void anthropic_error(struct text *t, unsigned status)
{
    text_printf(t,
                "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
                "\"The mock was asked for a %u.\"},\"request_id\":null}",
                status);
}

static const char event_stream[] = "text/event-stream; charset=utf-8";
static const struct voice voice_openai = {event_stream,   openai_opening, openai_content,
                                          openai_closing, openai_whole,   openai_error};
static const struct voice voice_anthropic = {event_stream,      anthropic_opening,
                                             anthropic_content, anthropic_closing,
                                             anthropic_whole,   anthropic_error};

static const struct voice *voice_of(enum dialect d)
{
    switch (d) {
    case DIALECT_ANTHROPIC:
        return &voice_anthropic;
    case DIALECT_GEMINI:
        return &voice_gemini;
    case DIALECT_CONVERSE:
        return &voice_converse;
    case DIALECT_OPENAI:
    case DIALECT_RESPONSES:
        break;
    }
    return &voice_openai;
}

void reply_add_json(struct text *t, const char *status, const char *json, size_t n)
{
    text_printf(t,
                "HTTP/1.1 %s\r\nContent-Type: application/json\r\n" COMMON_HEADERS
                "Content-Length: %zu\r\n\r\n",
                status, n);
    text_add(t, json, n);
}

static void make_json(struct reply *r, const struct voice *v)
{
    struct text answer = {0}, body = {0};
    uint64_t seed = 0x2545f4914f6cdd1dull;
    prose_add(&answer, r->shape.text_bytes, &seed);
    if (answer.len < r->shape.text_bytes)
        prose_pad(&answer, r->shape.text_bytes - answer.len);
    v->whole(&body, &r->key, answer.at ? answer.at : "");
    reply_add_json(&r->whole, "200 OK", body.at, body.len);
}

static void make_error(struct reply *r, const struct voice *v)
{
    struct text body = {0};
    char status[32] = "500 Error";
    if (r->shape.events >= 400 && r->shape.events <= 599) {
        status[0] = (char)('0' + r->shape.events / 100);
        status[1] = (char)('0' + r->shape.events / 10 % 10);
        status[2] = (char)('0' + r->shape.events % 10);
    }
    v->error(&body, r->shape.events);
    reply_add_json(&r->whole, status, body.at, body.len);
}

static void make_stream(struct reply *r, const struct voice *v)
{
    struct text *open = r->timed ? &r->opening : &r->whole;
    struct text *close = r->timed ? &r->closing : &r->whole;
    text_printf(open,
                "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-cache\r\n" COMMON_HEADERS
                "Transfer-Encoding: chunked\r\n\r\n",
                v->stream_type);
    v->opening(open, &r->key);
    if (r->timed) {
        v->content(&r->event, &r->key, stamp_hole);
        const char *hole = memmem(r->event.at, r->event.len, stamp_hole, sizeof stamp_hole - 1);
        r->stamp_at = (size_t)(hole - r->event.at) + sizeof REPLY_STAMP_MARK - 1;
    } else {
        for (unsigned i = 0; i < r->shape.events; i++)
            v->content(&r->whole, &r->key, prose_token(i));
    }
    v->closing(close, &r->key);
    text_puts(close, "0\r\n\r\n");
}

struct reply *reply_make(const struct reply_key *key)
{
    struct reply *r = xalloc(sizeof *r);
    const struct voice *v = voice_of(key->dialect);
    struct text model = {0};
    text_add(&model, key->model, key->model_len);
    r->key = *key;
    r->key.model = model.at;
    shape_parse(key->model, key->model_len, &r->shape);
    r->timed = key->stream && shape_is_timed(&r->shape);
    if (r->shape.kind == SHAPE_ERROR)
        make_error(r, v);
    else if (key->stream)
        make_stream(r, v);
    else
        make_json(r, v);
    return r;
}

bool reply_fits(const struct reply *r, const struct reply_key *key)
{
    return r->key.dialect == key->dialect && r->key.stream == key->stream &&
           r->key.include_usage == key->include_usage && r->key.model_len == key->model_len &&
           memcmp(r->key.model, key->model, key->model_len) == 0;
}

void reply_stamp(const struct reply *r, char *event_copy, uint64_t ns)
{
    char *digits = event_copy + r->stamp_at;
    for (int i = REPLY_STAMP_DIGITS; i-- > 0; ns /= 10)
        digits[i] = (char)('0' + ns % 10);
    if (r->key.dialect == DIALECT_CONVERSE)
        converse_seal(event_copy, r->event.len);
}

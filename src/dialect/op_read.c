/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_read.c - what answers to operations say of their cost, and when their streams are whole.
 *
 * Where the counts stand (recordings of OpenAI, Mistral, OpenRouter, Voyage, Cohere, Perplexity;
 * Gemini's and Ollama's references):
 *
 *   embeddings      usage.prompt_tokens · usageMetadata.promptTokenCount · prompt_eval_count ·
 *                   meta.billed_units.input_tokens
 *   completions     usage.prompt_tokens, .completion_tokens
 *   images          usage.input_tokens, .output_tokens; and how many pictures `data` holds
 *   transcriptions  usage.input_tokens, .output_tokens (with input_token_details.audio_tokens), or
 *                   usage.seconds (type "duration"); `duration` of the verbose form
 *   rerank          meta.billed_units.search_units · usage.total_tokens
 *
 * Streams: events of images, speech and transcripts name their last one ("….completed", "….done")
 * but may send several; completions end with [DONE]. Only of the latter is it certain that a stream
 * without its end was cut.
 */
#include "dialect/op.h"
#include "dialect/provider_error.h"
#include "dialect/usage_cost.h"

#define SECONDS_MAX 1e7 /* four months of sound: more is nonsense */

/* ---- cost */

static bool count(jval v, uint64_t *ret, bool *suspect)
{
    uint64_t n;
    if (json_is_nothing(v))
        return false;
    if (json_u64(v, &n) != RC_OK || n > USAGE_TOKENS_MAX) {
        *suspect = true;
        return false;
    }
    *ret = n;
    return true;
}

static bool duration(jval v, uint64_t *ret_ms)
{
    double s;
    if (!json_is(v, JSON_NUMBER) || json_double(v, &s) != RC_OK || s <= 0 || s > SECONDS_MAX)
        return false;
    *ret_ms = (uint64_t)(s * 1000 + 0.5);
    return true;
}

/* Input and cached parts, wherever they stand. */
static void read_input(jval u, jval root, struct usage *to)
{
    jval details = json_get_lit(u, "prompt_tokens_details");
    uint64_t n = 0, cached = 0;
    bool *bad = &to->suspect;
    if (!count(json_get_lit(u, "prompt_tokens"), &n, bad) &&
        !count(json_get_lit(u, "input_tokens"), &n, bad) &&
        !count(json_path(root, "usageMetadata", "promptTokenCount", NULL), &n, bad) &&
        !count(json_path(root, "meta", "billed_units", "input_tokens", NULL), &n, bad) &&
        !count(json_get_lit(root, "prompt_eval_count"), &n, bad) &&
        !count(json_get_lit(u, "total_tokens"), &n, bad)) /* rankings: all of it is input */
        return;
    if (count(json_get_lit(details, "cached_tokens"), &cached, bad))
        to->has |= USAGE_HAS_CACHE;
    usage_set_prompt(to, n, cached, 0);
    if (count(json_path(u, "input_token_details", "audio_tokens", NULL), &to->audio_in, bad))
        to->has |= USAGE_HAS_AUDIO;
    if (count(json_path(u, "input_tokens_details", "image_tokens", NULL), &to->image_in, bad))
        to->has |= USAGE_HAS_IMAGE;
}

static void read_output(jval u, struct usage *to)
{
    bool *bad = &to->suspect;
    if (count(json_get_lit(u, "completion_tokens"), &to->output, bad) ||
        count(json_get_lit(u, "output_tokens"), &to->output, bad))
        to->has |= USAGE_HAS_OUTPUT;
    if (count(json_path(u, "output_tokens_details", "image_tokens", NULL), &to->image_out, bad))
        to->has |= USAGE_HAS_IMAGE;
}

static uint64_t count_pictures(jval data)
{
    struct json_iter it = json_iter(data);
    uint64_t n = 0;
    while (json_next(&it))
        n += json_has(json_get_lit(it.val, "b64_json")) || json_has(json_get_lit(it.val, "url"));
    return n;
}

bool op_read_usage(jval root, struct usage *ret)
{
    jval u = json_get_lit(root, "usage");
    struct usage to = {.source = USAGE_REPORTED};
    if (!json_is(root, JSON_OBJECT))
        return false;
    read_input(u, root, &to);
    read_output(u, &to);
    if ((to.has & USAGE_HAS_INPUT) && !(to.has & USAGE_HAS_OUTPUT)) {
        to.output = 0; /* vectors and rankings have none */
        to.has |= USAGE_HAS_OUTPUT;
    }
    /* The verbose form says the length besides; it is billed by it only where tokens are not. */
    if (!duration(json_get_lit(u, "seconds"), &to.audio_ms) && !(to.has & USAGE_HAS_INPUT))
        (void)duration(json_get_lit(root, "duration"), &to.audio_ms);
    (void)count(json_path(root, "meta", "billed_units", "search_units", NULL), &to.units,
                &to.suspect);
    to.pictures = count_pictures(json_get_lit(root, "data"));
    usage_read_cost(u, &to);
    if (!to.has && !to.audio_ms && !to.units && !to.pictures)
        return false;
    *ret = to;
    return true;
}

/* ---- whole answers and streams */

struct op_decoder {
    bool client_usage;
    bool over;
    bool choices;  /* it is a stream of completions … */
    bool finished; /* … and a finish reason came */
    uint64_t pictures;
};

static void emit_error(jval root, struct ir_sink sink)
{
    struct provider_error e = {0};
    struct provider_text text;
    struct fail f;
    (void)provider_error_read(root, &e);
    provider_error_fail(&e, 0, &text, &f);
    ir_emit(sink, &(struct ir_event){.type = IR_EV_ERROR, .fail = &f});
}

static bool is_error(jval root)
{
    return !json_is_nothing(json_get_lit(root, "error"));
}

static void emit_usage(jval root, uint64_t pictures, struct ir_sink sink)
{
    struct usage u = {0};
    bool any = op_read_usage(root, &u);
    if (pictures)
        u.pictures = pictures;
    if (any || pictures)
        ir_emit(sink, &(struct ir_event){.type = IR_EV_USAGE, .usage = &u});
}

static void decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    (void)s;
    if (is_error(root))
        emit_error(root, sink);
    else
        emit_usage(root, 0, sink);
}

static void decoder_init(void *state, bool client_usage)
{
    *(struct op_decoder *)state = (struct op_decoder){.client_usage = client_usage};
}

static void take_choices(struct op_decoder *d, jval choices)
{
    struct json_iter it = json_iter(choices);
    d->choices |= json_is(choices, JSON_ARRAY);
    while (json_next(&it))
        d->finished |= !json_is_nothing(json_get_lit(it.val, "finish_reason"));
}

/* A finished one, not one of the drafts before it. */
static bool is_picture(jval root)
{
    return json_has(json_get_lit(root, "b64_json")) &&
           str_has_suffix(json_raw(json_get_lit(root, "type")), STR(".completed"));
}

static enum feed_result feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink)
{
    struct op_decoder *d = state;
    jval root, choices;
    if (d->over)
        return FEED_DROP;
    if (!ev->data.n) /* a comment */
        return FEED_FORWARD;
    if (str_eq(str_trim(ev->data), STR("[DONE]"))) {
        d->over = true;
        return FEED_END;
    }
    if (scratch_parse(s, ev->data, &root) == RC_OK) {
        if (is_error(root) || str_eq(ev->event, STR("error"))) {
            d->over = true;
            emit_error(root, sink);
            return FEED_ERROR;
        }
        if (is_picture(root))
            d->pictures++;
        emit_usage(root, d->pictures, sink);
        choices = json_get_lit(root, "choices");
        take_choices(d, choices);
        if (!d->client_usage && json_is(choices, JSON_ARRAY) && !json_len(choices) &&
            json_is(json_get_lit(root, "usage"), JSON_OBJECT))
            return FEED_DROP; /* the chunk that only we asked for */
    }
    ir_emit(sink, &(struct ir_event){
                      .type = IR_EV_DELTA, .kind = IR_TEXT, .delta = {IR_D_TEXT, ev->data}});
    return FEED_FORWARD;
}

static bool end(void *state, struct ir_sink sink)
{
    struct op_decoder *d = state;
    (void)sink;
    return d->over || !d->choices || d->finished;
}

const struct dialect_back op_reader = {
    .framing = FRAME_SSE,
    .decode_body = decode_body,
    .decoder_size = sizeof(struct op_decoder),
    .decoder_init = decoder_init,
    .feed = feed,
    .end = end,
};

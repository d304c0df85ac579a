/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_usage.c - the usage object of Chat Completions, as its many speakers spell it.
 *
 *   prompt_tokens includes cached tokens; completion_tokens includes reasoning, except at xAI,
 * where total = prompt + completion + reasoning gives it away. Cached tokens stand in
 *   prompt_tokens_details, or as prompt_cache_hit_tokens (DeepSeek), num_cached_tokens (Mistral),
 *   cached_tokens (Moonshot). Some report more cached than prompt, or more reasoning than
 * completion: both are clamped. A count that is no integer, negative or beyond 2^53 was not given.
 */
#include "dialect/openai_chat_int.h"

#include "dialect/usage_cost.h"

#define AUDIO_SECONDS_MAX (24u * 60 * 60)

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

static bool read_cached(jval u, jval details, struct usage *to, uint64_t *ret)
{
    return count(json_get_lit(details, "cached_tokens"), ret, &to->suspect) ||
           count(json_get_lit(u, "prompt_cache_hit_tokens"), ret, &to->suspect) ||
           count(json_get_lit(u, "num_cached_tokens"), ret, &to->suspect) ||
           count(json_get_lit(u, "cached_tokens"), ret, &to->suspect);
}

/* Parts with prices of their own; a zero says nothing. */
static void read_part(jval details, str name, uint64_t *part, uint32_t bit, struct usage *to)
{
    uint64_t n;

    if (count(json_get(details, name), &n, &to->suspect) && n) {
        *part = n;
        to->has |= bit;
    }
}

static void read_output(jval u, uint64_t prompt, struct usage *to)
{
    jval details = json_get_lit(u, "completion_tokens_details");
    uint64_t completion, reasoning = 0, total = 0;

    if (!count(json_get_lit(u, "completion_tokens"), &completion, &to->suspect))
        return;
    to->has |= USAGE_HAS_OUTPUT;
    if (count(json_get_lit(details, "reasoning_tokens"), &reasoning, &to->suspect) ||
        count(json_get_lit(u, "reasoning_tokens"), &reasoning, &to->suspect))
        to->has |= USAGE_HAS_REASONING;
    (void)count(json_get_lit(u, "total_tokens"), &total, &to->suspect);
    if (reasoning && total == prompt + completion + reasoning)
        completion += reasoning;
    if (reasoning > completion) {
        reasoning = completion;
        to->suspect = true;
    }
    to->output = completion;
    to->reasoning = reasoning;
    read_part(details, STR("audio_tokens"), &to->audio_out, USAGE_HAS_AUDIO, to);
    read_part(details, STR("image_tokens"), &to->image_out, USAGE_HAS_IMAGE, to); /* OpenRouter */
}

/* Searches that the provider made: Perplexity, OpenRouter, and kin that learnt it from Anthropic.
 */
static void read_searches(jval u, struct usage *to)
{
    jval there = json_get_lit(u, "server_tool_use_details");

    if (!json_is(there, JSON_OBJECT))
        there = json_get_lit(u, "server_tool_use");
    if (!count(json_get_lit(u, "num_search_queries"), &to->searches, &to->suspect))
        (void)count(json_get_lit(there, "web_search_requests"), &to->searches, &to->suspect);
}

bool chat_read_usage(jval u, struct usage *ret)
{
    jval details = json_get_lit(u, "prompt_tokens_details");
    uint64_t prompt = 0, cached = 0, written = 0, seconds = 0;
    struct usage to = {.source = USAGE_REPORTED};

    if (!json_is(u, JSON_OBJECT))
        return false;
    if (count(json_get_lit(u, "prompt_tokens"), &prompt, &to.suspect)) {
        if (read_cached(u, details, &to, &cached))
            to.has |= USAGE_HAS_CACHE;
        if (count(json_get_lit(details, "cache_write_tokens"), &written, &to.suspect))
            to.has |= USAGE_HAS_CACHE;
        usage_set_prompt(&to, prompt, cached, written);
        read_part(details, STR("audio_tokens"), &to.audio_in, USAGE_HAS_AUDIO, &to);
        read_part(details, STR("image_tokens"), &to.image_in, USAGE_HAS_IMAGE, &to);
    }
    read_output(u, prompt, &to);
    read_searches(u, &to);
    if (!(to.has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT)))
        return false;
    if (count(json_get_lit(u, "prompt_audio_seconds"), &seconds, &to.suspect) &&
        seconds <= AUDIO_SECONDS_MAX)
        to.audio_ms =
            seconds * 1000; /* Mistral: sound is billed by the minute, beside the tokens */
    usage_read_cost(u, &to);
    *ret = to;
    return true;
}

static void member(struct buf *out, str key, uint64_t v)
{
    buf_add(out, key);
    buf_add_u64(out, v);
}

void chat_write_usage(const struct usage *u, struct buf *out)
{
    uint64_t prompt = usage_prompt(u), written = u->cache_write_5m + u->cache_write_1h;

    member(out, STR("{\"prompt_tokens\":"), prompt);
    member(out, STR(",\"completion_tokens\":"), u->output);
    member(out, STR(",\"total_tokens\":"), prompt + u->output);
    member(out, STR(",\"prompt_tokens_details\":{\"cached_tokens\":"), u->cache_read);
    if (written)
        member(out, STR(",\"cache_write_tokens\":"), written);
    member(out, STR(",\"audio_tokens\":"), u->audio_in);
    member(out, STR("},\"completion_tokens_details\":{\"reasoning_tokens\":"), u->reasoning);
    member(out, STR(",\"audio_tokens\":"), u->audio_out);
    buf_lit(out, "}}");
}

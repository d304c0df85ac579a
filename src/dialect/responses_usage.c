/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_usage.c - the usage object of Responses: inclusive on both sides, as Chat's. Servers of
 * open models leave the details out; a count that is no integer, negative or beyond 2^53 was not
 * given.
 */
#include "dialect/responses_int.h"
#include "dialect/usage_cost.h"

static bool count(jval o, str key, uint64_t *ret, bool *suspect)
{
    jval v = json_get(o, key);
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

/* Parts with prices of their own, where a server says them; a zero says nothing. */
static void read_part(jval details, str key, uint64_t *part, uint32_t bit, struct usage *to)
{
    uint64_t n;

    if (count(details, key, &n, &to->suspect) && n) {
        *part = n;
        to->has |= bit;
    }
}

static void read_input(jval u, struct usage *to)
{
    jval details = json_get_lit(u, "input_tokens_details");
    uint64_t prompt, cached = 0, written = 0;
    bool spoke = false;

    if (!count(u, STR("input_tokens"), &prompt, &to->suspect))
        return;
    spoke |= count(details, STR("cached_tokens"), &cached, &to->suspect);
    spoke |= count(details, STR("cache_write_tokens"), &written, &to->suspect);
    usage_set_prompt(to, prompt, cached, written);
    read_part(details, STR("audio_tokens"), &to->audio_in, USAGE_HAS_AUDIO, to);
    read_part(details, STR("image_tokens"), &to->image_in, USAGE_HAS_IMAGE, to);
    if (spoke)
        to->has |= USAGE_HAS_CACHE;
}

static void read_output(jval u, struct usage *to)
{
    jval details = json_get_lit(u, "output_tokens_details");

    if (!count(u, STR("output_tokens"), &to->output, &to->suspect))
        return;
    to->has |= USAGE_HAS_OUTPUT;
    if (count(details, STR("reasoning_tokens"), &to->reasoning, &to->suspect))
        to->has |= USAGE_HAS_REASONING;
    read_part(details, STR("audio_tokens"), &to->audio_out, USAGE_HAS_AUDIO, to);
    read_part(details, STR("image_tokens"), &to->image_out, USAGE_HAS_IMAGE, to);
    if (to->reasoning > to->output) {
        to->reasoning = to->output;
        to->suspect = true;
    }
}

bool responses_read_usage(jval u, struct usage *ret)
{
    struct usage now = {0};

    if (!json_is(u, JSON_OBJECT))
        return false;
    read_input(u, &now);
    read_output(u, &now);
    if (!(now.has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT)))
        return false;
    now.source = USAGE_REPORTED;
    usage_read_cost(u, &now); /* xAI, OpenRouter */
    *ret = now;
    return true;
}

static void member(struct buf *out, str key, uint64_t v)
{
    buf_add(out, key);
    buf_add_u64(out, v);
}

void responses_write_usage(const struct usage *u, struct buf *out)
{
    uint64_t prompt = usage_prompt(u), written = u->cache_write_5m + u->cache_write_1h;

    member(out, STR("{\"input_tokens\":"), prompt);
    member(out, STR(",\"input_tokens_details\":{\"cached_tokens\":"), u->cache_read);
    if (written)
        member(out, STR(",\"cache_write_tokens\":"), written);
    member(out, STR("},\"output_tokens\":"), u->output);
    member(out, STR(",\"output_tokens_details\":{\"reasoning_tokens\":"), u->reasoning);
    member(out, STR("},\"total_tokens\":"), prompt + u->output);
    buf_add_char(out, '}');
}

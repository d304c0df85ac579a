/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_usage.c - usageMetadata, both ways.
 *
 * The prompt includes what came from the cache; what tools of Google's own read (toolUsePrompt…) is
 * billed as prompt and counted beside it. Candidates exclude thoughts, and are missing when nothing
 * was said. Each chunk of a stream has the sums so far. Vertex's early chunks hold no counts at
 * all.
 */
#include "dialect/gemini_int.h"

static bool count(jval o, str name, uint64_t *ret, bool *suspect)
{
    jval v = json_get(o, name);
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

/* Tokens of a modality in a list of {modality, tokenCount}. */
static uint64_t tokens_of(jval list, str modality, bool *suspect)
{
    struct json_iter it = json_iter(list);
    uint64_t n, sum = 0;

    while (json_next(&it))
        if (json_str_is(json_get_lit(it.val, "modality"), modality) &&
            count(it.val, STR("tokenCount"), &n, suspect) && n < USAGE_TOKENS_MAX - sum)
            sum += n;
    return sum;
}

/* Sound and images of prompt and answer have prices of their own; of the cache's part the prompt's
 * list holds them too. */
static void read_modalities(jval u, struct usage *to)
{
    jval prompt = json_get_lit(u, "promptTokensDetails");
    jval answer = json_get_lit(u, "candidatesTokensDetails");

    to->audio_in = tokens_of(prompt, STR("AUDIO"), &to->suspect);
    to->audio_out = tokens_of(answer, STR("AUDIO"), &to->suspect);
    to->image_in = tokens_of(prompt, STR("IMAGE"), &to->suspect);
    to->image_out = tokens_of(answer, STR("IMAGE"), &to->suspect);
    to->has |= to->audio_in || to->audio_out ? USAGE_HAS_AUDIO : 0;
    to->has |= to->image_in || to->image_out ? USAGE_HAS_IMAGE : 0;
}

bool gemini_read_usage(jval u, struct usage *to)
{
    uint64_t prompt = 0, tool = 0, cached = 0, visible = 0, thoughts = 0, total = 0;
    struct usage now = {.source = USAGE_REPORTED};
    bool has_cached, has_visible, has_thoughts;

    (void)count(u, STR("toolUsePromptTokenCount"), &tool, &now.suspect);
    has_cached = count(u, STR("cachedContentTokenCount"), &cached, &now.suspect);
    if (count(u, STR("promptTokenCount"), &prompt, &now.suspect)) {
        usage_set_prompt(&now, prompt + tool, cached, 0);
        now.has |= has_cached ? USAGE_HAS_CACHE : 0;
    }
    has_visible = count(u, STR("candidatesTokenCount"), &visible, &now.suspect);
    has_thoughts = count(u, STR("thoughtsTokenCount"), &thoughts, &now.suspect);
    if (has_visible || has_thoughts || count(u, STR("totalTokenCount"), &total, &now.suspect))
        now.has |= USAGE_HAS_OUTPUT;
    now.output = visible + thoughts;
    now.reasoning = thoughts;
    now.has |= has_thoughts ? USAGE_HAS_REASONING : 0;
    read_modalities(u, &now);
    to->suspect |= now.suspect;
    if (!(now.has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT)))
        return false;
    usage_merge(to, &now);
    return true;
}

static void member(struct buf *out, str key, uint64_t v)
{
    buf_add_char(out, ',');
    buf_add(out, key);
    buf_add_u64(out, v);
}

void gemini_write_usage(const struct usage *u, struct buf *out)
{
    uint64_t prompt = usage_prompt(u);

    if (!(u->has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT)))
        return;
    buf_lit(out, "\"usageMetadata\":{\"promptTokenCount\":");
    buf_add_u64(out, prompt);
    if (u->has & USAGE_HAS_OUTPUT)
        member(out, STR("\"candidatesTokenCount\":"), u->output - u->reasoning);
    member(out, STR("\"totalTokenCount\":"), prompt + u->output);
    if (u->cache_read)
        member(out, STR("\"cachedContentTokenCount\":"), u->cache_read);
    if (u->reasoning)
        member(out, STR("\"thoughtsTokenCount\":"), u->reasoning);
    buf_add_char(out, '}');
}

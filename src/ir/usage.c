/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.c - sums that never wrap: every class is at most USAGE_TOKENS_MAX, so a handful of them fit
 * in 64 bits with room.
 */
#include "ir/usage.h"

#include "base/check.h"

uint64_t usage_prompt(const struct usage *u)
{
    return u->input_uncached + u->cache_read + u->cache_write_5m + u->cache_write_1h;
}

static uint64_t at_most(struct usage *u, uint64_t v, uint64_t max)
{
    if (v <= max)
        return v;
    u->suspect = true;
    return max;
}

void usage_set_prompt(struct usage *u, uint64_t prompt, uint64_t cached, uint64_t written)
{
    u->cache_read = at_most(u, cached, prompt);
    u->cache_write_5m = at_most(u, written, prompt - u->cache_read);
    u->cache_write_1h = 0;
    u->input_uncached = prompt - u->cache_read - u->cache_write_5m;
    ASSERT(usage_prompt(u) ==
           prompt); /* whatever was said of its parts, the sum is what is billed */
    u->has |= USAGE_HAS_INPUT;
}

static void take(uint64_t *to, uint64_t v)
{
    if (v)
        *to = v;
}

void usage_merge(struct usage *u, const struct usage *next)
{
    if (next->has & USAGE_HAS_INPUT)
        u->input_uncached = next->input_uncached;
    if (next->has & USAGE_HAS_CACHE ||
        (next->has & USAGE_HAS_INPUT && !(u->has & USAGE_HAS_CACHE))) {
        u->cache_read = next->cache_read;
        u->cache_write_5m = next->cache_write_5m;
        u->cache_write_1h = next->cache_write_1h;
    }
    if (next->has & USAGE_HAS_OUTPUT)
        u->output = next->output;
    if (next->has & USAGE_HAS_REASONING)
        u->reasoning = next->reasoning;
    if (next->has & USAGE_HAS_AUDIO) {
        u->audio_in = next->audio_in;
        u->audio_out = next->audio_out;
    }
    if (next->has & USAGE_HAS_IMAGE) {
        u->image_in = next->image_in;
        u->image_out = next->image_out;
    }
    if (next->has & USAGE_HAS_COST)
        u->cost = next->cost;
    if (next->has & USAGE_HAS_BILLED) {
        u->billed_in = next->billed_in;
        u->billed_out = next->billed_out;
    }
    take(&u->searches, next->searches);
    take(&u->audio_ms, next->audio_ms);
    take(&u->pictures, next->pictures);
    take(&u->units, next->units);
    take(&u->characters, next->characters);
    u->has |= next->has;
    u->suspect |= next->suspect;
    if (next->source > u->source)
        u->source = next->source;
    u->reasoning = at_most(u, u->reasoning, u->output);
}

void usage_add(struct usage *u, const struct usage *more)
{
    const uint8_t a = u->source, b = more->source;
    u->input_uncached += more->input_uncached;
    u->cache_read += more->cache_read;
    u->cache_write_5m += more->cache_write_5m;
    u->cache_write_1h += more->cache_write_1h;
    u->output += more->output;
    u->reasoning += more->reasoning;
    u->audio_in += more->audio_in, u->audio_out += more->audio_out;
    u->image_in += more->image_in, u->image_out += more->image_out;
    u->audio_ms += more->audio_ms;
    u->searches += more->searches;
    u->cost += more->cost;
    u->billed_in += more->billed_in, u->billed_out += more->billed_out;
    u->pictures += more->pictures;
    u->units += more->units;
    u->characters += more->characters;
    u->has |= more->has;
    u->source = a == USAGE_NONE || (b != USAGE_NONE && b < a) ? b : a;
    u->suspect |= more->suspect;
    ASSERT(u->reasoning <= u->output);
}

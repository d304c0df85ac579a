/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_usage.c - the usage object of Messages.
 *
 * Input excludes both cache numbers; writes are split by lifetime, for they are priced apart. In a
 * stream message_start has the input counts and message_delta the final output, newer ones the
 * input again (larger with server tools): each number that is there replaces the older one. A
 * prompt of 0 tokens is no count: some compatible servers send it where they mean "not yet".
 */
#include "dialect/anthropic_int.h"

static bool count(jval o, const char *key, uint64_t *ret, bool *suspect)
{
    jval v = json_get(o, str_c(key));
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

static void read_cache(jval u, struct usage *to)
{
    jval split = json_get_lit(u, "cache_creation");
    uint64_t written = 0, short_lived = 0, long_lived = 0;
    bool has_short, has_long;

    if (count(u, "cache_read_input_tokens", &to->cache_read, &to->suspect))
        to->has |= USAGE_HAS_CACHE;
    if (count(u, "cache_creation_input_tokens", &written, &to->suspect)) {
        to->has |= USAGE_HAS_CACHE;
        if (written != to->cache_write_5m + to->cache_write_1h) { /* else the split still holds */
            to->cache_write_5m = written;
            to->cache_write_1h = 0;
        }
    }
    has_short = count(split, "ephemeral_5m_input_tokens", &short_lived, &to->suspect);
    has_long = count(split, "ephemeral_1h_input_tokens", &long_lived, &to->suspect);
    if (has_short || has_long) {
        to->cache_write_5m = short_lived;
        to->cache_write_1h = long_lived;
    }
}

bool anthropic_read_usage(jval u, struct usage *to)
{
    jval details = json_get_lit(u, "output_tokens_details");
    jval server = json_get_lit(u, "server_tool_use");
    struct usage now = *to;
    uint64_t input;

    if (!json_is(u, JSON_OBJECT))
        return false;
    read_cache(u, &now);
    if (count(u, "input_tokens", &input, &now.suspect)) {
        if (input || !(now.has & USAGE_HAS_INPUT) || now.cache_read || now.cache_write_5m)
            now.input_uncached = input;
        now.has |= USAGE_HAS_INPUT;
    }
    if (count(u, "output_tokens", &now.output, &now.suspect))
        now.has |= USAGE_HAS_OUTPUT;
    if (count(details, "thinking_tokens", &now.reasoning, &now.suspect))
        now.has |= USAGE_HAS_REASONING;
    (void)count(server, "web_search_requests", &now.searches, &now.suspect);
    if (now.reasoning > now.output) {
        now.reasoning = now.output;
        now.suspect = true;
    }
    if (!(now.has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT)))
        return false;
    now.source = USAGE_REPORTED;
    *to = now;
    return true;
}

static void member(struct buf *out, str key, uint64_t v)
{
    buf_add(out, key);
    buf_add_u64(out, v);
}

void anthropic_write_usage(const struct usage *u, bool whole, struct buf *out)
{
    if (whole || u->has & USAGE_HAS_INPUT) {
        member(out, STR("\"input_tokens\":"), u->input_uncached);
        member(out, STR(",\"cache_creation_input_tokens\":"),
               u->cache_write_5m + u->cache_write_1h);
        member(out, STR(",\"cache_read_input_tokens\":"), u->cache_read);
        if (u->cache_write_5m + u->cache_write_1h) {
            member(out, STR(",\"cache_creation\":{\"ephemeral_5m_input_tokens\":"),
                   u->cache_write_5m);
            member(out, STR(",\"ephemeral_1h_input_tokens\":"), u->cache_write_1h);
            buf_add_char(out, '}');
        }
        buf_add_char(out, ',');
    }
    member(out, STR("\"output_tokens\":"), u->output);
    if (u->has & USAGE_HAS_REASONING) {
        member(out, STR(",\"output_tokens_details\":{\"thinking_tokens\":"), u->reasoning);
        buf_add_char(out, '}');
    }
    if (u->searches) {
        member(out, STR(",\"server_tool_use\":{\"web_search_requests\":"), u->searches);
        buf_add_char(out, '}');
    }
}

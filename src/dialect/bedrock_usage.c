/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_usage.c - the usage object of Converse, read and written.
 *
 *     {"inputTokens","outputTokens","totalTokens","cacheReadInputTokens","cacheWriteInputTokens",
 *      "cacheDetails":[{"ttl":"1h","inputTokens"}]}
 *
 * Input excludes both cache numbers, as Claude's does; the total includes them. Each cache number
 * stands there twice in some answers (…Tokens and …TokenCount), and either alone in others.
 */
#include "dialect/bedrock_int.h"

static bool count(jval u, const char *key, uint64_t *ret, bool *suspect)
{
    jval v = json_get(u, str_c(key));
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

static bool count_twice(jval u, const char *key, const char *other, uint64_t *ret, bool *suspect)
{
    return count(u, key, ret, suspect) || count(u, other, ret, suspect);
}

/* What was written for an hour is dearer, and only the details tell. */
static void split_writes(jval details, struct usage *to)
{
    struct json_iter it = json_iter(details);
    uint64_t hour = 0, n;

    while (json_next(&it))
        if (json_str_is(json_get_lit(it.val, "ttl"), STR("1h")) &&
            count(it.val, "inputTokens", &n, &to->suspect))
            hour += n;
    if (hour > to->cache_write_5m) {
        hour = to->cache_write_5m;
        to->suspect = true;
    }
    to->cache_write_1h = hour;
    to->cache_write_5m -= hour;
}

bool bedrock_read_usage(jval u, struct usage *to)
{
    struct usage now = *to;
    uint64_t written = 0;

    if (!json_is(u, JSON_OBJECT))
        return false;
    if (count(u, "inputTokens", &now.input_uncached, &now.suspect))
        now.has |= USAGE_HAS_INPUT;
    if (count(u, "outputTokens", &now.output, &now.suspect))
        now.has |= USAGE_HAS_OUTPUT;
    if (count_twice(u, "cacheReadInputTokens", "cacheReadInputTokenCount", &now.cache_read,
                    &now.suspect))
        now.has |= USAGE_HAS_CACHE;
    if (count_twice(u, "cacheWriteInputTokens", "cacheWriteInputTokenCount", &written,
                    &now.suspect)) {
        now.has |= USAGE_HAS_CACHE;
        now.cache_write_5m = written;
        split_writes(json_get_lit(u, "cacheDetails"), &now);
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

void bedrock_write_usage(const struct usage *u, struct buf *out)
{
    uint64_t written = u->cache_write_5m + u->cache_write_1h;

    member(out, STR("{\"inputTokens\":"), u->input_uncached);
    member(out, STR(",\"outputTokens\":"), u->output);
    member(out, STR(",\"totalTokens\":"), usage_prompt(u) + u->output);
    if (u->has & USAGE_HAS_CACHE) {
        member(out, STR(",\"cacheReadInputTokens\":"), u->cache_read);
        member(out, STR(",\"cacheWriteInputTokens\":"), written);
    }
    if (u->cache_write_1h) {
        member(out, STR(",\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":"), u->cache_write_1h);
        if (u->cache_write_5m)
            member(out, STR("},{\"ttl\":\"5m\",\"inputTokens\":"), u->cache_write_5m);
        buf_lit(out, "}]");
    }
    buf_add_char(out, '}');
}

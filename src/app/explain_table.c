/* SPDX-License-Identifier: Apache-2.0 */
/* explain_table - three short tables: the plan, who was left out of it, what is known of each. */
#include "app/explain_table.h"

#include <stdio.h>

#include "base/auto.h"
#include "json/json.h"

struct cell {
    char text[400];
};

/* A text of the answer, cut; a terminal must not obey what a client or a file named. */
static struct cell text_of(jval v)
{
    struct cell c = {""};
    struct buf b = BUF_INIT(sizeof(c.text) - 1);
    if (json_unescape(&b, json_raw(v)) != RC_OK)
        b.failed = false; /* as much as there was room for */
    const size_t n = buf_size(&b);
    for (size_t i = 0; i < n; i++) {
        const char x = b.p[i];
        c.text[i] = (unsigned char)x < 0x20 || x == 0x7f ? '?' : x;
    }
    buf_fini(&b);
    return c;
}

/* A number of the answer with its unit; "-": not known. */
static struct cell number(jval v, int digits)
{
    struct cell c = {"-"};
    double d;
    if (json_double(v, &d) == RC_OK)
        snprintf(c.text, sizeof(c.text), "%.*f", digits, d);
    return c;
}

static struct cell target_of(jval row)
{
    struct cell c;
    snprintf(c.text, sizeof(c.text), "%.150s/%.240s", text_of(json_get_lit(row, "provider")).text,
             text_of(json_get_lit(row, "model")).text);
    return c;
}

/* People count a pool's keys from one, as alerts and the log do. */
static struct cell key_number(jval key)
{
    struct cell c = {"?"};
    uint64_t i;
    if (json_u64(json_get_lit(key, "key"), &i) == RC_OK)
        snprintf(c.text, sizeof(c.text), "%llu", (unsigned long long)i + 1);
    return c;
}

static bool is_true(jval v)
{
    bool is = false;
    return json_bool(v, &is) == RC_OK && is;
}

static void print_request(jval root)
{
    jval r = json_get_lit(root, "request"), to = json_get_lit(root, "resolved");
    printf("\"%s\"", text_of(json_get_lit(r, "model")).text);
    if (json_has(json_get_lit(r, "path"))) /* of a call that is over it is not kept */
        printf(", about %s prompt tokens, to %s", number(json_get_lit(r, "prompt_tokens"), 0).text,
               text_of(json_get_lit(r, "path")).text);
    printf("\n");
    if (json_has(to))
        printf("leads to %s (found by %s)\n", text_of(json_get_lit(to, "route")).text,
               text_of(json_get_lit(to, "by")).text);
    jval error = json_get_lit(root, "error");
    if (json_has(error))
        printf("would be refused with %s: %s\n", number(json_get_lit(error, "status"), 0).text,
               text_of(json_get_lit(error, "message")).text);
}

/* Of a call that is over: what came of its attempts. */
static void print_attempts(jval root)
{
    struct json_iter it = json_iter(json_get_lit(root, "attempts"));
    if (!json_has(json_get_lit(root, "call")))
        return;
    printf("answered with %s after %s ms\n", number(json_get_lit(root, "status"), 0).text,
           number(json_get_lit(root, "latency_ms"), 0).text);
    for (int n = 1; json_next(&it); n++)
        printf("  %d  %-40s %s%s after %s ms\n", n, target_of(it.val).text,
               text_of(json_get_lit(it.val, "error")).text,
               json_has(json_get_lit(it.val, "error")) ? "" : "served",
               number(json_get_lit(it.val, "ms"), 0).text);
}

static void print_plan(jval plan)
{
    struct json_iter it = json_iter(plan);
    if (json_len(plan) == 0)
        return;
    printf("\n%-3s %-40s %9s %9s %11s  %s\n", "#", "plan", "ttft ms", "all ms", "$", "why");
    while (json_next(&it)) {
        jval s = it.val;
        if (is_true(json_get_lit(s, "beyond_attempts")))
            continue;
        printf("%-3s %-40s %9s %9s %11s  %s%s\n", number(json_get_lit(s, "step"), 0).text,
               target_of(s).text, number(json_get_lit(s, "expected_ttft_ms"), 0).text,
               number(json_get_lit(s, "expected_ms"), 0).text,
               number(json_get_lit(s, "expected_cost_usd"), 6).text,
               text_of(json_get_lit(s, "why")).text,
               is_true(json_get_lit(s, "fallback")) ? " (fallback)" : "");
    }
}

static void print_candidate(jval c)
{
    jval seen = json_get_lit(c, "figures"), parts = json_get_lit(c, "parts");
    printf(
        "    %-40s %8s %8s %9s %7s %7s %7s %7s\n", target_of(c).text,
        number(json_get_lit(seen, "samples"), 0).text,
        number(json_get_lit(seen, "error_rate"), 3).text,
        number(json_get_lit(seen, "ttft_ms"), 0).text, number(json_get_lit(parts, "time"), 3).text,
        number(json_get_lit(parts, "errors"), 3).text, number(json_get_lit(parts, "cost"), 3).text,
        number(json_get_lit(seen, "in_flight"), 0).text);
}

static void print_left_out(jval candidates)
{
    struct json_iter it = json_iter(candidates);
    bool first = true;
    while (json_next(&it)) {
        if (is_true(json_get_lit(it.val, "eligible")) ||
            is_true(json_get_lit(it.val, "last_resort"))) /* the plan says why */
            continue;
        printf("%s    %-40s %s: %s\n", first ? "\nleft out\n" : "", target_of(it.val).text,
               text_of(json_get_lit(it.val, "reason")).text,
               text_of(json_get_lit(it.val, "why")).text);
        first = false;
    }
}

/* Of a pool: those of its keys that are not at hand. A key that is the only one is its target,
 * which is left out then. */
static void print_keys(jval candidates)
{
    struct json_iter it = json_iter(candidates);
    bool first = true;
    while (json_next(&it)) {
        jval keys = json_get_lit(it.val, "keys");
        struct json_iter k = json_iter(keys);
        while (json_len(keys) > 1 && json_next(&k)) {
            jval ready = json_get_lit(k.val, "ready_in_ms");
            if (json_str_is(json_get_lit(k.val, "reason"), STR("fits")))
                continue;
            printf("%s    %-40s key %s of %u: %s", first ? "\nkeys not at hand\n" : "",
                   target_of(it.val).text, key_number(k.val).text, (unsigned)json_len(keys),
                   text_of(json_get_lit(k.val, "reason")).text);
            if (json_has(ready))
                printf(", for %s ms", number(ready, 0).text);
            printf("\n");
            first = false;
        }
    }
}

static void print_candidates(jval candidates)
{
    struct json_iter it = json_iter(candidates);
    if (json_len(candidates) == 0)
        return;
    printf("\n    %-40s %8s %8s %9s %7s %7s %7s %7s\n", "candidates", "samples", "errors",
           "ttft ms", "+time", "+errors", "+cost", "busy");
    while (json_next(&it))
        print_candidate(it.val);
}

bool explain_print(str json)
{
    AUTO(arena_fini) struct arena a;
    struct json_doc doc;
    arena_init(&a, 8u << 20);
    if (json_parse(&a, json, &doc, NULL) != RC_OK)
        return false;
    jval root = json_root(&doc);
    print_request(root);
    print_attempts(root);
    print_plan(json_get_lit(root, "plan"));
    print_left_out(json_get_lit(root, "candidates"));
    print_keys(json_get_lit(root, "candidates"));
    print_candidates(json_get_lit(root, "candidates"));
    return json_has(json_get_lit(root, "request"));
}

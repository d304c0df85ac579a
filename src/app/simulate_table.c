/* SPDX-License-Identifier: Apache-2.0 */
/* simulate_table - one line a run; see the header. */
#include "app/simulate_table.h"

#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "json/write.h"

#define LABEL_MAX 60
#define JSON_MAX  (64u << 20)
#define SLICE_S   10 /* seconds of one figure of calls over time */

struct cell {
    char text[96];
};

static struct cell name_of(const struct simulated *s)
{
    struct cell c;
    const char *slash = strrchr(s->config, '/'), *file = slash ? slash + 1 : s->config;
    if (s->strategy)
        snprintf(c.text, sizeof(c.text), "%.40s, %.40s", file, s->strategy);
    else
        snprintf(c.text, sizeof(c.text), "%.80s", file);
    return c;
}

static double share(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

/* Dollars of a thousand calls; "-": no price is known. */
static struct cell dollars(const struct sim_result *r)
{
    struct cell c = {"-"};
    if (r->priced)
        snprintf(c.text, sizeof(c.text), "%.3f", r->usd / (double)r->priced * 1e-6);
    return c;
}

static void print_runs(const struct simulated *runs, size_t n, int width)
{
    printf("  %-*s %9s %8s %8s %8s %8s %9s %7s %7s\n", width, "", "served %", "p50 ms", "p95 ms",
           "p99 ms", "ttft95", "$/1000", "wasted", "cached");
    for (size_t i = 0; i < n; i++) {
        const struct sim_result *r = &runs[i].result;
        printf("  %-*s %9.3f %8.0f %8.0f %8.0f %8.0f %9s %6.1f%% %6.1f%%\n", width,
               name_of(&runs[i]).text, share(r->served, r->calls), r->all.p50, r->all.p95,
               r->all.p99, r->first.p95, dollars(r).text, share(r->wasted, r->attempts),
               r->prompt > 0 ? 100 * r->cached / r->prompt : 0);
    }
}

static const struct {
    const char *key, *text;
} ends[SIM_ENDS] = {{"no_target", "nobody was left to try"},
                    {"rate_limited", "nobody had room: 429, and when there will be some"},
                    {"attempts", "all attempts were made"},
                    {"retry_budget", "the route had spent its retries"},
                    {"time", "no other try was allowed"},
                    {"cut", "cut behind the first token"}};

static void print_ends(const struct simulated *s, const struct sim_result *r)
{
    printf("  %s: %llu failed", name_of(s).text, (unsigned long long)r->failed);
    for (size_t i = 0; i < SIM_ENDS; i++)
        if (r->ends[i])
            printf("; %s: %llu", ends[i].text, (unsigned long long)r->ends[i]);
    printf("; while a target was well: %llu\n", (unsigned long long)r->needless);
}

static void print_notes(const struct simulated *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct sim_result *r = &runs[i].result;
        if (r->unknown)
            printf("  %s: %llu calls asked for models that are not in it\n", name_of(&runs[i]).text,
                   (unsigned long long)r->unknown);
        if (r->failed > r->unknown)
            print_ends(&runs[i], r);
        if (r->hedges)
            printf("  %s: %llu hedges, %llu of them were faster\n", name_of(&runs[i]).text,
                   (unsigned long long)r->hedges, (unsigned long long)r->hedges_won);
        if (r->alerts)
            printf("  %s: alerts fired %llu times\n", name_of(&runs[i]).text,
                   (unsigned long long)r->alerts);
    }
}

/* Attempts at each target, of all of that run; targets that nobody called are left out. */
static void print_shares(const struct simulated *runs, size_t n, int width)
{
    for (size_t i = 0; i < n; i++) {
        const struct sim_result *r = &runs[i].result;
        printf("  %-*s", width, name_of(&runs[i]).text);
        for (uint32_t k = 0; k < r->nparts; k++)
            if (r->parts[k].attempts)
                printf("  " STR_FMT "/" STR_FMT " %.1f%%", STR_ARG(r->parts[k].provider->name),
                       STR_ARG(r->parts[k].model), share(r->parts[k].attempts, r->attempts));
        printf("\n");
    }
}

void simulate_print(const struct simulated *runs, size_t n)
{
    const struct sim_scenario *s = runs->scenario;
    int width = 10;
    for (size_t i = 0; i < n; i++) {
        const int w = (int)strlen(name_of(&runs[i]).text);
        width = w > width ? (w < LABEL_MAX ? w : LABEL_MAX) : width;
    }
    printf(STR_FMT ": ", STR_ARG(s->name));
    if (s->about.n)
        printf(STR_FMT "; ", STR_ARG(s->about));
    printf("%llu calls in %llu s\n", (unsigned long long)runs->result.calls,
           (unsigned long long)(s->duration / 1000));
    print_runs(runs, n, width);
    print_notes(runs, n);
    printf("  attempts at\n");
    print_shares(runs, n, width);
}

/* ---- JSON */

static void key_ms(struct json_writer *w, const char *key, double v)
{
    json_member_u64(w, key, (uint64_t)(v + 0.5));
}

static void key_usd(struct json_writer *w, const char *key, double nano)
{
    char text[FMT_USD_MAX];
    json_key_str(w, str_c(key));
    json_put_text(w, str_of(text, fmt_usd(text, (nanousd)nano)));
}

static void write_part(const struct sim_result *r, const struct sim_part *p, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "provider");
    json_put_str(w, p->provider->name);
    json_key(w, "model");
    json_put_str(w, p->model);
    json_member_u64(w, "attempts", p->attempts);
    json_member_u64(w, "failed", p->failed);
    key_usd(w, "cost_usd", p->usd);
    json_key(w, "attempts_by_10s");
    json_begin_array(w);
    for (uint32_t t = 0; t < r->seconds; t += SLICE_S)
        json_put_u64(
            w, sim_attempts(r, (uint32_t)(p - r->parts), t * 1000ull, (t + SLICE_S) * 1000ull));
    json_end(w);
    json_end(w);
}

static void write_run(const struct simulated *s, struct json_writer *w)
{
    const struct sim_result *r = &s->result;
    json_begin_object(w);
    json_key(w, "scenario");
    json_put_str(w, s->scenario->name);
    json_key(w, "config");
    json_put_str(w, str_c(s->config));
    json_key(w, "strategy");
    if (s->strategy)
        json_put_str(w, str_c(s->strategy));
    else
        json_put_null(w);
    json_member_u64(w, "calls", r->calls);
    json_member_u64(w, "served", r->served);
    json_member_u64(w, "failed", r->failed);
    json_member_u64(w, "failed_needlessly", r->needless);
    json_key(w, "failed_by");
    json_begin_object(w);
    for (size_t i = 0; i < SIM_ENDS; i++)
        json_member_u64(w, ends[i].key, r->ends[i]);
    json_end(w);
    json_member_u64(w, "unknown_model", r->unknown);
    json_member_u64(w, "attempts", r->attempts);
    json_member_u64(w, "attempts_wasted", r->wasted);
    json_member_u64(w, "hedges", r->hedges);
    json_member_u64(w, "hedges_won", r->hedges_won);
    json_member_u64(w, "alerts_fired", r->alerts);
    key_ms(w, "p50_ms", r->all.p50);
    key_ms(w, "p95_ms", r->all.p95);
    key_ms(w, "p99_ms", r->all.p99);
    key_ms(w, "p95_warm_ms", r->warm.p95); /* without the first ten seconds */
    key_ms(w, "ttft_p50_ms", r->first.p50);
    key_ms(w, "ttft_p95_ms", r->first.p95);
    key_ms(w, "ttft_p99_ms", r->first.p99);
    json_member_u64(w, "calls_priced", r->priced);
    key_usd(w, "cost_usd", r->usd);
    json_member_u64(w, "prompt_tokens", (uint64_t)r->prompt);
    json_member_u64(w, "cached_tokens", (uint64_t)r->cached);
    json_key(w, "targets");
    json_begin_array(w);
    for (uint32_t i = 0; i < r->nparts; i++)
        if (r->parts[i].attempts)
            write_part(r, &r->parts[i], w);
    json_end(w);
    json_end(w);
}

void simulate_write_json(const struct simulated *runs, size_t n, struct buf *to)
{
    struct rope r = ROPE_INIT(JSON_MAX);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    json_key(&w, "runs");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        write_run(&runs[i], &w);
    json_end(&w);
    json_end(&w);
    rope_flatten(&r, to);
    to->failed |= rope_failed(&r);
    rope_fini(&r);
}

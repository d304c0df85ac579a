/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_text - records as JSON, for the file that outlives a restart.
 *
 *     [{"key":"3f2a…","provider":"openai","origin":"https://api.openai.com","model":"gpt-5",
 *       "idle_ms":812,"n":17.2,"failed":0.4,…,"faults":{"timeout":0.4},
 *       "open_ms":0,"quota":[{"slot":"tokens",…}]}, …]
 *
 * JSON, for its reader is there and is fuzzed, members may come and go between versions, and an
 * operator can look into it. All times are relative to the moment of writing: what wall clocks did
 * meanwhile changes at most how old the whole is taken to be.
 *
 * A number that is absent is 0, and is not written where it is; `open_ms` of 0 is there: the
 * breaker was open and its time was over.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/check.h"
#include "base/fmt.h"
#include "base/num.h"
#include "route/record.h"

#define SUM_MOST  1e15        /* a greater sum, or a time of more years, is none of ours */
#define SPAN_MOST 86400000    /* nothing is out for longer than a day: conf/options_recovery.c */
#define TEXT_MAX  (64u << 10) /* of the names of one record, unescaped */

/* Sums and averages, all of them doubles. */
static const struct sum {
    str name;
    size_t at;
} sums[] = {
#define SUM(field)                                   \
    {                                                \
        STR(#field), offsetof(struct figures, field) \
    }
    SUM(n),         SUM(failed), SUM(firsts), SUM(first_ms), SUM(tokens),  SUM(tokens_ms),
    SUM(answers),   SUM(output), SUM(prompt), SUM(cached),   SUM(cold),    SUM(chance),
    SUM(answer_ms), SUM(bills),  SUM(paid),   SUM(wasted),   SUM(slow_ms), SUM(usual_ms),
#undef SUM
};

static double *sum_of(struct figures *f, const struct sum *s)
{
    return (double *)(void *)((char *)f + s->at);
}

/* What keeps it out, and for how long. */
static const struct span {
    str name;
    size_t at;
} spans[] = {
#define SPAN(name, field)                         \
    {                                             \
        STR(name), offsetof(struct record, field) \
    }
    SPAN("cool_ms", cool_until),
    SPAN("open_ms", open_until),
    SPAN("refused_ms", refused_until),
    SPAN("ejected_ms", ejected_until),
#undef SPAN
};

static msec *until_of(struct record *r, const struct span *s)
{
    return (msec *)(void *)((char *)r + s->at);
}

static const str slots[QUOTA_SLOTS] = {
    [QUOTA_REQUESTS] = STR("requests"),
    [QUOTA_TOKENS] = STR("tokens"),
    [QUOTA_INPUT] = STR("input"),
    [QUOTA_OUTPUT] = STR("output"),
    [QUOTA_REQUESTS_OTHER] = STR("requests_other"),
    [QUOTA_TOKENS_OTHER] = STR("tokens_other"),
    [QUOTA_SHARE] = STR("share"),
    [QUOTA_SHARE_OTHER] = STR("share_other"),
};

/* ---- writing */

static void put_sum(struct json_writer *w, str name, double v)
{
    char text[32];
    if (!isfinite(v) || v < 1e-6) /* as good as nothing; and sums are never negative */
        return;
    json_key_str(w, name);
    json_put_text(w, str_of(text, (size_t)snprintf(text, sizeof(text), "%.6g", v)));
}

static void put_count(struct json_writer *w, str name, uint64_t v)
{
    if (!v)
        return;
    json_key_str(w, name);
    json_put_u64(w, v);
}

static void write_faults(const struct figures *f, struct json_writer *w)
{
    json_key(w, "faults");
    json_begin_object(w);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        put_sum(w, fault_name(i), (double)f->fault[i]);
    json_end(w);
}

/* So much later, of what a bucket lets flow back. */
static uint64_t refilled(uint64_t limit, uint64_t left, uint64_t reset_ms, uint64_t age)
{
    if (age >= reset_ms)
        return limit;
    return left + (uint64_t)((double)(limit - left) * (double)age / (double)reset_ms);
}

/* What was said of one slot, as it is so much later. */
static void said_later(struct quota_said *s, unsigned i, uint64_t ms)
{
    const uint64_t limit = s->of[i].limit, reset = s->of[i].reset_ms;
    const uint64_t left = s->of[i].left < limit ? s->of[i].left : limit;
    if (s->refills >> i & 1 || ms >= reset)
        s->of[i].left = refilled(limit, left, reset, ms);
    s->of[i].reset_ms = reset > ms ? reset - ms : 0;
}

/* As it is now: a record that nobody has used since the start is as old as the process, and would
 * begin its wait anew with each restart. */
static void write_said(struct quota_said said, uint64_t age, struct json_writer *w)
{
    const struct quota_said *s = &said;
    json_key(w, "quota");
    json_begin_array(w);
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        if (!(s->left >> i & 1))
            continue;
        said_later(&said, i, age);
        json_begin_object(w);
        json_key(w, "slot");
        json_put_str(w, slots[i]);
        json_key(w, "limit");
        json_put_u64(w, s->of[i].limit);
        json_key(w, "left");
        json_put_u64(w, s->of[i].left);
        put_count(w, STR("reset_ms"), s->of[i].reset_ms);
        json_key(w, "refills");
        json_put_bool(w, s->refills >> i & 1);
        json_end(w);
    }
    json_end(w);
}

/* Over, and says nothing any more; but a breaker stays half-open until somebody tries. */
static bool is_over(const struct span *s, msec until, msec now)
{
    return until == 0 || (until <= now && s->at != offsetof(struct record, open_until));
}

static void write_spans(struct record *r, msec now, struct json_writer *w)
{
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        const msec until = *until_of(r, &spans[i]);
        if (is_over(&spans[i], until, now))
            continue;
        json_key_str(w, spans[i].name);
        json_put_u64(w, until > now ? until - now : 0);
    }
    put_count(w, STR("openings"), health_openings(r->openings, r->closed_at, now));
    put_count(w, STR("ejections"), r->ejections);
}

static bool is_worth_it(struct record *r, msec now)
{
    if (r->figures.begun && now - r->figures.begun > RECORD_AGE_MAX_MS)
        return false;
    bool out = false;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        out |= !is_over(&spans[i], *until_of(r, &spans[i]), now);
    return out || r->figures.usual_n || r->figures.n > 0 || r->said_at;
}

static void write_record(struct record *r, msec now, struct json_writer *w)
{
    struct record_name n;
    char hex[16];
    if (!is_worth_it(r, now) || !record_name(r->id, &n))
        return;
    json_begin_object(w);
    json_key(w, "key");
    json_put_str(w, str_of(hex, fmt_hex64(hex, n.key)));
    json_key(w, "provider");
    json_put_str(w, n.provider);
    json_key(w, "origin");
    json_put_str(w, n.origin);
    json_key(w, "model");
    json_put_str(w, n.model);
    if (r->figures.begun)
        put_count(w, STR("idle_ms"), now > r->figures.begun ? now - r->figures.begun : 0);
    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        put_sum(w, sums[i].name, *sum_of(&r->figures, &sums[i]));
    put_count(w, STR("usual_n"), r->figures.usual_n);
    write_faults(&r->figures, w);
    write_spans(r, now, w);
    if (r->said_at)
        write_said(r->said, now > r->said_at ? now - r->said_at : 0, w);
    json_end(w);
}

void records_write(const struct records *s, struct json_writer *w, msec now)
{
    json_begin_array(w);
    list_each(it, &s->all) write_record(list_entry(it, struct record, link), now, w);
    json_end(w);
}

/* ---- reading */

/* 0: it is not there, or makes no sense. */
static double read_sum(jval v, str name, double most)
{
    double d = 0;
    return json_double(json_get(v, name), &d) == RC_OK && d > 0 && d <= most ? d : 0;
}

static uint64_t read_count(jval v, str name, uint64_t most)
{
    uint64_t n = 0;
    return json_u64(json_get(v, name), &n) == RC_OK && n <= most ? n : 0;
}

/* Parts that are no part of their whole would be shares above one. */
static void make_sense(struct figures *f)
{
    f->failed = f->failed < f->n ? f->failed : f->n;
    f->cached = f->cached < f->prompt ? f->cached : f->prompt;
    f->chance = f->chance < f->cold ? f->chance : f->cold;
    f->usual_n = f->usual_ms > 0 ? f->usual_n : 0;
}

static void read_figures(struct figures *f, jval v, msec now, uint64_t age)
{
    const uint64_t idle = read_count(v, STR("idle_ms"), RECORD_AGE_MAX_MS) + age;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        *sum_of(f, &sums[i]) = read_sum(v, sums[i].name, SUM_MOST);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        f->fault[i] = (float)read_sum(json_get_lit(v, "faults"), fault_name(i), SUM_MOST);
    f->usual_n = (uint32_t)read_count(v, STR("usual_n"), UINT32_MAX);
    make_sense(f);
    figures_age(f, (double)age);
    f->at = now;
    f->begun = now > idle ? now - idle : 1;
}

/* A breaker that was open, or a target that was ejected, was due so long before now; nobody has
 * seen since how it does, but what broke last week must not make today's first time a long one. */
static unsigned fewer(jval v, str times, str still, uint64_t age, uint64_t each_ms)
{
    const uint64_t left = read_count(v, still, SPAN_MOST);
    const uint64_t calm = age > left ? (age - left) / each_ms : 0, n = read_count(v, times, 1000);
    return (unsigned)(n > calm ? n - calm : 0);
}

static void read_spans(struct record *r, jval v, msec now, uint64_t age)
{
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        uint64_t ms = 0;
        if (json_u64(json_get(v, spans[i].name), &ms) != RC_OK || ms > SPAN_MOST)
            continue;
        *until_of(r, &spans[i]) = ms > age ? now + (ms - age) : now; /* never 0: that is never */
    }
    r->openings = fewer(v, STR("openings"), STR("open_ms"), age, HEALTH_CALM_MS);
    r->closed_at = r->open_until ? 0 : now;
    r->ejections = fewer(v, STR("ejections"), STR("ejected_ms"), age, OUTLIER_INTERVAL_MS);
}

static void read_slot(struct quota_said *s, unsigned i, jval v, uint64_t age)
{
    bool refills = false;
    const uint64_t limit = read_count(v, STR("limit"), QUOTA_MOST);
    const uint64_t left = read_count(v, STR("left"), limit);
    const uint64_t reset = read_count(v, STR("reset_ms"), RECORD_AGE_MAX_MS);
    if (!limit || json_bool(json_get_lit(v, "refills"), &refills) != RC_OK)
        return;
    const uint8_t bit = (uint8_t)(1u << i);
    s->of[i].limit = limit;
    s->of[i].left = left;
    s->of[i].reset_ms = reset;
    s->limit |= bit, s->left |= bit, s->reset |= bit;
    s->refills |= refills ? bit : 0;
    said_later(s, i, age);
    s->of[i].window_ms = s->of[i].reset_ms;
}

static void read_said(struct record *r, jval v, msec now, uint64_t age)
{
    struct json_iter it = json_iter(v);
    while (json_next(&it))
        for (unsigned i = 0; i < QUOTA_SLOTS; i++)
            if (json_str_is(json_get_lit(it.val, "slot"), slots[i]))
                read_slot(&r->said, i, it.val, age);
    if (r->said.left)
        r->said_at = r->heard = now;
}

/* As candidate.c puts an identity together. False: no room, or a member that makes no text. */
static bool read_id(jval v, struct arena *a, char to[RECORD_ID_MAX], size_t *ret_n)
{
    static const str members[] = {STR("provider"), STR("origin"), STR("model")};
    uint64_t key;
    size_t n = sizeof(key);
    if (num_hex(json_raw(json_get_lit(v, "key")), &key) != RC_OK)
        return false;
    memcpy(to, &key, sizeof(key));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        str s;
        if (json_str(json_get(v, members[i]), a, &s) != RC_OK || s.n + 1 > RECORD_ID_MAX - n)
            return false;
        if (s.n)
            memcpy(to + n, s.p, s.n);
        n += s.n;
        to[n++] = '\0';
    }
    *ret_n = n;
    return true;
}

static void read_record(struct records *s, jval v, msec now, uint64_t age)
{
    AUTO(arena_fini) struct arena a;
    char id[RECORD_ID_MAX];
    size_t n;
    arena_init(&a, TEXT_MAX);
    if (!read_id(v, &a, id, &n) || records_find(s, str_of(id, n)) ||
        read_count(v, STR("idle_ms"), UINT64_MAX / 2) + age > RECORD_AGE_MAX_MS)
        return;
    struct record *r = records_take(s, str_of(id, n));
    if (!r)
        return;
    read_figures(&r->figures, v, now, age);
    read_spans(r, v, now, age);
    read_said(r, json_get_lit(v, "quota"), now, age);
}

bool records_read(struct records *s, jval v, msec now, uint64_t age)
{
    CHECK(now > 0); /* 0 is "never" in all its times */
    if (!json_is(v, JSON_ARRAY))
        return false;
    struct json_iter it = json_iter(v);
    while (json_next(&it))
        read_record(s, it.val, now, age);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets_write - figures as JSON: one object for a target, a provider and a region alike.
 *
 * What is not known is null and never zero. Figures fade (route/figures.h); `window` has plain
 * counts of the last minute beside them (route/window.h).
 */
#include "base/fmt.h"
#include "gate/targets.h"

#define ANSWER_MAX (4u << 20)
#define THOUSAND   1000 /* tokens that a price is asked for: they fall into no higher tier */

/* ---- names */

static str state_name(enum health_state s)
{
    switch (s) {
    case HEALTH_OK:
        return STR("ok");
    case HEALTH_HALF_OPEN:
        return STR("half_open");
    case HEALTH_EJECTED:
        return STR("ejected");
    case HEALTH_COOLING:
        return STR("cooling");
    case HEALTH_REGION_OPEN:
        return STR("region_down");
    case HEALTH_OPEN:
        return STR("open");
    case HEALTH_REFUSED:
        return STR("refused");
    }
    return STR("ok");
}

/* ---- the figures */

static void write_shares(const struct figures *f, msec now, struct json_writer *w)
{
    double rates[FAULT_COUNT];
    figures_faults(f, now, rates);
    json_key(w, "errors_by_class"); /* shares of all attempts */
    json_begin_object(w);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (rates[i] >= 0.00005)
            json_member_known(w, fault_name(i).p, rates[i], 4);
    json_end(w);
}

static void write_window(const struct window *of, msec now, struct json_writer *w)
{
    const struct window_reading r = window_read(of, now);
    json_key(w, "window");
    json_begin_object(w);
    json_member_u64(w, "seconds", WINDOW_SLOTS * WINDOW_SLOT_MS / 1000);
    json_member_u64(w, "attempts", r.attempts);
    json_member_u64(w, "served", r.served);
    json_member_u64(w, "failed", r.failed);
    json_key(w, "errors_by_class");
    json_begin_object(w);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (r.fault[i])
            json_member_u64(w, fault_name(i).p, r.fault[i]);
    json_end(w);
    json_member_known(w, "response_p50_ms", r.answer_p50, 0);
    json_member_known(w, "response_p95_ms", r.answer_p95, 0);
    json_member_known(w, "ttft_p50_ms", r.first_p50, 0);
    json_member_known(w, "ttft_p95_ms", r.first_p95, 0);
    json_member_known(w, "tokens_per_s", r.tokens_per_s, 1);
    json_end(w);
}

static void write_figures(const struct record *r, msec now, struct json_writer *w)
{
    const struct figures *f = &r->figures;
    const struct reading seen = figures_read(f, now);
    json_member_known(w, "samples", seen.n, 1);
    json_member_known(w, "error_rate", seen.error_rate, 4);
    write_shares(f, now, w);
    json_member_known(w, "response_ms", figures_answer_ms(f), 0);
    json_member_known(w, "ttft_ms", seen.first_ms, 0);
    json_member_known(w, "ttft_usual_ms", f->usual_n ? f->usual_ms : -1, 0);
    json_member_known(w, "tokens_per_s", seen.token_ms > 0 ? 1000 / seen.token_ms : -1, 1);
    json_member_known(w, "output_tokens", seen.tokens, 0);
    json_member_u64(w, "in_flight", f->in_flight);
    json_member_known(w, "cached_share", figures_cached(f), 4); /* of prompts, as it was billed */
    json_member_known(w, "wasted_share", f->bills > 0 ? seen.waste / (1 + seen.waste) : -1, 4);
    write_window(&r->window, now, w);
}

/* ---- limits and prices */

static void write_limits(const struct record *r, msec now, struct json_writer *w)
{
    static const char *const names[QUOTA_SLOTS] = {
        [QUOTA_REQUESTS] = "requests",
        [QUOTA_TOKENS] = "tokens",
        [QUOTA_INPUT] = "input_tokens",
        [QUOTA_OUTPUT] = "output_tokens",
        [QUOTA_REQUESTS_OTHER] = "requests_2",
        [QUOTA_TOKENS_OTHER] = "tokens_2",
        [QUOTA_SHARE] = "share",
        [QUOTA_SHARE_OTHER] = "share_2",
    };
    json_key(w, "limits"); /* as its provider told them: limit, what is left, when it is full */
    json_begin_object(w);
    for (unsigned i = 0; r->said_at && i < QUOTA_SLOTS; i++) {
        const msec full = r->said_at + r->said.of[i].reset_ms;
        if (!(r->said.left >> i & 1))
            continue;
        json_key_str(w, str_c(names[i]));
        json_begin_object(w);
        json_member_u64(w, "limit", r->said.of[i].limit);
        json_member_u64(w, "left", full > now ? r->said.of[i].left : r->said.of[i].limit);
        json_member_u64(w, "full_in_ms", full > now ? full - now : 0);
        json_end(w);
    }
    json_end(w);
}

/* Nano-dollars of a million tokens of a kind; negative: not known. */
static double price_of(struct call *c, uint32_t provider, const struct known *k,
                       const struct usage *u)
{
    const struct pricing *p = &c->gen->pricing;
    const struct charge ch = pricing_charge(p, provider, k, u, loop_unix_ms(c->gate->loop));
    const bool known = ch.source != PRICE_BY_NOBODY && !ch.cost.missing;
    return known ? (double)ch.cost.usd * (1000000.0 / THOUSAND) : -1;
}

/* Of a million tokens: by the list, and what they cost in the end. */
static void write_price(struct call *c, const struct conf_provider *p, str model,
                        const struct record *r, msec now, struct json_writer *w)
{
    const struct known *k = pricing_find(&c->gen->pricing, p->index, model, &c->req->arena);
    const struct usage in = {.input_uncached = THOUSAND, .has = USAGE_HAS_INPUT},
                       cached = {.cache_read = THOUSAND, .has = USAGE_HAS_INPUT},
                       out = {.output = THOUSAND, .has = USAGE_HAS_OUTPUT};
    const double of_in = price_of(c, p->index, k, &in), of_out = price_of(c, p->index, k, &out);
    const double of_cached = price_of(c, p->index, k, &cached);
    const struct reading seen = figures_read(&r->figures, now);
    const double share = figures_cached(&r->figures) > 0 ? figures_cached(&r->figures) : 0;
    const double mixed = of_cached >= 0 ? of_in + (of_cached - of_in) * share : of_in;
    json_key(w, "usd_per_mtok");
    json_begin_object(w);
    json_member_known(w, "input", of_in * 1e-9, 6);
    json_member_known(w, "cached_input", of_cached * 1e-9, 6);
    json_member_known(w, "output", of_out * 1e-9, 6);
    json_member_known(w, "effective_input", reading_usd(&seen, mixed) * 1e-9, 6);
    json_member_known(w, "effective_output", reading_usd(&seen, of_out) * 1e-9, 6);
    json_end(w);
}

/* ---- a target */

static const struct conf_provider *provider_named(const struct snapshot *s, str name)
{
    for (uint32_t i = 0; i < s->nproviders; i++)
        if (s->providers[i].enabled && str_eq(s->providers[i].name, name))
            return &s->providers[i];
    return NULL;
}

/* Its place among the provider's keys; never the key. */
static void write_key(struct call *c, const struct conf_provider *p, uint64_t hash,
                      struct json_writer *w)
{
    json_key(w, "key");
    for (uint32_t i = 0; i < p->nkeys; i++)
        if (hash_bytes(c->gate->route.identity, secret_reveal(&p->keys[i])) == hash) {
            json_put_u64(w, i);
            return;
        }
    json_put_null(w); /* it needs none; or it has another one by now */
}

/* The record of the same key for all models; NULL: there is none. */
static const struct record *credential_of(const struct records *all, str id, str model)
{
    char text[RECORD_ID_MAX];
    const size_t n = id.n - model.n - 1;
    CHECK(id.n <= sizeof(text) && model.n < id.n);
    memcpy(text, id.p, n);
    text[n] = '\0';
    return records_find(all, str_of(text, n + 1));
}

static enum health_state worse(enum health_state a, enum health_state b)
{
    return a > b ? a : b;
}

static void write_state(const struct records *all, const struct record *r, str model, msec now,
                        struct json_writer *w)
{
    const struct record *key = credential_of(all, r->id, model);
    const enum health_state of_key = key ? record_state(key, now) : HEALTH_OK;
    json_member_text(w, "state", state_name(worse(record_state(r, now), of_key)));
    json_member_u64(w, "workers", r->workers); /* that have called it */
    json_member_u64(w, "out_of_workers", key && key->out > r->out ? key->out : r->out);
}

/* Does it stand in the configuration as it is now? */
static const struct conf_provider *place_of(const struct snapshot *s, const struct record *r,
                                            struct record_name *ret)
{
    const struct conf_provider *p =
        record_is_target(r) && record_name(r->id, ret) ? provider_named(s, ret->provider) : NULL;
    return p && str_eq(p->origin.text, ret->origin) ? p : NULL;
}

/* Of how many prompts the cache at a place holds a beginning: counted once for all targets, for
 * there may be thousands of both, and all of it is one callback. */
struct tally {
    struct map at;
    bool failed; /* no memory: nobody's is known */
};

static str key_of(const uint64_t *place)
{
    return str_of((const char *)place, sizeof(*place));
}

static void tally_warm(struct tally *t, const struct records *all)
{
    t->failed = false;
    map_init(&t->at, all->map.key);
    for (unsigned i = 0; i < all->nwarm && !t->failed; i++) {
        const struct warm_note *note = &all->warm[i];
        const uintptr_t n = (uintptr_t)map_get(&t->at, key_of(&note->place));
        if (note->share > 0)
            t->failed = map_put(&t->at, key_of(&note->place), (void *)(n + 1), NULL) != RC_OK;
    }
}

static void write_warm(const struct tally *t, uint64_t place, struct json_writer *w)
{
    json_key(w, "warm_prefixes");
    if (t->failed)
        json_put_null(w);
    else
        json_put_u64(w, (uintptr_t)map_get(&t->at, key_of(&place)));
}

static void write_target(struct call *c, const struct records *all, const struct tally *warm,
                         const struct record *r, struct json_writer *w)
{
    const msec now = loop_now(c->gate->loop);
    struct record_name n;
    const struct conf_provider *p = place_of(c->gen->snap, r, &n);
    CHECK(p);
    json_begin_object(w);
    json_member_text(w, "provider", p->name);
    json_member_text(w, "model", n.model);
    write_key(c, p, n.key, w);
    json_member_text(w, "region", p->region);
    write_state(all, r, n.model, now, w);
    write_figures(r, now, w);
    const struct conf_target place = {.provider = p->index, .model = n.model};
    write_warm(warm, plan_place(c->gen->snap, &place), w);
    write_limits(r, now, w);
    write_price(c, p, n.model, r, now, w);
    json_end(w);
}

/* ---- roll-ups: a set of records again, by the name of what they are of */

static void add_to(struct records *sums, str name, const struct record *r, msec now)
{
    struct record *sum = name.n ? records_take(sums, str_head(name, RECORD_ID_MAX)) : NULL;
    if (!sum)
        return;
    record_merge(sum, r, now);
    sum->targets++;
}

static void write_sums(const char *key, const char *member, const struct records *sums, msec now,
                       struct json_writer *w)
{
    json_key_str(w, str_c(key));
    json_begin_array(w);
    list_each(it, &sums->all)
    {
        const struct record *r = list_entry(it, struct record, link);
        json_begin_object(w);
        json_member_text(w, member, r->id);
        json_member_u64(w, "targets", r->targets);
        write_figures(r, now, w);
        json_end(w);
    }
    json_end(w);
}

void targets_write(struct call *c, const struct records *all, unsigned workers,
                   struct json_writer *w)
{
    const msec now = loop_now(c->gate->loop);
    struct records providers, regions;
    struct record_name n;
    struct tally warm;
    unsigned shown = 0, left_out = 0;
    records_init(&providers, all->map.key);
    records_init(&regions, all->map.key);
    tally_warm(&warm, all);
    json_begin_object(w);
    json_member_u64(w, "workers", workers);
    json_key(w, "targets");
    json_begin_array(w);
    list_each(it, &all->all)
    {
        const struct record *r = list_entry(it, struct record, link);
        const struct conf_provider *p = place_of(c->gen->snap, r, &n);
        if (!p)
            continue;
        add_to(&providers, p->name, r, now);
        add_to(&regions, p->region, r, now);
        if (shown < TARGETS_MOST)
            write_target(c, all, &warm, r, w);
        shown < TARGETS_MOST ? shown++ : left_out++;
    }
    json_end(w);
    json_member_u64(w, "left_out", left_out);
    write_sums("providers", "provider", &providers, now, w);
    write_sums("regions", "region", &regions, now, w);
    json_end(w);
    records_fini(&providers);
    records_fini(&regions);
    map_fini(&warm.at);
}

void targets_answer(struct call *c, const struct records *all, unsigned workers)
{
    struct rope r = ROPE_INIT(ANSWER_MAX);
    struct json_writer w;
    json_writer_init(&w, &r);
    targets_write(c, all, workers, &w);
    local_answer_json(c, 200, &r);
}

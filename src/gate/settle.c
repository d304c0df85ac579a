/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - the one end of every call: counters, histograms, one line in the access log.
 *
 * Usage is what the provider reported; where it reported none, tokens.c counts or estimates it, and
 * the record says which. The line is one JSON object, made without printf, and never waits.
 */
#include "gate/recovery.h"

#include "base/fmt.h"
#include "gate/feature.h"
#include "gate/mirror.h"
#include "gate/past.h"
#include "json/write.h"

#define FIELD_MAX 1024 /* bytes of one text in the log */

/* ---- usage */

void settle_usage(struct call *c)
{
    const uint32_t both = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT;
    if (!c->attempts || !c->committed || rescue_is_paid(c))
        return;
    if (c->op) {
        op_complete_usage(c);
        return;
    }
    if ((c->usage.has & both) == both && !rescue_times(c)) /* whose prompt has been lengthened */
        tokens_learn(c);
    else if ((c->usage.has & both) == both)
        return;
    else
        tokens_fill_usage(c);
}

/* Of a model that is remembered the series is looked for once, and only when there is something to
 * count: names of models that nobody served never become labels. */
static void count_charge(struct call *c, const struct attempt_record *t, struct known *k)
{
    struct metric_model *m = k ? k->series : NULL;
    if (!m)
        m = metric_model(c->gate->set.metrics, t->provider->name, t->model);
    if (k)
        k->series = m;
    if (!m)
        return;
    metric_add(&m->counter[METRIC_M_CALLS], 1);
    metric_add(&m->counter[METRIC_M_COST], (uint64_t)c->charge.cost.usd);
    if (c->charge.source != PRICE_BY_NOBODY) {
        const uint64_t tokens = usage_prompt(&c->usage) + c->usage.output;
        metric_add(&m->counter[METRIC_M_PRICED_TOKENS], tokens);
        alerts_charge(c, tokens, c->charge.cost.usd);
    }
    if (c->charge.cost.missing)
        metric_add(&m->counter[METRIC_M_UNPRICED], 1);
}

/* What the target has cost, for its effective price: what broke off was paid in vain, whoever goes
 * on with it. */
static void bill(struct call *c, const struct attempt_record *t)
{
    const struct usage *u = &c->usage;
    const bool is_short = c->req->body.n < WARM_LEAST; /* nobody caches it, so it says nothing */
    if (!c->cand || (is_short && c->charge.source == PRICE_BY_NOBODY))
        return;
    const bool known = c->charge.source != PRICE_BY_NOBODY && !c->charge.cost.missing;
    figures_bill(&c->cand->health->figures, &(struct figures_bill){
                                                .usd = known ? (double)c->charge.cost.usd : -1,
                                                .prompt = (double)usage_prompt(u),
                                                .cached = (double)u->cache_read,
                                                .expected = is_short || warmth_is_expected(c),
                                                .in_vain = t->broke,
                                            });
}

void settle_waste(struct call *c)
{
    const struct usage u = {.input_uncached = tokens_estimate(c), .has = USAGE_HAS_INPUT};
    struct pricing *p = &c->gen->pricing;
    const struct charge ch = pricing_charge(p, attempt_record_of(c)->provider->index,
                                            known_of_attempt(c), &u, loop_unix_ms(c->gate->loop));
    const bool known = ch.source != PRICE_BY_NOBODY && !ch.cost.missing;
    figures_bill(&c->cand->health->figures,
                 &(struct figures_bill){
                     .usd = known ? (double)ch.cost.usd : -1, .expected = true, .in_vain = true});
}

/* The charge of the call, once its usage is known. Failed attempts brought no tokens to charge. */
static void charge(struct call *c)
{
    if (c->usage.source == USAGE_NONE || !c->attempts)
        return;
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    struct pricing *p = &c->gen->pricing;
    uint32_t at = t->provider->index;
    struct known *k = known_of_attempt(c);
    c->charge = pricing_charge(p, at, k, &c->usage, loop_unix_ms(c->gate->loop));
    c->charged = true;
    count_charge(c, t, k);
    bill(c, t);
}

static void count_usage(struct call *c)
{
    const struct usage *u = &c->usage;
    _Atomic uint64_t *p = c->bind->metric->counter;
    metric_add(&p[METRIC_P_INPUT_TOKENS], usage_prompt(u));
    metric_add(&p[METRIC_P_CACHED_TOKENS], u->cache_read);
    metric_add(&p[METRIC_P_CACHE_WRITE_TOKENS], u->cache_write_5m + u->cache_write_1h);
    metric_add(&p[METRIC_P_OUTPUT_TOKENS], u->output);
    metric_add(&p[METRIC_P_REASONING_TOKENS], u->reasoning);
}

/* As its client saw it, for alerts: what was retried away is no failure, and a request that is
 * wrong is nobody's. */
static void count_outcome(struct call *c, unsigned status, uint64_t ms)
{
    const struct conf_route *r = c->found.route;
    const bool broke = c->committed && c->reply_error != ERR_COUNT;
    const bool first = c->content && c->stream_out;
    const enum outcome_end how = status == 429            ? OUTCOME_LIMITED
                                 : status >= 500 || broke ? OUTCOME_FAILED
                                                          : OUTCOME_SERVED;
    if (how == OUTCOME_SERVED && status >= 400)
        return;
    outcome_add(&c->gate->set.metrics->calls, how, first ? c->ttft_ms : ms, first);
    if (!r->logical)
        return;
    struct metric_route *m = c->gen->series[r->index];
    outcome_add(&m->calls, how, first ? c->ttft_ms : ms, first);
    if (!c->charged || c->charge.source == PRICE_BY_NOBODY)
        return;
    metric_add(&m->tokens, usage_prompt(&c->usage) + c->usage.output);
    metric_add(&m->usd, (uint64_t)c->charge.cost.usd);
}

void settle_attempt(struct call *c, uint64_t least)
{
    settle_usage(c);
    if (c->usage.output < least)
        c->usage.output = least;
    charge(c);
    if (c->bind)
        count_usage(c);
}

static void count_scenario(struct call *c)
{
    if (c->routed_by.kind == ROUTED_BY_SCENARIO || c->routed_by.kind == ROUTED_BY_SUBAGENT)
        metric_count(c->gate->set.metrics, SCENARIOS);
}

static void count_call(struct call *c, unsigned status, bool gone, uint64_t ms)
{
    struct metric_shard *m = c->gate->set.metrics;
    metric_count(m, REQUESTS);
    if (gone)
        metric_count(m, CLIENT_GONE);
    else if (status >= 500)
        metric_count(m, REQUESTS_5XX);
    else if (status >= 400)
        metric_count(m, REQUESTS_4XX);
    metric_add(&m->counter[METRIC_BYTES_OUT], c->req->bytes_out);
    if (c->lossy.n && !c->same)
        metric_count(m, LOSSY);
    if (c->committed && c->route != c->found.route)
        metric_count(m, FALLBACKS);
    count_scenario(c);
    if (c->counted)
        metric_add(&m->in_flight, (uint64_t)-1);
    if (c->stream_out)
        metric_add(&m->streams, (uint64_t)-1);
    if (!c->committed || !c->bind)
        return;
    hist_add(&m->total_ms, ms);
    hist_add(&m->overhead_us, c->own_us);
    hist_add(&c->bind->metric->total_ms, ms);
    if (c->content && c->stream_out) {
        hist_add(&m->ttft_ms, c->ttft_ms);
        hist_add(&c->bind->metric->ttft_ms, c->ttft_ms);
    }
    count_usage(c);
}

/* ---- the log line */

/* Clients choose paths and names, so each is cut: no line is lost for being long. Cutting a
 * character in two is mended by json_escape. */
static void field_text(struct buf *b, const char *name, size_t n, str s)
{
    buf_add(b, str_of(name, n));
    buf_add_char(b, '"');
    json_escape(b, str_head(s, FIELD_MAX));
    buf_add_char(b, '"');
}

/* A word of ours: nothing in it must be escaped or cut. */
static void field_word(struct buf *b, const char *name, size_t n, str s)
{
    buf_add(b, str_of(name, n));
    buf_add_char(b, '"');
    buf_add(b, s);
    buf_add_char(b, '"');
}

static void field_u64(struct buf *b, const char *name, size_t n, uint64_t v)
{
    buf_add(b, str_of(name, n));
    buf_add_u64(b, v);
}

#define TEXT(b, lit, s) field_text((b), lit, sizeof(lit) - 1, (s))
#define WORD(b, lit, s) field_word((b), lit, sizeof(lit) - 1, (s))
#define U64(b, lit, v)  field_u64((b), lit, sizeof(lit) - 1, (v))

static str source_name(uint8_t source)
{
    switch ((enum usage_source)source) {
    case USAGE_NONE:
        return STR("none");
    case USAGE_ESTIMATED:
        return STR("estimated");
    case USAGE_COUNTED:
        return STR("counted");
    case USAGE_REPORTED:
        return STR("reported");
    }
    return STR("none");
}

/* Where routing looked at it; a stand-in that tells no more than which calls belong together. */
static void log_session(const struct call *c, struct buf *b)
{
    char hex[16];
    const uint64_t hash = features_session_seen(c);
    if (hash)
        WORD(b, ",\"session\":", str_of(hex, fmt_hex64(hex, hash)));
}

static void log_attempts(struct call *c, struct buf *b)
{
    buf_lit(b, ",\"attempts\":[");
    for (unsigned i = 0; i < c->attempts; i++) {
        const struct attempt_record *t = &c->tried[i];
        if (i)
            buf_add_char(b, ',');
        TEXT(b, "{\"provider\":", t->provider->name);
        TEXT(b, ",\"model\":", t->model);
        U64(b, ",\"status\":", t->status);
        if (t->error != ERR_COUNT)
            WORD(b, ",\"error\":", err_row(t->error)->name);
        if (t->why)
            TEXT(b, ",\"why\":", str_c(t->why));
        if (t->answer.n)
            TEXT(b, ",\"answer\":", t->answer);
        if (t->lost)
            buf_lit(b, ",\"lost\":true");
        U64(b, ",\"ms\":", t->ms);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

/* How long it stood in line for room at a provider. */
static void log_wait(const struct call *c, struct buf *b)
{
    if (c->room.ended)
        U64(b, ",\"waited_ms\":", c->room.ended - c->room.since);
}

static void log_usage(const struct call *c, struct buf *b)
{
    const struct usage *u = &c->usage;
    U64(b, ",\"usage\":{\"input_tokens\":", usage_prompt(u));
    U64(b, ",\"output_tokens\":", u->output);
    U64(b, ",\"cached_tokens\":", u->cache_read);
    U64(b, ",\"reasoning_tokens\":", u->reasoning);
    if (u->audio_ms)
        U64(b, ",\"audio_ms\":", u->audio_ms);
    if (u->pictures)
        U64(b, ",\"images\":", u->pictures);
    if (u->units)
        U64(b, ",\"search_units\":", u->units);
    if (u->characters)
        U64(b, ",\"characters\":", u->characters);
    WORD(b, ",\"source\":", source_name(u->source));
    buf_add_char(b, '}');
}

static str price_name(enum price_source source)
{
    switch (source) {
    case PRICE_BY_NOBODY:
        return STR("unknown");
    case PRICE_BY_CATALOGUE:
        return STR("catalogue");
    case PRICE_BY_CONFIG:
        return STR("config");
    case PRICE_BY_PROVIDER:
        return STR("provider");
    }
    return STR("unknown");
}

/* The classes that were used and have no price: then the cost is only known to be no less. */
static void log_missing(uint32_t missing, struct buf *b)
{
    buf_lit(b, ",\"unpriced\":[");
    for (unsigned i = 0, n = 0; i < PRICE_CLASSES; i++) {
        if (!(missing >> i & 1))
            continue;
        buf_add(b, n++ ? STR(",\"") : STR("\""));
        buf_add(b, str_c(price_class_key((enum price_class)i)));
        buf_add_char(b, '"');
    }
    buf_add_char(b, ']');
}

static void log_charge(const struct call *c, struct buf *b)
{
    const struct charge *ch = &c->charge;
    char usd[FMT_USD_MAX];
    if (!c->charged)
        return;
    if (ch->source == PRICE_BY_NOBODY) {
        buf_lit(b, ",\"cost_usd\":null");
    } else {
        buf_lit(b, ",\"cost_usd\":");
        buf_add(b, str_of(usd, fmt_usd(usd, ch->cost.usd)));
    }
    WORD(b, ",\"price\":", price_name(ch->source));
    if (ch->source != PRICE_BY_NOBODY && ch->cost.missing)
        log_missing(ch->cost.missing, b);
}

/* A19: characters above ASCII that some reader of the log takes for the end of a line or for a
 * terminal's command: U+2028, U+2029, and the C1 controls U+0080 to U+009F. How many bytes it has;
 * 0: it is none of them. */
static size_t is_disguised(str s, unsigned *ret)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
        *ret = 0x2000u + (p[2] & 0x3f);
        return 3;
    }
    if (s.n < 2 || p[0] != 0xc2 || p[1] >= 0xa0)
        return 0;
    *ret = p[1];
    return 2;
}

#define ESCAPE_MAX 6 /* "\u2028" */

/* The line, fit to be one. They are rare, and stand in texts only: so it is looked over once, as a
 * whole. Absent: no memory. */
static str one_line(struct arena *a, str line)
{
    if (!memchr(line.p, 0xe2, line.n) && !memchr(line.p, 0xc2, line.n))
        return line;
    char *to = arena_alloc(a, line.n * (ESCAPE_MAX / 2));
    size_t n = 0;
    if (!to)
        return STR_NONE;
    while (line.n) {
        unsigned code = 0;
        size_t used = is_disguised(line, &code);
        if (used) {
            static const char hex[] = "0123456789abcdef";
            const char esc[ESCAPE_MAX] = {
                '\\',          'u', hex[code >> 12], hex[code >> 8 & 15], hex[code >> 4 & 15],
                hex[code & 15]};
            memcpy(to + n, esc, ESCAPE_MAX);
            n += ESCAPE_MAX;
        } else {
            used = 1;
            to[n++] = *line.p;
        }
        line = str_from(line, used);
    }
    return str_of(to, n);
}

void settle_log(struct call *c, struct buf *b)
{
    str line = b->failed ? STR_NONE : one_line(&c->req->arena, buf_str(b));
    if (line.n)
        log_put(c->gate->set.access, line);
}

/* What the attempt that lost was paid for: none of it is in the call's own cost. */
static void log_hedge(const struct call *c, struct buf *b)
{
    char usd[FMT_USD_MAX];
    U64(b, ",\"hedge_tokens\":", c->hedge_tokens);
    buf_lit(b, ",\"hedge_usd\":");
    buf_add(b, c->hedge_unpriced ? STR("null") : str_of(usd, fmt_usd(usd, c->hedge_usd)));
}

/* The client left: was the answer read on, or is it billed although nobody did? */
static void log_left(const struct call *c, struct buf *b)
{
    if (c->drained)
        buf_lit(b, ",\"drained\":true");
    else if (c->attempts && c->tried[c->attempts - 1].provider->bills_on)
        buf_lit(b, ",\"billed_on\":true");
}

static void log_call(struct call *c, unsigned status, uint64_t ms)
{
    struct buf *b = &c->gate->line;
    const struct h1_head *h = c->req->head;
    char time[FMT_TIME_MAX];
    buf_clear(b);
    WORD(b, "{\"time\":", str_of(time, fmt_time(time, loop_unix_ms(c->gate->loop))));
    WORD(b, ",\"id\":", c->id);
    if (c->key)
        TEXT(b, ",\"key\":", c->key->name);
    TEXT(b, ",\"method\":", h->method_text);
    TEXT(b, ",\"path\":", h->path);
    if (c->front)
        WORD(b, ",\"dialect\":", c->front->name);
    if (c->op)
        WORD(b, ",\"operation\":", c->op->row->name);
    U64(b, ",\"status\":", status);
    if (c->reply_error != ERR_COUNT)
        WORD(b, ",\"error\":", err_row(c->reply_error)->name);
    if (c->route) {
        TEXT(b, ",\"model\":", c->peek.model);
        str by = routed_text(c);
        if (by.n)
            TEXT(b, ",\"routed_by\":", by);
        rules_log(c, b);
        if (c->attempts) {
            const struct attempt_record *t = &c->tried[c->attempts - 1];
            TEXT(b, ",\"provider\":", t->provider->name);
            TEXT(b, ",\"target_model\":", t->model);
        }
        buf_add(b, c->peek.stream ? STR(",\"stream\":true") : STR(",\"stream\":false"));
        log_session(c, b);
        log_wait(c, b);
        log_attempts(c, b);
        if (c->hedged)
            log_hedge(c, b);
        if (status == 499)
            log_left(c, b);
        if (rescue_times(c))
            U64(b, ",\"rescued\":", rescue_times(c));
        log_usage(c, b);
        log_charge(c, b);
        if (c->content)
            U64(b, ",\"ttft_ms\":", c->ttft_ms);
        U64(b, ",\"overhead_us\":", c->own_us);
    }
    U64(b, ",\"latency_ms\":", ms);
    U64(b, ",\"bytes_in\":", c->req->body.n);
    U64(b, ",\"bytes_out\":", c->req->bytes_out);
    buf_lit(b, "}\n");
    settle_log(c, b);
}

void call_settle(struct call *c, bool gone)
{
    if (c->phase == CALL_OVER)
        return;
    gone = gone && !c->cut;
    ASSERT(gone || c->reply_status);
    hedge_end(c, ERR_CLIENT_GONE);
    attempt_drop(c, gone ? ERR_CLIENT_GONE : c->reply_error);
    uint64_t ms = loop_now(c->gate->loop) - c->req->began;
    unsigned status = gone ? 499 : c->reply_status;
    if (gone)
        c->reply_error = ERR_CLIENT_GONE;
    settle_usage(c);
    warmth_learn(c);
    rules_settle(c, status, gone, ms);
    scenario_note(c);
    charge(c);
    if (c->front)
        count_call(c, status, gone, ms);
    if (c->rescue)
        rescue_settle(c);
    rules_count(c, status);
    if (c->front && c->route && !gone)
        count_outcome(c, status, ms);
    past_keep(c, status, ms);
    if (c->gate->set.access && (c->front || status >= 400))
        log_call(c, status, ms);
    mirror_settle(c, status, gone);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* strategy - one function a strategy; see the header. */
#include "route/strategy.h"

#include <math.h>

#include "base/check.h"
#include "route/load.h"

#define ERROR_PRICE     10.0  /* one attempt in ten failing is as bad as taking twice the time */
#define SHARPNESS       150.0 /* a score that is worse by 1/150 gets 1/e of the calls */
#define NOISE           0.5   /* of the time that one call took, relative: of n of them 1/sqrt(n) */
#define SURE            0.18  /* 1/sqrt of as many samples as are kept, and one */
#define UNKNOWN_AT_ONCE 4     /* calls to a target that has not answered any yet; the others wait */
#define ILL             0.1 /* of its attempts failed more than of the best one's, and not by chance */
#define AS_GOOD         0.01 /* a score worse by so little is no worse */
#define BUSY_BOUND \
    0.25 /* above the average load: sticky's and cache_aware's bound (Mirrokni 2016) */
#define BUSY_SIGMAS 2.0 /* … or what chance alone does not bring, where that is more */
#define BEHIND      1e6 /* added to the score of those that are a last resort */

/* Uniform in (0, 1]. */
static double chance(struct rand *r)
{
    return (double)((rand_u64(r) >> 11) + 1) * 0x1p-53;
}

/* A key that puts contenders in the order of a draw by weight without putting back (Efraimidis and
 * Spirakis 2006): the smallest of exponential times with those rates comes first. */
static double draw(struct rand *r, double weight)
{
    return weight > 0 ? -log(chance(r)) / weight : BEHIND;
}

/* ---- in turn */

/* Smooth weighted round robin (as nginx): each choice adds its weight to every account and takes
 * the total from the chosen one's. The others follow by weight, in the order written. */
static void take_turns(struct choice *x, struct contender *c, uint32_t n, bool weighted)
{
    int64_t total = 0;
    uint32_t best = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int64_t w = weighted ? c[i].target->weight : c[i].target->weight > 0;
        total += w;
        if (x->account)
            x->account[c[i].index] += w;
        c[i].score = -(double)w;
        const bool ahead = x->account && x->account[c[i].index] > x->account[c[best].index];
        if (i == 0 || (w > 0 && (ahead || c[best].target->weight == 0)))
            best = i;
    }
    if (x->account)
        x->account[c[best].index] -= total;
    c[best].score = -BEHIND;
}

static void weighted_round_robin(struct choice *x, struct contender *c, uint32_t n)
{
    take_turns(x, c, n, true);
}

static void round_robin(struct choice *x, struct contender *c, uint32_t n)
{
    take_turns(x, c, n, false);
}

static void by_chance(struct choice *x, struct contender *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        c[i].score = draw(x->rand, c[i].target->weight);
}

static void priority(struct choice *x, struct contender *c, uint32_t n)
{
    (void)x;
    for (uint32_t i = 0; i < n; i++)
        c[i].score = c[i].index;
}

/* ---- by one figure */

/* Equals share by chance: without it the first one written would take every call of a quiet time.
 */
static double tie_break(struct rand *r)
{
    return chance(r) * 1e-3;
}

static void least_busy(struct choice *x, struct contender *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const double w = c[i].target->weight ? c[i].target->weight : 1;
        c[i].score = ((c[i].in_flight + 1) / w + tie_break(x->rand) / w) / (1 - c[i].trial);
    }
}

static double call_ms(const struct choice *x, const struct contender *c)
{
    return reading_call_ms(&c->seen, x->tokens);
}

static void lowest_latency(struct choice *x, struct contender *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const double ms = x->latency == CONF_LATENCY_TTFT ? c[i].seen.first_ms : call_ms(x, &c[i]);
        /* Not known: first, so that it becomes known. A failed attempt costs its time again. */
        c[i].score = ms < 0 ? c[i].seen.error_rate
                            : ms / (1 - 0.9 * c[i].seen.error_rate) / (1 - c[i].trial);
    }
}

static void lowest_cost(struct choice *x, struct contender *c, uint32_t n)
{
    (void)x;
    for (uint32_t i = 0; i < n; i++)
        c[i].score = c[i].usd < 0 ? BEHIND / 2 : c[i].usd * 1e-9;
}

static void usage(struct choice *x, struct contender *c, uint32_t n)
{
    double most = 0, least = 1;
    for (uint32_t i = 0; i < n; i++) {
        c[i].score = 1 - c[i].room + tie_break(x->rand);
        most = c[i].room > most ? c[i].room : most;
        least = c[i].room < least ? c[i].room : least;
    }
    if (most <= least) /* nobody's limits are known, or all are the same */
        take_turns(x, c, n, true);
}

/* ---- all figures together */

struct best {
    double ms, error_rate, usd; /* negative: nobody's is known */
    double fair;                /* of all calls under way, the share of one of weight 1 */
};

static double lower(double best, double x)
{
    return x >= 0 && (best < 0 || x < best) ? x : best;
}

/* Figures of some thirty calls are uncertain. Who takes each difference for a real one sends all
 * calls to the luckiest target, until a single failure sends them all to the next: a crowd then
 * finds one target instead of four. So of the errors only what is well above chance counts (a
 * standard deviation at thirty calls, hardly any of it at three: who has just begun to fail, or is
 * just back, is no matter of chance), and of times what is above NOISE of theirs. */
static double sure_errors(const struct reading *r)
{
    const double e = r->error_rate;
    if (e <= 0) /* mostly */
        return 0;
    const double sure = e - 1.5 * r->n / (r->n + 15) * sqrt(e * (1 - e) / (r->n + 1));
    return sure > 0 ? sure : 0;
}

/* Who is the best by a few answers, as one that has just come back, is so only as far as these are
 * sure: else all calls go to it until it has more of them. 1 with as many samples as are kept. */
static double doubt(const struct reading *r)
{
    const double more = r->n < FIGURES_SAMPLES - 3 ? 1 / sqrt(r->n + 1) - SURE : 0;
    return 1 + NOISE * more;
}

/* What this call is to take, for what is under way there. Negative: not known. */
static double loaded_ms(const struct choice *x, const struct contender *c, double fair)
{
    const double ms = call_ms(x, c);
    if (ms < 0)
        return ms;
    return (ms + c->seen.late_ms) * load_factor(&c->seen, c->in_flight, fair * c->target->weight);
}

static struct best best_of(const struct choice *x, const struct contender *c, uint32_t n)
{
    struct best b = {-1, -1, -1, 0};
    double all = 1, weights = 0;
    bool others = false;
    for (uint32_t i = 0; i < n; i++) {
        others |= c[i].trial <= 0;
        all += c[i].in_flight;
        weights += c[i].target->weight;
    }
    b.fair = weights > 0 ? all / weights : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (c[i].trial > 0 && others) /* a few lucky answers must not make the others look bad */
            continue;
        b.ms = lower(b.ms, loaded_ms(x, &c[i], b.fair) * doubt(&c[i].seen));
        b.error_rate = lower(b.error_rate, sure_errors(&c[i].seen));
        b.usd = lower(b.usd, c[i].usd);
    }
    return b;
}

/* The share of x that the best would save, 0 to 1. */
static double saving(double x, double best)
{
    return x > best ? 1 - best / x : 0;
}

static struct score_parts parts_of(const struct choice *x, const struct contender *c,
                                   const struct best *b)
{
    const struct conf_routing *w = x->routing;
    const double ms = loaded_ms(x, c, b->fair);
    struct score_parts p = {.errors = w->weight_error_rate * ERROR_PRICE *
                                      (sure_errors(&c->seen) - b->error_rate)};
    if (ms >= 0)
        p.time = w->weight_response_time * saving(ms * (1 - NOISE / sqrt(c->seen.n + 1)), b->ms);
    else if (c->in_flight >= UNKNOWN_AT_ONCE) /* else it passes for the best, and is known soon */
        p.time = w->weight_response_time;
    if (b->usd >= 0) /* what has no price is no bargain */
        p.cost = w->weight_cost * (c->usd >= 0 ? saving(c->usd, b->usd) : 1);
    return p;
}

static double worse_by(const struct choice *x, const struct contender *c, const struct best *b)
{
    const struct score_parts p = parts_of(x, c, b);
    return p.errors + p.time + p.cost;
}

static double load(const struct contender *c)
{
    return (c->in_flight + 1) / (double)(c->target->weight ? c->target->weight : 1);
}

/* The figures are a second old, and a crowd comes faster: of the two that were drawn the less busy
 * one goes first, where it is as good (Mitzenmacher's power of two choices). */
static void less_busy_of_two(const struct choice *x, struct contender *c, uint32_t n,
                             const struct best *b)
{
    if (n < 2)
        return;
    uint32_t first = c[1].score < c[0].score, second = !first;
    for (uint32_t i = 2; i < n; i++) {
        if (c[i].score < c[first].score)
            second = first, first = i;
        else if (c[i].score < c[second].score)
            second = i;
    }
    if (load(&c[second]) < load(&c[first]) &&
        worse_by(x, &c[second], b) - worse_by(x, &c[first], b) < AS_GOOD) {
        const double score = c[first].score;
        c[first].score = c[second].score;
        c[second].score = score;
    }
}

static void balanced(struct choice *x, struct contender *c, uint32_t n)
{
    const struct best b = best_of(x, c, n);
    for (uint32_t i = 0; i < n; i++) {
        /* Softmin as a draw: the exponential's rate is the share. In logarithms, for a share may
         * be smaller than the smallest double. */
        const double w = (c[i].target->weight ? c[i].target->weight : 1) * (1 - c[i].trial);
        c[i].score = log(-log(chance(x->rand)) / w) + SHARPNESS * worse_by(x, &c[i], &b);
    }
    less_busy_of_two(x, c, n, &b);
}

/* ---- where the session or its prompt is at home */

/* Of weight w its fair share of all calls in flight, and a quarter more; one call is always
 * allowed. A quarter of ten calls is less than they vary by themselves: with that bound alone every
 * sixth turn of a conversation left its warm cache for nothing. */
static bool overloaded(const struct contender *c, uint32_t n, uint32_t i)
{
    double all = 1, weights = 0;
    for (uint32_t k = 0; k < n; k++) {
        all += c[k].in_flight;
        weights += c[k].target->weight;
    }
    const double fair = weights > 0 ? all * c[i].target->weight / weights : all / n;
    return c[i].in_flight + 1 > ceil(fair + fmax(BUSY_BOUND * fair, BUSY_SIGMAS * sqrt(fair)));
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9); /* splitmix64's finalizer */
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Weighted rendezvous hashing: each target draws with the session's own dice, so a target that
 * comes or goes moves only its share of the sessions, and all workers and nodes agree without a
 * word. The dice are the names of provider and model, not their place in the file: a line that is
 * added above must not move anybody. A target with more than its share of calls is passed over
 * while that lasts. */
static void sticky(struct choice *x, struct contender *c, uint32_t n)
{
    if (!x->session) {
        take_turns(x, c, n, true);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t h = mix(x->session ^ mix(c[i].place));
        const double u = (double)((h >> 11) + 1) * 0x1p-53;
        const double w = c[i].target->weight ? c[i].target->weight : 1;
        c[i].score = -log(u) / w + (overloaded(c, n, i) ? BEHIND / 4 : 0);
    }
}

/* A warm cache saves both money (in `usd` already) and the time of reading the prompt. Where
 * nothing is warm the session's own place is as good as any, and will be warm next time. */
static void cache_aware(struct choice *x, struct contender *c, uint32_t n)
{
    double warmest = 0;
    for (uint32_t i = 0; i < n; i++)
        warmest = c[i].warm > warmest ? c[i].warm : warmest;
    if (warmest <= 0) {
        sticky(x, c, n);
        return;
    }
    const struct best b = best_of(x, c, n);
    for (uint32_t i = 0; i < n; i++)
        c[i].score = worse_by(x, &c[i], &b) + 1 - c[i].warm +
                     (overloaded(c, n, i) ? BEHIND / 4 : 0) + tie_break(x->rand);
}

void strategy_parts(const struct choice *x, const struct contender *c, uint32_t n, uint32_t i,
                    struct score_parts *ret)
{
    CHECK(i < n);
    const struct best b = best_of(x, c, n);
    *ret = parts_of(x, &c[i], &b);
    ret->warm = 1 - c[i].warm;
    ret->room = 1 - c[i].room;
    ret->busy = overloaded(c, n, i) ? BEHIND / 4 : 0;
}

/* ---- ranking */

struct strategy {
    void (*score)(struct choice *x, struct contender *c, uint32_t n);
    unsigned needs;
    enum look_at looks; /* who is tried that it would not choose */
    bool minds_ill;     /* who is ill stands behind those who are not; `balanced` weighs it */
};

#define FIGURES STRATEGY_FIGURES
#define COST    STRATEGY_COST
#define TURNS   STRATEGY_TURNS
#define SESSION STRATEGY_SESSION
#define WARM    STRATEGY_WARM
static const struct strategy strategies[CONF_STRATEGY_COUNT] = {
    [CONF_STRATEGY_WEIGHTED_ROUND_ROBIN] = {weighted_round_robin, TURNS, LOOK_AT_NOBODY, false},
    [CONF_STRATEGY_ROUND_ROBIN] = {round_robin, TURNS, LOOK_AT_NOBODY, false},
    [CONF_STRATEGY_RANDOM] = {by_chance, 0, LOOK_AT_NOBODY, false},
    [CONF_STRATEGY_PRIORITY] = {priority, 0, LOOK_AT_NOBODY, false},
    [CONF_STRATEGY_LEAST_BUSY] = {least_busy, FIGURES, LOOK_AT_ILL, true},
    [CONF_STRATEGY_LOWEST_LATENCY] = {lowest_latency, FIGURES, LOOK_AT_ALL, true},
    [CONF_STRATEGY_LOWEST_COST] = {lowest_cost, FIGURES | COST | WARM, LOOK_AT_ILL, true},
    [CONF_STRATEGY_USAGE] = {usage, TURNS | STRATEGY_ROOM, LOOK_AT_NOBODY, false},
    [CONF_STRATEGY_STICKY] = {sticky, TURNS | FIGURES | SESSION, LOOK_AT_ILL, true},
    [CONF_STRATEGY_CACHE_AWARE] = {cache_aware, TURNS | FIGURES | COST | SESSION | WARM,
                                   LOOK_AT_ILL, true},
    [CONF_STRATEGY_BALANCED] = {balanced, FIGURES | COST | WARM, LOOK_AT_ALL, false},
};

unsigned strategy_needs(enum conf_strategy s)
{
    CHECK(s < CONF_STRATEGY_COUNT);
    return strategies[s].needs;
}

/* Insertion: stable, and there are few. */
static void sort(struct contender *c, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct contender x = c[i];
        uint32_t k = i;
        for (; k > 0 && c[k - 1].score > x.score; k--)
            c[k] = c[k - 1];
        c[k] = x;
    }
}

static void to_front(struct contender *c, uint32_t i)
{
    const struct contender first = c[i];
    for (; i > 0; i--)
        c[i] = c[i - 1];
    c[0] = first;
}

/* The share that fails beyond chance, also where little is known. */
static double at_least(const struct reading *r)
{
    const double e = r->error_rate, sure = e - 1.5 * sqrt(e * (1 - e) / (r->n + 1));
    return sure > 0 ? sure : 0;
}

/* An error is the quickest answer, so who fails looks idle; it is cheap, and its sessions stay: by
 * one figure alone a target that fails is the best of all. But one failure is chance, where two in
 * a row are hardly: who stands behind gets few calls, and where few come it would stand there for
 * long. */
static void mark_ill(struct contender *c, uint32_t n)
{
    double least = 1, most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fmax(most, c[i].seen.error_rate);
    if (most <= ILL) /* mostly */
        return;
    for (uint32_t i = 0; i < n; i++)
        least = fmin(least, at_least(&c[i].seen));
    for (uint32_t i = 0; i < n; i++)
        c[i].ill = at_least(&c[i].seen) > least + ILL;
}

void strategy_rank(struct choice *x, struct contender *c, uint32_t n)
{
    CHECK(x->strategy < CONF_STRATEGY_COUNT);
    const struct strategy *s = &strategies[x->strategy];
    x->explored = false;
    if (n == 0)
        return;
    if (s->minds_ill)
        mark_ill(c, n);
    s->score(x, c, n);
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(!isnan(c[i].score));
        if (c[i].ill)
            c[i].score += 1.5 * BEHIND; /* also where it is its turn; a last resort is behind */
        if (!c[i].target->weight)
            c[i].score += 2 * BEHIND; /* and still in the strategy's order among themselves */
    }
    sort(c, n);
    const uint32_t look = s->looks ? look_where(x->looks, s->looks, c, n) : 0;
    if (look) {
        to_front(c, look);
        x->explored = true;
    }
}

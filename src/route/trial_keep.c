/* SPDX-License-Identifier: Apache-2.0 */
/* trial_keep - canaries as JSON; see the header. */
#include "route/trial_keep.h"

#include "base/check.h"

#define COUNT_MAX (1u << 30) /* of one number: their sums must fit into 32 bits … */
#define CALLS_MAX (1u << 31) /* … and so must those of an arm */

static const str state_names[] = {
    [CANARY_RUNNING] = STR("running"),
    [CANARY_PROMOTED] = STR("promoted"),
    [CANARY_ROLLED_BACK] = STR("rolled_back"),
};

/* ---- writing */

static void put_arm(struct json_writer *w, const struct canary_arm *a)
{
    json_begin_object(w);
    json_key(w, "failed");
    json_put_u64(w, a->failed);
    json_key(w, "ms");
    json_begin_array(w);
    for (unsigned i = 0; i < CANARY_BUCKETS; i++) {
        if (!a->ms[i])
            continue;
        json_begin_array(w);
        json_put_u64(w, i);
        json_put_u64(w, a->ms[i]);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void put_trial(struct json_writer *w, const struct trial *t, msec now)
{
    struct canary c;
    trial_read(t, &c);
    json_begin_object(w);
    json_key(w, "rule");
    json_put_str(w, t->rule);
    json_key(w, "model");
    json_put_str(w, t->model);
    json_key(w, "state");
    json_put_str(w, state_names[c.state]);
    json_key(w, "step");
    json_put_u64(w, c.step);
    json_key(w, "held_ms");
    json_put_u64(w, (int64_t)(now - c.since) > 0 ? now - c.since : 0);
    json_key(w, "fault");
    json_put_str(w, str_c(canary_fault_text(c.fault)));
    json_key(w, "arms");
    json_begin_array(w);
    put_arm(w, &c.arms[0]);
    put_arm(w, &c.arms[1]);
    json_end(w);
    json_end(w);
}

void trials_write(const struct trials *all, struct json_writer *w, msec now)
{
    json_begin_array(w);
    for (unsigned i = 0; i < TRIALS_MAX; i++) {
        const struct trial *t = atomic_load_explicit(&all->slot[i], memory_order_acquire);
        if (t)
            put_trial(w, t, now);
    }
    json_end(w);
}

/* ---- reading */

static bool number(jval v, uint64_t most, uint32_t *ret)
{
    uint64_t n;
    if (json_u64(v, &n) != RC_OK || n > most)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool read_bucket(jval pair, struct canary_arm *to)
{
    struct json_iter it = json_iter(pair);
    uint32_t at, n;
    if (it.object || !json_next(&it) || !number(it.val, CANARY_BUCKETS - 1, &at) ||
        !json_next(&it) || !number(it.val, COUNT_MAX, &n))
        return false;
    if (to->calls + (uint64_t)n > CALLS_MAX)
        return false;
    to->ms[at] += n;
    to->calls += n;
    return true;
}

static bool read_arm(jval v, struct canary_arm *to)
{
    if (!number(json_get_lit(v, "failed"), COUNT_MAX, &to->failed))
        return false;
    to->calls = to->failed;
    for (struct json_iter it = json_iter(json_get_lit(v, "ms")); json_next(&it);)
        if (!read_bucket(it.val, to))
            return false;
    return true;
}

static bool read_state(jval v, struct canary *to)
{
    unsigned state = 0, fault = 0;
    const jval name = json_get_lit(v, "state"), why = json_get_lit(v, "fault");
    while (state < ARRAY_LEN(state_names) && !json_str_is(name, state_names[state]))
        state++;
    while (fault < CANARY_FAULTS &&
           !json_str_is(why, str_c(canary_fault_text((enum canary_fault)fault))))
        fault++;
    if (state == ARRAY_LEN(state_names) || fault == CANARY_FAULTS ||
        (state == CANARY_ROLLED_BACK) != (fault != CANARY_NO_FAULT))
        return false;
    to->state = (enum canary_state)state;
    to->fault = (enum canary_fault)fault;
    return true;
}

static bool read_canary(jval v, struct canary *to, msec now)
{
    uint64_t held;
    struct json_iter arms = json_iter(json_get_lit(v, "arms"));
    if (!read_state(v, to) || json_u64(json_get_lit(v, "held_ms"), &held) != RC_OK ||
        !number(json_get_lit(v, "step"), CONF_CANARY_STEPS, &to->step))
        return false;
    to->since = now - held; /* wraps where this clock is younger: only differences are looked at */
    for (unsigned i = 0; i < 2; i++)
        if (!json_next(&arms) || !read_arm(arms.val, &to->arms[i]))
            return false;
    return true;
}

unsigned trials_read(struct trials *all, jval list, struct arena *scratch, msec now)
{
    unsigned n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct canary c = {0};
        str rule, model;
        if (json_str(json_get_lit(it.val, "rule"), scratch, &rule) != RC_OK ||
            json_str(json_get_lit(it.val, "model"), scratch, &model) != RC_OK || !rule.n ||
            !model.n || !read_canary(it.val, &c, now))
            continue;
        struct trial *t = trial_of(all, rule, model, now);
        if (t)
            trial_restore(t, &c);
        n += t != NULL;
    }
    ASSERT(n <= TRIALS_MAX || json_len(list) > TRIALS_MAX);
    return n;
}

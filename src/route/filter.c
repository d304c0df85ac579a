/* SPDX-License-Identifier: Apache-2.0 */
/* filter - what a target cannot do, and where it may not run; see the header. */
#include "route/filter.h"

#include "base/check.h"
#include "route/plan.h"

/* In this order: what is sure first, so that the reason which is told is the best one. */
static const struct {
    unsigned can;
    enum plan_reason why;
    bool soft;
    str word;
} lacks[] = {
    {FILTER_IMAGES, REASON_IMAGES, false, STR("pictures")},
    {FILTER_AUDIO, REASON_AUDIO, false, STR("sound")},
    {FILTER_TOOLS, REASON_TOOLS, true, STR("tools")},
    {FILTER_DOCUMENTS, REASON_DOCUMENTS, true, STR("documents")},
    {FILTER_STRUCTURED, REASON_STRUCTURED, true, STR("structured output")},
};

enum plan_reason filter_able(const struct filter_able *able, const struct filter_needs *needs)
{
    const unsigned missing = able->knows_can ? needs->can & ~able->can : 0;
    for (size_t i = 0; missing && i < ARRAY_LEN(lacks); i++)
        if (missing & lacks[i].can)
            return lacks[i].why;
    if (able->max_output && needs->output > able->max_output)
        return REASON_OUTPUT;
    /* The window holds prompt and answer together. Most providers only refuse when the prompt alone
     * is too long, others when both as asked for are: so both must fit. */
    if (able->context && needs->prompt && needs->prompt + needs->output > able->context)
        return REASON_CONTEXT;
    return REASON_FITS;
}

bool filter_is_soft(enum plan_reason why)
{
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        if (lacks[i].why == why)
            return lacks[i].soft;
    return why == REASON_OUTPUT || why == REASON_CONTEXT;
}

str filter_word(enum plan_reason why)
{
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        if (lacks[i].why == why)
            return lacks[i].word;
    return why == REASON_OUTPUT ? STR("an answer of that length") : STR("a prompt of that length");
}

enum plan_reason filter_allowance(const struct candidate *c, const struct plan_ask *ask, msec now,
                                  msec *ret_at)
{
    const struct meter *m = ask->meters ? ask->meters[c->target->provider] : NULL;
    *ret_at = 0;
    if (!m || !ask->need)
        return REASON_FITS;
    switch (meter_look(m, &c->provider->rates, ask->need->input + ask->need->output, now, ret_at)) {
    case METER_FITS:
        return REASON_FITS;
    case METER_LIMITED:
        return REASON_LIMITED;
    case METER_BUSY:
        return REASON_BUSY;
    }
    return REASON_FITS;
}

enum plan_reason filter_candidate(const struct candidate *c, const struct plan_ask *ask, msec now,
                                  msec *ret_at)
{
    const enum plan_reason why = reason_of_health(c, now);
    *ret_at = 0;
    if (why != REASON_FITS) {
        const msec a = health_ready_at(c->credential, now), b = health_ready_at(c->health, now);
        *ret_at = a > b ? a : b;
        return why;
    }
    if (!ask->need)
        return REASON_FITS;
    if (!ask->doubts)
        *ret_at = quota_ready_at(&c->health->quota, ask->need, now);
    return *ret_at ? REASON_LIMITED : filter_allowance(c, ask, now, ret_at);
}

double filter_room(const struct candidate *c, const struct plan_ask *ask, msec now)
{
    const struct meter *m = ask->meters ? ask->meters[c->target->provider] : NULL;
    const double a = quota_room(&c->health->quota, now);
    const double b = m ? meter_room(m, &c->provider->rates, now) : 1;
    return a < b ? a : b;
}

static bool is_in(str region, str name)
{
    if (name.n && name.p[name.n - 1] == '*')
        return str_has_prefix_nocase(region, str_head(name, name.n - 1));
    return str_has_prefix_nocase(region, name) && (region.n == name.n || region.p[name.n] == '-');
}

bool filter_region(const struct conf_regions *of, str region)
{
    if (!of || !of->n)
        return true;
    for (uint32_t i = 0; region.n && i < of->n; i++) {
        ASSERT(of->names[i].n); /* conf/ refuses empty ones */
        if (is_in(region, of->names[i]))
            return true;
    }
    return false;
}

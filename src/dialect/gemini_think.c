/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_think.c - how asked-for reasoning is put to Gemini: thinkingConfig.
 *
 * Gemini 2.5 takes a budget of tokens (-1: its own choice, 0: none, but Pro cannot be stopped), in
 * a range of each model. Gemini 3 takes a level and must not be given both. Models before 2.5
 * refuse the whole member. Of a name that says no version a budget is the safer guess: both take
 * it. Thoughts are shown unless the client asked for their omission.
 */
#include "dialect/gemini_int.h"
#include "dialect/model_name.h"

#define FIRST_THINKING 205
#define FIRST_LEVELS   300

static const struct {
    str word;
    int64_t budget;
    str level, pro_level; /* Gemini 3 Pro knows two; 3.1 knows all but the first */
} efforts[] = {
    {STR("minimal"), 512, STR("MINIMAL"), STR("LOW")},
    {STR("low"), 2048, STR("LOW"), STR("LOW")},
    {STR("medium"), 8192, STR("MEDIUM"), STR("HIGH")},
    {STR("high"), 24576, STR("HIGH"), STR("HIGH")},
    {STR("xhigh"), 32768, STR("HIGH"), STR("HIGH")},
    {STR("max"), 32768, STR("HIGH"), STR("HIGH")},
};

/* The row of what was asked for; the last when the word is unknown. */
static size_t row_of(const struct ir_reasoning *r)
{
    size_t i = 0;

    while (i < ARRAY_LEN(efforts) - 1 && !(r->effort.n ? str_eq(r->effort, efforts[i].word)
                                                       : r->budget <= (uint64_t)efforts[i].budget))
        i++;
    return i;
}

static bool is_pro(const struct gemini_writer *gw)
{
    return str_find(gw->c->model, STR("-pro")) != SIZE_MAX;
}

static int64_t budget_of(const struct gemini_writer *gw)
{
    const struct ir_reasoning *r = &gw->r->reasoning;
    bool pro = is_pro(gw), lite = str_find(gw->c->model, STR("lite")) != SIZE_MAX;
    int64_t least = pro ? 128 : lite ? 512 : 0, most = pro ? 32768 : 24576;
    int64_t want = r->budget     ? (int64_t)r->budget
                   : r->effort.n ? efforts[row_of(r)].budget
                                 : -1; /* its own choice */

    if (r->mode == IR_THINK_OFF)
        return pro ? least : 0;
    if (want < 0 || !gw->version)
        return want;
    return want < least ? least : want > most ? most : want;
}

static str level_of(const struct gemini_writer *gw)
{
    const struct ir_reasoning *r = &gw->r->reasoning;
    bool two = is_pro(gw) && gw->version == FIRST_LEVELS;
    size_t i = r->mode == IR_THINK_OFF ? 0 : row_of(r);

    if (r->mode != IR_THINK_OFF && !r->effort.n && !r->budget)
        return STR_NONE; /* its own choice */
    if (i == 0 && is_pro(gw))
        return STR("LOW");
    return two ? efforts[i].pro_level : efforts[i].level;
}

void gemini_put_thinking(struct gemini_writer *gw)
{
    const struct ir_reasoning *r = &gw->r->reasoning;
    struct json_writer *w = &gw->w;
    bool off = r->mode == IR_THINK_OFF;
    int64_t budget;
    str level;

    if (r->mode == IR_THINK_UNSET && !r->effort.n)
        return;
    if (gw->version && gw->version < FIRST_THINKING) {
        if (!off)
            gemini_lose(gw, STR("thinking"));
        return;
    }
    json_key(w, "thinkingConfig");
    json_begin_object(w);
    if (gw->version >= FIRST_LEVELS) {
        level = level_of(gw);
        if (level.n) {
            json_key(w, "thinkingLevel");
            json_put_raw_str(w, level);
        }
        if (off || str_eq(r->effort, STR("max")) || str_eq(r->effort, STR("xhigh")))
            gemini_lose(gw, STR("effort"));
    } else {
        budget = budget_of(gw);
        if (budget >= 0 || gw->version) {
            json_key(w, "thinkingBudget");
            json_put_i64(w, budget);
        }
    }
    if (!off && !str_eq(r->summary, STR("omitted"))) {
        json_key(w, "includeThoughts");
        json_put_bool(w, true);
    }
    json_end(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_think.c - how asked-for reasoning is put to Claude, and when it must be left out.
 *
 * Older models take thinking:{enabled, budget_tokens}, newer ones thinking:{adaptive} and
 * output_config.effort; from 4.7 on a budget is refused. Thinking is refused altogether beside a
 * forced tool choice, by models before 3.7, with an answer limit below the smallest budget, and
 * (with a budget) when the tool loop that is going on was begun without signed thoughts, which is
 * what Chat clients that drop signatures send. Then the request goes without, and the loss is
 * named.
 */
#include "dialect/anthropic_int.h"
#include "dialect/model_name.h"

#define BUDGET_MIN     1024
#define FIRST_THINKING 307 /* Claude 3.7 */
#define FIRST_ADAPTIVE 406

static const struct {
    str word;
    uint64_t budget;
    str effort; /* the same in Claude's words */
} efforts[] = {
    {STR("minimal"), 1024, STR("low")},    {STR("low"), 4096, STR("low")},
    {STR("medium"), 10240, STR("medium")}, {STR("high"), 24576, STR("high")},
    {STR("xhigh"), 32000, STR("xhigh")},   {STR("max"), 60000, STR("max")},
};

static uint64_t budget_of(const struct ir_reasoning *r)
{
    if (r->budget)
        return r->budget;
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++)
        if (str_eq(r->effort, efforts[i].word))
            return efforts[i].budget;
    return 10240;
}

static str effort_of(const struct ir_reasoning *r)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++)
        if (r->effort.n ? str_eq(r->effort, efforts[i].word)
                        : r->budget && r->budget <= efforts[i].budget)
            return efforts[i].effort;
    return r->effort; /* absent, or a word that we don't know and Claude may */
}

bool anthropic_keeps_thought(const struct ir_block *b)
{
    bool ours = !b->thinking.format.n || str_eq(b->thinking.format, STR(ANTHROPIC_FORMAT));

    if (b->kind == IR_REDACTED)
        return ours && b->thinking.text.n;
    return b->kind == IR_THINKING && ours && b->thinking.signature.n;
}

static bool asks(const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind != IR_TOOL_RESULT)
            return m->role == IR_USER;
    return false;
}

/* Since the user last said something: does every turn with calls begin with a thought we can send?
 */
static bool loop_is_signed(const struct ir_request *r)
{
    bool is_signed = true;

    for (const struct ir_message *m = r->messages; m; m = m->next) {
        bool calls = false, thought = false;

        if (asks(m))
            is_signed = true;
        if (m->role != IR_ASSISTANT)
            continue;
        for (const struct ir_block *b = m->blocks; b; b = b->next) {
            calls |= b->kind == IR_TOOL_USE;
            thought |= anthropic_keeps_thought(b);
        }
        is_signed &= !calls || thought;
    }
    return is_signed;
}

static bool takes_adaptive(const struct anthropic_writer *aw, unsigned version)
{
    if (aw->c->opts->thinking != THINKING_AUTO)
        return aw->c->opts->thinking == THINKING_ADAPTIVE;
    return model_is_claude(aw->c->model) && (!version || version >= FIRST_ADAPTIVE);
}

static bool plan_budget(struct anthropic_writer *aw)
{
    uint64_t budget = budget_of(&aw->r->reasoning);

    if (!loop_is_signed(aw->r))
        return false;
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    if (!aw->r->max_tokens)
        aw->max_tokens += budget;
    else if (aw->max_tokens < 2 * BUDGET_MIN)
        return false;
    else if (budget > aw->max_tokens - BUDGET_MIN)
        budget = aw->max_tokens - BUDGET_MIN;
    aw->budget = budget;
    return true;
}

void anthropic_plan_thinking(struct anthropic_writer *aw)
{
    const struct ir_reasoning *r = &aw->r->reasoning;
    enum ir_choice_kind choice = aw->r->choice.kind;
    unsigned version = model_claude_version(aw->c->model);

    aw->max_tokens = aw->r->max_tokens                 ? aw->r->max_tokens
                     : aw->c->opts->default_max_tokens ? aw->c->opts->default_max_tokens
                                                       : model_claude_max_tokens(aw->c->model);
    if (r->mode == IR_THINK_OFF || (r->mode == IR_THINK_UNSET && !r->effort.n))
        return;
    aw->adaptive = takes_adaptive(aw, version);
    if (choice == IR_CHOICE_ANY || choice == IR_CHOICE_NAMED ||
        (version && version < FIRST_THINKING)) {
        anthropic_lose(aw, STR("thinking"));
        return;
    }
    if (aw->adaptive) {
        aw->thinks = true;
        aw->effort = effort_of(r);
        return;
    }
    aw->thinks = plan_budget(aw);
    if (!aw->thinks)
        anthropic_lose(aw, STR("thinking"));
}

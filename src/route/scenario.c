/* SPDX-License-Identifier: Apache-2.0 */
/* scenario - a table in the order in which its rows are asked; see the header. */
#include "route/scenario.h"

#include "base/check.h"

/* ---- errands */

/* Names that have both parts, in any case: Haiku of Claude is claude-code-router's own rule; the
 * others are what Gemini CLI routes and names its sessions with, and opencode's choice at OpenAI.
 */
static const struct {
    str maker, size;
} errands[] = {
    {STR("claude"), STR("haiku")},
    {STR("gemini"), STR("flash-lite")},
    {STR("gpt"), STR("nano")},
};

static bool contains_nocase(str s, str word)
{
    for (size_t at = 0; at + word.n <= s.n; at++)
        if (str_has_prefix_nocase(str_from(s, at), word))
            return true;
    return false;
}

bool scenario_is_errand(str model)
{
    for (size_t i = 0; i < ARRAY_LEN(errands); i++)
        if (contains_nocase(model, errands[i].maker) && contains_nocase(model, errands[i].size))
            return true;
    return false;
}

/* ---- long prompts */

uint64_t scenario_long_from(uint64_t threshold, uint64_t last)
{
    /* A session that was long stays so, even where our count of the next prompt is low; but its
     * titles and summaries of a screen need not go along. */
    const bool was_long = last > threshold;
    return was_long && threshold > SCENARIO_ERRAND ? SCENARIO_ERRAND : threshold;
}

/* ---- the order */

static bool has_images(const struct scenario_facts *f)
{
    return f->images_now || f->images_blind;
}
static bool is_long(const struct scenario_facts *f)
{
    return f->is_long;
}
static bool has_tag(const struct scenario_facts *f)
{
    return f->subagent;
}
static bool is_errand(const struct scenario_facts *f)
{
    return scenario_is_errand(f->model);
}
static bool searches(const struct scenario_facts *f)
{
    return f->web_search;
}
static bool thinks(const struct scenario_facts *f)
{
    return f->thinks;
}

static const struct row {
    bool (*fits)(const struct scenario_facts *f);
    enum scenario_kind kind;
    enum conf_scenario which; /* SLOT */
} rows[] = {
    {has_images, SCENARIO_SLOT, CONF_SCENARIO_IMAGE},
    {is_long, SCENARIO_SLOT, CONF_SCENARIO_LONG_CONTEXT},
    {has_tag, SCENARIO_SUBAGENT, CONF_SCENARIO_DEFAULT},
    {is_errand, SCENARIO_SLOT, CONF_SCENARIO_BACKGROUND},
    {searches, SCENARIO_SLOT, CONF_SCENARIO_WEB_SEARCH},
    {thinks, SCENARIO_SLOT, CONF_SCENARIO_THINK},
};

/* A scenario more needs a row, or a reason to have none. */
_Static_assert(ARRAY_LEN(rows) == CONF_SCENARIO_COUNT, "all but default, and the tag");

struct scenario_choice scenario_choose(const struct scenario_facts *f, scenario_slots slots)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        if ((r->kind != SCENARIO_SLOT || slots[r->which]) && r->fits(f))
            return (struct scenario_choice){r->kind, r->which};
    }
    return (struct scenario_choice){SCENARIO_NONE, CONF_SCENARIO_DEFAULT};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario - which kind of request goes to a model of its own: claude-code-router's order.
 *
 * An agent names one or two models for all it does. Its operator wants pictures, long prompts,
 * searches, thought and small errands served by different ones. Each scenario that the file gives a
 * model is a row here; the first that fits takes the call:
 *
 *     image        a picture in this turn, or one of an earlier turn that the usual model cannot
 * see longContext  more tokens than the threshold; or the session's last prompt had, and this one
 *                  is no small errand of it (more than SCENARIO_ERRAND)
 *     (sub-agent)  the prompt names a model in <CCR-SUBAGENT-MODEL>
 *     background   the model asked for is one that agents use for errands
 *     webSearch    a search that the vendor runs is among the tools
 *     think        reasoning is asked for
 *     default      nothing of it
 *
 * That is the order of claude-code-router 1 and 2, where its image agent stood before the router.
 * Mended: `thinking: disabled` is no thought, and the tag may stand anywhere (ir/traits.h).
 *
 * Who asks for a certain model explicitly gets it: that is decided before this (gate/scenario.h).
 *
 * Pure. Facts that cost something to find out are given only as far as a slot wants them.
 */
#pragma once
#include "conf/snapshot.h"

#define SCENARIO_ERRAND 20000 /* tokens of a prompt that may leave a long session's model */

/* Models of scenarios; NULL: none is set, or the caller's key may not call it. */
typedef const struct conf_route *const scenario_slots[CONF_SCENARIO_COUNT];

struct scenario_facts {
    str model;         /* as asked for, plain */
    bool images_now;   /* a picture in this turn */
    bool images_blind; /* one in an earlier turn, and who would serve is known not to see any */
    bool is_long;      /* scenario_is_long */
    bool subagent;     /* a tag names a model that is known here */
    bool web_search;
    bool thinks;
};

enum scenario_kind {
    SCENARIO_NONE,     /* the model that was asked for, if it is known, else the default's */
    SCENARIO_SUBAGENT, /* the tag's model */
    SCENARIO_SLOT,     /* slots[which] */
};

struct scenario_choice {
    enum scenario_kind kind;
    enum conf_scenario which;
};

struct scenario_choice scenario_choose(const struct scenario_facts *f, scenario_slots slots);

/* Tokens above which a prompt is long, where the session's last one had `last` (0: not known). */
uint64_t scenario_long_from(uint64_t threshold, uint64_t last);
/* Claude Code's Haiku, and what agents of other vendors use for titles, summaries and the like. */
bool scenario_is_errand(str model);

/* SPDX-License-Identifier: Apache-2.0 */
/* options_routing - rows about models and how a call finds its target; see options.c. */
#include <stddef.h>

#include "conf/raw.h"

#define ROWS(a) a, ARRAY_LEN(a)

static const struct option_word strategy_words[] = {
#define STRATEGY(id, name, active, help) {name, active, help},
#include "conf/strategies.def"
#undef STRATEGY
    {0},
};

static const struct option_word latency_words[] = {
    {"total", true, "the time to the end of an answer of usual length"},
    {"ttft", true, "the time to its first token"},
    {0},
};

static const struct option_word replay_words[] = {
    {"once", true, "sent again, to another target, when not one byte of an answer came"},
    {"never", true, "never sent again once it was sent whole"},
    {0},
};

#define AT(field) offsetof(struct raw_target, field)
static const struct option target_rows[] = {
    {"use", OPTION_TEXT, 0, AT(use), .help = "`provider/model`"},
    {"provider", OPTION_TEXT, 0, AT(provider), .help = "the provider, where `use` is not given"},
    {"model", OPTION_TEXT, 0, AT(model), .help = "the model, where `use` is not given"},
    {"weight", OPTION_U32, 0, AT(weight), "1", 0, 1000000,
     .help = "share of the calls; 0: only when no other can serve"},
};
#undef AT
static const struct section target_section = {"models[].targets[]",
                                              "Where a model is served; a plain text is its `use`",
                                              sizeof(struct raw_target), ROWS(target_rows), "use"};

#define AT(field) offsetof(struct raw_model, field)
static const struct option model_rows[] = {
    {"name", OPTION_TEXT, OPTION_REQUIRED, AT(name), .help = "what clients ask for"},
    {"targets", OPTION_SECTIONS, OPTION_REQUIRED, AT(targets), .sub = &target_section,
     .help = "where it is served"},
    {"strategy", OPTION_WORD, 0, AT(strategy), .words = strategy_words,
     .help = "how to choose among the targets; routing.strategy when left out"},
    {"latencyBy", OPTION_WORD, 0, AT(latency), .words = latency_words,
     .help = "what `lowest_latency` compares; routing.latencyBy when left out"},
    {"stickyBy", OPTION_TEXT, 0, AT(sticky_by),
     .help = "what `sticky` holds to one target; routing.stickyBy when left out"},
    {"fallback", OPTION_TEXTS, 0, AT(fallback),
     .help = "models to try, in order, when no target served"},
    {"regions", OPTION_TEXTS, 0, AT(regions),
     .help =
         "where it may be served: names of providers' regions, `eu` for all that begin with it"},
    {"timeouts", OPTION_SECTION, 0, AT(timeouts), .sub = &option_model_timeouts,
     .help = "how long its calls may take"},
    {"hedge", OPTION_SECTION, 0, AT(hedge), .sub = &option_hedge,
     .help = "a second attempt beside one that is slow to begin; costs more"},
    {"rescue", OPTION_BOOL, 0, AT(rescue), "false",
     .help = "true: an answer that breaks off in mid-text is gone on with by another target"},
    {"transforms", OPTION_RAW, 0, AT(transforms),
     .help = "edits of its requests and answers, see [transforms](transforms.md)"},
};
#undef AT
const struct section option_model = {"models[]",
                                     "Logical models. A list; or a map from name to the rest",
                                     sizeof(struct raw_model),
                                     ROWS(model_rows),
                                     NULL,
                                     "name"};

#define AT(field) offsetof(struct raw_slot, field)
static const struct option slot_rows[] = {
    {"use", OPTION_TEXT, OPTION_EMPTY_OK, AT(use),
     .help = "a logical model, `provider/model` or `provider,model`"},
    {"fallback", OPTION_TEXTS, 0, AT(fallback), .help = "models to try when it did not serve"},
};
#undef AT
static const struct section slot_section = {"routing.scenarios.default",
                                            "The model of one scenario; a plain text is its `use`",
                                            sizeof(struct raw_slot), ROWS(slot_rows), "use"};

#define AT(field) offsetof(struct raw_scenarios, field)
static const struct option scenarios_rows[] = {
#define SCENARIO(id, key, active, help_) \
    {key,                                \
     OPTION_SECTION,                     \
     (active) ? 0 : OPTION_LATER,        \
     AT(slot[CONF_SCENARIO_##id]),       \
     .sub = &slot_section,               \
     .help = (help_)},
#include "conf/scenarios.def"
#undef SCENARIO
    {"longContextThreshold", OPTION_COUNT, 0, AT(long_context_threshold), "60000", 1, 1ull << 32,
     .help = "tokens from which a prompt is a long one"},
};
#undef AT
const struct section option_scenarios = {"routing.scenarios", "Models for kinds of request",
                                         sizeof(struct raw_scenarios), ROWS(scenarios_rows)};

#define AT(field) offsetof(struct raw_scenario_fallback, field)
static const struct option scenario_fallback_rows[] = {
#define SCENARIO(id, key, active, help_)                                           \
    {key, OPTION_TEXTS, (active) ? 0 : OPTION_LATER, AT(list[CONF_SCENARIO_##id]), \
     .help = "models to try for this scenario"},
#include "conf/scenarios.def"
#undef SCENARIO
};
#undef AT
const struct section option_scenario_fallback = {
    "fallback", "Lists of `provider,model` for each scenario", sizeof(struct raw_scenario_fallback),
    ROWS(scenario_fallback_rows)};

#define AT(field) offsetof(struct raw_weights, field)
static const struct option weights_rows[] = {
    {"response_time", OPTION_DOUBLE, 0, AT(response_time), "0.4", 0, 1, .help = "being quick"},
    {"error_rate", OPTION_DOUBLE, 0, AT(error_rate), "0.4", 0, 1, .help = "being right"},
    {"cost", OPTION_DOUBLE, 0, AT(cost), "0.2", 0, 1, .help = "being cheap"},
};
#undef AT
static const struct section weights_section = {"routing.weights",
                                               "What counts how much for `balanced`",
                                               sizeof(struct raw_weights), ROWS(weights_rows)};

#define AT(field) offsetof(struct raw_routing, field)
static const struct option routing_rows[] = {
    {"strategy", OPTION_WORD, 0, AT(strategy), "weighted_round_robin", .words = strategy_words,
     .help = "for models without one of their own"},
    {"stickyBy", OPTION_TEXT, 0, AT(sticky_by), "session",
     .help = "what `sticky` holds to one target: `session`, `user`, `key`, a header "
             "(`header:x-tenant`), "
             "a member of the request's metadata (`metadata:tenant`) or any field of its body "
             "(`body:/metadata/tenant`, a JSON pointer)"},
    {"latencyBy", OPTION_WORD, 0, AT(latency), "total", .words = latency_words,
     .help = "what `lowest_latency` compares"},
    {"weights", OPTION_SECTION, 0, AT(weights), .sub = &weights_section,
     .help = "for the strategy `balanced`"},
    {"fallback", OPTION_BOOL, 0, AT(fallback), "true",
     .help = "false: one attempt, no other target and no other model"},
    {"attempts", OPTION_U32, 0, AT(attempts), "3", 1, 10,
     .help = "tries of one call, of all targets and models together"},
    {"wait", OPTION_MSEC, 0, AT(wait), "1s", 0, 2000,
     .help = "how long a call waits for room where every target has as many calls under way as "
             "`limits.concurrency` of its provider allows; 0: it is refused at once"},
    {"replay", OPTION_WORD, 0, AT(replay), "once", .words = replay_words,
     .help = "a request that was sent and got no byte of an answer"},
    {"breaker", OPTION_SECTION, 0, AT(breaker), .sub = &option_breaker,
     .help = "when a target that fails is left alone"},
    {"regionBreaker", OPTION_SECTION, 0, AT(region_breaker), .sub = &option_region_breaker,
     .help = "when all of a region is"},
    {"ejection", OPTION_SECTION, 0, AT(ejection), .sub = &option_ejection,
     .help = "when one that fails more than those beside it is"},
    {"regions", OPTION_TEXTS, 0, AT(regions), .help = "where any call may be served"},
    {"callerPolicy", OPTION_BOOL, 0, AT(caller_policy), "true",
     .help = "callers may narrow and order the choice, see [routing](routing.md)"},
    {"remember", OPTION_MSEC, 0, AT(remember), "1m", 0, 24 * 3600 * 1000,
     .help = "what was learned of targets is written to the data folder so often, and outlives a "
             "restart; 0: it does not"},
    {"scenarios", OPTION_SECTION, 0, AT(scenarios), .sub = &option_scenarios,
     .help = "models for kinds of request"},
    {"projects", OPTION_TEXT, 0, AT(projects),
     .help =
         "folder with scenarios of projects and sessions of Claude Code, as claude-code-router's; "
         "`~/.claude-code-router` in its files, `none` or left out: nowhere"},
    {"rules", OPTION_SECTIONS, 0, AT(rules), .sub = &option_rule,
     .help = "conditions and what to do then; the first that matches counts"},
};
#undef AT
const struct section option_routing = {"routing", "How a call finds its target",
                                       sizeof(struct raw_routing), ROWS(routing_rows)};

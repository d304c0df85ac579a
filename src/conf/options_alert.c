/* SPDX-License-Identifier: Apache-2.0 */
/* options_alert - rows about alerts; see options.c for all the others. */
#include <stddef.h>

#include "conf/raw.h"

#define ROWS(a)  a, ARRAY_LEN(a)
#define HOURS(n) ((n)*UINT64_C(3600000))

static const struct option_word action_words[] = {
    {"notify", true, "say so"},
    {"switch_provider", true, "take the provider out until it recovers: other targets first"},
    {"fallback", true, "answer from the fallback models while it lasts"},
    {0},
};
static const struct option_word scope_words[] = {
    {"provider", true, "each provider by itself: attempts"},
    {"model", true, "each logical model by itself: calls, as their clients see them"},
    {"all", true, "all calls together"},
    {"target", true, "each model at each provider by itself: attempts"},
    {"key", true, "each key of each provider by itself: attempts"},
    {0},
};

#define AT(field) offsetof(struct raw_alert, field)
static const struct option alert_rows[] = {
    {"metric", OPTION_TEXT, OPTION_REQUIRED, AT(metric),
     .help =
         "`error_rate`, `response_time` (ms), `ttft` (ms), `cost_per_token` (USD), `spend` (USD "
         "within the window), `rate_limited` (share of 429s); or `key_refused`, which is always "
         "watched: here is said who is told"},
    {"threshold", OPTION_DOUBLE, 0, AT(threshold),
     .help = "above it the alert fires; a share when it is so beyond chance. Each metric but "
             "`key_refused` needs one"},
    {"action", OPTION_WORD, 0, AT(action), "notify", .words = action_words,
     .help = "what to do, besides telling"},
    {"name", OPTION_TEXT, 0, AT(name), .help = "for messages; the metric's when left out"},
    {"scope", OPTION_WORD, 0, AT(scope), "provider", .words = scope_words, .help = "of what"},
    {"only", OPTION_TEXTS, 0, AT(only),
     .help = "the providers, models, targets (`openai/gpt-4o`) or keys (`openai#2`, or `openai` "
             "for all of its own) it watches; all when left out"},
    {"window", OPTION_MSEC, 0, AT(window), "60s", 1000, HOURS(24), .help = "looked at together"},
    {"for", OPTION_MSEC, 0, AT(duration), "0", 0, HOURS(24), .help = "how long it must last"},
    {"clear", OPTION_DOUBLE, 0, AT(clear),
     .help = "at or below it the alert ends; four fifths of the threshold when left out"},
    {"hold", OPTION_MSEC, 0, AT(hold), "30s", 1000, HOURS(1),
     .help = "it lasts at least so long; then an action lets a few calls through, and twice as "
             "long each time they fail, up to 5 minutes or this"},
    {"minCalls", OPTION_U32, 0, AT(min_calls), "5", 1, 1000000,
     .help = "fewer in the window say nothing of shares and times"},
    {"percentile", OPTION_U32, 0, AT(percentile), "50", 1, 99,
     .help = "of times: 50 is the median"},
    {"webhook", OPTION_SECRET, 0, AT(webhook),
     .help = "URL that gets a POST with a JSON object when it fires and when it ends; its `text` "
             "suits chat tools"},
};
#undef AT
const struct section option_alert = {"alerts",
                                     "From metric to what to do; or a list, where a metric has "
                                     "several",
                                     sizeof(struct raw_alert),
                                     ROWS(alert_rows),
                                     NULL,
                                     "metric"};

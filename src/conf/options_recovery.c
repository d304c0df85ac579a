/* SPDX-License-Identifier: Apache-2.0 */
/* options_recovery - rows about what is done when a provider is slow or gone; see options.c for all
 * the others. */
#include <stddef.h>

#include "conf/raw.h"

#define ROWS(a) a, ARRAY_LEN(a)

const struct option_word option_disconnect_words[] = {
    {"cancel", true, "the connection is closed, which stops the bill at most providers"},
    {"drain", true, "it is read to its end, for its usage: where it is billed all the same"},
    {0},
};

#define AT(field) offsetof(struct raw_hedge, field)
static const struct option hedge_rows[] = {
    {"after", OPTION_TEXT, OPTION_REQUIRED, AT(after),
     .help = "without content for so long: a duration (`2s`), or `p95`, which the target's answers "
             "have begun within 19 times in 20"},
    {"max", OPTION_TEXT, 0, AT(max), "2%",
     .help = "of the model's calls in ten seconds, though one always may be"},
};
#undef AT
const struct section option_hedge = {
    "models[].hedge",
    "When another target is asked the same; the first with content wins. Within the budget of "
    "retries, too",
    sizeof(struct raw_hedge), ROWS(hedge_rows), "after"};

#define HOURS(n)  ((n)*3600000ull)
#define AT(field) offsetof(struct raw_timeouts, field)
static const struct option model_timeouts_rows[] = {
    {"firstByte", OPTION_MSEC, 0, AT(first_byte), NULL, 1, HOURS(24),
     .help = "from the end of the request to the first byte of the answer"},
    {"idle", OPTION_MSEC, 0, AT(idle), NULL, 1, HOURS(24),
     .help = "between two pieces of the answer"},
    {"total", OPTION_MSEC, 0, AT(total), NULL, 1, HOURS(24),
     .help = "the whole call, all attempts together"},
};
#undef AT
const struct section option_model_timeouts = {"models[].timeouts",
                                              "As `timeouts`, for calls of this model: instead of "
                                              "its providers', but for `total`, of which the "
                                              "shortest counts",
                                              sizeof(struct raw_timeouts),
                                              ROWS(model_timeouts_rows)};

#define AT(field) offsetof(struct raw_probe, field)
static const struct option probe_rows[] = {
    {"every", OPTION_MSEC, OPTION_REQUIRED, AT(every), NULL, 1000, 86400000,
     .help = "how often while it is out"},
    {"path", OPTION_TEXT, 0, AT(path),
     .help = "what is asked for, with the key (`/v1/models`); without one: `HEAD /`, and no key"},
    {"always", OPTION_BOOL, 0, AT(always), "false",
     .help = "true: also while all is well; two bad answers in a row take it out"},
};
#undef AT
const struct section option_probe = {
    "providers[].probe",
    "A request without tokens to a provider whose breaker is open, so that it is back sooner",
    sizeof(struct raw_probe), ROWS(probe_rows), "every"};

#define AT(field) offsetof(struct raw_breaker, field)
static const struct option breaker_rows[] = {
    {"failures", OPTION_U32, 0, AT(failures), "5", 1, 1000,
     .help = "in a row: 5xx answers and answers that broke; connections, resets and silences are "
             "counted apart, to the same number"},
    {"open", OPTION_MSEC, 0, AT(open), "30s", 100, HOURS(24),
     .help = "for so long; twice, three times … as long when it happens again"},
    {"max", OPTION_MSEC, 0, AT(max), "5m", 100, HOURS(24), .help = "but no longer than that"},
};
static const struct option region_breaker_rows[] = {
    {"enabled", OPTION_BOOL, 0, AT(on), "true", .help = "false: each target for itself"},
    {"open", OPTION_MSEC, 0, AT(open), "10s", 100, HOURS(24),
     .help = "for so long; twice, three times … as long when it happens again"},
    {"max", OPTION_MSEC, 0, AT(max), "2m", 100, HOURS(24), .help = "but no longer than that"},
};
#undef AT
const struct section option_breaker = {
    "routing.breaker", "A target that fails so many times in a row is left alone for a while",
    sizeof(struct raw_breaker), ROWS(breaker_rows)};
const struct section option_region_breaker = {
    "routing.regionBreaker",
    "When most of the targets of a region fail at the same time, all of it is left alone",
    sizeof(struct raw_breaker), ROWS(region_breaker_rows)};

#define AT(field) offsetof(struct raw_ejection, field)
static const struct option ejection_rows[] = {
    {"enabled", OPTION_BOOL, 0, AT(on), "true", .help = "false: nobody is compared"},
    {"calls", OPTION_U32, 0, AT(calls), "100", 1, 1000000,
     .help = "of each of five targets in ten seconds, for the comparison with their mean"},
    {"deviations", OPTION_DOUBLE, 0, AT(deviations), "1.9", 0, 100,
     .help = "below the mean of successes, in standard deviations"},
    {"minCalls", OPTION_U32, 0, AT(min_calls), "20", 1, 1000000,
     .help = "of each of two targets in ten seconds, for the share of failures"},
    {"share", OPTION_U32, 0, AT(share), "50", 1, 100,
     .help = "of failures, in percent, that ejects a target"},
    {"maxPercent", OPTION_U32, 0, AT(max_percent), "10", 0, 100,
     .help = "of a model's targets may be out; one always may"},
    {"open", OPTION_MSEC, 0, AT(open), "30s", 100, HOURS(24),
     .help = "for so long; twice, three times … as long when it happens again"},
    {"max", OPTION_MSEC, 0, AT(max), "5m", 100, HOURS(24), .help = "but no longer than that"},
};
#undef AT
const struct section option_ejection = {
    "routing.ejection", "A target that fails much more often than those beside it is left out",
    sizeof(struct raw_ejection), ROWS(ejection_rows)};

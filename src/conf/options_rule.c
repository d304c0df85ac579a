/* SPDX-License-Identifier: Apache-2.0 */
/* options_rule - the keys of routing.rules. What `when` may hold is build_when.c's. */
#include "conf/raw.h"

#define ROWS(a) a, ARRAY_LEN(a)

#define AT(field) offsetof(struct raw_canary, field)
static const struct option canary_rows[] = {
    {"use", OPTION_TEXT, OPTION_REQUIRED, AT(use), .help = "the new model"},
    {"percent", OPTION_DOUBLE, 0, AT(percent), "5", 0, 100, .help = "its share at first"},
    {"steps", OPTION_TEXTS, 0, AT(steps),
     .help = "the shares that follow, in percent, while it does well: `[ 25, 50, 100 ]` when left "
             "out"},
    {"hold", OPTION_MSEC, 0, AT(hold), "10m", 1, .help = "at least so long at each"},
    {"minCalls", OPTION_U32, 0, AT(min_calls), "50", 1, 1000000,
     .help = "its calls at a step before it is judged"},
    {"maxErrorRate", OPTION_DOUBLE, 0, AT(max_error_rate), "0.2", 0, 1,
     .help = "with more failed calls than this, beyond chance, it is taken back"},
    {"maxErrorIncrease", OPTION_DOUBLE, 0, AT(more_errors), "0.05", 0, 1,
     .help = "or with so many more than the others have, as a share of the calls"},
    {"maxSlowdown", OPTION_DOUBLE, 0, AT(slower), "2", 0, 1000,
     .help = "or when its calls take so many times as long as theirs; 0: however long"},
};
#undef AT
static const struct section canary_section = {
    "routing.rules[].canary", "A new model that gets more of the calls while it does well",
    sizeof(struct raw_canary), ROWS(canary_rows), "use"};

#define AT(field) offsetof(struct raw_mirror, field)
static const struct option mirror_rows[] = {
    {"use", OPTION_TEXT, OPTION_REQUIRED, AT(use), .help = "who gets the copy"},
    {"percent", OPTION_DOUBLE, 0, AT(percent), "100", 0, 100, .help = "of how many calls"},
    {"atOnce", OPTION_U32, 0, AT(at_once), "8", 1, 32,
     .help = "so many copies under way on each worker; more are not sent"},
};
#undef AT
static const struct section mirror_section = {
    "routing.rules[].mirror", "A copy of the call for another model, whose answer is only measured",
    sizeof(struct raw_mirror), ROWS(mirror_rows), "use"};

#define AT(field) offsetof(struct raw_deny, field)
static const struct option deny_rows[] = {
    {"status", OPTION_U32, 0, AT(status), "403", 400, 599,
     .help = "400, 401, 403, 404, 413, 429 or 503, which every client language has words for"},
    {"message", OPTION_TEXT, 0, AT(message), .help = "what the caller is told"},
};
#undef AT
static const struct section deny_section = {"routing.rules[].deny",
                                            "A call that is refused; a plain text is its message",
                                            sizeof(struct raw_deny), ROWS(deny_rows), "message"};

#define AT(field) offsetof(struct raw_rule, field)
static const struct option rule_rows[] = {
    {"name", OPTION_TEXT, 0, AT(name), .help = "for the log; `rule 1` and so on when left out"},
    {"when", OPTION_RAW, 0, AT(when),
     .help = "conditions that must all hold, see [routing](routing.md#conditions); without any it "
             "matches every call"},
    {"use", OPTION_TEXT, 0, AT(use), .help = "the model: a logical one, or `provider/model`"},
    {"split", OPTION_RAW, 0, AT(split),
     .help = "several, with their weights: `{ smart: 95, cheap: 5 }`"},
    {"sticky", OPTION_TEXT, 0, AT(sticky),
     .help = "split and canary draw once for each `session`, `user`, `key` or `header:x-tenant`; "
             "for each call when left out"},
    {"canary", OPTION_SECTION, 0, AT(canary), .sub = &canary_section,
     .help = "a new model on trial, beside `use` or the model asked for"},
    {"mirror", OPTION_SECTION, 0, AT(mirror), .sub = &mirror_section,
     .help = "a copy for another model, whose answer nobody gets: it is compared"},
    {"tag", OPTION_TEXTS, 0, AT(tags), .help = "words that the call carries from then on"},
    {"set", OPTION_RAW, 0, AT(edit[0]),
     .help = "fields of the request, as in "
             "[transforms](transforms.md)"},
    {"default", OPTION_RAW, 0, AT(edit[1]), .help = "the same, where they are not set"},
    {"atMost", OPTION_RAW, 0, AT(edit[2]), .help = "numbers that are lowered"},
    {"rename", OPTION_RAW, 0, AT(edit[3]), .help = "fields that get another name"},
    {"delete", OPTION_RAW, 0, AT(edit[4]), .help = "fields that are left out"},
    {"headers", OPTION_RAW, 0, AT(edit[5]), .help = "headers towards the provider"},
    {"deny", OPTION_SECTION, 0, AT(deny), .sub = &deny_section, .help = "refuse the call"},
    {"continue", OPTION_BOOL, 0, AT(goes_on), "false",
     .help = "the rules behind it are looked at, too"},
};
#undef AT
const struct section option_rule = {"routing.rules[]", "What is done with which calls",
                                    sizeof(struct raw_rule), ROWS(rule_rows)};

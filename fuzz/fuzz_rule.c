/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: the first line is what a call says of itself (each text a condition looks at is that line,
 * or a word of it), the rest is what stands under routing.rules.
 *
 * Whatever the operator writes is refused with a place or evaluates within its bounds: who chose is
 * among the rules that matched, a refusal has a status that clients know, shares are shares. The
 * same call with the same dice meets the same rules.
 */
#include "fuzz.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "conf/load.h"
#include "route/rule.h"

#define TEXT_MAX_ 65536
#define DICE_MAX  4096

static const char *const env[] = {"HOME=/nowhere", NULL}, *const backs[] = {"openai", NULL};

struct asker {
    str line, word;
    uint64_t number;
};

static str text_of(void *arg, str name)
{
    const struct asker *x = arg;
    return name.n % 3 == 0 ? STR_NONE : name.n % 3 == 1 ? x->line : x->word;
}

static str user_of(void *arg)
{
    return ((const struct asker *)arg)->word;
}

static bool has_trait(void *arg, unsigned trait)
{
    return (((const struct asker *)arg)->number & trait) != 0;
}

static uint64_t tokens_of(void *arg, uint64_t mark)
{
    CHECK(mark > 0);
    return ((const struct asker *)arg)->number % 300000;
}

static uint64_t identity_of(void *arg, const struct conf_sticky *by)
{
    (void)by;
    return ((const struct asker *)arg)->number;
}

static bool may(void *arg, const struct conf_route *r)
{
    CHECK(r->ntargets > 0);
    return ((const struct asker *)arg)->number % 7 != 0;
}

static void check(const struct conf_rules *rules, const struct rule_outcome *out)
{
    bool by_matched = out->by == NULL;
    CHECK(out->n <= RULE_MATCHES_MAX && out->ntags <= RULE_TAGS_MAX);
    for (uint32_t i = 0; i < out->n; i++) {
        CHECK(out->matched[i] >= rules->v && out->matched[i] < rules->v + rules->n);
        by_matched |= out->matched[i] == out->by;
    }
    for (uint32_t i = 0; i < out->ntags; i++)
        CHECK(conf_tag_ok(out->tags[i]));
    CHECK(by_matched && (!out->route || out->by) && (!out->deny || out->by));
    CHECK(!out->deny || (out->deny->status >= 400 && out->deny->status < 600));
    CHECK(!out->mirror || (out->mirror->mirror && out->mirror->mirror->route));
    CHECK(!out->is_canary || (out->trial && out->route == out->trial->canary->route));
}

static void evaluate(const struct conf_rules *rules, struct asker *x)
{
    static struct rule_dice dice[DICE_MAX];
    struct rule_outcome first = {0}, again = {0};
    CHECK(rules->throws < DICE_MAX);
    for (unsigned i = 0; i < 2; i++) {
        struct rand r;
        struct rule_outcome *out = i ? &again : &first;
        rand_init(&r, 7);
        memset(dice, 0, sizeof(dice));
        const struct rule_view v = {.arg = x,
                                    .header = text_of,
                                    .metadata = text_of,
                                    .tokens = tokens_of,
                                    .identity = identity_of,
                                    .may = may,
                                    .user = user_of,
                                    .trait = has_trait,
                                    .key = x->word,
                                    .path = x->line,
                                    .model = x->word,
                                    .front = x->line,
                                    .unix_ms = x->number % UINT64_C(4102444800000),
                                    .dice = dice,
                                    .rand = &r};
        rules_apply(rules, &v, out);
        check(rules, out);
    }
    CHECK(first.n == again.n && first.by == again.by && first.route == again.route);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX_];
    str in = str_of((const char *)data, size);
    struct asker x = {.line = str_cut(&in, '\n')};
    struct conf_report report;
    struct snapshot *s;
    if (!in.p || in.n > TEXT_MAX_ / 2)
        return 0;
    x.word = str_head(x.line, str_find_char(x.line, ' '));
    x.number = hash_fnv(HASH_FNV, x.line);
    const int n = snprintf(
        text, sizeof(text),
        "providers: [ { name: a, dialect: openai, baseURL: \"http://h/v1\", models: [ up ] } ]\n"
        "models: [ { name: m, targets: [ a/up ] }, { name: n, targets: [ a/up ] } ]\n"
        "routing:\n  rules:\n" STR_FMT,
        STR_ARG(in));
    CHECK(n > 0 && (size_t)n < sizeof(text));
    conf_report_init(&report);
    const enum rc rc = conf_load(
        &(struct conf_source){
            .path = "t.yaml", .text = str_of(text, (size_t)n), .env = env, .backs = backs},
        &report, &s);
    CHECK(rc == RC_OK || conf_report_failed(&report));
    if (rc == RC_OK) {
        if (s->routing.rules.throws < DICE_MAX)
            evaluate(&s->routing.rules, &x);
        snapshot_unref(s);
    }
    conf_report_fini(&report);
    return 0;
}

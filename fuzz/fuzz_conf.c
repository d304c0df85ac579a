/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration texts, YAML or JSON: refused with a place, or a snapshot in which every index leads
 * somewhere; then a few names are resolved in it. The first load of a text and the second say the
 * same. Bit 0 of the last byte adds a back, so that more dialects are reached.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "conf/describe.h"
#include "conf/load.h"

static const char *const env[] = {
    "OPENAI_API_KEY=sk-o", "ANTHROPIC_API_KEY=sk-a", "EMPTY=", "TEAM_A_KEY=t", "NUMBER=7", NULL};
static const char *const few[] = {"openai", "anthropic", NULL};
static const char *const more[] = {"openai", "anthropic", "gemini", "mistral", "bedrock", NULL};

static void check_route(const struct snapshot *s, const struct conf_route *r)
{
    CHECK(r->ntargets > 0 && r->name.n > 0);
    uint64_t weight = 0;
    for (uint32_t i = 0; i < r->ntargets; i++) {
        CHECK(r->targets[i].provider < s->nproviders && r->targets[i].model.n > 0);
        CHECK(s->providers[r->targets[i].provider].enabled);
        weight += r->targets[i].weight;
    }
    CHECK(weight > 0);
    for (uint32_t i = 0; i < r->nfallback; i++)
        CHECK(r->fallback[i] && r->fallback[i] != r && r->fallback[i]->ntargets > 0);
}

static void check_provider(const struct conf_provider *p)
{
    CHECK(p->name.n > 0 && p->timeouts.connect > 0 && p->timeouts.total > 0);
    if (!p->enabled || p->demo)
        return;
    CHECK(p->dialect.n > 0 && p->origin.port > 0 && p->origin.host.n > 0);
    CHECK(!str_has_suffix(p->base_path, STR("/")));
    CHECK(!p->endpoint.p || p->endpoint.p[0] == '/');
    for (uint32_t i = 0; i < p->nkeys; i++)
        CHECK(secret_is_set(&p->keys[i]));
}

static void resolve(const struct snapshot *s, str model)
{
    struct conf_found f;
    for (uint32_t i = 0; i <= s->nkeys; i++)
        if (conf_resolve(s, i ? &s->keys[i - 1] : NULL, model, &f) == RC_OK)
            check_route(s, f.route);
    (void)conf_nearest_model(s, NULL, model);
}

static void check_snapshot(const struct snapshot *s, str text)
{
    CHECK(s->nlistens > 0 && s->nproviders > 0);
    for (uint32_t i = 0; i < s->nlistens; i++)
        CHECK(s->listens[i].loopback || s->nkeys > 0); /* F12 */
    for (uint32_t i = 0; i < s->nproviders; i++)
        check_provider(&s->providers[i]);
    for (uint32_t i = 0; i < s->nmodels; i++)
        check_route(s, s->models[i]);
    for (int i = 0; i < CONF_SCENARIO_COUNT; i++)
        if (s->routing.scenarios[i])
            check_route(s, s->routing.scenarios[i]);
    resolve(s, STR("gpt-5[1m]"));
    resolve(s, str_head(text, 20));
    if (s->nmodels)
        resolve(s, s->models[0]->name);
}

/* Load and check; the report as text. */
static enum rc load(str text, const char *const *backs, struct buf *said)
{
    struct conf_source src = {.path = "f", .text = text, .env = env, .backs = backs};
    struct conf_report report;
    struct snapshot *s = NULL;
    conf_report_init(&report);
    enum rc rc = conf_load(&src, &report, &s);
    conf_report_write(&report, said);
    CHECK(utf8_is_valid(buf_str(said)));
    CHECK((rc == RC_OK) == (s != NULL) && (rc == RC_OK) != conf_report_failed(&report));
    if (rc == RC_CONFIG)
        CHECK(report.of[CONF_ERROR].note[0].line > 0);
    if (s) {
        check_snapshot(s, text);
        conf_write_summary(s, said);
    }
    snapshot_unref(s);
    conf_report_fini(&report);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_of((const char *)data, size);
    const char *const *backs = size && data[size - 1] & 1 ? more : few;
    struct buf first = BUF_INIT(1 << 22), second = BUF_INIT(1 << 22);
    if (!text.p)
        text = STR("");
    enum rc rc = load(text, backs, &first);
    CHECK(load(text, backs, &second) == rc);
    CHECK(str_eq(buf_str(&first), buf_str(&second)));
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* models - see the header. */
#include "app/models.h"

#include <stdio.h>

#include "base/auto.h"
#include "conf/nearest.h"
#include "conf/read.h"

extern const char weir_models_json[]; /* made by tools/embed from data/models.json */
extern const size_t weir_models_json_size;

/* Slices of it point into the program's own read-only data: nothing is copied. */
struct catalogue *models_built_in(void)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    enum rc rc = catalogue_new(str_of(weir_models_json, weir_models_json_size), true, &c, &fault);
    CHECK(rc == RC_OK); /* tests/unit/price reads every line of it */
    return c;
}

static enum rc load_file(str path, struct conf_report *report, struct catalogue **ret)
{
    AUTO(arena_fini) struct arena a;
    struct catalogue_fault fault;
    str text;
    arena_init(&a, CATALOGUE_TEXT_MAX + (64 << 10));
    report->file = arena_dup(&report->arena_, path);
    TRY(conf_read_file(&a, path.p, CATALOGUE_TEXT_MAX, report, &text));
    enum rc rc = catalogue_new(text, false, ret, &fault);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    conf_note(report, CONF_ERROR, fault.line, fault.column, "%s", fault.text);
    return RC_CONFIG;
}

static void note_missing(const struct conf_provider *p, const struct catalogue *c,
                         struct conf_report *report)
{
    struct nearest near;
    nearest_init(&near, p->prices_of);
    for (uint32_t k = 0; k < catalogue_providers(c); k++)
        nearest_offer(&near, catalogue_provider_id(c, (int)k));
    conf_note(report, CONF_ERROR, p->prices_line, p->prices_column,
              "the catalogue has no provider '" STR_FMT "'%s" STR_FMT
              "%s; name one that it has, `free` or `unknown`",
              STR_ARG(conf_brief(p->prices_of)), near.best.p ? "; did you mean '" : "",
              STR_ARG(near.best), near.best.p ? "'?" : "");
}

enum rc models_check(const struct snapshot *s, const struct catalogue *c, struct buf *why)
{
    AUTO(conf_report_fini) struct conf_report report;
    conf_report_init(&report);
    report.file = s->file;
    for (uint32_t i = 0; i < s->nproviders; i++)
        if (s->providers[i].prices == CONF_PRICES_OF &&
            catalogue_provider(c, s->providers[i].prices_of) < 0)
            note_missing(&s->providers[i], c, &report);
    conf_report_write(&report, why);
    return conf_report_failed(&report) ? RC_CONFIG : RC_OK;
}

enum rc models_load(const struct snapshot *s, struct catalogue *base, struct buf *why,
                    struct catalogue **ret)
{
    AUTO(conf_report_fini) struct conf_report report;
    struct catalogue *c = NULL;
    enum rc rc = RC_OK;
    conf_report_init(&report);
    if (s->catalogue_file.n)
        rc = load_file(s->catalogue_file, &report, &c);
    else
        c = catalogue_ref(base);
    if (rc == RC_OK)
        rc = models_check(s, c, why);
    else
        conf_report_write(&report, why);
    if (rc == RC_OK)
        *ret = c;
    else
        catalogue_unref(c);
    return rc;
}

struct catalogue *models_need(const struct snapshot *s)
{
    AUTO(buf_fini) struct buf why = BUF_INIT(64u << 10);
    struct catalogue *built_in = models_built_in(), *c = NULL;
    if (models_load(s, built_in, &why, &c) != RC_OK)
        fprintf(stderr, STR_FMT, (int)buf_size(&why), why.p ? why.p : "");
    catalogue_unref(built_in);
    return c;
}

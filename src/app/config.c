/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - see the header.
 *
 * conf/ stands below dialect/ and may not ask it; so the names it needs, of dialects that can be
 * spoken and of parameters that a quirk may refuse, are handed in as lists, made anew for each
 * load.
 */
#include "app/config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/auto.h"
#include "dialect/quirk.h"

#define BACKS_MAX  32
#define REPORT_MAX (256u << 10)

/* `src` has all but the names. */
static enum rc load_with_names(struct conf_source *src, struct conf_report *report,
                               struct snapshot **ret)
{
    const char *backs[BACKS_MAX + 1], *params[PARAM_COUNT + 1];
    size_t n = 0;
    const struct dialect *d;
    for (size_t i = 0; (d = dialect_at(i)); i++) {
        if (!d->back)
            continue;
        CHECK(n < BACKS_MAX);
        backs[n++] = d->name.p; /* the names are literals */
    }
    backs[n] = NULL;
    for (size_t i = 0; i <= PARAM_COUNT; i++)
        params[i] = quirk_param_name(i);
    ASSERT(!params[PARAM_COUNT]); /* the list's end */
    src->backs = backs;
    src->params = params;
    return conf_load(src, report, ret);
}

enum rc config_load_report(const struct options *o, struct conf_report *report,
                           struct snapshot **ret)
{
    struct conf_source src = {
        .path = o->config, .data_dir = o->data_dir, .env = (const char *const *)environ};
    return load_with_names(&src, report, ret);
}

static void print_report(const struct conf_report *r)
{
    AUTO(buf_fini) struct buf b = BUF_INIT(REPORT_MAX);
    conf_report_write(r, &b);
    if (buf_size(&b))
        fwrite(b.p, 1, buf_size(&b), stderr);
}

struct snapshot *config_load(const struct options *o, bool quiet)
{
    AUTO(conf_report_fini) struct conf_report report;
    struct snapshot *s = NULL;
    conf_report_init(&report);
    enum rc rc = config_load_report(o, &report, &s);
    if (rc != RC_OK || !quiet)
        print_report(&report);
    if (rc == RC_NOMEM)
        fprintf(stderr, "weir: out of memory\n");
    return rc == RC_OK ? s : NULL;
}

struct snapshot *config_load_built_in(const char *text)
{
    AUTO(conf_report_fini) struct conf_report report;
    struct conf_source src = {.path = "built-in", .text = str_c(text)};
    struct snapshot *s = NULL;
    conf_report_init(&report);
    const enum rc rc = load_with_names(&src, &report, &s);
    CHECK(rc == RC_OK || rc == RC_NOMEM); /* nobody but us wrote it */
    if (rc == RC_NOMEM)
        fprintf(stderr, "weir: out of memory\n");
    return s;
}

void config_base_url(const struct snapshot *s, struct buf *to)
{
    const struct conf_listen *l = &s->listens[0];
    bool any = str_eq(l->host, STR("0.0.0.0")) || str_eq(l->host, STR("::")) || !l->host.n;
    bool v6 = !any && str_find_char(l->host, ':') != SIZE_MAX;
    buf_add(to, s->tls.cert_file.n ? STR("https://") : STR("http://"));
    buf_add(to, v6 ? STR("[") : STR(""));
    buf_add(to, any ? STR("127.0.0.1") : l->host);
    buf_add(to, v6 ? STR("]:") : STR(":"));
    buf_add_u64(to, l->port);
}

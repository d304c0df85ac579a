/* SPDX-License-Identifier: Apache-2.0 */
/* conf_check - load a configuration text under an environment of our own, and look at what came. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "base/buf.h"
#include "conf/load.h"

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const conf_backs[] = {"openai", "anthropic", NULL};

struct loaded {
    enum rc rc;
    struct snapshot *s; /* NULL unless RC_OK */
    struct conf_report report;
    struct buf text; /* the report as text, NUL behind it */
};

static inline void load_source(struct loaded *l, struct conf_source src)
{
    l->s = NULL;
    conf_report_init(&l->report);
    l->text = BUF_INIT(1 << 20);
    src.backs = src.backs ? src.backs : conf_backs;
    l->rc = conf_load(&src, &l->report, &l->s);
    conf_report_write(&l->report, &l->text);
    buf_add_char(&l->text, '\0');
    assert_true((l->rc == RC_OK) == (l->s != NULL));
    assert_true(l->rc == RC_OK || conf_report_failed(&l->report));
}

static inline void load_text(struct loaded *l, const char *text, const char *const *env)
{
    load_source(
        l, (struct conf_source){.path = "/etc/weir/weir.yaml", .text = str_c(text), .env = env});
}

static inline void loaded_fini(struct loaded *l)
{
    l->s = snapshot_unref(l->s);
    conf_report_fini(&l->report);
    buf_fini(&l->text);
}

/* The report, for messages of failing tests. */
static inline const char *said(const struct loaded *l)
{
    return l->text.p;
}

#define assert_loads(l)                                    \
    do {                                                   \
        if ((l)->rc != RC_OK)                              \
            fail_msg("%s: %s", rc_name((l)->rc), said(l)); \
    } while (0)

#define assert_says(l, part)                                \
    do {                                                    \
        if (!strstr(said(l), (part)))                       \
            fail_msg("no \"%s\" in:\n%s", (part), said(l)); \
    } while (0)

/* Refused, with these words. */
#define assert_refuses(config, part, ...)                 \
    do {                                                  \
        struct loaded refused_;                           \
        load_text(&refused_, (config), ENV(__VA_ARGS__)); \
        assert_int_equal(refused_.rc, RC_CONFIG);         \
        assert_says(&refused_, part);                     \
        loaded_fini(&refused_);                           \
    } while (0)

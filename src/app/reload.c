/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload - what the process goes by: its configuration and its catalogue of models.
 *
 * Both are read here, on the main thread, off the workers' loops. Each worker swaps them in by
 * message as one generation, and calls in flight keep the one they began with (P3, P4, P12, P13). A
 * bad file changes nothing: the log says why at once, /readyz and /health as long as it is so.
 *
 * Configuration, catalogue and certificate are refused together: a provider whose `prices` name a
 * list is right or wrong only with the catalogue that goes with it, and half a generation is what
 * no file ever said. Each may also change alone (on_models_change, on_fetched, secure.c); then the
 * other two stay as they are and all three go to the workers again.
 *
 * While the process drains nothing is reloaded: calls that are left keep what they have.
 */
#include <stdio.h>

#include "app/config.h"
#include "app/kept.h"
#include "app/serve_int.h"
#include "base/auto.h"

#define TEXT_MAX (64u << 10)
#define SAID_MAX (1u << 20)

/* The text stays when it is replaced: a worker may be printing it. */
void reload_refuse(struct process *p, _Atomic(const char *) *slot, const char *what, str why)
{
    fprintf(stderr, "weir: the new %s is refused, the old one stays in force:\n" STR_FMT, what,
            STR_ARG(why));
    const char *last = atomic_load(slot);
    if (last && str_eq(str_c(last), why))
        return; /* saved again with the same fault: said already */
    str text = arena_dup(&p->said, why);
    atomic_store(slot, text.p ? text.p : "see the log");
}

static str text_of(const struct buf *b)
{
    return b->p ? buf_str(b) : STR(""); /* a buf that was never written to has no memory */
}

/* ---- what changed */

static bool same_listens(const struct snapshot *a, const struct snapshot *b)
{
    bool same = a->nlistens == b->nlistens;
    for (uint32_t i = 0; same && i < a->nlistens; i++)
        same = str_eq(a->listens[i].text, b->listens[i].text);
    return same;
}

static void say_what_stays(const struct snapshot *old, const struct snapshot *next)
{
    if (!same_listens(old, next) || old->workers != next->workers ||
        old->log.access_to != next->log.access_to ||
        !str_eq(old->log.access_path, next->log.access_path))
        fprintf(stderr,
                "weir: listen, workers and log.access take a restart; the rest is in force\n");
}

void reload_publish(struct process *p)
{
    for (unsigned i = 0; i < p->nworkers; i++)
        if (worker_reload(p->workers[i], p->snap, p->models, p->tls) != RC_OK)
            fprintf(stderr, "weir: out of memory: worker %u keeps the old configuration\n", i);
}

/* Takes the reference. */
static void set_models(struct process *p, struct catalogue *next)
{
    ASSERT(next);
    catalogue_unref(p->models);
    p->models = next;
    atomic_store(&p->world.models_error, NULL);
}

static void say_models(const struct catalogue *c)
{
    fprintf(stderr, "weir: catalogue in force: %u models of " STR_FMT "\n", catalogue_models(c),
            STR_ARG(catalogue_date(c)));
}

/* ---- the catalogue alone */

static void on_models_change(void *arg)
{
    struct process *p = arg;
    AUTO(buf_fini) struct buf why = BUF_INIT(TEXT_MAX);
    struct catalogue *next = NULL;
    if (p->stage != STAGE_SERVING)
        return;
    if (models_load(p->snap, p->built_in, &why, &next) != RC_OK) {
        reload_refuse(p, &p->world.models_error, "catalogue", text_of(&why));
        return;
    }
    set_models(p, next);
    reload_publish(p);
    say_models(next);
}

static void watch_models(struct process *p)
{
    str path = p->snap->catalogue_file;
    watch_free(p->models_watch);
    p->models_watch = NULL;
    if (path.n && watch_new(p->loop, path, on_models_change, p, &p->models_watch) != RC_OK)
        fprintf(stderr, "weir: the catalogue cannot be watched; SIGHUP reads it again\n");
}

/* ---- the catalogue from a URL */

#define FETCH_AGAIN_MS (5 * 60 * 1000) /* after a failure, where that is sooner */

static void set_clock(struct process *p, bool failed)
{
    msec every = p->snap->catalogue_every;
    timer_set(&p->fetch_clock,
              loop_now(p->loop) + (failed && every > FETCH_AGAIN_MS ? FETCH_AGAIN_MS : every));
}

/* What came, checked; NULL: `said` has why it is refused. */
static struct catalogue *fetched(struct process *p, str body, const char *why, struct buf *said)
{
    str url = p->snap->catalogue_url.text;
    struct catalogue_fault fault;
    struct catalogue *c = NULL;
    if (why)
        buf_addf(said, STR_FMT ": %s\n", STR_ARG(url), why);
    else if (catalogue_new(body, false, &c, &fault) != RC_OK)
        buf_addf(said, STR_FMT ":%u:%u: %s\n", STR_ARG(url), fault.line, fault.column, fault.text);
    else if (models_check(p->snap, c, said) != RC_OK)
        c = catalogue_unref(c);
    return c;
}

static void on_fetched(void *arg, str body, const char *why)
{
    struct process *p = arg;
    AUTO(buf_fini) struct buf said = BUF_INIT(TEXT_MAX);
    if (p->stage != STAGE_SERVING)
        return;
    struct catalogue *next = fetched(p, body, why, &said);
    set_clock(p, !next);
    if (!next) {
        reload_refuse(p, &p->world.models_error, "catalogue", text_of(&said));
        return;
    }
    if (!kept_write(p->snap, body))
        fprintf(stderr,
                "weir: the fetched catalogue cannot be kept in " STR_FMT
                ": a restart begins without it\n",
                STR_ARG(p->snap->data_dir));
    catalogue_unref(p->fetched);
    p->fetched = catalogue_ref(next);
    set_models(p, next);
    reload_publish(p);
    say_models(next);
}

static void on_fetch_clock(struct timer *t)
{
    struct process *p =
        (struct process *)(void *)((char *)t - offsetof(struct process, fetch_clock));
    set_clock(p, false); /* should nothing come of it */
    if (p->stage == STAGE_SERVING)
        fetch_start(p->fetch, &p->snap->catalogue_url);
}

/* The URL of the configuration is another one than before, or the first. */
static void follow_url(struct process *p)
{
    timer_stop(&p->fetch_clock);
    if (p->fetch)
        fetch_cancel(p->fetch);
    if (!p->snap->catalogue_url.text.n)
        return;
    if (!p->fetch && fetch_new(p->loop, CATALOGUE_TEXT_MAX, on_fetched, p, &p->fetch) != RC_OK)
        fprintf(stderr, "weir: out of memory: the catalogue is not fetched\n");
    if (p->fetch)
        on_fetch_clock(&p->fetch_clock);
}

/* ---- projects' routing, and whose sessions are whose */

static void on_projects_clock(struct timer *t)
{
    struct process *p =
        (struct process *)(void *)((char *)t - offsetof(struct process, projects_clock));
    projects_look(p); /* may reload */
    if (p->snap->routing.projects_dir.n)
        timer_set(t, loop_now(p->loop) + PROJECTS_LOOK_MS);
}

static void follow_projects(struct process *p)
{
    projects_follow(p);
    if (p->snap->routing.projects_dir.n)
        timer_set(&p->projects_clock, loop_now(p->loop));
}

/* ---- both */

static void take(struct process *p, struct snapshot *next, struct catalogue *models,
                 struct tls_ctx *tls)
{
    /* looked at before the old snapshot may go: these are slices of it */
    CHECK(next != p->snap);
    bool moved = !str_eq(p->snap->catalogue_file, next->catalogue_file);
    bool elsewhere = !str_eq(p->snap->catalogue_url.text, next->catalogue_url.text) ||
                     !str_eq(p->snap->catalogue_url.target, next->catalogue_url.target);
    bool other_files = !str_eq(p->snap->tls.cert_file, next->tls.cert_file) ||
                       !str_eq(p->snap->tls.key_file, next->tls.key_file);
    say_what_stays(p->snap, next);
    next->generation = ++p->generation;
    snapshot_unref(p->snap);
    p->snap = next;
    set_models(p, models);
    secure_set(p, tls);
    reload_publish(p);
    alerts_follow(p->alerts, next); /* after the generation it speaks of */
    if (other_files)
        secure_watch(p);
    if (moved)
        watch_models(p);
    if (elsewhere) {
        p->fetched = catalogue_unref(p->fetched);
        follow_url(p);
    } else if (p->fetch && next->catalogue_url.text.n)
        on_fetch_clock(&p->fetch_clock); /* who asks for all anew means this too */
    follow_projects(p);
    atomic_store(&p->world.reload_error, NULL);
}

/* What counts where the configuration names no file. */
static struct catalogue *base_for(const struct process *p, const struct snapshot *next)
{
    bool same = str_eq(p->snap->catalogue_url.text, next->catalogue_url.text);
    return same && p->fetched ? p->fetched : p->built_in;
}

void reload_all(struct process *p)
{
    AUTO(conf_report_fini) struct conf_report report;
    AUTO(buf_fini) struct buf why = BUF_INIT(TEXT_MAX);
    struct snapshot *next = NULL;
    struct catalogue *models = NULL;
    struct tls_ctx *tls = NULL;
    conf_report_init(&report); /* before any way out: it is freed on each */
    if (p->stage != STAGE_SERVING)
        return;
    enum rc rc = config_load_report(p->o, &report, &next);
    if (rc != RC_OK)
        conf_report_write(&report, &why);
    else
        rc = models_load(next, base_for(p, next), &why, &models);
    if (rc == RC_OK)
        rc = secure_load(next, p->tls, &tls, &why);
    if (rc != RC_OK) {
        catalogue_unref(models);
        snapshot_unref(next);
        reload_refuse(p, &p->world.reload_error, "configuration", text_of(&why));
        return;
    }
    ASSERT(next && models); /* whole, and tls where it wants one */
    ASSERT((tls != NULL) == (next->tls.cert_file.n != 0));
    if (p->snap->file.n && memcmp(next->text_sha256, p->snap->text_sha256, CONF_SHA256) == 0 &&
        atomic_load(&p->world.reload_error) == NULL)
        fprintf(stderr, "weir: configuration unchanged, read again\n");
    take(p, next, models, tls);
    fprintf(stderr, "weir: configuration in force (generation %llu)\n",
            (unsigned long long)p->generation);
}

static void on_change(void *arg)
{
    reload_all(arg);
}

void reload_watch(struct process *p)
{
    if (p->snap->file.n && watch_new(p->loop, p->snap->file, on_change, p, &p->watch) != RC_OK)
        fprintf(stderr, "weir: the configuration file cannot be watched; SIGHUP reloads it\n");
    watch_models(p);
    secure_watch(p);
    timer_init(&p->fetch_clock, p->loop, on_fetch_clock);
    follow_url(p);
    timer_init(&p->projects_clock, p->loop, on_projects_clock);
    follow_projects(p);
}

void reload_close(struct process *p)
{
    watch_free(p->watch);
    watch_free(p->models_watch);
    secure_close(p);
    fetch_free(p->fetch);
    timer_close(&p->fetch_clock, NULL);
    timer_close(&p->projects_clock, NULL);
}

/* ---- start and end */

/* What the last run fetched from this URL, where it has all that the configuration names. One that
 * has not is dropped without a word: the fetch at the start brings a new one in a moment. */
static bool first_models(struct process *p, struct buf *why)
{
    p->fetched = kept_read(p->snap);
    if (p->fetched && models_load(p->snap, p->fetched, why, &p->models) == RC_OK) {
        say_models(p->models);
        return true;
    }
    p->fetched = catalogue_unref(p->fetched);
    buf_clear(why);
    return models_load(p->snap, p->built_in, why, &p->models) == RC_OK;
}

bool reload_first(struct process *p)
{
    AUTO(buf_fini) struct buf why = BUF_INIT(TEXT_MAX);
    arena_init(&p->said, SAID_MAX);
    p->built_in = models_built_in();
    p->snap = config_load(p->o, false);
    if (!p->snap)
        return false;
    if (!first_models(p, &why)) {
        fprintf(stderr, STR_FMT, STR_ARG(text_of(&why)));
        return false;
    }
    p->generation = p->snap->generation = 1;
    return true;
}

void reload_fini(struct process *p)
{
    snapshot_unref(p->snap);
    catalogue_unref(p->models);
    catalogue_unref(p->fetched);
    catalogue_unref(p->built_in);
    arena_fini(&p->said);
}

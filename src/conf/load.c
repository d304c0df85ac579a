/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - the stages in order; each looks at the report before the next begins.
 *
 * A stage that found faults ends the load, for what the next would say of a half-read file is noise
 * that hides the cause. Within a stage everything is collected, so that a file with five slips is
 * mended in one go. Two exceptions: a variable that is missing is noted and the option pass goes
 * on, since each such value is marked broken and left alone (env.h); and slips that leave no hole,
 * like a key nobody knows, do not keep the build from finding what else is wrong.
 *
 * All of it, tree, raw structs and snapshot, is in one arena that becomes the snapshot's own. The
 * tree is a few times the file, and keeping it costs less than copying every text out of it: names,
 * keys and raw rules point into it for as long as the generation lives.
 */
#include "conf/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/parse.h"
#include "conf/read.h"

#define LOCAL_FILE "./config/weir.yaml"
#define HOME_DIR   "/.config/weir"

/* --- where ---------------------------------------------------------------------------------------
 */

/* stat, not access: a file that is there and may not be read is the one that was meant, and read.c
 * says what is wrong with it. */
static bool exists(str path)
{
    struct stat st;
    return path.p && stat(path.p, &st) == 0;
}

enum rc conf_find_file(const struct conf_source *src, struct arena *a, str *ret)
{
    str named = src->path ? str_c(src->path) : conf_getenv_set(src->env, STR("WEIR_CONFIG"));
    str home = conf_getenv_set(src->env, STR("HOME"));
    str found = STR_NONE;
    /* a file that was named must be there; the two usual places may be empty */
    if (named.n)
        found = arena_dup(a, named);
    else if (exists(STR(LOCAL_FILE)))
        found = arena_dup(a, STR(LOCAL_FILE));
    else if (home.n)
        found = arena_strf(a, STR_FMT HOME_DIR "/weir.yaml", STR_ARG(home));
    if (arena_is_full(a))
        return RC_NOMEM;
    if (!found.n || (!named.n && !exists(found)))
        return RC_NOTFOUND;
    *ret = found;
    return RC_OK;
}

/* The path from the root, links as they are: what a link points to may change between reloads. */
static str absolute(struct arena *a, str path)
{
    char cwd[4096];
    if (path.n && path.p[0] == '/')
        return arena_dup(a, path);
    if (!getcwd(cwd, sizeof(cwd)))
        return arena_dup(a, path);
    if (str_has_prefix(path, STR("./")))
        path = str_from(path, 2);
    return arena_strf(a, "%s/" STR_FMT, cwd, STR_ARG(path));
}

static str folder_of(str path)
{
    size_t slash = str_rfind_char(path, '/');
    if (slash == SIZE_MAX)
        return STR(".");
    return slash ? str_head(path, slash) : STR("/");
}

static enum rc set_data_dir(struct builder *b)
{
    const struct conf_source *src = b->src;
    str env = conf_getenv_set(src->env, STR("WEIR_DATA"));
    str home = conf_getenv_set(src->env, STR("HOME"));
    str dir;
    if (src->data_dir)
        dir = arena_dup(b->arena, str_c(src->data_dir));
    else if (env.n)
        dir = arena_dup(b->arena, env);
    else if (b->s->file.p)
        dir = arena_dup(b->arena, folder_of(b->s->file));
    else if (home.n)
        dir = arena_strf(b->arena, STR_FMT HOME_DIR, STR_ARG(home));
    else
        dir = STR(".");
    b->s->data_dir = dir;
    return dir.p ? RC_OK : RC_NOMEM;
}

/* --- what ----------------------------------------------------------------------------------------
 */

/* The text to parse. RC_NOTFOUND: there is no file. */
static enum rc get_text(struct builder *b, str *ret)
{
    const struct conf_source *src = b->src;
    str path;
    if (src->text.p) {
        path = src->path ? str_c(src->path) : STR("config");
        *ret = src->text;
    } else {
        TRY(conf_find_file(src, b->arena, &path));
    }
    /* messages name the file as the operator did; what is stored is absolute, for the watch and for
     * a working directory that may change */
    b->report->file = arena_dup(&b->report->arena_, path);
    b->s->file = absolute(b->arena, path);
    b->dir = folder_of(b->s->file);
    if (!b->s->file.p)
        return RC_NOMEM;
    if (!src->text.p)
        TRY(conf_read_file(b->arena, path.p, CONF_TEXT_MAX, b->report, ret));
    digest_sha256(*ret, b->s->text_sha256);
    return RC_OK;
}

/* Text to tree, or no tree at all where there is no file. */
static enum rc get_tree(struct builder *b, struct conf_node **ret)
{
    str text;
    enum rc rc = get_text(b, &text);
    if (rc == RC_NOTFOUND) {
        b->no_file = true;
        b->dir = STR(".");
        *ret = NULL;
        return RC_OK;
    }
    TRY(rc);
    TRY(conf_parse(b->arena, text, b->report, ret));
    b->ccr = ccr_is_file(*ret);
    rc = conf_expand(*ret, b->src->env, b->ccr, b->arena, b->report);
    return rc == RC_CONFIG ? RC_OK : rc; /* go on to find more; the report keeps it */
}

static enum rc load(struct builder *b)
{
    struct conf_node *root;
    TRY(get_tree(b, &root));
    struct raw_root *raw = arena_new(b->arena, struct raw_root);
    struct option_pass *pass = arena_new(b->arena, struct option_pass);
    if (!raw || !pass)
        return RC_NOMEM;
    *pass = (struct option_pass){.arena = b->arena, .report = b->report, .lenient = b->ccr};
    TRY(option_take(pass, &option_root, root, raw));
    uint32_t faults = b->report->of[CONF_ERROR].count;
    ASSERT(pass->bearable <= faults);
    if (faults > pass->bearable)
        return RC_CONFIG;
    b->raw = raw;
    TRY(set_data_dir(b));
    TRY(conf_build(b));
    if (conf_report_failed(b->report))
        return RC_CONFIG;
    conf_verify(b->s);
    return RC_OK;
}

enum rc conf_load(const struct conf_source *src, struct conf_report *report, struct snapshot **ret)
{
    struct arena arena;
    arena_init(&arena, CONF_ARENA_MAX);
    struct builder b = {.src = src, .report = report, .arena = &arena};
    b.s = arena_new(&arena, struct snapshot);
    enum rc rc = b.s ? load(&b) : RC_NOMEM;
    ASSERT(rc != RC_CONFIG || conf_report_failed(report)); /* never refused without a word */
    if (rc != RC_OK) {
        if (rc == RC_NOMEM)
            conf_note(report, CONF_ERROR, 0, 0, "out of memory while loading");
        arena_fini(&arena);
        return rc;
    }
    atomic_init(&b.s->refs_, 1);
    b.s->arena_ = arena; /* by value: the struct lies in what it owns (snapshot_unref) */
    *ret = b.s;
    return RC_OK;
}

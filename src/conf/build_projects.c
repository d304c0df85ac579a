/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_projects - scenarios of one project or one session, from claude-code-router's folder.
 *
 *     ~/.claude-code-router/<project>/config.json      {"Router": {"default": "provider,model", …}}
 *     ~/.claude-code-router/<project>/<session>.json   the same, for one session of Claude Code
 *
 * A `Router` there stands in the place of the whole one of the configuration; what it leaves out is
 * not set, but for `default`. (There, `background` was always the configuration's; that is mended.)
 *
 * They are read with the configuration and are a part of its generation; app/projects.c looks for
 * changes. Somebody else's slip in one of them must not keep a configuration from being served:
 * such a file is left out, with a warning that says why.
 */
#include <dirent.h>

#include "base/auto.h"
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/parse.h"
#include "conf/read.h"

#define CCR_FOLDER    "/.claude-code-router"
#define CLAUDE_FOLDER "/.claude"
#define SUFFIX        ".json"
#define TEXT_MAX      (64u << 10) /* of a file: a hundred times the usual one */
#define LOOKED_MAX    4096        /* entries of a folder */

/* Where they are: as the file says; else where claude-code-router has them, in its own files. */
static str folder_of(struct builder *b)
{
    const str said = b->raw->routing.projects;
    const str home = conf_getenv_set(b->src->env, STR("HOME"));
    if (str_eq(said, STR("none")))
        return STR_NONE;
    if (said.n)
        return build_path(b, said);
    return b->ccr && home.n ? arena_strf(b->arena, STR_FMT CCR_FOLDER, STR_ARG(home)) : STR_NONE;
}

/* Where Claude Code keeps its conversations, a folder for each project. */
static str sessions_folder(struct builder *b)
{
    const str own = conf_getenv_set(b->src->env, STR("CLAUDE_CONFIG_DIR"));
    const str home = conf_getenv_set(b->src->env, STR("HOME"));
    if (own.n)
        return arena_strf(b->arena, STR_FMT "/projects", STR_ARG(own));
    return home.n ? arena_strf(b->arena, STR_FMT CLAUDE_FOLDER "/projects", STR_ARG(home))
                  : STR_NONE;
}

/* ---- one file */

/* The `Router` of a file, with its names resolved. False: there is none, or something is wrong with
 * it, and then the report says what. RC_NOMEM only. */
static enum rc read_router(struct builder *b, struct routes *x, str path, struct conf_project *ret,
                           bool *ret_is)
{
    struct conf_node *root;
    str text;
    *ret_is = false;
    enum rc rc = conf_read_file(b->arena, path.p, TEXT_MAX, b->report, &text);
    if (rc == RC_OK)
        rc = conf_parse(b->arena, text, b->report, &root);
    if (rc != RC_OK)
        return rc == RC_NOMEM ? rc : RC_OK;
    const struct conf_node *router = conf_get(root, STR("Router"));
    struct raw_scenarios *raw = arena_new(b->arena, struct raw_scenarios);
    struct option_pass *pass = arena_new(b->arena, struct option_pass);
    if (!conf_is(router, CONF_MAP))
        return RC_OK; /* a file of something else */
    if (!raw || !pass)
        return RC_NOMEM;
    *pass = (struct option_pass){.arena = b->arena, .report = b->report, .lenient = true};
    TRY(option_take(pass, &option_scenarios, router, raw));
    ret->long_context_threshold = raw->long_context_threshold;
    for (unsigned i = 0; i < CONF_SCENARIO_COUNT; i++)
        TRY(build_slot(x, &raw->slot[i], &raw->slot[i].fallback, &ret->scenarios[i]));
    *ret_is = !conf_report_failed(b->report);
    return RC_OK;
}

/* The same with a report of its own. */
static enum rc read_alone(struct builder *b, struct routes *x, str path, struct conf_project *ret,
                          bool *ret_is)
{
    AUTO(conf_report_fini) struct conf_report own;
    struct conf_report *whole = b->report;
    conf_report_init(&own);
    b->report = &own;
    enum rc rc = read_router(b, x, path, ret, ret_is);
    b->report = whole;
    if (conf_report_failed(&own))
        BUILD_WARN(b, ((struct place){0, 0}), STR_FMT ":%u: " STR_FMT "; the file is left out",
                   STR_ARG(path), own.of[CONF_ERROR].note[0].line,
                   STR_ARG(own.of[CONF_ERROR].note[0].text));
    return rc;
}

/* ---- the folders */

struct folders {
    struct builder *b;
    struct routes *x;
    str path;
    struct conf_project *all;
    uint32_t n;
};

static bool has_room(const struct folders *f)
{
    return f->n < CONF_PROJECTS_MAX;
}

static void close_folder(DIR **d)
{
    if (*d)
        closedir(*d);
}

static bool is_hidden(const struct dirent *e)
{
    return e->d_name[0] == '.';
}

/* One of a project's files: config.json is for all of it, any other for the session it is named by.
 */
static enum rc take_file(struct folders *f, str project, str name)
{
    struct builder *b = f->b;
    if (!str_has_suffix(name, STR(SUFFIX)))
        return RC_OK;
    const str base = str_head(name, name.n - (sizeof(SUFFIX) - 1));
    const str path = arena_strf(b->arena, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(f->path),
                                STR_ARG(project), STR_ARG(name));
    struct conf_project *p = &f->all[f->n];
    bool is = false;
    *p = (struct conf_project){.name = project, .session = STR_NONE};
    if (!path.p)
        return RC_NOMEM;
    TRY(read_alone(b, f->x, path, p, &is));
    if (!is)
        return RC_OK;
    if (!str_eq(base, STR("config"))) {
        p->session = arena_dup(b->arena, base);
        if (!p->session.p)
            return RC_NOMEM;
    }
    f->n++;
    return RC_OK;
}

static enum rc take_project(struct folders *f, str name)
{
    const str project = arena_dup(f->b->arena, name);
    const str path = arena_strf(f->b->arena, STR_FMT "/" STR_FMT, STR_ARG(f->path), STR_ARG(name));
    if (!project.p || !path.p)
        return RC_NOMEM;
    AUTO(close_folder) DIR *d = opendir(path.p);
    const struct dirent *e;
    for (unsigned i = 0; d && i < LOOKED_MAX && has_room(f) && (e = readdir(d)); i++)
        if (!is_hidden(e))
            TRY(take_file(f, project, str_c(e->d_name)));
    return RC_OK;
}

enum rc build_projects(struct builder *b, struct routes *x)
{
    struct conf_routing *r = &b->s->routing;
    struct folders f = {.b = b, .x = x, .path = folder_of(b)};
    if (!f.path.n)
        return RC_OK;
    r->projects_dir = f.path;
    r->sessions_dir = sessions_folder(b);
    f.all = arena_array(b->arena, struct conf_project, CONF_PROJECTS_MAX);
    if (!f.all)
        return RC_NOMEM;
    AUTO(close_folder) DIR *d = opendir(f.path.p);
    const struct dirent *e;
    for (unsigned i = 0; d && i < LOOKED_MAX && has_room(&f) && (e = readdir(d)); i++)
        if (!is_hidden(e))
            TRY(take_project(&f, str_c(e->d_name)));
    if (!has_room(&f))
        BUILD_WARN(b, ((struct place){0, 0}),
                   STR_FMT ": only the first %u files with a Router count", STR_ARG(f.path),
                   CONF_PROJECTS_MAX);
    r->projects = f.all;
    r->nprojects = f.n;
    return RC_OK;
}

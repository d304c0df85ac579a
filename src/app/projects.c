/* SPDX-License-Identifier: Apache-2.0 */
/* projects - a look at two folders; see the header. */
#include "app/projects.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/serve_int.h"
#include "base/auto.h"

#define PATH_MAX_  4096
#define FILES_MAX  65536 /* of a folder that are looked at */
#define TRANSCRIPT ".jsonl"

static void close_folder(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* When a path was changed last, as a number; 0: it is not there. By ctime: another name is a change
 * too. */
static uint64_t stamp_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    return (uint64_t)st.st_ctim.tv_sec * 1000000007u + (uint64_t)st.st_ctim.tv_nsec +
           (uint64_t)st.st_size * 31 + 1;
}

static bool path_of(char path[PATH_MAX_], str folder, str name)
{
    return snprintf(path, PATH_MAX_, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(name)) <
           PATH_MAX_;
}

/* ---- routing files */

/* The folder has logs and more in it: nothing is asked of the disk but for what may count. */
static bool may_be_project(const struct dirent *e)
{
    const bool folder = e->d_type == DT_DIR || e->d_type == DT_LNK || e->d_type == DT_UNKNOWN;
    return folder && e->d_name[0] != '.';
}

static bool may_be_routing(const struct dirent *e)
{
    return e->d_name[0] != '.' && str_has_suffix(str_c(e->d_name), STR(".json"));
}

/* Of a folder and of those in it that `counts` says. The order in which they come does not count.
 */
static uint64_t stamp_folder(str folder, bool (*counts)(const struct dirent *e),
                             uint64_t (*stamp)(const char *path))
{
    char path[PATH_MAX_];
    const struct dirent *e;
    uint64_t sum = 0;
    if (!path_of(path, folder, STR("")))
        return 0;
    AUTO(close_folder) DIR *d = opendir(path);
    for (unsigned i = 0; d && i < FILES_MAX && (e = readdir(d)); i++)
        if (counts(e) && path_of(path, folder, str_c(e->d_name)))
            sum += stamp(path) * 0x9e3779b97f4a7c15 + 1;
    return sum;
}

static uint64_t stamp_project(const char *path)
{
    return stamp_folder(str_c(path), may_be_routing, stamp_of);
}

static void look_at_routing(struct process *p)
{
    const uint64_t now = stamp_folder(p->snap->routing.projects_dir, may_be_project, stamp_project);
    const bool changed = p->projects.started && now != p->projects.routing;
    p->projects.routing = now;
    p->projects.started = true;
    if (changed)
        reload_all(p);
}

/* ---- sessions */

static void take_sessions(struct process *p, const char *path, str project)
{
    const struct dirent *e;
    AUTO(close_folder) DIR *d = opendir(path);
    for (unsigned i = 0; d && i < FILES_MAX && (e = readdir(d)); i++) {
        const str name = str_c(e->d_name);
        if (str_has_suffix(name, STR(TRANSCRIPT)))
            sessions_note(&p->world.projects,
                          sessions_hash(str_head(name, name.n - (sizeof(TRANSCRIPT) - 1))),
                          sessions_tag(project));
    }
}

static void look_at_sessions(struct process *p)
{
    const struct conf_routing *r = &p->snap->routing;
    char path[PATH_MAX_];
    for (uint32_t i = 0; i < r->nprojects; i++) {
        if (r->projects[i].session.n || !path_of(path, r->sessions_dir, r->projects[i].name))
            continue;
        const uint64_t stamp = stamp_of(path);
        if (!stamp || stamp == p->projects.seen[i])
            continue;
        p->projects.seen[i] = stamp;
        take_sessions(p, path, r->projects[i].name);
    }
}

void projects_look(struct process *p)
{
    if (p->stage != STAGE_SERVING || !p->snap->routing.projects_dir.n)
        return;
    look_at_routing(p);
    if (p->snap->routing.sessions_dir.n)
        look_at_sessions(p);
}

void projects_follow(struct process *p)
{
    for (unsigned i = 0; i < CONF_PROJECTS_MAX; i++)
        p->projects.seen[i] = 0;
}

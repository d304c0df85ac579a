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

/* What a path was changed last, as a number; 0: it is not there. */
static uint64_t stamp_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * 1000000007u + (uint64_t)st.st_mtim.tv_nsec +
           (uint64_t)st.st_size * 31 + 1;
}

static bool path_of(char path[PATH_MAX_], str folder, str name)
{
    return snprintf(path, PATH_MAX_, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(name)) <
           PATH_MAX_;
}

/* ---- routing files */

/* Of a folder and all that is in it, one level deep more where `deeper`. The order in which entries
 * come does not count. */
static uint64_t stamp_all(str folder, bool deeper)
{
    char path[PATH_MAX_];
    const struct dirent *e;
    if (!path_of(path, folder, STR("")))
        return 0;
    uint64_t sum = stamp_of(path);
    AUTO(close_folder) DIR *d = sum ? opendir(path) : NULL;
    for (unsigned i = 0; d && i < FILES_MAX && (e = readdir(d)); i++) {
        if (e->d_name[0] == '.' || !path_of(path, folder, str_c(e->d_name)))
            continue;
        sum += stamp_of(path) * 0x9e3779b97f4a7c15;
        if (deeper)
            sum += stamp_all(str_c(path), false) * 0xbf58476d1ce4e5b9;
    }
    return sum;
}

static void look_at_routing(struct process *p)
{
    const uint64_t now = stamp_all(p->snap->routing.projects_dir, true);
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

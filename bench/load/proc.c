/* SPDX-License-Identifier: Apache-2.0 */
#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tool.h"

#define PATH_BYTES 96

struct tree {
    pid_t pid[PROC_MAX];
    size_t n;
};

static void add_pid(struct tree *t, pid_t pid)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->pid[i] == pid)
            return;
    if (t->n < PROC_MAX)
        t->pid[t->n++] = pid;
}

/* A task's children: numbers between spaces. */
static void add_children_of(struct tree *t, pid_t pid, const char *task)
{
    char path[PATH_BYTES], list[2048];
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, task);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    size_t n = fread(list, 1, sizeof list, f);
    fclose(f);
    for (const char *p = list, *limit = list + n; p < limit; p++) {
        uint64_t child = 0;
        if (parse_digits(p, limit, &p, &child))
            add_pid(t, (pid_t)child);
    }
}

static struct tree tree_of(const pid_t *pids, size_t n)
{
    struct tree t = {.n = 0};
    for (size_t i = 0; i < n; i++)
        add_pid(&t, pids[i]);
    for (size_t i = 0; i < t.n; i++) { /* grows while it is walked */
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/proc/%d/task", (int)t.pid[i]);
        DIR *d = opendir(path);
        if (!d)
            continue;
        for (struct dirent *e; (e = readdir(d)) != NULL;)
            if (e->d_name[0] != '.')
                add_children_of(&t, t.pid[i], e->d_name);
        closedir(d);
    }
    return t;
}

uint64_t proc_cpu_ns(const pid_t *pids, size_t n)
{
    struct tree t = tree_of(pids, n);
    uint64_t sum = 0;
    for (size_t i = 0; i < t.n; i++) {
        clockid_t clock;
        struct timespec ts;
        if (clock_getcpuclockid(t.pid[i], &clock) == 0 && clock_gettime(clock, &ts) == 0)
            sum += (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
    }
    return sum;
}

/* Adds "Name:   1234 kB" lines of smaps_rollup. */
static void add_rollup(pid_t pid, struct proc_memory *m)
{
    char path[PATH_BYTES], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        uint64_t *to = strncmp(line, "Rss:", 4) == 0   ? &m->rss_kb
                       : strncmp(line, "Pss:", 4) == 0 ? &m->pss_kb
                                                       : NULL;
        const char *p = line + 4, *limit = line + strlen(line);
        uint64_t kb = 0;
        while (p < limit && *p == ' ')
            p++;
        if (to && parse_digits(p, limit, &p, &kb))
            *to += kb;
    }
    fclose(f);
}

static uint64_t open_files(pid_t pid)
{
    char path[PATH_BYTES];
    uint64_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

struct proc_memory proc_memory(const pid_t *pids, size_t n)
{
    struct tree t = tree_of(pids, n);
    struct proc_memory m = {0};
    for (size_t i = 0; i < t.n; i++) {
        add_rollup(t.pid[i], &m);
        m.fds += open_files(t.pid[i]);
    }
    return m;
}

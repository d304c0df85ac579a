/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidfile - see the header.
 *
 * No lock is held on it: `weir stop` must tell whose pid it is, not only that somebody lives. A pid
 * may have been given to another process since, so what carries it must also be called weir. (That
 * it became the pid of a weir of another folder is a risk that is taken.) That two weirs listen on
 * one address is seen at the address (serve.c), not here.
 */
#include "app/pidfile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/data_dir.h"
#include "base/num.h"

#define PIDFILE "weir.pid"

static size_t read_small(const char *path, char *to, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, to, cap - 1);
    if (fd >= 0)
        close(fd);
    to[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* The kernel's name of the process, 15 characters of what was executed (proc(5)). */
static bool is_weir(pid_t pid)
{
    char path[64], name[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    size_t n = read_small(path, name, sizeof(name));
    return str_has_prefix(str_of(name, n), STR("weir"));
}

pid_t pidfile_read(const struct snapshot *s)
{
    char path[DATA_PATH_MAX], text[32];
    uint64_t pid;
    if (!data_dir_path(s, PIDFILE, path))
        return 0;
    size_t n = read_small(path, text, sizeof(text));
    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    if (num_u64(str_of(text, n), &pid) != RC_OK || pid == 0 || pid > INT32_MAX)
        return 0;
    /* signal 0 only asks whether it is there and ours to signal; a pid of 0 or below would mean
     * whole groups of processes to kill(2) */
    return kill((pid_t)pid, 0) == 0 && is_weir((pid_t)pid) ? (pid_t)pid : 0;
}

void pidfile_write(const struct snapshot *s)
{
    char path[DATA_PATH_MAX], text[32];
    if (!data_dir_path(s, PIDFILE, path))
        return;
    char dir[DATA_PATH_MAX];
    snprintf(dir, sizeof(dir), STR_FMT, STR_ARG(s->data_dir));
    if (!data_dir_make(dir))
        return; /* a read-only place: weir still serves */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (fd < 0)
        return;
    if (write(fd, text, (size_t)n) != n)
        unlink(path);
    close(fd);
}

void pidfile_remove(const struct snapshot *s)
{
    char path[DATA_PATH_MAX];
    if (data_dir_path(s, PIDFILE, path) && pidfile_read(s) == getpid())
        unlink(path);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read - open, look, read, look again.
 *
 * The look before the read must be at the descriptor and not at the path: between stat(2) and
 * open(2) the path may become another file. O_NONBLOCK is for a FIFO, whose open would wait for a
 * writer; O_NOCTTY for a terminal, which would become ours. Neither changes anything for a file.
 *
 * mmap(2) was rejected: a file that shrinks under a mapping kills the process with SIGBUS.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"

#define READ_TRIES 3

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum rc refuse(struct conf_report *report, const char *what)
{
    conf_note(report, CONF_ERROR, 0, 0, "%s", what);
    return RC_CONFIG;
}

static const char *errno_text(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return "there is no such file; check the path";
    case EACCES:
    case EPERM:
        return "the file may not be read; check its permissions";
    case ELOOP:
        return "too many symbolic links; check the path";
    default:
        return "the file cannot be read";
    }
}

/* Nanoseconds count: editors write twice within a second. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Up to n bytes from the start of the file; how many there were, or -1. pread: each try begins at
 * the start without a seek. */
static ssize_t read_all(int fd, char *p, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = pread(fd, p + have, n - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static enum rc check_kind(const struct stat *st, size_t max, struct conf_report *report)
{
    if (!S_ISREG(st->st_mode))
        return refuse(report, S_ISDIR(st->st_mode) ? "this is a folder; name the file in it"
                                                   : "this is no regular file");
    if (st->st_size <= (off_t)max)
        return RC_OK;
    conf_note(report, CONF_ERROR, 0, 0, "the file is larger than %zu MiB; it is none of mine",
              max >> 20);
    return RC_CONFIG;
}

/* RC_AGAIN: it changed meanwhile. */
static enum rc try_read(struct arena *a, int fd, size_t max, struct conf_report *report, str *ret)
{
    struct stat before, after;
    if (fstat(fd, &before) != 0)
        return refuse(report, errno_text(errno));
    TRY(check_kind(&before, max, report));
    size_t size = (size_t)before.st_size;
    char *p = arena_alloc(a, size + 1); /* one more: to see a file that grew */
    if (!p)
        return RC_NOMEM;
    ssize_t n = read_all(fd, p, size + 1);
    if (n < 0 || fstat(fd, &after) != 0)
        return refuse(report, errno_text(errno));
    if ((size_t)n != size || !is_same(&before, &after))
        return RC_AGAIN;
    p[size] = '\0';
    *ret = str_of(p, size);
    return RC_OK;
}

enum rc conf_read_file(struct arena *a, const char *path, size_t max, struct conf_report *report,
                       str *ret)
{
    AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse(report, errno_text(errno));
    struct arena_mark mark = arena_mark(a);
    for (int i = 0; i < READ_TRIES; i++) {
        enum rc rc = try_read(a, fd, max, report, ret);
        if (rc != RC_AGAIN)
            return rc;
        arena_reset_to(a, mark);
    }
    return refuse(report,
                  "the file changes while it is read; write it elsewhere and rename it here");
}

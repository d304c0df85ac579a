/* SPDX-License-Identifier: Apache-2.0 */
/* data_file - see the header. */
#include "app/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/data_dir.h"

#define NAME_MAX_ 128

bool data_file_read(const struct snapshot *s, const char *name, struct buf *to)
{
    char path[DATA_PATH_MAX];
    const int fd = data_dir_path(s, name, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = 1;
    if (fd < 0)
        return false;
    while (n > 0) {
        char *p = buf_reserve(to, DATA_FILE_STEP);
        n = p ? read(fd, p, DATA_FILE_STEP) : -1;
        if (n > 0)
            buf_commit(to, (size_t)n);
    }
    close(fd);
    return n == 0 && !to->failed;
}

/* write(2) may take less than it was given: a signal, a quota, a full disk. */
static bool write_all(int fd, str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n <= 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

bool data_file_write(const struct snapshot *s, const char *name, const str *parts, size_t n)
{
    char path[DATA_PATH_MAX], beside[DATA_PATH_MAX], dir[DATA_PATH_MAX], new_name[NAME_MAX_];
    const int len = snprintf(new_name, sizeof(new_name), "%s.new", name);
    if (len < 0 || (size_t)len >= sizeof(new_name) || !data_dir_path(s, name, path) ||
        !data_dir_path(s, new_name, beside) || !data_dir_path(s, "", dir) || !data_dir_make(dir))
        return false;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = write_all(fd, parts[i]);
    good = good && fsync(fd) == 0;
    int why = errno; /* of what failed first: the next calls must not change it */
    const bool closed = close(fd) == 0; /* tells late errors of network file systems */
    if (good && !(closed && rename(beside, path) == 0)) {
        why = errno;
        good = false;
    }
    if (!good)
        unlink(beside);
    errno = why;
    return good;
}

bool data_file_set_aside(const struct snapshot *s, const char *name)
{
    char path[DATA_PATH_MAX], bad[DATA_PATH_MAX], bad_name[NAME_MAX_];
    const int n = snprintf(bad_name, sizeof(bad_name), "%s.bad", name);
    return n > 0 && (size_t)n < sizeof(bad_name) && data_dir_path(s, name, path) &&
           data_dir_path(s, bad_name, bad) && rename(path, bad) == 0;
}

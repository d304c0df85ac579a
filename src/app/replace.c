/* SPDX-License-Identifier: Apache-2.0 */
/* replace - see the header. */
#include "app/replace.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/data_dir.h"

#define NAME_MAX_ 128

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

bool replace_file(const struct snapshot *s, const char *name, const str *parts, size_t n)
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
    good = close(fd) == 0 && good; /* tells late errors of network file systems */
    good = good && rename(beside, path) == 0;
    if (!good)
        unlink(beside);
    return good;
}

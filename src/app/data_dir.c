/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - see the header. */
#include "app/data_dir.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool data_dir_make(const char *dir)
{
    char path[DATA_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s", dir);
    if (n <= 0 || (size_t)n >= sizeof(path))
        return false;
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(path, 0700); /* most are there already; what counts is asked at the end */
        *p = '/';
    }
    (void)mkdir(path, 0700);
    return access(path, W_OK | X_OK) == 0;
}

bool data_dir_path(const struct snapshot *s, const char *name, char to[DATA_PATH_MAX])
{
    int n = snprintf(to, DATA_PATH_MAX, STR_FMT "/%s", STR_ARG(s->data_dir), name);
    return s->data_dir.n && n > 0 && n < DATA_PATH_MAX;
}

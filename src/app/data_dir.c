/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - see the header. */
#include "app/data_dir.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool data_dir_make(const char *dir)
{
    char path[4096];
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

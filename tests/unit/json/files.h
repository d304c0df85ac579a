/* SPDX-License-Identifier: Apache-2.0 */
/* files - whole files, for tests whose data is in files. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* False: there is no such file. The caller frees with buf_fini. */
static inline bool file_read(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    buf_init(ret, 256u << 20);
    for (size_t n = 1; n != 0;) {
        char *to = buf_reserve(ret, 65536);
        n = to ? fread(to, 1, 65536, f) : 0;
        buf_commit(ret, n);
    }
    fclose(f);
    return !ret->failed;
}

/* A file of the wider fixture tree, which is not part of the source: in $WEIR_SHARED, else beside
 * the source tree. False when it is not there: the test is then skipped. */
static inline bool shared_read(const char *name, struct buf *ret)
{
    const char *dir = getenv("WEIR_SHARED");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir ? dir : SOURCE_ROOT "/../shared", name);
    return file_read(path, ret);
}

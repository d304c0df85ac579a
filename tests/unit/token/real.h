/* SPDX-License-Identifier: Apache-2.0 */
/* real - the encodings that script/token-ranks makes; they are no part of the source. */
#pragma once
#include "../json/files.h"
#include "token/bpe.h"

/* NULL: it is not there. */
static inline struct bpe *real_encoding(const char *name)
{
    struct buf file;
    struct bpe *b = NULL;
    const char *why;
    char path[4096];

    snprintf(path, sizeof(path), "%s/build/tokens/%s.bpe", SOURCE_ROOT, name);
    if (!file_read(path, &file))
        return NULL;
    if (bpe_new(buf_str(&file), &b, &why) != RC_OK)
        fprintf(stderr, "%s: %s\n", path, why);
    buf_fini(&file);
    return b;
}

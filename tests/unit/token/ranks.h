/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranks - a small encoding made up for tests, and files of ranks as tools/make-ranks writes them.
 *
 * All bytes are tokens; the rest are concatenations of two earlier ones over a few letters and
 * blanks, as training would have made them, so that short texts have long merges.
 */
#pragma once
#include "../unit.h"

#include <limits.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/rand.h"
#include "token/bpe.h"

#define RANKS_FILE_HEAD 24

struct ranks {
    struct buf lengths, bytes;
    unsigned count;
};

static inline str ranks_token(const struct ranks *r, unsigned i)
{
    size_t at = 0;
    for (unsigned k = 0; k < i; k++)
        at += (uint8_t)buf_str(&r->lengths).p[k];
    return str_of(buf_str(&r->bytes).p + at, (uint8_t)buf_str(&r->lengths).p[i]);
}

static inline unsigned ranks_find(const struct ranks *r, str token)
{
    size_t at = 0;
    for (unsigned i = 0; i < r->count; i++) {
        size_t n = (uint8_t)buf_str(&r->lengths).p[i];
        if (str_eq(token, str_of(buf_str(&r->bytes).p + at, n)))
            return i;
        at += n;
    }
    return UINT_MAX;
}

static inline void ranks_add(struct ranks *r, str token)
{
    buf_add_char(&r->lengths, (char)token.n);
    buf_add(&r->bytes, token);
    r->count++;
}

static inline void ranks_make(struct ranks *r, unsigned more, uint64_t seed)
{
    struct rand rnd;
    rand_init(&rnd, seed);
    *r = (struct ranks){BUF_INIT(1u << 20), BUF_INIT(1u << 20), 0};
    for (unsigned i = 0; i < 256; i++)
        ranks_add(r, str_of(&(char){(char)i}, 1));
    for (unsigned tries = 0; r->count < 256 + more && tries < 100 * more; tries++) {
        char both[256];
        str a, b;
        do
            a = ranks_token(r, 96 + (unsigned)rand_below(&rnd, r->count - 96));
        while (a.n == 1 && !memchr("abc", a.p[0], 3));
        do
            b = ranks_token(r, 96 + (unsigned)rand_below(&rnd, r->count - 96));
        while (b.n == 1 && !memchr("abc", b.p[0], 3));
        if (rand_below(&rnd, 8) == 0)
            b = a;
        if (a.n + b.n > BPE_TOKEN_MAX)
            continue;
        memcpy(both, a.p, a.n);
        memcpy(both + a.n, b.p, b.n);
        if (ranks_find(r, str_of(both, a.n + b.n)) == UINT_MAX)
            ranks_add(r, str_of(both, a.n + b.n));
    }
}

static inline void ranks_fini(struct ranks *r)
{
    buf_fini(&r->lengths);
    buf_fini(&r->bytes);
}

static inline void ranks_put32(char *to, uint64_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(v >> 8 * i);
}

/* The digest of what stands in the file now takes the place of its last bytes. */
static inline void ranks_seal(struct buf *file)
{
    uint8_t digest[DIGEST_SHA256];
    size_t n = buf_size(file) - sizeof(digest);
    digest_sha256(str_head(buf_str(file), n), digest);
    memcpy(file->p + n, digest, sizeof(digest));
}

static inline void ranks_file(const struct ranks *r, enum split_kind kind, struct buf *file)
{
    char head[RANKS_FILE_HEAD] = "weir-bpe";
    ranks_put32(head + 8, BPE_FILE_VERSION);
    ranks_put32(head + 12, kind);
    ranks_put32(head + 16, r->count);
    ranks_put32(head + 20, buf_size(&r->bytes));
    buf_add(file, str_of(head, sizeof(head)));
    buf_add(file, buf_str(&r->lengths));
    buf_add(file, buf_str(&r->bytes));
    buf_add(file, str_of((char[DIGEST_SHA256]){0}, DIGEST_SHA256));
    ranks_seal(file);
}

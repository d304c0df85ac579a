/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpe - the tokens of an encoding in a hash table, the cache of words, and counting.
 *
 * The table has two to five slots a token, each a 32-bit number: 14 bits of the hash, then the rank
 * plus one (0: free). While merging, most questions are answered with no, and the 14 bits say so
 * without a look at the token's bytes. The hash is fixed, not keyed: its keys are the encoding's
 * own tokens, and what a stranger asks for can only miss.
 */
#include "token/bpe.h"

#include "base/digest.h"
#include "base/mem.h"
#include "token/merge_int.h"

#define HEAD_BYTES 24
#define SLOT_RANK  ((1u << 18) - 1)
#define PIECE_MASK ((UINT64_C(1) << 8 * (BPE_CACHE_BYTES - 8)) - 1) /* of a cached piece's tail */

struct bpe {
    enum split_kind kind;
    uint32_t count, mask, longest;
    uint32_t *offsets; /* count + 1: where each token's bytes begin */
    uint32_t *slots;   /* mask + 1 */
    uint8_t *bytes;
};

/* ---- the table */

static uint64_t load(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    if (n == 8) {
        memcpy(&v, p, 8);
    } else if (n >= 4) {
        uint32_t a, z;

        memcpy(&a, p, 4);
        memcpy(&z, p + n - 4, 4);
        v = a | (uint64_t)z << 8 * (n - 4);
    } else {
        for (size_t i = 0; i < n; i++)
            v |= (uint64_t)p[i] << 8 * i;
    }
    return v;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static uint64_t hash_of(const uint8_t *p, size_t n)
{
    uint64_t h = n;

    for (; n > 8; p += 8, n -= 8)
        h = mix(h, load(p, 8));
    h = mix(h, load(p, n)) * UINT64_C(0xC2B2AE3D27D4EB4F);
    return h ^ h >> 32;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 46) << 18; /* the upper 14 bits; the lower ones choose the slot */
}

static bool is_token(const struct bpe *b, uint32_t rank, const uint8_t *p, size_t n)
{
    ASSERT(rank < b->count);
    uint32_t at = b->offsets[rank];

    return b->offsets[rank + 1] - at == n && memcmp(b->bytes + at, p, n) == 0;
}

uint32_t bpe_rank(const struct bpe *b, const uint8_t *p, size_t n)
{
    ASSERT(n > 0);
    if (n > b->longest)
        return MERGE_NONE;
    uint64_t hash = hash_of(p, n);
    uint32_t tag = tag_of(hash);

    for (uint32_t i = (uint32_t)hash & b->mask;; i = (i + 1) & b->mask) {
        uint32_t slot = b->slots[i], rank = (slot & SLOT_RANK) - 1;

        if (slot == 0)
            return MERGE_NONE;
        if ((slot & ~SLOT_RANK) == tag && is_token(b, rank, p, n))
            return rank;
    }
}

/* False: the token is there already. */
static bool put(struct bpe *b, uint32_t rank)
{
    const uint8_t *p = b->bytes + b->offsets[rank];
    size_t n = b->offsets[rank + 1] - b->offsets[rank];
    uint64_t hash = hash_of(p, n);
    uint32_t i = (uint32_t)hash & b->mask;

    if (bpe_rank(b, p, n) != MERGE_NONE)
        return false;
    while (b->slots[i])
        i = (i + 1) & b->mask;
    b->slots[i] = tag_of(hash) | (rank + 1);
    return true;
}

/* ---- the file */

static uint32_t little32(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;

    return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

/* What is wrong with the head or the digest; NULL: nothing. */
static const char *flaw_of(str file)
{
    uint8_t digest[DIGEST_SHA256];

    if (file.n < HEAD_BYTES + DIGEST_SHA256 || memcmp(file.p, "weir-bpe", 8) != 0)
        return "this is no file of token ranks";
    if (little32(file.p + 8) != BPE_FILE_VERSION)
        return "these token ranks are of another version of weir; make them anew";
    uint64_t count = little32(file.p + 16), bytes = little32(file.p + 20);

    if (little32(file.p + 12) > SPLIT_O200K || count < 256 || count > BPE_TOKENS_MAX)
        return "the head of the token ranks is damaged";
    if (file.n != HEAD_BYTES + count + bytes + DIGEST_SHA256)
        return "the file of token ranks is cut off";
    file.n -= DIGEST_SHA256;
    digest_sha256(file, digest);
    if (memcmp(digest, file.p + file.n, DIGEST_SHA256) != 0)
        return "the file of token ranks is damaged";
    return NULL;
}

/* Lengths to offsets. False: they are not what the head says. */
static bool place(struct bpe *b, str lengths, uint32_t bytes)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        uint8_t n = (uint8_t)lengths.p[i];

        if (n == 0 || n > BPE_TOKEN_MAX || n > bytes - at)
            return false;
        b->offsets[i] = at;
        at += n;
        b->longest = n > b->longest ? n : b->longest;
    }
    b->offsets[b->count] = at;
    return at == bytes;
}

static const char *fill(struct bpe *b, str file)
{
    uint32_t bytes = little32(file.p + 20);

    memcpy(b->bytes, file.p + HEAD_BYTES + b->count, bytes);
    if (!place(b, str_of(file.p + HEAD_BYTES, b->count), bytes))
        return "a length in the token ranks is wrong";
    for (uint32_t i = 0; i < b->count; i++)
        if (!put(b, i))
            return "a token stands twice in the ranks";
    for (unsigned i = 0; i < 256; i++)
        if (bpe_rank(b, &(uint8_t){(uint8_t)i}, 1) == MERGE_NONE)
            return "a byte is missing from the token ranks";
    return NULL;
}

enum rc bpe_new(str file, struct bpe **ret, const char **why)
{
    if (file.n > BPE_FILE_MAX) {
        *why = "the file of token ranks is too large";
        return RC_LIMIT;
    }
    *why = flaw_of(file);
    if (*why)
        return RC_SYNTAX;
    struct bpe *b = mem_zalloc(sizeof(*b));
    if (!b)
        return RC_NOMEM;
    b->kind = (enum split_kind)little32(file.p + 12);
    b->count = little32(file.p + 16);
    for (b->mask = 1; b->mask < 2 * b->count; b->mask = 2 * b->mask + 1)
        ; /* half of the slots stay free, so each search ends */
    ASSERT((b->mask & (b->mask + 1)) == 0);
    b->offsets = mem_alloc((b->count + 1) * sizeof(*b->offsets));
    b->slots = mem_zalloc(((size_t)b->mask + 1) * sizeof(*b->slots));
    b->bytes = mem_alloc(little32(file.p + 20) + 1u);
    enum rc rc = b->offsets && b->slots && b->bytes ? RC_OK : RC_NOMEM;
    if (rc == RC_OK && (*why = fill(b, file)) != NULL)
        rc = RC_SYNTAX;
    if (rc == RC_OK)
        *ret = b;
    else
        bpe_free(b);
    return rc;
}

void bpe_free(struct bpe *b)
{
    if (!b)
        return;
    mem_free(b->offsets);
    mem_free(b->slots);
    mem_free(b->bytes);
    mem_free(b);
}

size_t bpe_tokens(const struct bpe *b)
{
    return b->count;
}

str bpe_token(const struct bpe *b, uint32_t rank)
{
    CHECK(rank < b->count);
    return str_of((const char *)b->bytes + b->offsets[rank],
                  b->offsets[rank + 1] - b->offsets[rank]);
}

/* ---- counting */

static uint64_t count_piece(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n)
{
    if (n == 1 || bpe_rank(b, p, n) != MERGE_NONE)
        return 1;
    return merge_piece(b, w, p, n, NULL, NULL);
}

/* By the cache. `wide`: sixteen bytes may be read at p. */
static uint64_t count_short(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                            bool wide)
{
    uint64_t head, tail;

    if (wide) { /* load all, cut off what is behind the piece */
        memcpy(&head, p, 8);
        memcpy(&tail, p + 8, 8);
        head = n < 8 ? head & ~(~UINT64_C(0) << 8 * n) : head;
        tail = n > 8 ? tail & ~(~UINT64_C(0) << 8 * (n - 8)) : 0;
    } else {
        head = load(p, n < 8 ? n : 8);
        tail = n > 8 ? load(p + 8, n - 8) : 0;
    }
    uint64_t name = tail | (uint64_t)b->kind << 56 | (uint64_t)n << 60;
    uint64_t hash = (head ^ name * UINT64_C(0xC2B2AE3D27D4EB4F)) * UINT64_C(0x9E3779B97F4A7C15);
    struct bpe_cached *c = &w->cache[hash >> 51];

    _Static_assert(BPE_CACHE_SLOTS == 1 << 13 && BPE_CACHE_BYTES <= 15, "as the bits are cut here");
    if (c->head == head && (c->tail & ~(UINT64_C(0xffff) << 40)) == name)
        return c->tail >> 40 & 0xffff;
    uint64_t tokens = count_piece(b, w, p, n);
    ASSERT(tokens > 0 && tokens <= n);
    *c = (struct bpe_cached){head, name | tokens << 40};
    return tokens;
}

uint64_t bpe_count(const struct bpe *b, struct bpe_work *w, str text)
{
    const uint8_t *p = (const uint8_t *)text.p, *end = p + text.n;
    uint64_t sum = 0;

    for (size_t n; p < end; p += n) {
        n = (size_t)(split_next(b->kind, p, end) - p);
        ASSERT(n > 0 && n <= (size_t)(end - p));
        if (n == 1)
            sum++;
        else if (n <= BPE_CACHE_BYTES)
            sum += count_short(b, w, p, n, end - p >= 16);
        else
            sum += count_piece(b, w, p, n);
    }
    return sum;
}

struct taking {
    const struct bpe *b;
    uint32_t *ids;
    size_t n, cap;
};

static void take(void *ctx, const uint8_t *p, size_t n)
{
    struct taking *t = ctx;

    if (t->n < t->cap)
        t->ids[t->n] = bpe_rank(t->b, p, n);
    t->n++;
}

size_t bpe_encode(const struct bpe *b, struct bpe_work *w, str text, uint32_t *ids, size_t cap)
{
    struct taking t = {b, ids, 0, cap};
    const uint8_t *p = (const uint8_t *)text.p, *end = p + text.n;

    for (size_t n; p < end; p += n) {
        n = (size_t)(split_next(b->kind, p, end) - p);
        if (bpe_rank(b, p, n) != MERGE_NONE)
            take(&t, p, n);
        else
            merge_piece(b, w, p, n, take, &t);
    }
    return t.n;
}

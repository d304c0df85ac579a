/* SPDX-License-Identifier: Apache-2.0 */
/* merge - short pieces, windows, and the joining of windows; see the header. */
#include "token/merge_int.h"

#define OVERLAP (4 * BPE_TOKEN_MAX) /* bytes that two windows share at least, if they can */
#define GONE    UINT16_MAX

_Static_assert(BPE_WINDOW <= 1 << 11 && BPE_TOKENS_MAX < 1 << 18, "a heap entry holds both");
_Static_assert(BPE_WINDOW >= 4 * OVERLAP, "most of a window is new");

/* ---- short: an array */

/* The rank of the token that parts i and i + 1 would make. */
static uint32_t pair_rank(const struct bpe *b, const uint8_t *p, const uint16_t *starts, size_t i,
                          size_t parts)
{
    if (i + 2 > parts)
        return MERGE_NONE;
    return bpe_rank(b, p + starts[i], (size_t)(starts[i + 2] - starts[i]));
}

static size_t merge_short(const struct bpe *b, const uint8_t *p, size_t n, uint16_t *starts)
{
    uint32_t rank[MERGE_SHORT];
    size_t parts = n;

    for (size_t i = 0; i <= n; i++)
        starts[i] = (uint16_t)i;
    for (size_t i = 0; i < n; i++)
        rank[i] = pair_rank(b, p, starts, i, n);
    for (;;) {
        size_t at = 0;

        for (size_t i = 1; i + 1 < parts; i++)
            at = rank[i] < rank[at] ? i : at;
        if (rank[at] == MERGE_NONE)
            return parts;
        memmove(starts + at + 1, starts + at + 2, (parts - at - 1) * sizeof(*starts));
        memmove(rank + at + 1, rank + at + 2, (parts - at - 2) * sizeof(*rank));
        parts--;
        rank[at] = pair_rank(b, p, starts, at, parts);
        if (at > 0)
            rank[at - 1] = pair_rank(b, p, starts, at - 1, parts);
    }
}

/* ---- a window: a heap of rank << 11 | place, whose stale entries are passed over */

struct heap {
    uint32_t *v;
    size_t n;
};

static void heap_push(struct heap *h, uint32_t x)
{
    size_t i = h->n++;

    ASSERT(h->n <= 3 * BPE_WINDOW); /* one for each part, and two for each merge */
    for (; i > 0 && h->v[(i - 1) / 2] > x; i = (i - 1) / 2)
        h->v[i] = h->v[(i - 1) / 2];
    h->v[i] = x;
}

static uint32_t heap_pop(struct heap *h)
{
    ASSERT(h->n > 0);
    uint32_t top = h->v[0], x = h->v[--h->n];
    size_t i = 0;

    for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
        if (kid + 1 < h->n && h->v[kid + 1] < h->v[kid])
            kid++;
        if (h->v[kid] >= x)
            break;
        h->v[i] = h->v[kid];
    }
    h->v[i] = x;
    return top;
}

/* The part at i and the one behind it: learn their rank anew. */
static void offer(const struct bpe *b, struct bpe_work *w, struct heap *h, const uint8_t *p,
                  size_t n, size_t i)
{
    size_t mid = w->next[i], end = mid < n ? w->next[mid] : 0;

    w->rank[i] = MERGE_NONE;
    if (end == 0 || end - i > BPE_TOKEN_MAX)
        return;
    w->rank[i] = bpe_rank(b, p + i, end - i);
    if (w->rank[i] != MERGE_NONE)
        heap_push(h, w->rank[i] << 11 | (uint32_t)i);
}

static size_t merge_heap(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                         uint16_t *starts)
{
    struct heap h = {w->heap, 0};
    size_t parts = 0;

    for (size_t i = 0; i <= n; i++) {
        w->next[i] = (uint16_t)(i + 1);
        w->prev[i] = (uint16_t)(i ? i - 1 : GONE);
    }
    for (size_t i = 0; i < n; i++)
        offer(b, w, &h, p, n, i);
    while (h.n) {
        uint32_t top = heap_pop(&h);
        size_t i = top & (BPE_WINDOW - 1), mid = w->next[i];

        if (w->rank[i] != top >> 11)
            continue; /* its parts have been merged with others meanwhile */
        CHECK(mid < n);
        w->rank[mid] = MERGE_NONE;
        w->next[i] = w->next[mid];
        w->prev[w->next[i]] = (uint16_t)i;
        CHECK(h.n + 2 <= ARRAY_LEN(w->heap));
        offer(b, w, &h, p, n, i);
        if (w->prev[i] != GONE)
            offer(b, w, &h, p, n, w->prev[i]);
    }
    for (size_t i = 0; i < n; i = w->next[i])
        starts[parts++] = (uint16_t)i;
    starts[parts] = (uint16_t)n;
    return parts;
}

size_t merge_window(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                    uint16_t *starts)
{
    CHECK(n > 0 && n <= BPE_WINDOW);
    return n <= MERGE_SHORT ? merge_short(b, p, n, starts) : merge_heap(b, w, p, n, starts);
}

/* ---- longer than a window */

/* The tokens of a window that are taken, and where in the piece it begins. */
struct window {
    uint16_t *starts;
    size_t at, parts;
};

/* The first token that both have; `b` begins inside `a`. False: none. */
static bool common(const struct window *a, const struct window *b, size_t *ret_a, size_t *ret_b)
{
    size_t i = 0, k = 0;

    while (i < a->parts && k < b->parts) {
        size_t in_a = a->at + a->starts[i], in_b = b->at + b->starts[k];

        if (in_a == in_b && a->at + a->starts[i + 1] == b->at + b->starts[k + 1]) {
            *ret_a = i, *ret_b = k;
            return true;
        }
        if (in_a <= in_b)
            i++;
        if (in_b <= in_a)
            k++;
    }
    return false;
}

static void say(const uint8_t *p, const struct window *w, size_t from, size_t to,
                merge_token_fn token, void *ctx)
{
    for (size_t i = from; token && i < to; i++)
        token(ctx, p + w->at + w->starts[i], (size_t)(w->starts[i + 1] - w->starts[i]));
}

/* The next window: it begins at one of a's tokens, at least OVERLAP before its end. */
static size_t next_begin(const struct window *a)
{
    size_t end = a->starts[a->parts], i = a->parts;

    while (i > 1 && a->starts[i] + (size_t)OVERLAP > end)
        i--;
    return a->at + a->starts[i];
}

size_t merge_piece(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                   merge_token_fn token, void *ctx)
{
    struct window a = {.starts = w->starts[0]}, next = {.starts = w->starts[1]};
    size_t from = 0, sum = 0, len = n < BPE_WINDOW ? n : BPE_WINDOW;

    ASSERT(n > 0);
    a.parts = merge_window(b, w, p, len, a.starts);
    while (a.at + a.starts[a.parts] < n) {
        size_t cut, to;

        next.at = next_begin(&a);
        CHECK(next.at > a.at); /* no token is nearly as long as a window */
        len = n - next.at < BPE_WINDOW ? n - next.at : BPE_WINDOW;
        next.parts = merge_window(b, w, p + next.at, len, next.starts);
        if (!common(&a, &next, &cut, &to)) {
            w->seams++;
            for (cut = 0, to = 0; a.at + a.starts[cut] < next.at; cut++)
                ;
        }
        say(p, &a, from, cut, token, ctx);
        sum += cut > from ? cut - from : 0;
        ASSERT(to <= next.parts);
        from = to;
        uint16_t *old = a.starts;
        a = next;
        next.starts = old;
    }
    say(p, &a, from, a.parts, token, ctx);
    return sum + a.parts - from;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-pair encoding: the same tokens as the plain definition gives, whatever the length; damaged
 * files are refused; hostile texts cost no more than others. The encodings here are small ones made
 * up (ranks.h); test_real.c and tests/it/tokens.test.mjs have the real ones.
 */
#include "../json/guard.h"
#include "ranks.h"

#include <limits.h>
#include <time.h>

#include "base/mem.h"
#include "token/merge_int.h"

struct fixture {
    struct ranks ranks;
    struct buf file;
    struct bpe *bpe;
    struct bpe_work *work;
};

static void fixture_make(struct fixture *f, unsigned more, uint64_t seed)
{
    const char *why;
    ranks_make(&f->ranks, more, seed);
    f->file = BUF_INIT(1u << 20);
    ranks_file(&f->ranks, SPLIT_O200K, &f->file);
    assert_int_equal(bpe_new(buf_str(&f->file), &f->bpe, &why), RC_OK);
    f->work = mem_need(sizeof(*f->work));
}

static void fixture_free(struct fixture *f)
{
    bpe_free(f->bpe);
    mem_free(f->work);
    buf_fini(&f->file);
    ranks_fini(&f->ranks);
}

/* The definition, word for word: of all neighbours that are a token together, the lowest rank, the
 * leftmost; again, until there is none. Returns the tokens. */
static size_t define(const struct bpe *b, str piece, uint32_t *ids)
{
    size_t n = piece.n, *at = mem_need((n + 2) * sizeof(*at));
    const uint8_t *p = (const uint8_t *)piece.p;
    for (size_t i = 0; i <= n; i++)
        at[i] = i;
    for (;;) {
        uint32_t best = MERGE_NONE;
        size_t where = 0;
        for (size_t i = 0; i + 2 <= n; i++) {
            uint32_t rank = bpe_rank(b, p + at[i], at[i + 2] - at[i]);
            if (rank < best)
                best = rank, where = i;
        }
        if (best == MERGE_NONE)
            break;
        memmove(at + where + 1, at + where + 2, (n - where - 1) * sizeof(*at));
        n--;
    }
    for (size_t i = 0; i < n; i++)
        ids[i] = bpe_rank(b, p + at[i], at[i + 1] - at[i]);
    mem_free(at);
    return n;
}

static void letters(struct rand *r, char *to, size_t n)
{
    char c = 'a';
    unsigned keep = 1 + (unsigned)rand_below(r, 12); /* how often the letter changes */
    for (size_t i = 0; i < n; i++) {
        if (rand_below(r, keep) == 0)
            c = (char)('a' + rand_below(r, 3));
        to[i] = c;
    }
}

/* Pieces of all lengths around the borders of the three ways to merge, flush against a guard page.
 */
static void test_as_defined(void **state)
{
    static const size_t lengths[] = {2,   3,   13,   14,   47,   48,   49,
                                     100, 700, 2047, 2048, 2049, 2500, 4200};
    static uint32_t want[4200], got[4200];
    static char text[4200];
    struct rand r;
    (void)state;
    rand_init(&r, 7);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fixture f;
        fixture_make(&f, 200, seed);
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            letters(&r, text, lengths[i]);
            struct guard g = guard_new(str_of(text, lengths[i]));
            size_t n = define(f.bpe, g.text, want);
            assert_int_equal(bpe_encode(f.bpe, f.work, g.text, got, ARRAY_LEN(got)), n);
            assert_memory_equal(got, want, n * sizeof(*got));
            assert_int_equal(bpe_count(f.bpe, f.work, g.text), n);
            assert_int_equal(bpe_count(f.bpe, f.work, g.text), n); /* now from the cache */
            guard_free(&g);
        }
        assert_int_equal(f.work->seams, 0);
        fixture_free(&f);
    }
}

/* One letter only: windows could be out of step for ever, and are not. */
static void test_runs(void **state)
{
    static char text[10000];
    static uint32_t want[10000], got[10000];
    struct fixture f;
    (void)state;
    fixture_make(&f, 300, 3);
    for (const char *c = "abc"; *c; c++) {
        memset(text, *c, sizeof(text));
        size_t n = define(f.bpe, str_of(text, sizeof(text)), want);
        assert_int_equal(bpe_encode(f.bpe, f.work, str_of(text, sizeof(text)), got, 10000), n);
        assert_memory_equal(got, want, n * sizeof(*got));
    }
    assert_int_equal(f.work->seams, 0);
    fixture_free(&f);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct fixture f;
    uint32_t ids[3] = {9, 9, 9};
    (void)state;
    fixture_make(&f, 20, 1);
    assert_int_equal(bpe_encode(f.bpe, f.work, STR("1 2 3"), ids, 2), 5);
    assert_int_equal(ids[0], '1');
    assert_int_equal(ids[2], 9);
    assert_int_equal(bpe_count(f.bpe, f.work, STR_NONE), 0);
    assert_int_equal(bpe_tokens(f.bpe), 276);
    fixture_free(&f);
}

/* The cache tells apart what differs in length, in an end of zero bytes, or in the encoding. */
static void test_cache_tells_apart(void **state)
{
    struct fixture f;
    struct bpe *other;
    const char *why;
    (void)state;
    fixture_make(&f, 200, 5);
    struct buf file = BUF_INIT(1u << 20);
    struct ranks bytes;
    ranks_make(&bytes, 0, 1);
    ranks_file(&bytes, SPLIT_CL100K, &file);
    assert_int_equal(bpe_new(buf_str(&file), &other, &why), RC_OK);
    uint64_t n = bpe_count(f.bpe, f.work, STR("aaaaaa"));
    assert_true(n < 6);
    assert_int_equal(bpe_count(other, f.work, STR("aaaaaa")), 6);
    assert_int_equal(bpe_count(f.bpe, f.work, STR("aaaaaa")), n);
    assert_int_equal(bpe_count(f.bpe, f.work, STR("\0\0\0")), 3);
    assert_int_equal(bpe_count(f.bpe, f.work, STR("\0\0")), 2);
    bpe_free(other);
    buf_fini(&file);
    ranks_fini(&bytes);
    fixture_free(&f);
}

static void refuse(struct buf *file, enum rc want)
{
    struct bpe *b = NULL;
    const char *why = NULL;
    struct guard g = guard_new(buf_str(file));
    assert_int_equal(bpe_new(g.text, &b, &why), want);
    assert_null(b);
    assert_non_null(why);
    guard_free(&g);
}

static void test_damaged_files(void **state)
{
    struct fixture f;
    (void)state;
    fixture_make(&f, 50, 2);
    struct buf b = BUF_INIT(16u << 20);
    for (size_t i = 0; i < buf_size(&f.file); i += i < 64 ? 1 : 37) { /* any byte changed */
        buf_clear(&b);
        buf_add(&b, buf_str(&f.file));
        b.p[i] ^= 1;
        refuse(&b, RC_SYNTAX);
    }
    for (size_t n = 0; n < buf_size(&f.file); n += n < 400 ? 1 : 101) { /* cut off anywhere */
        buf_clear(&b);
        buf_add(&b, str_head(buf_str(&f.file), n));
        refuse(&b, RC_SYNTAX);
    }
    static const struct {
        size_t at;
        char value;
    } sealed[] = {{24 + 10, 0}, {24 + 10, 2}, {24 + 10, (char)200}, {24 + 306 + 5, 'a'}};
    for (size_t i = 0; i < ARRAY_LEN(sealed);
         i++) { /* wrong in itself, with a digest that is right */
        buf_clear(&b);
        buf_add(&b, buf_str(&f.file));
        b.p[sealed[i].at] = sealed[i].value;
        ranks_seal(&b);
        refuse(&b, RC_SYNTAX);
    }
    buf_clear(&b);
    assert_non_null(buf_reserve(&b, BPE_FILE_MAX + 1));
    memset(b.p, 0, BPE_FILE_MAX + 1);
    buf_commit(&b, BPE_FILE_MAX + 1);
    refuse(&b, RC_LIMIT);
    buf_fini(&b);
    fixture_free(&f);
}

static void test_failing_memory(void **state)
{
    struct fixture f;
    const char *why;
    struct bpe *b = NULL;
    enum rc rc = RC_NOMEM;
    (void)state;
    fixture_make(&f, 10, 1);
    for (size_t n = 1; rc == RC_NOMEM; n++) {
        assert_true(n < 20);
        mem_fail_after(n);
        rc = bpe_new(buf_str(&f.file), &b, &why);
        mem_fail_after(0);
    }
    assert_int_equal(rc, RC_OK);
    bpe_free(b);
    bpe_free(NULL);
    fixture_free(&f);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_of(const struct bpe *b, struct bpe_work *w, str text)
{
    double began = seconds();
    assert_true(bpe_count(b, w, text) > 0);
    return seconds() - began;
}

/* Sixteen times the text takes some sixteen times as long, were it made to be slow. */
static void test_hostile_texts_are_linear(void **state)
{
    static const char *const units[] = {
        "a",        " ",         "\n",      "-=", "ab", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
        "\xcc\x81", "A\xc2\xaa", "qxzjkvwy"};
    struct fixture f;
    struct buf text = BUF_INIT(16u << 20);
    (void)state;
    fixture_make(&f, 300, 9);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        buf_clear(&text);
        while (buf_size(&text) < 512u << 10)
            buf_add(&text, str_c(units[i]));
        double small = time_of(f.bpe, f.work, str_head(buf_str(&text), 32u << 10));
        double large = time_of(f.bpe, f.work, buf_str(&text));
        if (large > 16 * 4 * small + 0.2) /* quadratic would be 256 times */
            fail_msg("\"%s\": %.1f ms for 32 KiB, %.1f ms for 512 KiB", units[i], small * 1e3,
                     large * 1e3);
    }
    assert_int_equal(f.work->seams, 0);
    buf_fini(&text);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_defined),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_cache_tells_apart),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_failing_memory),
        cmocka_unit_test(test_hostile_texts_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* o200k_base and cl100k_base themselves: golden counts, and no text that slows them. Skipped
 * without the ranks (script/token-ranks). */
#include "../unit.h"

#include <time.h>

#include "base/mem.h"
#include "base/rand.h"
#include "real.h"
#include "json/json.h"

struct encodings {
    struct bpe *bpe[2];
    struct bpe_work *work;
};

/* Counts that js-tiktoken 1.0.21 gave: [text, o200k_base, cl100k_base] a line. */
static void test_golden_counts(void **state)
{
    struct encodings *e = *state;
    struct buf file;
    struct arena a;
    unsigned lines = 0;

    assert_true(file_read(SOURCE_ROOT "/tests/fixtures/token/counts.jsonl", &file));
    arena_init(&a, 16u << 20);
    for (str rest = buf_str(&file), line = str_cut(&rest, '\n'); line.n;
         line = str_cut(&rest, '\n'), lines++) {
        struct json_doc d;
        str text;

        assert_int_equal(json_parse(&a, line, &d, NULL), RC_OK);
        struct json_iter it = json_iter(json_root(&d));
        assert_true(json_next(&it) && json_str(it.val, &a, &text) == RC_OK);
        for (size_t i = 0; i < 2; i++) {
            uint64_t want = 0, got = bpe_count(e->bpe[i], e->work, text);
            assert_true(json_next(&it) && json_u64(it.val, &want) == RC_OK);
            if (got != want)
                fail_msg("%lu for " STR_FMT, (unsigned long)got, STR_ARG(line));
        }
    }
    assert_true(lines > 100);
    arena_fini(&a);
    buf_fini(&file);
}

static double time_of(const struct bpe *b, struct bpe_work *w, str text)
{
    struct timespec from, to;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    assert_true(bpe_count(b, w, text) > 0);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Sixteen times the text takes some sixteen times as long; quadratic would be 256 times. */
static void test_hostile_texts_are_linear(void **state)
{
    static const char *const units[] = {
        "a",         " ",  "\n",  "-=", "ab", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "\xcc\x81",
        "A\xc2\xaa", "qx", "\t ", "=",  "0",  "zq\xc3\xa9"};
    struct encodings *e = *state;
    struct buf text = BUF_INIT(1u << 20);

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        buf_clear(&text);
        while (buf_size(&text) < 512u << 10)
            buf_add(&text, str_c(units[i]));
        for (size_t k = 0; k < 2; k++) {
            double small = time_of(e->bpe[k], e->work, str_head(buf_str(&text), 32u << 10));
            double large = time_of(e->bpe[k], e->work, buf_str(&text));
            if (large > 16 * 4 * small + 0.2)
                fail_msg("\"%s\": %.1f ms for 32 KiB, %.1f ms for 512 KiB", units[i], small * 1e3,
                         large * 1e3);
        }
    }
    assert_int_equal(e->work->seams, 0);
    buf_fini(&text);
}

/* Real text that is longer than a window, and any bytes at all: windows are always joined. */
static void test_windows_are_joined(void **state)
{
    struct encodings *e = *state;
    struct buf text = BUF_INIT(1u << 20);
    struct rand r;

    rand_init(&r, 5);
    for (unsigned round = 0; round < 40; round++) {
        unsigned alphabet = 1 + (unsigned)rand_below(&r, 26);
        buf_clear(&text);
        for (unsigned i = 0; i < 20000; i++)
            buf_add_char(&text, (char)('a' + rand_below(&r, alphabet)));
        for (size_t k = 0; k < 2; k++)
            assert_true(bpe_count(e->bpe[k], e->work, buf_str(&text)) > 100);
    }
    assert_int_equal(e->work->seams, 0);
    buf_fini(&text);
}

int main(void)
{
    struct encodings e = {{real_encoding("o200k_base"), real_encoding("cl100k_base")},
                          mem_need(sizeof(*e.work))};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_golden_counts, &e),
        cmocka_unit_test_prestate(test_hostile_texts_are_linear, &e),
        cmocka_unit_test_prestate(test_windows_are_joined, &e),
    };
    int failed = 0;

    if (e.bpe[0] && e.bpe[1])
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    else
        printf("1..1\nok 1 # SKIP the ranks are not there: script/token-ranks makes them\n");
    bpe_free(e.bpe[0]);
    bpe_free(e.bpe[1]);
    mem_free(e.work);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts made to hurt: deep, many, large. What is bounded here is counted (nodes, bytes taken, slots
 * looked at), not timed, so that the tests say the same on a busy machine and under a sanitizer.
 */
#include "reader.h"

#include <pthread.h>
#include <stdio.h>

#include "base/fmt.h"
#include "json/keys_int.h"

#define SMALL_STACK (256 * 1024)

static struct buf repeated(const char *head, const char *piece, size_t times, const char *tail)
{
    struct buf b = BUF_INIT(1u << 28);
    size_t first = strlen(head), n = strlen(piece) * times, done = strlen(piece);
    char *p = buf_reserve(&b, first + n + strlen(tail));
    assert_non_null(p);
    memcpy(p, head, first);
    p += first;
    for (memcpy(p, piece, n ? done : 0); done < n; done *= 2)
        memcpy(p + done, p, done < n - done ? done : n - done);
    memcpy(p + n, tail, strlen(tail));
    buf_commit(&b, first + n + strlen(tail));
    assert_false(b.failed);
    return b;
}

/* The node table, as a multiple of the text. */
static double memory_ratio(str text, enum rc want)
{
    struct arena a;
    struct json_doc d;
    arena_init(&a, 1u << 30);
    assert_int_equal(json_parse(&a, text, &d, NULL), want);
    double ratio = (double)a.taken / (double)text.n;
    arena_fini(&a);
    return ratio;
}

static void depth(size_t times, enum rc want)
{
    static const char *const shapes[][2] = {
        {"[", "]"}, {"{\"a\":", "}"}, {"[{\"a\":", "}]"}, {"[0,", ",1]"}};
    static const size_t levels[] = {1, 1, 2, 1};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct buf b = repeated("", shapes[i][0], times / levels[i], "null");
        for (size_t k = 0; k < times / levels[i]; k++)
            buf_add(&b, str_c(shapes[i][1]));
        struct arena a;
        struct json_doc d;
        struct json_error err;
        arena_init(&a, 1u << 20);
        assert_int_equal(json_parse(&a, buf_str(&b), &d, &err), want);
        if (want == RC_DEPTH)
            assert_true(err.offset <= JSON_DEPTH_MAX * strlen(shapes[i][0]));
        arena_fini(&a);
        buf_fini(&b);
    }
}

static void *depths(void *unused)
{
    depth(100, RC_OK);
    depth(JSON_DEPTH_MAX, RC_OK);
    depth(JSON_DEPTH_MAX + 2, RC_DEPTH);
    depth(1000, RC_DEPTH);
    depth(100000, RC_DEPTH);
    return unused;
}

/* J5: deep texts, on the stack that `ulimit -s 256` gives. */
static void test_depth_J5(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_t thread;
    void *ret = &attr;
    depth(JSON_DEPTH_MAX + 1 + 1, RC_DEPTH);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, depths, NULL), 0);
    assert_int_equal(pthread_join(thread, &ret), 0);
    assert_null(ret); /* it reached its end */
    pthread_attr_destroy(&attr);
}

static void test_depth_huge_J5(void **state)
{
    (void)state;
    struct buf b = repeated("", "[", 10000000, "");
    refuse(buf_str(&b), RC_DEPTH, JSON_DEPTH_MAX);
    buf_fini(&b);
}

/* J6: a million elements, messages; a hundred thousand tools: read, in memory that fits. */
static void test_many_J6(void **state)
{
    (void)state;
    struct buf b = repeated("[0", ",0", 999999, "]");
    accept(buf_str(&b), 1000001);
    assert_true(memory_ratio(buf_str(&b), RC_OK) <= 8.1);
    buf_fini(&b);
    b = repeated("{\"messages\":[0", ",{\"role\":\"user\",\"content\":\"\"}", 1000000, "]}");
    assert_true(memory_ratio(buf_str(&b), RC_OK) <= 4);
    buf_fini(&b);
    b = repeated("{\"tools\":[0", ",{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", 100000,
                 "]}");
    assert_true(memory_ratio(buf_str(&b), RC_OK) <= 4);
    buf_fini(&b);
}

/* J6: the same where the text so far foretells the rest badly. */
static void test_memory_J6(void **state)
{
    (void)state;
    static const size_t lead[] = {0, 1000, 100000, 1000000, 1900000};
    for (size_t i = 0; i < ARRAY_LEN(lead); i++) {
        struct buf b = repeated("[\"", "x", lead[i], "\"");
        size_t left = (2000000 - lead[i]) / 2;
        for (size_t k = 0; k < left; k++)
            buf_lit(&b, ",0");
        buf_lit(&b, "]");
        assert_true(memory_ratio(buf_str(&b), RC_OK) <= 10);
        buf_fini(&b);
    }
}

/* J6: more values than a document may have are a limit, within the same memory. */
static void test_too_many_J6(void **state)
{
    (void)state;
    struct buf b = repeated("[0", ",0", JSON_NODES_MAX, "]");
    assert_true(memory_ratio(buf_str(&b), RC_LIMIT) <= 8.1);
    b.len -= 5;
    buf_lit(&b, "]");
    assert_true(memory_ratio(buf_str(&b), RC_OK) <= 8.1);
    buf_fini(&b);
}

/* J8: an image in one string is scanned once and stays where it is. */
static void test_large_string_J8(void **state)
{
    (void)state;
    struct buf b = repeated("{\"data\":\"", "iVBORw0KGgoAAAANSUhEUgAA+/9s", 30000000 / 28, "\"}");
    struct arena a;
    struct json_doc d;
    str s;
    arena_init(&a, 1 << 20);
    assert_int_equal(json_parse(&a, buf_str(&b), &d, NULL), RC_OK);
    assert_int_equal(json_str(json_get_lit(json_root(&d), "data"), &a, &s), RC_OK);
    assert_ptr_equal(s.p, buf_str(&b).p + 9);
    assert_true(a.taken < 512 * 1024);
    arena_fini(&a);
    buf_fini(&b);
}

/* An object of these keys: the slots that its check looks at. */
static uint64_t probes(str text, uint32_t keys, struct hash_key hash)
{
    struct arena a;
    struct json_doc d;
    arena_init(&a, 1u << 30);
    assert_int_equal(json_parse(&a, text, &d, NULL), RC_OK);
    struct json_keys_table t = {.hash = hash};
    t.slots = mem_need(json_keys_slots(keys) * sizeof(*t.slots));
    assert_int_equal(json_keys_repeated(&d, 0, keys, &t), 0);
    mem_free(t.slots);
    arena_fini(&a);
    return t.probes;
}

/* Keys that differ only between these two. */
static uint64_t probes_of(const char *head, const char *tail, uint32_t keys)
{
    struct buf b = BUF_INIT(1u << 28);
    for (uint32_t i = 0; i < keys; i++) {
        char digits[FMT_U64_MAX];
        buf_add(&b, i ? STR(",\"") : STR("{\""));
        buf_add(&b, str_c(head));
        buf_add(&b, str_of(digits, fmt_hex64(digits, i * 0x9E3779B97F4A7C15u)));
        buf_add(&b, str_c(tail));
        buf_lit(&b, "\":0");
    }
    buf_lit(&b, "}");
    uint64_t n = probes(buf_str(&b), keys, json_keys_secret());
    buf_fini(&b);
    return n;
}

/* J7: a million keys made to look alike to every cheap hash cost what any million keys cost. */
static void test_like_keys_J7(void **state)
{
    (void)state;
    const uint32_t keys = 1000000;
    uint64_t usual = probes_of("", "", keys);
    assert_true(usual < keys * 3);
    assert_true(probes_of("the-same-start", "the-same-end", keys) <= usual * 3);
}

/* J7: long keys, which are hashed in blocks: each block counts. */
static void test_long_keys_J7(void **state)
{
    (void)state;
    const uint32_t keys = 5000;
    char same[301];
    memset(same, 'a', 300);
    same[300] = 0;
    uint64_t usual = probes_of("", "", keys);
    for (size_t n = 100; n <= 300; n += 50) {
        assert_true(probes_of("", same + n, keys) <= usual * 3);
        assert_true(probes_of(same + n, "", keys) <= usual * 3);
        assert_true(probes_of(same + n, same + n, keys) <= usual * 3);
    }
}

/* J7: keys that collide under one key of the hash do not under another: whoever does not know the
 * process's own cannot choose them. */
static void test_colliding_keys_J7(void **state)
{
    (void)state;
    const struct hash_key known = {1, 2};
    const uint32_t keys = 1000;
    const uint64_t mask = json_keys_slots(keys) - 1;
    struct buf b = BUF_INIT(1 << 20);
    for (uint32_t i = 0, n = 0; n < keys; i++) {
        char key[16];
        size_t len = (size_t)snprintf(key, sizeof(key), "%u", i);
        if ((hash_bytes(known, str_of(key, len)) & mask) != 0)
            continue;
        buf_addf(&b, "%c\"%s\":0", n ? ',' : '{', key);
        n++;
    }
    buf_lit(&b, "}");
    assert_true(probes(buf_str(&b), keys, known) >= keys * keys / 2);
    assert_true(probes(buf_str(&b), keys, json_keys_secret()) <= keys * 3);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_J5),        cmocka_unit_test(test_depth_huge_J5),
        cmocka_unit_test(test_many_J6),         cmocka_unit_test(test_memory_J6),
        cmocka_unit_test(test_too_many_J6),     cmocka_unit_test(test_like_keys_J7),
        cmocka_unit_test(test_long_keys_J7),    cmocka_unit_test(test_colliding_keys_J7),
        cmocka_unit_test(test_large_string_J8),
    };
    return cmocka_run_group_tests_name("json/limits", tests, NULL, NULL);
}

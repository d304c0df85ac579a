/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "obs/log.h"
#include "obs/metric.h"

static void test_hist_error(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < 1000000; v = v * 5 / 4 + 1) {
        struct hist h = {0};
        struct hist_view view = {0};
        hist_add(&h, v);
        hist_view_add(&view, &h);
        uint64_t got = hist_quantile(&view, 0.5), off = got > v ? got - v : v - got;
        if (off * 8 > v)
            fail_msg("%llu read back as %llu", (unsigned long long)v, (unsigned long long)got);
        assert_int_equal(view.count, 1);
        assert_int_equal(view.sum, v);
    }
}

static void test_quantiles(void **state)
{
    (void)state;
    struct hist h = {0};
    struct hist_view v = {0};
    for (uint64_t i = 1; i <= 1000; i++)
        hist_add(&h, i);
    hist_view_add(&v, &h);
    assert_in_range(hist_quantile(&v, 0.5), 440, 560);
    assert_in_range(hist_quantile(&v, 0.95), 830, 1070);
    assert_int_equal(hist_count_to(&v, UINT32_MAX), 1000);
    assert_int_equal(hist_quantile(&(struct hist_view){0}, 0.5), 0);
}

static void test_text_has_every_series(void **state)
{
    (void)state;
    struct metric_shard *m[2] = {metric_shard_new(), metric_shard_new()};
    struct metric_provider *p = metric_provider(m[0], STR("open\"ai")),
                           *q = metric_provider(m[1], STR("open\"ai"));
    metric_add(&p->counter[METRIC_P_CALLS], 2);
    metric_add(&q->counter[METRIC_P_CALLS], 3);
    metric_count(m[0], REQUESTS);
    metric_count(m[1], REQUESTS);
    metric_add(&metric_model(m[0], STR("a"), STR("x"))->counter[METRIC_M_COST], 1);
    metric_add(&metric_model(m[1], STR("a"), STR("x"))->counter[METRIC_M_COST], 1500000000);
    metric_add(&metric_model(m[1], STR("a"), STR("y"))->counter[METRIC_M_COST], 0);
    struct buf b = BUF_INIT(1 << 20);
    metric_write(m, 2, &b);
    str text = buf_str(&b);
    assert_true(str_find(text, STR("\nweir_requests_total 2\n")) != SIZE_MAX);
    assert_true(str_find(text, STR("\nweir_cost_usd_total{provider=\"a\",model=\"x\"} "
                                   "1.500000001\n")) != SIZE_MAX);
    assert_true(str_find(text, STR("\nweir_cost_usd_total{provider=\"a\",model=\"y\"} 0\n")) !=
                SIZE_MAX);
    assert_true(str_find(text, STR("weir_provider_attempts_total{provider=\"open\\\"ai\"} 5\n")) !=
                SIZE_MAX);
    assert_true(
        str_find(text, STR("gen_ai_server_request_duration_seconds_bucket{le=\"+Inf\"} 0")) !=
        SIZE_MAX);
    buf_fini(&b);
    metric_shard_free(m[0]);
    metric_shard_free(m[1]);
}

static void test_models_are_capped(void **state)
{
    (void)state;
    struct metric_shard *m = metric_shard_new();
    struct metric_summary sum;
    char name[16];
    for (unsigned i = 0; i < METRIC_MODELS_MAX + 9; i++) {
        int n = snprintf(name, sizeof(name), "m%u", i);
        struct metric_model *k = metric_model(m, STR("a"), str_of(name, (size_t)n));
        assert_ptr_equal(k, metric_model(m, STR("a"), str_of(name, (size_t)n)));
        metric_add(&k->counter[METRIC_M_COST], 2);
    }
    assert_str(metric_model(m, STR("a"), STR("one more"))->model, "other");
    metric_summarise(&m, 1, STR("a"), 1, &sum);
    assert_int_equal(sum.cost, 2 * METRIC_MODELS_MAX);
    metric_summarise(&m, 1, STR("other"), 1, &sum);
    assert_int_equal(sum.cost, 2 * 9);
    metric_shard_free(m);
}

static void test_window(void **state)
{
    (void)state;
    struct metric_shard *m = metric_shard_new();
    struct metric_provider *p = metric_provider(m, STR("x"));
    struct metric_summary s;
    for (int i = 0; i < 6; i++)
        metric_provider_served(p, 100000);
    metric_provider_failed(p, 100000, FAULT_CONNECT);
    metric_provider_failed(p, 100000, FAULT_LIMITED);
    for (int i = 0; i < 2; i++)
        metric_provider_failed(p, 100000, FAULT_SERVER);
    metric_summarise(&m, 1, STR("x"), 110000, &s);
    assert_int_equal(s.window_calls, 10);
    assert_int_equal(s.window_errors, 3); /* a 429 is nobody's failure */
    assert_int_equal(s.window_fault[FAULT_CONNECT], 1);
    assert_int_equal(s.window_fault[FAULT_LIMITED], 1);
    assert_int_equal(s.window_fault[FAULT_SERVER], 2);
    assert_int_equal(s.errors, 4);
    struct buf text = BUF_INIT(1u << 20);
    metric_write(&m, 1, &text);
    buf_add_char(&text, '\0');
    assert_non_null(
        strstr(text.p, "weir_provider_faults_total{provider=\"x\",class=\"server_error\"} 2\n"));
    assert_null(strstr(text.p, "class=\"auth\""));
    buf_fini(&text);
    metric_summarise(&m, 1, STR("x"), 100000 + METRIC_WINDOW_SLOTS * METRIC_WINDOW_MS, &s);
    assert_int_equal(s.window_fault[FAULT_SERVER], 0);
    assert_int_equal(s.window_calls, 0); /* a minute later it is forgotten */
    metric_shard_free(m);
}

static void test_names_are_capped(void **state)
{
    (void)state;
    struct metric_shard *m = metric_shard_new();
    char name[16];
    for (int i = 0; i < 2 * METRIC_PROVIDERS_MAX; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        assert_non_null(metric_provider(m, str_c(name)));
    }
    assert_true(m->nproviders <= METRIC_PROVIDERS_MAX + 1);
    assert_ptr_equal(metric_provider(m, STR("p999")), metric_provider(m, STR("other")));
    metric_shard_free(m);
}

/* ---- the log */

#define LINES 20000

struct producer {
    struct log_ring *ring;
    unsigned index, sent;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    char line[64];
    for (unsigned i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof(line), "{\"w\":%u,\"i\":%u}\n", p->index, i);
        p->sent += log_put(p->ring, str_of(line, (size_t)n));
    }
    return NULL;
}

static void temp_path(char *to, size_t n)
{
    snprintf(to, n, "/tmp/weir-test-log-%d", (int)getpid());
}

/* Every line that was accepted is in the file, whole, in its worker's order. */
static void test_log_threads(void **state)
{
    (void)state;
    char path[64], line[128];
    temp_path(path, sizeof(path));
    unlink(path);
    struct log *l;
    assert_int_equal(log_new(path, -1, 2, &l), RC_OK);
    struct producer p[2] = {{log_ring(l, 0), 0, 0}, {log_ring(l, 1), 1, 0}};
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, produce, &p[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    uint64_t dropped = log_dropped(p[0].ring) + log_dropped(p[1].ring);
    log_free(l);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    unsigned seen = 0, next[2] = {0, 0};
    while (fgets(line, sizeof(line), f)) {
        unsigned w = (unsigned)(line[5] - '0');
        assert_true(w < 2);
        assert_memory_equal(line, "{\"w\":", 5);
        assert_non_null(strchr(line, '}'));
        unsigned i = (unsigned)strtoul(line + 11, NULL, 10);
        assert_true(i >= next[w]);
        next[w] = i + 1;
        seen++;
    }
    fclose(f);
    unlink(path);
    assert_int_equal(seen, p[0].sent + p[1].sent);
    assert_int_equal(dropped, 2 * LINES - seen);
}

/* Standard output that is a file: more than a pipe would take at once, all of it and in order. */
static void test_inherited_file(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    char path[64], line[32];
    temp_path(path, sizeof(path));
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    struct log *l;
    assert_int_equal(log_new(NULL, fd, 1, &l), RC_OK);
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(line, sizeof(line), "line %d\n", i);
        assert_true(log_put(log_ring(l, 0), str_of(line, (size_t)n)));
    }
    log_free(l);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (int i = 0; i < MANY; i++) {
        assert_non_null(fgets(line, sizeof(line), f));
        assert_int_equal(strtol(line + 5, NULL, 10), i);
    }
    assert_null(fgets(line, sizeof(line), f));
    fclose(f);
    close(fd);
    unlink(path);
}

/* P29: after a rename, reopening makes a new file; nothing is lost. */
static void test_p29_reopen(void **state)
{
    (void)state;
    char path[64], moved[80];
    temp_path(path, sizeof(path));
    snprintf(moved, sizeof(moved), "%s.1", path);
    struct log *l;
    assert_int_equal(log_new(path, -1, 1, &l), RC_OK);
    log_put(log_ring(l, 0), STR("one\n"));
    usleep(400000);
    assert_int_equal(rename(path, moved), 0);
    log_reopen(l);
    usleep(400000);
    log_put(log_ring(l, 0), STR("two\n"));
    log_free(l);
    char text[8] = {0};
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_equal(text, "two\n");
    unlink(path);
    unlink(moved);
}

/* P29: moved away, or deleted, and nobody said a word: the next line makes the file anew. */
static void test_p29_moved_away(void **state)
{
    (void)state;
    char path[64], moved[80], text[16] = {0};
    temp_path(path, sizeof(path));
    snprintf(moved, sizeof(moved), "%s.1", path);
    struct log *l;
    assert_int_equal(log_new(path, -1, 2, &l), RC_OK);
    log_put(log_ring(l, 0), STR("one\n"));
    usleep(400000);
    assert_int_equal(rename(path, moved), 0);
    log_put(log_ring(l, 1), STR("two\n"));
    for (int i = 0; i < 100 && access(path, F_OK) != 0; i++)
        usleep(20000);
    assert_int_equal(unlink(path), 0);
    log_put(log_ring(l, 0), STR("three\n"));
    log_free(l);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_equal(text, "three\n");
    f = fopen(moved, "re");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    assert_string_equal(text, "one\n");
    assert_null(fgets(text, sizeof(text), f));
    fclose(f);
    unlink(path);
    unlink(moved);
}

/* P11: a full disk costs lines, never the caller. */
static void test_p11_full_disk(void **state)
{
    (void)state;
    struct log *l;
    assert_int_equal(log_new("/dev/full", -1, 1, &l), RC_OK);
    struct log_ring *r = log_ring(l, 0);
    for (int i = 0; i < 100; i++)
        assert_true(log_put(r, STR("line\n")));
    usleep(300000);
    assert_true(log_dropped(r) > 0);
    log_free(l);
}

/* Words that somebody chose: each pair once, whichever worker counted it; no end of them. */
static void test_series_are_bounded(void **state)
{
    (void)state;
    struct metric_shard *m[2] = {metric_shard_new(), metric_shard_new()};
    struct series_list *lists[2] = {&m[0]->series, &m[1]->series};
    for (int i = 0; i < 2; i++) {
        struct series *s = series_of(lists[i], SERIES_TAGGED, STR("be\"ta"), STR_NONE);
        assert_ptr_equal(s, series_of(lists[i], SERIES_TAGGED, STR("be\"ta"), STR_NONE));
        series_add(s, SERIES_CALLS, 2);
        series_add(s, SERIES_USD, 1500000000);
        series_add(series_of(lists[i], SERIES_MIRROR_SIDE, STR("r"), STR("copy")), SERIES_SIDE_MS,
                   1250);
    }
    for (int i = 0; i < 2 * SERIES_MAX; i++) {
        char name[16];
        const int n = snprintf(name, sizeof(name), "t%d", i);
        series_add(series_of(lists[0], SERIES_ROUTED, STR("rule"), str_of(name, (size_t)n)),
                   SERIES_CALLS, 1);
    }
    assert_int_equal(series_sum(lists, 2, SERIES_ROUTED, STR("rule"), STR("other"), SERIES_CALLS),
                     SERIES_MAX);
    assert_int_equal(lists[0]->n[SERIES_ROUTED], SERIES_MAX + 1);
    struct buf b = BUF_INIT(1 << 20);
    metric_write(m, 2, &b);
    str text = buf_str(&b);
    static const char *const lines[] = {
        "\nweir_tagged_calls_total{tag=\"be\\\"ta\"} 4\n",
        "\nweir_tagged_cost_usd_total{tag=\"be\\\"ta\"} 3\n",
        "\nweir_mirror_seconds_total{rule=\"r\",side=\"copy\"} 2.500\n",
        "\nweir_routed_calls_total{by=\"rule\",name=\"t7\"} 1\n",
        "\n# TYPE weir_mirror_total counter\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const size_t at = str_find(text, str_c(lines[i]));
        if (at == SIZE_MAX || str_find(str_from(text, at + 1), str_c(lines[i])) != SIZE_MAX)
            fail_msg("not there, or twice: %s", lines[i]);
    }
    buf_fini(&b);
    metric_shard_free(m[0]);
    metric_shard_free(m[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hist_error),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_models_are_capped),
        cmocka_unit_test(test_text_has_every_series),
        cmocka_unit_test(test_series_are_bounded),
        cmocka_unit_test(test_log_threads),
        cmocka_unit_test(test_names_are_capped),
        cmocka_unit_test(test_inherited_file),
        cmocka_unit_test(test_p29_reopen),
        cmocka_unit_test(test_p29_moved_away),
        cmocka_unit_test(test_p11_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch - changes of files, and signals. */
#include "net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/signal.h"
#include "io/watch.h"

struct scene {
    struct loop *l;
    struct watch *w;
    unsigned told;
    char dir[64], file[96], other[96];
};

static void on_change(void *arg)
{
    ((struct scene *)arg)->told++;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void scene_init(struct scene *s, bool exists)
{
    *s = (struct scene){.l = need_loop()};
    snprintf(s->dir, sizeof(s->dir), "/tmp/weir-watch-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->file, sizeof(s->file), "%s/weir.yaml", s->dir);
    snprintf(s->other, sizeof(s->other), "%s/other", s->dir);
    if (exists)
        put(s->file, "a: 1\n");
    assert_int_equal(watch_new(s->l, str_c(s->file), on_change, s, &s->w), RC_OK);
    run_for(s->l, 5);
}

static void scene_fini(struct scene *s)
{
    watch_free(s->w);
    loop_free(s->l);
    unlink(s->file);
    unlink(s->other);
    rmdir(s->dir);
}

static void test_written(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, true);
    put(s.file, "a: 22\n");
    RUN_UNTIL(s.l, s.told == 1, 1000);
    run_for(s.l, 250);
    assert_int_equal(s.told, 1); /* once */
    put(s.other, "not ours");
    run_for(s.l, 250);
    assert_int_equal(s.told, 1);
    scene_fini(&s);
}

/* A log beside it that is written to all the time and stays open wakes nobody. */
static void test_others_writes_wake_nobody(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, true);
    FILE *log = fopen(s.other, "a");
    assert_non_null(log);
    run_for(s.l, 50); /* that it came was news */
    unsigned before = watch_woken(s.w);
    for (unsigned i = 0; i < 50; i++) {
        fputs("a line\n", log);
        fflush(log);
        run_for(s.l, 2);
    }
#ifdef __linux__
    assert_int_equal(watch_woken(s.w), before);
#endif
    put(s.file, "a: 22\n");
    RUN_UNTIL(s.l, s.told == 1, 1000);
    assert_true(watch_woken(s.w) > before);
    fclose(log);
    scene_fini(&s);
}

/* No directory, no news: only looks, and it is freed all the same. */
static void test_no_directory(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct watch *w;
    assert_int_equal(watch_new(l, STR("/nowhere/at/all/x"), on_change, NULL, &w), RC_OK);
    run_for(l, 5);
    assert_int_equal(watch_woken(w), 0);
    watch_free(w);
    loop_free(l);
}

static void test_renamed_over(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, true);
    for (unsigned i = 1; i <= 3; i++) { /* the watch survives each */
        put(s.other, "a: 333\n");
        assert_int_equal(rename(s.other, s.file), 0);
        RUN_UNTIL(s.l, s.told == i, 1000);
    }
    scene_fini(&s);
}

static void test_link_swapped(void **state)
{
    (void)state;
    struct scene s;
    char link[96], one[96], two[96];
    scene_init(&s, false);
    snprintf(one, sizeof(one), "%s/one", s.dir);
    snprintf(two, sizeof(two), "%s/two", s.dir);
    snprintf(link, sizeof(link), "%s/link", s.dir);
    put(one, "a: 1\n");
    put(two, "a: 2\n");
    assert_int_equal(symlink("one", s.file), 0);
    RUN_UNTIL(s.l, s.told == 1, 1000);
    assert_int_equal(symlink("two", link), 0);
    assert_int_equal(rename(link, s.file), 0); /* as config maps do */
    RUN_UNTIL(s.l, s.told == 2, 1000);
    unlink(one);
    unlink(two);
    scene_fini(&s);
}

static void test_gone_and_back(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, true);
    unlink(s.file);
    run_for(s.l, 250);
    assert_int_equal(s.told, 0);
    put(s.file, "a: 4444\n");
    RUN_UNTIL(s.l, s.told == 1, 1000);
    scene_fini(&s);
}

/* An editor that writes for a while: told when it is done. Where the machine made it pause for as
 * long as a file must be still, it may be told more often. */
static void test_still(void **state)
{
    (void)state;
    struct scene s;
    char text[64] = "";
    unsigned pauses = 0;
    scene_init(&s, true);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "%.*s", (int)i + 6, "a: 0123456789abcdefghij");
        usec t0 = loop_now_us();
        put(s.file, text);
        run_for(s.l, 20);
        pauses += loop_now_us() - t0 > WATCH_STILL_MS * 500;
        assert_true(s.told <= pauses);
    }
    RUN_UNTIL(s.l, s.told > 0, 1000);
    run_for(s.l, 250);
    assert_true(s.told <= pauses + 1);
    scene_fini(&s);
}

static void test_limits(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct watch *w;
    char longest[5000];
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(watch_new(l, str_of(longest, sizeof(longest)), on_change, NULL, &w), RC_RANGE);
    assert_int_equal(watch_new(l, STR(""), on_change, NULL, &w), RC_RANGE);
    mem_fail_after(1);
    assert_int_equal(watch_new(l, STR("/tmp/x"), on_change, NULL, &w), RC_NOMEM);
    mem_fail_after(0);
    watch_free(NULL);
    loop_free(l);
}

/* ---- signals */

struct ear {
    struct signal_watch w; /* first */
    unsigned heard, closed;
    int signum;
};

static void on_signal(struct signal_watch *w, int signum)
{
    struct ear *e = (struct ear *)w;
    e->heard++;
    e->signum = signum;
}

static void on_ear_closed(struct signal_watch *w)
{
    ((struct ear *)w)->closed++;
}

static void test_signals(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct ear e = {0};
    assert_int_equal(signal_watch_init(&e.w, l, SIGHUP, on_signal), RC_OK);
    e.heard = e.closed = 0;
    raise(SIGHUP);
    RUN_UNTIL(l, e.heard == 1, 1000);
    assert_int_equal(e.signum, SIGHUP);
    signal_watch_close(&e.w, on_ear_closed);
    RUN_UNTIL(l, e.closed, 1000);
    struct signal_watch bad;
    assert_int_equal(signal_watch_init(&bad, l, SIGKILL, on_signal), RC_IO);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_renamed_over),
        cmocka_unit_test(test_link_swapped),
        cmocka_unit_test(test_gone_and_back),
        cmocka_unit_test(test_still),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_others_writes_wake_nobody),
        cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

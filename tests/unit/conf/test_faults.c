/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden messages: tests/fixtures/conf/faults/NAME.{yaml,json} is refused with exactly NAME.txt.
 * UPDATE_GOLDEN=1 writes them anew; the diff is then read by someone. (P12, F8, F12)
 */
#include <dirent.h>

#include "conf_check.h"

#define DIR_NAME SOURCE_ROOT "/tests/fixtures/conf/faults"

static void read_file(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "rb");
    *ret = BUF_INIT(1 << 20);
    if (!f)
        return;
    char *to = buf_reserve(ret, 65536);
    assert_non_null(to);
    buf_commit(ret, fread(to, 1, 65536, f));
    fclose(f);
}

static void write_file(const char *path, str s)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
    assert_int_equal(fclose(f), 0);
}

static void check(const char *name)
{
    char path[512], golden[512];
    snprintf(path, sizeof(path), "%s/%s", DIR_NAME, name);
    size_t stem = (size_t)(strrchr(name, '.') - name);
    snprintf(golden, sizeof(golden), "%s/%.*s.txt", DIR_NAME, (int)stem, name);
    struct buf text, want;
    read_file(path, &text);
    struct loaded l;
    load_source(&l, (struct conf_source){
                        .path = name,
                        .text = buf_str(&text),
                        .env = ENV("GIVEN=x", "EMPTY=", "SECRET=sk-very-secret", "HOME=/nowhere")});
    assert_int_equal(l.rc, RC_CONFIG);
    str got = str_c(said(&l));
    assert_true(str_find(got, STR("sk-very-secret")) == SIZE_MAX);
    if (getenv("UPDATE_GOLDEN"))
        write_file(golden, got);
    read_file(golden, &want);
    if (!str_eq(got, buf_str(&want)))
        fail_msg("%s\n--- got\n" STR_FMT "--- want\n" STR_FMT, name, STR_ARG(got),
                 STR_ARG(buf_str(&want)));
    loaded_fini(&l);
    buf_fini(&text);
    buf_fini(&want);
}

static int is_case(const struct dirent *e)
{
    str name = str_c(e->d_name);
    return str_has_suffix(name, STR(".yaml")) || str_has_suffix(name, STR(".json"));
}

static void golden(void **state)
{
    (void)state;
    struct dirent **names;
    int n = scandir(DIR_NAME, &names, is_case, alphasort);
    assert_true(n >= 20);
    for (int i = 0; i < n; i++) {
        check(names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

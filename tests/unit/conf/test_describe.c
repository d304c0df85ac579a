/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is generated from the option table is what is committed: docs/config.md and
 * docs/config.schema.json (UPDATE_GOLDEN=1 writes them anew). And the table itself is sound: every
 * default parses, every row has a help text, no key stands twice.
 */
#include "conf/describe.h"
#include "conf/preset.h"
#include "conf/raw.h"
#include "conf_check.h"
#include "json/json.h"

static void compare(const char *path, void (*write)(struct buf *))
{
    struct buf got = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20);
    write(&got);
    assert_false(got.failed);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(buf_str(&got).p, 1, buf_size(&got), out), buf_size(&got));
        assert_int_equal(fclose(out), 0);
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *to = buf_reserve(&want, 1 << 19);
    assert_non_null(to);
    buf_commit(&want, fread(to, 1, 1 << 19, f));
    fclose(f);
    if (!str_eq(buf_str(&got), buf_str(&want)))
        fail_msg("%s is stale; run this test with UPDATE_GOLDEN=1", path);
    buf_fini(&got);
    buf_fini(&want);
}

static void reference_is_fresh(void **state)
{
    (void)state;
    compare(SOURCE_ROOT "/docs/config.md", conf_write_reference);
}

static void schema_is_fresh(void **state)
{
    (void)state;
    compare(SOURCE_ROOT "/docs/config.schema.json", conf_write_schema);
}

static void schema_is_json(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    struct arena a;
    struct json_doc doc;
    arena_init(&a, 16 << 20);
    conf_write_schema(&b);
    assert_int_equal(json_parse(&a, buf_str(&b), &doc, NULL), RC_OK);
    jval v = json_path(json_root(&doc), "properties", "timeouts", "properties", "connect",
                       "default", NULL);
    assert_true(json_str_is(v, STR("3s")));
    arena_fini(&a);
    buf_fini(&b);
}

static void check_section(const struct section *s)
{
    for (const struct option *row = s->rows; row < s->rows + s->count; row++) {
        assert_non_null(row->help);
        assert_true(row->offset >= sizeof(struct raw_at) && row->offset < s->size);
        assert_int_equal(row->type == OPTION_WORD, row->words != NULL);
        assert_int_equal(row->type == OPTION_SECTION || row->type == OPTION_SECTIONS,
                         row->sub != NULL);
        for (const struct option *other = s->rows; other < row; other++)
            assert_string_not_equal(other->key, row->key);
        if (row->sub)
            check_section(row->sub);
    }
}

static void table_is_sound(void **state)
{
    (void)state;
    check_section(&option_root);
    struct arena a;
    struct conf_report report;
    arena_init(&a, 1 << 20);
    conf_report_init(&report);
    struct raw_root raw = {0};
    struct option_pass pass = {.arena = &a, .report = &report};
    assert_int_equal(option_take(&pass, &option_root, NULL, &raw), RC_OK);
    assert_int_equal(report.of[CONF_ERROR].count, 0); /* every default parses */
    assert_int_equal(report.of[CONF_WARNING].count, 0);
    conf_report_fini(&report);
    arena_fini(&a);
}

static void presets_are_sound(void **state)
{
    (void)state;
    for (const struct preset *p = presets; p->name; p++) {
        assert_non_null(p->ways[0].dialect);
        for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++) {
            const char *base = p->ways[i].base;
            assert_non_null(wire_find(str_c(p->ways[i].dialect)));
            assert_true(!*base || str_has_prefix(str_c(base), STR("http")));
            assert_true(!*base || base[strlen(base) - 1] != '/');
        }
        assert_ptr_equal(preset_find(str_c(p->name)), p);
    }
}

static void example_loads(void **state)
{
    (void)state;
    struct loaded l;
    load_source(&l, (struct conf_source){.path = SOURCE_ROOT "/config/weir.example.yaml",
                                         .env = ENV("OPENAI_API_KEY=o", "ANTHROPIC_API_KEY=a")});
    assert_loads(&l);
    assert_string_equal(said(&l), "");
    struct buf b = BUF_INIT(65536);
    conf_write_summary(l.s, &b);
    buf_add_char(&b, '\0');
    assert_non_null(strstr(b.p, "listen     127.0.0.1:3456, 0 keys\n"));
    assert_non_null(strstr(b.p,
                           "provider   openai: openai at https://api.openai.com/v1, 1 key, any "
                           "model\n"));
    assert_non_null(strstr(b.p, "model      smart: anthropic/claude-sonnet-4-5 (70), openai/gpt-5 "
                                "(30); else cheap\n"));
    buf_fini(&b);
    loaded_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_fresh), cmocka_unit_test(schema_is_fresh),
        cmocka_unit_test(schema_is_json),     cmocka_unit_test(table_is_sound),
        cmocka_unit_test(presets_are_sound),  cmocka_unit_test(example_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

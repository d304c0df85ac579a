/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen to a configuration file (RELIABILITY P12, P13): cut at every byte, any byte of it
 * wrong, unreadable, no regular file, too large, replaced while it is read; and memory that runs
 * out at every allocation (P19). Never a crash, never half a snapshot; a refusal always says where.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "conf_check.h"

#define NOBODY 65534

static const char *const env[] = {"OPENAI_API_KEY=o", "ANTHROPIC_API_KEY=a", "TEAM=t", NULL};

static const char yaml[] =
    "listen: 127.0.0.1:3456\n"
    "providers:\n"
    "  - name: openai\n    apiKey: ${OPENAI_API_KEY}\n    timeouts: { connect: 3s }\n"
    "  - { name: anthropic, headers: { x-a: \"b\" } }\n"
    "  - { name: local, dialect: openai, baseURL: \"http://gpu1:8000/v1\", models: [ qwen3 ] }\n"
    "models:\n"
    "  - name: smart\n    targets: [ { use: anthropic/claude, weight: 70 }, openai/gpt-5 ]\n"
    "    fallback: [ cheap ]\n"
    "  - { name: cheap, targets: [ local/qwen3 ] }\n"
    "routing: { scenarios: { default: smart } }\n"
    "alerts: { error_rate: { threshold: 0.05 } }\n"
    "keys: [ { name: team, key: \"${TEAM}\", models: [ smart ] } ]\n";

static const char json[] =
    "{ // comment\n"
    "  \"PORT\": 3456, \"APIKEY\": \"k\",\n"
    "  \"Providers\": [ { \"name\": \"openai\", \"api_base_url\": "
    "\"https://api.openai.com/v1/chat/completions\", \"api_key\": \"$OPENAI_API_KEY\",\n"
    "    \"models\": [ \"gpt-5\", ], \"transformer\": { \"use\": [ [ \"maxtoken\", { \"m\": 1 } ] "
    "] } } ],\n"
    "  \"Router\": { \"default\": \"openai,gpt-5\", \"image\": \"\", },\n"
    "}\n";

/* Loads, or is refused with at least one note that names the place. */
static void try_text(str text)
{
    struct loaded l;
    load_source(&l, (struct conf_source){.path = "weir.yaml", .text = text, .env = env});
    if (l.rc != RC_OK) {
        assert_int_equal(l.rc, RC_CONFIG);
        const struct conf_note *n = &l.report.of[CONF_ERROR].note[0];
        assert_true(n->line > 0 && n->column > 0);
        assert_true(n->text.n > 0);
        assert_true(str_has_prefix(str_c(said(&l)), STR("weir.yaml:")));
    }
    assert_true(utf8_is_valid(buf_str(&l.text)));
    loaded_fini(&l);
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    const str texts[] = {str_c(yaml), str_c(json)};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        for (size_t n = 0; n <= texts[t].n; n++) {
            char *copy = malloc(n ? n : 1); /* flush: a sanitizer sees a read behind it */
            assert_non_null(copy);
            memcpy(copy, texts[t].p, n);
            try_text(str_of(copy, n));
            free(copy);
        }
        struct loaded l;
        load_source(&l, (struct conf_source){.path = "w", .text = texts[t], .env = env});
        assert_loads(&l);
        loaded_fini(&l);
    }
}

static void any_byte_wrong(void **state)
{
    (void)state;
    static const char wrong[] = {'\0', '\xff', '\x80', '{', '}', '"',
                                 '\n', '\t',   ':',    '$', '&', '\x1b'};
    const str texts[] = {str_c(yaml), str_c(json)};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        char *copy = malloc(texts[t].n);
        assert_non_null(copy);
        for (size_t i = 0; i < texts[t].n; i++) {
            memcpy(copy, texts[t].p, texts[t].n);
            copy[i] = wrong[i % sizeof(wrong)];
            try_text(str_of(copy, texts[t].n));
        }
        free(copy);
    }
}

/* --- files -------------------------------------------------------------------------------------
 */

struct dir {
    char path[64], file[96];
};

static void dir_make(struct dir *d)
{
    strcpy(d->path, "/tmp/weir-conf-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    snprintf(d->file, sizeof(d->file), "%s/weir.yaml", d->path);
}

static void dir_remove(struct dir *d)
{
    unlink(d->file);
    assert_int_equal(rmdir(d->path), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void refuses_file(const char *path, const char *part)
{
    struct loaded l;
    load_source(&l, (struct conf_source){.path = path, .env = env});
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, part);
    assert_says(&l, path);
    loaded_fini(&l);
}

/* P13: only a regular file, and never waiting for one. */
static void kinds_of_file(void **state)
{
    (void)state;
    struct dir d;
    dir_make(&d);
    refuses_file(d.file, "there is no such file; check the path");
    refuses_file(d.path, "this is a folder; name the file in it");
    assert_int_equal(mkfifo(d.file, 0600), 0);
    alarm(10); /* a load that waits for the FIFO dies here */
    refuses_file(d.file, "this is no regular file");
    alarm(0);
    unlink(d.file);
    refuses_file("/dev/zero", "this is no regular file");
    assert_int_equal(symlink(d.file, d.file), 0);
    refuses_file(d.file, "too many symbolic links");
    unlink(d.file);
    write_file(d.file, "");
    refuses_file(d.file, ":1:1: the file is empty");
    /* root may read anything: become nobody for a moment */
    bool root = geteuid() == 0;
    assert_int_equal(chmod(d.file, 0), 0);
    assert_true(!root || seteuid(NOBODY) == 0);
    refuses_file(d.file, "the file may not be read; check its permissions");
    assert_true(!root || seteuid(0) == 0);
    dir_remove(&d);
}

static void large_file(void **state)
{
    (void)state;
    struct dir d;
    dir_make(&d);
    write_file(d.file, yaml);
    assert_int_equal(truncate(d.file, 100 << 20), 0);
    refuses_file(d.file, "larger than 1 MiB");
    assert_int_equal(truncate(d.file, CONF_TEXT_MAX), 0); /* zeros behind the text */
    refuses_file(d.file, "control character");
    dir_remove(&d);
}

static void symlink_and_paths(void **state)
{
    (void)state;
    struct dir d;
    char link[128], other[128];
    dir_make(&d);
    snprintf(link, sizeof(link), "%s/link.yaml", d.path);
    snprintf(other, sizeof(other), "%s/ca.pem", d.path);
    write_file(other, "x");
    write_file(d.file, "providers: [ { name: openai, caFile: ca.pem } ]\n");
    assert_int_equal(symlink("weir.yaml", link), 0);
    struct loaded l;
    load_source(&l, (struct conf_source){.path = link, .env = env});
    assert_loads(&l);
    assert_str(l.s->file, link); /* the link, not what it points to now */
    assert_str(l.s->data_dir, d.path);
    assert_str(l.s->providers[0].ca_file, other);
    loaded_fini(&l);
    /* found by the environment, and from the folder it stands in */
    char var[160];
    snprintf(var, sizeof(var), "WEIR_CONFIG=%s", link);
    load_source(&l, (struct conf_source){.env = ENV("OPENAI_API_KEY=k", var)});
    assert_loads(&l);
    assert_str(l.s->file, link);
    loaded_fini(&l);
    assert_int_equal(chdir(d.path), 0);
    load_source(&l, (struct conf_source){.path = "./weir.yaml", .env = env});
    assert_loads(&l);
    assert_str(l.s->file, d.file);
    loaded_fini(&l);
    unlink(link);
    unlink(other);
    dir_remove(&d);
}

static void search_order(void **state)
{
    (void)state;
    struct dir d;
    char home[128], folder[128], file[160], local[128], local_file[160];
    dir_make(&d);
    snprintf(home, sizeof(home), "HOME=%s", d.path);
    snprintf(folder, sizeof(folder), "%s/.config", d.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof(folder), "%s/.config/weir", d.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(file, sizeof(file), "%s/weir.yaml", folder);
    write_file(file, "providers: [ { name: openai, apiKey: home } ]\n");
    assert_int_equal(chdir(d.path), 0);
    struct loaded l;
    load_source(&l, (struct conf_source){.env = ENV(home)});
    assert_loads(&l);
    assert_str(l.s->file, file);
    loaded_fini(&l);
    snprintf(local, sizeof(local), "%s/config", d.path);
    snprintf(local_file, sizeof(local_file), "%s/weir.yaml", local);
    assert_int_equal(mkdir(local, 0700), 0);
    write_file(local_file, "providers: [ { name: openai, apiKey: local } ]\n");
    load_source(&l, (struct conf_source){.env = ENV(home)});
    assert_loads(&l);
    assert_str(l.s->file, local_file);
    assert_str(l.report.file, "./config/weir.yaml");
    loaded_fini(&l);
    /* a name that was given must be there */
    load_source(&l, (struct conf_source){.env = ENV(home, "WEIR_CONFIG=/no/such.yaml")});
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, "/no/such.yaml: there is no such file");
    loaded_fini(&l);
    unlink(local_file);
    rmdir(local);
    unlink(file);
    rmdir(folder);
    snprintf(folder, sizeof(folder), "%s/.config", d.path);
    rmdir(folder);
    assert_int_equal(chdir("/"), 0);
    dir_remove(&d);
}

/* P13: a file that is replaced by rename over and over is read whole, from one of them. */
static void replaced_while_read(void **state)
{
    (void)state;
    struct dir d;
    char next[128];
    dir_make(&d);
    snprintf(next, sizeof(next), "%s/next", d.path);
    for (int i = 0; i < 200; i++) {
        write_file(next, i % 2 ? "providers: [ { name: openai, apiKey: one } ]\nworkers: 1\n"
                               : "workers: 2\nproviders: [ { name: openai, apiKey: two } ]\n");
        assert_int_equal(rename(next, d.file), 0);
        struct loaded l;
        load_source(&l, (struct conf_source){.path = d.file, .env = env});
        assert_loads(&l);
        bool one = str_eq(secret_reveal(&l.s->providers[0].keys[0]), STR("one"));
        assert_int_equal(l.s->workers, one ? 1 : 2);
        loaded_fini(&l);
    }
    dir_remove(&d);
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* The n-th allocation and all after it fail, for every n: no crash, no leak, no snapshot. */
static void memory_runs_out(void **state)
{
    (void)state;
    const str texts[] = {str_c(yaml), str_c(json), STR_NONE};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        size_t n = 1;
        for (enum rc rc = RC_NOMEM; rc != RC_OK; n++) {
            struct conf_source src = {.text = texts[t], .env = env, .backs = conf_backs};
            struct conf_report report;
            struct snapshot *s = NULL;
            assert_true(n < 2000);
            conf_report_init(&report);
            mem_fail_after(n);
            rc = conf_load(&src, &report, &s);
            mem_fail_after(0);
            assert_true(rc == RC_OK || rc == RC_NOMEM);
            assert_int_equal(rc == RC_OK, s != NULL);
            assert_int_equal(conf_report_failed(&report), rc != RC_OK);
            snapshot_unref(s);
            conf_report_fini(&report);
        }
        assert_true(n > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),   cmocka_unit_test(any_byte_wrong),
        cmocka_unit_test(kinds_of_file),       cmocka_unit_test(large_file),
        cmocka_unit_test(symlink_and_paths),   cmocka_unit_test(search_order),
        cmocka_unit_test(replaced_while_read), cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

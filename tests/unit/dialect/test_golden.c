/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden cases: tests/fixtures/dialect/DIALECT/CASE/. From the input of a case everything that can
 * be made of it is made, and compared with the files beside it:
 *
 *     request.json              → to.openai.json  to.anthropic.json  losses.txt
 *     answer.sse, answer.json   → events.txt  as.openai.sse  as.anthropic.sse  as.openai.json …
 *     answer.ndjson             the same, for Ollama's lines
 *     answer.aws                the same; AWS's binary messages, as text (drive_frames)
 *
 * A dialect that is a back only has answers and is translated to.
 *
 * UPDATE_GOLDEN=1 writes them anew; read the diff. Streams are also cut at every byte.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "drive.h"

#define CASES SOURCE_ROOT "/tests/fixtures/dialect/"

static const struct front_opts opts = {.id = {"test", 4},
                                       .model = {"asked", 5},
                                       .created = 1700000000,
                                       .include_usage = true,
                                       .input_estimate = 77};

static const struct target {
    const struct dialect *dialect;
    const char *name, *model;
    const char *losses; /* the file for what is lost on the way to it; NULL: losses.txt */
} targets[] = {
    {&dialect_openai_chat, "openai", "qwen3", NULL},
    {&dialect_anthropic, "anthropic", "claude-sonnet-4-5", NULL},
    {&dialect_responses, "openai-responses", "gpt-5.1", NULL},
    {&dialect_mistral, "mistral", "mistral-small-latest", "losses.mistral.txt"},
    {&dialect_bedrock, "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
     "losses.bedrock.txt"},
    {&dialect_bedrock, "bedrock-nova", "us.amazon.nova-2-lite-v1:0", "losses.bedrock-nova.txt"},
    {&dialect_bedrock_invoke, "bedrock-invoke", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
     "losses.bedrock-invoke.txt"},
    {&dialect_gemini, "gemini", "gemini-2.5-flash", "losses.gemini.txt"},
    {&dialect_cohere, "cohere", "command-a-reasoning-08-2025", "losses.cohere.txt"},
    {&dialect_ollama, "ollama", "qwen3:8b", "losses.ollama.txt"},
};

static void golden(struct drive *d, const char *dir, const char *name, str got)
{
    char path[4096];
    str want;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got.p, 1, got.n, f), got.n);
        assert_int_equal(fclose(f), 0);
        return;
    }
    want = drive_file(d, path);
    if (!want.p)
        fail_msg("%s is missing: run with UPDATE_GOLDEN=1 and read what it writes", path);
    for (unsigned n = 1; !str_eq(got, want); n++) {
        str g = str_cut(&got, '\n'), w = str_cut(&want, '\n');
        if (!str_eq(g, w))
            fail_msg("%s:%u differs\n    got  " STR_FMT "\n    want " STR_FMT, path, n,
                     STR_ARG(str_head(g, 400)), STR_ARG(str_head(w, 400)));
    }
}

static str named(struct drive *d, const char *how, const struct target *t, const char *ending)
{
    return arena_strf(&d->arena, "%s.%s.%s", how, t->name, ending);
}

static str line_ended(struct drive *d, str s)
{
    return arena_strf(&d->arena, STR_FMT "\n", STR_ARG(s));
}

static void check_request(struct drive *d, const struct dialect *from, const char *dir, str body)
{
    str losses = STR("");
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        const struct target *t = &targets[i];
        str out = drive_request(d, from, body, t->dialect, t->model);
        if (!out.p)
            fail_msg("%s: refused: " STR_FMT, dir, STR_ARG(fail_message(&d->fail)));
        golden(d, dir, named(d, "to", t, "json").p, line_ended(d, out));
        if (t->losses) {
            golden(d, dir, t->losses, line_ended(d, drive_losses(d)));
            continue;
        }
        losses = arena_strf(&d->arena, STR_FMT "%s: " STR_FMT "\n", STR_ARG(losses), t->name,
                            STR_ARG(drive_losses(d)));
    }
    golden(d, dir, "losses.txt", losses);
}

static void check_cuts(struct drive *d, const char *dir, const struct answer *a, str lines)
{
    struct answer cut = *a;
    for (cut.first = 1; cut.first < a->bytes.n; cut.first++) {
        struct arena_mark m = arena_mark(&d->arena);
        if (!str_eq(drive_lines(d, &cut), lines))
            fail_msg("%s: other events when cut at %zu", dir, cut.first);
        arena_reset_to(&d->arena, m);
    }
    cut.first = cut.step = 1;
    assert_true(str_eq(drive_lines(d, &cut), lines));
}

/* Of a dialect that stands there twice, for two models, only one is a client. */
static bool is_client(const struct target *t)
{
    return t->dialect->front && str_eq(t->dialect->name, str_c(t->name));
}

/* Binary streams as text. */
static void check_stream(struct drive *d, const char *dir, const struct target *t, str got)
{
    if (t->dialect->back->framing == FRAME_AWS)
        golden(d, dir, named(d, "as", t, "aws").p, drive_unframed(d, got));
    else
        golden(d, dir, named(d, "as", t, "sse").p, got);
}

static void check_answer(struct drive *d, const char *dir, const struct answer *a)
{
    str lines = drive_lines(d, a);
    golden(d, dir, "events.txt", lines);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        const struct target *t = &targets[i];
        if (!is_client(t))
            continue;
        str body = drive_to_body(d, a, t->dialect, &opts);
        check_stream(d, dir, t, drive_to_stream(d, a, t->dialect, &opts));
        if (!body.p) /* an error: there is no body */
            continue;
        (void)drive_json(d, body);
        golden(d, dir, named(d, "as", t, "json").p, line_ended(d, body));
    }
    if (a->stream)
        check_cuts(d, dir, a, lines);
}

static unsigned run(const struct target *from, const char *file)
{
    char pattern[4096];
    glob_t g;
    snprintf(pattern, sizeof pattern, CASES "%s/*/%s", from->name, file);
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct drive d;
        char *path = g.gl_pathv[i];
        drive_init(&d);
        str in = drive_file(&d, path);
        *strrchr(path, '/') = 0;
        struct answer a = {.dialect = from->dialect,
                           .bytes = strcmp(file, "answer.aws") == 0 ? drive_frames(&d, in) : in,
                           .stream = strcmp(file, "answer.json") != 0,
                           .client_usage = true};
        if (strcmp(file, "request.json") == 0)
            check_request(&d, from->dialect, path, in);
        else
            check_answer(&d, path, &a);
        drive_fini(&d);
    }
    unsigned n = (unsigned)g.gl_pathc;
    globfree(&g);
    return n;
}

static void test_golden_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        assert_true(!is_client(&targets[i]) || run(&targets[i], "request.json") > 0);
}

static void test_golden_streams(void **state)
{
    (void)state;
    unsigned binary = 0;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        bool aws = targets[i].dialect->back->framing == FRAME_AWS;
        binary += run(&targets[i], "answer.aws");
        assert_true(run(&targets[i], "answer.sse") + run(&targets[i], "answer.ndjson") > 0 || aws);
    }
    assert_true(binary > 0);
}

static void test_golden_bodies(void **state)
{
    (void)state;
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        n += run(&targets[i], "answer.json");
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_requests),
        cmocka_unit_test(test_golden_streams),
        cmocka_unit_test(test_golden_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

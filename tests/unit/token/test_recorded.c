/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompts of recorded requests, as we count them, beside what their providers reported: a table
 * of errors by family. Left out, and counted apart, is what no reader of the request can know:
 * tools the provider runs itself, files and earlier turns it keeps, images behind URLs.
 *
 * The recordings are no part of the source ($WEIR_SHARED, or beside the tree), nor are the
 * encodings (script/token-ranks); without either the test is skipped.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "../dialect/drive.h"
#include "base/mem.h"
#include "real.h"
#include "token/learn.h"
#include "token/prompt.h"

#define CASES_MAX 1000
#define NAMES_MAX 64

/* Folders of recordings, and the dialect that reads them; one without a front or a back is passed
 * over. */
static const struct {
    const char *folder, *dialect;
    bool responses;
} sources[] = {
    {"openai-chat", "openai", false},
    {"openai-compat", "openai", false},
    {"azure-openai", "openai", false},
    {"deepseek", "openai", false},
    {"groq", "openai", false},
    {"mistral", "openai", false},
    {"openrouter", "openai", false},
    {"xai", "openai", false},
    {"anthropic", "anthropic", false},
    {"bedrock-invoke", "anthropic", false},
    {"vertex", "anthropic", false},
    {"gemini", "gemini", false},
    {"vertex", "gemini", false},
    {"openai-responses", "openai-responses", true},
    {"bedrock-converse", "bedrock", false},
    {"cohere", "cohere", false},
    {"ollama", "ollama", false},
    {"mistral", "mistral", false},
};

struct measured {
    char name[96];
    str family;
    size_t source;
    double want, got, corrected;
    bool exact;
};

struct survey {
    struct token_counter counter;
    struct buf text;
    struct measured *all;
    size_t n, unseen;
    bool verbose;
};

static void learn_usage(void *ctx, const struct ir_event *ev)
{
    if (ev->type == IR_EV_USAGE)
        usage_merge(ctx, ev->usage);
}

static uint64_t reported(struct drive *d, const struct dialect *dialect, const char *dir)
{
    static const char *const files[] = {"response.json", "response.sse", "response.ndjson",
                                        "response.eventstream"};
    struct usage u = {0};

    for (size_t i = 0; i < ARRAY_LEN(files) && !u.has; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        struct answer a = {dialect, drive_file(d, path), i > 0, .client_usage = true};

        if (a.bytes.p && (i > 0 || str_has_prefix(a.bytes, STR("{"))))
            drive_answer(d, &a, (struct ir_sink){learn_usage, &u}, NULL);
    }
    return u.has & USAGE_HAS_INPUT ? usage_prompt(&u) : 0;
}

static bool blocks_are_seen(const struct ir_block *b)
{
    for (; b; b = b->next) {
        if (b->kind == IR_OPAQUE)
            return false;
        if ((b->kind == IR_IMAGE || b->kind == IR_DOCUMENT || b->kind == IR_AUDIO) &&
            (b->media.src == IR_MEDIA_URL || b->media.src == IR_MEDIA_FILE_ID))
            return false;
        if (b->kind == IR_TOOL_RESULT && !blocks_are_seen(b->result.content))
            return false;
    }
    return true;
}

static bool is_seen(const struct ir_request *r)
{
    for (const struct ir_tool *t = r->tools; t; t = t->next)
        if (t->kind == IR_TOOL_SERVER)
            return false;
    static const char *const elsewhere[] = {
        "previous_response_id", "conversation", "cachedContent",    "plugins",
        "web_search_options",   "mcp_servers",  "venice_parameters"};

    for (const struct ir_field *f = r->unknown; f; f = f->next)
        for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
            if (str_eq(f->name, str_c(elsewhere[i])) && !str_eq(f->json, STR("null")))
                return false;
    for (const struct ir_message *m = r->messages; m; m = m->next)
        if (!blocks_are_seen(m->blocks))
            return false;
    return r->messages != NULL;
}

/* The model that answered, from the case's meta.json; a copy in the arena. */
static str model_of(struct drive *d, const char *dir)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/meta.json", dir);
    jval meta = drive_json(d, drive_file(d, path)), model = json_get_lit(meta, "model_responded");

    if (!json_is(model, JSON_STRING))
        model = json_get_lit(meta, "model_requested");
    return json_raw(model);
}

static void look_at(struct survey *s, const char *dir, size_t source)
{
    const struct dialect *dialect = dialect_find(str_c(sources[source].dialect));
    struct drive d;
    struct ir_request r;
    char path[4096];

    drive_init(&d);
    snprintf(path, sizeof(path), "%s/request.json", dir);
    str body = drive_file(&d, path), model = body.p ? model_of(&d, dir) : STR_NONE;
    bool mine = body.p && model.n && s->n < CASES_MAX && !strstr(dir, "/error-") &&
                drive_decode(&d, dialect, body, &r) == RC_OK;
    uint64_t want = mine ? reported(&d, dialect, dir) : 0;

    if (want && is_seen(&r)) {
        struct token_target t = {model, sources[source].responses};
        struct token_count got = token_prompt(&s->counter, &r, &t);
        struct measured *m = &s->all[s->n++];
        const char *name = strrchr(dir, '/') + 1;

        snprintf(m->name, sizeof(m->name), "%s/%s", sources[source].folder, name);
        m->family = token_family(model)->name;
        m->source = source;
        m->want = (double)want, m->got = (double)got.tokens;
        m->exact = got.source == USAGE_COUNTED;
    } else if (want) {
        s->unseen++;
    }
    drive_fini(&d);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double error_of(const struct measured *m, bool corrected)
{
    double e = ((corrected ? m->corrected : m->got) - m->want) / m->want * 100;

    return e < 0 ? -e : e;
}

/* What was reported of the other requests to the same models of the same provider corrects each. */
static void correct(struct survey *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct measured *m = &s->all[i];
        struct learned_ratio r = LEARN_PRIOR;

        for (size_t k = 0; k < s->n && !m->exact; k++)
            if (k != i && s->all[k].want >= LEARN_SMALL && s->all[k].source == m->source &&
                str_eq(s->all[k].family, m->family))
                ratio_learn(&r, (uint64_t)s->all[k].got, (uint64_t)s->all[k].want);
        m->corrected = (double)ratio_apply(&r, (uint64_t)m->got);
    }
}

static double percentile(const struct survey *s, str family, bool exact, bool corrected,
                         unsigned percent, size_t *ret_n)
{
    double errors[CASES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if ((family.n == 0 || str_eq(s->all[i].family, family)) && (!exact || s->all[i].exact))
            errors[n++] = error_of(&s->all[i], corrected);
    *ret_n = n;
    if (n == 0)
        return 0;
    qsort(errors, n, sizeof(*errors), by_value);
    return errors[(n * percent + 99) / 100 - 1];
}

/* One line: how many, and of their errors the median and the 95th percentile. No name: all. */
static void row(const struct survey *s, str family, bool exact, double *ret_median, double *ret_p95)
{
    size_t n;
    double median = percentile(s, family, exact, false, 50, &n);
    double p95 = percentile(s, family, exact, false, 95, &n);
    double corrected = percentile(s, family, exact, true, 50, &n);
    double p95_corrected = percentile(s, family, exact, true, 95, &n);
    str name = family.n ? family : exact ? STR("counted") : STR("all");

    *ret_median = median, *ret_p95 = p95;
    printf("# %-12.*s %4zu %9.1f %9.1f %12.1f %9.1f\n", STR_ARG(name), n, median, p95, corrected,
           p95_corrected);
}

static void report(struct survey *s, double *ret_median, double *ret_p95)
{
    str seen[NAMES_MAX];
    size_t n = 0;

    correct(s);
    printf("# %-12s %4s %9s %9s %12s %9s   errors in %%\n", "family", "n", "median", "p95",
           "corrected", "p95");
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;

        while (k < n && !str_eq(seen[k], s->all[i].family))
            k++;
        if (k == n && n < NAMES_MAX) {
            double median, p95;

            seen[n++] = s->all[i].family;
            row(s, s->all[i].family, false, &median, &p95);
        }
    }
    row(s, STR_NONE, true, ret_median, ret_p95);
    row(s, STR_NONE, false, ret_median, ret_p95);
    printf("# %zu more have parts that only their provider knows\n", s->unseen);
    for (size_t i = 0; s->verbose && i < s->n; i++)
        printf("# %-9.*s %6.0f %6.0f %+6.1f%% %s\n", STR_ARG(s->all[i].family), s->all[i].want,
               s->all[i].got, (s->all[i].got - s->all[i].want) / s->all[i].want * 100,
               s->all[i].name);
}

static void test_errors_over_recorded_requests(void **state)
{
    struct survey *s = *state;
    double median = 0, p95 = 0;

    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct dialect *dialect = dialect_find(str_c(sources[i].dialect));
        char pattern[4096];
        glob_t g;

        if (!dialect || !dialect->front || !dialect->back)
            continue;
        snprintf(pattern, sizeof(pattern), "%s/fixtures/wire/%s/*", drive_shared_dir(),
                 sources[i].folder);
        if (glob(pattern, 0, NULL, &g) != 0)
            continue;
        for (size_t k = 0; k < g.gl_pathc; k++)
            look_at(s, g.gl_pathv[k], i);
        globfree(&g);
    }
    report(s, &median, &p95);
    assert_true(s->n > 50);
    assert_true(median <= 5.0); /* docs/tokens.md has what was reached */
}

int main(void)
{
    struct survey s = {.text = BUF_INIT(16u << 20), .verbose = getenv("TOKENS_VERBOSE") != NULL};
    struct bpe *o200k = real_encoding("o200k_base"), *cl100k = real_encoding("cl100k_base");
    glob_t g;
    char path[4096];
    int failed = 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_errors_over_recorded_requests, &s),
    };

    s.all = mem_need(CASES_MAX * sizeof(*s.all));
    s.counter = (struct token_counter){o200k, cl100k,  mem_need(sizeof(struct bpe_work)),
                                       NULL,  &s.text, 64u << 20};
    snprintf(path, sizeof(path), "%s/fixtures/wire/index.json", drive_shared_dir());
    bool there = glob(path, 0, NULL, &g) == 0;

    if (there)
        globfree(&g);
    if (o200k && cl100k && there)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    else
        printf("1..1\nok 1 # SKIP the recordings or the ranks are not there\n");
    mem_free(s.counter.work);
    mem_free(s.all);
    buf_fini(&s.text);
    bpe_free(o200k);
    bpe_free(cl100k);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompts of recorded requests, as we count them, beside what their providers reported: a table
 * of errors by family. Left out by rule, and counted apart, is what no reader of the request can
 * know (enum unseen): results of tools the provider runs itself, files and earlier turns it keeps,
 * media behind URLs.
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
#include "token/anchor.h"
#include "token/learn.h"
#include "token/prompt.h"

#define CASES_MAX 1000
#define NAMES_MAX 64

/* Folders of recordings, the dialect that reads their requests, the one that reads the answers, and
 * how the model was asked. Cohere's and Ollama's requests are Chat's in all that is counted here.
 */
static const struct {
    const char *folder, *reads, *hears;
    enum token_way way;
} sources[] = {
    {"openai-chat", "openai", "openai", TOKEN_CHAT},
    {"openai-compat", "openai", "openai", TOKEN_CHAT},
    {"azure-openai", "openai", "openai", TOKEN_CHAT},
    {"deepseek", "openai", "openai", TOKEN_CHAT},
    {"groq", "openai", "openai", TOKEN_CHAT},
    {"mistral", "openai", "mistral", TOKEN_CHAT},
    {"openrouter", "openai", "openai", TOKEN_CHAT},
    {"xai", "openai", "openai", TOKEN_CHAT},
    {"cohere", "openai", "cohere", TOKEN_NATIVE},
    {"ollama", "openai", "ollama", TOKEN_NATIVE},
    {"anthropic", "anthropic", "anthropic", TOKEN_NATIVE},
    {"bedrock-invoke", "anthropic", "anthropic", TOKEN_NATIVE},
    {"vertex", "anthropic", "anthropic", TOKEN_NATIVE},
    {"gemini", "gemini", "gemini", TOKEN_NATIVE},
    {"vertex", "gemini", "gemini", TOKEN_VERTEX},
    {"openai-responses", "openai-responses", "openai-responses", TOKEN_RESPONSES},
    {"bedrock-converse", "bedrock", "bedrock", TOKEN_NATIVE},
};

/* Why a recording says nothing of an estimate: what was billed is not what the request shows. */
enum unseen {
    SEEN,
    UNSEEN_SERVER_TOOL, /* the provider ran a tool of its own: its results were read too */
    UNSEEN_KEPT,        /* turns, files or thoughts that the provider keeps and the client names */
    UNSEEN_URL,         /* media that the provider fetched */
    UNSEEN_CLEANED,     /* a seal that whoever published the recording took out */
    UNSEEN_ENDPOINT,    /* another task than to answer: compacting, with instructions of its own */
    UNSEEN_N
};

static const char *const unseen_names[] = {
    [UNSEEN_SERVER_TOOL] = "the provider ran tools of its own",
    [UNSEEN_KEPT] = "name turns, files or thoughts that the provider keeps",
    [UNSEEN_URL] = "have media behind URLs",
    [UNSEEN_CLEANED] = "had their seals taken out",
    [UNSEEN_ENDPOINT] = "were not asked for an answer",
};

struct measured {
    char name[96];
    str family;
    size_t source;
    double want, got, corrected;
    bool exact;
};

/* A recording whose conversation goes on in another one: told with what was reported of the first.
 */
struct session {
    char name[96];
    double want, alone, anchored;
};

struct survey {
    struct token_counter counter;
    struct anchors *anchors;
    struct session sessions[NAMES_MAX];
    size_t nsessions;
    bool again; /* the second time through: what comes before each is known */
    struct buf text;
    struct measured *all;
    size_t n, unseen[UNSEEN_N];
    bool verbose;
};

static void learn_usage(void *ctx, const struct ir_event *ev)
{
    if (ev->type == IR_EV_USAGE)
        usage_merge(ctx, ev->usage);
}

static uint64_t reported(struct drive *d, const struct dialect *dialect, const char *dir, str *ret)
{
    static const char *const files[] = {"response.json", "response.sse", "response.ndjson",
                                        "response.eventstream"};
    struct usage u = {0};

    for (size_t i = 0; i < ARRAY_LEN(files) && !u.has; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        struct answer a = {dialect, drive_file(d, path), i > 0, .client_usage = true};

        *ret = a.bytes.p ? a.bytes : *ret;
        if (a.bytes.p && (i > 0 || str_has_prefix(a.bytes, STR("{"))))
            drive_answer(d, &a, (struct ir_sink){learn_usage, &u}, NULL);
    }
    return u.has & USAGE_HAS_INPUT ? usage_prompt(&u) : 0;
}

static bool was_cleaned(jtext seal)
{
    return str_find(seal, STR("REDACTED")) != SIZE_MAX;
}

static enum unseen thinking_is_seen(const struct ir_block *b, enum token_way way)
{
    jtext seal = b->kind == IR_REDACTED ? b->thinking.text : b->thinking.signature;

    if (was_cleaned(seal))
        return UNSEEN_CLEANED;
    return way == TOKEN_RESPONSES && seal.n == 0 ? UNSEEN_KEPT : SEEN; /* by its id */
}

static enum unseen blocks_are_seen(const struct ir_block *b, enum token_way way)
{
    enum unseen u = SEEN;

    for (; b && u == SEEN; b = b->next) {
        bool media = b->kind == IR_IMAGE || b->kind == IR_DOCUMENT || b->kind == IR_AUDIO;

        if (b->kind == IR_OPAQUE)
            u = UNSEEN_SERVER_TOOL;
        else if (media && b->media.src == IR_MEDIA_URL)
            u = UNSEEN_URL;
        else if (media && b->media.src == IR_MEDIA_FILE_ID)
            u = UNSEEN_KEPT;
        else if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            u = thinking_is_seen(b, way);
        else if (b->kind == IR_TOOL_USE && was_cleaned(b->use.sealed))
            u = UNSEEN_CLEANED;
        else if (b->kind == IR_TOOL_RESULT)
            u = blocks_are_seen(b->result.content, way);
    }
    return u;
}

static const struct {
    const char *name;
    enum unseen why;
} elsewhere[] = {
    {"previous_response_id", UNSEEN_KEPT},
    {"conversation", UNSEEN_KEPT},
    {"cachedContent", UNSEEN_KEPT},
    {"plugins", UNSEEN_SERVER_TOOL},
    {"web_search_options", UNSEEN_SERVER_TOOL},
    {"mcp_servers", UNSEEN_SERVER_TOOL},
    {"venice_parameters", UNSEEN_SERVER_TOOL},
    {"guardrailConfig", UNSEEN_SERVER_TOOL},
};

static enum unseen is_seen(const struct ir_request *r, enum token_way way)
{
    enum unseen u = SEEN;

    for (const struct ir_tool *t = r->tools; t; t = t->next)
        if (t->kind == IR_TOOL_SERVER)
            return UNSEEN_SERVER_TOOL;
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
            if (str_eq(f->name, str_c(elsewhere[i].name)) && !str_eq(f->json, STR("null")))
                return elsewhere[i].why;
    for (const struct ir_message *m = r->messages; m && u == SEEN; m = m->next)
        u = blocks_are_seen(m->blocks, way);
    return u;
}

/* Answers tell what their provider ran unasked: an agent's searches, a gateway that read a file. */
static enum unseen answer_is_plain(str answer, str path)
{
    static const char *const signs[] = {"\"executed_tools\": [", "\"annotations\": [{\"file\""};

    if (str_find(path, STR("/compact")) != SIZE_MAX)
        return UNSEEN_ENDPOINT;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (str_find(answer, str_c(signs[i])) != SIZE_MAX)
            return UNSEEN_SERVER_TOOL;
    return SEEN;
}

/* Of the case's meta.json, in the arena: the model as it was asked for, which is all that a gateway
 * knows, and the path. */
static str model_of(struct drive *d, const char *dir, str *ret_path)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/meta.json", dir);
    jval meta = drive_json(d, drive_file(d, path)), model = json_get_lit(meta, "model_requested");

    if (!json_is(model, JSON_STRING))
        model = json_get_lit(meta, "model_responded");
    *ret_path = json_raw(json_get_lit(json_get_lit(meta, "http"), "path"));
    return json_raw(model);
}

/* Ollama's name for the thoughts of earlier turns. */
static str spelled_as_chat(struct drive *d, str body)
{
    str ollama = STR("\"thinking\""), chat = STR("\"reasoning_content\"");
    struct buf b = BUF_INIT(16u << 20);

    for (size_t at; (at = str_find(body, ollama)) != SIZE_MAX;
         body = str_from(body, at + ollama.n)) {
        buf_add(&b, str_head(body, at));
        buf_add(&b, chat);
    }
    buf_add(&b, body);
    body = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return body;
}

static void add_measured(struct survey *s, const char *dir, size_t source, str model,
                         const struct ir_request *r)
{
    struct token_target t = {model, sources[source].way};
    struct token_count got = token_prompt(&s->counter, r, &t);
    struct measured *m = &s->all[s->n++];

    snprintf(m->name, sizeof(m->name), "%s/%s", sources[source].folder, strrchr(dir, '/') + 1);
    m->family = token_family(model, t.way)->name;
    m->source = source;
    m->got = (double)got.tokens;
    m->exact = got.source == USAGE_COUNTED;
}

/* The request without its last message, if anything was reported of a beginning of it. */
static void look_back(struct survey *s, const char *dir, size_t source, str model,
                      struct ir_request *r, uint64_t want)
{
    struct token_target t = {model, sources[source].way, NULL};
    struct ir_message *m = r->messages, *last;
    struct anchor a;

    if (!m->next)
        return;
    while (m->next->next)
        m = m->next;
    last = m->next;
    m->next = NULL; /* or it would find itself */
    bool found = anchors_find(s->anchors, str_c(sources[source].folder), model, r, &a);
    m->next = last;
    if (!found || s->nsessions == NAMES_MAX)
        return;
    struct session *e = &s->sessions[s->nsessions++];
    uint64_t all = token_prompt(&s->counter, r, &t).tokens;

    t.last = a.last;
    uint64_t before = token_prompt(&s->counter, r, &t).tokens;

    snprintf(e->name, sizeof(e->name), "%s/%s", sources[source].folder, strrchr(dir, '/') + 1);
    e->want = (double)want, e->alone = (double)all;
    e->anchored = (double)a.tokens + (double)all - (double)before;
}

static void look_at(struct survey *s, const char *dir, size_t source)
{
    const struct dialect *reads = dialect_find(str_c(sources[source].reads));
    const struct dialect *hears = dialect_find(str_c(sources[source].hears));
    struct drive d;
    struct ir_request r;
    char path[4096];

    drive_init(&d);
    snprintf(path, sizeof(path), "%s/request.json", dir);
    str body = drive_file(&d, path), url = STR_NONE, answer = STR_NONE;
    str model = body.p ? model_of(&d, dir, &url) : STR_NONE;
    if (str_eq(str_c(sources[source].folder), STR("ollama")))
        body = spelled_as_chat(&d, body);
    bool mine = body.p && model.n && s->n < CASES_MAX && !strstr(dir, "/error-") &&
                drive_decode(&d, reads, body, &r) == RC_OK && r.messages;
    uint64_t want = mine ? reported(&d, hears, dir, &answer) : 0;

    if (want) {
        enum unseen u = is_seen(&r, sources[source].way);

        u = u == SEEN ? answer_is_plain(answer, url) : u;
        s->unseen[u] += !s->again;
        if (u == SEEN && s->again) {
            look_back(s, dir, source, model, &r, want);
        } else if (u == SEEN) {
            anchors_put(s->anchors, str_c(sources[source].folder), model, &r, want);
            add_measured(s, dir, source, model, &r);
            s->all[s->n - 1].want = (double)want;
        }
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
    for (size_t i = SEEN + 1; i < UNSEEN_N; i++)
        printf("# left out: %3zu that %s\n", s->unseen[i], unseen_names[i]);
    for (size_t i = 0; s->verbose && i < s->n; i++)
        printf("# %-9.*s %6.0f %6.0f %+6.1f%% %s\n", STR_ARG(s->all[i].family), s->all[i].want,
               s->all[i].got, (s->all[i].got - s->all[i].want) / s->all[i].want * 100,
               s->all[i].name);
}

/* Recordings are single calls, so there are few of them; each must come nearer, or stay as near. */
static void report_sessions(const struct survey *s)
{
    for (size_t i = 0; i < s->nsessions; i++) {
        const struct session *e = &s->sessions[i];
        double alone = (e->alone - e->want) / e->want * 100;
        double anchored = (e->anchored - e->want) / e->want * 100;

        printf("# a second turn: %6.0f, alone %+6.1f%%, behind the first %+6.1f%% %s\n", e->want,
               alone, anchored, e->name);
    }
}

static void survey_all(struct survey *s)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct dialect *reads = dialect_find(str_c(sources[i].reads));
        char pattern[4096];
        glob_t g;

        assert_true(reads && reads->front && dialect_find(str_c(sources[i].hears)));
        snprintf(pattern, sizeof(pattern), "%s/fixtures/wire/%s/*", drive_shared_dir(),
                 sources[i].folder);
        if (glob(pattern, 0, NULL, &g) != 0)
            continue;
        for (size_t k = 0; k < g.gl_pathc; k++)
            look_at(s, g.gl_pathv[k], i);
        globfree(&g);
    }
}

static void test_errors_over_recorded_requests(void **state)
{
    struct survey *s = *state;
    double median = 0, p95 = 0;

    survey_all(s);
    s->again = true;
    survey_all(s);
    report(s, &median, &p95);
    report_sessions(s);
    assert_true(s->n > 50);
    assert_true(median <= 3.0);
    assert_true(p95 <= 10.0);
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
    s.anchors = mem_need(sizeof(*s.anchors));
    anchors_init(s.anchors, (struct hash_key){1, 2});
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
    mem_free(s.anchors);
    buf_fini(&s.text);
    bpe_free(o200k);
    bpe_free(cl100k);
    return failed;
}

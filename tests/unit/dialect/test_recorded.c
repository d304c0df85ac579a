/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded answers of providers. They are not part of the source ($WEIR_SHARED, or beside the
 * tree); without them the tests are skipped. For each case:
 *
 *   - it decodes, and the decoder keeps its promises (drive watches them);
 *   - cut at every byte, the events are the same (J10). Above 10 kB the cuts are made in all events
 *     at once: one run cuts each event behind its first byte, the next behind its second, and so
 * on. Cut in two at every byte, a stream costs the square of its length; so it costs its length
 *     times an event's, and no cut is left out;
 *   - written for a client of each dialect, as a stream and as a body, and read back, it means the
 *     same (J11, U46);
 *   - in the same dialect the raw stream passes byte for byte (but the usage chunk nobody asked
 *     for, and what stands behind the last event).
 *
 * What is written and read back is counted in a table, from each provider's language to each
 * client's: told whole, or but for what docs/dialects lists as lost. The golden cases of the tree
 * cross in the same way, so there is a table without recordings, too.
 */
#include <glob.h>
#include <stdio.h>

#include "drive.h"

/* Folders of recordings, and the dialect that reads them. */
struct source {
    const char *folder;
    const struct dialect *dialect;
};

static const struct source sources[] = {
    {"openai-chat", &dialect_openai_chat},
    {"openai-compat", &dialect_openai_chat},
    {"deepseek", &dialect_openai_chat},
    {"groq", &dialect_openai_chat},
    {"mistral", &dialect_mistral},
    {"openrouter", &dialect_openai_chat},
    {"xai", &dialect_openai_chat},
    {"perplexity", &dialect_openai_chat},
    {"azure-openai", &dialect_azure},
    {"anthropic", &dialect_anthropic},
    {"gemini", &dialect_gemini},
    {"vertex", &dialect_vertex},
    {"vertex", &dialect_vertex_anthropic},
    {"openai-responses", &dialect_responses},
    {"azure-openai", &dialect_azure_responses},
    {"bedrock-converse", &dialect_bedrock},
    {"bedrock-invoke", &dialect_bedrock_invoke},
    {"cohere", &dialect_cohere},
    {"ollama", &dialect_ollama},
};

static const struct source golden[] = {
    {"openai", &dialect_openai_chat}, {"anthropic", &dialect_anthropic},
    {"gemini", &dialect_gemini},      {"openai-responses", &dialect_responses},
    {"bedrock", &dialect_bedrock},    {"bedrock-invoke", &dialect_bedrock_invoke},
    {"mistral", &dialect_mistral},    {"cohere", &dialect_cohere},
    {"ollama", &dialect_ollama},
};

static const struct front_opts opts = {
    .id = {"test", 4}, .model = {"asked", 5}, .created = 1700000000, .include_usage = true};

typedef void (*case_fn)(struct drive *d, const char *path, const struct answer *a);

static bool is_gemini(const struct dialect *dialect)
{
    return str_eq(dialect->family, dialect_gemini.family);
}

/* Files that are no chat answer at all. */
static bool is_chat(const struct dialect *dialect, str body)
{
    if (str_eq(dialect->family, dialect_responses.family))
        return str_find(body, STR("\"output\"")) != SIZE_MAX;
    if (dialect->back->framing == FRAME_AWS && !str_has_prefix(str_trim(body), STR("{")))
        return true;
    if (dialect == &dialect_bedrock)
        return str_find(body, STR("\"output\"")) != SIZE_MAX;
    if (dialect == &dialect_bedrock_invoke) /* other makers' models have languages of their own */
        return str_find(body, STR("\"type\":\"message\"")) != SIZE_MAX;
    if (str_eq(dialect->family, dialect_anthropic.family))
        return (str_find(body, STR("\"assistant\"")) != SIZE_MAX &&
                !str_has_prefix(body, STR("{\"custom_id\""))) || /* the result of a batch */
               str_find(body, STR("event: error")) != SIZE_MAX;
    if (is_gemini(dialect))
        return str_find(body, STR("\"candidates\"")) != SIZE_MAX ||
               str_find(body, STR("\"promptFeedback\"")) != SIZE_MAX;
    if (dialect == &dialect_cohere || dialect == &dialect_ollama)
        return str_find(body, STR("\"message\"")) != SIZE_MAX &&
               str_find(body, STR("\"response_id\"")) == SIZE_MAX; /* Cohere's first API */
    return str_find(body, STR("\"choices\"")) != SIZE_MAX;
}

/* The cases below `folder` that have such a file. */
static unsigned each_in(const char *root, const struct source *from, const char *file, case_fn fn)
{
    char pattern[4096];
    unsigned n = 0;
    glob_t g;
    snprintf(pattern, sizeof pattern, "%s/%s/*/%s", root, from->folder, file);
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t k = 0; k < g.gl_pathc; k++) {
        struct drive d;
        drive_init(&d);
        str in = drive_file(&d, g.gl_pathv[k]);
        struct answer a = {.dialect = from->dialect,
                           .bytes = strstr(file, ".aws") ? drive_frames(&d, in) : in,
                           .stream = strstr(file, ".json") == NULL,
                           .client_usage = true};
        if (!strstr(g.gl_pathv[k], "/error-") && is_chat(a.dialect, a.bytes)) {
            fn(&d, g.gl_pathv[k], &a);
            n++;
        }
        drive_fini(&d);
    }
    globfree(&g);
    return n;
}

static unsigned each(const char *file, case_fn fn)
{
    char root[4000];
    unsigned n = 0;
    snprintf(root, sizeof root, "%s/fixtures/wire", drive_shared_dir());
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        n += each_in(root, &sources[i], file, fn);
    return n;
}

static unsigned each_stream(case_fn fn)
{
    return each("response.sse", fn) + each("response.eventstream", fn) +
           each("response.ndjson", fn);
}

/* The first line that differs, for whole answers do not fit a message. */
static void same(const char *path, const char *what, str got, str want)
{
    if (str_eq(got, want))
        return;
    while (got.p && want.p) {
        str g = str_cut(&got, '\n'), w = str_cut(&want, '\n');
        if (!str_eq(g, w))
            fail_msg("%s: %s\n    got  " STR_FMT "\n    want " STR_FMT, path, what,
                     STR_ARG(str_head(g, 300)), STR_ARG(str_head(w, 300)));
    }
    fail_msg("%s: %s: one is longer", path, what);
}

static void decodes(struct drive *d, const char *path, const struct answer *a)
{
    str lines = drive_lines(d, a);
    bool failed = strstr(path, "stream-error") != NULL;
    if (failed)
        assert_true(str_find(lines, STR("\nerror ")) != SIZE_MAX);
    else if (!str_has_suffix(lines, STR("\nend\n")))
        fail_msg("%s: no whole answer:\n" STR_FMT, path, STR_ARG(lines));
    if (!failed && str_find(lines, STR("\nerror ")) != SIZE_MAX)
        fail_msg("%s: an error:\n" STR_FMT, path, STR_ARG(lines));
}

static void test_recorded_bodies_decode(void **state)
{
    (void)state;
    if (each("response.json", decodes) == 0)
        skip();
}

static void test_recorded_streams_decode(void **state)
{
    (void)state;
    if (each_stream(decodes) == 0)
        skip();
}

/* Where each event ends, as its framing says; the last one also when nothing closes it. */
static size_t event_ends(const struct answer *a, size_t *ends)
{
    struct frame_parser p;
    struct sse_event e;
    str in = a->bytes;
    size_t n = 0, at = 0;
    frame_init(&p, a->dialect->back->framing, SSE_EVENT_MAX);
    while (frame_next(&p, &in, &e) == SSE_EVENT)
        ends[n++] = at += e.raw.n;
    frame_fini(&p);
    assert_true(at <= a->bytes.n);
    if (at < a->bytes.n)
        ends[n++] = a->bytes.n;
    return n;
}

/* Each event is cut behind its k-th byte, for every k; 0: between the events. A long one is cut
 * again every CUT_SPAN bytes, so that it takes no more runs than that. */
enum { CUT_SPAN = 1000 };
static void cut_each_event(struct drive *d, const char *path, const struct answer *a, str whole)
{
    size_t *ends = arena_alloc(&d->arena, a->bytes.n * sizeof *ends);
    size_t *cuts = arena_alloc(&d->arena, a->bytes.n * sizeof *cuts);
    size_t events = event_ends(a, ends);
    struct answer cut = *a;
    cut.cuts = cuts;
    for (size_t k = 0; k < CUT_SPAN; k++) {
        struct arena_mark m = arena_mark(&d->arena);
        cut.n_cuts = 0;
        for (size_t i = 0; i < events; i++)
            for (size_t at = (i ? ends[i - 1] : 0) + k; at < ends[i]; at += CUT_SPAN)
                if (at > 0)
                    cuts[cut.n_cuts++] = at;
        if (cut.n_cuts == 0 && k > 0)
            break; /* the longest event is through */
        same(path, "cut in each event", drive_lines(d, &cut), whole);
        arena_reset_to(&d->arena, m);
    }
}

static void cut_everywhere(struct drive *d, const char *path, const struct answer *a)
{
    str whole = drive_lines(d, a);
    struct answer cut = *a;
    for (cut.first = 1; cut.first < a->bytes.n && a->bytes.n <= 10000; cut.first++) {
        struct arena_mark m = arena_mark(&d->arena);
        same(path, "cut in two", drive_lines(d, &cut), whole);
        arena_reset_to(&d->arena, m);
    }
    cut_each_event(d, path, a, whole);
    cut.first = 0;
    for (cut.step = 1; cut.step < 64; cut.step += 31)
        same(path, "cut in small pieces", drive_lines(d, &cut), whole);
}

static void test_j10_cut_at_every_byte(void **state)
{
    (void)state;
    if (each_stream(cut_everywhere) == 0)
        skip();
}

/* What the other language has no words for is taken out of both before they are compared. */
static str without(struct drive *d, str meaning, const char *word)
{
    struct buf b = BUF_INIT(64u << 20);
    while (meaning.p) {
        str line = str_cut(&meaning, '\n');
        if (line.n && !str_has_prefix(line, str_c(word))) {
            buf_add(&b, line);
            buf_add_char(&b, '\n');
        }
    }
    str out = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* Gemini's calls may have no id, then one is made of ours: "call_test_1", "tooluse_test_1". */
static str without_made_ids(struct drive *d, str meaning)
{
    struct buf b = BUF_INIT(64u << 20);
    while (meaning.p) {
        str line = str_cut(&meaning, '\n');
        size_t at = str_find(line, STR("_test_"));
        if (str_has_prefix(line, STR("call ")) && at < 14) {
            line = str_from(line, at);
            buf_lit(&b, "call  ");
            line = str_from(line, str_find_char(line, ' ') + 1);
        }
        buf_add(&b, line);
        if (meaning.p)
            buf_add_char(&b, '\n');
    }
    str out = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* A client that asked for the usage gets zeroes where the provider said none. */
static str comparable(struct drive *d, const struct answer *a, str want)
{
    str got = without_made_ids(d, drive_meaning(d, a));
    return str_find(want, STR("\nprompt ")) == SIZE_MAX ? without(d, got, "prompt 0 read 0") : got;
}

/* Converse doesn't count the tokens of thoughts. */
static str without_thought_count(struct drive *d, str meaning)
{
    size_t at = str_find(meaning, STR(" reason "));
    if (at == SIZE_MAX)
        return meaning;
    str rest = str_from(meaning, at + 8);
    size_t end = str_find_char(rest, '\n');
    return arena_strf(&d->arena, STR_FMT STR_FMT, STR_ARG(str_head(meaning, at)),
                      STR_ARG(str_from(rest, end)));
}

/* Gemini has no word for a refusal of the model's, nor for what was written to a cache; Messages,
 * Responses and Converse none for the seal of a text. */
static str in_words_of(struct drive *d, const struct answer *a, const struct dialect *front,
                       str meaning)
{
    if (front == &dialect_bedrock)
        meaning = without_thought_count(d, meaning);
    size_t at = str_find(meaning, STR(" written "));
    if ((front == &dialect_anthropic || front == &dialect_responses || front == &dialect_bedrock) &&
        is_gemini(a->dialect))
        return without(d, meaning, "sealed");
    if (front != &dialect_gemini)
        return meaning;
    if (at != SIZE_MAX) {
        str rest = str_from(meaning, at + 9);
        (void)str_cut(&rest, ' ');
        meaning = arena_strf(&d->arena, STR_FMT " written 0 " STR_FMT,
                             STR_ARG(str_head(meaning, at)), STR_ARG(rest));
    }
    return without(d, meaning, "finish filter");
}

static const struct dialect *const fronts[] = {&dialect_openai_chat, &dialect_responses,
                                               &dialect_anthropic, &dialect_gemini,
                                               &dialect_bedrock};

/* By the dialect's place in the registry. */
#define DIALECTS_MAX 32
static struct {
    unsigned whole, lossy;
} told[DIALECTS_MAX][ARRAY_LEN(fronts)];

static size_t place_of(const struct dialect *dialect)
{
    size_t i = 0;
    while (dialect_at(i) != dialect)
        i++;
    assert_true(i < DIALECTS_MAX);
    return i;
}

static void print_told(const char *of)
{
    print_message("# answers (%s): whole/but for a declared loss\n# %-17s", of, "");
    for (size_t k = 0; k < ARRAY_LEN(fronts); k++)
        print_message(" %17.*s", (int)fronts[k]->name.n, fronts[k]->name.p);
    for (size_t i = 0; i < DIALECTS_MAX && dialect_at(i); i++) {
        if (!told[i][0].whole && !told[i][0].lossy)
            continue;
        print_message("\n# %-17.*s", (int)dialect_at(i)->name.n, dialect_at(i)->name.p);
        for (size_t k = 0; k < ARRAY_LEN(fronts); k++)
            print_message(" %11u/%5u", told[i][k].whole, told[i][k].lossy);
    }
    print_message("\n");
    memset(told, 0, sizeof told);
}

static void there_and_back(struct drive *d, const char *path, const struct answer *a)
{
    str want = drive_meaning(d, a);
    if (str_has_prefix(want, STR("error")))
        return; /* recorded failures are another test's */
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        struct answer s = {.dialect = fronts[i],
                           .bytes = drive_to_stream(d, a, fronts[i], &opts),
                           .stream = true,
                           .client_usage = true};
        struct answer b = {.dialect = fronts[i], .bytes = drive_to_body(d, a, fronts[i], &opts)};
        /* an unfinished call's arguments are no object: a body can't hold them */
        bool cut = str_find(want, STR("finish length")) != SIZE_MAX;
        bool gemini = fronts[i] == &dialect_gemini;
        str got_stream = comparable(d, &s, want), got_body = comparable(d, &b, want);
        str said = in_words_of(d, a, fronts[i], want);
        str streamed = in_words_of(d, a, fronts[i], got_stream);
        str whole = in_words_of(d, a, fronts[i], got_body);
        if (gemini && str_find(want, STR("finish filter")) != SIZE_MAX) {
            streamed = without(d, streamed, "finish");
            whole = without(d, whole, "finish");
        }
        same(path, "as a stream", without(d, streamed, gemini && cut ? "call" : "\n"),
             without(d, said, gemini && cut ? "call" : "\n"));
        same(path, "as a body", without(d, whole, cut ? "call" : "\n"),
             without(d, said, cut ? "call" : "\n"));
        if (str_eq(got_stream, want) && str_eq(got_body, want))
            told[place_of(a->dialect)][i].whole++;
        else
            told[place_of(a->dialect)][i].lossy++;
    }
}

static void test_j11_there_and_back_streams(void **state)
{
    (void)state;
    if (each_stream(there_and_back) == 0)
        skip();
    print_told("recorded streams");
}

static void test_j11_there_and_back_bodies(void **state)
{
    (void)state;
    if (each("response.json", there_and_back) == 0)
        skip();
    print_told("recorded bodies");
}

static void test_golden_answers_there_and_back(void **state)
{
    static const char *const files[] = {"answer.json", "answer.sse", "answer.ndjson", "answer.aws"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(golden); i++)
        for (size_t k = 0; k < ARRAY_LEN(files); k++)
            (void)each_in(SOURCE_ROOT "/tests/fixtures/dialect", &golden[i], files[k],
                          there_and_back);
    print_told("golden cases");
}

/* Servers that learnt it from Chat end a Responses stream with it, behind its own last event. */
static str without_done(str stream)
{
    str done = STR("data: [DONE]\n\n");
    return str_has_suffix(stream, done) ? str_head(stream, stream.n - done.n) : stream;
}

static void passes(struct drive *d, const char *path, const struct answer *a)
{
    bool ends_before = str_eq(a->dialect->family, dialect_responses.family) ||
                       a->dialect == &dialect_cohere; /* its last event is not [DONE] */
    str want = ends_before ? without_done(a->bytes) : a->bytes;
    struct buf raw = BUF_INIT(64u << 20);
    struct ir_collect c;
    ir_collect_init(&c, &d->arena, false);
    if (a->dialect->back->reframe)
        return; /* its bytes are not the client's */
    if (drive_answer(d, a, ir_collect_sink(&c), &raw) == ANSWER_WHOLE)
        same(path, "raw", buf_str(&raw), want);
    buf_fini(&raw);
}

static void test_same_dialect_passes_bytes(void **state)
{
    (void)state;
    if (each_stream(passes) == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_bodies_decode),
        cmocka_unit_test(test_recorded_streams_decode),
        cmocka_unit_test(test_j10_cut_at_every_byte),
        cmocka_unit_test(test_j11_there_and_back_streams),
        cmocka_unit_test(test_j11_there_and_back_bodies),
        cmocka_unit_test(test_golden_answers_there_and_back),
        cmocka_unit_test(test_same_dialect_passes_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

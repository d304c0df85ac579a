/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - megabytes a second of our reader beside jansson and simdjson, in one run.
 *
 *     micro_json [SECONDS of each figure, default 0.3] [READER: only those whose names begin so]
 *
 * The texts are what a gateway reads: whole requests of coding agents, and the events of a stream
 * one by one. Recorded bodies are added when the wider fixtures are there ($WEIR_SHARED).
 * Contenders take turns in ROUNDS rounds, and the best round of each counts: a noisy machine only
 * ever makes a round slower. What is timed is reading alone: text in, something that can be walked
 * out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../tests/unit/json/files.h"
#include "../../tests/unit/json/rewrite.h"
#include "../load/prompt.h"
#include "base/arena.h"
#include "base/mem.h"
#include "rival.h"
#include "stopwatch.h"

#define ROUNDS      7
#define ARENA_CAP   ((size_t)1 << 30)
#define EVENT_NODES 128

struct contender {
    const char *name;
    bool (*parse)(void *self, str text);
    void *self;
};

struct result {
    double ns, instructions; /* a text; the best round */
};

static bool ours(void *self, str text)
{
    struct arena *a = self;
    struct json_doc d;
    arena_reset(a);
    return json_parse(a, text, &d, NULL) == RC_OK;
}

static bool ours_into(void *self, str text)
{
    struct json_doc d;
    return json_parse_into(self, EVENT_NODES, text, &d, NULL) == RC_OK;
}

#ifdef HAVE_JANSSON
static bool jansson(void *self, str text)
{
    (void)self;
    return rival_jansson(text.p, text.n);
}
#endif

#ifdef HAVE_SIMDJSON
static bool simd(void *self, str text)
{
    (void)self;
    return rival_simdjson(text.p, text.n);
}
#endif

/* A set of texts that are read one after the other. */
struct texts {
    const char *name;
    str all[8];
    size_t n;
};

static uint64_t turn(struct stopwatch *m, const struct contender *c, const struct texts *t,
                     size_t times)
{
    stopwatch_start(m);
    for (size_t i = 0; i < times; i++)
        for (size_t k = 0; k < t->n; k++)
            CHECK(c->parse(c->self, t->all[k]));
    stopwatch_stop(m);
    return m->ns;
}

/* So many times over the texts take about `seconds`. */
static size_t times_for(struct stopwatch *m, const struct contender *c, const struct texts *t,
                        double seconds)
{
    size_t times = 1;
    while (turn(m, c, t, times) < 2000000)
        times *= 2;
    double one = (double)m->ns / (double)times;
    return (size_t)(seconds * 1e9 / ROUNDS / one) + 1;
}

static void measure(const struct contender *cs, size_t n, const struct texts *t, double seconds)
{
    struct stopwatch m;
    struct result best[8];
    size_t times[8], bytes = 0;
    stopwatch_init(&m);
    for (size_t i = 0; i < n; i++) {
        times[i] = times_for(&m, &cs[i], t, seconds);
        best[i] = (struct result){1e18, 1e18};
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n; i++) {
            double texts = (double)(times[i] * t->n);
            double ns = (double)turn(&m, &cs[i], t, times[i]) / texts;
            double ins = (double)m.instructions / texts;
            best[i].ns = ns < best[i].ns ? ns : best[i].ns;
            best[i].instructions = ins < best[i].instructions ? ins : best[i].instructions;
        }
    }
    for (size_t k = 0; k < t->n; k++)
        bytes += t->all[k].n;
    double size = (double)bytes / (double)t->n;
    for (size_t i = 0; i < n; i++) {
        printf("%-22s %9.0f  %-22s %9.0f %12.0f", i ? "" : t->name, size, cs[i].name,
               size / best[i].ns * 1000, best[i].ns);
        if (m.fd >= 0)
            printf(" %10.2f\n", best[i].instructions / size);
        else
            printf(" %10s\n", "-");
    }
    stopwatch_fini(&m);
}

/* A copy with readable bytes behind it, for simdjson. Kept to the end. */
static str padded(str s)
{
    char *p = mem_need(s.n + RIVAL_PADDING);
    memcpy(p, s.p, s.n);
    return str_of(p, s.n);
}

static str prompt(enum dialect d, size_t size)
{
    struct text t = {0};
    prompt_add(&t, d, "gpt-5", true, size);
    return padded(str_of(t.at, t.len));
}

/* The request body in a recorded call, without the blanks it was laid out with. */
static bool recorded(const char *name, str *ret)
{
    struct buf file;
    if (!shared_read(name, &file))
        return false;
    struct arena a;
    struct json_doc d;
    struct rope r = ROPE_INIT(64u << 20);
    struct buf flat = BUF_INIT(64u << 20);
    struct json_writer w;
    arena_init(&a, ARENA_CAP);
    json_writer_init(&w, &r);
    bool good = json_parse(&a, buf_str(&file), &d, NULL) == RC_OK &&
                rewrite(&w, json_get_lit(json_root(&d), "body"));
    if (good) {
        rope_flatten(&r, &flat);
        *ret = padded(buf_str(&flat));
    }
    buf_fini(&flat);
    rope_fini(&r);
    arena_fini(&a);
    buf_fini(&file);
    return good;
}

/* A message of 100 KB in which every character is written like this. */
static str monotone(const char *character)
{
    struct text t = {0};
    text_puts(&t, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    while (t.len < 100000)
        text_puts(&t, character);
    text_puts(&t, "\"}]}");
    return padded(str_of(t.at, t.len));
}

static const char *const events[] = {
    "{\"id\":\"chatcmpl-CfX0aQZrT4\",\"object\":\"chat.completion.chunk\",\"created\":1763900000,"
    "\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" the\"},"
    "\"finish_reason\":null}]}",
    "{\"id\":\"chatcmpl-CfX0aQZrT4\",\"object\":\"chat.completion.chunk\",\"created\":1763900000,"
    "\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"function\":{\"arguments\":\"{\\\"pa\"}}]},\"finish_reason\":null}]}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
    "\"text\":\" jumps over\\nthe lazy\"}}",
    "{\"id\":\"chatcmpl-CfX0aQZrT4\",\"object\":\"chat.completion.chunk\",\"created\":1763900000,"
    "\"model\":\"gpt-5\",\"choices\":[],\"usage\":{\"prompt_tokens\":1200,"
    "\"completion_tokens\":40,\"total_tokens\":1240,\"prompt_tokens_details\":"
    "{\"cached_tokens\":1024}}}",
};

static struct texts one(const char *name, str s)
{
    return (struct texts){.name = name, .all = {s}, .n = 1};
}

static size_t only(struct contender *cs, size_t n, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (str_has_prefix(str_c(cs[i].name), str_c(name)))
            cs[kept++] = cs[i];
    return kept;
}

int main(int argc, char **argv)
{
    double seconds = 0.3;
    if (argc > 1)
        seconds = (double)option_seconds("seconds", argv[1]) / 1e9;
    struct arena a;
    struct json_node nodes[EVENT_NODES];
    arena_init(&a, ARENA_CAP);
    struct contender cs[8] = {{"weir", ours, &a}};
    size_t n = 1;
#ifdef HAVE_JANSSON
    cs[n++] = (struct contender){"jansson", jansson, NULL};
#endif
#ifdef HAVE_SIMDJSON
    cs[n++] = (struct contender){rival_simdjson_name(), simd, NULL};
#endif
    n = argc > 2 ? only(cs, n, argv[2]) : n;
    printf("%-22s %9s  %-22s %9s %12s %10s\n", "text", "bytes", "reader", "MB/s", "ns/text",
           "instr/byte");
    static const struct {
        const char *name;
        enum dialect d;
        size_t size;
    } prompts[] = {{"agent body, OpenAI", DIALECT_OPENAI, 30000},
                   {"agent body, Anthropic", DIALECT_ANTHROPIC, 100000},
                   {"agent body, OpenAI", DIALECT_OPENAI, 1000000}};
    for (size_t i = 0; i < ARRAY_LEN(prompts); i++) {
        struct texts t = one(prompts[i].name, prompt(prompts[i].d, prompts[i].size));
        measure(cs, n, &t, seconds);
    }
    static const char *const files[][2] = {
        {"recorded claude-code", "fixtures/clients/claude-code/03-tool-turn2-tool_result.json"},
        {"recorded opencode", "fixtures/clients/opencode/03-tool-turn2.json"},
        {"recorded codex", "fixtures/clients/codex/02-tool-turn1.json"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        str body;
        if (recorded(files[i][1], &body)) {
            struct texts t = one(files[i][0], body);
            measure(cs, n, &t, seconds);
        }
    }
    static const char *const kinds[][2] = {
        {"plain ASCII", "text "},
        {"Japanese, UTF-8", "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"},
        {"Japanese, \\u escapes", "\\u65e5\\u672c\\u8a9e"},
        {"code, \\\" and \\n", "if (x == \\\"y\\\")\\n    f();\\n"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct texts t = one(kinds[i][0], monotone(kinds[i][1]));
        measure(cs, n, &t, seconds);
    }
    struct buf file;
    if (shared_read(files[0][1], &file)) {
        struct texts t = one("pretty-printed", padded(buf_str(&file)));
        measure(cs, n, &t, seconds);
        buf_fini(&file);
    }
    struct texts stream = {.name = "stream events", .n = ARRAY_LEN(events)};
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        stream.all[i] = padded(str_c(events[i]));
    if (n && cs[0].parse == ours)
        cs[0] = (struct contender){"weir (parse_into)", ours_into, nodes};
    measure(cs, n, &stream, seconds);
    arena_fini(&a);
    return 0;
}

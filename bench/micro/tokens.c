/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens - megabytes a second that are counted as tokens, by kind of text.
 *
 *     micro_tokens [SECONDS of each figure, default 0.3]
 *
 * English and code are this tree's own documents and sources; the rest is one thing said again and
 * again, of which some would be slow in an encoder that is not careful. "cold" is the first look at
 * 4 KiB after another text went through, as a small request has it. Needs the ranks that
 * script/token-ranks makes; without them there is nothing to measure.
 */
#include <glob.h>
#include <stdio.h>

#include "../../tests/unit/json/files.h"
#include "../load/tool.h"
#include "base/mem.h"
#include "stopwatch.h"
#include "token/bpe.h"
#include "token/estimate.h"

#define ROUNDS   5
#define TEXT_MAX (1u << 20)

static str files(const char *pattern)
{
    struct buf all = BUF_INIT(TEXT_MAX);
    char path[4096];
    glob_t g;
    snprintf(path, sizeof(path), SOURCE_ROOT "/%s", pattern);
    if (glob(path, 0, NULL, &g) != 0)
        return STR_NONE;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct buf one;
        if (file_read(g.gl_pathv[i], &one))
            buf_add(&all, str_head(buf_str(&one), TEXT_MAX - buf_size(&all)));
        buf_fini(&one);
    }
    globfree(&g);
    return buf_str(&all);
}

static str repeated(const char *unit)
{
    struct buf all = BUF_INIT(TEXT_MAX);
    while (buf_size(&all) + strlen(unit) < TEXT_MAX / 4)
        buf_add(&all, str_c(unit));
    return buf_str(&all);
}

static struct bpe *encoding(const char *name)
{
    struct buf file;
    struct bpe *b = NULL;
    const char *why = "run script/token-ranks first";
    char path[4096];
    snprintf(path, sizeof(path), SOURCE_ROOT "/build/tokens/%s.bpe", name);
    if (!file_read(path, &file) || bpe_new(buf_str(&file), &b, &why) != RC_OK)
        fprintf(stderr, "micro_tokens: %s: %s\n", path, why);
    buf_fini(&file);
    return b;
}

struct row {
    struct stopwatch *m;
    const struct bpe *b; /* NULL: the estimate */
    struct bpe_work *w;
    str text;
};

static uint64_t once(const struct row *r)
{
    return r->b ? bpe_count(r->b, r->w, r->text) : estimate_text(r->text);
}

/* Nanoseconds a pass; the best round. */
static double measure(const struct row *r, double seconds)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t spent = 0, times = 0;
        for (; spent < (uint64_t)(seconds * 1e9 / ROUNDS); times++) {
            stopwatch_start(r->m);
            CHECK(once(r) > 0);
            stopwatch_stop(r->m);
            spent += r->m->ns;
        }
        double ns = (double)spent / (double)times;
        best = ns < best ? ns : best;
    }
    return best;
}

static void show(const char *what, const char *how, const struct row *r, double ns)
{
    printf("%-24s %-12s %8zu %9lu %9.1f %10.1f\n", what, how, r->text.n, (unsigned long)once(r),
           (double)r->text.n * 1000 / ns, ns / (double)r->text.n);
}

/* 4 KiB after a megabyte of something else. */
static double cold(struct row *r, str other)
{
    double best = 1e18;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        CHECK(bpe_count(r->b, r->w, other) > 0);
        stopwatch_start(r->m);
        CHECK(once(r) > 0);
        stopwatch_stop(r->m);
        best = (double)r->m->ns < best ? (double)r->m->ns : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? (double)option_seconds("seconds", argv[1]) / 1e9 : 0.3;
    struct bpe *o200k = encoding("o200k_base"), *cl100k = encoding("cl100k_base");
    struct stopwatch m;
    if (!o200k || !cl100k)
        return 1;
    stopwatch_init(&m);
    struct bpe_work *w = mem_need(sizeof(*w));
    struct {
        const char *name;
        str text;
    } texts[] = {
        {"English", files("docs/*/*.md")},
        {"C source", files("src/*/*.c")},
        {"Python source", files("t*/*/*.py")},
        {"JSON", files("docs/*.json")},
        {"Chinese",
         repeated("\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd"
                  "\xef\xbc\x8c\xe6\x88\x91\xe4\xbb\xac\xe5\x8e\xbb\xe5\x85\xac\xe5\x9b\xad\xe5\x90"
                  "\xa7\xe3\x80\x82")},
        {"aaaa…", repeated("a")},
        {"blanks", repeated(" ")},
        {"line ends", repeated("\n")},
        {"no spaces", repeated("qzxwvjkpbm")},
        {"combining marks", repeated("\xcc\x81")}};
    printf("%-24s %-12s %8s %9s %9s %10s\n", "text", "by", "bytes", "tokens", "MB/s", "ns/byte");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct row r = {&m, o200k, w, texts[i].text};
        show(texts[i].name, "o200k_base", &r, measure(&r, seconds));
        r.b = cl100k;
        show("", "cl100k_base", &r, measure(&r, seconds));
        r.b = NULL;
        show("", "estimate", &r, measure(&r, seconds));
    }
    struct row first = {&m, o200k, w, str_head(texts[0].text, 4096)};
    show("English, cold", "o200k_base", &first, cold(&first, texts[1].text));
    stopwatch_fini(&m);
    mem_free(w);
    bpe_free(o200k);
    bpe_free(cl100k);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests whose size their makers print in their own documents: the small set that needs no
 * recordings. With the encodings the median error must be within 3 % and the 95th percentile within
 * 10 %, as over the recordings (test_recorded.c); without them texts are estimated, and twice or
 * thrice that is what can be asked.
 *
 * Sources: OpenAI's cookbook ("How to count tokens with tiktoken": 129 and 124 for the same six
 * messages; "Images and vision": tiles), Anthropic's "Token counting" (14, 403) and "Vision" (sizes
 * of images), Google's "Understand and count tokens" (tiles of 258, sound 32 a second).
 */
#include <stdio.h>
#include <stdlib.h>

#include "../dialect/drive.h"
#include "base/b64.h"
#include "base/mem.h"
#include "real.h"
#include "token/prompt.h"

#define JARGON                                                                                    \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful, "       \
    "pattern-following assistant that translates corporate jargon into plain English.\"},"        \
    "{\"role\":\"system\",\"name\":\"example_user\",\"content\":\"New synergies will help drive " \
    "top-line "                                                                                   \
    "growth.\"},{\"role\":\"system\",\"name\":\"example_assistant\",\"content\":\"Things "        \
    "working well together will increase revenue.\"},{\"role\":\"system\",\"name\":"              \
    "\"example_user\",\"content\":\"Let's circle back when we have more bandwidth to touch base " \
    "on opportunities for increased leverage.\"},{\"role\":\"system\",\"name\":"                  \
    "\"example_assistant\",\"content\":\"Let's talk later when we're less busy about how to do "  \
    "better.\"},{\"role\":\"user\",\"content\":\"This late pivot means we don't have time to "    \
    "boil "                                                                                       \
    "the ocean for the client deliverable.\"}]}"

#define SCIENTIST                                               \
    "{\"model\":\"m\",\"max_tokens\":9,\"system\":\"You are a " \
    "scientist\",\"messages\":[{\"role\":"                      \
    "\"user\",\"content\":\"Hello, Claude\"}]}"

#define WEATHER                                                                                \
    "{\"model\":\"m\",\"max_tokens\":9,\"tools\":[{\"name\":\"get_weather\",\"description\":"  \
    "\"Get "                                                                                   \
    "the current weather in a given location\",\"input_schema\":{\"type\":\"object\","         \
    "\"properties\":{\"location\":{\"type\":\"string\",\"description\":\"The city and state, " \
    "e.g. "                                                                                    \
    "San Francisco, CA\"}},\"required\":[\"location\"]}}],\"messages\":[{\"role\":\"user\","   \
    "\"content\":\"What's the weather like in San Francisco?\"}]}"

static const struct {
    const char *dialect, *model, *body;
    unsigned tokens;
} prompts[] = {
    {"openai", "gpt-3.5-turbo", JARGON, 129},
    {"openai", "gpt-4-0613", JARGON, 129},
    {"openai", "gpt-4o", JARGON, 124},
    {"openai", "gpt-4o-mini", JARGON, 124},
    {"anthropic", "claude-sonnet-4-0", SCIENTIST, 14},
    {"anthropic", "claude-sonnet-4-0", WEATHER, 403},
};

static const struct {
    enum image_rule rule;
    struct image_size size;
    bool low;
    unsigned tokens;
} images[] = {
    {IMG_TILES, {1024, 1024}, false, 765},   {IMG_TILES, {2048, 4096}, false, 1105},
    {IMG_TILES, {4096, 8192}, true, 85},     {IMG_PATCH_162, {1024, 1024}, false, 1659},
    {IMG_CLAUDE, {1000, 1000}, false, 1334}, {IMG_CLAUDE, {1092, 1092}, false, 1590},
    {IMG_GEMINI, {384, 384}, false, 258},    {IMG_GEMINI, {1536, 1536}, false, 1032},
};

struct survey {
    struct token_counter counter;
    struct buf text;
    double errors[ARRAY_LEN(prompts) + ARRAY_LEN(images)];
    size_t n;
};

static void add(struct survey *s, const char *name, double got, double want)
{
    double e = (got - want) / want * 100;

    printf("# %-20s %5.0f %5.0f %+6.1f%%\n", name, want, got, e);
    s->errors[s->n++] = e < 0 ? -e : e;
}

static void add_prompt(struct survey *s, size_t i)
{
    struct token_target t = {str_c(prompts[i].model), TOKEN_NATIVE};
    struct drive d;
    struct ir_request r;

    drive_init(&d);
    assert_int_equal(
        drive_decode(&d, dialect_find(str_c(prompts[i].dialect)), str_c(prompts[i].body), &r),
        RC_OK);
    add(s, prompts[i].model, (double)token_prompt(&s->counter, &r, &t).tokens, prompts[i].tokens);
    drive_fini(&d);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void test_what_makers_document(void **state)
{
    struct survey *s = *state;
    double worse = s->counter.o200k ? 1 : 3;

    for (size_t i = 0; i < ARRAY_LEN(prompts); i++)
        add_prompt(s, i);
    for (size_t i = 0; i < ARRAY_LEN(images); i++)
        add(s, "image", (double)image_tokens(images[i].rule, images[i].size, images[i].low),
            images[i].tokens);
    qsort(s->errors, s->n, sizeof(*s->errors), by_value);
    assert_true(s->errors[s->n / 2] <= 3.0 * worse);
    assert_true(s->errors[(s->n * 95 + 99) / 100 - 1] <= 10.0 * worse);
}

int main(void)
{
    struct survey s = {.text = BUF_INIT(1u << 20)};
    struct bpe *o200k = real_encoding("o200k_base"), *cl100k = real_encoding("cl100k_base");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_what_makers_document, &s),
    };

    s.counter = (struct token_counter){o200k, cl100k,  mem_need(sizeof(struct bpe_work)),
                                       NULL,  &s.text, 1u << 20};
    if (!o200k || !cl100k)
        s.counter.o200k = s.counter.cl100k = NULL;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    mem_free(s.counter.work);
    buf_fini(&s.text);
    bpe_free(o200k);
    bpe_free(cl100k);
    return failed;
}

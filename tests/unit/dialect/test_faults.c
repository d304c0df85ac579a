/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that are not as they should be, of every provider's language alike: rows U31, U33, U44
 * and U48 of what a provider may do. What is peculiar to one language stands in its own test
 * (test_stream.c for Chat and Messages, test_responses.c).
 *
 * A stream is written here as lines "name {json}" and framed as the language has it.
 */
#include <stdio.h>

#include "drive.h"

#include "base/b64.h"
#include "base/utf8.h"

/* `say`, `end` and `late` have one %s: the text, the usage, the text once more. */
static const struct language {
    const struct dialect *dialect;
    const char *begin, *say, *end, *late;
    const char *usage, *broken; /* a good one, and one whose every count can't be */
} languages[] = {
#define CHAT_SAY                                                                                \
    "- {\"id\":\"x\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}," \
    "\"finish_reason\":null}]}\n"
#define CHAT_END                                                                                \
    "- {\"id\":\"x\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":" \
    "\"stop\"}],\"usage\":%s}\n- [DONE]\n"
#define CHAT_USAGE  "{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}"
#define CHAT_BROKEN "{\"prompt_tokens\":-5,\"completion_tokens\":9007199254740993}"
#define CHAT        "", CHAT_SAY, CHAT_END, CHAT_SAY, CHAT_USAGE, CHAT_BROKEN
    {&dialect_openai_chat, CHAT},
    {&dialect_azure, CHAT},
    {&dialect_mistral, CHAT},
#define CLAUDE_BEGIN                                                                            \
    "message_start {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\"," \
    "\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"usage\":{}}}\n"                    \
    "content_block_start {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"      \
    "{\"type\":\"text\",\"text\":\"\"}}\n"
#define CLAUDE_SAY                                                                           \
    "content_block_delta {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":" \
    "\"text_delta\",\"text\":\"%s\"}}\n"
#define CLAUDE_END                                                                        \
    "message_delta {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}," \
    "\"usage\":%s}\nmessage_stop {\"type\":\"message_stop\"}\n"
#define CLAUDE                                                                                    \
    CLAUDE_BEGIN, CLAUDE_SAY, CLAUDE_END, CLAUDE_SAY, "{\"input_tokens\":5,\"output_tokens\":2}", \
        "{\"input_tokens\":-5,\"output_tokens\":9007199254740993}"
    {&dialect_anthropic, CLAUDE},
    {&dialect_vertex_anthropic, CLAUDE},
    {&dialect_bedrock_invoke, CLAUDE},
#define RESPONSES_SAY                                                                  \
    "response.output_text.delta {\"type\":\"response.output_text.delta\",\"item_id\":" \
    "\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"%s\"}\n"
#define RESPONSES                                                                             \
    "response.created {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":"   \
    "\"g\",\"status\":\"in_progress\",\"output\":[],\"usage\":null}}\n"                       \
    "response.output_item.added {\"type\":\"response.output_item.added\",\"output_index\":0," \
    "\"item\":{\"type\":\"message\",\"id\":\"i\",\"role\":\"assistant\",\"content\":[]}}\n",  \
        RESPONSES_SAY,                                                                        \
        "response.completed {\"type\":\"response.completed\",\"response\":{\"id\":\"r\","     \
        "\"model\":\"g\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"id\":"  \
        "\"i\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":"       \
        "\"one\"}]}],\"usage\":%s}}\n",                                                       \
        RESPONSES_SAY, "{\"input_tokens\":5,\"output_tokens\":2,\"total_tokens\":7}",         \
        "{\"input_tokens\":-5,\"output_tokens\":9007199254740993}"
    {&dialect_responses, RESPONSES},
    {&dialect_azure_responses, RESPONSES},
#define GEMINI_SAY                                                                          \
    "- {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"%s\"}]}}]," \
    "\"responseId\":\"x\",\"modelVersion\":\"g\"}\n"
/* its content may go on behind a finish (after code was run), so nothing is too late */
#define GEMINI                                                                                \
    "", GEMINI_SAY,                                                                           \
        "- {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[]},\"finishReason\":" \
        "\"STOP\"}],\"usageMetadata\":%s}\n",                                                 \
        NULL, "{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}",    \
        "{\"promptTokenCount\":-5,\"candidatesTokenCount\":9007199254740993}"
    {&dialect_gemini, GEMINI},
    {&dialect_vertex, GEMINI},
#define CONVERSE_SAY "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"%s\"}}\n"
    {&dialect_bedrock, "messageStart {\"role\":\"assistant\"}\n", CONVERSE_SAY,
     "contentBlockStop {\"contentBlockIndex\":0}\nmessageStop {\"stopReason\":\"end_turn\"}\n"
     "metadata {\"usage\":%s,\"metrics\":{\"latencyMs\":1}}\n",
     CONVERSE_SAY, "{\"inputTokens\":5,\"outputTokens\":2,\"totalTokens\":7}",
     "{\"inputTokens\":-5,\"outputTokens\":9007199254740993}"},
#define COHERE_SAY                                                                               \
    "content-delta {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":" \
    "{\"text\":\"%s\"}}}}\n"
    {&dialect_cohere,
     "message-start {\"id\":\"c\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":"
     "\"assistant\",\"content\":[]}}}\n"
     "content-start {\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":"
     "{\"type\":\"text\",\"text\":\"\"}}}}\n",
     COHERE_SAY,
     "message-end {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":"
     "{\"tokens\":%s}}}\n- [DONE]\n",
     COHERE_SAY, "{\"input_tokens\":5,\"output_tokens\":2}",
     "{\"input_tokens\":-5,\"output_tokens\":9007199254740993}"},
#define OLLAMA_SAY \
    "- {\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"done\":false}\n"
    {&dialect_ollama, "", OLLAMA_SAY,
     "- {\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
     "\"done_reason\":\"stop\",\"counts\":%s}\n",
     OLLAMA_SAY, NULL, NULL},
};

/* Which of the registry's backs has no row above? */
static void test_every_language_is_here(void **state)
{
    const struct dialect *dialect;
    (void)state;
    for (size_t i = 0; (dialect = dialect_at(i)) != NULL; i++) {
        bool here = !dialect->back;
        for (size_t k = 0; k < ARRAY_LEN(languages); k++)
            here = here || languages[k].dialect == dialect;
        if (!here)
            fail_msg(STR_FMT ": its streams are not tried", STR_ARG(dialect->name));
    }
}

static str framed(struct drive *d, const struct dialect *dialect, str lines)
{
    struct buf b = BUF_INIT(1u << 20);
    bool bare = dialect == &dialect_bedrock_invoke;
    if (dialect->back->framing == FRAME_AWS && !bare)
        return drive_frames(d, lines);
    while (lines.n) {
        str json = str_cut(&lines, '\n'), name = str_cut(&json, ' ');
        if (bare) {
            buf_lit(&b, "chunk {\"bytes\":\"");
            b64_encode(&b, json);
            buf_lit(&b, "\"}\n");
        } else if (dialect->back->framing == FRAME_LINES) {
            buf_addf(&b, STR_FMT "\n", STR_ARG(json));
        } else {
            if (!str_eq(name, STR("-")))
                buf_addf(&b, "event: " STR_FMT "\n", STR_ARG(name));
            buf_addf(&b, "data: " STR_FMT "\n\n", STR_ARG(json));
        }
    }
    str out = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return bare ? drive_frames(d, out) : out;
}

static str with(struct drive *d, const char *form, const char *value)
{
    const char *at = strstr(form, "%s");
    return at ? arena_strf(&d->arena, "%.*s%s%s", (int)(at - form), form, value, at + 2)
              : str_c(form);
}

/* begin, "one", `odd` (absent: nothing), the end with this usage, `late`: as lines of events. The
 * same must come of it in small pieces. */
static str told(struct drive *d, const struct language *l, str odd, const char *usage, str late)
{
    str text = arena_strf(&d->arena, "%s" STR_FMT STR_FMT STR_FMT STR_FMT, l->begin,
                          STR_ARG(with(d, l->say, "one")), STR_ARG(odd),
                          STR_ARG(with(d, l->end, usage)), STR_ARG(late));
    struct answer a = {.dialect = l->dialect,
                       .bytes = framed(d, l->dialect, text),
                       .stream = true,
                       .client_usage = true};
    str got = drive_lines(d, &a);
    a.first = a.step = 3;
    assert_str(drive_lines(d, &a), got.p);
    return got;
}

static void must_hold(const struct language *l, str got, const char *word, bool there)
{
    if ((str_find(got, str_c(word)) != SIZE_MAX) != there)
        fail_msg(STR_FMT ": %s \"%s\" in\n" STR_FMT, STR_ARG(l->dialect->name),
                 there ? "no" : "there is", word, STR_ARG(got));
}

static const char *usage_of(const struct language *l)
{
    return l->usage ? l->usage : "null";
}

/* What the others are held against. */
static void test_a_sound_stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        struct drive d;
        drive_init(&d);
        str got = told(&d, &languages[i], STR(""), usage_of(&languages[i]), STR(""));
        must_hold(&languages[i], got, "  text one\n", true);
        must_hold(&languages[i], got, "\nend\n", true);
        must_hold(&languages[i], got, "\nerror ", false);
        if (languages[i].usage)
            must_hold(&languages[i], got, "in=5 read=0 w5m=0 w1h=0 out=2", true);
        drive_fini(&d);
    }
}

static void test_u31_garbage_is_never_skipped(void **state)
{
    static const char *const garbage[] = {"hello", "[1]", "7", "{\"a\":1,\"a\":2}", "{\"cho"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(languages) * ARRAY_LEN(garbage); i++) {
        const struct language *l = &languages[i / ARRAY_LEN(garbage)];
        struct drive d;
        drive_init(&d);
        /* under the name that a text has */
        str name = str_head(str_c(l->say), str_find_char(str_c(l->say), ' '));
        str odd =
            arena_strf(&d.arena, STR_FMT " %s\n", STR_ARG(name), garbage[i % ARRAY_LEN(garbage)]);
        str got = told(&d, l, odd, usage_of(l), STR(""));
        must_hold(l, got, "\nerror upstream: ", true);
        must_hold(l, got, "\nend\n", false);
        drive_fini(&d);
    }
}

static void test_u33_bad_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        struct drive d;
        drive_init(&d);
        str odd = with(&d, languages[i].say, "a\xff\xc3z\\ud83d");
        str got = told(&d, &languages[i], odd, usage_of(&languages[i]), STR(""));
        assert_true(utf8_is_valid(got));
        must_hold(&languages[i], got, "  text a\xef\xbf\xbd\xef\xbf\xbdz\\ud83d\n", true);
        must_hold(&languages[i], got, "\nend\n", true);
        drive_fini(&d);
    }
}

static void test_u44_counts_that_cannot_be(void **state)
{
    static const char *const none[] = {"null", "{}", "\"12\"", "[]", "7"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(languages) * (ARRAY_LEN(none) + 1); i++) {
        const struct language *l = &languages[i / (ARRAY_LEN(none) + 1)];
        size_t k = i % (ARRAY_LEN(none) + 1);
        struct drive d;
        if (!l->usage)
            continue; /* Ollama's counts stand alone, see its golden cases */
        drive_init(&d);
        str got = told(&d, l, STR(""), k < ARRAY_LEN(none) ? none[k] : l->broken, STR(""));
        must_hold(l, got, "\nend\n", true);
        must_hold(l, got, "9007199254740993", false);
        must_hold(l, got, "in=5", false);
        drive_fini(&d);
    }
}

static void test_u48_content_after_the_end_is_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        struct drive d;
        if (!languages[i].late)
            continue;
        drive_init(&d);
        str late = with(&d, languages[i].late, "late");
        str got = told(&d, &languages[i], STR(""), usage_of(&languages[i]), late);
        must_hold(&languages[i], got, "late", false);
        must_hold(&languages[i], got, "\nend\n", true);
        drive_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_language_is_here),
        cmocka_unit_test(test_a_sound_stream),
        cmocka_unit_test(test_u31_garbage_is_never_skipped),
        cmocka_unit_test(test_u33_bad_bytes),
        cmocka_unit_test(test_u44_counts_that_cannot_be),
        cmocka_unit_test(test_u48_content_after_the_end_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reasoning state that only its maker can read, on its way through languages that do not say whose
 * it is; and the text that encoders gather.
 */
#include "drive.h"

#include "dialect/gather.h"
#include "dialect/seal.h"

static const struct front_opts opts = {.id = {"i", 1}, .model = {"m", 1}, .created = 1};

/* A call of Gemini's by way of Google's Chat endpoint. */
#define CALL                                                                                  \
    "{\"id\":\"c\",\"extra_content\":{\"google\":{\"thought_signature\":\"U0lH\"}},\"type\":" \
    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define CHUNK                                                                              \
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[" CALL "]}," \
    "\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"
#define BODY                                                                                   \
    "{\"id\":\"1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" \
    "null,\"tool_calls\":[" CALL "]},\"finish_reason\":\"tool_calls\"}]}"
#define BLOCK "{\"type\":\"redacted_thinking\",\"data\":\"Z29vZ2xlLWdlbWluaS12MTo6U0lH\"}"

static void test_marks(void **state)
{
    jtext own = STR("RXFv"), foreign = STR("Z29vZ2xlLWdlbWluaS12MTo6RXFv");
    (void)state;
    assert_true(
        str_eq(seal_mark(STR(SEAL_GEMINI), STR(SEAL_ANTHROPIC)), STR("Z29vZ2xlLWdlbWluaS12MTo6")));
    assert_int_equal(seal_mark(STR(SEAL_GEMINI), STR(SEAL_GEMINI)).n, 0);
    assert_int_equal(seal_mark(STR("somebody-v1"), STR(SEAL_GEMINI)).n, 0);
    assert_int_equal(seal_mark(STR_NONE, STR(SEAL_GEMINI)).n, 0);
    assert_null(seal_maker(&own).p);
    assert_true(str_eq(own, STR("RXFv")));
    assert_true(str_eq(seal_maker(&foreign), STR(SEAL_GEMINI)));
    assert_true(str_eq(foreign, STR("RXFv")));
}

static void test_a_sealed_call_has_a_block_before_it_in_messages(void **state)
{
    struct drive d;
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        drive_init(&d);
        struct answer a = {.dialect = &dialect_openai_chat,
                           .bytes = stream ? STR(CHUNK) : STR(BODY),
                           .stream = stream};
        str s = drive_to_stream(&d, &a, &dialect_anthropic, &opts);
        str b = drive_to_body(&d, &a, &dialect_anthropic, &opts);
        assert_true(str_find(s, STR(BLOCK)) < str_find(s, STR("\"tool_use\"")));
        assert_true(str_find(b, STR(BLOCK)) < str_find(b, STR("\"tool_use\"")));
        s = drive_to_stream(&d, &a, &dialect_openai_chat, &opts);
        b = drive_to_body(&d, &a, &dialect_openai_chat, &opts);
        assert_true(str_find(s, STR("{\"google\":{\"thought_signature\":\"U0lH\"}}")) != SIZE_MAX);
        assert_true(str_find(b, STR("{\"google\":{\"thought_signature\":\"U0lH\"}}")) != SIZE_MAX);
        drive_fini(&d);
    }
}

/* What comes back from a Messages client goes to nobody but its maker. */
static void test_a_foreign_seal_is_left_out(void **state)
{
    str body = STR("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
                   "\"a\"},{\"role\":\"assistant\",\"content\":[" BLOCK
                   ",{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}]},{\"role\":"
                   "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}]}");
    struct drive d;
    struct ir_request r;
    (void)state;
    drive_init(&d);
    assert_int_equal(drive_decode(&d, &dialect_anthropic, body, &r), RC_OK);
    const struct ir_block *b = r.messages->next->blocks;
    assert_int_equal(b->kind, IR_REDACTED);
    assert_true(str_eq(b->thinking.format, STR(SEAL_GEMINI)));
    assert_true(str_eq(b->thinking.text, STR("U0lH")));
    str out = drive_request(&d, &dialect_anthropic, body, &dialect_anthropic, "claude-sonnet-4-5");
    assert_int_equal(str_find(out, STR("redacted_thinking")), SIZE_MAX);
    assert_true(str_eq(drive_losses(&d), STR("thinking")));
    drive_fini(&d);
}

static void test_a_sealed_call_goes_to_gemini_only(void **state)
{
    str body = STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                   "\"assistant\",\"tool_calls\":[" CALL
                   "]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"1\"}]}");
    static const struct {
        const char *model;
        bool kept;
    } rows[] = {{"gemini-3-pro", true}, {"google/gemini-2.5-flash", true}, {"gpt-5", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str out =
            drive_request(&d, &dialect_openai_chat, body, &dialect_openai_chat, rows[i].model);
        assert_int_equal(str_find(out, STR("U0lH")) != SIZE_MAX, rows[i].kept);
        assert_int_equal(str_find(drive_losses(&d), STR("thinking")) == SIZE_MAX, rows[i].kept);
        drive_fini(&d);
    }
}

static void test_gather_has_its_maximum(void **state)
{
    struct gather g = {0};
    struct arena a;
    (void)state;
    gather_add(&g, NULL, 10, STR("")); /* nothing to add, nothing to fail */
    assert_false(g.failed);
    arena_init(&a, 1u << 16);
    for (int i = 0; i < 1000; i++)
        gather_add(&g, &a, 2000, STR("ab"));
    assert_false(g.failed);
    assert_int_equal(gather_str(&g).n, 2000);
    gather_add(&g, &a, 2000, STR("c"));
    assert_true(g.failed);
    gather_clear(&g);
    gather_add(&g, &a, 2000, STR("c"));
    assert_true(str_eq(gather_str(&g), STR("c")));
    gather_add(&g, NULL, 2000, STR("d"));
    assert_true(g.failed);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_a_sealed_call_has_a_block_before_it_in_messages),
        cmocka_unit_test(test_a_foreign_seal_is_left_out),
        cmocka_unit_test(test_a_sealed_call_goes_to_gemini_only),
        cmocka_unit_test(test_gather_has_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

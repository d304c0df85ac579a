/* SPDX-License-Identifier: Apache-2.0 */
/* What routing asks of a request is the same in every front's words: small requests of each, and
 * those that real clients sent ($WEIR_SHARED, or beside the tree; skipped without). */
#include "drive.h"

#include "ir/traits.h"

/* A row's request is read as that front's, and told as words in this order. */
static str told(struct drive *d, const struct ir_traits *t)
{
    const struct {
        bool is;
        const char *word;
    } words[] = {
        {t->tools, "tools"},    {t->web_search, "search"},     {t->images, "images"},
        {t->images_now, "now"}, {t->documents, "documents"},   {t->audio, "audio"},
        {t->thinks, "thinks"},  {t->structured, "structured"}, {t->subagent.whole.n > 0, "tag"},
    };
    struct buf b = BUF_INIT(256);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].is)
            buf_addf(&b, "%s%s", buf_size(&b) ? " " : "", words[i].word);
    str text = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return text.p ? text : STR("");
}

struct row {
    const struct dialect *front;
    const char *body, *want;
};

#define CHAT(fields) \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" fields "}"
#define MESSAGES(fields)                                                                     \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}" \
    "]" fields "}"
#define RESPONSES(fields) "{\"model\":\"m\",\"input\":\"hi\"" fields "}"
#define GEMINI(fields) \
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]" fields "}"
#define PICTURE                                                                                  \
    "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":" \
    "\"AAAA\"}}"
#define IMAGE_URL "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.example/b.png\"}}"

static const struct row rows[] = {
    {&dialect_openai_chat, CHAT(""), ""},
    {&dialect_anthropic, MESSAGES(""), ""},
    {&dialect_responses, RESPONSES(""), ""},
    {&dialect_gemini, GEMINI(""), ""},
    /* reasoning: asked for, and not */
    {&dialect_openai_chat, CHAT(",\"reasoning_effort\":\"high\""), "thinks"},
    {&dialect_openai_chat, CHAT(",\"reasoning_effort\":\"none\""), ""},
    {&dialect_anthropic, MESSAGES(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
     "thinks"},
    {&dialect_anthropic, MESSAGES(",\"thinking\":{\"type\":\"adaptive\"}"), "thinks"},
    {&dialect_anthropic, MESSAGES(",\"thinking\":{\"type\":\"disabled\"}"), ""},
    {&dialect_anthropic, MESSAGES(",\"output_config\":{\"effort\":\"high\"}"), ""},
    {&dialect_responses, RESPONSES(",\"reasoning\":{\"effort\":\"low\"}"), "thinks"},
    {&dialect_responses, RESPONSES(",\"reasoning\":{\"summary\":\"auto\"}"), ""},
    {&dialect_gemini, GEMINI(",\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":99}}"),
     "thinks"},
    {&dialect_gemini, GEMINI(",\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}"),
     ""},
    /* a search that the vendor runs, and a tool that is only named so */
    {&dialect_anthropic,
     MESSAGES(",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]"),
     "tools search"},
    {&dialect_anthropic,
     MESSAGES(",\"tools\":[{\"name\":\"web_search\",\"input_schema\":{\"type\":\"object\"}}]"),
     "tools"},
    {&dialect_openai_chat, CHAT(",\"web_search_options\":{}"), "tools search"},
    {&dialect_responses, RESPONSES(",\"tools\":[{\"type\":\"web_search_preview\"}]"),
     "tools search"},
    {&dialect_gemini, GEMINI(",\"tools\":[{\"googleSearch\":{}}]"), "tools search"},
    /* pictures: of this turn, or answered already */
    {&dialect_anthropic,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[" PICTURE
     "]}]}",
     "images now"},
    {&dialect_anthropic,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[" PICTURE
     "]},{\"role\":\"assistant\",\"content\":\"a cat\"},{\"role\":\"user\",\"content\":\"ok\"}]}",
     "images"},
    {&dialect_anthropic,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"look\"},"
     "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\","
     "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
     "\"t\","
     "\"content\":[" PICTURE "]}]}]}",
     "images now"},
    {&dialect_openai_chat,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" IMAGE_URL "]}]}",
     "images now"},
    {&dialect_gemini,
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
     "\"data\":\"AAAA\"}}]}]}",
     "images now"},
    /* the answer's form */
    {&dialect_openai_chat, CHAT(",\"response_format\":{\"type\":\"json_object\"}"), "structured"},
    {&dialect_gemini, GEMINI(",\"generationConfig\":{\"responseMimeType\":\"application/json\"}"),
     "structured"},
    /* the tag: where instructions stand, and in the first two user messages */
    {&dialect_anthropic,
     MESSAGES(",\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b "
              "<CCR-SUBAGENT-MODEL>p,m</CCR-SUBAGENT-MODEL>\"}]"),
     "tag"},
    {&dialect_openai_chat,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"user\","
     "\"content\":\"2 <CCR-SUBAGENT-MODEL>p,m</CCR-SUBAGENT-MODEL>\"}]}",
     "tag"},
    {&dialect_openai_chat,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"user\","
     "\"content\":\"2\"},{\"role\":\"user\",\"content\":\"3 "
     "<CCR-SUBAGENT-MODEL>p,m</CCR-SUBAGENT-MODEL>\"}]}",
     ""},
    {&dialect_openai_chat,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"assistant\","
     "\"content\":\"<CCR-SUBAGENT-MODEL>p,m</CCR-SUBAGENT-MODEL>\"}]}",
     ""},
};

static void test_the_same_in_every_language(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        struct ir_request r;
        struct ir_traits t;
        drive_init(&d);
        assert_int_equal(drive_decode(&d, rows[i].front, str_c(rows[i].body), &r), RC_OK);
        ir_traits_read(&r, &t);
        str got = told(&d, &t);
        if (!str_eq(got, str_c(rows[i].want)))
            fail_msg("%s\n  is \"" STR_FMT "\", want \"%s\"", rows[i].body, STR_ARG(got),
                     rows[i].want);
        drive_fini(&d);
    }
}

static void test_sessions(void **unused)
{
    static const struct row sessions[] = {
        {&dialect_anthropic, MESSAGES(",\"metadata\":{\"user_id\":\"user_1_session_2\"}"), "2"},
        {&dialect_openai_chat, CHAT(",\"prompt_cache_key\":\"k\",\"user\":\"u\""), "k"},
        {&dialect_openai_chat, CHAT(",\"user\":\"u\""), NULL},
        {&dialect_openai_chat, CHAT(",\"session_id\":\"s\",\"prompt_cache_key\":\"k\""), "s"},
        {&dialect_responses, RESPONSES(",\"prompt_cache_key\":\"k\""), "k"},
        {&dialect_gemini, GEMINI(",\"sessionId\":\"g\""), "g"},
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        struct drive d;
        struct ir_request r;
        struct ir_traits t;
        drive_init(&d);
        assert_int_equal(drive_decode(&d, sessions[i].front, str_c(sessions[i].body), &r), RC_OK);
        ir_traits_read(&r, &t);
        if (sessions[i].want)
            assert_str(t.session, sessions[i].want);
        else
            assert_null(t.session.p);
        assert_str(t.first_user, "hi");
        drive_fini(&d);
    }
}

/* What real clients send: the traits, and where the session stands. */
static void test_real_clients(void **unused)
{
    static const struct {
        const char *file;
        const struct dialect *front;
        const char *want;
        bool session;
    } clients[] = {
        {"claude-code/01-hi-default-opus-adaptive-thinking.json", &dialect_anthropic,
         "tools thinks", true},
        {"claude-code/03-tool-turn2-tool_result.json", &dialect_anthropic, "tools thinks", true},
        {"claude-code/06-experimental-betas-off-no-tools.json", &dialect_anthropic, "thinks", true},
        {"codex/01-hi-responses.json", &dialect_responses, "tools", true},
        {"codex/03-tool-turn2-function_call_output.json", &dialect_responses, "tools search", true},
        {"gemini-cli/01-router-generateContent-json-schema.json", &dialect_gemini,
         "thinks structured", false},
        {"gemini-cli/02-hi-stream-gemini-3-pro.json", &dialect_gemini, "tools thinks", false},
        {"opencode/01-title-request.json", &dialect_openai_chat, "", false}, /* in a header */
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct drive d;
        struct ir_request r;
        struct ir_traits t;
        drive_init(&d);
        str name = arena_strf(&d.arena, "fixtures/clients/%s", clients[i].file);
        str text = drive_shared(&d, name.p);
        if (!text.p) {
            drive_fini(&d);
            skip();
        }
        str body = json_text(json_get(drive_json(&d, text), STR("body")));
        assert_int_equal(drive_decode(&d, clients[i].front, body, &r), RC_OK);
        ir_traits_read(&r, &t);
        assert_str(told(&d, &t), clients[i].want);
        assert_int_equal(t.session.n > 0, clients[i].session);
        if (t.session.n)
            assert_str(t.session, "00000000-0000-4000-8000-000000000000");
        assert_true(t.first_user.n > 0);
        drive_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_in_every_language),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_real_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

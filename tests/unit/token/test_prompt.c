/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole requests: what is counted, what a family adds, what is remembered. Without encodings, and
 * with a made-up one whose tokens are the bytes, so that every figure can be told by hand. The real
 * ones against real bills: test_recorded.c.
 */
#include "../json/guard.h"
#include "ranks.h"

#include "base/arena.h"
#include "base/mem.h"
#include "token/prompt.h"
#include "token/tools_text.h"

struct fixture {
    struct arena a;
    struct buf text;
    struct bpe *bytes; /* every byte is a token */
    struct bpe_work *work;
    struct token_memo *memo;
    struct token_counter counter;
    struct ir_request r;
    struct ir_message **tail;
};

static int setup(void **state)
{
    struct fixture *f = mem_need(sizeof(*f));
    struct ranks ranks;
    struct buf file = BUF_INIT(1u << 20);
    const char *why;
    ranks_make(&ranks, 0, 1);
    ranks_file(&ranks, SPLIT_O200K, &file);
    assert_int_equal(bpe_new(buf_str(&file), &f->bytes, &why), RC_OK);
    ranks_fini(&ranks);
    buf_fini(&file);
    arena_init(&f->a, 4u << 20);
    f->text = BUF_INIT(1u << 20);
    f->work = mem_need(sizeof(*f->work));
    f->memo = mem_need(sizeof(*f->memo));
    memo_init(f->memo, (struct hash_key){1, 2});
    f->counter = (struct token_counter){f->bytes, f->bytes, f->work, f->memo, &f->text, 1u << 20};
    f->tail = &f->r.messages;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->a);
    buf_fini(&f->text);
    bpe_free(f->bytes);
    mem_free(f->work);
    mem_free(f->memo);
    mem_free(f);
    return 0;
}

static struct ir_block *add(struct fixture *f, enum ir_role role, enum ir_kind kind)
{
    struct ir_message *m = ir_add_message(&f->a, &f->tail, role);
    return ir_add_block(&f->a, &m->tail, kind);
}

static void say(struct fixture *f, enum ir_role role, const char *text)
{
    add(f, role, IR_TEXT)->text.text = str_c(text);
}

static struct token_count count(struct fixture *f, const char *model)
{
    struct token_target t = {.model = str_c(model)};
    return token_prompt(&f->counter, &f->r, &t);
}

static jval json(struct fixture *f, const char *text)
{
    struct json_doc *d = arena_new(&f->a, struct json_doc);
    assert_int_equal(json_parse(&f->a, str_c(text), d, NULL), RC_OK);
    return json_root(d);
}

static void test_text_of_a_model_with_its_own_encoding_is_counted(void **state)
{
    struct fixture *f = *state;
    say(f, IR_SYSTEM, "12345678");
    say(f, IR_USER, "a\\nb\\u00e9"); /* five bytes when undone */
    struct token_count n = count(f, "gpt-4o-2024-08-06");
    assert_int_equal(n.tokens, 3 + 2 * 4 + 8 + 5);
    assert_int_equal(n.source, USAGE_COUNTED);
    assert_int_equal(count(f, "o3").tokens, n.tokens - 1);
    n = count(f, "claude-sonnet-4-5");
    assert_int_equal(n.tokens, 3 + 4 + 13);
    assert_int_equal(n.source, USAGE_ESTIMATED);
}

static void test_without_encodings_all_is_estimated(void **state)
{
    struct fixture *f = *state;
    f->counter.o200k = f->counter.cl100k = NULL;
    f->counter.work = NULL;
    say(f, IR_USER, "Hello, how are you today?");
    struct token_count n = count(f, "gpt-5");
    assert_int_equal(n.source, USAGE_ESTIMATED);
    assert_in_range(n.tokens, 10, 18);
    f->r = (struct ir_request){0};
    f->tail = &f->r.messages;
    assert_int_equal(count(f, "gpt-4o").tokens, 3);
}

static void test_beyond_the_bound_is_sampled(void **state)
{
    struct fixture *f = *state;
    say(f, IR_USER, "0123456789012345678901234567890123456789");
    assert_int_equal(count(f, "gpt-4o").source, USAGE_COUNTED);
    f->counter.exact_max = 39;
    assert_int_equal(count(f, "gpt-4o").source, USAGE_ESTIMATED);
    f->counter.exact_max = 40;
    assert_int_equal(count(f, "gpt-4o").source, USAGE_COUNTED);
}

/* What was counted is not counted again: of the next turn, the new text alone. */
static void test_only_new_text_is_counted(void **state)
{
    struct fixture *f = *state;
    static char long_text[3][400];
    for (int i = 0; i < 3; i++)
        memset(long_text[i], 'a' + i, sizeof(long_text[i]) - 1);
    say(f, IR_USER, long_text[0]);
    say(f, IR_ASSISTANT, long_text[1]);
    uint64_t first = count(f, "gpt-4o").tokens;
    assert_int_equal(f->memo->misses, 2);
    assert_int_equal(count(f, "gpt-4o").tokens, first);
    assert_int_equal(f->memo->hits, 2);
    say(f, IR_USER, long_text[2]);
    assert_int_equal(count(f, "gpt-4o").tokens, first + 399 + 4);
    assert_int_equal(f->memo->misses, 3);
    assert_int_equal(f->memo->hits, 4);
    count(f, "gpt-4"); /* another encoding */
    assert_int_equal(f->memo->misses, 6);
}

/* Nor tools, which an agent sends with every turn and which are longer than most of what is said.
 */
static void test_tools_are_counted_once(void **state)
{
    struct fixture *f = *state;
    static char about[2][200];
    memset(about[0], 'a', sizeof(about[0]) - 1);
    memset(about[1], 'b', sizeof(about[1]) - 1);
    struct ir_tool second = {.name = STR("g"), .description = str_c(about[1])};
    struct ir_tool first = {.next = &second, .name = STR("f"), .description = str_c(about[0])};
    static const char *const models[] = {"gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro"};
    say(f, IR_USER, "x");
    f->r.tools = &first;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        uint64_t n = count(f, models[i]).tokens, misses = f->memo->misses, hits = f->memo->hits;
        assert_int_equal(count(f, models[i]).tokens, n);
        assert_int_equal(f->memo->misses, misses);
        assert_true(f->memo->hits > hits);
    }
}

static void test_a_sampled_text_is_not_remembered(void **state)
{
    struct fixture *f = *state;
    static char text[400];
    memset(text, '7', sizeof(text) - 1);
    say(f, IR_USER, text);
    f->counter.exact_max = 10;
    uint64_t rough = count(f, "gpt-4o").tokens;
    f->counter.exact_max = 1000;
    assert_int_equal(count(f, "gpt-4o").tokens, 3 + 4 + 399);
    assert_int_not_equal(rough, 3 + 4 + 399);
}

static void test_tools_as_the_model_reads_them(void **state)
{
    struct fixture *f = *state;
    struct ir_tool second = {.name = STR("now")};
    struct ir_tool first = {
        .next = &second,
        .name = STR("get_weather"),
        .description = STR("The weather.\\nOf a city."),
        .schema = json(f, "{\"type\":\"object\",\"required\":[\"city\"],\"properties\":{"
                          "\"city\":{\"type\":\"string\",\"description\":\"Its \\\"name\\\"\"},"
                          "\"unit\":{\"enum\":[\"C\",\"F\"],\"default\":\"C\"},"
                          "\"days\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]},"
                          "\"at\":{\"title\":\"When\",\"type\":[\"string\",\"integer\"]},"
                          "\"tags\":{\"type\":\"array\",\"items\":{\"const\":\"x\"}},"
                          "\"more\":{\"type\":\"object\",\"properties\":{\"a\":{}}},"
                          "\"free\":{\"type\":\"object\"}}}")};
    struct buf b = BUF_INIT(1u << 16);
    tools_text_ts(&first, &b);
    assert_str(buf_str(&b), "namespace functions {\n\n"
                            "// The weather.\n// Of a city.\n"
                            "type get_weather = (_: {\n"
                            "// Its \"name\"\ncity: string,\n"
                            "unit?: \"C\" | \"F\", // default: C\n"
                            "days?: number | null,\n"
                            "// When\n//\nat?: string | number,\n"
                            "tags?: \"x\"[],\n"
                            "more?: {\na?: any,\n},\n"
                            "free?: object,\n"
                            "}) => any;\n\n"
                            "type now = () => any;\n\n"
                            "} // namespace functions");
    size_t text = buf_size(&b);
    say(f, IR_USER, "x");
    uint64_t plain = count(f, "gpt-4o").tokens;
    f->r.tools = &first;
    assert_int_equal(count(f, "gpt-4o").tokens, plain + 9 + text);
    say(f, IR_SYSTEM, "y");
    assert_int_equal(count(f, "gpt-4o").tokens, plain + 9 + text + 5 - 4);
    buf_clear(&b);
    tools_text_json(&second, &b);
    assert_str(buf_str(&b), "{\"name\":\"now\",\"description\":\"\",\"parameters\":{}}");
    buf_fini(&b);
}

/* A schema that never ends is `any` at some depth; one that is no schema is `any` too. */
static void test_hostile_schemas(void **state)
{
    struct fixture *f = *state;
    struct buf deep = BUF_INIT(1u << 16), b = BUF_INIT(1u << 16);
    for (int i = 0; i < 30; i++)
        buf_lit(&deep, "{\"properties\":{\"a\":");
    buf_lit(&deep, "1");
    for (int i = 0; i < 30; i++)
        buf_lit(&deep, "}}");
    buf_add_char(&deep, '\0');
    struct ir_tool t = {.name = STR("f"), .schema = json(f, deep.p)};
    tools_text_ts(&t, &b);
    assert_true(str_find(buf_str(&b), STR("a?: any,")) != SIZE_MAX);
    buf_clear(&b);
    t.schema = json(f, "{\"properties\":{\"a\":7,\"b\":{\"type\":\"array\"},\"c\":{\"enum\":3},"
                       "\"d\":{\"type\":{}},\"e\":{\"anyOf\":{}}},\"required\":\"a\"}");
    tools_text_ts(&t, &b);
    assert_true(str_find(buf_str(&b), STR("a?: any,\nb?: any[],\nc?: any,\n")) != SIZE_MAX);
    buf_fini(&deep);
    buf_fini(&b);
}

static void test_squeeze(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    tools_text_squeeze(STR(" { \"a b\" : [ 1 ,\n\t\"c \\\" d\" ] }\r\n"), &b);
    assert_str(buf_str(&b), "{\"a b\":[1,\"c \\\" d\"]}");
    buf_clear(&b);
    struct guard g = guard_new(STR("\"a\\"));
    tools_text_squeeze(g.text, &b);
    guard_free(&g);
    buf_fini(&b);
}

static void test_media_and_calls_are_estimates(void **state)
{
    struct fixture *f = *state;
    struct ir_block *b = add(f, IR_USER, IR_IMAGE);
    b->media.src = IR_MEDIA_BASE64;
    b->media.data = STR("iVBORw0KGgoAAAANSUhEUgAAADwAAAAeCAIAAAD"); /* a PNG of 60 by 30 */
    struct token_count n = count(f, "gpt-4o");
    assert_int_equal(n.source, USAGE_ESTIMATED);
    assert_int_equal(n.tokens, 3 + 4 + 85 + 170);
    b->media.detail = STR("low");
    assert_int_equal(count(f, "gpt-4o").tokens, 3 + 4 + 85);
    assert_int_equal(count(f, "claude-opus-4-1").tokens, 3 + 4 + 3 * 2 + 4);
    b = add(f, IR_ASSISTANT, IR_TOOL_USE);
    b->use.name = STR("f");
    b->use.args = STR("{ \"a\": 1 }");
    assert_int_equal(count(f, "gpt-4o").tokens, 3 + 4 + 85 + 4 + 1 + 7 + 4);
    b = add(f, IR_TOOL, IR_TOOL_RESULT);
    b->result.content = ir_add_block(&f->a, &(struct ir_block **){&b->result.content}, IR_TEXT);
    b->result.content->text.text = STR("42");
    assert_int_equal(count(f, "gpt-4o").tokens, 3 + 4 + 85 + 4 + 1 + 7 + 4 + 4 + 2 + 2);
}

/* A file of text is its text, a file of anything else so many pages. */
static void test_documents(void **state)
{
    struct fixture *f = *state;
    struct ir_block *b = add(f, IR_USER, IR_DOCUMENT);
    b->media.src = IR_MEDIA_BASE64;
    b->media.media_type = STR("text/csv");
    b->media.data = STR("YSxiLGMK"); /* a,b,c and a line end */
    assert_int_equal(count(f, "claude-opus-4-1").tokens, 3 + 4 + 6);
    b->media.data = STR("no base64");
    assert_in_range(count(f, "claude-opus-4-1").tokens, 3 + 4 + 1, 3 + 4 + 9);
    b->media.media_type = STR("application/pdf");
    assert_int_equal(count(f, "claude-opus-4-1").tokens, 3 + 4 + 1600);
    b->media.src = IR_MEDIA_TEXT;
    b->media.data = STR("plain");
    b->media.title = STR("title");
    assert_int_equal(count(f, "claude-opus-4-1").tokens, 3 + 4 + 10);
}

/* Finished turns' thoughts are dropped by their makers; within a tool loop they are read again. */
static void test_thoughts_count_in_a_tool_loop_only(void **state)
{
    struct fixture *f = *state;
    struct ir_block *b = add(f, IR_ASSISTANT, IR_THINKING);
    b->thinking.text = STR("0123456789");
    say(f, IR_USER, "x");
    uint64_t done = count(f, "claude-sonnet-4-5").tokens;
    assert_int_equal(done, 3 + 4 + 1);
    add(f, IR_USER, IR_TOOL_RESULT);
    assert_int_equal(count(f, "claude-sonnet-4-5").tokens, done + 10 + 4 + 14);
}

static uint64_t count_at(struct fixture *f, const char *model, enum token_way way)
{
    struct token_target t = {.model = str_c(model), .way = way};
    return token_prompt(&f->counter, &f->r, &t).tokens;
}

static void is_words(const struct buf *b, str words)
{
    assert_int_equal(buf_size(b), words.n);
    assert_memory_equal(b->p, words.p, words.n);
}

/* Vertex bills the words of a tool, Gemini's own endpoint what stands around them too. */
static void test_words_of_a_tool(void **state)
{
    struct fixture *f = *state;
    struct ir_tool t = {.name = STR("f"),
                        .description = STR("do \\\"it\\\""),
                        .schema =
                            json(f, "{\"type\":\"object\",\"$schema\":\"no\",\"properties\":{"
                                    "\"a\":{\"type\":\"array\",\"items\":{\"enum\":[\"x\",2]}}},"
                                    "\"required\":[\"a\"],\"additionalProperties\":false}")};
    struct buf b = BUF_INIT(4096);
    tools_text_words(&t, &b);
    is_words(&b, STR("f\0do \"it\"\0object\0a\0array\0x\0002\0a\0"));
    say(f, IR_USER, "x");
    f->r.tools = &t;
    size_t words = 8, letters = buf_size(&b) - words;
    assert_int_equal(count_at(f, "gemini-2.5-pro", TOKEN_VERTEX), 1 + letters);
    assert_int_equal(count_at(f, "gemini-2.5-pro", TOKEN_NATIVE),
                     1 + 1 + letters + 13 + words * 5 / 2);
    buf_clear(&b);
    tools_text_json_words(STR("{\"a b\": [12, true,\"c\\\"\"], \"\":{}}"), &b);
    is_words(&b, STR("a b\00012\0true\0c\"\0"));
    for (size_t n = 0; n < 12; n++) { /* cut anywhere */
        struct guard g = guard_new(str_head(STR("{\"a\\\"\":12]"), n));
        tools_text_json_words(g.text, &b);
        guard_free(&g);
    }
    buf_fini(&b);
}

/* Chat's schema for Claude is a tool that must be called; gateways ask Responses for OpenAI's. */
static void test_the_way_matters(void **state)
{
    struct fixture *f = *state;
    f->r.format = (struct ir_format){
        .kind = IR_FORMAT_SCHEMA, .name = STR("n"), .schema = json(f, "{\"type\":\"object\"}")};
    assert_true(count_at(f, "claude-sonnet-4-0", TOKEN_CHAT) >
                count_at(f, "claude-sonnet-4-0", TOKEN_NATIVE) + 100);
    f->r.format.strict = IR_YES;
    assert_int_equal(count_at(f, "openai/gpt-4o", TOKEN_CHAT),
                     count_at(f, "gpt-4o", TOKEN_RESPONSES));
    assert_true(count_at(f, "gpt-4o", TOKEN_CHAT) > count_at(f, "gpt-4o", TOKEN_RESPONSES));
}

/* A sound by its length, at the rate of its maker. */
static void test_sounds(void **state)
{
    struct fixture *f = *state;
    static char second[64000];
    struct ir_block *b = add(f, IR_USER, IR_AUDIO);
    memset(second, 'A', sizeof(second));
    b->media = (struct ir_media){.src = IR_MEDIA_BASE64,
                                 .media_type = STR("audio/pcm16"),
                                 .data = str_of(second, sizeof(second))};
    assert_int_equal(count(f, "gpt-audio").tokens, 3 + 4 + 10 + 2);
    assert_int_equal(count(f, "gemini-2.0-flash").tokens, 32 + 2);
}

static void family(const char *model, const char *name)
{
    assert_str(token_family(str_c(model), TOKEN_NATIVE)->name, name);
}

static void test_families(void **state)
{
    (void)state;
    family("gpt-5-mini-2025-08-07", "GPT5_MINI");
    family("GPT-4.1", "GPT4O");
    family("openai/o4-mini", "O_MINI");
    family("o1-preview", "O");
    family("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "CLAUDE_45");
    family("claude-opus-4-1", "CLAUDE_4");
    family("models/gemini-2.5-flash", "GEMINI_25");
    family("gemini-1.5-pro", "GEMINI_2");
    family("accounts/fireworks/models/qwen3-coder", "QWEN");
    family("something-else", "OTHER");
    assert_str(token_family(STR("gemini-3-pro"), TOKEN_VERTEX)->name, "GEMINI_3_VERTEX");
    assert_str(token_family(STR("claude-sonnet-4-5@20250929"), TOKEN_VERTEX)->name, "CLAUDE_45");
    family("o", "OTHER");
    family("", "OTHER");
}

static void test_memo_makes_room_for_what_is_used(void **state)
{
    struct fixture *f = *state;
    uint32_t n;
    char text[8];
    for (uint32_t i = 0; i < 3 * MEMO_SETS * MEMO_WAYS; i++) {
        memcpy(text, &i, 4);
        memo_put(f->memo, str_of(text, 4), 0, i);
        assert_true(memo_get(f->memo, str_of(text, 4), 0, &n) && n == i);
        assert_false(memo_get(f->memo, str_of(text, 4), 1, &n));
        if (i) /* used all the time, so it stays */
            assert_true(memo_get(f->memo, str_of((char[4]){0}, 4), 0, &n) && n == 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_text_of_a_model_with_its_own_encoding_is_counted),
        TEST(test_without_encodings_all_is_estimated),
        TEST(test_beyond_the_bound_is_sampled),
        TEST(test_only_new_text_is_counted),
        TEST(test_tools_are_counted_once),
        TEST(test_a_sampled_text_is_not_remembered),
        TEST(test_tools_as_the_model_reads_them),
        TEST(test_hostile_schemas),
        TEST(test_squeeze),
        TEST(test_media_and_calls_are_estimates),
        TEST(test_documents),
        TEST(test_thoughts_count_in_a_tool_loop_only),
        TEST(test_words_of_a_tool),
        TEST(test_the_way_matters),
        TEST(test_sounds),
        TEST(test_families),
        TEST(test_memo_makes_room_for_what_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts: media, names of models, schemas, scratch. */
#include "drive.h"

#include "base/mem.h"
#include "dialect/media.h"
#include "dialect/model_name.h"
#include "dialect/schema.h"

static void test_data_urls(void **state)
{
    static const struct {
        const char *url;
        enum ir_media_src src;
        const char *type, *data;
    } rows[] = {
        {"data:image/png;base64,AAAA", IR_MEDIA_BASE64, "image/png", "AAAA"},
        {"data:image\\/png;base64,AA\\/A", IR_MEDIA_BASE64, "image\\/png", "AA\\/A"},
        {"data:application/pdf;name=a.pdf;base64,AAAA", IR_MEDIA_BASE64, "application/pdf", "AAAA"},
        {"data:;base64,AAAA", IR_MEDIA_BASE64, "", "AAAA"},
        {"data:text/plain,hello", IR_MEDIA_URL, "", "data:text/plain,hello"},
        {"data:image/png;base64", IR_MEDIA_URL, "", "data:image/png;base64"},
        {"https://e.org/a,b", IR_MEDIA_URL, "", "https://e.org/a,b"},
        {"", IR_MEDIA_URL, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ir_media m = {0};
        media_of_url(&m, str_c(rows[i].url));
        assert_int_equal(m.src, rows[i].src);
        assert_str(m.media_type, rows[i].type);
        assert_str(m.data, rows[i].data);
        struct rope r = ROPE_INIT(1024);
        struct json_writer w;
        json_writer_init(&w, &r);
        media_put_url(&w, &m, STR("image/png"));
        struct buf flat = BUF_INIT(1024);
        rope_flatten(&r, &flat);
        if (i < 2) { /* and it comes out as it went in */
            str out = buf_str(&flat);
            assert_true(str_eq(str_of(out.p + 1, out.n - 2), str_c(rows[i].url)));
        }
        buf_fini(&flat);
        rope_fini(&r);
    }
    assert_true(media_is_web_url(STR("HTTPS://e.org")) && !media_is_web_url(STR("AAAA")));
}

static void test_first_bytes(void **state)
{
    (void)state;
    assert_str(media_sniff(STR("iVBORw0KGgoAAAA")), "image/png");
    assert_str(media_sniff(STR("\\/9j\\/4AAQSkZJRg")), "image/jpeg");
    assert_str(media_sniff(STR("/9j/4AAQSkZJRg")), "image/jpeg");
    assert_str(media_sniff(STR("JVBERi0xLjQ=")), "application/pdf");
    assert_null(media_sniff(STR("AAAA")).p);
    assert_null(media_sniff(STR("")).p);
}

static void test_claude_versions(void **state)
{
    static const struct {
        const char *name;
        unsigned claude;
        uint64_t limit;
    } rows[] = {
        {"gpt-5", 0, 8192},
        {"", 0, 8192},
        {"claude-3-haiku-20240307", 300, 4096},
        {"claude-3-5-sonnet-20241022", 305, 8192},
        {"claude-3-7-sonnet-latest", 307, 32000},
        {"claude-sonnet-4-20250514", 400, 32000},
        {"claude-opus-4-1", 401, 32000},
        {"claude-sonnet-4-5-20250929", 405, 32000},
        {"anthropic/claude-opus-4.6", 406, 32000},
        {"us.anthropic.claude-opus-4-8-v1:0", 408, 32000},
        {"claude-sonnet-5", 500, 32000},
        {"claude-next", 0, 8192},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str n = str_c(rows[i].name);
        if (model_claude_version(n) != rows[i].claude ||
            model_claude_max_tokens(n) != rows[i].limit)
            fail_msg("%s: version %u", rows[i].name, model_claude_version(n));
    }
}

static void test_models_of_vectors(void **state)
{
    static const struct {
        const char *name;
        bool embeds;
    } rows[] = {
        {"text-embedding-3-small", true},
        {"gemini-embedding-001", true},
        {"amazon.titan-embed-text-v2", true},
        {"@cf/baai/bge-m3", true},
        {"Qwen/Qwen3-Embedding-8B", true},
        {"voyage-3.5", true},
        {"bge-reranker-v2-m3", false},
        {"embed-v4.0", true},
        {"gemini-2.5-flash", false},
        {"gpt-5", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (model_embeds(str_c(rows[i].name)) != rows[i].embeds)
            fail_msg("%s", rows[i].name);
}

static void schema(const char *text, bool closed, bool strict)
{
    struct drive d;
    drive_init(&d);
    jval v = drive_json(&d, str_c(text));
    if (schema_is_closed(v) != closed || schema_is_strict(v) != strict)
        fail_msg("%s", text);
    drive_fini(&d);
}

static void test_schemas(void **state)
{
    (void)state;
    schema("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}", true, true);
    schema("{\"type\":\"object\",\"properties\":{}}", false, false);
    schema("{\"type\":\"object\",\"additionalProperties\":true}", false, false);
    schema("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{}}}", true,
           false);
    schema("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{}},"
           "\"required\":[\"a\"]}",
           true, true);
    schema("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{}},"
           "\"required\":[\"b\"]}",
           true, false);
    schema("{\"type\":\"array\",\"items\":{\"type\":\"object\"}}", false, false);
    schema("{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", true, true);
    schema("{\"$defs\":{\"x\":{\"properties\":{}}}}", false, false);
    schema("true", true, true);
}

/* The scratch grows for a big event and does not stay so. */
static void test_scratch(void **state)
{
    struct dialect_scratch s;
    struct buf b = BUF_INIT(4u << 20);
    jval v;
    (void)state;
    scratch_init(&s);
    assert_int_equal(scratch_parse(&s, STR("{\"a\":[1,2]}"), &v), RC_OK);
    assert_int_equal(json_len(json_get_lit(v, "a")), 2);
    buf_lit(&b, "[");
    for (unsigned i = 0; i < 200000; i++)
        buf_add(&b, i ? STR(",1") : STR("1"));
    buf_lit(&b, "]");
    assert_int_equal(scratch_parse(&s, buf_str(&b), &v), RC_OK);
    assert_int_equal(json_len(v), 200000);
    assert_true(s.cap > 200000);
    assert_int_equal(scratch_parse(&s, STR("7"), &v), RC_OK);
    assert_true(s.cap < 1000);
    assert_int_equal(scratch_parse(&s, STR(""), &v), RC_SYNTAX);
    assert_int_equal(scratch_parse(&s, STR("[1"), &v), RC_SYNTAX);
    /* bytes that are no text, wherever they stand */
    assert_int_equal(scratch_parse(&s,
                                   STR("\"\xff"
                                       "a\x80\""),
                                   &v),
                     RC_OK);
    assert_str(json_raw(v), "\xef\xbf\xbd"
                            "a\xef\xbf\xbd");
    assert_int_equal(scratch_parse(&s, STR("{\xff}"), &v), RC_SYNTAX);
    buf_fini(&b);
    scratch_fini(&s);
}

/* The n-th allocation fails, for every n: an error or a failed buffer, nothing worse. */
static void test_every_allocation_may_fail(void **state)
{
    static const char in[] =
        "data: "
        "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xff\",\"annotations\":["
        "{"
        "\"url_citation\":{\"url\":\"https://e.org/\"}}]}}]}\n\ndata: [DONE]\n\n";
    const struct dialect_back *back = dialect_openai_chat.back;
    const struct dialect_front *front = dialect_anthropic.front;
    struct front_opts o = {.id = STR("i"), .model = STR("m")};
    unsigned whole = 0;
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        struct dialect_scratch s;
        struct buf out = BUF_INIT(65536);
        struct frame_parser p;
        struct sse_event e;
        struct rope body = ROPE_INIT(65536);
        struct arena a;
        struct ir_collect c;
        str rest = str_c(in);
        void *decoder = test_malloc(back->decoder_size), *stream = test_malloc(front->stream_size);
        back->decoder_init(decoder, true);
        front->stream_init(stream, &o);
        frame_init(&p, back->framing, SSE_EVENT_MAX);
        arena_init(&a, 65536);
        ir_collect_init(&c, &a, false);
        mem_fail_after(n);
        scratch_init(&s);
        enum feed_result r = FEED_FORWARD;
        while (r == FEED_FORWARD && frame_next(&p, &rest, &e) == SSE_EVENT)
            r = back->feed(decoder, &s, &e, ir_collect_sink(&c));
        if (r == FEED_END && !c.failed)
            front->encode_body(&c.response, &o, &body);
        mem_fail_after(0);
        whole += r == FEED_END && !c.failed && !rope_failed(&body);
        rope_fini(&body);
        arena_fini(&a);
        scratch_fini(&s);
        frame_fini(&p);
        buf_fini(&out);
        test_free(stream);
        test_free(decoder);
    }
    assert_true(whole > 0 && whole < 39);
}

/* How closely to look: "original" is a word of Responses alone. */
static void test_detail_of_pictures(void **state)
{
    static const struct {
        const char *said, *want, *lost;
        const struct dialect *to;
    } rows[] = {
        {"original", "\"detail\":\"original\"", "", &dialect_responses},
        {"original", "\"detail\":\"high\"", "image.detail", &dialect_openai_chat},
        {"original", "\"detail\":\"high\"", "image.detail", &dialect_cohere},
        {"low", "\"detail\":\"low\"", "", &dialect_openai_chat},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str body =
            arena_strf(&d.arena,
                       "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
                       "\"input_image\",\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\","
                       "\"detail\":\"%s\"}]}]}",
                       rows[i].said);
        str out = drive_request(&d, &dialect_responses, body, rows[i].to, "m");
        assert_true(str_find(out, str_c(rows[i].want)) != SIZE_MAX);
        assert_str(drive_losses(&d), rows[i].lost);
        drive_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_urls),
        cmocka_unit_test(test_first_bytes),
        cmocka_unit_test(test_claude_versions),
        cmocka_unit_test(test_models_of_vectors),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_detail_of_pictures),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

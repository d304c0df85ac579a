/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: the tables are sound, what a request is refused for, what goes to the provider, and
 * what an answer says of its cost.
 */
#include "drive.h"

#include "dialect/op.h"

static const struct op *route(const char *path)
{
    str model;
    return op_route(str_c(path), &model);
}

static void test_routes(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/embeddings/",
        "/V1/embeddings",
        "/v2/embeddings",
        "/embed",
        "/v1/v1/embeddings",
        "/v1/audio",
        "/v1beta/models/:embedContent",
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:embedContentX",
        "/openai/deployments//embeddings",
        "/openai/deployments/m",
        "/openai/deployments/m/v1/embeddings",
        "/openai/deployments/m/messages/count_tokens",
        "/openai/embeddings",
        "/v2/models/m:embedContent",
        "/v1xmodels/m:embedContent",
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        if (route(none[i]))
            fail_msg("%s is a route", none[i]);
    static const struct {
        const char *path, *name, *words;
        enum op_kind kind;
    } rows[] = {
        {"/v1/embeddings", "embeddings", "openai", OP_EMBED},
        {"/embeddings", "embeddings", "openai", OP_EMBED},
        {"/v1/audio/speech", "audio/speech", "openai", OP_SPEAK},
        {"/images/edits", "images/edits", "openai", OP_IMAGE_EDIT},
        {"/v1/rerank", "rerank", "openai", OP_RERANK},
        {"/v2/rerank", "rerank", "cohere", OP_RERANK},
        {"/v1beta/models/a/b:batchEmbedContents", "embeddings", "gemini", OP_EMBED},
        {"/v1beta/models/a:embedContent", "embeddings", "gemini", OP_EMBED_ONE},
        {"/v1/models/a:batchEmbedContents", "embeddings", "gemini", OP_EMBED},
        {"/v1alpha/models/a:embedContent", "embeddings", "gemini", OP_EMBED_ONE},
        {"/api/embed", "embeddings", "ollama", OP_EMBED},
        {"/openai/v1/images/edits", "images/edits", "openai", OP_IMAGE_EDIT},
        {"/openai/deployments/m/audio/speech", "audio/speech", "openai", OP_SPEAK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct op *op = route(rows[i].path);
        if (!op)
            fail_msg("%s is no route", rows[i].path);
        assert_int_equal(op->kind, rows[i].kind);
        assert_str(op->name, rows[i].name);
        assert_str(op->words, rows[i].words);
    }
    str model;
    assert_non_null(op_route(STR("/v1beta/models/tuned/m:embedContent"), &model));
    assert_str(model, "tuned/m");
    assert_non_null(op_route(STR("/v1/embeddings"), &model));
    assert_null(model.p);
    assert_non_null(op_route(STR("/openai/v1/embeddings"), &model));
    assert_null(model.p);
    assert_non_null(op_route(STR("/openai/deployments/a%2Fb/embeddings"), &model));
    assert_str(model, "a%2Fb");
}

/* Each operation can be asked of a provider that speaks its words, or of one it is translated for.
 */
static void test_ways(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/completions", "/v1/embeddings", "/v1/audio/speech",
                                        "/v1/rerank",      "/v2/rerank",     "/v2/embed",
                                        "/api/embed",      "/api/embeddings"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_non_null(op_way_of(route(paths[i]), STR("openai")));
    assert_null(op_way_of(route("/v1/embeddings"), STR("anthropic")));
    assert_null(op_way_of(route("/v1/embeddings"), STR("")));
    assert_null(op_way_of(route("/v1/embeddings"), STR("open")));
    assert_str(op_way_of(route("/v1/embeddings"), STR("gemini"))->words, "gemini");
    assert_str(op_way_of(route("/api/embeddings"), STR("gemini"))->path,
               "/models/{model}:batchEmbedContents"); /* translated, so by the one for many */
    assert_str(op_way_of(route("/v1beta/models/m:embedContent"), STR("gemini"))->path,
               "/models/{model}:embedContent");
    assert_null(op_way_of(route("/v1/audio/speech"), STR("gemini")));
    const struct op_way *way = op_way_of(route("/v1/embeddings"), STR("openai"));
    assert_true(op_is_same(route("/v1/embeddings"), way));
    assert_false(op_is_same(route("/v2/embed"), way));
    assert_true(op_is_same(route("/v2/rerank"), op_way_of(route("/v2/rerank"), STR("openai"))));
    struct buf b = BUF_INIT(100);
    op_path(way, STR("m"), &b);
    assert_str(buf_str(&b), "/embeddings");
    op_path(&(struct op_way){.path = STR("/models/{model}:embed")}, STR("x/y"), &b);
    assert_str(buf_str(&b), "/embeddings/models/x/y:embed");
    buf_fini(&b);
}

/* The configuration warns of `countTokens: provider` where nobody can be asked: both tables agree.
 */
static void test_who_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool counts;
    } wires[] = {
#define DIALECT(name, endpoint, extra, counts) {name, counts},
#include "conf/dialects.def"
#undef DIALECT
    };
    static const char *const paths[] = {"/v1/messages/count_tokens", "/v1/responses/input_tokens",
                                        "/v1beta/models/m:countTokens"};
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        bool counts = false;
        for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
            const struct op *op = route(paths[k]);
            const struct op_way *way = op_way_of(op, str_c(wires[i].name));
            counts |= way && op_is_same(op, way);
        }
        if (counts != wires[i].counts)
            fail_msg("%s: the tables differ", wires[i].name);
    }
}

/* Vertex is told what it counts, be it in Gemini's envelope or not. */
static void test_vertex_counts(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"{\"contents\":[ 1],\"cachedContent\":\"cachedContents/c\"}", "{\"contents\":[ 1]}",
         "cachedContent"},
        {"{\"generateContentRequest\":{\"cached_content\":\"c\"}}", "{}", "cachedContent"},
        {"{\"contents\":[ 1]}", "{\"contents\":[ 1]}"},
        {"{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[1],\"toolConfig\":{},"
         "\"tools\":[2],\"systemInstruction\":{\"parts\":[]}}}",
         "{\"contents\":[1],\"tools\":[2],\"systemInstruction\":{\"parts\":[]}}"},
        {"{}", "{}"},
        {"{\"generateContentRequest\":7,\"safetySettings\":[]}", "{}"},
    };
    const struct op *op = route("/v1beta/models/m:countTokens");
    const struct op_way *way = op_way_of(op, STR("vertex"));
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_opts opts = {.auth = AUTH_DEFAULT};
        struct ir_lossy lossy = {0};
        struct back_call c = {.opts = &opts, .model = STR("gemini-3-flash"), .lossy = &lossy};
        struct rope out = ROPE_INIT(4096);
        struct buf flat = BUF_INIT(4096);
        assert_int_equal(op_splice(op, way, drive_json(&d, str_c(rows[i][0])), &c, &d.arena, &out),
                         RC_OK);
        rope_flatten(&out, &flat);
        assert_str(buf_str(&flat), rows[i][1]);
        buf_clear(&flat);
        ir_lossy_print(&lossy, &flat);
        assert_str(buf_str(&flat), rows[i][2] ? rows[i][2] : "");
        buf_fini(&flat);
        rope_fini(&out);
    }
    drive_fini(&d);
}

/* ---- requests */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *param;
    } rows[] = {
        {"/v1/embeddings", "[]", NULL},
        {"/v1/embeddings", "\"m\"", NULL},
        {"/v1/embeddings", "{}", "model"},
        {"/v1/embeddings", "{\"model\":null}", "model"},
        {"/v1/embeddings", "{\"model\":\"\"}", "model"},
        {"/v1/embeddings", "{\"model\":7}", "model"},
        {"/v1/embeddings", "{\"model\":[\"m\"]}", "model"},
        {"/v1/completions", "{\"model\":\"m\",\"stream\":1}", "stream"},
        {"/v1/moderations", "{\"model\":7}", "model"},
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ir_peek p = {.messages = 77};
        struct fail f = {0};
        jval root = drive_json(&d, str_c(rows[i].body));
        enum rc rc = op_peek(route(rows[i].path), root, STR_NONE, &d.arena, &p, &f);
        if (rc != RC_SYNTAX || p.messages != 77)
            fail_msg("accepted: %s", rows[i].body);
        assert_int_equal(f.kind, ERR_BAD_REQUEST);
        if (rows[i].param)
            assert_str(f.param, rows[i].param);
    }
    drive_fini(&d);
}

static struct ir_peek peek(struct drive *d, const char *path, const char *body)
{
    struct ir_peek p;
    struct fail f;
    str model;
    const struct op *op = op_route(str_c(path), &model);
    assert_int_equal(op_peek(op, drive_json(d, str_c(body)), model, &d->arena, &p, &f), RC_OK);
    return p;
}

static void test_peek(void **state)
{
    (void)state;
    struct drive d;
    drive_init(&d);
    assert_str(peek(&d, "/v1/embeddings", "{\"model\":\"a\\u0062\"}").model, "ab");
    assert_str(peek(&d, "/v1/moderations", "{}").model, "omni-moderation-latest");
    assert_str(peek(&d, "/v1beta/models/m:embedContent", "{\"model\":\"models/x\"}").model, "m");
    assert_true(peek(&d, "/v1/completions", "{\"model\":\"m\",\"stream\":true}").stream);
    assert_true(peek(&d, "/v1/audio/speech", "{\"model\":\"m\",\"stream_format\":\"sse\"}").stream);
    assert_int_equal(peek(&d, "/v1/audio/speech",
                          "{\"model\":\"m\",\"input\":\"a\\n\\u00e9\xc3\xa9\\ud83d\\ude00\"}")
                         .characters,
                     5);
    drive_fini(&d);
}

static str splice(struct drive *d, const char *path, const struct op_way *way, const char *body)
{
    struct rope r = ROPE_INIT(1 << 20);
    struct buf flat = BUF_INIT(1 << 20);
    struct back_call c = {.opts = &d->opts, .model = STR("\"up\"")};
    jval root = drive_json(d, str_c(body));
    c.stream = json_is(json_get_lit(root, "stream"), JSON_TRUE);
    const struct op *op = route(path);
    if (!way)
        way = op_way_of(op, STR("openai"));
    assert_int_equal(op_splice(op, way, root, &c, &d->arena, &r), RC_OK);
    rope_flatten(&r, &flat);
    str text = arena_dup(&d->arena, buf_str(&flat));
    buf_fini(&flat);
    rope_fini(&r);
    return text;
}

static void test_splice(void **state)
{
    (void)state;
    static const struct op_way mistral = {.words = STR("openai"),
                                          .rename = STR("dimensions>output_dimension")};
    struct drive d;
    drive_init(&d);
    assert_str(splice(&d, "/v1/embeddings", NULL, "{ \"x\":1e2, \"model\" : \"m\" }"),
               "{ \"x\":1e2, \"model\" : \"\\\"up\\\"\" }");
    assert_str(splice(&d, "/v1/moderations", NULL, "{\"input\":1}"),
               "{\"model\":\"\\\"up\\\"\",\"input\":1}");
    assert_str(splice(&d, "/v1/moderations", NULL, "{}"), "{\"model\":\"\\\"up\\\"\"}");
    assert_str(splice(&d, "/v1/completions", NULL, "{\"model\":\"m\",\"stream\":true}"),
               "{\"stream_options\":{\"include_usage\":true},\"model\":\"\\\"up\\\"\","
               "\"stream\":true}");
    assert_str(splice(&d, "/v1/completions", NULL,
                      "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"a\":1}}"),
               "{\"model\":\"\\\"up\\\"\",\"stream\":true,\"stream_options\":{"
               "\"include_usage\":true,\"a\":1}}");
    assert_str(splice(&d, "/v1/completions", NULL,
                      "{\"model\":\"m\",\"stream\":true,\"stream_options\":null}"),
               "{\"model\":\"\\\"up\\\"\",\"stream\":true,"
               "\"stream_options\":{\"include_usage\":true}}");
    d.opts.no_stream_options = true;
    assert_str(splice(&d, "/v1/completions", NULL, "{\"model\":\"m\",\"stream\":true}"),
               "{\"model\":\"\\\"up\\\"\",\"stream\":true}");
    assert_str(splice(&d, "/v1/embeddings", &mistral, "{\"dimensions\":5,\"model\":\"m\"}"),
               "{\"output_dimension\":5,\"model\":\"\\\"up\\\"\"}");
    assert_str(splice(&d, "/v1/embeddings", &mistral,
                      "{\"dimensions\":5,\"model\":\"m\",\"output_dimension\":6}"),
               "{\"dimensions\":5,\"model\":\"\\\"up\\\"\",\"output_dimension\":6}");
    drive_fini(&d);
}

#define TYPE      STR("multipart/form-data; boundary=x")
#define PART(a)   "--x\r\nContent-Disposition: form-data; name=\"" a "\"\r\n\r\n"
#define FILE_PART "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF"

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *body, *model, *want; /* want NULL: refused */
    } rows[] = {
        {PART("model") "m\r\n" FILE_PART "\r\n--x--\r\n", "m",
         PART("model") "up\r\n" FILE_PART "\r\n--x--\r\n"},
        {FILE_PART "\r\n" PART("model") "m\r\n--x--", "m",
         FILE_PART "\r\n" PART("model") "up\r\n--x--"},
        {FILE_PART "\r\n--x--", "dall-e-2", PART("model") "up\r\n" FILE_PART "\r\n--x--"},
        {PART("model") "\r\n" FILE_PART "\r\n--x--", "dall-e-2",
         PART("model") "up\r\n" FILE_PART "\r\n--x--"},
        {PART("model") "m\r\n" PART("model") "m\r\n--x--", NULL, NULL},
        {PART("stream") "m\r\n" PART("stream") "m\r\n--x--", NULL, NULL},
        {PART("model\"; filename=\"m") "m\r\n--x--", NULL, NULL},
        {PART("model") "m\r\n--x", NULL, NULL},
    };
    const struct op *op = route("/v1/images/variations");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct op_form form;
        struct ir_peek p;
        struct fail f = {0};
        enum rc rc = op_peek_form(op, TYPE, str_c(rows[i].body), STR_NONE, &form, &p, &f);
        if (!rows[i].want) {
            assert_int_equal(rc, RC_SYNTAX);
            assert_int_equal(f.kind, ERR_BAD_REQUEST);
            continue;
        }
        assert_int_equal(rc, RC_OK);
        assert_str(p.model, rows[i].model);
        struct rope r = ROPE_INIT(4096);
        struct buf flat = BUF_INIT(4096);
        assert_int_equal(op_splice_form(&form, STR("up"), &r), RC_OK);
        rope_flatten(&r, &flat);
        assert_str(buf_str(&flat), rows[i].want);
        rope_clear(&r);
        assert_int_equal(op_splice_form(&form, STR("a\r\nb"), &r), RC_SYNTAX);
        assert_int_equal(op_splice_form(&form, STR("axb"), &r), RC_SYNTAX);
        buf_fini(&flat);
        rope_fini(&r);
    }
}

/* ---- answers */

static void test_usage(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t input, output, audio_ms, pictures, units;
    } rows[] = {
        {"{\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}", 2, 0, 0, 0, 0},
        {"{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8}}", 5, 3, 0, 0,
         0},
        {"{\"usage\":{\"input_tokens\":14,\"output_tokens\":272},"
         "\"data\":[{\"b64_json\":\"\"},{\"url\":\"\"}]}",
         14, 272, 0, 2, 0},
        {"{\"usage\":{\"type\":\"duration\",\"seconds\":6},\"duration\":5.49}", 0, 0, 6000, 0, 0},
        {"{\"duration\":5.489999771118164}", 0, 0, 5490, 0, 0},
        {"{\"usage\":{\"total_tokens\":17,\"cost\":3.4e-07}}", 17, 0, 0, 0, 0},
        {"{\"meta\":{\"billed_units\":{\"search_units\":1}}}", 0, 0, 0, 0, 1},
        {"{\"meta\":{\"billed_units\":{\"input_tokens\":9}}}", 9, 0, 0, 0, 0},
        {"{\"usageMetadata\":{\"promptTokenCount\":261}}", 261, 0, 0, 0, 0},
        {"{\"embeddings\":[],\"prompt_eval_count\":8}", 8, 0, 0, 0, 0},
        {"{\"usage\":{\"cost_in_usd_ticks\":700000000}}", 0, 0, 0, 0, 0},
    };
    static const char *const none[] = {
        "{}",
        "[]",
        "{\"usage\":null}",
        "{\"usage\":{}}",
        "{\"usage\":{\"prompt_tokens\":-1}}",
        "{\"usage\":{\"prompt_tokens\":1.5}}",
        "{\"usage\":{\"prompt_tokens\":\"2\"}}",
        "{\"usage\":{\"prompt_tokens\":1e300,\"seconds\":1e300}}",
        "{\"duration\":-5}",
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct usage u;
        assert_true(op_read_usage(drive_json(&d, str_c(rows[i].body)), &u));
        assert_int_equal(usage_prompt(&u), rows[i].input);
        assert_int_equal(u.output, rows[i].output);
        assert_int_equal(u.audio_ms, rows[i].audio_ms);
        assert_int_equal(u.pictures, rows[i].pictures);
        assert_int_equal(u.units, rows[i].units);
        assert_int_equal(u.source, USAGE_REPORTED);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        struct usage u;
        if (op_read_usage(drive_json(&d, str_c(none[i])), &u))
            fail_msg("a cost was read in %s", none[i]);
    }
    drive_fini(&d);
}

struct reading {
    enum answer_end end;
    struct buf raw; /* what was forwarded */
};

static void ignore(void *ctx, const struct ir_event *ev)
{
    (void)ctx;
    (void)ev;
}

static bool take(struct reading *r, const struct sse_event *ev, enum feed_result f)
{
    if (f == FEED_FORWARD || f == FEED_END)
        buf_add(&r->raw, ev->raw);
    if (f == FEED_END || f == FEED_ERROR)
        r->end = f == FEED_END ? ANSWER_WHOLE : ANSWER_FAILED;
    return f == FEED_FORWARD || f == FEED_DROP;
}

/* `step` bytes at a time, or all at once. */
static struct reading read_stream(str in, size_t step, bool asked)
{
    struct reading r = {ANSWER_CUT_OFF, BUF_INIT(4096)};
    struct ir_sink sink = {ignore, NULL};
    struct dialect_scratch s;
    struct frame_parser frames;
    struct sse_event ev;
    uint64_t state[64];
    bool on = true;
    scratch_init(&s);
    frame_init(&frames, FRAME_SSE, 4096);
    assert_true(op_reader.decoder_size <= sizeof(state));
    op_reader.decoder_init(state, asked);
    while (in.n && on) {
        str piece = step ? str_head(in, step) : in;
        in = str_from(in, piece.n);
        while (on && frame_next(&frames, &piece, &ev) == SSE_EVENT)
            on = take(&r, &ev, op_reader.feed(state, &s, &ev, sink));
    }
    if (on && op_reader.end(state, sink))
        r.end = ANSWER_WHOLE;
    frame_fini(&frames);
    scratch_fini(&s);
    return r;
}

/* Streams through the reader: what is forwarded, and whether they are whole. */
static void test_streams(void **state)
{
    (void)state;
#define CHUNK(t, f) "data: {\"choices\":[{\"text\":\"" t "\",\"finish_reason\":" f "}]}\n\n"
#define USAGE       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}\n\n"
#define DONE        "data: [DONE]\n\n"
    static const struct {
        const char *bytes, *raw;
        enum answer_end end;
        bool asked;
    } rows[] = {
        {CHUNK("a", "null") CHUNK("", "\"stop\"") USAGE DONE,
         CHUNK("a", "null") CHUNK("", "\"stop\"") DONE, ANSWER_WHOLE, false},
        {CHUNK("a", "\"stop\"") USAGE DONE, CHUNK("a", "\"stop\"") USAGE DONE, ANSWER_WHOLE, true},
        {CHUNK("a", "\"stop\""), CHUNK("a", "\"stop\""), ANSWER_WHOLE, false},
        {CHUNK("a", "null"), CHUNK("a", "null"), ANSWER_CUT_OFF, false},
        {"data: {\"value\":\"Sure\"}\n\n", "data: {\"value\":\"Sure\"}\n\n", ANSWER_WHOLE, false},
        {": hm\n\ndata: x\n\n", ": hm\n\ndata: x\n\n", ANSWER_WHOLE, false},
        {"data: {\"error\":{\"message\":\"m\"}}\n\n", "", ANSWER_FAILED, false},
        {"event: error\ndata: {\"message\":\"m\"}\n\n", "", ANSWER_FAILED, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 0; step < 3; step++) {
            struct reading r = read_stream(str_c(rows[i].bytes), step, rows[i].asked);
            assert_int_equal(r.end, rows[i].end);
            assert_str(buf_str(&r.raw), rows[i].raw);
            buf_fini(&r.raw);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),     cmocka_unit_test(test_ways),
        cmocka_unit_test(test_who_counts), cmocka_unit_test(test_vertex_counts),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_peek),
        cmocka_unit_test(test_splice),     cmocka_unit_test(test_forms),
        cmocka_unit_test(test_usage),      cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

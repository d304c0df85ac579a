/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embeddings: vectors as text and as base64, requests and answers from each language to each other,
 * what is lost and what is refused.
 */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "dialect/op.h"
#include "dialect/vector.h"

/* ---- vectors */

static str pack(struct drive *d, const char *array, enum rc want)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(vector_pack(drive_json(d, str_c(array)), &b), want);
    str text = want == RC_OK ? arena_dup(&d->arena, buf_str(&b)) : STR_NONE;
    buf_fini(&b);
    return text;
}

static void test_pack(void **state)
{
    (void)state;
    struct drive d;
    drive_init(&d);
    assert_str(pack(&d, "[]", RC_OK), "");
    assert_str(pack(&d, "[1,-1]", RC_OK), "AACAPwAAgL8=");
    assert_str(pack(&d, "[0,-0,1e-46]", RC_OK), "AAAAAAAAAIAAAAAA");
    (void)pack(&d, "[1,\"2\"]", RC_TYPE);
    (void)pack(&d, "[1,[2]]", RC_TYPE);
    (void)pack(&d, "[null]", RC_TYPE);
    (void)pack(&d, "{\"a\":1}", RC_TYPE);
    (void)pack(&d, "\"AACAPw==\"", RC_TYPE);
    drive_fini(&d);
}

/* As the servers of this world write it. */
static void write_number(char *to, size_t n, int how, double v)
{
    if (how == 0)
        snprintf(to, n, "[%.17g]", v);
    else if (how == 1)
        snprintf(to, n, "[%.9g]", v);
    else if (how == 2)
        snprintf(to, n, "[%.7f]", v);
    else
        snprintf(to, n, "[%.12e]", v);
}

/* The quick way and strtof agree to the last bit. */
static void test_pack_is_exact(void **state)
{
    (void)state;
    struct drive d;
    char text[64];
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double v = ((double)(seed >> 11) / (double)(1u << 30) - 4e6) / (1 << (seed % 24));
        write_number(text, sizeof(text), i % 4, v);
        drive_init(&d);
        str got = pack(&d, text, RC_OK);
        uint8_t bytes[4];
        float f = strtof(text + 1, NULL);
        struct buf want = BUF_INIT(16);
        memcpy(bytes, &f, 4);
        b64_encode(&want, str_of((char *)bytes, 4));
        if (!str_eq(got, buf_str(&want)))
            fail_msg("%s is packed as " STR_FMT ", not " STR_FMT, text, STR_ARG(got),
                     STR_ARG(buf_str(&want)));
        buf_fini(&want);
        drive_fini(&d);
    }
}

static void test_unpack(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "A",        "AAAA",    "AACAPw",
                                      "AAC/fw==", "AADAfw==", "AAC APw="};
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(vector_unpack(STR("AACAPwAAgL/NzMw9"), &b), RC_OK);
    assert_str(buf_str(&b), "[1,-1,0.100000001]");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&b);
        if (vector_unpack(str_c(bad[i]), &b) == RC_OK)
            fail_msg("unpacked: %s", bad[i]);
    }
    buf_fini(&b);
}

/* ---- one language to another */

#define OPENAI "/v1/embeddings"
#define COHERE "/v2/embed"
#define GEMINI "/v1beta/models/m:batchEmbedContents"
#define ONE    "/v1beta/models/m:embedContent"
#define OLLAMA "/api/embed"
#define ELDER  "/api/embeddings"

static const struct op *route(const char *path)
{
    str model;
    const struct op *op = op_route(str_c(path), &model);
    assert_non_null(op);
    return op;
}

static enum rc decode(struct drive *d, const char *path, const char *body, struct embed_request *r,
                      struct fail *f)
{
    const struct op *op = route(path);
    return embed_words_find(op->words)->decode_request(drive_json(d, str_c(body)),
                                                       op->kind == OP_EMBED_ONE, &d->arena, r, f);
}

static str flatten(struct drive *d, struct rope *r)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_false(rope_failed(r));
    rope_flatten(r, &b);
    (void)drive_json(d, arena_dup(&d->arena, buf_str(&b)));
    str text = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    rope_fini(r);
    return text;
}

/* The request in the words of `to`; absent when it is refused. */
static str request(struct drive *d, const char *path, const char *body, const char *to)
{
    struct embed_request r;
    struct rope out = ROPE_INIT(1 << 20);
    struct back_call c = {.opts = &d->opts, .model = STR("up")};
    d->fail = (struct fail){0};
    d->lossy = (struct ir_lossy){0};
    enum rc rc = decode(d, path, body, &r, &d->fail);
    if (rc == RC_OK) {
        d->lossy = r.lost;
        rc = embed_words_find(str_c(to))->encode_request(&r, &c, &d->arena, &out, &d->lossy,
                                                         &d->fail);
    }
    if (rc == RC_OK)
        return flatten(d, &out);
    assert_int_equal(rc, RC_SYNTAX);
    assert_true(d->fail.message.n > 0);
    rope_fini(&out);
    return STR_NONE;
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *to, *want, *lost;
    } rows[] = {
        {OPENAI, "{\"model\":\"m\",\"input\":\"a\\n\",\"dimensions\":8}", "gemini",
         "{\"requests\":[{\"model\":\"models/up\",\"content\":{\"parts\":[{\"text\":\"a\\n\"}]},"
         "\"outputDimensionality\":8}]}",
         ""},
        {OPENAI,
         "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"input_type\":\"query\",\"user\":\"u\"}",
         "cohere",
         "{\"model\":\"up\",\"input_type\":\"search_query\",\"embedding_types\":[\"float\"],"
         "\"texts\":[\"a\",\"b\"]}",
         "user"},
        {OPENAI, "{\"model\":\"m\",\"input\":[\"a\"],\"encoding_format\":\"base64\",\"x\":1}",
         "ollama", "{\"model\":\"up\",\"input\":[\"a\"]}", "x"},
        {OPENAI, "{\"model\":\"m\",\"input\":[\"a\"],\"input_type\":\"odd\"}", "gemini",
         "{\"requests\":[{\"model\":\"models/up\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
         "input_type"},
        {GEMINI,
         "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"role\":\"user\",\"parts\":[{"
         "\"text\":\"a\"},{\"text\":\"b\"}]},\"task_type\":\"RETRIEVAL_QUERY\"}]}",
         "openai", "{\"model\":\"up\",\"input\":[\"a\\nb\"],\"encoding_format\":\"float\"}",
         "input_type"},
        {ONE,
         "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"output_dimensionality\":3,\"title\":\"t\"}",
         "openai",
         "{\"model\":\"up\",\"input\":[\"a\"],\"encoding_format\":\"float\",\"dimensions\":3}",
         "title"},
        {COHERE,
         "{\"model\":\"m\",\"texts\":[\"a\"],\"input_type\":\"clustering\",\"truncate\":\"END\"}",
         "gemini",
         "{\"requests\":[{\"model\":\"models/up\",\"content\":{\"parts\":[{\"text\":\"a\"}]},"
         "\"taskType\":\"CLUSTERING\"}]}",
         "truncate"},
        {OLLAMA, "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":4,\"keep_alive\":\"5m\"}",
         "openai",
         "{\"model\":\"up\",\"input\":[\"a\"],\"encoding_format\":\"float\",\"dimensions\":4}",
         "keep_alive"},
        {ELDER, "{\"model\":\"m\",\"prompt\":\"a\"}", "cohere",
         "{\"model\":\"up\",\"input_type\":\"search_document\",\"embedding_types\":[\"float\"],"
         "\"texts\":[\"a\"]}",
         ""},
        {OPENAI, "{\"model\":\"m\",\"input\":[[1,2],[3]]}", "openai",
         "{\"model\":\"up\",\"input\":[[1,2],[3]],\"encoding_format\":\"float\"}", ""},
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str got = request(&d, rows[i].path, rows[i].body, rows[i].to);
        if (!got.p)
            fail_msg("refused (" STR_FMT "): %s", STR_ARG(d.fail.message), rows[i].body);
        assert_str(got, rows[i].want);
        assert_str(drive_losses(&d), rows[i].lost);
    }
    drive_fini(&d);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *to;
        enum err kind;
    } rows[] = {
        {OPENAI, "{}", "gemini", ERR_BAD_REQUEST},
        {OPENAI, "{\"input\":[]}", "gemini", ERR_BAD_REQUEST},
        {OPENAI, "{\"input\":7}", "gemini", ERR_BAD_REQUEST},
        {OPENAI, "{\"input\":[\"a\",7]}", "gemini", ERR_BAD_REQUEST},
        {OPENAI, "{\"input\":[1,2]}", "gemini", ERR_UNSUPPORTED},
        {OPENAI, "{\"input\":[[1,2]]}", "cohere", ERR_UNSUPPORTED},
        {OPENAI, "{\"input\":\"a\",\"encoding_format\":\"int8\"}", "ollama", ERR_UNSUPPORTED},
        {GEMINI, "{}", "openai", ERR_BAD_REQUEST},
        {GEMINI, "{\"requests\":[{}]}", "openai", ERR_BAD_REQUEST},
        {GEMINI, "{\"requests\":[{\"content\":{\"parts\":[{\"inline_data\":{}}]}}]}", "openai",
         ERR_UNSUPPORTED},
        {GEMINI,
         "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"outputDimensionality\":1},"
         "{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
         "openai", ERR_UNSUPPORTED},
        {COHERE, "{\"texts\":[]}", "openai", ERR_UNSUPPORTED},
        {COHERE, "{\"images\":[\"x\"]}", "openai", ERR_UNSUPPORTED},
        {COHERE, "{\"texts\":[\"a\"],\"embedding_types\":[\"int8\"]}", "openai", ERR_UNSUPPORTED},
        {COHERE, "{\"texts\":[\"a\"],\"embedding_types\":[\"float\",\"int8\"]}", "openai",
         ERR_UNSUPPORTED},
        {OLLAMA, "{\"model\":\"m\"}", "openai", ERR_BAD_REQUEST},
        {OLLAMA, "{\"input\":[7]}", "openai", ERR_BAD_REQUEST},
        {ELDER, "{\"input\":\"a\"}", "openai", ERR_BAD_REQUEST},
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (request(&d, rows[i].path, rows[i].body, rows[i].to).p)
            fail_msg("accepted: %s", rows[i].body);
        if (d.fail.kind != rows[i].kind)
            fail_msg("%s for %s", err_row(d.fail.kind)->name.p, rows[i].body);
    }
    drive_fini(&d);
}

#define BYTES "AACAPwAAgL8=" /* [1,-1] */

static const struct {
    const char *words, *body;
} answers[] = {
    {"openai", "{\"data\":[{\"index\":1,\"embedding\":[2]},{\"index\":0,\"embedding\":[1,-1]}],"
               "\"model\":\"up\",\"usage\":{\"prompt_tokens\":9}}"},
    {"openai", "{\"data\":[{\"embedding\":\"" BYTES "\"},{\"embedding\":\"AAAAQA==\"}],"
               "\"model\":\"up\",\"usage\":{\"prompt_tokens\":9}}"},
    {"gemini", "{\"embeddings\":[{\"values\":[1,-1]},{\"values\":[2]}],"
               "\"usageMetadata\":{\"promptTokenCount\":9}}"},
    {"cohere", "{\"id\":\"i\",\"embeddings\":{\"float\":[[1,-1],[2]]},"
               "\"meta\":{\"billed_units\":{\"input_tokens\":9}}}"},
    {"cohere", "{\"embeddings\":[[1,-1],[2]],\"meta\":{\"billed_units\":{\"input_tokens\":9}}}"},
    {"ollama", "{\"model\":\"up\",\"embeddings\":[[1,-1],[2]],\"prompt_eval_count\":9}"},
};

static str answer(struct drive *d, const char *words, const char *body, const char *path,
                  const char *asked)
{
    const struct op *op = route(path);
    const struct embed_words *from = embed_words_find(str_c(words)),
                             *to = embed_words_find(op->words);
    struct embed_request r;
    struct embed_answer an;
    struct rope out = ROPE_INIT(1 << 20);
    struct embed_opts o = {op->kind == OP_EMBED_ONE, STR("x1"), STR("m")};
    assert_int_equal(decode(d, path, asked, &r, &d->fail), RC_OK);
    if (from->decode_answer(drive_json(d, str_c(body)), &d->arena, &an) != RC_OK)
        fail_msg("no vectors in %s", body);
    assert_int_equal(an.tokens, 9);
    to->encode_answer(&an, &r, &o, &out);
    return flatten(d, &out);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *path, *asked, *vectors; /* what must stand in the answer, one behind another */
    } rows[] = {
        {OPENAI, "{\"input\":[\"a\",\"b\"]}",
         "\"index\":0,\"embedding\":[1,-1]|\"index\":1,\"embedding\":[2]|\"prompt_tokens\":9"},
        {OPENAI, "{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}",
         "\"embedding\":\"" BYTES "\"|\"embedding\":\"AAAAQA==\"|\"total_tokens\":9"},
        {COHERE, "{\"texts\":[\"a\",\"b\"]}",
         "{\"float\":[[1,-1],[2]]}|\"texts\":[\"a\",\"b\"]|\"input_tokens\":9"},
        {COHERE, "{\"texts\":[\"a\",\"b\"],\"embedding_types\":[\"base64\"]}",
         "{\"base64\":[\"" BYTES "\",\"AAAAQA==\"]}"},
        {GEMINI,
         "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
         "{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
         "{\"embeddings\":[{\"values\":[1,-1]},{\"values\":[2]}]|\"promptTokenCount\":9"},
        {ONE, "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "{\"embedding\":{\"values\":[1,-1]}"},
        {OLLAMA, "{\"input\":[\"a\",\"b\"]}",
         "\"embeddings\":[[1,-1],[2]]|\"prompt_eval_count\":9"},
        {ELDER, "{\"prompt\":\"a\"}", "{\"embedding\":[1,-1]}"},
    };
    struct drive d;
    drive_init(&d);
    for (size_t k = 0; k < ARRAY_LEN(answers); k++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            str got = answer(&d, answers[k].words, answers[k].body, rows[i].path, rows[i].asked);
            str rest = got, parts = str_c(rows[i].vectors);
            while (parts.n) {
                str part = str_cut(&parts, '|');
                size_t at = str_find(rest, part);
                if (at == SIZE_MAX)
                    fail_msg("no " STR_FMT " in " STR_FMT, STR_ARG(part), STR_ARG(got));
                rest = str_from(rest, at);
            }
        }
    drive_fini(&d);
}

static void test_no_answers(void **state)
{
    (void)state;
    static const struct {
        const char *words, *body;
    } rows[] = {
        {"openai", "{\"data\":[{\"embedding\":\"AACAPwAAAMA=Z\"}]}"}, /* no base64 */
        {"openai", "{\"data\":[{\"embedding\":\"AAAA\"}]}"},          /* no whole floats */
        {"cohere", "{\"embeddings\":{\"base64\":[\"AAAAQA\"]}}"},
        {"openai", "{}"},
        {"openai", "{\"data\":[{}]}"},
        {"openai", "{\"data\":[{\"embedding\":7}]}"},
        {"openai", "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[2]}]}"},
        {"gemini", "{\"embeddings\":{}}"},
        {"gemini", "{\"embeddings\":[{}]}"},
        {"cohere", "{\"embeddings\":{\"int8\":[[1]]}}"},
        {"ollama", "{\"embeddings\":[7]}"},
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct embed_answer an;
        jval root = drive_json(&d, str_c(rows[i].body));
        if (embed_words_find(str_c(rows[i].words))->decode_answer(root, &d.arena, &an) == RC_OK)
            fail_msg("vectors were found in %s", rows[i].body);
    }
    drive_fini(&d);
}

static void test_reform(void **state)
{
    (void)state;
    static const struct {
        enum embed_form form;
        const char *body, *want; /* NULL: as it came */
    } rows[] = {
        {EMBED_BASE64, "{\"data\": [{\"embedding\": [1,-1] }, {\"embedding\":\"AAAA\"}], \"x\":1}",
         "{\"data\": [{\"embedding\": \"" BYTES "\" }, {\"embedding\":\"AAAA\"}], \"x\":1}"},
        {EMBED_FLOAT, "{\"data\":[{\"embedding\":\"" BYTES "\"}]}",
         "{\"data\":[{\"embedding\":[1,-1]}]}"},
        {EMBED_FLOAT, "{\"data\":[{\"embedding\":\"AAA=\"}]}",
         "{\"data\":[{\"embedding\":\"AAA=\"}]}"},
        {EMBED_FLOAT, "{\"data\":[{\"embedding\":[1]}]}", NULL},
        {EMBED_BASE64, "{\"data\":[{\"embedding\":\"AAAA\"}]}", NULL},
        {EMBED_UNSAID, "{\"data\":[{\"embedding\":[1]}]}", NULL},
        {EMBED_BASE64, "{}", NULL},
        {EMBED_BASE64, "{\"data\":7}", NULL},
    };
    struct drive d;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rope out = ROPE_INIT(4096);
        bool did = embed_reform(drive_json(&d, str_c(rows[i].body)), rows[i].form, &out);
        assert_true(did == (rows[i].want != NULL));
        if (did)
            assert_str(flatten(&d, &out), rows[i].want);
        rope_fini(&out);
    }
    drive_fini(&d);
}

/* Gemini to Gemini: the model that was checked is the one that is sent, wherever it stands. */
static void test_splice_gemini(void **state)
{
    (void)state;
    struct drive d;
    drive_init(&d);
    static const char *const rows[][2] = {
        {"{\"requests\":[ "
         "{\"model\":\"models/m\",\"x\":{\"model\":\"y\"}},{\"model\":\"models/o\"},{}]}",
         "{\"requests\":[ "
         "{\"model\":\"models/up\",\"x\":{\"model\":\"y\"}},{\"model\":\"models/up\"},"
         "{}]}"},
        {"{\"content\":{},\"model\":\"models/m\"}", "{\"content\":{},\"model\":\"models/up\"}"},
        {"{\"content\":{}}", "{\"content\":{}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rope out = ROPE_INIT(4096);
        jval root = drive_json(&d, str_c(rows[i][0]));
        assert_int_equal(embed_splice_gemini(root, STR("up"), &d.arena, &out), RC_OK);
        assert_str(flatten(&d, &out), rows[i][1]);
    }
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack),          cmocka_unit_test(test_pack_is_exact),
        cmocka_unit_test(test_unpack),        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_answers),    cmocka_unit_test(test_reform),
        cmocka_unit_test(test_splice_gemini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

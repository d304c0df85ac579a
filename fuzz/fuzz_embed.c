/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embeddings in four languages. The first byte says whose words the rest is ('o', 'g', 'c', 'l': in
 * lower case a request, in upper case an answer; '1' and 'i' a request for one vector). What one
 * language accepts can be written in each other, or is refused there with a word; what is written
 * is JSON, and read back it is as many inputs, or as many vectors.
 */
#include "fuzz.h"

#include "dialect/embed.h"

#define ARENA_MAX (64u << 20)
#define TEXT_MAX  (64u << 20)

static const struct embed_words *const all[] = {&embed_openai, &embed_gemini, &embed_cohere,
                                                &embed_ollama};

/* Parsed in `a`; where it is not JSON the fuzzer stops, unless it grew too deep or too large. */
static bool parsed(struct rope *r, struct arena *a, struct buf *flat, struct json_doc *doc)
{
    buf_clear(flat);
    rope_flatten(r, flat);
    enum rc rc = json_parse(a, buf_str(flat), doc, NULL);
    CHECK(rc == RC_OK || rc == RC_DEPTH || rc == RC_NOMEM);
    return rc == RC_OK;
}

static void check_request(const struct embed_request *r, const struct embed_words *to)
{
    struct dialect_opts opts = {.auth = AUTH_DEFAULT};
    struct back_call c = {.opts = &opts, .model = STR("m\"\\")};
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct ir_lossy lossy = {0};
    struct embed_request again;
    struct arena a;
    struct json_doc doc;
    struct fail f;
    arena_init(&a, ARENA_MAX);
    if (to->encode_request(r, &c, &a, &out, &lossy, &f) == RC_OK && parsed(&out, &a, &flat, &doc)) {
        CHECK(to->decode_request(json_root(&doc), false, &a, &again, &f) == RC_OK);
        CHECK(again.n == r->n);
    }
    buf_fini(&flat);
    rope_fini(&out);
    arena_fini(&a);
}

static void check_answer(const struct embed_answer *an, const struct embed_words *to,
                         enum embed_form form)
{
    struct embed_request r = {.form = form, .n = an->n};
    struct embed_opts o = {.id = STR("id"), .model = STR("m")};
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct embed_answer again = {0};
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    to->encode_answer(an, &r, &o, &out);
    if (parsed(&out, &a, &flat, &doc) && form == EMBED_FLOAT)
        CHECK(to->decode_answer(json_root(&doc), &a, &again) == RC_OK && again.n == an->n);
    buf_fini(&flat);
    rope_fini(&out);
    arena_fini(&a);
}

static void check_reform(jval root, enum embed_form form)
{
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    if (embed_reform(root, form, &out))
        parsed(&out, &a, &flat, &doc);
    buf_fini(&flat);
    rope_fini(&out);
    arena_fini(&a);
}

static void check_splice(jval root)
{
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    if (embed_splice_gemini(root, STR("m\"\\"), &a, &out) == RC_OK)
        parsed(&out, &a, &flat, &doc);
    buf_fini(&flat);
    rope_fini(&out);
    arena_fini(&a);
}

static void as_request(const struct embed_words *words, jval root, bool one, struct arena *a)
{
    struct embed_request r;
    struct fail f;
    (void)embed_form_of(root);
    if (words == &embed_gemini && json_is(root, JSON_OBJECT))
        check_splice(root);
    if (words->decode_request(root, one, a, &r, &f) != RC_OK)
        return;
    CHECK(r.n > 0 && (!one || r.n == 1));
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        check_request(&r, all[i]);
}

static void as_answer(const struct embed_words *words, jval root, struct arena *a)
{
    struct embed_answer an = {0};
    if (words == &embed_openai) {
        check_reform(root, EMBED_FLOAT);
        check_reform(root, EMBED_BASE64);
    }
    if (words->decode_answer(root, a, &an) != RC_OK)
        return;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        check_answer(&an, all[i], EMBED_FLOAT);
        check_answer(&an, all[i], EMBED_BASE64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char requests[] = "ogcl1i", answers[] = "OGCL";
    static const struct embed_words *const read_by[] = {
        &embed_openai, &embed_gemini, &embed_cohere, &embed_ollama, &embed_gemini, &embed_ollama};
    const char *at = size ? strchr(requests, data[0]) : NULL;
    struct arena a;
    struct json_doc doc;
    if (size < 2 || size > 1u << 16)
        return 0;
    str in = str_of((const char *)data + 1, size - 1);
    arena_init(&a, ARENA_MAX);
    if (json_parse(&a, in, &doc, NULL) == RC_OK) {
        if (data[0] && at)
            as_request(read_by[at - requests], json_root(&doc), at - requests > 3, &a);
        else if (data[0] && (at = strchr(answers, data[0])) != NULL)
            as_answer(read_by[at - answers], json_root(&doc), &a);
    }
    arena_fini(&a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed_gemini.c - :embedContent and :batchEmbedContents of the Gemini API.
 *
 *   {"requests":[{"model":"models/m","content":{"parts":[{"text"}…]},"taskType","title",
 *                 "outputDimensionality"}…]}                    {"embeddings":[{"values"}…]}
 *   {"content":…,"taskType",…}                                  {"embedding":{"values"}}
 *
 * Members have two spellings each (protobuf's JSON takes camelCase and snake_case). Whoever asks
 * for many vectors may give each its own task and size: in another language that is one for all,
 * so differing ones are refused.
 */
#include "dialect/embed.h"
#include "dialect/splice.h"
#include "json/write.h"

#define KNOWN "model content taskType task_type title outputDimensionality output_dimensionality"

static const struct {
    str word;
    enum embed_task task;
} tasks[] = {
    {STR("RETRIEVAL_DOCUMENT"), EMBED_TASK_DOCUMENT},
    {STR("RETRIEVAL_QUERY"), EMBED_TASK_QUERY},
    {STR("CLASSIFICATION"), EMBED_TASK_CLASSIFY},
    {STR("CLUSTERING"), EMBED_TASK_CLUSTER},
};

static jval either(jval o, const char *camel, const char *snake)
{
    jval v = json_get(o, str_c(camel));
    return json_has(v) ? v : json_get(o, str_c(snake));
}

/* ---- requests */

/* The texts of all parts, one line each. */
static enum rc read_content(jval content, struct arena *a, jtext *ret, struct fail *f)
{
    struct json_iter it = json_iter(json_get_lit(content, "parts"));
    jtext all = STR_NONE;
    while (json_next(&it)) {
        jval text = json_get_lit(it.val, "text");
        if (!json_is(text, JSON_STRING))
            return fail_set(f, ERR_UNSUPPORTED,
                            STR("The chosen model turns texts into vectors, nothing else."),
                            STR("content.parts"), STR_NONE);
        str raw = json_raw(text);
        all = all.p ? arena_strf(a, STR_FMT "\\n" STR_FMT, STR_ARG(all), STR_ARG(raw)) : raw;
        if (!all.p)
            return RC_NOMEM;
    }
    if (!all.p)
        return fail_set(f, ERR_BAD_REQUEST, STR("\"content\" has no text."), STR("content.parts"),
                        STR("missing_required_parameter"));
    *ret = all;
    return RC_OK;
}

static void read_task(struct embed_request *r, jval v)
{
    str word = json_raw(v);
    if (!word.n || str_eq(word, STR("TASK_TYPE_UNSPECIFIED")))
        return;
    r->task = EMBED_TASK_OTHER;
    r->task_word = word;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (str_eq(tasks[i].word, word))
            r->task = tasks[i].task;
}

static enum rc read_one(struct embed_request *r, jval o, struct arena *a, struct fail *f)
{
    struct embed_request here = {0};
    jval size = either(o, "outputDimensionality", "output_dimensionality");
    jtext text;
    TRY(read_content(json_get_lit(o, "content"), a, &text, f));
    read_task(&here, either(o, "taskType", "task_type"));
    if (json_is(size, JSON_NUMBER))
        here.dimensions = json_text(size);
    if (r->n && (!str_eq(here.task_word, r->task_word) || !str_eq(here.dimensions, r->dimensions)))
        return fail_set(f, ERR_UNSUPPORTED,
                        STR("The chosen model takes one taskType and outputDimensionality for all "
                            "requests of a batch."),
                        STR("requests"), STR_NONE);
    r->task = here.task;
    r->task_word = here.task_word;
    r->dimensions = here.dimensions;
    if (!json_is_nothing(json_get_lit(o, "title")))
        ir_lossy_add(&r->lost, STR("title"));
    embed_note_unknown(r, o, KNOWN);
    return embed_add(r, a, text, STR_NONE);
}

static enum rc decode_request(jval root, bool one, struct arena *a, struct embed_request *ret,
                              struct fail *f)
{
    struct embed_request r = {.form = EMBED_FLOAT};
    struct json_iter it = json_iter(json_get_lit(root, "requests"));
    if (one) {
        TRY(read_one(&r, root, a, f));
    } else {
        while (json_next(&it))
            TRY(read_one(&r, it.val, a, f));
        embed_note_unknown(&r, root, "requests");
    }
    if (!r.n)
        return fail_set(f, ERR_BAD_REQUEST, STR("\"requests\" must be a list that is not empty."),
                        STR("requests"), STR("missing_required_parameter"));
    *ret = r;
    return RC_OK;
}

static str task_of(const struct embed_request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (tasks[i].task == r->task)
            return tasks[i].word;
    return STR_NONE;
}

static enum rc encode_request(const struct embed_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct json_writer w;
    str model = arena_strf(a, "models/" STR_FMT, STR_ARG(c->model)), task = task_of(r);
    if (!model.p)
        return RC_NOMEM;
    TRY(embed_texts_only(r, f));
    if (r->task != EMBED_TASK_UNSAID && !task.n)
        ir_lossy_add(lossy, STR("input_type"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "requests");
    json_begin_array(&w);
    for (const struct embed_input *in = r->inputs; in; in = in->next) {
        json_begin_object(&w);
        json_key(&w, "model");
        json_put_str(&w, model);
        json_key(&w, "content");
        json_begin_object(&w);
        json_key(&w, "parts");
        json_begin_array(&w);
        json_begin_object(&w);
        json_key(&w, "text");
        json_put_raw_str(&w, in->text);
        json_end(&w);
        json_end(&w);
        json_end(&w);
        if (task.n) {
            json_key(&w, "taskType");
            json_put_raw_str(&w, task);
        }
        if (r->dimensions.p) {
            json_key(&w, "outputDimensionality");
            json_put_text(&w, r->dimensions);
        }
        json_end(&w);
    }
    json_end(&w);
    json_end(&w);
    return RC_OK;
}

/* Up to *at the source was written. */
static void replace(struct rope *out, str src, size_t *at, jval v, str text)
{
    str old = json_text(v);
    size_t from = (size_t)(old.p - src.p);
    CHECK(from >= *at && from + old.n <= src.n);
    rope_put(out, str_of(src.p + *at, from - *at));
    rope_copy(out, text);
    *at = from + old.n;
}

enum rc embed_splice_gemini(jval root, str model, struct arena *a, struct rope *out)
{
    str src = json_text(root), full = arena_strf(a, "models/" STR_FMT, STR_ARG(model));
    str text = full.p ? splice_quote(a, full) : STR_NONE;
    struct json_iter it = json_iter(json_get_lit(root, "requests"));
    jval own = json_get_lit(root, "model");
    size_t at = 0;
    if (!text.p)
        return RC_NOMEM;
    if (json_has(own)) /* of :embedContent; a batch has none there */
        replace(out, src, &at, own, text);
    while (!json_has(own) && json_next(&it)) {
        jval old = json_get_lit(it.val, "model");
        if (json_has(old))
            replace(out, src, &at, old, text);
    }
    rope_put(out, str_from(src, at));
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

/* ---- answers */

static enum rc decode_answer(jval root, struct arena *a, struct embed_answer *ret)
{
    jval list = json_get_lit(root, "embeddings"), single = json_get_lit(root, "embedding");
    struct json_iter it = json_iter(list);
    struct embed_answer an = {
        .tokens = embed_count(json_path(root, "usageMetadata", "promptTokenCount", NULL))};
    uint64_t i = 0;
    if (!json_is(list, JSON_ARRAY) && !json_is(single, JSON_OBJECT))
        return RC_SYNTAX;
    TRY(embed_vectors(&an, a, json_is(list, JSON_ARRAY) ? json_len(list) : 1));
    while (json_next(&it))
        an.vectors[i++] = json_get_lit(it.val, "values");
    if (!json_is(list, JSON_ARRAY))
        an.vectors[0] = json_get_lit(single, "values");
    for (i = 0; i < an.n; i++)
        if (!json_is(an.vectors[i], JSON_ARRAY))
            return RC_SYNTAX;
    *ret = an;
    return RC_OK;
}

static void encode_answer(const struct embed_answer *an, const struct embed_request *r,
                          const struct embed_opts *o, struct rope *out)
{
    struct buf *b = &out->own;
    uint64_t n = o->one && an->n ? 1 : an->n;
    (void)r;
    buf_add(b, o->one ? STR("{\"embedding\":") : STR("{\"embeddings\":["));
    for (uint64_t i = 0; i < n; i++) {
        buf_add(b, i ? STR(",{\"values\":") : STR("{\"values\":"));
        embed_put_vector(out, an->vectors[i], EMBED_FLOAT);
        buf_add_char(b, '}');
    }
    if (!o->one)
        buf_add_char(b, ']');
    if (an->tokens) {
        buf_lit(b, ",\"usageMetadata\":{\"promptTokenCount\":");
        buf_add_u64(b, an->tokens);
        buf_add_char(b, '}');
    }
    buf_add_char(b, '}');
}

const struct embed_words embed_gemini = {
    .name = STR("gemini"),
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};

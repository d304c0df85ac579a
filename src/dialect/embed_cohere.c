/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed_cohere.c - POST /v2/embed of Cohere.
 *
 *   {"model","input_type","texts":[…],"embedding_types":["float"],"output_dimension","truncate"}
 *   {"id","embeddings":{"float":[[…]…]},"texts":[…],"meta":{"billed_units":{"input_tokens"}},
 *    "response_type":"embeddings_by_type"}
 *
 * `input_type` is required since the v3 models, so a client that says none asks for documents, as
 * one that fills an index would.
 */
#include "dialect/embed.h"
#include "json/write.h"

#define KNOWN "model input_type texts inputs embedding_types output_dimension"

static const struct {
    str word;
    enum embed_task task;
} tasks[] = {
    {STR("search_document"), EMBED_TASK_DOCUMENT},
    {STR("search_query"), EMBED_TASK_QUERY},
    {STR("classification"), EMBED_TASK_CLASSIFY},
    {STR("clustering"), EMBED_TASK_CLUSTER},
};

/* ---- requests */

static void read_task(struct embed_request *r, str word)
{
    if (!word.n)
        return;
    r->task = EMBED_TASK_OTHER;
    r->task_word = word;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (str_eq(tasks[i].word, word))
            r->task = tasks[i].task;
}

/* The answer has a member for each type that was asked for, and only one can be made elsewhere. */
static enum rc read_form(struct embed_request *r, jval types, struct fail *f)
{
    struct json_iter it = json_iter(types);
    r->form = EMBED_FLOAT;
    if (json_len(types) == 1 && json_next(&it) && json_str_is(it.val, STR("base64")))
        r->form = EMBED_BASE64;
    if (!json_is_nothing(types) && r->form == EMBED_FLOAT &&
        (json_len(types) != 1 || !json_str_is(it.val, STR("float"))))
        return fail_set(
            f, ERR_UNSUPPORTED,
            STR("The chosen model's vectors can be had as [\"float\"] or [\"base64\"]."),
            STR("embedding_types"), STR_NONE);
    return RC_OK;
}

static enum rc no_text(struct fail *f)
{
    return fail_set(f, ERR_UNSUPPORTED,
                    STR("The chosen model turns texts into vectors: send \"texts\"."), STR("texts"),
                    STR_NONE);
}

static enum rc decode_request(jval root, bool one, struct arena *a, struct embed_request *ret,
                              struct fail *f)
{
    struct embed_request r = {0};
    struct json_iter it = json_iter(json_get_lit(root, "texts"));
    jval size = json_get_lit(root, "output_dimension");
    (void)one;
    TRY(read_form(&r, json_get_lit(root, "embedding_types"), f));
    read_task(&r, json_raw(json_get_lit(root, "input_type")));
    if (json_is(size, JSON_NUMBER))
        r.dimensions = json_text(size);
    while (json_next(&it)) {
        if (!json_is(it.val, JSON_STRING))
            return no_text(f);
        TRY(embed_add(&r, a, json_raw(it.val), STR_NONE));
    }
    if (!r.n || !json_is_nothing(json_get_lit(root, "inputs")) ||
        !json_is_nothing(json_get_lit(root, "images")))
        return no_text(f);
    embed_note_unknown(&r, root, KNOWN);
    *ret = r;
    return RC_OK;
}

static enum rc encode_request(const struct embed_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    str task = STR("search_document");
    struct json_writer w;
    (void)a;
    TRY(embed_texts_only(r, f));
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        if (tasks[i].task == r->task)
            task = tasks[i].word;
    if (r->task == EMBED_TASK_OTHER)
        ir_lossy_add(lossy, STR("input_type"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "model");
    json_put_str(&w, c->model);
    json_key(&w, "input_type");
    json_put_raw_str(&w, task);
    json_key(&w, "embedding_types");
    json_put_text(&w, STR("[\"float\"]"));
    if (r->dimensions.p) {
        json_key(&w, "output_dimension");
        json_put_text(&w, r->dimensions);
    }
    json_key(&w, "texts");
    json_begin_array(&w);
    for (const struct embed_input *in = r->inputs; in; in = in->next)
        json_put_raw_str(&w, in->text);
    json_end(&w);
    json_end(&w);
    return RC_OK;
}

/* ---- answers */

static enum rc decode_answer(jval root, struct arena *a, struct embed_answer *ret)
{
    jval list = json_get_lit(root, "embeddings");
    struct embed_answer an = {
        .id = json_raw(json_get_lit(root, "id")),
        .tokens = embed_count(json_path(root, "meta", "billed_units", "input_tokens", NULL))};
    if (json_is(list, JSON_OBJECT)) {
        jval floats = json_get_lit(list, "float");
        list = json_is(floats, JSON_ARRAY) ? floats : json_get_lit(list, "base64");
    }
    struct json_iter it = json_iter(list);
    if (!json_is(list, JSON_ARRAY))
        return RC_SYNTAX;
    TRY(embed_vectors(&an, a, json_len(list)));
    for (uint64_t i = 0; json_next(&it); i++) {
        if (!embed_is_vector(it.val))
            return RC_SYNTAX;
        an.vectors[i] = it.val;
    }
    *ret = an;
    return RC_OK;
}

static void encode_answer(const struct embed_answer *an, const struct embed_request *r,
                          const struct embed_opts *o, struct rope *out)
{
    const struct embed_input *in = r->inputs;
    struct buf *b = &out->own;
    buf_lit(b, "{\"id\":\"");
    buf_add(b, an->id.n ? an->id : o->id);
    buf_add(b, r->form == EMBED_BASE64 ? STR("\",\"embeddings\":{\"base64\":[")
                                       : STR("\",\"embeddings\":{\"float\":["));
    for (uint64_t i = 0; i < an->n; i++) {
        if (i)
            buf_add_char(b, ',');
        embed_put_vector(out, an->vectors[i], r->form);
    }
    buf_lit(b, "]},\"texts\":[");
    for (; in; in = in->next) {
        buf_add_char(b, '"');
        rope_put(out, in->text);
        buf_add(b, in->next ? STR("\",") : STR("\""));
    }
    buf_lit(b,
            "],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":");
    buf_add_u64(b, an->tokens);
    buf_lit(b, "}},\"response_type\":\"embeddings_by_type\"}");
}

const struct embed_words embed_cohere = {
    .name = STR("cohere"),
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};

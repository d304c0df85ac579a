/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed_ollama.c - /api/embed of Ollama, and /api/embeddings, its elder.
 *
 *   {"model","input": text | [text…],"truncate","dimensions","options","keep_alive"}
 *   {"model","embeddings":[[…]…],"total_duration","load_duration","prompt_eval_count"}
 *   {"model","prompt"}                                       {"embedding":[…]}
 */
#include "dialect/embed.h"
#include "json/write.h"

static enum rc bad_input(struct fail *f, bool one)
{
    return fail_set(f, ERR_BAD_REQUEST,
                    one ? STR("\"prompt\" must be a text.")
                        : STR("\"input\" must be a text or a list of texts."),
                    one ? STR("prompt") : STR("input"), STR("invalid_type"));
}

static enum rc decode_request(jval root, bool one, struct arena *a, struct embed_request *ret,
                              struct fail *f)
{
    struct embed_request r = {.form = EMBED_FLOAT};
    jval size = json_get_lit(root, "dimensions"),
         input = one ? json_get_lit(root, "prompt") : json_get_lit(root, "input");
    struct json_iter it = json_iter(input);
    if (json_is(size, JSON_NUMBER))
        r.dimensions = json_text(size);
    if (json_is(input, JSON_STRING))
        TRY(embed_add(&r, a, json_raw(input), STR_NONE));
    while (!one && json_next(&it)) {
        if (!json_is(it.val, JSON_STRING))
            return bad_input(f, one);
        TRY(embed_add(&r, a, json_raw(it.val), STR_NONE));
    }
    if (!r.n)
        return bad_input(f, one);
    embed_note_unknown(&r, root, "model input prompt dimensions");
    *ret = r;
    return RC_OK;
}

static enum rc encode_request(const struct embed_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct json_writer w;
    (void)a;
    TRY(embed_texts_only(r, f));
    if (r->task != EMBED_TASK_UNSAID)
        ir_lossy_add(lossy, STR("input_type"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "model");
    json_put_str(&w, c->model);
    json_key(&w, "input");
    json_begin_array(&w);
    for (const struct embed_input *in = r->inputs; in; in = in->next)
        json_put_raw_str(&w, in->text);
    json_end(&w);
    if (r->dimensions.p) {
        json_key(&w, "dimensions");
        json_put_text(&w, r->dimensions);
    }
    json_end(&w);
    return RC_OK;
}

static enum rc decode_answer(jval root, struct arena *a, struct embed_answer *ret)
{
    jval list = json_get_lit(root, "embeddings");
    struct json_iter it = json_iter(list);
    struct embed_answer an = {.model = json_raw(json_get_lit(root, "model")),
                              .tokens = embed_count(json_get_lit(root, "prompt_eval_count"))};
    if (!json_is(list, JSON_ARRAY))
        return RC_SYNTAX;
    TRY(embed_vectors(&an, a, json_len(list)));
    for (uint64_t i = 0; json_next(&it); i++) {
        if (!json_is(it.val, JSON_ARRAY))
            return RC_SYNTAX;
        an.vectors[i] = it.val;
    }
    *ret = an;
    return RC_OK;
}

static void encode_answer(const struct embed_answer *an, const struct embed_request *r,
                          const struct embed_opts *o, struct rope *out)
{
    struct buf *b = &out->own;
    (void)r;
    if (o->one) {
        buf_lit(b, "{\"embedding\":");
        if (an->n)
            embed_put_vector(out, an->vectors[0], EMBED_FLOAT);
        else
            buf_lit(b, "[]");
        buf_add_char(b, '}');
        return;
    }
    buf_lit(b, "{\"model\":\"");
    buf_add(b, an->model.n ? an->model : o->model);
    buf_lit(b, "\",\"embeddings\":[");
    for (uint64_t i = 0; i < an->n; i++) {
        if (i)
            buf_add_char(b, ',');
        embed_put_vector(out, an->vectors[i], EMBED_FLOAT);
    }
    buf_lit(b, "],\"total_duration\":0,\"load_duration\":0,\"prompt_eval_count\":");
    buf_add_u64(b, an->tokens);
    buf_add_char(b, '}');
}

const struct embed_words embed_ollama = {
    .name = STR("ollama"),
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};

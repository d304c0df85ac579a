/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed_openai.c - POST /v1/embeddings, as OpenAI defined it and everybody else speaks it.
 *
 *   {"model","input": text | [text…] | [token…] | [[token…]…],
 * "encoding_format","dimensions","user"}
 *   {"object":"list","data":[{"object":"embedding","index","embedding"}…],"model","usage"}
 *
 * `input_type` (Voyage, NVIDIA, Jina's `task`) is read too, for languages that want to be told what
 * the vectors are for. An answer always has an `id`: Mistral's SDK refuses one without.
 */
#include "dialect/embed.h"
#include "json/write.h"

#define KNOWN "model input encoding_format dimensions input_type user"

enum embed_form embed_form_of(jval root)
{
    jval form = json_get_lit(root, "encoding_format");
    return json_str_is(form, STR("base64"))  ? EMBED_BASE64
           : json_str_is(form, STR("float")) ? EMBED_FLOAT
                                             : EMBED_UNSAID;
}

static enum rc bad_input(struct fail *f)
{
    return fail_set(f, ERR_BAD_REQUEST,
                    STR("\"input\" must be a text, a list of texts, or token ids."), STR("input"),
                    STR("invalid_type"));
}

static bool is_tokens(jval v)
{
    struct json_iter it = json_iter(v);
    return json_is(v, JSON_ARRAY) && json_next(&it) && json_is(it.val, JSON_NUMBER);
}

static enum rc read_input(struct embed_request *r, jval v, struct arena *a, struct fail *f)
{
    struct json_iter it = json_iter(v);
    if (json_is(v, JSON_STRING))
        return embed_add(r, a, json_raw(v), STR_NONE);
    if (is_tokens(v))
        return embed_add(r, a, STR_NONE, json_text(v));
    if (!json_is(v, JSON_ARRAY))
        return bad_input(f);
    while (json_next(&it)) {
        if (json_is(it.val, JSON_STRING))
            TRY(embed_add(r, a, json_raw(it.val), STR_NONE));
        else if (is_tokens(it.val))
            TRY(embed_add(r, a, STR_NONE, json_text(it.val)));
        else
            return bad_input(f);
    }
    return r->n ? RC_OK : bad_input(f);
}

static void read_task(struct embed_request *r, jtext word)
{
    static const struct {
        str word;
        enum embed_task task;
    } rows[] = {
        {STR("query"), EMBED_TASK_QUERY},        {STR("search_query"), EMBED_TASK_QUERY},
        {STR("document"), EMBED_TASK_DOCUMENT},  {STR("search_document"), EMBED_TASK_DOCUMENT},
        {STR("passage"), EMBED_TASK_DOCUMENT},   {STR("classification"), EMBED_TASK_CLASSIFY},
        {STR("clustering"), EMBED_TASK_CLUSTER},
    };
    if (!word.n)
        return;
    r->task = EMBED_TASK_OTHER;
    r->task_word = word;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].word, word))
            r->task = rows[i].task;
}

static enum rc decode_request(jval root, bool one, struct arena *a, struct embed_request *ret,
                              struct fail *f)
{
    struct embed_request r = {.form = embed_form_of(root)};
    jval form = json_get_lit(root, "encoding_format"), size = json_get_lit(root, "dimensions");
    (void)one;
    if (!json_is_nothing(form) && r.form == EMBED_UNSAID)
        return fail_set(f, ERR_UNSUPPORTED,
                        STR("The chosen model's vectors can be had as \"float\" or \"base64\"."),
                        STR("encoding_format"), STR_NONE);
    if (json_is(size, JSON_NUMBER))
        r.dimensions = json_text(size);
    read_task(&r, json_raw(json_get_lit(root, "input_type")));
    embed_note_unknown(&r, root, KNOWN);
    if (!json_is_nothing(json_get_lit(root, "user")))
        ir_lossy_add(&r.lost, STR("user"));
    TRY(read_input(&r, json_get_lit(root, "input"), a, f));
    *ret = r;
    return RC_OK;
}

static enum rc encode_request(const struct embed_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct json_writer w;
    (void)a;
    (void)f;
    if (r->task != EMBED_TASK_UNSAID)
        ir_lossy_add(lossy, STR("input_type"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "model");
    json_put_str(&w, c->model);
    json_key(&w, "input");
    json_begin_array(&w);
    for (const struct embed_input *in = r->inputs; in; in = in->next)
        in->tokens.p ? json_put_text(&w, in->tokens) : json_put_raw_str(&w, in->text);
    json_end(&w);
    json_key(&w, "encoding_format");
    json_put_lit(&w, "float");
    if (r->dimensions.p) {
        json_key(&w, "dimensions");
        json_put_text(&w, r->dimensions);
    }
    json_end(&w);
    return RC_OK;
}

static enum rc decode_answer(jval root, struct arena *a, struct embed_answer *ret)
{
    jval data = json_get_lit(root, "data"), usage = json_get_lit(root, "usage");
    struct json_iter it = json_iter(data);
    struct embed_answer an = {.id = json_raw(json_get_lit(root, "id")),
                              .model = json_raw(json_get_lit(root, "model")),
                              .tokens = embed_count(json_get_lit(usage, "prompt_tokens"))};
    if (!json_is(data, JSON_ARRAY))
        return RC_SYNTAX;
    TRY(embed_vectors(&an, a, json_len(data)));
    for (uint64_t i = 0; json_next(&it); i++) {
        uint64_t at = i;
        if (json_u64(json_get_lit(it.val, "index"), &at) != RC_OK || at >= an.n)
            at = i;
        an.vectors[at] = json_get_lit(it.val, "embedding");
    }
    for (uint64_t i = 0; i < an.n; i++)
        if (!embed_is_vector(an.vectors[i]))
            return RC_SYNTAX;
    *ret = an;
    return RC_OK;
}

static void put_count(struct buf *b, const char *key, uint64_t n)
{
    buf_add(b, str_c(key));
    buf_add_u64(b, n);
}

static void encode_answer(const struct embed_answer *an, const struct embed_request *r,
                          const struct embed_opts *o, struct rope *out)
{
    struct buf *b = &out->own;
    buf_lit(b, "{\"id\":\"");
    buf_add(b, an->id.n ? an->id : o->id);
    buf_lit(b, "\",\"object\":\"list\",\"data\":[");
    for (uint64_t i = 0; i < an->n; i++) {
        put_count(
            b, i ? ",{\"object\":\"embedding\",\"index\":" : "{\"object\":\"embedding\",\"index\":",
            i);
        buf_lit(b, ",\"embedding\":");
        embed_put_vector(out, an->vectors[i], r->form == EMBED_UNSAID ? EMBED_FLOAT : r->form);
        buf_add_char(b, '}');
    }
    buf_lit(b, "],\"model\":\"");
    buf_add(b, an->model.n ? an->model : o->model);
    put_count(b, "\",\"usage\":{\"prompt_tokens\":", an->tokens);
    put_count(b, ",\"total_tokens\":", an->tokens);
    buf_lit(b, "}}");
}

const struct embed_words embed_openai = {
    .name = STR("openai"),
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};

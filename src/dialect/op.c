/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.c - the two tables, and requests: a glance at them, and the exchange of the model.
 */
#include "dialect/op.h"

#include "dialect/field.h"
#include "dialect/splice.h"
#include "http/multipart.h"
#include "json/write.h"

#define MODEL_MARK STR("{model}")

static const struct op ops[] = {
#define OP(kind, name, words, path, bodies, counts, model) \
    {OP_##kind, STR(name), STR(words), STR(path), bodies, OP_COUNTS_##counts, STR(model)},
#include "dialect/ops.def"
#undef OP
};

static const struct op_way ways[] = {
#define OP_WAY(dialects, kind, path, words, rename) \
    {STR(dialects), OP_##kind, STR(path), STR(words), STR(rename)},
#include "dialect/op_ways.def"
#undef OP_WAY
};

/* ---- paths */

static bool fits(str pattern, str path, str *ret_model)
{
    size_t at = str_find(pattern, MODEL_MARK);
    if (at == SIZE_MAX)
        return str_eq(pattern, path);
    str head = str_head(pattern, at), tail = str_from(pattern, at + MODEL_MARK.n);
    if (path.n <= head.n + tail.n || !str_has_prefix(path, head) || !str_has_suffix(path, tail))
        return false;
    *ret_model = str_of(path.p + head.n, path.n - head.n - tail.n);
    return true;
}

/* Azure's spelling of OpenAI's paths: /openai/v1/REST, and /openai/deployments/MODEL/REST, where
 * the path names the model. What follows the version: "/embeddings"; absent: it is none of them. */
static str azure_rest(str path, str *ret_model)
{
    static const str deployments = STR("/openai/deployments/"), versioned = STR("/openai/v1/");
    str name = str_from(path, deployments.n);
    size_t slash = str_find_char(name, '/');

    if (str_has_prefix(path, versioned))
        return str_from(path, versioned.n - 1);
    if (!str_has_prefix(path, deployments) || slash == SIZE_MAX || slash == 0)
        return STR_NONE;
    *ret_model = str_head(name, slash);
    return str_from(name, slash);
}

/* The same path below another version: Google's SDKs have gone from v1beta to v1, and Vertex's is
 * v1beta1. */
static bool fits_version(const struct op *op, str path, str *ret_model)
{
    static const str versions[] = {STR("/v1"), STR("/v1alpha"), STR("/v1beta1")};
    str own = STR("/v1beta");
    if (!str_has_prefix(op->path, STR("/v1beta/")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (str_has_prefix(path, versions[i]) &&
            fits(str_from(op->path, own.n), str_from(path, versions[i].n), ret_model))
            return true;
    return false;
}

const struct op *op_route(str path, str *ret_model)
{
    str deployment = STR_NONE, rest = azure_rest(path, &deployment);
    /* SDKs whose base URL lacks the version find their way too, as with chat. */
    str short_form = rest.n ? rest : path;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        str model = deployment;
        bool is_short = str_has_prefix(ops[i].path, STR("/v1/")) &&
                        str_eq(str_from(ops[i].path, 3), short_form) &&
                        (!rest.n || str_eq(ops[i].words, STR("openai")));
        if (!is_short && !fits(ops[i].path, path, &model) && !fits_version(&ops[i], path, &model))
            continue;
        *ret_model = model;
        return &ops[i];
    }
    return NULL;
}

static bool has_word(str list, str word)
{
    while (list.n)
        if (str_eq(str_cut(&list, ' '), word))
            return true;
    return false;
}

static const struct op_way *find_way(enum op_kind kind, str words, str dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        if (ways[i].kind == kind && has_word(ways[i].dialects, dialect) &&
            (!words.p || str_eq(ways[i].words, words)))
            return &ways[i];
    return NULL;
}

const struct op_way *op_way_of(const struct op *op, str dialect)
{
    bool embeds = op->kind == OP_EMBED || op->kind == OP_EMBED_ONE;
    const struct op_way *way = find_way(op->kind, op->words, dialect);
    if (way || !embeds) /* the words of rankings are one language, whoever defined them */
        return way ? way : find_way(op->kind, STR_NONE, dialect);
    return find_way(OP_EMBED, STR_NONE, dialect);
}

bool op_is_same(const struct op *op, const struct op_way *way)
{
    return op->kind == OP_RERANK || (op->kind == way->kind && str_eq(op->words, way->words));
}

bool op_makes_bytes(enum op_kind kind)
{
    switch (kind) {
    case OP_IMAGE:
    case OP_IMAGE_EDIT:
    case OP_IMAGE_VARY:
    case OP_TRANSCRIBE: /* response_format: text, srt, vtt */
    case OP_TRANSLATE:
    case OP_SPEAK:
        return true;
    case OP_COMPLETE:
    case OP_EMBED:
    case OP_EMBED_ONE:
    case OP_RERANK:
    case OP_MODERATE:
    case OP_COUNT:
        return false;
    }
    return false;
}

void op_path(const struct op_way *way, str model, struct buf *to)
{
    size_t mark = strchr("+.", way->path.p[0]) != NULL, at;
    str path = str_from(way->path, mark);
    at = str_find(path, MODEL_MARK);
    buf_add(to, str_head(path, at));
    if (at == SIZE_MAX)
        return;
    buf_add(to, model);
    buf_add(to, str_from(path, at + MODEL_MARK.n));
}

/* ---- a glance */

static enum rc no_model(struct fail *f)
{
    return fail_set(f, ERR_BAD_REQUEST, STR("\"model\" is missing: it must name a model."),
                    STR("model"), STR("missing_required_parameter"));
}

/* The second half of a character above U+FFFF: "\ud83d\ude00" is one. */
static bool is_low_surrogate(str escape)
{
    return escape.n >= 6 && escape.p[1] == 'u' && (escape.p[2] | 0x20) == 'd' &&
           strchr("cdefCDEF", escape.p[3]);
}

/* Code points of a JSON string. */
static uint64_t count_characters(jval text)
{
    str raw = json_raw(text);
    uint64_t n = 0;
    for (size_t i = 0; i < raw.n; n++) {
        if (raw.p[i] == '\\') {
            str escape = str_from(raw, i);
            n -= is_low_surrogate(escape);
            i += escape.n > 1 && escape.p[1] == 'u' ? 6 : 2;
            continue;
        }
        for (i++; i < raw.n && (raw.p[i] & 0xc0) == 0x80;)
            i++;
    }
    return n;
}

enum rc op_peek(const struct op *op, jval root, str path_model, struct arena *a,
                struct ir_peek *ret, struct fail *f)
{
    const struct field_peek in = {.a = a, .f = f, .voice = FIELD_VOICE_OPENAI};
    struct ir_peek p = {.n = 1, .model = path_model};
    jval model = json_get_lit(root, "model"),
         usage = json_path(root, "stream_options", "include_usage", NULL);
    if (!json_is(root, JSON_OBJECT))
        return fail_set(f, ERR_BAD_REQUEST, STR("The body must be a JSON object."), STR_NONE,
                        STR("invalid_type"));
    if (!path_model.n && !json_is_nothing(model)) {
        if (!json_is(model, JSON_STRING))
            return fail_set(f, ERR_BAD_REQUEST, STR("\"model\" must be a string."), STR("model"),
                            STR("invalid_type"));
        TRY(json_str(model, a, &p.model));
    }
    if (!p.model.n)
        p.model = op->default_model;
    if (!p.model.n)
        return no_model(f);
    TRY(field_peek_bool(&in, root, "stream", &p.stream));
    p.include_usage = json_is(usage, JSON_TRUE);
    if (op->kind == OP_SPEAK) {
        p.stream = json_str_is(json_get_lit(root, "stream_format"), STR("sse"));
        p.characters = count_characters(json_get_lit(root, "input"));
    }
    *ret = p;
    return RC_OK;
}

static enum rc bad_form(struct fail *f, str why, str param)
{
    return fail_set(f, ERR_BAD_REQUEST, why, param, STR("invalid_form"));
}

/* A plain field that may stand in a form once. RC_SYNTAX: it was there. */
static enum rc take_once(const struct multipart_part *p, str *to, struct fail *f)
{
    if (to->p)
        return fail_set(f, ERR_BAD_REQUEST, STR("The form has this field twice."), p->name,
                        STR("duplicate_key"));
    if (p->filename.p)
        return bad_form(f, STR("This field of the form must be a value, not a file."), p->name);
    CHECK(p->data.p); /* also of an empty one: its place is where another value goes */
    *to = p->data;
    return RC_OK;
}

enum rc op_peek_form(const struct op *op, str content_type, str body, str path_model,
                     struct op_form *ret_form, struct ir_peek *ret, struct fail *f)
{
    struct op_form form = {.body = body};
    struct ir_peek p = {.n = 1};
    struct multipart m;
    struct multipart_part part;
    enum multipart_result r;
    str stream = STR_NONE;
    if (multipart_boundary(content_type, &form.boundary) != RC_OK)
        return bad_form(f, STR("The content-type of the form names no usable boundary."), STR_NONE);
    multipart_init(&m, form.boundary, body);
    while ((r = multipart_next(&m, &part)) == MULTIPART_PART) {
        if (str_eq(part.name, STR("model")))
            TRY(take_once(&part, &form.model, f));
        else if (str_eq(part.name, STR("stream")))
            TRY(take_once(&part, &stream, f));
    }
    if (r == MULTIPART_BAD)
        return bad_form(f, str_c(m.why), STR_NONE);
    p.model = path_model.n ? path_model : form.model.n ? form.model : op->default_model;
    if (!p.model.n)
        return no_model(f);
    p.stream = str_eq_nocase(stream, STR("true"));
    *ret_form = form;
    *ret = p;
    return RC_OK;
}

/* ---- the exchange of the model */

static void rename_member(struct splice *s, jval root, str rename, struct arena *a)
{
    str to = rename, from = str_cut(&to, '>');
    struct json_iter it = json_iter(root);
    if (!to.n || json_has(json_get(root, to)))
        return;
    while (json_next(&it))
        if (json_str_is(it.key, from))
            splice_replace(s, it.key, splice_quote(a, to));
}

/* What a stream cost is told in its last chunk, where that is asked for. */
static void ask_usage(struct splice *s, jval root, struct arena *a)
{
    jval options = json_get_lit(root, "stream_options");
    jval include = json_get_lit(options, "include_usage");
    if (json_is(include, JSON_TRUE))
        return;
    if (json_has(include))
        splice_replace(s, include, STR("true"));
    else if (json_is(options, JSON_OBJECT))
        splice_into(s, options, STR("\"include_usage\":true"), a);
    else if (json_has(options))
        splice_replace(s, options, STR("{\"include_usage\":true}"));
    else
        splice_into(s, root, STR("\"stream_options\":{\"include_usage\":true}"), a);
}

/* A count may have the whole request inside it, which names the model once more. */
static enum rc splice_gemini_count(jval root, str model, struct arena *a, struct rope *out)
{
    jval old = json_path(root, "generateContentRequest", "model", NULL);
    str name = splice_quote(a, arena_strf(a, "models/" STR_FMT, STR_ARG(model)));
    struct splice s;
    splice_init(&s, root);
    if (json_has(old))
        splice_replace(&s, old, name);
    if (arena_is_full(a))
        return RC_NOMEM;
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

/* Vertex knows no envelope, and of a request only what counts: the rest is a 400 there. Nothing
 * else of it makes a token, but for a cache's text, which is a loss.
 * https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/projects.locations.publishers.models/countTokens
 */
static enum rc splice_vertex_count(jval root, struct ir_lossy *lossy, struct rope *out)
{
    static const str members[] = {STR("contents"),          STR("tools"),
                                  STR("systemInstruction"), STR("system_instruction"),
                                  STR("generationConfig"),  STR("generation_config")};
    jval inner = json_get_lit(root, "generateContentRequest");
    bool any = false;
    rope_copy(out, STR("{"));
    for (struct json_iter it = json_iter(json_is(inner, JSON_OBJECT) ? inner : root);
         json_next(&it);) {
        if (lossy && (json_str_is(it.key, STR("cachedContent")) ||
                      json_str_is(it.key, STR("cached_content"))))
            ir_lossy_add(lossy, STR("cachedContent"));
        for (size_t i = 0; i < ARRAY_LEN(members); i++) {
            if (!json_str_is(it.key, members[i]))
                continue;
            rope_copy(out, any ? STR(",\"") : STR("\""));
            rope_copy(out, members[i]);
            rope_copy(out, STR("\":"));
            rope_put(out, json_text(it.val));
            any = true;
        }
    }
    rope_copy(out, STR("}"));
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

enum rc op_splice(const struct op *op, const struct op_way *way, jval root,
                  const struct back_call *c, struct arena *a, struct rope *out)
{
    jval old = json_get_lit(root, "model");
    str model = splice_quote(a, c->model);
    struct splice s;
    if (!model.p)
        return RC_NOMEM;
    if (op->kind == OP_COUNT && has_word(way->dialects, STR("vertex")))
        return splice_vertex_count(root, c->lossy, out);
    if (op->kind == OP_COUNT && str_eq(way->words, STR("gemini")))
        return splice_gemini_count(root, c->model, a, out);
    if (str_eq(way->words, STR("gemini"))) /* it stands in the path, and in each of the requests */
        return embed_splice_gemini(root, c->model, a, out);
    splice_init(&s, root);
    if (json_has(old))
        splice_replace(&s, old, model);
    if (op->kind == OP_COMPLETE && c->stream && !c->opts->no_stream_options)
        ask_usage(&s, root, a);
    if (!json_has(old)) {
        str member = arena_strf(a, "\"model\":" STR_FMT, STR_ARG(model));
        splice_into(&s, root, member, a);
    }
    rename_member(&s, root, way->rename, a);
    if (arena_is_full(a))
        return RC_NOMEM;
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

enum rc op_splice_form(const struct op_form *form, str model, struct rope *out)
{
    for (size_t i = 0; i < model.n; i++)
        if ((uint8_t)model.p[i] < 0x20)
            return RC_SYNTAX;
    if (str_find(model, form->boundary) != SIZE_MAX)
        return RC_SYNTAX;
    if (form->model.p) {
        size_t at = (size_t)(form->model.p - form->body.p);
        CHECK(at <= form->body.n);
        rope_put(out, str_head(form->body, at));
        rope_copy(out, model);
        rope_put(out, str_from(form->body, at + form->model.n));
    } else {
        rope_copy(out, STR("--"));
        rope_copy(out, form->boundary);
        rope_copy(out, STR("\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"));
        rope_copy(out, model);
        rope_copy(out, STR("\r\n"));
        rope_put(out, form->body);
    }
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

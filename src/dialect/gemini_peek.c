/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_peek.c - the glance at a request, and reading proto JSON without a table.
 */
#include "dialect/gemini_int.h"
#include "http/url.h"

#define MODEL_MAX 1024 /* bytes of a name, as written */

/* As Google says it, with the proto's own name of the field. */
#define WRONG_AT(name)                          \
    "Invalid value at 'generation_config." name \
    "' (TYPE_INT32): it must be an integer of at least 1."

/* ---- proto JSON ---------------------------------------------------------------------------------
 */

jval gemini_get(jval v, str name)
{
    jval found = json_get(v, name);
    struct json_iter it;

    if (json_has(found) || !json_is(v, JSON_OBJECT))
        return found;
    for (it = json_iter(v); json_next(&it);)
        if (field_is_snake_of(json_raw(it.key), name))
            return it.val;
    return JVAL_NONE;
}

struct gemini_list gemini_list_of(jval v)
{
    bool single = json_is(v, JSON_OBJECT);

    return (struct gemini_list){
        .it = json_iter(single ? JVAL_NONE : v), .one = v, .single = single};
}

bool gemini_list_next(struct gemini_list *l, jval *ret)
{
    if (l->single) {
        *ret = l->one;
        l->single = false;
        return true;
    }
    if (!json_next(&l->it))
        return false;
    *ret = l->it.val;
    return true;
}

/* ---- the glance ---------------------------------------------------------------------------------
 */

static enum rc bad(struct fail *f, const char *param, const char *message, const char *code)
{
    return fail_set(f, ERR_BAD_REQUEST, str_c(message), str_c(param), str_c(code));
}

/* The name in the path, decoded; of "openai/models/gpt-5" (a publisher's) "openai/gpt-5". */
static enum rc read_model(str raw, struct arena *a, str *ret, struct fail *f)
{
    char room[MODEL_MAX];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
    size_t slash = str_find_char(raw, '/');
    str rest = slash == SIZE_MAX ? STR("") : str_from(raw, slash);

    if (str_has_prefix(rest, STR("/models/"))) {
        if (url_decode(str_head(raw, slash + 1), &b) != RC_OK)
            return bad(f, "model", "The model's name in the path is not valid.", "invalid_value");
        raw = str_from(rest, 8);
    }
    if (!raw.n || url_decode(raw, &b) != RC_OK || b.failed)
        return bad(f, "model", "The model's name in the path is not valid.", "invalid_value");
    *ret = arena_dup(a, buf_str(&b));
    return ret->p ? RC_OK : RC_NOMEM;
}

static void peek_media(jval blob, struct ir_peek *p)
{
    str type = json_raw(gemini_get_lit(blob, "mimeType"));

    p->has_images |= str_has_prefix(type, STR("image"));
    p->has_audio |= str_has_prefix(type, STR("audio"));
    p->has_documents |=
        str_has_prefix(type, STR("application")) || str_has_prefix(type, STR("text"));
}

static void peek_parts(jval parts, struct ir_peek *p, unsigned depth)
{
    struct gemini_list l = gemini_list_of(parts);
    jval part;

    while (gemini_list_next(&l, &part)) {
        peek_media(gemini_get_lit(part, "inlineData"), p);
        peek_media(gemini_get_lit(part, "fileData"), p);
        if (depth == 0)
            peek_parts(json_get_lit(gemini_get_lit(part, "functionResponse"), "parts"), p, 1);
    }
}

static void peek_tools(jval tools, struct ir_peek *p)
{
    struct gemini_list l = gemini_list_of(tools);
    jval tool;

    while (gemini_list_next(&l, &tool)) {
        p->has_tools = true;
        p->has_web_search |= json_has(gemini_get_lit(tool, "googleSearch")) ||
                             json_has(gemini_get_lit(tool, "googleSearchRetrieval"));
    }
}

static bool asks_thoughts(jval config)
{
    jval t = gemini_get_lit(config, "thinkingConfig"), budget = gemini_get_lit(t, "thinkingBudget");
    int64_t n;

    if (json_i64(budget, &n) == RC_OK)
        return n != 0;
    return json_is(gemini_get_lit(t, "includeThoughts"), JSON_TRUE) ||
           json_raw(gemini_get_lit(t, "thinkingLevel")).n > 0;
}

static enum rc peek_count(jval config, const char *name, const char *wrong, uint64_t *ret,
                          struct fail *f)
{
    jval v = gemini_get(config, str_c(name));
    uint64_t n;

    if (json_is_nothing(v))
        return RC_OK;
    if (json_u64(v, &n) != RC_OK || n == 0 || n > INT32_MAX)
        return bad(f, name, wrong, "invalid_type");
    *ret = n;
    return RC_OK;
}

enum rc gemini_peek(jval root, const struct front_route *route, struct arena *a,
                    struct ir_peek *ret, struct fail *f)
{
    struct ir_peek p = {.n = 1, .include_usage = true, .stream = route->stream};
    jval body = gemini_get_lit(root, "generateContentRequest"), config, content;
    struct gemini_list l;

    if (!json_is(root, JSON_OBJECT))
        return bad(f, NULL, "The body must be a JSON object.", "invalid_type");
    if (route->op != FRONT_COUNT || !json_has(body))
        body = root; /* a count may have the whole request inside */
    TRY(read_model(route->model, a, &p.model, f));
    content = json_get_lit(body, "contents");
    if (!json_is(content, JSON_ARRAY) && !json_is(content, JSON_OBJECT))
        return json_is_nothing(content)
                   ? bad(f, "contents",
                         "* GenerateContentRequest.contents: contents is not specified",
                         "missing_required_parameter")
                   : bad(f, "contents",
                         "Invalid value at 'contents': it must be a list of contents, each with "
                         "its "
                         "parts.",
                         "invalid_type");
    for (l = gemini_list_of(content); gemini_list_next(&l, &content); p.messages++)
        peek_parts(json_get_lit(content, "parts"), &p, 0);
    config = gemini_get_lit(body, "generationConfig");
    TRY(peek_count(config, "maxOutputTokens", WRONG_AT("max_output_tokens"), &p.max_tokens, f));
    TRY(peek_count(config, "candidateCount", WRONG_AT("candidate_count"), &p.n, f));
    peek_tools(json_get_lit(body, "tools"), &p);
    p.thinks = asks_thoughts(config);
    *ret = p;
    return RC_OK;
}

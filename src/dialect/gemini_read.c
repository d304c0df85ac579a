/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_read.c - a generateContent request to canonical form: everything but its contents.
 *
 * Two fields hold a schema: `parameters` and `responseSchema` in Google's OpenAPI subset,
 * `parametersJsonSchema` and `responseJsonSchema` in JSON Schema. Both become JSON Schema (and some
 * clients write capitals into the second). What Google alone runs or reads (server-side tools,
 * safetySettings, speechConfig …) is carried or noted; cachedContent is refused, for it is a part
 * of the prompt that nobody else has.
 */
#include "dialect/gemini_int.h"

#include "dialect/openapi.h"
#include "dialect/server_tool.h"

/* ---- tools --------------------------------------------------------------------------------------
 */

/* The camel case names of what may stand in a tool or a part, for those that spell them snake. */
static const str names[] = {
    STR("functionDeclarations"),
    STR("googleSearch"),
    STR("googleSearchRetrieval"),
    STR("codeExecution"),
    STR("urlContext"),
    STR("googleMaps"),
    STR("computerUse"),
    STR("fileSearch"),
    STR("enterpriseWebSearch"),
    STR("retrieval"),
    STR("executableCode"),
    STR("codeExecutionResult"),
    STR("functionCall"),
    STR("functionResponse"),
    STR("inlineData"),
    STR("fileData"),
    STR("toolCall"),
    STR("toolResponse"),
};

str gemini_name(str key)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (field_is_snake_of(key, names[i]))
            return names[i];
    return key;
}

static enum rc add_tool(struct decoding *d, jval raw, struct ir_tool **ret)
{
    struct ir_tool *t = arena_new(d->arena, struct ir_tool);

    if (!t)
        return field_nomem(d);
    t->raw = json_text(raw);
    *d->tools = t;
    d->tools = &t->next;
    *ret = t;
    return RC_OK;
}

static enum rc to_json_schema(struct decoding *d, jval v, jval *ret)
{
    *ret = json_is(v, JSON_OBJECT) ? openapi_to_json_schema(d->arena, v) : v;
    return json_has(v) && !json_has(*ret) ? field_nomem(d) : RC_OK;
}

struct function {
    jtext name, description;
    jval parameters, json_schema;
};

static enum rc read_function(struct decoding *d, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct function, name),
        FIELD(description, FIELD_TEXT, struct function, description),
        FIELD(parameters, FIELD_OBJECT, struct function, parameters),
        FIELD(parametersJsonSchema, FIELD_OBJECT, struct function, json_schema),
    };
    struct function f = {0};
    struct ir_tool *t;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &f, at));
    if (!f.name.n)
        return field_bad(d, at, "a function needs a name", "missing_required_parameter");
    TRY(add_tool(d, v, &t));
    t->name = f.name;
    t->description = f.description;
    return to_json_schema(d, json_has(f.json_schema) ? f.json_schema : f.parameters, &t->schema);
}

static enum rc read_functions(struct decoding *d, jval v, const struct field_at *at)
{
    struct field_at here = {.up = at, .name = "functionDeclarations"};
    struct gemini_list l = gemini_list_of(v);
    jval f;

    for (; gemini_list_next(&l, &f); here.index++)
        TRY(read_function(d, f, &here));
    return RC_OK;
}

/* One tool object holds functions, and server-side tools by their names. */
static enum rc read_tool(struct decoding *d, jval v, const struct field_at *at)
{
    struct json_iter it = json_iter(v);
    struct ir_tool *t;

    if (!json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    while (json_next(&it)) {
        str name = gemini_name(json_raw(it.key));

        if (json_is(it.val, JSON_NULL))
            continue;
        if (str_eq(name, STR("functionDeclarations"))) {
            TRY(read_functions(d, it.val, at));
            continue;
        }
        TRY(add_tool(d, it.val, &t));
        t->kind = IR_TOOL_SERVER;
        t->type = name;
        t->server = server_tool_what(STR(GEMINI_FAMILY), name);
    }
    return RC_OK;
}

static enum rc read_tools(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct gemini_list l = gemini_list_of(v);
    jval tool;

    (void)to;
    if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; gemini_list_next(&l, &tool); here.index++)
        TRY(read_tool(d, tool, &here));
    return RC_OK;
}

struct calling {
    jtext mode;
    struct ir_str_list allowed;
};

static enum rc read_allowed(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    return field_list(d, v, at, &((struct calling *)to)->allowed);
}

static enum rc read_calling(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(mode, FIELD_TEXT, struct calling, mode),
        FIELD_WITH(allowedFunctionNames, read_allowed),
        FIELD_SKIP(streamFunctionCallArguments),
    };
    static const struct {
        str word;
        enum ir_choice_kind kind;
    } modes[] = {
        {STR("AUTO"), IR_CHOICE_AUTO},      {STR("ANY"), IR_CHOICE_ANY},
        {STR("NONE"), IR_CHOICE_NONE},      {STR("MODE_UNSPECIFIED"), IR_CHOICE_UNSET},
        {STR("VALIDATED"), IR_CHOICE_AUTO}, /* arguments are held to the schema: a promise more */
    };
    struct ir_tool_choice *c = &d->request->choice;
    struct calling k = {0};

    (void)to;
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &k, at));
    for (size_t i = 0; k.mode.n; i++) {
        if (i == ARRAY_LEN(modes))
            return field_bad(d, at, "mode must be AUTO, ANY, NONE or VALIDATED", "invalid_value");
        if (str_eq_nocase(k.mode, modes[i].word)) {
            c->kind = modes[i].kind;
            break;
        }
    }
    if (c->kind == IR_CHOICE_ANY && k.allowed.n == 1) {
        c->kind = IR_CHOICE_NAMED;
        c->name = k.allowed.v[0];
    } else if (k.allowed.n) {
        return field_unknown(d, NULL, STR("allowedFunctionNames"), v);
    }
    return RC_OK;
}

static enum rc read_tool_config(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD_WITH(functionCallingConfig, read_calling),
        FIELD_SKIP(includeServerSideToolInvocations),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

/* ---- generationConfig ---------------------------------------------------------------------------
 */

struct thinking {
    jval budget;
    jtext level;
    enum ir_tri shown;
};

static const struct {
    str word, effort;
} levels[] = {
    {STR("MINIMAL"), STR("minimal")},
    {STR("LOW"), STR("low")},
    {STR("MEDIUM"), STR("medium")},
    {STR("HIGH"), STR("high")},
};

/* A budget of 0 is off, of -1 the model's own decision. */
static enum rc read_thinking(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(thinkingBudget, FIELD_VALUE, struct thinking, budget),
        FIELD(thinkingLevel, FIELD_TEXT, struct thinking, level),
        FIELD(includeThoughts, FIELD_TRI, struct thinking, shown),
    };
    struct ir_reasoning *r = &d->request->reasoning;
    struct thinking t = {0};
    int64_t budget = 0;

    (void)to;
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (json_has(t.budget) && (json_i64(t.budget, &budget) != RC_OK || budget > INT32_MAX))
        return field_bad(d, at, "thinkingBudget must be an integer", "invalid_type");
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_nocase(t.level, levels[i].word))
            r->effort = levels[i].effort;
    if (json_has(t.budget))
        r->mode = budget < 0 ? IR_THINK_ADAPTIVE : budget ? IR_THINK_ON : IR_THINK_OFF;
    else if (r->effort.n)
        r->mode = IR_THINK_ON;
    else if (t.shown == IR_YES)
        r->mode = IR_THINK_ADAPTIVE;
    r->budget = budget > 0 ? (uint64_t)budget : 0;
    if (t.shown == IR_NO && r->mode > IR_THINK_OFF)
        r->summary = STR("omitted");
    return RC_OK;
}

static enum rc read_modalities(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct json_iter it = json_iter(v);

    (void)to;
    while (json_next(&it))
        if (!str_eq_nocase(json_raw(it.val), STR("TEXT")))
            return field_unknown(d, at->up, STR("responseModalities"), v);
    return RC_OK;
}

static enum rc read_stop(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    return field_list(d, v, at, &((struct ir_request *)to)->stop);
}

static enum rc read_format(struct decoding *d, jval config)
{
    struct ir_format *f = &d->request->format;
    jval schema = gemini_get_lit(config, "responseJsonSchema"),
         mime = gemini_get_lit(config, "responseMimeType");
    struct field_at at = {.name = "generationConfig", .index = -1};

    if (json_is_nothing(schema))
        schema = json_get_lit(config, "_responseJsonSchema"); /* its name while it was new */
    if (json_is_nothing(schema))
        schema = gemini_get_lit(config, "responseSchema");
    if (json_is(schema, JSON_OBJECT)) {
        f->kind = IR_FORMAT_SCHEMA;
        return to_json_schema(d, schema, &f->schema);
    }
    if (json_str_is(mime, STR("application/json")))
        f->kind = IR_FORMAT_JSON;
    else if (json_str_is(mime, STR("text/plain")))
        f->kind = IR_FORMAT_TEXT;
    else if (json_raw(mime).n)
        return field_unknown(d, &at, STR("responseMimeType"), mime);
    return RC_OK;
}

#define R struct ir_request
static enum rc read_config(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(candidateCount, FIELD_COUNT, R, n),
        FIELD_WITH(stopSequences, read_stop),
        FIELD(maxOutputTokens, FIELD_COUNT, R, max_tokens),
        FIELD(temperature, FIELD_NUMBER, R, temperature),
        FIELD(topP, FIELD_NUMBER, R, top_p),
        FIELD(topK, FIELD_NUMBER, R, top_k),
        FIELD(seed, FIELD_NUMBER, R, seed),
        FIELD(presencePenalty, FIELD_NUMBER, R, presence_penalty),
        FIELD(frequencyPenalty, FIELD_NUMBER, R, frequency_penalty),
        FIELD(responseLogprobs, FIELD_TRI, R, logprobs),
        FIELD(logprobs, FIELD_NUMBER, R, top_logprobs),
        FIELD_WITH(thinkingConfig, read_thinking),
        FIELD_WITH(responseModalities, read_modalities),
        FIELD_SKIP(responseMimeType), /* with the schemas, below */
        FIELD_SKIP(responseSchema),
        FIELD_SKIP(responseJsonSchema),
        FIELD_SKIP(_responseJsonSchema),
    };

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), to, at));
    return read_format(d, v);
}
#undef R

/* ---- the request --------------------------------------------------------------------------------
 */

/* Filters are Google's own; a list that says nothing loses nothing. */
static enum rc read_safety(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    (void)at;
    return json_len(v) ? field_unknown(d, NULL, STR("safetySettings"), v) : RC_OK;
}

static enum rc read_cached(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    (void)at;
    if (!json_raw(v).n)
        return RC_OK;
    return fail_set(d->fail, ERR_UNSUPPORTED,
                    STR("cachedContent: a part of the prompt is kept by Google, and the chosen "
                        "model is not served there; send the contents themselves."),
                    STR("cachedContent"), STR_NONE);
}

static enum rc read_tier(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    jtext tier;

    TRY(field_text(d, v, at, &tier));
    if (str_eq_nocase(tier, STR("flex")))
        ((struct ir_request *)to)->service_tier = STR("flex");
    else if (str_eq_nocase(tier, STR("priority")))
        ((struct ir_request *)to)->service_tier = STR("priority");
    return RC_OK; /* "standard": what others do by themselves */
}

static const struct field request_rows[] = {
    FIELD_WITH(contents, gemini_read_contents),
    FIELD_SKIP(systemInstruction), /* read first, wherever it stands */
    FIELD_SKIP(model),             /* the path has it */
    FIELD_WITH(tools, read_tools),
    FIELD_WITH(toolConfig, read_tool_config),
    FIELD_WITH(generationConfig, read_config),
    FIELD_WITH(safetySettings, read_safety),
    FIELD_WITH(cachedContent, read_cached),
    FIELD_WITH(serviceTier, read_tier),
};

enum rc gemini_decode_request(jval root, const struct front_route *route, struct arena *a,
                              struct ir_request *ret, struct fail *f)
{
    struct gemini_reading r = {0};
    struct ir_request request;
    struct ir_peek peek;
    jval inner;

    TRY(gemini_peek(root, route, a, &peek, f));
    inner = gemini_get_lit(root, "generateContentRequest");
    if (route->op == FRONT_COUNT && json_has(inner))
        root = inner;
    decoding_init(&r.d, a, &request, f);
    r.d.proto = true;
    r.pending_tail = &r.pending;
    TRY(gemini_read_system(&r, gemini_get_lit(root, "systemInstruction")));
    TRY(field_walk(&r.d, root, request_rows, ARRAY_LEN(request_rows), &request, NULL));
    request.family = STR(GEMINI_FAMILY);
    request.model = peek.model;
    request.stream = route->stream;
    request.include_usage = true;
    *ret = request;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_read.c - a Responses request to canonical form, and the glance at one.
 *
 * `instructions` becomes the first message. What asks the service to keep something, or to read
 * what it kept (previous_response_id, conversation, a stored prompt, background), is refused here:
 * this runs only when the request is translated, for a provider that keeps nothing; between equal
 * dialects the client's bytes pass. Leaving it out would answer another question than was asked.
 */
#include "dialect/responses_int.h"

/* ---- what only its own service can do -----------------------------------------------------------
 */

static enum rc refuse(struct decoding *d, const char *param, const char *message, const char *code)
{
    return fail_set(d->fail, ERR_UNSUPPORTED, str_c(message), str_c(param), str_c(code));
}

static enum rc read_previous(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)v;
    (void)to;
    (void)at;
    /* The code with which OpenAI answers for a response that is gone: its clients know what to do.
     */
    return refuse(
        d, "previous_response_id",
        "previous_response_id: there is no such response here, or it is kept no longer. Send "
        "the whole conversation in `input`, with the items of earlier answers (`output`) "
        "in it.",
        "previous_response_not_found");
}

static enum rc read_conversation(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)v;
    (void)to;
    (void)at;
    return refuse(
        d, "conversation",
        "conversation: this model is served by another API, and no conversations are kept "
        "here. Send the whole conversation in `input`.",
        "unsupported_parameter");
}

static enum rc read_prompt(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)v;
    (void)to;
    (void)at;
    return refuse(d, "prompt",
                  "prompt: a stored prompt is known to its own service only, and this model is "
                  "served by another API. Send its text as `instructions` and `input`.",
                  "unsupported_parameter");
}

static enum rc read_background(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    (void)at;
    if (!json_is(v, JSON_TRUE))
        return RC_OK;
    return refuse(
        d, "background",
        "background: this model is served by another API, which answers at once or not at "
        "all. Leave it out, and use `stream` for long answers.",
        "unsupported_parameter");
}

/* ---- fields whose usual value says nothing ------------------------------------------------------
 */

static enum rc read_store(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    bool yes;

    (void)to; /* who asks for it can go on from the answer; that it can't be read is told then */
    return json_bool(v, &yes) == RC_OK ? RC_OK
                                       : field_bad(d, at, "must be true or false", "invalid_type");
}

static enum rc read_truncation(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    (void)at;
    return json_str_is(v, STR("disabled")) ? RC_OK : field_unknown(d, NULL, STR("truncation"), v);
}

/* Sealed reasoning is told wherever there is some; log probabilities are a parameter elsewhere. */
static enum rc read_include(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_request *r = to;
    struct json_iter it = json_iter(v);

    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array of strings", "invalid_type");
    while (json_next(&it)) {
        if (json_str_is(it.val, STR("message.output_text.logprobs")))
            r->logprobs = IR_YES;
        else if (!json_str_is(it.val, STR("reasoning.encrypted_content")))
            TRY(field_unknown(d, NULL, STR("include"), v));
    }
    return RC_OK;
}

/* ---- reasoning and text -------------------------------------------------------------------------
 */

static enum rc read_reasoning(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(effort, FIELD_TEXT, struct ir_reasoning, effort),
        FIELD(summary, FIELD_TEXT, struct ir_reasoning, summary),
        FIELD(generate_summary, FIELD_TEXT, struct ir_reasoning, summary), /* its older name */
    };
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), r, at));
    if (str_eq(r->effort, STR("none"))) {
        r->mode = IR_THINK_OFF;
        r->effort = STR_NONE;
    } else if (r->effort.n) {
        r->mode = IR_THINK_ON;
    }
    return RC_OK;
}

static enum rc read_format(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct ir_format, name),
        FIELD(description, FIELD_TEXT, struct ir_format, description),
        FIELD(schema, FIELD_VALUE, struct ir_format, schema),
        FIELD(strict, FIELD_TRI, struct ir_format, strict),
        FIELD_SKIP(type),
    };
    struct ir_format *f = &d->request->format;
    jval type = json_get_lit(v, "type");

    (void)to;
    if (json_str_is(type, STR("text"))) {
        f->kind = IR_FORMAT_TEXT;
    } else if (json_str_is(type, STR("json_object"))) {
        f->kind = IR_FORMAT_JSON;
    } else if (json_str_is(type, STR("json_schema"))) {
        f->kind = IR_FORMAT_SCHEMA;
        TRY(field_walk(d, v, rows, ARRAY_LEN(rows), f, at));
        if (!json_is(f->schema, JSON_OBJECT))
            return field_bad(d, at, "schema must be an object", "missing_required_parameter");
    } else if (json_is(type, JSON_STRING)) {
        return field_unknown(d, NULL, STR("text.format"), v);
    } else {
        return field_bad(d, at, "needs a type", "missing_required_parameter");
    }
    return RC_OK;
}

static enum rc read_text(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD_WITH(format, read_format),
        FIELD(verbosity, FIELD_TEXT, struct ir_request, verbosity),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_stream_options(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD_SKIP(include_obfuscation), /* padding: never sent by us */
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_model(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    if (!json_is(v, JSON_STRING))
        return field_bad(d, at, "must be a string", "invalid_type");
    return json_str(v, d->arena, &((struct ir_request *)to)->model) == RC_OK ? RC_OK
                                                                             : field_nomem(d);
}

/* ---- the request --------------------------------------------------------------------------------
 */

#define R struct ir_request
static const struct field request_rows[] = {
    FIELD_WITH(model, read_model),
    FIELD_WITH(input, responses_read_input),
    FIELD_SKIP(instructions), /* read first, wherever it stands */
    FIELD_WITH(tools, responses_read_tools),
    FIELD_WITH(tool_choice, responses_read_choice),
    FIELD(parallel_tool_calls, FIELD_TRI, R, choice.parallel),
    FIELD(stream, FIELD_BOOL, R, stream),
    FIELD_WITH(stream_options, read_stream_options),
    FIELD(max_output_tokens, FIELD_COUNT, R, max_tokens),
    FIELD(temperature, FIELD_NUMBER, R, temperature),
    FIELD(top_p, FIELD_NUMBER, R, top_p),
    FIELD(top_logprobs, FIELD_NUMBER, R, top_logprobs),
    FIELD_WITH(reasoning, read_reasoning),
    FIELD_WITH(text, read_text),
    FIELD_WITH(include, read_include),
    FIELD(user, FIELD_TEXT, R, user),
    FIELD(safety_identifier, FIELD_TEXT, R, user),
    FIELD(metadata, FIELD_JSON, R, metadata),
    FIELD(service_tier, FIELD_TEXT, R, service_tier),
    FIELD(prompt_cache_key, FIELD_TEXT, R, cache_key),
    FIELD_WITH(store, read_store),
    FIELD_WITH(truncation, read_truncation),
    FIELD_WITH(previous_response_id, read_previous),
    FIELD_WITH(conversation, read_conversation),
    FIELD_WITH(prompt, read_prompt),
    FIELD_WITH(background, read_background),
};
#undef R

static enum rc read_instructions(struct decoding *d, jval v)
{
    struct field_at at = {.name = "instructions", .index = -1};
    struct ir_message *m;

    if (json_is_nothing(v) || (json_is(v, JSON_STRING) && !json_raw(v).n))
        return RC_OK;
    if (json_is(v, JSON_ARRAY)) /* items, as answers of stored prompts repeat them */
        return responses_read_input(d, v, NULL, &at);
    m = ir_add_message(d->arena, &d->messages, IR_SYSTEM);
    if (!m)
        return field_nomem(d);
    return responses_read_content(d, v, &at, &m->tail);
}

enum rc responses_decode_request(jval root, const struct front_route *route, struct arena *a,
                                 struct ir_request *ret, struct fail *f)
{
    struct ir_request r;
    struct ir_peek peek;
    struct decoding d;

    TRY(responses_peek(root, route, a, &peek, f));
    decoding_init(&d, a, &r, f);
    TRY(read_instructions(&d, json_get_lit(root, "instructions")));
    TRY(field_walk(&d, root, request_rows, ARRAY_LEN(request_rows), &r, NULL));
    if (r.top_logprobs.n && r.logprobs == IR_UNSET)
        r.logprobs = IR_YES; /* Chat's top_logprobs wants it said */
    r.family = STR(RESPONSES_FAMILY);
    r.include_usage = true;
    *ret = r;
    return RC_OK;
}

/* ---- peek ---------------------------------------------------------------------------------------
 */

static void peek_parts(jval content, struct ir_peek *p)
{
    field_peek_parts(content, STR("input_image"), STR("input_file"), p);
}

static void peek_input(jval input, struct ir_peek *p)
{
    struct json_iter it = json_iter(input);

    if (json_is(input, JSON_STRING))
        p->messages = 1;
    for (; json_next(&it); p->messages++) {
        peek_parts(json_get_lit(it.val, "content"), p);
        peek_parts(json_get_lit(it.val, "output"), p);
    }
}

static void peek_tools(jval tools, struct ir_peek *p)
{
    struct json_iter it = json_iter(tools);

    while (json_next(&it)) {
        p->has_tools = true;
        p->has_web_search |=
            str_has_prefix(json_raw(json_get_lit(it.val, "type")), STR("web_search"));
    }
}

/* Who it is, or which conversation: Codex names no user, but a cache key of its session's own. */
static jtext user_of(jval root)
{
    static const char *const names[] = {"user", "safety_identifier", "prompt_cache_key"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        jtext text = json_raw(json_get(root, str_c(names[i])));

        if (text.n)
            return text;
    }
    return STR_NONE;
}

/* May the input be missing? Then something else says what is to be answered. */
static bool continues(jval root)
{
    return !json_is_nothing(json_get_lit(root, "previous_response_id")) ||
           !json_is_nothing(json_get_lit(root, "conversation")) ||
           !json_is_nothing(json_get_lit(root, "prompt"));
}

enum rc responses_peek(jval root, const struct front_route *route, struct arena *a,
                       struct ir_peek *ret, struct fail *f)
{
    struct ir_peek p = {.n = 1, .include_usage = true};
    const struct field_peek in = {.a = a, .f = f, .voice = FIELD_VOICE_OPENAI};
    jval input = json_get_lit(root, "input");
    jtext effort = json_raw(json_path(root, "reasoning", "effort", NULL));

    (void)route;
    if (!json_is(root, JSON_OBJECT))
        return fail_set(f, ERR_BAD_REQUEST, STR("The body must be a JSON object."), STR_NONE,
                        STR("invalid_type"));
    TRY(field_peek_model(&in, root, &p.model));
    if (json_is_nothing(input) ? !continues(root)
                               : !json_is(input, JSON_STRING) && !json_is(input, JSON_ARRAY))
        return field_peek_refuse(&in, "input", FIELD_WANT_INPUT, input);
    TRY(field_peek_bool(&in, root, "stream", &p.stream));
    TRY(field_peek_count(&in, root, "max_output_tokens", &p.max_tokens));
    peek_input(input, &p);
    peek_tools(json_get_lit(root, "tools"), &p);
    p.thinks = effort.n && !str_eq(effort, STR("none"));
    p.user = user_of(root);
    p.previous = json_raw(json_get_lit(root, "previous_response_id"));
    p.keep = !json_is(json_get_lit(root, "store"), JSON_FALSE);
    *ret = p;
    return RC_OK;
}

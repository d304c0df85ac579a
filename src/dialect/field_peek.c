/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_peek.c - the few members that are looked at before a request is read as a whole, and how a
 * wrong one is told.
 *
 * A peek has no decoding around it, and its errors are those that a beginner meets first: a list
 * that is a string, a number in quotes. So they have the words of the vendor whose language is
 * spoken, which its forums and its clients know:
 *
 *     OpenAI     Invalid type for 'messages': expected an array of objects, but got a string
 *                instead.                                                       (invalid_type)
 *                Missing required parameter: 'messages'.         (missing_required_parameter)
 *     Anthropic  messages: Input should be a valid list
 *                messages: Field required
 */
#include "dialect/field.h"

enum voice_case { WRONG_TYPE, MISSING, TOO_SMALL };

/* What was wanted, as each of them calls it. */
static const struct {
    const char *openai, *anthropic;
} wants[] = {
    [FIELD_WANT_STRING] = {"a string", "string"},
    [FIELD_WANT_BOOL] = {"a boolean", "boolean"},
    [FIELD_WANT_COUNT] = {"an integer", "integer"},
    [FIELD_WANT_OBJECTS] = {"an array of objects", "list"},
    [FIELD_WANT_INPUT] = {"one of an array of objects or string", "list"},
};

static const char *name_of(jval v)
{
    int64_t i;

    if (!json_has(v))
        return "nothing";
    switch (json_type(v)) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
    case JSON_TRUE:
        return "a boolean";
    case JSON_NUMBER:
        return json_i64(v, &i) == RC_OK ? "an integer" : "a decimal number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "something else";
}

static str words(const struct field_peek *p, const char *name, enum voice_case what,
                 enum field_want want, jval got)
{
    bool anthropic = p->voice == FIELD_VOICE_ANTHROPIC;

    switch (what) {
    case WRONG_TYPE:
        return anthropic
                   ? arena_strf(p->a, "%s: Input should be a valid %s", name, wants[want].anthropic)
                   : arena_strf(p->a, "Invalid type for '%s': expected %s, but got %s instead.",
                                name, wants[want].openai, name_of(got));
    case MISSING:
        return anthropic ? arena_strf(p->a, "%s: Field required", name)
                         : arena_strf(p->a, "Missing required parameter: '%s'.", name);
    case TOO_SMALL:
        break;
    }
    return anthropic
               ? arena_strf(p->a, "%s: Input should be greater than or equal to 1", name)
               : arena_strf(p->a,
                            "Invalid '%s': integer below minimum value. Expected a value >= 1, "
                            "but got " STR_FMT " instead.",
                            name, STR_ARG(json_text(got)));
}

static enum rc refuse(const struct field_peek *p, const char *name, enum voice_case what,
                      enum field_want want, jval got)
{
    static const char *const codes[] = {
        [WRONG_TYPE] = "invalid_type",
        [MISSING] = "missing_required_parameter",
        [TOO_SMALL] = "integer_below_min_value",
    };

    return fail_set(p->f, ERR_BAD_REQUEST, words(p, name, what, want, got), str_c(name),
                    str_c(codes[what]));
}

enum rc field_peek_refuse(const struct field_peek *p, const char *name, enum field_want want,
                          jval got)
{
    ASSERT(want < ARRAY_LEN(wants));
    return refuse(p, name, json_is_nothing(got) ? MISSING : WRONG_TYPE, want, got);
}

enum rc field_peek_bool(const struct field_peek *p, jval root, const char *key, bool *ret)
{
    jval v = json_get(root, str_c(key));

    if (json_is_nothing(v) || json_bool(v, ret) == RC_OK)
        return RC_OK;
    return refuse(p, key, WRONG_TYPE, FIELD_WANT_BOOL, v);
}

enum rc field_peek_count(const struct field_peek *p, jval root, const char *key, uint64_t *ret)
{
    jval v = json_get(root, str_c(key));
    int64_t n;

    if (json_is_nothing(v))
        return RC_OK;
    if (json_i64(v, &n) != RC_OK || n > INT32_MAX)
        return refuse(p, key, WRONG_TYPE, FIELD_WANT_COUNT, v);
    if (n < 1)
        return refuse(p, key, TOO_SMALL, FIELD_WANT_COUNT, v);
    *ret = (uint64_t)n;
    return RC_OK;
}

enum rc field_peek_model(const struct field_peek *p, jval root, str *ret)
{
    jval model = json_get_lit(root, "model");

    if (!json_is(model, JSON_STRING))
        return field_peek_refuse(p, "model", FIELD_WANT_STRING, model);
    if (!json_raw(model).n) /* as if there were none */
        return refuse(p, "model", MISSING, FIELD_WANT_STRING, model);
    return json_str(model, p->a, ret);
}

void field_peek_parts(jval content, str image, str document, struct ir_peek *p)
{
    struct json_iter it = json_iter(content);

    if (!json_is(content, JSON_ARRAY))
        return;
    while (json_next(&it)) {
        jtext type = json_raw(json_get_lit(it.val, "type"));

        p->has_images |= str_eq(type, image);
        p->has_documents |= str_eq(type, document);
        p->has_audio |= str_eq(type, STR("input_audio"));
    }
}

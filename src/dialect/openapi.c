/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi.c - one walk to see whether anything must change, one to write it. The second knows where
 * schemas stand in a schema, so that a property named "type" or "nullable" stays a property.
 */
#include "dialect/openapi.h"

#include "base/auto.h"
#include "base/num.h"
#include "dialect/field.h"
#include "json/write.h"

#define SCHEMA_LEVELS 28 /* of schemas in schemas: two levels each, below JSON_WRITE_DEPTH */
#define SCHEMA_MAX    (8u << 20)

enum place {
    PLAIN,    /* carried as it is */
    ONE,      /* a schema */
    LIST,     /* an array of schemas */
    NAMED,    /* an object whose values are schemas */
    NUMBER,   /* a number, or one in a string */
    TYPE,     /* its name or names, in small letters */
    ENUM,     /* null belongs to it where the value may be null */
    FORMAT,   /* "enum" is none elsewhere */
    GOOGLE,   /* nobody else reads it */
    NULLABLE, /* told with the type */
};

/* Members that are not PLAIN, and PLAIN ones whose snake case is known. */
static const struct {
    str name;
    enum place place;
} members[] = {
    {STR("type"), TYPE},
    {STR("nullable"), NULLABLE},
    {STR("enum"), ENUM},
    {STR("format"), FORMAT},
    {STR("properties"), NAMED},
    {STR("$defs"), NAMED},
    {STR("defs"), NAMED},
    {STR("definitions"), NAMED},
    {STR("patternProperties"), NAMED},
    {STR("items"), ONE},
    {STR("additionalProperties"), ONE},
    {STR("not"), ONE},
    {STR("anyOf"), LIST},
    {STR("oneOf"), LIST},
    {STR("allOf"), LIST},
    {STR("prefixItems"), LIST},
    {STR("minItems"), NUMBER},
    {STR("maxItems"), NUMBER},
    {STR("minLength"), NUMBER},
    {STR("maxLength"), NUMBER},
    {STR("minProperties"), NUMBER},
    {STR("maxProperties"), NUMBER},
    {STR("propertyOrdering"), GOOGLE},
};

/* The member's place, and in *name how JSON Schema spells it. */
static enum place place_of(str *name)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_eq(*name, members[i].name) || field_is_snake_of(*name, members[i].name)) {
            *name = members[i].name;
            return members[i].place;
        }
    return PLAIN;
}

/* ---- must anything change? ----------------------------------------------------------------------
 */

static bool is_capital(jval v)
{
    str s = json_raw(v);

    return s.n && s.p[0] >= 'A' && s.p[0] <= 'Z';
}

static bool is_number_in_words(str name, jval v)
{
    return json_is(v, JSON_STRING) &&
           (str_has_prefix(name, STR("min")) || str_has_prefix(name, STR("max")));
}

/* Is this a member that only Google's form has? Looked at for every member of every tool, so the
 * table is asked for snake case only. */
static bool is_googles(jval key, jval v)
{
    str name = json_raw(key), spelt = name;

    if (str_eq(name, STR("type")))
        return is_capital(v);
    if (memchr(name.p, '_', name.n))
        return place_of(&spelt) != PLAIN;
    return str_eq(name, STR("nullable")) || str_eq(name, STR("propertyOrdering")) ||
           is_number_in_words(name, v);
}

/* Anywhere below, whether it is a schema or not: writing anew harms nothing. */
static bool is_openapi(jval v)
{
    struct json_iter it = json_iter(v);

    while (json_next(&it))
        if ((it.object && is_googles(it.key, it.val)) || is_openapi(it.val))
            return true;
    return false;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void put_schema(struct json_writer *w, jval schema, unsigned level);

static void put_small(struct json_writer *w, jval type)
{
    str s = json_raw(type);

    json_open_str(w);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], small = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;

        json_add_raw(w, str_of(&small, 1));
    }
    json_close_str(w);
}

static void put_type(struct json_writer *w, jval type, bool nullable)
{
    struct json_iter it = json_iter(type);

    if (json_str_is(type, STR("TYPE_UNSPECIFIED")))
        return;
    json_key(w, "type");
    if (json_is(type, JSON_STRING) && !nullable) {
        put_small(w, type);
        return;
    }
    json_begin_array(w);
    if (json_is(type, JSON_STRING))
        put_small(w, type);
    while (json_next(&it))
        put_small(w, it.val);
    if (nullable)
        json_put_lit(w, "null");
    json_end(w);
}

static void put_enum(struct json_writer *w, jval list, bool nullable)
{
    struct json_iter it = json_iter(list);
    bool has_null = false;

    json_key(w, "enum");
    json_begin_array(w);
    while (json_next(&it)) {
        has_null |= json_is(it.val, JSON_NULL);
        json_put_text(w, json_text(it.val));
    }
    if (nullable && !has_null)
        json_put_null(w);
    json_end(w);
}

static void put_all(struct json_writer *w, jval v, unsigned level)
{
    struct json_iter it = json_iter(v);

    if (json_is(v, JSON_ARRAY))
        json_begin_array(w);
    else
        json_begin_object(w);
    while (json_next(&it)) {
        if (it.object)
            json_key_str(w, json_raw(it.key));
        put_schema(w, it.val, level);
    }
    json_end(w);
}

static void put_member(struct json_writer *w, jval key, jval v, bool nullable, unsigned level)
{
    str name = json_raw(key);
    enum place place = place_of(&name);
    uint64_t n;

    switch (place) {
    case GOOGLE:
    case NULLABLE:
        return;
    case TYPE:
        put_type(w, v, nullable);
        return;
    case ENUM:
        put_enum(w, v, nullable);
        return;
    case FORMAT:
        if (json_str_is(v, STR("enum")))
            return;
        break;
    case NUMBER: /* int64 in proto JSON is a string */
        if (json_is(v, JSON_STRING) && num_u64(json_raw(v), &n) == RC_OK) {
            json_key_str(w, name);
            json_put_u64(w, n);
            return;
        }
        break;
    case ONE:
        json_key_str(w, name);
        put_schema(w, v, level + 1);
        return;
    case LIST:
    case NAMED:
        if (!json_is(v, place == LIST ? JSON_ARRAY : JSON_OBJECT))
            break;
        json_key_str(w, name);
        put_all(w, v, level + 1);
        return;
    case PLAIN:
        break;
    }
    json_key_str(w, name);
    json_put_text(w, json_text(v));
}

static void put_schema(struct json_writer *w, jval schema, unsigned level)
{
    struct json_iter it = json_iter(schema);
    bool nullable = json_is(json_get_lit(schema, "nullable"), JSON_TRUE);

    if (!json_is(schema, JSON_OBJECT) || level > SCHEMA_LEVELS) {
        json_put_text(w, json_text(schema));
        return;
    }
    json_begin_object(w);
    while (json_next(&it))
        put_member(w, it.key, it.val, nullable, level);
    json_end(w);
}

jval openapi_to_json_schema(struct arena *a, jval schema)
{
    AUTO(rope_fini) struct rope r = ROPE_INIT(SCHEMA_MAX);
    AUTO(buf_fini) struct buf flat = BUF_INIT(SCHEMA_MAX);
    struct json_writer w;
    struct json_doc *doc;
    str text;

    if (!is_openapi(schema))
        return schema;
    json_writer_init(&w, &r);
    put_schema(&w, schema, 0);
    if (rope_failed(&r))
        return JVAL_NONE;
    rope_flatten(&r, &flat);
    text = flat.failed ? STR_NONE : arena_dup(a, buf_str(&flat));
    doc = arena_new(a, struct json_doc);
    if (!text.p || !doc)
        return JVAL_NONE;
    if (json_parse(a, text, doc, NULL) != RC_OK) /* one member in two spellings */
        return arena_is_full(a) ? JVAL_NONE : schema;
    return json_root(doc);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - one walk down to SCHEMA_DEPTH; what is deeper counts as not promised. */
#include "dialect/schema.h"

#define SCHEMA_DEPTH   32
#define PROPERTIES_MAX 512 /* the search is quadratic */

static bool all_required(jval schema)
{
    struct json_iter it = json_iter(json_get_lit(schema, "properties"));
    uint32_t properties = json_len(json_get_lit(schema, "properties")), found = 0;
    jval required = json_get_lit(schema, "required");

    if (properties > PROPERTIES_MAX || json_len(required) != properties)
        return false;
    ASSERT(properties <= PROPERTIES_MAX);
    while (json_next(&it)) {
        struct json_iter names = json_iter(required);

        while (json_next(&names))
            if (str_eq(json_raw(names.val), json_raw(it.key))) {
                found++;
                break;
            }
    }
    return found == properties;
}

/* OpenAI's strict mode takes a schema only where each object is closed and, for tools, requires all
 * it has. Every nested object and array is looked at, whether the keyword around it holds schemas
 * or not: a false no costs the strictness, a false yes a 400. */
static bool promises(jval schema, bool strict, unsigned depth)
{
    struct json_iter it = json_iter(schema);
    bool object = json_str_is(json_get_lit(schema, "type"), STR("object")) ||
                  json_is(json_get_lit(schema, "properties"), JSON_OBJECT);

    if (depth > SCHEMA_DEPTH)
        return false;
    if (object && !json_is(json_get_lit(schema, "additionalProperties"), JSON_FALSE))
        return false;
    if (object && strict && !all_required(schema))
        return false;
    while (json_next(&it))
        if ((json_is(it.val, JSON_OBJECT) || json_is(it.val, JSON_ARRAY)) &&
            !promises(it.val, strict, depth + 1))
            return false;
    return true;
}

bool schema_is_closed(jval schema)
{
    return promises(schema, false, 0);
}

bool schema_is_strict(jval schema)
{
    return promises(schema, true, 0);
}

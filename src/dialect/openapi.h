/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi - schemas in Google's OpenAPI 3.0 subset (generativelanguage `Schema`, fields
 * `parameters` and `responseSchema`) as the JSON Schema that all others speak.
 *
 *     {"type":"STRING","nullable":true,"format":"enum","enum":["a"],"minLength":"1"}
 *       →  {"type":["string","null"],"enum":["a",null],"minLength":1}
 *
 * Type names lose their capitals, `nullable` becomes a type of its own, numbers that proto JSON
 * writes as strings (int64) become numbers, snake case becomes camel case, and what only Google
 * reads (propertyOrdering) goes. Everything else is carried. The way back is not needed: Gemini
 * takes JSON Schema in `parametersJsonSchema` and `responseJsonSchema`.
 */
#pragma once
#include "json/json.h"

/* `schema` itself where it is plain JSON Schema already; else a new document in `a`. Absent: the
 * arena is full. */
jval openapi_to_json_schema(struct arena *a, jval schema);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - what a JSON Schema promises, where a dialect binds the answer only under conditions.
 */
#pragma once
#include "json/json.h"

/* Every object in it says additionalProperties: false, as Claude demands. */
bool schema_is_closed(jval schema);
/* Closed, and every property is required, as OpenAI's strict mode demands. */
bool schema_is_strict(jval schema);

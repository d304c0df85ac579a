/* SPDX-License-Identifier: Apache-2.0 */
/*
 * free_text - tools that take free text, for languages that know functions only.
 *
 * OpenAI's "custom" tools are called with a text instead of arguments, and may bind it to a grammar
 * (Codex edits files with one: a patch needs no escaping then). Everywhere else such a tool becomes
 * a function with one string, and its grammar words:
 *
 *     {"type":"custom","name":"apply_patch","format":{"syntax":"lark","definition":"start: …"}}
 *     → {"name":"apply_patch","parameters":{"type":"object","properties":{"input":{"type":"string",
 *        "description":"… It must match this lark grammar:\nstart: …"}},"required":["input"]}}
 *
 * A call of it comes back as {"input":"…"}, which a front that knows such tools takes apart again.
 */
#pragma once
#include "ir/request.h"
#include "json/write.h"

/* The grammar of a custom tool in Chat's form or in Responses'; both absent: none. */
struct free_text {
    jtext syntax, definition;
};

/* `a` holds what is parsed; the texts are slices of the tool's own. */
struct free_text free_text_of(const struct ir_tool *t, struct arena *a);
/* The text of a call that came as that function's arguments, {"input":"…"} in plain JSON. Absent:
 * it is something else. */
jtext free_text_unwrap(struct arena *a, str args);
/* The schema of the function that it becomes. */
void free_text_put_schema(struct json_writer *w, const struct free_text *f);

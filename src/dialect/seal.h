/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal - reasoning state that only its maker can read, on its way through languages that do not say
 * who made it.
 *
 * Gemini's thought signatures, Claude's signatures and OpenAI's encrypted reasoning must come back
 * to the provider that made them, unchanged, and are refused by every other. Chat clients keep the
 * maker's name beside them (`format`); Messages and Gemini have one field of base64 and nothing
 * else. There a foreign seal gets a mark in front: the base64 of the maker's name, padded with
 * colons to whole groups of three bytes. So the field stays valid base64, the maker is found again
 * by its first bytes, and a target of another maker leaves the seal out instead of being refused.
 */
#pragma once
#include "ir/request.h"

/* Makers, as OpenRouter's clients name them in `format`. */
#define SEAL_ANTHROPIC "anthropic-claude-v1"
#define SEAL_GEMINI    "google-gemini-v1"
#define SEAL_OPENAI    "openai-responses-v1"

/* What stands before a seal of `format` in a field whose own seals are `own`'s: "" for those, and
 * for makers that are not known. */
str seal_mark(jtext format, str own);
/* Take the mark off *seal and say whose it is; absent when it has none: then it is the field's own.
 */
str seal_maker(jtext *seal);
/* Do blocks of this kind (IR_TEXT, IR_TOOL_USE) bear a seal anywhere in the history? Gemini's do,
 * and no other language has a place for it: then "thinking" is lost. */
bool seal_stands_on(const struct ir_request *r, enum ir_kind kind);

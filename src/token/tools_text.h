/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools_text - the tools of a request as their model reads them, as plain text to be counted.
 *
 * OpenAI writes functions down as TypeScript (its `harmony` format documents the form; the older
 * models' bills agree with it to the token):
 *
 *     namespace functions {
 *
 *     // The weather of a city.
 *     type get_weather = (_: {
 *     // The city's name
 *     city: string,
 *     unit?: "celsius" | "fahrenheit", // default: celsius
 *     }) => any;
 *
 *     } // namespace functions
 *
 * Others put the JSON there, without the blanks between its tokens; of Gemini's rendering, which is
 * not published, the words alone are known. Pure; schemas are hostile: what
 * is nested deeper than TOOLS_TEXT_DEPTH is `any`. Look at to->failed afterwards.
 */
#pragma once
#include "ir/request.h"

#define TOOLS_TEXT_DEPTH 24

/* All function tools in one namespace; other kinds as their JSON. */
void tools_text_ts(const struct ir_tool *tools, struct buf *to);
/* One tool's name, description and schema as JSON. */
void tools_text_json(const struct ir_tool *tool, struct buf *to);
/* The words of a tool's declaration: names, descriptions, types, what is required and allowed; each
 * with a zero byte behind it. */
void tools_text_words(const struct ir_tool *tool, struct buf *to);
/* The same of any JSON text: its strings, names of members too, and numbers. */
void tools_text_json_words(str json, struct buf *to);
/* JSON text without the blanks between its tokens. */
void tools_text_squeeze(str json, struct buf *to);

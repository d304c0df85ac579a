/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_name - what a model's name alone says about the parameters it takes. Only for what nobody
 * configured: dialect_opts decide first. Names may carry a vendor prefix ("openai/gpt-5") or a
 * cloud's
 * ("us.anthropic.claude-opus-4-6-v1:0").
 */
#pragma once
#include "base/str.h"

bool model_is_openai(str model);           /* served by OpenAI itself, so by its strict API */
bool model_is_openai_reasoning(str model); /* o1, o3, gpt-5 …: no temperature, has effort */
bool model_takes_effort(str model);        /* reasoning_effort means something to it */

bool model_is_gemini(str model);
/* 100 * major + minor: 205, 300; 0 when the name has none ("gemini-flash-latest") or is not
 * Gemini's. */
unsigned model_gemini_version(str model);

bool model_is_claude(str model);
/* 100 * major + minor: 305, 406; 0 when the name has none or is not Claude's. */
unsigned model_claude_version(str model);
/* An answer's length that the model surely allows. */
uint64_t model_claude_max_tokens(str model);

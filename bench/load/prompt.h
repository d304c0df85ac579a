/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt - a chat request as a coding agent sends it, of an exact size.
 *
 * System prompt, tool schemas and a conversation with tool calls and their results, in the
 * proportions of captured agent traffic: a tenth system, a sixth tools, the rest messages of a few
 * KB each. Small ones have one tool and one message. `model` comes first and `stream` last, as the
 * SDKs write them. The same arguments always give the same bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "tool.h"

/* The first three are asked for; what the last two are is only answered in (reply.h). */
enum dialect {
    DIALECT_OPENAI,
    DIALECT_ANTHROPIC,
    DIALECT_RESPONSES,
    DIALECT_GEMINI,
    DIALECT_CONVERSE
};

#define PROMPT_MIN 700 /* what the frame of a request alone needs */

/* Append a body of exactly `size` bytes (or the least possible, when `size` < PROMPT_MIN). */
void prompt_add(struct text *t, enum dialect d, const char *model, bool stream, size_t size);

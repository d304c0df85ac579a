/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_name - what the name of a Claude model says: its version, and what goes by that. What goes
 * by plain patterns of names is in quirks.def. Names may carry a vendor prefix
 * ("anthropic/claude-opus-4.6") or a cloud's ("us.anthropic.claude-opus-4-6-v1:0").
 */
#pragma once
#include "base/str.h"

bool model_is_gemini(str model);
/* 100 * major + minor: 205, 300; 0 when the name has none ("gemini-flash-latest") or is not
 * Gemini's. */
unsigned model_gemini_version(str model);

bool model_is_claude(str model);
/* 100 * major + minor: 305, 406; 0 when the name has none or is not Claude's. */
unsigned model_claude_version(str model);
/* Does the name say that it makes vectors of texts? A guess by the makers' habits ("embed" in it,
 * or a family that does nothing else), for the catalogue has no word for it. */
bool model_embeds(str model);

/* An answer's length that the model surely allows. */
uint64_t model_claude_max_tokens(str model);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refused - does a provider's 400 say that one parameter is not known to it, or not taken by this
 * model?
 *
 *     "Unsupported parameter: 'max_tokens' is not supported with this model. Use
 *      'max_completion_tokens' instead."                        OpenAI
 *     "Unsupported value: 'temperature' does not support 0.2 …" OpenAI
 *     "Unrecognized request argument supplied: seed"            older servers of its kind
 *     "property 'logprobs' is unsupported"                      Groq
 *     "store: Extra inputs are not permitted"                   Anthropic, Mistral, FastAPI servers
 *     "`temperature` is deprecated for this model."             Anthropic
 *     "Unknown name \"foo\" at 'generation_config': …"          Google
 *
 * Then the same request without it may be served, which is what gate/learned.h tries, once. What
 * carries the meaning of a request (messages, tools, model …) is never such a parameter.
 */
#pragma once
#include "ir/error.h"

#define REFUSED_NAME_MAX 64

struct refused {
    str name; /* a path into the request as it was sent: "temperature", "thinking.budget_tokens" */
    str instead; /* the name that is to be used for it; absent: none was said */
};

/* False: it says something else. Slices of *ret lie in the fail's texts. */
bool refused_read(const struct fail *f, struct refused *ret);

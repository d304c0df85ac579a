/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kin - pieces of requests that Chat Completions and the languages grown from it write alike:
 * Responses, Mistral, Cohere's second API, Ollama. They differ in what stands around these pieces,
 * and in what they lack; that is each one's own business.
 *
 * Nothing is refused here. What could not be said is returned or named in *lossy.
 */
#pragma once
#include "dialect/dialect.h"
#include "ir/request.h"
#include "json/write.h"

#define KIN_NO_PARAMETERS                                                   \
    "{\"type\":\"object\",\"properties\":{}}" /* a schema that says nothing \
                                               */

/* {"type":"text","text":…} */
void kin_put_text(struct json_writer *w, jtext text);

/* {"type":"image_url",…}: the URL, or a data URL made of the bytes. What this provider can't be
 * shown (another one's file, a URL that it does not fetch) leaves a note, and is named. */
void kin_put_image(struct json_writer *w, const struct ir_media *m, const struct dialect_opts *opts,
                   struct ir_lossy *lossy);

/* {"type":"function","function":{"name":…,"description":…,"parameters":… with both objects left
 * open, for what else a language knows of a tool. */
void kin_open_function(struct json_writer *w, const struct ir_tool *t);

/* Members `user` and `service_tier` as OpenAI's languages have them. `kin`: the client's is one of
 * them too, so that its tiers mean the same there. */
void kin_put_caller(struct json_writer *w, const struct ir_request *r, bool kin,
                    struct ir_lossy *lossy);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider_error - what a provider's error answer says, in any of the shapes in use:
 *
 *     {"error":{"message","type","param","code"}}      OpenAI and most of its kin (code also a
 * number)
 *     {"type":"error","error":{"type","message"}}      Anthropic
 *     {"error":"text","code":…}                        xAI, Ollama
 *     {"object":"error","message","type","code"}       Mistral, vLLM
 *     {"detail":"text"}   {"detail":[{"msg","loc"}]}   FastAPI servers
 *     {"object":"error","message":{"detail":[…]}}      Mistral again
 *     {"message":"text"}  [{"error":{…}}]              Bedrock, Cohere; Gemini without SSE
 *
 * and what that means in our words. Providers' text is shown to clients only where the request
 * itself is at fault, shortened and with anything that looks like a credential masked.
 */
#pragma once
#include "ir/error.h"
#include "json/json.h"

#define PROVIDER_TEXT_MAX 2048

struct provider_error {
    str message, type, code, param; /* escaped JSON string text, or absent */
    unsigned status;                /* a status number in the body; 0: none */
};

/* Room for the texts of one fail; lives as long as the fail is used. */
struct provider_text {
    char message[PROVIDER_TEXT_MAX];
    char param[128];
    char code[64];
};

/* Replace tokens that look like credentials by "***", in place; what is left of it. */
str provider_text_mask(char *p, size_t n);

/* False: `root` is no error in any known shape. */
bool provider_error_read(jval root, struct provider_error *ret);
/* `status`: of the HTTP answer; 0 inside a stream or a 200 body. */
void provider_error_fail(const struct provider_error *e, unsigned status,
                         struct provider_text *text, struct fail *ret);

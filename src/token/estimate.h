/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate - how many tokens a request will be, without a tokenizer.
 *
 * Text is counted by what byte-pair encoders do with it on average: an English word is one token,
 * long ones more; three digits are one; most punctuation pairs up; a CJK character is about one.
 * Vendors wrap tools in instructions of their own, which are estimated too. On recorded requests
 * (mostly short ones) the median error is 11 % without tools and 19 % with them at OpenAI, 18 % at
 * Anthropic. Texts beyond ESTIMATE_SAMPLE are sampled at even distances, and of long requests less
 * and less is read: a 1 MB prompt costs microseconds, 100 KB with two dozen tools some forty.
 *
 * Good for count_tokens answers, message_start, admission and reservations; never for the bill,
 * where what the provider reports counts.
 */
#pragma once
#include "ir/request.h"

#define ESTIMATE_SAMPLE (4 * 1024)

/* JSON-escaped text, or JSON itself. */
uint64_t estimate_text(str text);
/* The whole prompt: messages, tools, images, documents. `model` as it will be called: Claude's
 * encoder makes more tokens of the same text than OpenAI's. */
uint64_t estimate_request(const struct ir_request *r, str model);
/* An image's tokens by what the first bytes of its base64 say of its size, else by its length. */
uint64_t estimate_image(jtext base64, bool claude);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed - how many tokens of thought a sealed text holds that only its maker can open.
 *
 * Within a tool loop the thoughts that led to a call are read again, and charged. What the client
 * has of them is ciphertext (OpenAI's encrypted_content, Gemini's thoughtSignature, Claude's
 * redacted thinking, xAI's encrypted_content). Its length tells theirs: a head of fixed size, then
 * so many bytes a token. Both numbers are fitted to recorded answers, which show the seal and
 * report the reasoning tokens in it:
 *
 *     OpenAI    952 bytes 9 tokens · 1,164 37 · 2,572 256 · 5,580 704 · 8,140 1,088
 *     Gemini 3  300 bytes 32 · 724 123 · 1,112 179 · 2,556 423; returned, they weigh less
 *
 * A short seal has nothing in it: makers also give seals to calls without thoughts, and Gemini
 * takes a made-up one of some dozen bytes for history that it did not write.    Pure.
 */
#pragma once
#include "base/str.h"

enum seal_maker { SEAL_NONE, SEAL_OPENAI, SEAL_CLAUDE, SEAL_GEMINI, SEAL_XAI };

uint64_t sealed_tokens(enum seal_maker maker, str sealed);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pieces - what other makers' encodings cut apart that OpenAI's do not.
 *
 * Most vocabularies cannot be had, so o200k_base stands in for them, times a factor. A factor is
 * wrong where the difference has a reason: the rule by which text is split before it is merged.
 * OpenAI's take up to three digits at once; those of Gemma and Gemini, Qwen and Mistral take one,
 * so a table of figures is three times as long. Gemma's also cut at underscores, of which the names
 * of tools are full. Both can be counted exactly in the text alone, without a vocabulary.
 *
 *     "call_12345"    o200k_base: call _ 123 45       Gemma: call _ 1 2 3 4 5
 *
 * Sources: the "pre_tokenizer" of each model's tokenizer.json, Gemma's sentencepiece options
 * (split_digits).    Pure.
 */
#pragma once
#include "base/str.h"

enum token_pieces {
    PIECES_OPENAI, /* as the encodings themselves */
    PIECES_DIGITS, /* each digit is one */
    PIECES_GEMMA,  /* … and each underscore between letters */
};

/* The tokens that come on top of o200k_base's; plain or escaped text. */
uint64_t pieces_more(enum token_pieces p, str text);

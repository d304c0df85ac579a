/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate - how many tokens a text is, without a tokenizer.
 *
 * By what byte-pair encoders do on average: an English word is one token, long ones more; three
 * digits are one; most punctuation pairs up; a CJK character is about one. Texts beyond
 * ESTIMATE_SAMPLE are sampled at even distances, so a megabyte costs a few microseconds.
 *
 * For where token/bpe.h has no ranks, or the text is too long to be worth an exact count.
 */
#pragma once
#include "base/str.h"

#define ESTIMATE_SAMPLE (4 * 1024)

/* JSON-escaped text, plain text, or JSON itself: about the tokens of o200k_base. */
uint64_t estimate_text(str text);

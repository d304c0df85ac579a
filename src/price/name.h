/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name - the spellings of a model's name, from what was asked for to what it is called at home.
 *
 * Providers put things around names. Behind them each is taken off in turn, and every step is a
 * spelling to try; before them:
 *
 *     claude-sonnet-4-5@20250929, x@001, x@default                 Vertex's version
 *     anthropic.claude-…-v1:0, …-v1                                Bedrock's version
 *     gpt-5-2025-08-07, claude-…-20250929, …-latest                a date
 *
 *     arn:aws:bedrock:…:foundation-model/x, models/x, openai/x     a path: name_tail
 *     us.anthropic.claude-…, global.…                              Bedrock's region: name_at_home
 *
 * What stands behind a colon otherwise ("x:free", "llama3:8b") is part of the name: it may be
 * another model at another price.
 */
#pragma once
#include "base/str.h"

/* The next spelling, shorter than the last one; *step counts from 0. False: there is none. */
bool name_shorten(str *name, unsigned *step);
str name_tail(str s);    /* behind the last slash; itself where there is none */
str name_at_home(str s); /* without a region; itself where there is none */

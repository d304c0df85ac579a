/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_result - Anthropic's search_result block for languages without one: it is text in all but
 * name. {"type":"search_result","title","source","content":[{"type":"text","text"}],"citations"}
 */
#pragma once
#include "ir/request.h"

struct search_result {
    jtext title, source;
    struct json_iter content; /* of objects with a text */
};

/* False: the block is none. What is read lives in `a`. */
bool search_result_read(const struct ir_block *b, struct arena *a, struct search_result *ret);

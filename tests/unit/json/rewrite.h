/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite - write a parsed value again, node by node, without blanks. Depth: as far as the writer
 * goes; below that, false. For tests, fuzzers and benchmarks. */
#pragma once
#include "json/write.h"

static inline bool rewrite(struct json_writer *w, jval v)
{
    struct json_iter its[JSON_WRITE_DEPTH], one = {.doc = v.doc, .at = v.at, .end = v.at + 1};
    unsigned depth = 0;
    struct json_iter *it = &one;
    for (;;) {
        if (!json_next(it)) {
            if (depth == 0)
                return true;
            json_end(w);
            it = --depth ? &its[depth - 1] : &one;
            it->end = depth ? it->end : it->at;
            continue;
        }
        if (it->object)
            json_key_str(w, json_raw(it->key));
        if (json_is(it->val, JSON_STRING)) {
            json_put_raw_str(w, json_raw(it->val));
        } else if (!json_is(it->val, JSON_ARRAY) && !json_is(it->val, JSON_OBJECT)) {
            json_put_text(w, json_text(it->val));
        } else {
            if (depth == JSON_WRITE_DEPTH)
                return false;
            if (json_is(it->val, JSON_OBJECT))
                json_begin_object(w);
            else
                json_begin_array(w);
            its[depth] = json_iter(it->val);
            it = &its[depth++];
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* search_result.c - see the header. */
#include "dialect/search_result.h"

bool search_result_read(const struct ir_block *b, struct arena *a, struct search_result *ret)
{
    struct json_doc *doc;
    jval root;

    if (b->kind != IR_OPAQUE || !str_eq(b->opaque.type, STR("search_result")) || !b->raw.n)
        return false;
    doc = arena_new(a, struct json_doc);
    if (!doc || json_parse(a, b->raw, doc, NULL) != RC_OK)
        return false;
    root = json_root(doc);
    ret->title = json_raw(json_get_lit(root, "title"));
    ret->source = json_raw(json_get_lit(root, "source"));
    ret->content = json_iter(json_get_lit(root, "content"));
    return true;
}

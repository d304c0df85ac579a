/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_custom.c - which of a Chat client's tools take free text.
 *
 * Providers that know functions only call such a tool with {"input":"…"} (dialect/free_text.h). The
 * client declared it as custom and waits for a call of that type: so its own request is asked what
 * the called tool is, and the text is taken out of the arguments when they are whole.
 */
#include "dialect/openai_chat_int.h"

bool chat_is_custom(jval request, jtext name)
{
    jval tools = json_get_lit(request, "tools");
    struct json_iter it = json_iter(tools);

    while (json_is(tools, JSON_ARRAY) && json_next(&it))
        if (json_str_is(json_get_lit(it.val, "type"), STR("custom")) &&
            json_str_is(json_path(it.val, "custom", "name", NULL), name))
            return true;
    return false;
}

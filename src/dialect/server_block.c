/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_block.c - see the header.
 *
 * The words are Anthropic's (server_tool_use, …_tool_result), for they are the only ones that tell
 * a vendor's own call and what it found apart; ids that we make begin with SERVER_BLOCK_MADE, so
 * that they are known when a client sends them back, and kept from a provider that never gave them.
 */
#include "dialect/server_block.h"

#define ID_MAX 64 /* of the provider's id: enough to tell two calls of an answer apart */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void server_block_add_id(struct buf *b, jtext id)
{
    buf_lit(b, SERVER_BLOCK_MADE);
    id = str_head(id, ID_MAX);
    for (size_t i = 0; i < id.n; i++)
        buf_add_char(b, is_word(id.p[i]) ? id.p[i] : '_');
}

void server_block_use(struct buf *b, jtext id, str name)
{
    buf_lit(b, "{\"type\":\"server_tool_use\",\"id\":\"");
    server_block_add_id(b, id);
    buf_lit(b, "\",\"name\":\"");
    buf_add(b, name);
    buf_lit(b, "\",\"input\":{}}");
}

void server_block_begin_result(struct buf *b, jtext id, str type)
{
    buf_lit(b, "{\"type\":\"");
    buf_add(b, type);
    buf_lit(b, "\",\"tool_use_id\":\"");
    server_block_add_id(b, id);
    buf_lit(b, "\",\"content\":");
}

bool server_block_is_made(jval block)
{
    return str_has_prefix(json_raw(json_get_lit(block, "id")), STR(SERVER_BLOCK_MADE)) ||
           str_has_prefix(json_raw(json_get_lit(block, "tool_use_id")), STR(SERVER_BLOCK_MADE));
}

enum ir_server server_block_what(jtext name)
{
    if (str_eq(name, STR("web_search")))
        return IR_SERVER_SEARCH;
    if (str_eq(name, STR("web_fetch")))
        return IR_SERVER_FETCH;
    return str_has_suffix(name, STR("code_execution")) ? IR_SERVER_CODE : IR_SERVER_OTHER;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_block - what a tool that the vendor runs was asked, and what it found, as blocks of an
 * answer.
 *
 * The canonical form is Anthropic's, for it is the only one with both halves, and in order: a
 * server_tool_use whose input may come in pieces, and its result. They travel as IR_OPAQUE blocks
 * of no family; a decoder of another language makes them here, an encoder reads them here.
 *
 *     {"type":"server_tool_use","id":"srvtoolu_weir_…","name":"web_search","input":{"query":"…"}}
 *     {"type":"web_search_tool_result","tool_use_id":"srvtoolu_weir_…","content":[…]}
 *
 * Ids that we made say so: real ones are sealed to what Anthropic keeps, and a made-up result sent
 * to it in the next turn is refused, so it is cut out on the way (server_block_is_made).
 */
#pragma once
#include "base/buf.h"
#include "ir/request.h"

#define SERVER_BLOCK_MADE "srvtoolu_weir_" /* ids of ours begin with it */

/* An id of ours, made of the provider's: letters, digits and _ only. */
void server_block_add_id(struct buf *b, jtext id);
/* A server_tool_use without its input. */
void server_block_use(struct buf *b, jtext id, str name);
/* A result's head, up to and with "content": — the caller adds the value and a closing brace. */
void server_block_begin_result(struct buf *b, jtext id, str type);

/* Does a block of a conversation (its id or tool_use_id) come from us? */
bool server_block_is_made(jval block);
/* What the tool of a server_tool_use does, by its name. */
enum ir_server server_block_what(jtext name);

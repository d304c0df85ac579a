/* SPDX-License-Identifier: Apache-2.0 */
/* responses_out_int - what the files that build items share: responses_out*.c. */
#pragma once
#include "dialect/responses_int.h"

/* responses_out.c: gathering, and the frame of an item */
void responses_out_gather(struct responses_stream *st, struct gather *g, str s);
void responses_out_add(struct responses_stream *st, str s); /* to the items */
str responses_out_text(const struct gather *g);
/* What was gathered of the items from `at` on. Dies with the next addition. */
str responses_out_since(const struct responses_stream *st, size_t at);
/* ,"output_index":…,"item_id":… of the item under way */
void responses_out_put_place(const struct responses_stream *st, struct buf *out);
/* `key` (with its colon and opening quote), the text, a closing quote */
void responses_out_put_member(str key, jtext text, struct buf *out);
/* Begin an item with {"id":…,"type":"…; `type` may bring more members, and ends within one. */
void responses_out_begin_item(struct responses_stream *st, enum responses_item item, str prefix,
                              str type);
/* output_item.added: what was gathered of the item so far, then `tail` in place of what will come.
 */
void responses_out_say_added(struct responses_stream *st, str tail, struct buf *out);

/* responses_out_text.c */
void responses_out_open_text(struct responses_stream *st, bool refusal, struct buf *out);
void responses_out_say_text(struct responses_stream *st, jtext text, struct buf *out);
void responses_out_say_citation(struct responses_stream *st, str citation, struct buf *out);
void responses_out_take_logprobs(struct responses_stream *st, str json);
void responses_out_close_part(struct responses_stream *st, struct buf *out);

/* responses_out_hosted.c */
void responses_out_open_hosted(struct responses_stream *st, const struct ir_event *ev,
                               struct buf *out);
void responses_out_close_hosted(struct responses_stream *st, str status, struct buf *out);

/* responses_out_call.c */
void responses_out_open_call(struct responses_stream *st, const struct ir_event *ev,
                             struct buf *out);
void responses_out_take_arguments(struct responses_stream *st, jtext text, struct buf *out);
void responses_out_take_plain(struct responses_stream *st, str plain, struct buf *out);
void responses_out_close_call(struct responses_stream *st, str status, struct buf *out);

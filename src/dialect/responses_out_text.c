/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_out_text.c - texts and refusals as the parts of a message item.
 */
#include "base/fmt.h"
#include "dialect/citation.h"
#include "dialect/openai_chat_int.h"
#include "dialect/responses_out_int.h"

/* ---- texts and refusals -------------------------------------------------------------------------
 */

static void put_content_place(const struct responses_stream *st, struct buf *out)
{
    ASSERT(st->item == ITEM_MESSAGE);
    responses_out_put_place(st, out);
    buf_lit(out, ",\"content_index\":");
    buf_add_u64(out, st->part);
}

static void open_part(struct responses_stream *st, bool refusal, struct buf *out)
{
    ASSERT(st->item == ITEM_MESSAGE && !st->part_open);
    st->part_open = true;
    st->refusal = refusal;
    st->chars = 0;
    st->nnotes = 0;
    st->notes.n = st->probs.n = 0;
    if (st->part)
        responses_out_add(st, STR(","));
    st->part_at = st->json.n;
    responses_out_add(st, refusal ? STR("{\"type\":\"refusal\",\"refusal\":\"")
                                  : STR("{\"type\":\"output_text\",\"text\":\""));
    st->text_at = st->json.n;
    responses_begin_event(st, RESPONSES_EVENT("response.content_part.added"), out);
    put_content_place(st, out);
    buf_lit(out, ",\"part\":");
    buf_add(out, responses_out_since(st, st->part_at));
    buf_add(out, refusal ? STR("\"}}\n\n") : STR("\",\"annotations\":[],\"logprobs\":[]}}\n\n"));
}

static void say_text_done(struct responses_stream *st, struct buf *out)
{
    ASSERT(st->part_open && st->item_at <= st->part_at && st->part_at <= st->text_at);
    responses_begin_event(st,
                          st->refusal ? RESPONSES_EVENT("response.refusal.done")
                                      : RESPONSES_EVENT("response.output_text.done"),
                          out);
    put_content_place(st, out);
    responses_out_put_member(st->refusal ? STR(",\"refusal\":\"") : STR(",\"text\":\""),
                             responses_out_since(st, st->text_at), out);
    if (!st->refusal) {
        buf_lit(out, ",\"logprobs\":[");
        buf_add(out, responses_out_text(&st->probs));
        buf_add_char(out, ']');
    }
    buf_lit(out, "}\n\n");
}

void responses_out_close_part(struct responses_stream *st, struct buf *out)
{
    if (!st->part_open)
        return;
    say_text_done(st, out);
    if (st->refusal) {
        responses_out_add(st, STR("\"}"));
    } else {
        responses_out_add(st, STR("\",\"annotations\":["));
        responses_out_add(st, responses_out_text(&st->notes));
        responses_out_add(st, STR("],\"logprobs\":["));
        responses_out_add(st, responses_out_text(&st->probs));
        responses_out_add(st, STR("]}"));
    }
    responses_begin_event(st, RESPONSES_EVENT("response.content_part.done"), out);
    put_content_place(st, out);
    buf_lit(out, ",\"part\":");
    buf_add(out, responses_out_since(st, st->part_at));
    buf_lit(out, "}\n\n");
    st->part_open = false;
    st->part++;
}

void responses_out_open_text(struct responses_stream *st, bool refusal, struct buf *out)
{
    if (st->item != ITEM_MESSAGE) {
        responses_close_item(st, STR("completed"), out);
        responses_out_begin_item(st, ITEM_MESSAGE, STR("msg_"),
                                 STR("message\",\"role\":\"assistant\",\"content\":["));
        responses_out_say_added(st, STR("],\"status\":\"in_progress\"}"), out);
    }
    if (st->part_open && st->refusal == refusal)
        return;
    responses_out_close_part(st, out);
    open_part(st, refusal, out);
}

void responses_out_say_text(struct responses_stream *st, jtext text, struct buf *out)
{
    ASSERT(st->part_open);
    responses_out_add(st, text);
    if (!st->refusal)
        st->chars += chat_count_chars(text);
    responses_begin_event(st,
                          st->refusal ? RESPONSES_EVENT("response.refusal.delta")
                                      : RESPONSES_EVENT("response.output_text.delta"),
                          out);
    put_content_place(st, out);
    responses_out_put_member(STR(",\"delta\":\""), text, out);
    buf_add(out, st->refusal ? STR("}\n\n") : STR(",\"logprobs\":[]}\n\n"));
}

/* A citation with a URL. Those that point into documents have no place here. */
void responses_out_say_citation(struct responses_stream *st, str citation, struct buf *out)
{
    size_t at = st->notes.n;
    char digits[FMT_U64_MAX];
    jtext url, title;

    if (!st->part_open || st->refusal || !citation_url(citation, &url, &title))
        return;
    if (at)
        responses_out_gather(st, &st->notes, STR(","));
    at = st->notes.n;
    responses_out_gather(st, &st->notes,
                         STR("{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":"));
    responses_out_gather(st, &st->notes, str_of(digits, fmt_u64(digits, st->chars)));
    responses_out_gather(st, &st->notes, STR(",\"url\":\""));
    responses_out_gather(st, &st->notes, url);
    responses_out_gather(st, &st->notes, STR("\",\"title\":\""));
    responses_out_gather(st, &st->notes, title);
    responses_out_gather(st, &st->notes, STR("\"}"));
    responses_begin_event(st, RESPONSES_EVENT("response.output_text.annotation.added"), out);
    put_content_place(st, out);
    buf_lit(out, ",\"annotation_index\":");
    buf_add_u64(out, st->nnotes++);
    buf_lit(out, ",\"annotation\":");
    buf_add(out, str_from(responses_out_text(&st->notes), at));
    buf_lit(out, "}\n\n");
}

/* Chat's {"content":[…]}: its elements are those of this language. They are told with the end of
 * the text. */
void responses_out_take_logprobs(struct responses_stream *st, str json)
{
    struct arena_mark mark = arena_mark(st->arena);
    struct json_doc doc;
    str list = STR_NONE;

    if (json_parse(st->arena, json, &doc, NULL) == RC_OK)
        list = json_text(json_get_lit(json_root(&doc), "content"));
    arena_reset_to(st->arena, mark);
    if (list.n <= 2 || list.p[0] != '[' || !st->part_open || st->refusal)
        return;
    if (st->probs.n)
        responses_out_gather(st, &st->probs, STR(","));
    for (list = str_of(list.p + 1, list.n - 2); list.n;) { /* line ends stand between tokens only */
        size_t n = str_find_char(list, '\n');

        responses_out_gather(st, &st->probs, str_head(list, n));
        list = str_from(list, n == SIZE_MAX ? list.n : n + 1);
    }
}

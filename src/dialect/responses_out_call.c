/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_out_call.c - calls as function_call and custom_tool_call items.
 *
 * A free-text ("custom") tool that the request declares may have been called as a function, since
 * other languages know nothing else: its one string argument is taken out again when it is whole.
 */
#include "base/fmt.h"
#include "dialect/free_text.h"
#include "dialect/responses_out_int.h"

#define PLAIN_STEP 160 /* characters escaped at a time; each becomes six bytes at most */

/* ---- calls --------------------------------------------------------------------------------------
 */

static void put_call_id(struct responses_stream *st, jtext id)
{
    char digits[FMT_U64_MAX];

    if (id.n) {
        responses_out_add(st, id);
        return;
    }
    responses_out_add(st, STR("call_")); /* clients cannot answer a call without an id */
    responses_out_add(st, str_of(st->own_id, st->own_n));
    responses_out_add(st, STR("_"));
    responses_out_add(st, str_of(digits, fmt_u64(digits, st->index)));
}

void responses_out_open_call(struct responses_stream *st, const struct ir_event *ev,
                             struct buf *out)
{
    struct responses_called called = responses_find_tool(st->request, ev->open.name);
    bool custom = called.is_known ? called.is_custom : ev->open.is_custom;

    responses_close_item(st, STR("completed"), out);
    if (custom)
        responses_out_begin_item(st, ITEM_CUSTOM, STR("ctc_"),
                                 STR("custom_tool_call\",\"call_id\":\""));
    else
        responses_out_begin_item(st, ITEM_CALL, STR("fc_"), STR("function_call\",\"call_id\":\""));
    put_call_id(st, ev->open.id);
    if (called.space.n) {
        responses_out_add(st, STR("\",\"namespace\":\""));
        responses_out_add(st, called.space);
    }
    responses_out_add(st, STR("\",\"name\":\""));
    responses_out_add(st, called.name);
    responses_out_add(st, custom ? STR("\",\"input\":\"") : STR("\",\"arguments\":\""));
    st->text_at = st->json.n;
    st->wrapped = custom && !ev->open.is_custom;
    st->mute = ev->open.is_custom && !custom;
    responses_out_say_added(st, STR("\",\"status\":\"in_progress\"}"), out);
}

static void say_arguments(struct responses_stream *st, jtext text, struct buf *out)
{
    ASSERT(st->item == ITEM_CALL || st->item == ITEM_CUSTOM);
    if (!text.n)
        return;
    st->spoke = true;
    responses_out_add(st, text);
    responses_begin_event(st,
                          st->item == ITEM_CUSTOM
                              ? RESPONSES_EVENT("response.custom_tool_call_input.delta")
                              : RESPONSES_EVENT("response.function_call_arguments.delta"),
                          out);
    responses_out_put_place(st, out);
    responses_out_put_member(STR(",\"delta\":\""), text, out);
    buf_lit(out, "}\n\n");
}

void responses_out_take_arguments(struct responses_stream *st, jtext text, struct buf *out)
{
    if (st->wrapped)
        responses_out_gather(st, &st->notes, text);
    else if (!st->mute)
        say_arguments(st, text, out);
}

/* Arguments that came as plain JSON, escaped by the piece: no buffer of their size is needed. */
void responses_out_take_plain(struct responses_stream *st, str plain, struct buf *out)
{
    char room[6 * PLAIN_STEP];
    size_t n;

    for (; plain.n; plain = str_from(plain, n)) {
        struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

        n = plain.n < PLAIN_STEP ? plain.n : PLAIN_STEP;
        for (size_t cut = n; n < plain.n && cut > n - 4; cut--)
            if (((unsigned char)plain.p[cut] & 0xc0) != 0x80) { /* between two characters */
                n = cut;
                break;
            }
        json_escape(&b, str_head(plain, n));
        responses_out_take_arguments(st, buf_str(&b), out);
    }
}

/* The text of a free-text call that came as {"input":"…"}; as it is, where it is something else. */
static void unwrap(struct responses_stream *st, struct buf *out)
{
    jtext args = responses_out_text(&st->notes);
    jtext input = free_text_unwrap(st->arena, ir_unescape(st->arena, args));

    st->failed |= arena_is_full(st->arena);
    say_arguments(st, input.p ? input : args, out);
}

void responses_out_close_call(struct responses_stream *st, str status, struct buf *out)
{
    bool custom = st->item == ITEM_CUSTOM;

    ASSERT((custom || st->item == ITEM_CALL) && (custom || !st->wrapped));
    ASSERT(st->item_at < st->text_at || st->failed);

    if (st->wrapped)
        unwrap(st, out);
    else if (!custom && !st->spoke)
        say_arguments(st, STR("{}"), out); /* what OpenAI's clients parse */
    responses_begin_event(st,
                          custom ? RESPONSES_EVENT("response.custom_tool_call_input.done")
                                 : RESPONSES_EVENT("response.function_call_arguments.done"),
                          out);
    responses_out_put_place(st, out);
    responses_out_put_member(custom ? STR(",\"input\":\"") : STR(",\"arguments\":\""),
                             responses_out_since(st, st->text_at), out);
    buf_lit(out, "}\n\n");
    responses_out_add(st, STR("\",\"status\":\""));
    responses_out_add(st, status);
    responses_out_add(st, STR("\"}"));
}

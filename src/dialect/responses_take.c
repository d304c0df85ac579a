/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_take.c - what the items of an answer say, piece by piece or whole.
 *
 * The wire tells everything two or three times: in deltas, when a part is done, when its item is
 * done, and at the end. What came first is taken; the later tellings only fill in what no event
 * brought, so a server that sends no deltas, or a body, is read by the same code. Each text part is
 * a block, a reasoning item is one thought (its summaries joined by an empty line), and is opened
 * only when there is something in it: most say nothing at all.
 *
 * Of the seal two versions are told. The one of the finished item is the one to keep.
 */
#include "dialect/responses_feed_int.h"
#include "dialect/seal.h"

#define GAP "\\n\\n" /* between the parts of a summary; escaped */

/* ---- blocks -------------------------------------------------------------------------------------
 */

static struct ir_event event_of(const struct responses_feeding *f, enum ir_event_type type)
{
    return (struct ir_event){.type = type, .kind = f->st->kind, .block = f->st->block};
}

void responses_close_block(struct responses_feeding *f)
{
    struct ir_event ev;

    if (!f->st->open)
        return;
    ev = event_of(f, IR_EV_BLOCK_STOP);
    ir_emit(f->sink, &ev);
    f->st->open = false;
    f->st->block++;
}

struct ir_event responses_begin_block(struct responses_feeding *f, enum ir_kind kind)
{
    responses_close_block(f);
    ASSERT(f->st->started && !f->st->over && !f->st->open);
    f->st->open = true;
    f->st->kind = kind;
    return event_of(f, IR_EV_BLOCK_START);
}

void responses_delta(struct responses_feeding *f, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(f, IR_EV_DELTA);

    ASSERT(f->st->open);
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(f->sink, &ev);
}

/* ---- texts --------------------------------------------------------------------------------------
 */

static void need_text(struct responses_feeding *f, enum ir_kind kind, int64_t part)
{
    struct ir_event ev;

    if (f->st->open && f->st->kind == kind && f->st->part == part)
        return;
    ev = responses_begin_block(f, kind);
    f->st->part = part;
    f->st->said = f->st->noted = false;
    ir_emit(f->sink, &ev);
}

void responses_take_text(struct responses_feeding *f, enum ir_kind kind, int64_t part, jtext text)
{
    need_text(f, kind, part);
    if (!text.n)
        return;
    f->st->said = f->st->spoke = true;
    responses_delta(f, IR_D_TEXT, text);
}

/* In Chat's words, which are the canonical ones: {"content":[…]}. */
void responses_take_logprobs(struct responses_feeding *f, jval list)
{
    struct buf *b = &f->scratch->text;

    if (!f->st->open || f->st->kind != IR_TEXT || json_len(list) == 0)
        return;
    buf_clear(b);
    buf_lit(b, "{\"content\":");
    buf_add(b, json_text(list));
    buf_lit(b, ",\"refusal\":null}");
    if (!b->failed)
        responses_delta(f, IR_D_LOGPROBS, buf_str(b));
}

/* A citation of a page. Those of files name what only the provider keeps: they have no other word.
 */
void responses_take_annotation(struct responses_feeding *f, jval note)
{
    struct buf *b = &f->scratch->text;
    jtext url = json_raw(json_get_lit(note, "url"));

    if (!f->st->open || f->st->kind != IR_TEXT)
        return;
    f->st->noted = true;
    if (!url.n)
        return;
    buf_clear(b);
    buf_lit(b, "{\"type\":\"web_search_result_location\",\"url\":\"");
    buf_add(b, url);
    buf_lit(b, "\",\"title\":\"");
    buf_add(b, json_raw(json_get_lit(note, "title")));
    buf_lit(b, "\",\"cited_text\":\"\",\"encrypted_index\":\"\"}");
    if (!b->failed)
        responses_delta(f, IR_D_CITATION, buf_str(b));
}

void responses_take_part(struct responses_feeding *f, jval part, int64_t index)
{
    jval refusal = json_get_lit(part, "refusal");
    bool refuses = json_str_is(json_get_lit(part, "type"), STR("refusal"));
    struct json_iter it = json_iter(json_get_lit(part, "annotations"));

    if (json_str_is(json_get_lit(part, "type"), STR("reasoning_text"))) {
        if (f->st->part != index || !f->st->said)
            responses_take_thought(f, true, index, json_raw(json_get_lit(part, "text")));
        return;
    }
    if (!f->st->open && index <= f->st->part)
        return; /* told before */
    need_text(f, refuses ? IR_REFUSAL : IR_TEXT, index);
    if (!f->st->said) {
        responses_take_text(f, f->st->kind, index,
                            json_raw(refuses ? refusal : json_get_lit(part, "text")));
        responses_take_logprobs(f, json_get_lit(part, "logprobs"));
    }
    if (!f->st->noted)
        while (json_next(&it))
            responses_take_annotation(f, it.val);
    responses_close_block(f);
}

static void take_parts(struct responses_feeding *f, jval content)
{
    struct json_iter it = json_iter(content);

    for (int64_t i = 0; json_next(&it); i++)
        responses_take_part(f, it.val, i);
}

/* ---- thoughts -----------------------------------------------------------------------------------
 */

static void need_thought(struct responses_feeding *f)
{
    struct ir_event ev;

    if (f->st->open && f->st->kind == IR_THINKING)
        return;
    ev = responses_begin_block(f, IR_THINKING);
    ev.open.format = STR(SEAL_OPENAI);
    ev.open.is_signed = f->st->sealed;
    ir_emit(f->sink, &ev);
}

/* Some servers tell a summary and the content: the one that comes first. */
void responses_take_thought(struct responses_feeding *f, bool content, int64_t part, jtext text)
{
    struct responses_decoder *st = f->st;

    if (!text.n || (st->spoke && st->content != content))
        return;
    need_thought(f);
    if (st->spoke && st->part != part)
        responses_delta(f, IR_D_TEXT, STR(GAP));
    st->part = part;
    st->content = content;
    st->said = st->spoke = true;
    responses_delta(f, IR_D_TEXT, text);
}

static void take_thoughts(struct responses_feeding *f, jval list, bool content)
{
    struct json_iter it = json_iter(list);

    for (int64_t i = 0; json_next(&it); i++)
        responses_take_thought(f, content, i, json_raw(json_get_lit(it.val, "text")));
}

static void end_reasoning(struct responses_feeding *f, jval item)
{
    jtext seal = json_raw(json_get_lit(item, "encrypted_content"));

    f->st->sealed |= seal.n > 0;
    if (!f->st->spoke)
        take_thoughts(f, json_get_lit(item, "summary"), false);
    if (!f->st->spoke)
        take_thoughts(f, json_get_lit(item, "content"), true);
    if (seal.n) {
        need_thought(f);
        responses_delta(f, IR_D_SIGNATURE, seal);
    }
}

/* ---- calls --------------------------------------------------------------------------------------
 */

static bool open_call(struct responses_feeding *f, jval item)
{
    jtext name = json_raw(json_get_lit(item, "name")), id = json_raw(json_get_lit(item, "call_id"));
    struct ir_event ev;

    if (!name.n)
        return responses_broke(f, STR("The provider sent a tool call without a name."));
    ev = responses_begin_block(f, IR_TOOL_USE);
    ev.open.id = id.n ? id : json_raw(json_get_lit(item, "id"));
    ev.open.name = name;
    ev.open.is_custom = json_str_is(json_get_lit(item, "type"), STR("custom_tool_call"));
    f->st->has_calls = true;
    ir_emit(f->sink, &ev);
    return true;
}

bool responses_take_arguments(struct responses_feeding *f, jtext text)
{
    if (!f->st->open || f->st->kind != IR_TOOL_USE)
        return responses_broke(f, STR("The provider sent arguments that belong to no tool call."));
    if (text.n) {
        f->st->spoke = true;
        responses_delta(f, IR_D_ARGS, text);
    }
    return true;
}

static void end_call(struct responses_feeding *f, jval item)
{
    jval args = json_get_lit(item, "arguments"), input = json_get_lit(item, "input");

    if (f->st->spoke || !f->st->open)
        return;
    if (json_is(args, JSON_OBJECT))
        responses_delta(f, IR_D_INPUT,
                        json_text(args)); /* lenient: an object where a string belongs */
    else if (json_raw(args).n || json_raw(input).n)
        responses_delta(f, IR_D_ARGS, json_raw(args).n ? json_raw(args) : json_raw(input));
}

/* ---- items --------------------------------------------------------------------------------------
 */

static const struct {
    str type;
    enum responses_what what;
} whats[] = {
    {STR("message"), WHAT_MESSAGE},
    {STR("reasoning"), WHAT_REASONING},
    {STR("function_call"), WHAT_CALL},
    {STR("custom_tool_call"), WHAT_CALL},
};

static enum responses_what what_of(jtext type)
{
    for (size_t i = 0; i < ARRAY_LEN(whats); i++)
        if (str_eq(type, whats[i].type))
            return whats[i].what;
    return type.n ? WHAT_HOSTED : WHAT_NOTHING;
}

bool responses_take_added(struct responses_feeding *f, jval item, int64_t index)
{
    jtext type = json_raw(json_get_lit(item, "type"));
    struct responses_decoder *st = f->st;

    responses_close_block(f);
    st->item = index;
    st->part = -1;
    st->what = what_of(type);
    st->done = st->spoke = st->said = st->noted = st->content = false;
    st->sealed = json_raw(json_get_lit(item, "encrypted_content")).n > 0;
    if (st->what == WHAT_CALL)
        return open_call(f, item);
    if (st->what == WHAT_HOSTED)
        responses_open_hosted(f, item, type);
    return true;
}

bool responses_take_done(struct responses_feeding *f, jval item, int64_t index)
{
    jtext type = json_raw(json_get_lit(item, "type"));
    struct responses_decoder *st = f->st;

    if (index < st->item || (index == st->item && st->done))
        return true; /* told before */
    if (index != st->item || (st->what != WHAT_NOTHING && st->what != what_of(type)))
        if (!responses_take_added(f, item, index))
            return false;
    if (st->what == WHAT_NOTHING)
        st->what = what_of(type);
    if (st->what == WHAT_REASONING)
        end_reasoning(f, item);
    else if (st->what == WHAT_CALL)
        end_call(f, item);
    else if (st->what == WHAT_HOSTED)
        responses_end_hosted(f, item, type);
    else if (st->what == WHAT_MESSAGE && !st->spoke)
        take_parts(f, json_get_lit(item, "content"));
    responses_close_block(f);
    st->done = true;
    return true;
}

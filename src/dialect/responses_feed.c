/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_feed.c - answers of the Responses API to events.
 *
 * Each event carries its name as `type`; a table says what becomes of it. Whatever only reports
 * progress (a search goes on) and what later versions bring is a ping, but for the many pieces of a
 * hosted tool's work, and ends that repeat what was said. Items come one after the other by
 * output_index, though the end of one may be told late (OpenRouter); a piece of one that another
 * has replaced can't be put in its place any more, so it ends the answer rather than getting lost.
 *
 *   errors   an event "error", flat or with an `error` object; response.failed; status "failed"
 *   end      response.completed, .incomplete; [DONE] of servers that learnt it from Chat
 *   usage    in the last event's response only
 */
#include "dialect/feed_fail.h"
#include "dialect/responses_feed_int.h"

_Static_assert(sizeof(struct responses_decoder) <= RESPONSES_DECODER_SIZE,
               "RESPONSES_DECODER_SIZE is too small");

static const struct responses_decoder fresh = {.item = -1, .part = -1};

void responses_decoder_init(void *state, bool client_usage)
{
    struct responses_decoder *st = state;

    (void)client_usage; /* the usage is part of the last event */
    *st = fresh;
}

/* ---- errors and ends ----------------------------------------------------------------------------
 */

bool responses_broke(struct responses_feeding *f, str message)
{
    (void)feed_unusable(&f->st->over, f->sink, message);
    return false;
}

/* `root` has the error, in any shape: an event, a response, a body. */
static void provider_failed(struct responses_feeding *f, jval root)
{
    (void)feed_said_error(&f->st->over, f->sink, root);
}

static void start(struct responses_feeding *f, jval response)
{
    struct ir_event ev = {.type = IR_EV_START};
    jtext id = json_raw(json_get_lit(response, "id"));
    jtext model = json_raw(json_get_lit(response, "model"));
    uint64_t created;

    if (f->st->started)
        return;
    f->st->started = true;
    ev.start.id = id.n ? id : STR_NONE;
    ev.start.model = model.n ? model : STR_NONE;
    if (json_u64(json_get_lit(response, "created_at"), &created) == RC_OK)
        ev.start.created = created;
    ir_emit(f->sink, &ev);
}

/* Searches are billed, and are no tokens: newer answers say how many, else those that came are
 * counted. */
static void take_usage(struct responses_feeding *f, jval response)
{
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &f->st->usage};
    uint64_t searches;

    if (!responses_read_usage(json_get_lit(response, "usage"), &f->st->usage))
        return;
    if (json_u64(json_path(response, "tool_usage", "web_search", "num_requests", NULL),
                 &searches) != RC_OK ||
        searches > USAGE_TOKENS_MAX)
        searches = f->st->searches;
    f->st->usage.searches = searches;
    ir_emit(f->sink, &ev);
}

static enum ir_finish finish_of(const struct responses_decoder *st, jtext why)
{
    if (str_eq(why, STR("max_output_tokens")) || str_eq(why, STR("max_tokens")))
        return IR_FIN_LENGTH;
    if (str_eq(why, STR("content_filter")))
        return IR_FIN_FILTER;
    if (why.n)
        return IR_FIN_OTHER;
    return st->has_calls ? IR_FIN_TOOL : IR_FIN_STOP;
}

static void finish(struct responses_feeding *f, jval response)
{
    struct ir_event ev = {.type = IR_EV_FINISH};
    jtext why = json_raw(json_path(response, "incomplete_details", "reason", NULL));
    jtext status = json_raw(json_get_lit(response, "status"));

    start(f, response);
    responses_close_block(f);
    if (str_eq(status, STR("incomplete")) && !why.n)
        why = status;
    ev.finish.reason = finish_of(f->st, why);
    ev.finish.raw = why.n ? why : status;
    ir_emit(f->sink, &ev);
    f->st->over = true;
    ev = (struct ir_event){.type = IR_EV_END};
    ir_emit(f->sink, &ev);
}

static bool take_items(struct responses_feeding *f, jval output)
{
    struct json_iter it = json_iter(output);

    for (int64_t i = 0; json_next(&it); i++)
        if (!responses_take_done(f, it.val, i))
            return false;
    return true;
}

/* ---- events -------------------------------------------------------------------------------------
 */

/* What becomes of one event; false: the answer is over by an error. */
typedef bool (*event_fn)(struct responses_feeding *f, jval root);

static int64_t index_of(jval root, const char *key, int64_t otherwise)
{
    uint64_t n;

    return json_u64(json_get(root, str_c(key)), &n) == RC_OK && n < INT32_MAX ? (int64_t)n
                                                                              : otherwise;
}

/* Is what it brings told nowhere else? The ends of parts and items repeat what was said. */
enum news { NEWS_PIECE, NEWS_END };

/* Make the item that the event belongs to the one under way. False: it can't be any more, and *ret
 * is what to return. */
static bool enter(struct responses_feeding *f, jval root, enum news news, bool *ret)
{
    int64_t index = index_of(root, "output_index", f->st->item < 0 ? 0 : f->st->item);

    start(f, JVAL_NONE);
    if (index > f->st->item) /* nobody announced it */
        return *ret = responses_take_added(f, JVAL_NONE, index);
    *ret = true;
    if (index == f->st->item && !f->st->done)
        return true;
    if (index < f->st->item && news == NEWS_PIECE)
        *ret = responses_broke(f, STR("The provider sent two parts of its answer at once."));
    return false; /* or: the item was told to its end */
}

static int64_t part_of(jval root)
{
    return index_of(root, "content_index", 0);
}

static bool on_created(struct responses_feeding *f, jval root)
{
    start(f, json_get_lit(root, "response"));
    return true;
}

static bool on_added(struct responses_feeding *f, jval root)
{
    start(f, JVAL_NONE);
    return responses_take_added(f, json_get_lit(root, "item"),
                                index_of(root, "output_index", f->st->item + 1));
}

static bool on_done(struct responses_feeding *f, jval root)
{
    int64_t otherwise = f->st->item < 0 || f->st->done ? f->st->item + 1 : f->st->item;

    start(f, JVAL_NONE);
    return responses_take_done(f, json_get_lit(root, "item"),
                               index_of(root, "output_index", otherwise));
}

static bool on_part_added(struct responses_feeding *f, jval root)
{
    jval type = json_path(root, "part", "type", NULL);
    bool ok;

    if (!enter(f, root, NEWS_END, &ok) || json_str_is(type, STR("reasoning_text")))
        return ok;
    responses_take_text(f, json_str_is(type, STR("refusal")) ? IR_REFUSAL : IR_TEXT, part_of(root),
                        STR_NONE);
    return true;
}

static bool on_part_done(struct responses_feeding *f, jval root)
{
    bool ok;

    if (enter(f, root, NEWS_END, &ok))
        responses_take_part(f, json_get_lit(root, "part"), part_of(root));
    return ok;
}

static bool on_text(struct responses_feeding *f, jval root)
{
    bool ok;

    if (!enter(f, root, NEWS_PIECE, &ok))
        return ok;
    responses_take_text(f, IR_TEXT, part_of(root), json_raw(json_get_lit(root, "delta")));
    responses_take_logprobs(f, json_get_lit(root, "logprobs"));
    return true;
}

static bool on_refusal(struct responses_feeding *f, jval root)
{
    bool ok;

    if (enter(f, root, NEWS_PIECE, &ok))
        responses_take_text(f, IR_REFUSAL, part_of(root), json_raw(json_get_lit(root, "delta")));
    return ok;
}

static bool on_annotation(struct responses_feeding *f, jval root)
{
    bool ok;

    if (enter(f, root, NEWS_END, &ok))
        responses_take_annotation(f, json_get_lit(root, "annotation"));
    return ok;
}

static bool on_summary(struct responses_feeding *f, jval root)
{
    bool ok;

    if (enter(f, root, NEWS_PIECE, &ok))
        responses_take_thought(f, false, index_of(root, "summary_index", 0),
                               json_raw(json_get_lit(root, "delta")));
    return ok;
}

static bool on_reasoning(struct responses_feeding *f, jval root)
{
    bool ok;

    if (enter(f, root, NEWS_PIECE, &ok))
        responses_take_thought(f, true, part_of(root), json_raw(json_get_lit(root, "delta")));
    return ok;
}

static bool on_arguments(struct responses_feeding *f, jval root)
{
    bool ok;

    return enter(f, root, NEWS_PIECE, &ok)
               ? responses_take_arguments(f, json_raw(json_get_lit(root, "delta")))
               : ok;
}

/* Where no delta brought them. */
static bool on_arguments_done(struct responses_feeding *f, jval root)
{
    jval args = json_get_lit(root, "arguments");
    bool ok;

    if (!enter(f, root, NEWS_END, &ok) || f->st->spoke)
        return ok;
    return responses_take_arguments(f,
                                    json_raw(json_has(args) ? args : json_get_lit(root, "input")));
}

static bool on_failed(struct responses_feeding *f, jval root)
{
    jval response = json_get_lit(root, "response");

    provider_failed(f, json_is(response, JSON_OBJECT) ? response : root);
    return false;
}

/* The whole answer once more. Its items are taken only where no event told one. */
static bool on_end(struct responses_feeding *f, jval root)
{
    jval response = json_get_lit(root, "response");

    start(f, response);
    if (f->st->item < 0 && !take_items(f, json_get_lit(response, "output")))
        return false;
    take_usage(f, response);
    finish(f, response);
    return true;
}

static const struct {
    str type;
    event_fn fn;
} events[] = {
    {STR("response.output_text.delta"), on_text},
    {STR("response.function_call_arguments.delta"), on_arguments},
    {STR("response.reasoning_summary_text.delta"), on_summary},
    {STR("response.reasoning_text.delta"), on_reasoning},
    {STR("response.custom_tool_call_input.delta"), on_arguments},
    {STR("response.refusal.delta"), on_refusal},
    {STR("response.output_text.annotation.added"), on_annotation},
    {STR("response.output_item.added"), on_added},
    {STR("response.output_item.done"), on_done},
    {STR("response.content_part.added"), on_part_added},
    {STR("response.content_part.done"), on_part_done},
    {STR("response.function_call_arguments.done"), on_arguments_done},
    {STR("response.custom_tool_call_input.done"), on_arguments_done},
    {STR("response.created"), on_created},
    {STR("response.in_progress"), on_created},
    {STR("response.queued"), on_created},
    {STR("response.completed"), on_end},
    {STR("response.incomplete"), on_end},
    {STR("response.failed"), on_failed},
    {STR("error"), on_failed},
};

static event_fn find_event(str type)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (str_eq(events[i].type, type))
            return events[i].fn;
    return NULL;
}

static enum feed_result take_event(struct responses_feeding *f, jval root, str name)
{
    struct ir_event ping = {.type = IR_EV_PING};
    jtext type = json_raw(json_get_lit(root, "type"));
    jval error = json_get_lit(root, "error");
    event_fn fn = find_event(type.n ? type : name);

    if (!fn && (json_is(error, JSON_OBJECT) || json_raw(error).n))
        fn = on_failed; /* a bare error */
    if (!fn) {
        if (!str_has_suffix(type, STR(".delta")) && !str_has_suffix(type, STR(".done")) &&
            !str_has_suffix(type, STR("_part.added")))
            ir_emit(f->sink, &ping);
        return FEED_FORWARD;
    }
    if (!fn(f, root))
        return FEED_ERROR;
    return f->st->over ? FEED_END : FEED_FORWARD;
}

enum feed_result responses_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                                struct ir_sink sink)
{
    struct responses_feeding f = {.st = state, .scratch = s, .sink = sink};
    struct ir_event ping = {.type = IR_EV_PING};
    str data = str_trim(ev->data);
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !data.n) {
        ir_emit(sink, &ping);
        return FEED_FORWARD;
    }
    if (str_eq(data, STR("[DONE]"))) {
        if (!f.st->started) {
            (void)responses_broke(&f, STR("The provider's stream was empty."));
            return FEED_ERROR;
        }
        finish(&f, JVAL_NONE);
        return FEED_END;
    }
    if (scratch_parse(s, ev->data, &root) != RC_OK || !json_is(root, JSON_OBJECT)) {
        (void)responses_broke(&f, STR("The provider sent an event that is no JSON object."));
        return FEED_ERROR;
    }
    return take_event(&f, root, ev->event);
}

/* Without its last event an answer is not whole: nothing else says that it is. */
bool responses_end(void *state, struct ir_sink sink)
{
    const struct responses_decoder *st = state;

    (void)sink;
    return st->over;
}

/* ---- a whole body -------------------------------------------------------------------------------
 */

/* One of a background run (status queued, in_progress) is an answer that is not finished. */
void responses_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct responses_decoder st = fresh;
    struct responses_feeding f = {.st = &st, .scratch = s, .sink = sink};
    jval error = json_get_lit(root, "error"), status = json_get_lit(root, "status");

    if (json_is(error, JSON_OBJECT) || json_raw(error).n || json_str_is(status, STR("failed"))) {
        provider_failed(&f, root);
        return;
    }
    if (!json_is(json_get_lit(root, "output"), JSON_ARRAY)) {
        (void)responses_broke(&f, STR("The provider's answer holds no output."));
        return;
    }
    start(&f, root);
    if (!take_items(&f, json_get_lit(root, "output")))
        return;
    take_usage(&f, root);
    finish(&f, root);
}

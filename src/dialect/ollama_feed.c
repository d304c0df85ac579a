/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ollama_feed.c - answers of Ollama to events.
 *
 *     {"model","created_at","message":{"role","content","thinking","tool_calls"},"done":false}  …
 *     {…,"message":{…},"done":true,"done_reason","prompt_eval_count","eval_count"}
 *
 * A stream is lines, a body is the last of them with everything in it, so one reader serves both. A
 * call comes whole, its arguments an object, with an id or without; `done_reason` says stop for
 * calls too. prompt_eval_count is missing where the whole prompt was in the cache: then the prompt
 * counts as unknown, and is estimated above. An error is a line of its own, {"error":"text"}.
 */
#include "dialect/blocks.h"
#include "dialect/feed_fail.h"
#include "dialect/ollama_int.h"

struct ollama_decoder {
    struct blocks blocks;
    bool over;
};

_Static_assert(sizeof(struct ollama_decoder) <= OLLAMA_DECODER_SIZE,
               "OLLAMA_DECODER_SIZE is too small");

struct feeding {
    struct ollama_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
};

void ollama_decoder_init(void *state, bool client_usage)
{
    (void)client_usage;
    *(struct ollama_decoder *)state = (struct ollama_decoder){.over = false};
}

/* ---- what a message says ------------------------------------------------------------------------
 */

/* False: a call without a name. */
static bool take_call(struct feeding *f, jval call)
{
    jval fn = json_get_lit(call, "function"), args = json_get_lit(fn, "arguments");
    jtext name = json_raw(json_get_lit(fn, "name"));
    struct ir_event ev;

    if (!name.n)
        return false;
    ev = blocks_begin(&f->st->blocks, f->sink, IR_TOOL_USE);
    ev.open.id = json_raw(json_get_lit(call, "id"));
    ev.open.name = name;
    ir_emit(f->sink, &ev);
    if (json_is(args, JSON_OBJECT))
        blocks_delta(&f->st->blocks, f->sink, IR_D_INPUT, json_text(args));
    else if (json_raw(args).n) /* not Ollama itself, but some that imitate it */
        blocks_delta(&f->st->blocks, f->sink, IR_D_ARGS, json_raw(args));
    blocks_close(&f->st->blocks, f->sink);
    return true;
}

/* The list as Chat wraps it; its entries are the same. */
static void take_logprobs(struct feeding *f, jval list)
{
    struct buf *b = &f->scratch->text;

    if (!json_is(list, JSON_ARRAY) || !json_len(list))
        return;
    buf_clear(b);
    buf_lit(b, "{\"content\":");
    buf_add(b, json_text(list));
    buf_lit(b, ",\"refusal\":null}");
    if (!b->failed)
        blocks_delta(&f->st->blocks, f->sink, IR_D_LOGPROBS, buf_str(b));
}

static bool take_message(struct feeding *f, jval m)
{
    struct json_iter calls = json_iter(json_get_lit(m, "tool_calls"));

    blocks_say(&f->st->blocks, f->sink, IR_THINKING, json_raw(json_get_lit(m, "thinking")));
    blocks_say(&f->st->blocks, f->sink, IR_TEXT, json_raw(json_get_lit(m, "content")));
    while (json_next(&calls))
        if (!take_call(f, calls.val))
            return false;
    return true;
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static bool count(jval v, uint64_t *ret, struct usage *u)
{
    uint64_t n;

    if (json_is_nothing(v))
        return false;
    if (json_u64(v, &n) != RC_OK || n > USAGE_TOKENS_MAX) {
        u->suspect = true;
        return false;
    }
    *ret = n;
    return true;
}

static void take_usage(struct feeding *f, jval root)
{
    struct usage u = {.source = USAGE_REPORTED};
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &u};

    if (count(json_get_lit(root, "prompt_eval_count"), &u.input_uncached, &u))
        u.has |= USAGE_HAS_INPUT;
    if (count(json_get_lit(root, "eval_count"), &u.output, &u))
        u.has |= USAGE_HAS_OUTPUT;
    if (u.has)
        ir_emit(f->sink, &ev);
}

static enum feed_result finish(struct feeding *f, jval root)
{
    jtext word = json_raw(json_get_lit(root, "done_reason"));
    enum ir_finish reason = IR_FIN_OTHER;

    if (!word.n || str_eq(word, STR("stop")) || str_eq(word, STR("load")) ||
        str_eq(word, STR("unload")))
        reason = IR_FIN_STOP;
    else if (str_eq(word, STR("length")))
        reason = IR_FIN_LENGTH;
    take_usage(f, root);
    f->st->over = true;
    blocks_end(&f->st->blocks, f->sink, reason, word);
    return FEED_END;
}

/* ---- lines and bodies ---------------------------------------------------------------------------
 */

static enum feed_result take_line(struct feeding *f, jval root)
{
    jval message = json_get_lit(root, "message"), error = json_get_lit(root, "error");
    bool done = json_is(json_get_lit(root, "done"), JSON_TRUE);

    if (json_raw(error).n || json_is(error, JSON_OBJECT))
        return feed_said_error(&f->st->over, f->sink, root);
    if (!json_is(message, JSON_OBJECT) && !(done && f->st->blocks.started))
        return feed_unusable(&f->st->over, f->sink, STR("The provider's answer holds no message."));
    blocks_start(&f->st->blocks, f->sink, STR_NONE, json_raw(json_get_lit(root, "model")));
    if (!take_message(f, message))
        return feed_unusable(&f->st->over, f->sink,
                             STR("The provider sent a tool call without a name."));
    take_logprobs(f, json_get_lit(root, "logprobs"));
    return done ? finish(f, root) : FEED_FORWARD;
}

enum feed_result ollama_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink)
{
    struct feeding f = {.st = state, .scratch = s, .sink = sink};
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !str_trim(ev->data).n)
        return FEED_FORWARD;
    if (scratch_parse(s, ev->data, &root) != RC_OK)
        return feed_unusable(&f.st->over, f.sink, STR("The provider sent a line that is no JSON."));
    return take_line(&f, root);
}

bool ollama_end(void *state, struct ir_sink sink)
{
    (void)sink;
    return ((struct ollama_decoder *)state)->over; /* only a line that says done ends an answer */
}

void ollama_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct ollama_decoder st = {.over = false};
    struct feeding f = {.st = &st, .scratch = s, .sink = sink};

    if (take_line(&f, root) == FEED_FORWARD) /* whole, though it does not say so */
        (void)finish(&f, root);
}

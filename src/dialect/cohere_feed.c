/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere_feed.c - answers of Cohere's v2 chat to events.
 *
 *     message-start  { content-start  content-delta*  content-end }*
 *                    tool-plan-delta*  { tool-call-start  tool-call-delta*  tool-call-end }*
 *                    citation-start, citation-end among the deltas
 *     message-end{finish_reason, usage}  [DONE]
 *
 * Everything hangs below delta.message; tool_calls is there one object. With calls there is no
 * content but a plan, which is what the model says to the user: text. A call without arguments has
 * no delta, or the word "null".
 *
 * A finish_reason ERROR ends an answer that went wrong half-way: what was said stands, and the word
 * with it; where nothing was said it is an error, which others may still mend.
 */
#include "dialect/blocks.h"
#include "dialect/cohere_int.h"
#include "dialect/feed_fail.h"

struct cohere_decoder {
    struct blocks blocks;
    bool over;
};

_Static_assert(sizeof(struct cohere_decoder) <= COHERE_DECODER_SIZE,
               "COHERE_DECODER_SIZE is too small");

struct feeding {
    struct cohere_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
};

void cohere_decoder_init(void *state, bool client_usage)
{
    (void)client_usage;
    *(struct cohere_decoder *)state = (struct cohere_decoder){.over = false};
}

/* ---- what is said -------------------------------------------------------------------------------
 */

static void say(struct feeding *f, enum ir_kind kind, jtext text)
{
    blocks_say(&f->st->blocks, f->sink, kind, text);
}

static void take_content(struct feeding *f, jval content)
{
    say(f, IR_THINKING, json_raw(json_get_lit(content, "thinking")));
    say(f, IR_TEXT, json_raw(json_get_lit(content, "text")));
}

static void take_arguments(struct feeding *f, jval call)
{
    jval args = json_path(call, "function", "arguments", NULL);

    if (f->st->blocks.kind != IR_TOOL_USE || !f->st->blocks.open)
        return;
    if (json_raw(args).n && !str_eq(json_raw(args), STR("null")))
        blocks_delta(&f->st->blocks, f->sink, IR_D_ARGS, json_raw(args));
}

/* False: without a name. */
static bool begin_call(struct feeding *f, jval call)
{
    jtext name = json_raw(json_path(call, "function", "name", NULL));
    struct ir_event ev;

    if (!name.n)
        return false;
    ev = blocks_begin(&f->st->blocks, f->sink, IR_TOOL_USE);
    ev.open.id = json_raw(json_get_lit(call, "id"));
    ev.open.name = name;
    ir_emit(f->sink, &ev);
    take_arguments(f, call);
    return true;
}

/* Each source of a citation is one of ours, on the text that was just said. */
static void take_citation(struct feeding *f, jval citation)
{
    struct json_iter it = json_iter(json_get_lit(citation, "sources"));
    jtext text = json_raw(json_get_lit(citation, "text"));

    while (json_next(&it))
        if (cohere_citation(it.val, text, &f->scratch->text)) {
            blocks_need(&f->st->blocks, f->sink, IR_TEXT);
            blocks_delta(&f->st->blocks, f->sink, IR_D_CITATION, buf_str(&f->scratch->text));
        }
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

/*
 * `tokens` are what the model saw and wrote, template included, and cached_tokens are part of them:
 * that is the size of the prompt, which clients are told. billed_units are what is paid for (a
 * template of 500 tokens is not), and stand in where the former are missing.
 */
static void take_usage(struct feeding *f, jval usage)
{
    jval tokens = json_get_lit(usage, "tokens"), billed = json_get_lit(usage, "billed_units");
    struct usage u = {.source = USAGE_REPORTED};
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &u};
    uint64_t prompt = 0, cached = 0;

    if (count(json_get_lit(usage, "cached_tokens"), &cached, &u))
        u.has |= USAGE_HAS_CACHE;
    if (count(json_get_lit(tokens, "input_tokens"), &prompt, &u) ||
        count(json_get_lit(billed, "input_tokens"), &prompt, &u))
        usage_set_prompt(&u, prompt, cached, 0);
    if (count(json_get_lit(tokens, "output_tokens"), &u.output, &u) ||
        count(json_get_lit(billed, "output_tokens"), &u.output, &u))
        u.has |= USAGE_HAS_OUTPUT;
    if (count(json_get_lit(tokens, "reasoning_tokens"), &u.reasoning, &u)) {
        u.has |= USAGE_HAS_REASONING;
        if (u.reasoning > u.output) {
            u.reasoning = u.output;
            u.suspect = true;
        }
    }
    if (count(json_get_lit(tokens, "image_tokens"), &u.image_in, &u))
        u.has |= USAGE_HAS_IMAGE;
    if (count(json_get_lit(billed, "input_tokens"), &u.billed_in, &u) &&
        count(json_get_lit(billed, "output_tokens"), &u.billed_out, &u))
        u.has |= USAGE_HAS_BILLED;
    if (u.has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT))
        ir_emit(f->sink, &ev);
}

static enum ir_finish finish_of(jtext word)
{
    static const struct {
        str word;
        enum ir_finish finish;
    } rows[] = {
        {STR("COMPLETE"), IR_FIN_STOP},      {STR("STOP_SEQUENCE"), IR_FIN_SEQUENCE},
        {STR("MAX_TOKENS"), IR_FIN_LENGTH},  {STR("TOOL_CALL"), IR_FIN_TOOL},
        {STR("ERROR_TOXIC"), IR_FIN_FILTER}, {STR("ERROR_LIMIT"), IR_FIN_CONTEXT},
        {STR("USER_CANCEL"), IR_FIN_STOP},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(word, rows[i].word))
            return rows[i].finish;
    return word.n ? IR_FIN_OTHER : IR_FIN_STOP;
}

/* `end` holds finish_reason and usage. */
static enum feed_result finish(struct feeding *f, jval end)
{
    jtext word = json_raw(json_get_lit(end, "finish_reason"));
    bool silent = !f->st->blocks.open && !f->st->blocks.block;

    if (silent && (str_eq(word, STR("ERROR")) || str_eq(word, STR("TIMEOUT"))))
        return feed_said_error(&f->st->over, f->sink, end);
    take_usage(f, json_get_lit(end, "usage"));
    f->st->over = true;
    blocks_end(&f->st->blocks, f->sink, finish_of(word), word);
    return FEED_END;
}

/* ---- the stream ---------------------------------------------------------------------------------
 */

static enum feed_result take_call_event(struct feeding *f, str type, jval call)
{
    if (str_eq(type, STR("tool-call-start")) && !begin_call(f, call))
        return feed_unusable(&f->st->over, f->sink,
                             STR("The provider sent a tool call without a name."));
    if (str_eq(type, STR("tool-call-delta")))
        take_arguments(f, call);
    if (str_eq(type, STR("tool-call-end")))
        blocks_close(&f->st->blocks, f->sink);
    return FEED_FORWARD;
}

static enum feed_result take_event(struct feeding *f, jval root)
{
    str type = json_raw(json_get_lit(root, "type"));
    jval delta = json_get_lit(root, "delta"), m = json_get_lit(delta, "message");

    if (!type.n)
        /* {"message"} of a server that gave up */
        return feed_said_error(&f->st->over, f->sink, root);
    blocks_start(&f->st->blocks, f->sink, json_raw(json_get_lit(root, "id")), STR_NONE);
    if (str_has_prefix(type, STR("tool-call-")))
        return take_call_event(f, type, json_get_lit(m, "tool_calls"));
    if (str_eq(type, STR("content-start")) || str_eq(type, STR("content-delta")))
        take_content(f, json_get_lit(m, "content"));
    else if (str_eq(type, STR("content-end")))
        blocks_close(&f->st->blocks, f->sink);
    else if (str_eq(type, STR("tool-plan-delta")))
        say(f, IR_TEXT, json_raw(json_get_lit(m, "tool_plan")));
    else if (str_eq(type, STR("citation-start")))
        take_citation(f, json_get_lit(m, "citations"));
    else if (str_eq(type, STR("message-end")))
        return finish(f, delta);
    return FEED_FORWARD; /* what is new is not for us */
}

enum feed_result cohere_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink)
{
    struct feeding f = {.st = state, .scratch = s, .sink = sink};
    str data = str_trim(ev->data);
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !data.n) {
        struct ir_event ping = {.type = IR_EV_PING};

        ir_emit(sink, &ping);
        return FEED_FORWARD;
    }
    if (str_eq(data, STR("[DONE]")))
        return feed_unusable(&f.st->over, f.sink,
                             STR("The provider's stream ended without an end of its message."));
    if (scratch_parse(s, ev->data, &root) != RC_OK)
        return feed_unusable(&f.st->over, f.sink,
                             STR("The provider sent an event that is no JSON."));
    return take_event(&f, root);
}

bool cohere_end(void *state, struct ir_sink sink)
{
    (void)sink;
    return ((struct cohere_decoder *)state)->over;
}

/* ---- a whole body -------------------------------------------------------------------------------
 */

static bool take_message(struct feeding *f, jval m)
{
    struct json_iter content = json_iter(json_get_lit(m, "content"));
    struct json_iter cited = json_iter(json_get_lit(m, "citations"));
    struct json_iter calls = json_iter(json_get_lit(m, "tool_calls"));

    say(f, IR_TEXT, json_raw(json_get_lit(m, "tool_plan")));
    while (json_next(&content)) {
        blocks_close(&f->st->blocks, f->sink);
        take_content(f, content.val);
    }
    while (json_next(&cited))
        take_citation(f, cited.val);
    while (json_next(&calls))
        if (!begin_call(f, calls.val))
            return false;
    return true;
}

void cohere_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct cohere_decoder st = {.over = false};
    struct feeding f = {.st = &st, .scratch = s, .sink = sink};
    jval message = json_get_lit(root, "message");

    if (!json_is(message, JSON_OBJECT)) {
        if (json_raw(message).n)
            (void)feed_said_error(&f.st->over, f.sink, root);
        else
            (void)feed_unusable(&f.st->over, f.sink,
                                STR("The provider's answer holds no message."));
        return;
    }
    blocks_start(&st.blocks, sink, json_raw(json_get_lit(root, "id")), STR_NONE);
    if (!take_message(&f, message))
        (void)feed_unusable(&f.st->over, f.sink,
                            STR("The provider sent a tool call without a name."));
    else
        (void)finish(&f, root);
}

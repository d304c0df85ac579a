/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo - the built-in provider: answers every dialect, offline, so that the first minute works.
 *
 * It speaks canonical events, so each front writes them in its own words: text word by word, at a
 * reader's pace in streams, and a tool call where the caller forces one or names a tool. It never
 * calls a tool by itself: an agent would carry it out.
 */
#include "gate/gate_int.h"

#include "json/write.h"

#define PACE_MS  15
#define ARGS_MAX 4096
#define DEMO_TEXT                                                                                 \
    "This is weir's built-in demo provider: no model was asked. The gateway read your request, "  \
    "found no provider configured, and streams this answer word by word so that you can see the " \
    "whole path work. To reach a real model, set OPENAI_API_KEY or ANTHROPIC_API_KEY before "     \
    "starting weir, or write a config/weir.yaml with your providers."
#define DEMO_DONE \
    "The tool has answered, so the demo ends here: the round trip of a tool call works."

struct demo {
    str text; /* what is still to be said */
    const struct ir_tool *tool;
    uint64_t words;
    bool opened;
};

static void emit(struct call *c, const struct ir_event *ev)
{
    struct ir_sink sink = call_tap(c);
    ir_emit(sink, ev);
}

/* ---- what to answer */

static const struct ir_message *last_message(const struct ir_request *r)
{
    const struct ir_message *m = r->messages;
    while (m && m->next)
        m = m->next;
    return m;
}

static bool is_tool_result(const struct ir_message *m)
{
    for (const struct ir_block *b = m ? m->blocks : NULL; b; b = b->next)
        if (b->kind == IR_TOOL_RESULT)
            return true;
    return false;
}

static bool names(const struct ir_message *m, str tool)
{
    for (const struct ir_block *b = m ? m->blocks : NULL; b; b = b->next)
        if (b->kind == IR_TEXT && b->text.text.n < 4096 && tool.n > 2 &&
            str_find(b->text.text, tool) != SIZE_MAX)
            return true;
    return false;
}

static const struct ir_tool *choose_tool(const struct ir_request *r)
{
    const struct ir_message *last = last_message(r);
    if (is_tool_result(last) || r->choice.kind == IR_CHOICE_NONE)
        return NULL;
    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        if (t->kind != IR_TOOL_FUNCTION)
            continue;
        bool forced = r->choice.kind == IR_CHOICE_ANY ||
                      (r->choice.kind == IR_CHOICE_NAMED && str_eq(r->choice.name, t->name));
        if (forced || names(last, t->name))
            return t;
    }
    return NULL;
}

/* ---- arguments that fit the tool's schema */

static void put_value(struct json_writer *w, jval schema, unsigned depth);

static void put_object(struct json_writer *w, jval schema, unsigned depth)
{
    jval props = json_get_lit(schema, "properties"), need = json_get_lit(schema, "required");
    struct json_iter it = json_iter(need);
    json_begin_object(w);
    while (json_next(&it)) {
        if (!json_is(it.val, JSON_STRING) || json_is_escaped(it.val))
            continue;
        json_key_str(w, json_raw(it.val));
        put_value(w, json_get(props, json_raw(it.val)), depth + 1);
    }
    json_end(w);
}

static void put_value(struct json_writer *w, jval schema, unsigned depth)
{
    jval type = json_get_lit(schema, "type"), options = json_get_lit(schema, "enum");
    struct json_iter it = json_iter(options);
    if (json_next(&it))
        json_put_text(w, json_text(it.val));
    else if (json_str_is(type, STR("object")) && depth < 8)
        put_object(w, schema, depth);
    else if (json_str_is(type, STR("array"))) {
        json_begin_array(w);
        json_end(w);
    } else if (json_str_is(type, STR("integer")) || json_str_is(type, STR("number")))
        json_put_u64(w, 1);
    else if (json_str_is(type, STR("boolean")))
        json_put_bool(w, false);
    else
        json_put_lit(w, "demo");
}

static str tool_args(struct call *c, const struct ir_tool *t)
{
    struct arena *a = &c->req->arena;
    struct json_writer w;
    if (!json_is(t->schema, JSON_OBJECT))
        return STR("{}");
    struct rope r = ROPE_INIT(ARGS_MAX);
    struct buf flat = BUF_INIT(ARGS_MAX), escaped = BUF_INIT(2 * ARGS_MAX);
    json_writer_init(&w, &r);
    put_object(&w, t->schema, 0);
    rope_flatten(&r, &flat);
    json_escape(&escaped, buf_str(&flat));
    str args =
        r.own.failed || flat.failed || escaped.failed ? STR("{}") : arena_dup(a, buf_str(&escaped));
    rope_fini(&r);
    buf_fini(&flat);
    buf_fini(&escaped);
    return args;
}

/* ---- saying it */

static void open_block(struct call *c, enum ir_kind kind, const struct ir_tool *t)
{
    struct ir_event ev = {.type = IR_EV_BLOCK_START, .kind = kind};
    if (t) {
        ev.open.id = arena_strf(&c->req->arena, "call_" STR_FMT, STR_ARG(str_from(c->id, 12)));
        ev.open.name = t->name;
    }
    emit(c, &ev);
}

static void say(struct call *c, enum ir_kind kind, enum ir_delta what, str text)
{
    emit(c, &(struct ir_event){.type = IR_EV_DELTA, .kind = kind, .delta = {what, text}});
}

static void say_word(struct call *c, struct demo *d)
{
    size_t n = str_find_char(d->text, ' ');
    n = n == SIZE_MAX ? d->text.n : n + 1;
    if (!d->opened)
        open_block(c, IR_TEXT, NULL);
    d->opened = true;
    say(c, IR_TEXT, IR_D_TEXT, str_head(d->text, n));
    d->text = str_from(d->text, n);
    d->words++;
}

static void say_end(struct call *c, struct demo *d)
{
    if (d->tool) {
        open_block(c, IR_TOOL_USE, d->tool);
        say(c, IR_TOOL_USE, IR_D_ARGS, tool_args(c, d->tool));
        d->words += 8;
    }
    emit(c, &(struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = d->tool ? IR_TOOL_USE : IR_TEXT});
    struct usage u = {.input_uncached = tokens_estimate(c),
                      .output = d->words + d->words / 3,
                      .has = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT,
                      .source = USAGE_ESTIMATED};
    emit(c, &(struct ir_event){.type = IR_EV_USAGE, .usage = &u});
    emit(c, &(struct ir_event){.type = IR_EV_FINISH,
                               .finish = {.reason = d->tool ? IR_FIN_TOOL : IR_FIN_STOP}});
    emit(c, &(struct ir_event){.type = IR_EV_END});
}

static void on_pace(struct alarm *a);

static void pace(struct call *c)
{
    c->alarm.fn = on_pace;
    if (alarm_set(c->gate->alarms, &c->alarm, loop_now(c->gate->loop) + PACE_MS) != RC_OK)
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
}

static void on_pace(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    struct demo *d = c->demo;
    buf_clear(&c->gate->out);
    if (!stream_commit(c))
        return;
    bool last = d->text.n == 0;
    if (last)
        say_end(c, d);
    else
        say_word(c, d);
    if (c->first_events.n) { /* START, encoded before the first pause */
        buf_add(&c->held, c->first_events);
        buf_add(&c->held, buf_str(&c->gate->out));
    }
    str bytes = c->first_events.n ? buf_str(&c->held) : buf_str(&c->gate->out);
    if (last) {
        attempt_served(c);
        call_answered(c);
    }
    if (!reply_data(c->req, bytes, last))
        return;
    c->first_events = STR_NONE;
    buf_fini(&c->held);
    c->last_out = loop_now(c->gate->loop);
    pace(c);
}

static void say_start(struct call *c)
{
    emit(c, &(struct ir_event){.type = IR_EV_START,
                               .start = {.created = loop_unix_ms(c->gate->loop) / 1000}});
}

void demo_start(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct demo *d = arena_new(a, struct demo);
    if (!d || !decode_canonical(c)) {
        if (!d)
            call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    c->demo = d;
    d->tool = choose_tool(c->ir);
    d->text = d->tool                               ? STR_NONE
              : is_tool_result(last_message(c->ir)) ? STR(DEMO_DONE)
                                                    : STR(DEMO_TEXT);
    c->status = 200;
    buf_clear(&c->gate->out);
    if (c->peek.stream ? !encoder_prepare(c) : !collect_prepare(c, false)) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    say_start(c);
    if (c->peek.stream) {
        c->first_events = arena_dup(a, buf_str(&c->gate->out));
        pace(c);
        return;
    }
    while (d->text.n)
        say_word(c, d);
    say_end(c, d);
    attempt_served(c);
    collect_reply(c);
}

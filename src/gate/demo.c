/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo - the built-in provider: answers every dialect, offline, so that the first minute works.
 *
 * It speaks canonical events, so each front writes them in its own words: text word by word, at a
 * reader's pace in streams, and a tool call where the caller forces one or names a tool, with
 * arguments that its schema allows. It never calls a tool by itself: an agent would carry it out.
 * max_tokens cuts it short as it would a model. The same question always has the same answer.
 */
#include "gate/gate_int.h"

#include "json/write.h"

#define PACE_MS     15
#define ARGS_MAX    4096
#define DEPTH_MAX   8   /* of a tool's arguments */
#define VALUES_MAX  256 /* … and how many */
#define CALL_TOKENS 10  /* that a tool call is said to cost */
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
    bool cut; /* `text` is the beginning of what there was to say */
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

/* ---- arguments that fit the tool's schema
 *
 * What is required, or all of it where nothing is said to be. Values are the schema's own where it
 * has some (const, default, enum), else the plainest of the type. No validator: `pattern`, `not`
 * and bounds on sizes are not looked at. */

struct filler {
    struct json_writer w;
    jval root;     /* what "#/..." points into */
    unsigned left; /* values that may still be written: a schema may refer to itself */
};

static jval follow(jval root, str path)
{
    jval v = root;
    if (!str_has_prefix(path, STR("#/")))
        return (jval){0};
    path = str_from(path, 2);
    while (path.n)
        v = json_get(v, str_cut(&path, '/'));
    return v;
}

/* The type's name, of any case: Gemini's schemas shout. Of several, the first that is not null. */
static str type_name(jval schema)
{
    jval type = json_get_lit(schema, "type");
    struct json_iter it = json_iter(type);
    while (json_is(type, JSON_ARRAY) && json_next(&it))
        if (!json_str_is(it.val, STR("null")))
            return json_raw(it.val);
    if (json_is(type, JSON_STRING))
        return json_raw(type);
    return json_has(json_get_lit(schema, "properties")) ? STR("object")
           : json_has(json_get_lit(schema, "items"))    ? STR("array")
                                                        : STR("string");
}

/* The schema that is meant, behind references and alternatives. */
static jval meant(const struct filler *f, jval schema)
{
    static const str ways[] = {{"anyOf", 5}, {"oneOf", 5}, {"allOf", 5}};
    for (unsigned hops = 0; hops < 8; hops++) {
        jval ref = json_get_lit(schema, "$ref"), next = {0};
        if (json_is(ref, JSON_STRING))
            next = follow(f->root, json_raw(ref));
        for (size_t i = 0; i < ARRAY_LEN(ways) && !json_has(next); i++) {
            struct json_iter it = json_iter(json_get(schema, ways[i]));
            while (!json_has(next) && json_next(&it))
                if (!str_eq_nocase(type_name(it.val), STR("null")))
                    next = it.val;
        }
        if (!json_has(next))
            break;
        schema = next;
    }
    return schema;
}

static void put_value(struct filler *f, jval schema, unsigned depth);

static void put_member(struct filler *f, jval key, jval props, unsigned depth)
{
    if (!json_is(key, JSON_STRING) || json_is_escaped(key))
        return;
    json_key_str(&f->w, json_raw(key));
    put_value(f, json_get(props, json_raw(key)), depth + 1);
}

static void put_object(struct filler *f, jval schema, unsigned depth)
{
    jval props = json_get_lit(schema, "properties"), need = json_get_lit(schema, "required");
    bool all = !json_is(need, JSON_ARRAY);
    struct json_iter it = json_iter(all ? props : need);
    json_begin_object(&f->w);
    while (depth < DEPTH_MAX && f->left && json_next(&it))
        put_member(f, all ? it.key : it.val, props, depth);
    json_end(&f->w);
}

static void put_array(struct filler *f, jval schema, unsigned depth)
{
    json_begin_array(&f->w);
    if (depth < DEPTH_MAX && f->left && json_is(json_get_lit(schema, "items"), JSON_OBJECT))
        put_value(f, json_get_lit(schema, "items"), depth + 1);
    json_end(&f->w);
}

static str text_of_format(jval schema)
{
    static const struct {
        str format, text;
    } rows[] = {
        {STR("date"), STR("2025-01-31")},
        {STR("date-time"), STR("2025-01-31T12:00:00Z")},
        {STR("time"), STR("12:00:00Z")},
        {STR("email"), STR("demo@example.com")},
        {STR("uri"), STR("https://example.com/")},
        {STR("uuid"), STR("00000000-0000-4000-8000-000000000000")},
    };
    jval format = json_get_lit(schema, "format");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_str_is(format, rows[i].format))
            return rows[i].text;
    return STR("demo");
}

/* What the schema itself offers; absent: nothing. */
static jval offered(jval schema)
{
    jval v = json_get_lit(schema, "const");
    struct json_iter it = json_iter(json_get_lit(schema, "enum"));
    if (!json_has(v))
        v = json_get_lit(schema, "default");
    if (json_is_nothing(v) && json_next(&it))
        v = it.val;
    if (json_is_nothing(v))
        v = (jval){0};
    return v;
}

static void put_value(struct filler *f, jval schema, unsigned depth)
{
    f->left -= f->left > 0;
    schema = meant(f, schema);
    jval own = offered(schema), min = json_get_lit(schema, "minimum");
    str type = type_name(schema);
    if (json_has(own))
        json_put_text(&f->w, json_text(own));
    else if (str_eq_nocase(type, STR("object")))
        put_object(f, schema, depth);
    else if (str_eq_nocase(type, STR("array")))
        put_array(f, schema, depth);
    else if (str_eq_nocase(type, STR("integer")) || str_eq_nocase(type, STR("number"))) {
        if (json_is(min, JSON_NUMBER))
            json_put_text(&f->w, json_text(min));
        else
            json_put_u64(&f->w, 1);
    } else if (str_eq_nocase(type, STR("boolean")))
        json_put_bool(&f->w, false);
    else if (str_eq_nocase(type, STR("null")))
        json_put_null(&f->w);
    else
        json_put_raw_str(&f->w, text_of_format(schema));
}

static str tool_args(struct call *c, const struct ir_tool *t)
{
    struct arena *a = &c->req->arena;
    struct filler f = {.root = t->schema, .left = VALUES_MAX};
    if (!json_is(t->schema, JSON_OBJECT))
        return STR("{}");
    struct rope r = ROPE_INIT(ARGS_MAX);
    struct buf flat = BUF_INIT(ARGS_MAX), escaped = BUF_INIT(2 * ARGS_MAX);
    json_writer_init(&f.w, &r);
    put_object(&f, meant(&f, t->schema), 0);
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

/* A word is a token and a third. */
static uint64_t tokens_of(uint64_t words)
{
    return words + words / 3;
}

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
        d->words += 8; /* CALL_TOKENS */
    }
    emit(c, &(struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = d->tool ? IR_TOOL_USE : IR_TEXT});
    struct usage u = {.input_uncached = tokens_estimate(c),
                      .output = tokens_of(d->words),
                      .has = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT,
                      .source = USAGE_ESTIMATED};
    emit(c, &(struct ir_event){.type = IR_EV_USAGE, .usage = &u});
    emit(c, &(struct ir_event){.type = IR_EV_FINISH,
                               .finish = {.reason = d->tool  ? IR_FIN_TOOL
                                                    : d->cut ? IR_FIN_LENGTH
                                                             : IR_FIN_STOP}});
    emit(c, &(struct ir_event){.type = IR_EV_END});
}

/* No more words than max_tokens allows. */
static void keep_within(struct demo *d, uint64_t max_tokens)
{
    uint64_t words = 0;
    str rest = d->text;
    if (!max_tokens) /* unsaid */
        return;
    while (rest.n && tokens_of(words + 1) <= max_tokens) {
        size_t n = str_find_char(rest, ' ');
        rest = str_from(rest, n == SIZE_MAX ? rest.n : n + 1);
        words++;
    }
    d->cut = rest.n > 0;
    d->text = str_head(d->text, d->text.n - rest.n);
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
    uint64_t max = c->ir->max_tokens;
    if (!max || max >= CALL_TOKENS) /* half a call would be of no use to anybody */
        d->tool = choose_tool(c->ir);
    d->text = d->tool                               ? STR_NONE
              : is_tool_result(last_message(c->ir)) ? STR(DEMO_DONE)
                                                    : STR(DEMO_TEXT);
    keep_within(d, max);
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

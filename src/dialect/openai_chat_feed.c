/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_feed.c - answers of Chat Completions servers to events: chunks, ends and errors.
 *
 *   finish     comes in a chunk of its own, with the last content, twice, or not at all before
 * [DONE]; so it is held back until the end of the stream usage      in a chunk with choices [], in
 * the finish chunk, in every chunk, in x_groq errors     `error` beside or inside choices, a flat
 * object, a bare line, an event named error end        [DONE], or the end of the bytes after a
 * finish
 */
#include "dialect/feed_fail.h"
#include "dialect/openai_chat_feed_int.h"

_Static_assert(sizeof(struct chat_decoder) <= CHAT_DECODER_SIZE, "CHAT_DECODER_SIZE is too small");

void chat_decoder_init(void *state, bool client_usage)
{
    struct chat_decoder *st = state;

    *st = (struct chat_decoder){.client_usage = client_usage};
}

struct chunk { /* members of a chunk or body */
    jval choices, usage, error, created;
    jval results, citations; /* sources: objects, addresses */
    jtext id, model;
    bool flat_error; /* object:"error" */
    bool words;      /* a detail or message at the top */
};

#define IS(k, lit) (str_eq((k), STR(lit)))

static void sort_rare(str k, jval v, struct chunk *to)
{
    if (IS(k, "x_groq"))
        to->usage = json_is(to->usage, JSON_OBJECT) ? to->usage : json_get_lit(v, "usage");
    else if (IS(k, "error"))
        to->error = v;
    else if (IS(k, "object"))
        to->flat_error |= json_str_is(v, STR("error"));
    else if (IS(k, "detail") || IS(k, "message"))
        to->words = true;
    else if (IS(k, "search_results") || IS(k, "web_search"))
        to->results = v;
    else if (IS(k, "citations"))
        to->citations = v;
}

static void sort_members(jval root, struct chunk *to)
{
    struct json_iter it = json_iter(root);

    while (json_next(&it)) {
        str k = json_raw(it.key);

        if (IS(k, "choices"))
            to->choices = it.val;
        else if (IS(k, "usage"))
            to->usage = json_is(it.val, JSON_OBJECT) ? it.val : to->usage;
        else if (IS(k, "id"))
            to->id = json_raw(it.val);
        else if (IS(k, "model"))
            to->model = json_raw(it.val);
        else if (IS(k, "created"))
            to->created = it.val;
        else
            sort_rare(k, it.val, to);
    }
    /* nothing but words: an error of a server that has no shape for one */
    to->flat_error |= to->words && !json_has(to->choices) && !json_has(to->usage);
}

static bool is_error(const struct chunk *k)
{
    return json_is(k->error, JSON_OBJECT) || json_raw(k->error).n || k->flat_error;
}

static void emit_error(struct chat_feeding *f, jval root)
{
    (void)feed_said_error(&f->st->over, f->sink, root);
}

static void start(struct chat_feeding *f, const struct chunk *k)
{
    struct ir_event ev = {.type = IR_EV_START};
    uint64_t created;

    if (f->st->started)
        return;
    f->st->started = true;
    ev.start.id = k->id.n ? k->id : STR_NONE;
    ev.start.model = k->model.n ? k->model : STR_NONE;
    if (json_u64(k->created, &created) == RC_OK)
        ev.start.created = created;
    ir_emit(f->sink, &ev);
}

struct choice { /* members of one choice */
    jval delta, message, error, logprobs, index, finish;
};

static void sort_choice(jval v, struct choice *to)
{
    struct json_iter it = json_iter(v);

    while (json_next(&it)) {
        str k = json_raw(it.key);

        if (IS(k, "delta"))
            to->delta = it.val;
        else if (IS(k, "message"))
            to->message = it.val;
        else if (IS(k, "index"))
            to->index = it.val;
        else if (IS(k, "finish_reason"))
            to->finish = it.val;
        else if (IS(k, "logprobs"))
            to->logprobs = it.val;
        else if (IS(k, "error"))
            to->error = it.val;
    }
}

static void emit_logprobs(struct chat_feeding *f, jval v)
{
    struct ir_event ev = {.type = IR_EV_DELTA,
                          .kind = f->c->kind,
                          .choice = f->index,
                          .block = f->c->block,
                          .delta = {IR_D_LOGPROBS, json_text(v)}};

    if (json_is(v, JSON_OBJECT))
        ir_emit(f->sink, &ev);
}

static bool take_choice(struct chat_feeding *f, jval v)
{
    struct choice k = {0};
    jval words, others;
    uint64_t index;

    sort_choice(v, &k);
    /* Perplexity has both: in a body an empty delta, in the last chunk the whole message again. */
    words = f->st->body ? k.message : k.delta;
    others = f->st->body ? k.delta : k.message;
    if (json_u64(k.index, &index) != RC_OK)
        index = 0;
    if (json_is(k.error, JSON_OBJECT)) {
        emit_error(f, v);
        return false;
    }
    if (index >= CHAT_CHOICES_MAX)
        return true;
    f->index = (uint32_t)index;
    f->c = &f->st->choices[index];
    f->c->seen = true;
    if (!chat_take_message(f, json_is_nothing(words) ? others : words))
        return false;
    emit_logprobs(f, k.logprobs);
    chat_take_finish(f->c, json_raw(k.finish));
    return true;
}

static void take_usage(struct chat_feeding *f, const struct chunk *k)
{
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &f->st->usage};
    struct usage u;

    if (!json_is(k->usage, JSON_OBJECT) || !chat_read_usage(k->usage, &u))
        return;
    start(f, k);
    usage_merge(&f->st->usage, &u);
    ir_emit(f->sink, &ev);
}

/* Told once, with the last words: what they rest on is then all there. */
static void take_sources(struct chat_feeding *f, const struct chunk *k)
{
    if (f->st->cited || !f->st->choices[0].finished ||
        (!json_has(k->results) && !json_has(k->citations)))
        return;
    f->index = 0;
    f->c = &f->st->choices[0];
    f->st->cited = true;
    chat_take_sources(f, k->results, k->citations);
}

/* One chunk or body. False: the stream is over by an error. */
static bool take_chunk(struct chat_feeding *f, const struct chunk *k)
{
    struct json_iter it = json_iter(k->choices);

    if (k->id.n || json_len(k->choices))
        start(f, k);
    while (json_next(&it))
        if (!take_choice(f, it.val))
            return false;
    take_sources(f, k);
    take_usage(f, k);
    return true;
}

static void finish_choice(struct chat_feeding *f)
{
    struct chat_choice *c = f->c;
    struct ir_event ev = {.type = IR_EV_FINISH, .choice = f->index};

    chat_close_block(f);
    ev.finish.reason = c->finished ? c->finish : IR_FIN_STOP;
    if (ev.finish.reason == IR_FIN_STOP && c->has_calls)
        ev.finish.reason = IR_FIN_TOOL; /* some say stop for both */
    ev.finish.raw = str_of(c->finish_word, c->finish_n);
    ir_emit(f->sink, &ev);
}

static void finish(struct chat_feeding *f)
{
    struct ir_event ev = {.type = IR_EV_END};
    struct chunk none = {0};

    start(f, &none);
    for (uint32_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        f->index = i;
        f->c = &f->st->choices[i];
        if (f->c->seen || i == 0)
            finish_choice(f);
    }
    f->st->over = true;
    ir_emit(f->sink, &ev);
}

/* ---- the stream ---------------------------------------------------------------------------------
 */

static enum feed_result feed_json(struct chat_feeding *f, const struct sse_event *ev)
{
    struct chunk k = {0};
    jval root;

    if (scratch_parse(f->scratch, ev->data, &root) != RC_OK) {
        (void)chat_upstream_broke(f, STR("The provider sent an event that is no JSON."));
        return FEED_ERROR;
    }
    sort_members(root, &k);
    if (is_error(&k) || str_eq(ev->event, STR("error"))) {
        emit_error(f, root);
        return FEED_ERROR;
    }
    if (!json_is(root, JSON_OBJECT)) {
        (void)chat_upstream_broke(f, STR("The provider sent an event that is no chunk."));
        return FEED_ERROR;
    }
    if (!take_chunk(f, &k))
        return FEED_ERROR;
    if (!f->st->client_usage && json_is(k.usage, JSON_OBJECT) && json_is(k.choices, JSON_ARRAY) &&
        json_len(k.choices) == 0)
        return FEED_DROP; /* the chunk that only we asked for */
    return FEED_FORWARD;
}

enum feed_result chat_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                           struct ir_sink sink)
{
    struct chat_feeding f = {.st = state, .scratch = s, .sink = sink};
    str data = str_trim(ev->data);

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !data.n) {
        struct ir_event ping = {.type = IR_EV_PING};

        ir_emit(sink, &ping);
        return FEED_FORWARD;
    }
    if (str_eq(data, STR("[DONE]"))) {
        if (!f.st->started) {
            (void)chat_upstream_broke(&f, STR("The provider's stream was empty."));
            return FEED_ERROR;
        }
        finish(&f);
        return FEED_END;
    }
    return feed_json(&f, ev);
}

bool chat_end(void *state, struct ir_sink sink)
{
    struct chat_feeding f = {.st = state, .sink = sink};
    bool finished = true, seen = false;

    if (f.st->over)
        return true;
    for (uint32_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        seen |= f.st->choices[i].seen;
        finished &= !f.st->choices[i].seen || f.st->choices[i].finished;
    }
    if (!seen || !finished)
        return false;
    finish(&f);
    return true;
}

/* ---- a whole body -------------------------------------------------------------------------------
 */

void chat_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct chat_decoder st = {.body = true};
    struct chat_feeding f = {.st = &st, .scratch = s, .sink = sink};
    struct chunk k = {0};

    sort_members(root, &k);
    if (is_error(&k))
        emit_error(&f, root);
    else if (!json_is(k.choices, JSON_ARRAY) || json_len(k.choices) == 0)
        (void)chat_upstream_broke(&f, STR("The provider's answer holds no choices."));
    else if (take_chunk(&f, &k))
        finish(&f);
}

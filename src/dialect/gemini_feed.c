/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_feed.c - answers of generateContent to events: chunks, ends and errors.
 *
 *   end      nothing marks it but the end of the bytes: a finishReason may come twice (once after
 *            each round of code execution), so FINISH waits for it
 *   blocked  a refused prompt has no candidates, only promptFeedback
 *   errors   {"error":{…}} as an event, bare between the events, or as the one element of an array
 *   bodies   one object; or an array of chunks, from servers that do not know alt=sse
 */
#include "dialect/feed_fail.h"
#include "dialect/gemini_int.h"

_Static_assert(sizeof(struct gemini_decoder) <= GEMINI_DECODER_SIZE,
               "GEMINI_DECODER_SIZE is too small");

void gemini_decoder_init(void *state, bool client_usage)
{
    struct gemini_decoder *st = state;

    (void)client_usage;
    *st = (struct gemini_decoder){0};
}

/* ---- errors and ends ----------------------------------------------------------------------------
 */

bool gemini_upstream_broke(struct gemini_feeding *f, str message)
{
    (void)feed_unusable(&f->st->over, f->sink, message);
    return false;
}

static void provider_failed(struct gemini_feeding *f, jval root)
{
    (void)feed_said_error(&f->st->over, f->sink, root);
}

static bool is_error(jval root)
{
    jval error = json_get_lit(root, "error");

    return json_is(error, JSON_OBJECT) || json_raw(error).n > 0;
}

static void start(struct gemini_feeding *f, jval root)
{
    jtext id = json_raw(json_get_lit(root, "responseId"));
    jtext model = json_raw(json_get_lit(root, "modelVersion"));
    struct ir_event ev = {.type = IR_EV_START};

    if (f->st->started)
        return;
    f->st->started = true;
    ev.start.id = id.n ? id : STR_NONE;
    ev.start.model = model.n ? model : STR_NONE;
    ir_emit(f->sink, &ev);
}

/* A call ends in STOP like any answer; and one that was not declared, or is one too many, is a call
 * all the same. */
static enum ir_finish finish_of(const struct gemini_choice *c)
{
    enum ir_finish fin = c->finished ? c->finish : IR_FIN_STOP;

    if (c->has_calls && (fin == IR_FIN_STOP || fin == IR_FIN_BROKEN || fin == IR_FIN_OTHER))
        return IR_FIN_TOOL;
    return fin;
}

static void finish(struct gemini_feeding *f)
{
    struct ir_event ev;

    start(f, JVAL_NONE);
    for (uint32_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        f->index = i;
        f->c = &f->st->choices[i];
        if (!f->c->seen && i > 0)
            continue;
        gemini_close_block(f);
        ev = (struct ir_event){.type = IR_EV_FINISH, .choice = i};
        ev.finish.reason = finish_of(f->c);
        ev.finish.raw = str_of(f->c->finish_word, f->c->finish_n);
        ir_emit(f->sink, &ev);
    }
    f->st->over = true;
    ev = (struct ir_event){.type = IR_EV_END};
    ir_emit(f->sink, &ev);
}

/* ---- chunks -------------------------------------------------------------------------------------
 */

/* The last word stands: after each round of code execution there may be one. */
static void set_finish(struct gemini_choice *c, jtext word, enum ir_finish fin)
{
    c->finished = true;
    c->finish = fin;
    c->finish_n = word.n <= GEMINI_FINISH_MAX ? (uint8_t)word.n : 0;
    memcpy(c->finish_word, word.p, c->finish_n);
}

static bool take_candidate(struct gemini_feeding *f, jval v)
{
    jtext word = json_raw(json_get_lit(v, "finishReason"));
    uint64_t index = 0;

    if (json_u64(json_get_lit(v, "index"), &index) != RC_OK)
        index = 0; /* left out as often as not */
    if (index >= GEMINI_CHOICES_MAX)
        return true;
    f->index = (uint32_t)index;
    f->c = &f->st->choices[index];
    f->c->seen = true;
    if (!gemini_take_candidate(f, v))
        return false;
    if (!word.n)
        return true;
    if (f->c->partial)
        gemini_close_block(f);
    set_finish(f->c, word, gemini_finish_of(word));
    return true;
}

/* A prompt that was refused has no candidate: the first choice ends without having said a word. */
static void take_block(struct gemini_feeding *f, jval feedback)
{
    jtext reason = json_raw(json_get_lit(feedback, "blockReason"));

    if (!reason.n)
        return;
    f->st->choices[0].seen = true;
    set_finish(&f->st->choices[0], reason, IR_FIN_FILTER);
}

static void take_usage(struct gemini_feeding *f, jval root)
{
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &f->st->usage};
    struct gemini_list l = gemini_list_of(json_get_lit(root, "candidates"));
    jval c;

    while (gemini_list_next(&l, &c)) {
        uint64_t n = json_len(json_path(c, "groundingMetadata", "webSearchQueries", NULL));

        if (n)
            f->st->usage.searches = n;
    }
    if (gemini_read_usage(json_get_lit(root, "usageMetadata"), &f->st->usage))
        ir_emit(f->sink, &ev);
}

/* One chunk or body. False: the stream is over by an error. */
static bool take_chunk(struct gemini_feeding *f, jval root)
{
    struct json_iter it = json_iter(json_get_lit(root, "candidates"));

    if (is_error(root)) {
        provider_failed(f, root);
        return false;
    }
    start(f, root);
    while (json_next(&it))
        if (!take_candidate(f, it.val))
            return false;
    take_block(f, json_get_lit(root, "promptFeedback"));
    take_usage(f, root);
    return true;
}

/* ---- the stream ---------------------------------------------------------------------------------
 */

enum feed_result gemini_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink)
{
    struct gemini_feeding f = {.st = state, .scratch = s, .sink = sink};
    struct ir_event ping = {.type = IR_EV_PING};
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !str_trim(ev->data).n || str_eq(str_trim(ev->data), STR("[DONE]"))) {
        ir_emit(sink, &ping); /* [DONE]: servers that are only like it */
        return FEED_FORWARD;
    }
    if (scratch_parse(s, ev->data, &root) != RC_OK) {
        (void)gemini_upstream_broke(&f, STR("The provider sent an event that is no JSON."));
        return FEED_ERROR;
    }
    if (json_is(root, JSON_ARRAY) || str_eq(ev->event, STR("error"))) {
        provider_failed(&f, root);
        return FEED_ERROR;
    }
    if (!json_is(root, JSON_OBJECT)) {
        (void)gemini_upstream_broke(&f, STR("The provider sent an event that is no chunk."));
        return FEED_ERROR;
    }
    return take_chunk(&f, root) ? FEED_FORWARD : FEED_ERROR;
}

bool gemini_end(void *state, struct ir_sink sink)
{
    struct gemini_feeding f = {.st = state, .sink = sink};
    bool seen = false;

    if (f.st->over)
        return true;
    for (uint32_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        const struct gemini_choice *c = &f.st->choices[i];

        if ((c->seen && !c->finished) || c->partial)
            return false; /* also a call whose arguments never ended */
        seen |= c->seen;
    }
    if (!seen)
        return false;
    finish(&f);
    return true;
}

/* ---- a whole body -------------------------------------------------------------------------------
 */

void gemini_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct gemini_decoder st = {0};
    struct gemini_feeding f = {.st = &st, .scratch = s, .sink = sink};
    struct gemini_list l = gemini_list_of(root);
    jval chunk;
    bool seen = false;

    while (gemini_list_next(&l, &chunk)) {
        if (!json_is(chunk, JSON_OBJECT) ||
            (!json_has(json_get_lit(chunk, "candidates")) &&
             !json_has(json_get_lit(chunk, "promptFeedback")) &&
             !json_has(json_get_lit(chunk, "usageMetadata")) && !is_error(chunk)))
            break;
        if (!take_chunk(&f, chunk))
            return;
    }
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++)
        seen |= st.choices[i].seen;
    if (seen)
        finish(&f);
    else
        (void)gemini_upstream_broke(&f, STR("The provider's answer holds no candidates."));
}

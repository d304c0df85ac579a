/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_history.c - canonical messages as contents.
 *
 * There are two roles, user and model, and neighbours of one role become one content: so the
 * results of parallel calls, each a message of its own in Chat, stand together right behind the
 * model's turn, as this language demands. A functionResponse wants the function's name, which
 * others leave out: it is looked up by the call's id.
 *
 * Thought signatures return where they stood: on the call, on the text. One that came as a thought
 * of its own (Chat's reasoning_details, a redacted_thinking block of Messages) goes onto the first
 * call after it that has none, else onto the turn's last text. Gemini 3 refuses a turn whose first
 * call is unsigned; where the client kept nothing, or another model made the call, the documented
 * word that skips the check stands in.
 */
#include "dialect/gemini_int.h"
#include "dialect/model_name.h"

#define FIRST_STRICT   300 /* Gemini 3 demands signatures, and takes pictures within a result */
#define LOOK_STEPS_MAX (4u << 20) /* blocks looked at for names, in one request */

struct history {
    struct gemini_writer *gw;
    jtext seal;                    /* a signature on its way to its part */
    bool turn_calls;               /* this turn of the model's has a call already */
    const struct ir_message *turn; /* the model's last turn … */
    const struct ir_block *next;   /* … and its block behind the last that was answered */
    unsigned steps;
};

/* ---- calls --------------------------------------------------------------------------------------
 */

/* The arguments as an object. What a model once wrote need not be JSON. */
static void put_args(struct gemini_writer *gw, const struct ir_block *b)
{
    struct arena_mark mark = arena_mark(gw->arena);
    struct json_doc doc;
    bool fits = !b->is_custom && json_parse(gw->arena, b->use.args, &doc, NULL) == RC_OK &&
                json_is(json_root(&doc), JSON_OBJECT);

    arena_reset_to(gw->arena, mark);
    json_key(&gw->w, "args");
    if (fits) {
        json_put_text(&gw->w, b->use.args);
        return;
    }
    gemini_lose(gw, b->is_custom ? STR("tool_calls.custom") : STR("tool_calls.arguments"));
    json_begin_object(&gw->w);
    json_key(&gw->w, "input");
    if (b->is_custom)
        json_put_raw_str(&gw->w, b->use.args);
    else
        json_put_str(&gw->w, b->use.args);
    json_end(&gw->w);
}

static jtext signature_of(struct history *h, const struct ir_block *b)
{
    unsigned version = h->gw->version;
    jtext seal = b->use.sealed;

    if (!seal.n) {
        seal = h->seal;
        h->seal = STR_NONE;
    }
    if (!seal.n && !h->turn_calls &&
        (version >= FIRST_STRICT || (!version && model_is_gemini(h->gw->c->model))))
        return STR(GEMINI_UNSIGNED);
    return seal;
}

static void put_call(struct history *h, const struct ir_block *b)
{
    struct json_writer *w = &h->gw->w;
    jtext seal = signature_of(h, b);

    json_begin_object(w);
    json_key(w, "functionCall");
    json_begin_object(w);
    gemini_put_member(w, STR("id"), b->use.id);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    put_args(h->gw, b);
    json_end(w);
    gemini_put_member(w, STR("thoughtSignature"), seal);
    json_end(w);
    h->turn_calls = true;
}

/* ---- results ------------------------------------------------------------------------------------
 */

/* Look for the call `id` from block `b` of message `m` to the end of that message's turn. */
static const struct ir_block *find_call(struct history *h, const struct ir_message *m,
                                        const struct ir_block *b, jtext id)
{
    for (; m && m->role == IR_ASSISTANT; m = m->next, b = m ? m->blocks : NULL)
        for (; b; b = b->next) {
            if (++h->steps > LOOK_STEPS_MAX)
                return NULL;
            if (b->kind == IR_TOOL_USE && str_eq(b->use.id, id))
                return b;
        }
    return NULL;
}

/* The function's name: most results come in the order of their calls, right behind them. */
static jtext name_of(struct history *h, const struct ir_block *result)
{
    const struct ir_block *call = NULL;

    if (result->result.name.n)
        return result->result.name;
    if (h->turn) {
        call = find_call(h, h->turn, h->next, result->result.id);
        if (!call)
            call = find_call(h, h->turn, h->turn->blocks, result->result.id);
    }
    for (const struct ir_message *m = call ? NULL : h->gw->r->messages; m && !call; m = m->next)
        if (m->role == IR_ASSISTANT)
            call = find_call(h, m, m->blocks, result->result.id);
    if (!call)
        return result->result.id;
    h->next = call->next;
    return call->use.name;
}

static bool is_words(const struct ir_block *b)
{
    return b->kind == IR_TEXT || b->kind == IR_REFUSAL ||
           (b->kind == IR_DOCUMENT && b->media.src == IR_MEDIA_TEXT);
}

static bool is_media(const struct ir_block *b)
{
    return b->kind == IR_IMAGE || b->kind == IR_AUDIO ||
           (b->kind == IR_DOCUMENT && b->media.src != IR_MEDIA_TEXT);
}

static void put_output(struct gemini_writer *gw, const struct ir_block *b)
{
    struct json_writer *w = &gw->w;
    bool any = false;

    json_key(w, "response");
    json_begin_object(w);
    json_key_str(w, b->is_error ? STR("error") : STR("output"));
    json_open_str(w);
    for (const struct ir_block *in = b->result.content; in; in = in->next) {
        if (in->kind == IR_OPAQUE)
            gemini_lose(gw, in->opaque.type);
        if (in->cache.n)
            gemini_lose(gw, STR("cache_control"));
        if (!is_words(in))
            continue;
        if (any)
            json_add_raw(w, STR("\\n"));
        json_add_raw(w, in->kind == IR_DOCUMENT ? in->media.data : in->text.text);
        any = true;
    }
    json_close_str(w);
    json_end(w);
}

static bool has_media(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (is_media(b))
            return true;
    return false;
}

static void put_all_media(struct gemini_writer *gw, const struct ir_block *b)
{
    for (; b; b = b->next)
        if (is_media(b))
            gemini_put_block(gw, b);
}

static void put_result(struct history *h, const struct ir_block *b)
{
    struct gemini_writer *gw = h->gw;
    struct json_writer *w = &gw->w;
    bool media = has_media(b->result.content), inside = media && gw->version >= FIRST_STRICT;
    jtext name = name_of(h, b);

    if (b->cache.n)
        gemini_lose(gw, STR("cache_control"));
    json_begin_object(w);
    json_key(w, "functionResponse");
    json_begin_object(w);
    gemini_put_member(w, STR("id"), b->result.id);
    json_key(w, "name");
    json_put_raw_str(w, name);
    put_output(gw, b);
    if (inside) {
        json_key(w, "parts");
        json_begin_array(w);
        put_all_media(gw, b->result.content);
        json_end(w);
    }
    json_end(w);
    json_end(w);
    if (!media || inside)
        return;
    gemini_lose(gw, STR("tool_result.content")); /* beside it, for older models */
    put_all_media(gw, b->result.content);
}

/* ---- turns --------------------------------------------------------------------------------------
 */

static bool is_system(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

/* A thought that Gemini signed goes back as it was; a seal alone is put onto a part that follows.
 */
static void take_thought(struct history *h, const struct ir_block *b)
{
    struct json_writer *w = &h->gw->w;
    bool own = str_eq(b->thinking.format, STR(SEAL_GEMINI));

    if (own && b->kind == IR_REDACTED && b->thinking.text.n) {
        h->seal = b->thinking.text;
    } else if (own && b->thinking.signature.n) {
        json_begin_object(w);
        json_key(w, "text");
        json_put_raw_str(w, b->thinking.text);
        json_key(w, "thought");
        json_put_bool(w, true);
        gemini_put_member(w, STR("thoughtSignature"), b->thinking.signature);
        json_end(w);
    } else {
        gemini_lose(h->gw, STR("thinking"));
    }
}

/* Is this the last text of its message, with no call behind it? Then it takes a lone signature. */
static bool takes_seal(const struct ir_block *b)
{
    for (b = b->next; b; b = b->next)
        if (b->kind == IR_TOOL_USE || (b->kind == IR_TEXT && b->text.text.n))
            return false;
    return true;
}

static void put_model_text(struct history *h, const struct ir_block *b)
{
    jtext seal = b->kind == IR_TEXT ? b->text.sealed : STR_NONE;

    if (!seal.n && h->seal.n && takes_seal(b)) {
        seal = h->seal;
        h->seal = STR_NONE;
    }
    if (b->text.text.n || seal.n)
        gemini_put_text(h->gw, b->text.text, seal);
}

static void put_model_turn(struct history *h, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            take_thought(h, b);
        else if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
            put_model_text(h, b);
        else if (b->kind == IR_TOOL_USE)
            put_call(h, b);
        else
            gemini_put_block(h->gw, b);
        if (b->cache.n)
            gemini_lose(h->gw, STR("cache_control"));
    }
    if (h->seal.n) /* nothing to stand on */
        gemini_lose(h->gw, STR("thinking"));
    h->seal = STR_NONE;
}

/* System text among the turns, which Gemini knows at the front only. */
static void put_mid_system(struct gemini_writer *gw, const struct ir_message *m)
{
    struct json_writer *w = &gw->w;

    json_begin_object(w);
    json_key(w, "text");
    json_open_str(w);
    json_add_raw(w, STR("<system>\\n"));
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_TEXT)
            json_add_raw(w, b->text.text);
    json_add_raw(w, STR("\\n</system>"));
    json_close_str(w);
    json_end(w);
    gemini_lose(gw, STR("messages.role"));
}

static void put_user_turn(struct history *h, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_TOOL_RESULT)
            put_result(h, b);
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind != IR_TOOL_RESULT)
            gemini_put_block(h->gw, b);
}

/* Will anything be written of it? */
static bool says(const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->kind == IR_TEXT && (b->text.text.n || (m->role == IR_ASSISTANT && b->text.sealed.n)))
            return true;
        if (b->kind == IR_REFUSAL && b->text.text.n)
            return true;
        if (b->kind != IR_TEXT && b->kind != IR_REFUSAL && b->kind != IR_THINKING &&
            b->kind != IR_REDACTED)
            return true;
    }
    return false;
}

static void note_dropped(struct gemini_writer *gw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            gemini_lose(gw, STR("thinking"));
}

/* ---- system -------------------------------------------------------------------------------------
 */

static const struct ir_message *first_turn(const struct ir_request *r)
{
    const struct ir_message *m = r->messages;

    while (m && is_system(m))
        m = m->next;
    return m;
}

/* The schema, where the model can't be bound to it: asked for in words. */
static void put_schema_text(struct gemini_writer *gw)
{
    struct json_writer *w = &gw->w;

    json_begin_object(w);
    json_key(w, "text");
    json_open_str(w);
    json_add_raw(w, STR("Answer only with a JSON document that matches this JSON Schema:\\n"));
    json_add_plain(w, json_text(gw->r->format.schema));
    json_close_str(w);
    json_end(w);
}

void gemini_put_system(struct gemini_writer *gw)
{
    const struct ir_message *stop = first_turn(gw->r), *m;
    bool any = gw->schema_in_words;

    if (!stop)
        stop = gw->r->messages; /* nothing but system text: it becomes the user's */
    for (m = gw->r->messages; m != stop; m = m->next)
        any |= says(m);
    if (!any)
        return;
    json_key(&gw->w, "systemInstruction");
    json_begin_object(&gw->w);
    json_key(&gw->w, "parts");
    json_begin_array(&gw->w);
    for (m = gw->r->messages; m != stop; m = m->next)
        gemini_put_blocks(gw, m->blocks);
    if (gw->schema_in_words)
        put_schema_text(gw);
    json_end(&gw->w);
    json_end(&gw->w);
}

/* ---- contents -----------------------------------------------------------------------------------
 */

static void begin_turn(struct gemini_writer *gw, str role)
{
    json_begin_object(&gw->w);
    json_key(&gw->w, "role");
    json_put_raw_str(&gw->w, role);
    json_key(&gw->w, "parts");
    json_begin_array(&gw->w);
}

static void end_turn(struct gemini_writer *gw)
{
    json_end(&gw->w);
    json_end(&gw->w);
}

static void put_turn(struct history *h, const struct ir_message *m)
{
    if (m->name.n)
        gemini_lose(h->gw, STR("messages.name"));
    if (is_system(m))
        put_mid_system(h->gw, m);
    else if (m->role == IR_ASSISTANT)
        put_model_turn(h, m);
    else
        put_user_turn(h, m);
}

static void put_only_system(struct gemini_writer *gw)
{
    gemini_lose(gw, STR("messages.role"));
    begin_turn(gw, STR("user"));
    for (const struct ir_message *m = gw->r->messages; m; m = m->next)
        gemini_put_blocks(gw, m->blocks);
    end_turn(gw);
}

void gemini_put_contents(struct gemini_writer *gw)
{
    const struct ir_message *m = first_turn(gw->r);
    struct history h = {.gw = gw};
    bool only_system = !m && gw->r->messages;
    str role = STR_NONE;

    json_begin_array(&gw->w);
    if (only_system)
        put_only_system(gw);
    for (; m; m = m->next) {
        str next = m->role == IR_ASSISTANT ? STR("model") : STR("user");

        if (!says(m)) {
            note_dropped(gw, m);
            continue;
        }
        if (!role.n && m->role == IR_ASSISTANT) {
            begin_turn(gw, STR("user")); /* the first turn must be the user's */
            gemini_put_note(gw, STR("(The assistant speaks first.)"), STR("messages.role"));
            end_turn(gw);
        }
        if (!str_eq(role, next)) {
            if (role.n)
                end_turn(gw);
            begin_turn(gw, next);
            role = next;
            if (m->role == IR_ASSISTANT) {
                h.turn_calls = false;
                h.turn = m;
                h.next = m->blocks;
            }
        }
        put_turn(&h, m);
    }
    if (!role.n && !only_system) { /* there must be a turn, and it may say nothing */
        begin_turn(gw, STR("user"));
        gemini_put_text(gw, STR(""), STR_NONE);
        role = STR("user");
    }
    if (role.n)
        end_turn(gw);
    json_end(&gw->w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_history.c - canonical messages as Messages' messages.
 *
 * Turns must alternate, so neighbours of one role become one message: results of tools, each a
 * message of its own in Chat, stand together in one user message, in order, before what the user
 * says next. Empty text is refused there and left out. Thoughts go back only with a signature of
 * Claude's. What can't be carried at all leaves a note in its place, so that the model knows that
 * something is missing, and is named in the lossy set.
 */
#include "dialect/anthropic_int.h"
#include "dialect/server_block.h"

void anthropic_lose(struct anthropic_writer *aw, str name)
{
    ir_lossy_add(aw->lossy, name);
}

bool anthropic_own_words(const struct anthropic_writer *aw)
{
    return str_eq(aw->r->family, STR(ANTHROPIC_FAMILY));
}

void anthropic_begin_block(struct anthropic_writer *aw, str type)
{
    json_begin_object(&aw->w);
    json_key(&aw->w, "type");
    json_put_raw_str(&aw->w, type);
}

void anthropic_end_block(struct anthropic_writer *aw, const struct ir_block *b)
{
    if (b->cache.n) {
        json_key(&aw->w, "cache_control");
        json_put_text(&aw->w, b->cache);
    }
    json_end(&aw->w);
}

void anthropic_put_note(struct anthropic_writer *aw, str text, str loss)
{
    anthropic_begin_block(aw, STR("text"));
    json_key(&aw->w, "text");
    json_put_raw_str(&aw->w, text);
    json_end(&aw->w);
    anthropic_lose(aw, loss);
}

/* ---- text, thoughts, calls ----------------------------------------------------------------------
 */

static void put_text(struct anthropic_writer *aw, const struct ir_block *b, jtext text,
                     bool assistant)
{
    struct json_writer *w = &aw->w;

    anthropic_begin_block(aw, STR("text"));
    json_key(w, "text");
    json_put_raw_str(w, text);
    if (b->kind == IR_TEXT && b->text.citations && assistant && anthropic_own_words(aw)) {
        json_key(w, "citations");
        json_begin_array(w);
        for (const struct ir_cite *c = b->text.citations; c; c = c->next)
            json_put_text(w, c->json);
        json_end(w);
    }
    anthropic_end_block(aw, b);
}

static void put_thought(struct anthropic_writer *aw, const struct ir_block *b)
{
    struct json_writer *w = &aw->w;

    if (!anthropic_keeps_thought(b)) {
        anthropic_lose(aw, STR("thinking"));
        return;
    }
    if (b->kind == IR_REDACTED) {
        anthropic_begin_block(aw, STR("redacted_thinking"));
        json_key(w, "data");
        json_put_raw_str(w, b->thinking.text);
    } else {
        anthropic_begin_block(aw, STR("thinking"));
        json_key(w, "thinking");
        json_put_raw_str(w, b->thinking.text);
        json_key(w, "signature");
        json_put_raw_str(w, b->thinking.signature);
    }
    json_end(w);
}

static bool is_id_char(char c)
{
    char low = (char)(c | 0x20);

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Claude wants [a-zA-Z0-9_-]+; others number their calls "functions.get:0". */
static void put_id(struct anthropic_writer *aw, jtext id)
{
    size_t bad = 0;
    char *p;

    for (size_t i = 0; i < id.n; i++)
        bad += !is_id_char(id.p[i]);
    p = bad ? arena_alloc(aw->arena, id.n) : NULL;
    if (!p) { /* as it is: also where the arena is full, which ends the call later */
        json_put_raw_str(&aw->w, id.n ? id : STR("call"));
        return;
    }
    for (size_t i = 0; i < id.n; i++)
        p[i] = is_id_char(id.p[i]) ? id.p[i] : '_';
    json_put_raw_str(&aw->w, str_of(p, id.n));
}

/* The arguments as an object. What a model once wrote need not be JSON. */
static void put_input(struct anthropic_writer *aw, const struct ir_block *b)
{
    struct arena_mark mark = arena_mark(aw->arena);
    struct json_doc doc;
    bool fits = !b->is_custom && json_parse(aw->arena, b->use.args, &doc, NULL) == RC_OK &&
                json_is(json_root(&doc), JSON_OBJECT);

    arena_reset_to(aw->arena, mark);
    json_key(&aw->w, "input");
    if (fits) {
        json_put_text(&aw->w, b->use.args);
        return;
    }
    anthropic_lose(aw, b->is_custom ? STR("tool_calls.custom") : STR("tool_calls.arguments"));
    json_begin_object(&aw->w);
    json_key(&aw->w, "input");
    if (b->is_custom)
        json_put_raw_str(&aw->w, b->use.args);
    else
        json_put_str(&aw->w, b->use.args);
    json_end(&aw->w);
}

static void put_use(struct anthropic_writer *aw, const struct ir_block *b)
{
    anthropic_begin_block(aw, STR("tool_use"));
    json_key(&aw->w, "id");
    put_id(aw, b->use.id);
    json_key(&aw->w, "name");
    json_put_raw_str(&aw->w, b->use.name);
    put_input(aw, b);
    anthropic_end_block(aw, b);
}

static void put_result(struct anthropic_writer *aw, const struct ir_block *b)
{
    const struct ir_block *in = b->result.content;
    struct json_writer *w = &aw->w;

    anthropic_begin_block(aw, STR("tool_result"));
    json_key(w, "tool_use_id");
    put_id(aw, b->result.id);
    if (in && !in->next && in->kind == IR_TEXT && !in->cache.n) {
        json_key(w, "content");
        json_put_raw_str(w, in->text.text);
    } else if (in) {
        json_key(w, "content");
        json_begin_array(w);
        anthropic_put_nested(aw, in);
        json_end(w);
    }
    if (b->is_error) {
        json_key(w, "is_error");
        json_put_bool(w, true);
    }
    anthropic_end_block(aw, b);
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

/* Would put_block write anything? Not of what another vendor's own tools did, told by us in these
 * words or by it in its own: the answer that followed says what came of it. */
static bool says(const struct anthropic_writer *aw, const struct ir_block *b)
{
    if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
        return b->text.text.n > 0;
    if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
        return anthropic_keeps_thought(b);
    if (b->kind == IR_OPAQUE)
        return anthropic_own_words(aw) ? !str_has_prefix(b->opaque.id, STR(SERVER_BLOCK_MADE))
                                       : !str_has_suffix(b->opaque.type, STR("_call"));
    return true;
}

static void put_block(struct anthropic_writer *aw, const struct ir_block *b, bool assistant)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        if (b->text.text.n)
            put_text(aw, b, b->text.text, assistant);
        break;
    case IR_THINKING:
    case IR_REDACTED:
        put_thought(aw, b);
        break;
    case IR_IMAGE:
        anthropic_put_image(aw, b);
        break;
    case IR_DOCUMENT:
        anthropic_put_document(aw, b);
        break;
    case IR_AUDIO:
        anthropic_put_note(aw, STR("[a sound was here, which this model can't hear]"),
                           STR("input_audio"));
        break;
    case IR_TOOL_USE:
        put_use(aw, b);
        break;
    case IR_TOOL_RESULT:
        put_result(aw, b);
        break;
    case IR_OPAQUE:
        if (!says(aw, b))
            anthropic_lose(aw, b->opaque.type);
        else if (anthropic_own_words(aw))
            json_put_text(&aw->w, b->raw);
        else
            anthropic_put_note(aw, STR("[a part was here that this model can't read]"),
                               b->opaque.type);
        break;
    }
}

void anthropic_put_nested(struct anthropic_writer *aw, const struct ir_block *b)
{
    for (; b; b = b->next)
        put_block(aw, b, false);
}

static bool message_says(const struct anthropic_writer *aw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (says(aw, b))
            return true;
    return false;
}

/* ---- system -------------------------------------------------------------------------------------
 */

static bool is_system(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

static bool keeps_mid_system(const struct anthropic_writer *aw)
{
    return aw->c->opts->mid_system == MID_SYSTEM_KEEP;
}

/* Leading system messages become `system`; the turns begin behind them. NULL: there are none. */
static const struct ir_message *first_turn(const struct ir_request *r)
{
    const struct ir_message *m = r->messages;

    while (m && is_system(m))
        m = m->next;
    return m;
}

/* The schema, where the model can't be bound to it: asked for in words. */
static void put_schema_text(struct anthropic_writer *aw)
{
    anthropic_begin_block(aw, STR("text"));
    json_key(&aw->w, "text");
    json_open_str(&aw->w);
    json_add_raw(&aw->w, STR("Answer only with a JSON document that matches this JSON Schema:\\n"));
    json_add_plain(&aw->w, json_text(aw->r->format.schema));
    json_close_str(&aw->w);
    json_end(&aw->w);
}

void anthropic_put_system(struct anthropic_writer *aw)
{
    const struct ir_message *stop = first_turn(aw->r), *m;
    const struct ir_block *only = NULL;
    unsigned n = aw->schema_in_words;

    if (!stop)
        stop = aw->r->messages; /* nothing but system text: it becomes the user's */
    for (m = aw->r->messages; m != stop; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            if (says(aw, b)) {
                only = b;
                n++;
            }
    if (!n)
        return;
    json_key(&aw->w, "system");
    if (n == 1 && only && only->kind == IR_TEXT && !only->cache.n) {
        json_put_raw_str(&aw->w, only->text.text);
        return;
    }
    json_begin_array(&aw->w);
    for (m = aw->r->messages; m != stop; m = m->next)
        anthropic_put_nested(aw, m->blocks);
    if (aw->schema_in_words)
        put_schema_text(aw);
    json_end(&aw->w);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

static str wire_role(const struct anthropic_writer *aw, const struct ir_message *m)
{
    if (m->role == IR_ASSISTANT)
        return STR("assistant");
    return is_system(m) && keeps_mid_system(aw) ? STR("system") : STR("user");
}

static void begin_turn(struct anthropic_writer *aw, str role)
{
    json_begin_object(&aw->w);
    json_key(&aw->w, "role");
    json_put_raw_str(&aw->w, role);
    json_key(&aw->w, "content");
    json_begin_array(&aw->w);
}

static void end_turn(struct anthropic_writer *aw)
{
    json_end(&aw->w);
    json_end(&aw->w);
}

/* System text among the turns, for models that know it at the front only. */
static void put_mid_system(struct anthropic_writer *aw, const struct ir_message *m)
{
    anthropic_begin_block(aw, STR("text"));
    json_key(&aw->w, "text");
    json_open_str(&aw->w);
    json_add_raw(&aw->w, STR("<system>\\n"));
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_TEXT)
            json_add_raw(&aw->w, b->text.text);
    json_add_raw(&aw->w, STR("\\n</system>"));
    json_close_str(&aw->w);
    json_end(&aw->w);
    anthropic_lose(aw, STR("messages.role"));
}

/* Text that the model is to go on with may not end in white space. */
jtext anthropic_trimmed(jtext t)
{
    while (t.n) {
        char c = t.p[t.n - 1];

        if (c == ' ')
            t.n--;
        else if (t.n > 1 && t.p[t.n - 2] == '\\' && (c == 'n' || c == 't' || c == 'r') &&
                 !(t.n > 2 && t.p[t.n - 3] == '\\'))
            t.n -= 2;
        else
            break;
    }
    return t;
}

static void put_turn(struct anthropic_writer *aw, const struct ir_message *m)
{
    bool assistant = m->role == IR_ASSISTANT;

    if (m->name.n)
        anthropic_lose(aw, STR("messages.name"));
    if (is_system(m) && !keeps_mid_system(aw)) {
        put_mid_system(aw, m);
        return;
    }
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (assistant && !m->next && !b->next && b->kind == IR_TEXT) {
            if (anthropic_trimmed(b->text.text).n)
                put_text(aw, b, anthropic_trimmed(b->text.text), true);
        } else if (assistant && (b->kind == IR_IMAGE || b->kind == IR_DOCUMENT)) {
            anthropic_put_note(aw, STR("[a picture or file of the assistant's was here]"),
                               STR("messages.image"));
        } else {
            put_block(aw, b, assistant);
        }
    }
}

/* A turn of which nothing can be said is left out, and what it held is named: an empty one would be
 * refused. */
static void note_dropped(struct anthropic_writer *aw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            anthropic_lose(aw, STR("thinking"));
        else if (b->kind == IR_OPAQUE)
            anthropic_lose(aw, b->opaque.type);
}

void anthropic_put_messages(struct anthropic_writer *aw)
{
    const struct ir_message *m = first_turn(aw->r);
    bool only_system = !m && aw->r->messages;
    unsigned depth = aw->w.depth;
    str role = STR_NONE; /* of the turn that is open; absent: none is */

    json_begin_array(&aw->w);
    if (only_system) { /* only system text: put it to the model as a question */
        anthropic_lose(aw, STR("messages.role"));
        begin_turn(aw, STR("user"));
        for (m = aw->r->messages; m; m = m->next)
            anthropic_put_nested(aw, m->blocks);
        end_turn(aw);
    }
    for (; m; m = m->next) {
        str next = wire_role(aw, m);

        if (!message_says(aw, m)) {
            note_dropped(aw, m);
            continue;
        }
        if (!role.n && str_eq(next, STR("assistant"))) {
            begin_turn(aw, STR("user")); /* the first turn must be the user's */
            anthropic_put_note(aw, STR("(The assistant speaks first.)"), STR("messages.role"));
            end_turn(aw);
        }
        if (!str_eq(role, next)) {
            if (role.n)
                end_turn(aw);
            begin_turn(aw, next);
            role = next;
        }
        put_turn(aw, m);
    }
    if (!role.n && !only_system) { /* turns there were, but none with a word in it */
        begin_turn(aw, STR("user"));
        anthropic_put_note(aw, STR("(The user sent an empty message.)"), STR("messages.role"));
        role = STR("user");
    }
    if (role.n)
        end_turn(aw);
    json_end(&aw->w);
    ASSERT(aw->w.depth == depth); /* each turn that was begun was ended */
}

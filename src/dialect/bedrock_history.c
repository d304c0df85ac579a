/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_history.c - canonical messages as Converse's messages.
 *
 * Roles alternate, the first is the user's, results of tools stand in a user's turn, in order, and
 * no text is blank. A turn with a document needs words as well. Thoughts go back only to Claude and
 * with Claude's signature; a cache marker becomes a cache point behind its block.
 */
#include "dialect/bedrock_int.h"

#define ID_MAX 64 /* of a toolUseId */

/* ---- text and notes ----------------------------------------------------------------------------
 */

static void put_text(struct bedrock_writer *bw, jtext text)
{
    json_begin_object(&bw->a.w);
    json_key(&bw->a.w, "text");
    json_put_raw_str(&bw->a.w, text);
    json_end(&bw->a.w);
    bw->said_text = true;
}

void bedrock_put_text(struct bedrock_writer *bw, jtext text)
{
    if (!anthropic_is_blank(text))
        put_text(bw, text);
}

void bedrock_put_note(struct bedrock_writer *bw, str text, str loss)
{
    put_text(bw, text);
    anthropic_lose(&bw->a, loss);
}

/* ---- thoughts ----------------------------------------------------------------------------------
 */

static bool keeps_thought(const struct bedrock_writer *bw, const struct ir_block *b)
{
    return bedrock_may_be_claude(bw->maker) && anthropic_keeps_thought(b);
}

static void put_sealed(struct bedrock_writer *bw, jtext data)
{
    struct buf b = BUF_INIT(2 * data.n + 64);
    str blob;

    bedrock_seal(STR(""), data, &b);
    blob = b.failed ? STR("") : arena_dup(bw->a.arena, buf_str(&b));
    buf_fini(&b);
    json_key(&bw->a.w, "redactedContent");
    json_put_raw_str(&bw->a.w, blob);
}

static void put_thought(struct bedrock_writer *bw, const struct ir_block *b)
{
    struct json_writer *w = &bw->a.w;

    if (!keeps_thought(bw, b)) {
        anthropic_lose(&bw->a, STR("thinking"));
        return;
    }
    json_begin_object(w);
    json_key(w, "reasoningContent");
    json_begin_object(w);
    if (b->kind == IR_REDACTED) {
        put_sealed(bw, b->thinking.text);
    } else {
        json_key(w, "reasoningText");
        json_begin_object(w);
        json_key(w, "text");
        json_put_raw_str(w, b->thinking.text);
        json_key(w, "signature");
        json_put_raw_str(w, b->thinking.signature);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

/* ---- calls and results -------------------------------------------------------------------------
 */

static bool is_id_char(char c)
{
    char low = (char)(c | 0x20);

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* [a-zA-Z0-9_-]{1,64}: what others number differently is respelt, a call and its result alike; of
 * what is too long the end is kept, where ids differ. */
static void put_id(struct bedrock_writer *bw, jtext id)
{
    char *p = arena_alloc(bw->a.arena, ID_MAX);

    if (id.n > ID_MAX)
        id = str_from(id, id.n - ID_MAX);
    json_key(&bw->a.w, "toolUseId");
    if (!p || !id.n) {
        json_put_lit(&bw->a.w, "call");
        return;
    }
    for (size_t i = 0; i < id.n; i++)
        p[i] = is_id_char(id.p[i]) ? id.p[i] : '_';
    json_put_raw_str(&bw->a.w, str_of(p, id.n));
}

/* The arguments as an object. What a model once wrote need not be JSON. */
static void put_input(struct bedrock_writer *bw, const struct ir_block *b)
{
    struct arena_mark mark = arena_mark(bw->a.arena);
    struct json_doc doc;
    bool fits = !b->is_custom && json_parse(bw->a.arena, b->use.args, &doc, NULL) == RC_OK &&
                json_is(json_root(&doc), JSON_OBJECT);

    arena_reset_to(bw->a.arena, mark);
    json_key(&bw->a.w, "input");
    if (fits) {
        json_put_text(&bw->a.w, b->use.args);
        return;
    }
    anthropic_lose(&bw->a, b->is_custom ? STR("tool_calls.custom") : STR("tool_calls.arguments"));
    json_begin_object(&bw->a.w);
    json_key(&bw->a.w, "input");
    if (b->is_custom)
        json_put_raw_str(&bw->a.w, b->use.args);
    else
        json_put_str(&bw->a.w, b->use.args);
    json_end(&bw->a.w);
}

static void put_use(struct bedrock_writer *bw, const struct ir_block *b)
{
    struct json_writer *w = &bw->a.w;

    json_begin_object(w);
    json_key(w, "toolUse");
    json_begin_object(w);
    put_id(bw, b->use.id);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    put_input(bw, b);
    json_end(w);
    json_end(w);
}

static bool says(const struct bedrock_writer *bw, const struct ir_block *b);

static void put_result(struct bedrock_writer *bw, const struct ir_block *b)
{
    struct json_writer *w = &bw->a.w;
    bool any = false, said_text = bw->said_text;

    for (const struct ir_block *in = b->result.content; in; in = in->next)
        any |= says(bw, in);
    json_begin_object(w);
    json_key(w, "toolResult");
    json_begin_object(w);
    put_id(bw, b->result.id);
    json_key(w, "content");
    json_begin_array(w);
    bedrock_put_nested(bw, b->result.content);
    if (!any)
        put_text(bw, STR("(empty)")); /* a result without content is refused by some models */
    bw->said_text = said_text;
    json_end(w);
    if (b->is_error) { /* success is what is assumed, and not all models know the member */
        json_key(w, "status");
        json_put_lit(w, "error");
    }
    json_end(w);
    json_end(w);
}

/* ---- search results ----------------------------------------------------------------------------
 */

static void put_search_result(struct bedrock_writer *bw, jval root)
{
    struct json_writer *w = &bw->a.w;
    struct json_iter it = json_iter(json_get_lit(root, "content"));
    jval citations = json_get_lit(root, "citations");

    json_begin_object(w);
    json_key(w, "searchResult");
    json_begin_object(w);
    json_key(w, "source");
    json_put_raw_str(w, json_raw(json_get_lit(root, "source")));
    json_key(w, "title");
    json_put_raw_str(w, json_raw(json_get_lit(root, "title")));
    json_key(w, "content");
    json_begin_array(w);
    while (json_next(&it))
        bedrock_put_text(bw, json_raw(json_get_lit(it.val, "text")));
    json_end(w);
    if (json_is(citations, JSON_OBJECT)) {
        json_key(w, "citations");
        json_put_text(w, json_text(citations));
    }
    json_end(w);
    json_end(w);
}

/* Of what Anthropic's clients alone send, Converse has words for search results, Claude's too. */
static void put_opaque(struct bedrock_writer *bw, const struct ir_block *b)
{
    struct json_doc doc;

    if (bedrock_may_be_claude(bw->maker) && str_eq(b->opaque.type, STR("search_result")) &&
        str_eq(bw->a.r->family, STR(ANTHROPIC_FAMILY)) &&
        json_parse(bw->a.arena, b->raw, &doc, NULL) == RC_OK)
        put_search_result(bw, json_root(&doc));
    else
        bedrock_put_note(bw, STR("[a part was here that this model can't read]"), b->opaque.type);
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

static void put_block(struct bedrock_writer *bw, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        bedrock_put_text(bw, b->text.text);
        break;
    case IR_THINKING:
    case IR_REDACTED:
        put_thought(bw, b);
        return; /* no cache point may follow */
    case IR_IMAGE:
        bedrock_put_image(bw, b);
        return; /* with its cache point */
    case IR_DOCUMENT:
        bedrock_put_document(bw, b);
        return;
    case IR_AUDIO:
        bedrock_put_note(bw, STR("[a sound was here, which this model can't hear]"),
                         STR("input_audio"));
        break;
    case IR_TOOL_USE:
        put_use(bw, b);
        break;
    case IR_TOOL_RESULT:
        put_result(bw, b);
        break;
    case IR_OPAQUE:
        put_opaque(bw, b);
        break;
    }
    if (says(bw, b))
        bedrock_put_cache(bw, b->cache);
}

void bedrock_put_nested(struct bedrock_writer *bw, const struct ir_block *b)
{
    bool caches = bw->caches, document = bw->said_document;

    bw->caches = false; /* cache points stand between the blocks of a turn only */
    for (; b; b = b->next)
        if (b->kind != IR_THINKING && b->kind != IR_REDACTED)
            put_block(bw, b);
    bw->caches = caches;
    bw->said_document = document;
}

/* A document that becomes text may have none. */
static bool document_says(const struct bedrock_writer *bw, const struct ir_media *m)
{
    if (bedrock_may_be_claude(bw->maker) || (m->src != IR_MEDIA_TEXT && m->src != IR_MEDIA_BLOCKS))
        return true;
    if (!anthropic_is_blank(m->title) || !anthropic_is_blank(m->context))
        return true;
    if (m->src == IR_MEDIA_TEXT)
        return !anthropic_is_blank(m->data);
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (says(bw, b))
            return true;
    return false;
}

/* Would put_block write anything? */
static bool says(const struct bedrock_writer *bw, const struct ir_block *b)
{
    if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
        return !anthropic_is_blank(b->text.text);
    if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
        return keeps_thought(bw, b);
    return b->kind != IR_DOCUMENT || document_says(bw, &b->media);
}

static bool message_says(const struct bedrock_writer *bw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (says(bw, b))
            return true;
    return false;
}

/* ---- system ------------------------------------------------------------------------------------
 */

static bool is_system(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

static const struct ir_message *first_turn(const struct ir_request *r)
{
    const struct ir_message *m = r->messages;

    while (m && is_system(m))
        m = m->next;
    return m;
}

static void put_schema_text(struct bedrock_writer *bw)
{
    struct json_writer *w = &bw->a.w;

    json_begin_object(w);
    json_key(w, "text");
    json_open_str(w);
    json_add_raw(w, STR("Answer only with a JSON document that matches this JSON Schema:\\n"));
    json_add_plain(w, json_text(bw->a.r->format.schema));
    json_close_str(w);
    json_end(w);
}

void bedrock_put_system(struct bedrock_writer *bw)
{
    const struct ir_message *stop = first_turn(bw->a.r), *m;
    bool any = bw->a.schema_in_words;

    if (!stop)
        stop = bw->a.r->messages; /* nothing but system text: it becomes the user's */
    for (m = bw->a.r->messages; m != stop; m = m->next)
        any |= message_says(bw, m);
    if (!any)
        return;
    json_key(&bw->a.w, "system");
    json_begin_array(&bw->a.w);
    for (m = bw->a.r->messages; m != stop; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            put_block(bw, b);
    if (bw->a.schema_in_words)
        put_schema_text(bw);
    json_end(&bw->a.w);
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static void begin_turn(struct bedrock_writer *bw, str role)
{
    json_begin_object(&bw->a.w);
    json_key(&bw->a.w, "role");
    json_put_raw_str(&bw->a.w, role);
    json_key(&bw->a.w, "content");
    json_begin_array(&bw->a.w);
    bw->said_text = bw->said_document = false;
}

static void end_turn(struct bedrock_writer *bw, str marker)
{
    if (bw->said_document && !bw->said_text)
        put_text(bw, STR("See the document."));
    bedrock_put_cache(bw, marker);
    json_end(&bw->a.w);
    json_end(&bw->a.w);
}

/* System text among the turns. */
static void put_mid_system(struct bedrock_writer *bw, const struct ir_message *m)
{
    struct json_writer *w = &bw->a.w;

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
    bw->said_text = true;
    anthropic_lose(&bw->a, STR("messages.role"));
}

static void put_turn(struct bedrock_writer *bw, const struct ir_message *m)
{
    bool assistant = m->role == IR_ASSISTANT;

    if (m->name.n)
        anthropic_lose(&bw->a, STR("messages.name"));
    if (is_system(m)) {
        put_mid_system(bw, m);
        return;
    }
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (assistant && (b->kind == IR_IMAGE || b->kind == IR_DOCUMENT))
            bedrock_put_note(bw, STR("[a picture or file of the assistant's was here]"),
                             STR("messages.image"));
        else if (assistant && !m->next && !b->next && b->kind == IR_TEXT)
            bedrock_put_text(bw, anthropic_trimmed(b->text.text));
        else
            put_block(bw, b);
    }
}

static void note_dropped(struct bedrock_writer *bw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            anthropic_lose(&bw->a, STR("thinking"));
}

static str wire_role(const struct ir_message *m)
{
    return m->role == IR_ASSISTANT ? STR("assistant") : STR("user");
}

/* Only system text: put it to the model as a question. */
static void put_lone_system(struct bedrock_writer *bw)
{
    begin_turn(bw, STR("user"));
    for (const struct ir_message *m = bw->a.r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            put_block(bw, b);
    end_turn(bw, STR_NONE);
    anthropic_lose(&bw->a, STR("messages.role"));
}

void bedrock_put_messages(struct bedrock_writer *bw)
{
    const struct ir_message *m = first_turn(bw->a.r);
    bool only_system = !m && bw->a.r->messages;
    str role = STR_NONE;

    json_begin_array(&bw->a.w);
    if (only_system)
        put_lone_system(bw);
    for (; m; m = m->next) {
        str next = wire_role(m);

        if (!message_says(bw, m)) {
            note_dropped(bw, m);
            continue;
        }
        if (!role.n && m->role == IR_ASSISTANT) { /* the first turn must be the user's */
            begin_turn(bw, STR("user"));
            bedrock_put_note(bw, STR("(The assistant speaks first.)"), STR("messages.role"));
            end_turn(bw, STR_NONE);
        }
        if (!str_eq(role, next)) {
            if (role.n)
                end_turn(bw, STR_NONE);
            begin_turn(bw, next);
            role = next;
        }
        put_turn(bw, m);
    }
    if (!role.n && !only_system) { /* turns there were, but none with a word in it */
        begin_turn(bw, STR("user"));
        bedrock_put_note(bw, STR("(The user sent an empty message.)"), STR("messages.role"));
        role = STR("user");
    }
    if (role.n)
        end_turn(bw, bw->a.r->cache);
    json_end(&bw->a.w);
}

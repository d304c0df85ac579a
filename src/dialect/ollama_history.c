/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ollama_history.c - canonical messages as Ollama's.
 *
 * Content is one text, with pictures beside it as plain base64. A result is a message that names
 * its tool; ids mean something to newer servers only, so both go. Thoughts go back in `thinking`.
 */
#include "dialect/media.h"
#include "dialect/ollama_int.h"
#include "dialect/search_result.h"

#define GAP "\\n\\n" /* between blocks that become one text; escaped */
#define SEARCHES_MAX \
    64 /* of the whole history, for names of calls that are not where they belong */

static void lose(struct ollama_writer *ow, str name)
{
    ir_lossy_add(ow->lossy, name);
}

static void begin_message(struct ollama_writer *ow, str role)
{
    json_begin_object(&ow->w);
    json_key(&ow->w, "role");
    json_put_raw_str(&ow->w, role);
}

/* ---- content ------------------------------------------------------------------------------------
 */

static bool is_picture(const struct ir_block *b)
{
    return b->kind == IR_IMAGE && b->media.src == IR_MEDIA_BASE64;
}

/* A server of one's own fetches nothing; files it can't read at all. */
bool ollama_wants_bytes(const struct ir_block *b)
{
    return b->kind == IR_IMAGE;
}

/* What stands in the text for a block that can't be shown. Absent: the block is none of these. */
static str absence(struct ollama_writer *ow, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_IMAGE: /* by its address or id: a server of one's own fetches nothing */
        lose(ow, b->media.src == IR_MEDIA_FILE_ID ? STR("image.file_id") : STR("image.url"));
        return STR("[an image was here, which this model can't see]");
    case IR_AUDIO:
        lose(ow, STR("input_audio"));
        return STR("[a sound was here, which this model can't hear]");
    case IR_DOCUMENT:
        lose(ow, b->media.src == IR_MEDIA_URL ? STR("document.url") : STR("document"));
        return STR("[a file was here, which this model can't read]");
    case IR_TEXT:
    case IR_THINKING:
    case IR_REDACTED:
    case IR_REFUSAL:
    case IR_TOOL_USE:
    case IR_TOOL_RESULT:
    case IR_OPAQUE:
        break;
    }
    return STR_NONE;
}

static void add_blocks(struct ollama_writer *ow, const struct ir_block *b, str gap, bool *any);

static void add_piece(struct ollama_writer *ow, str gap, jtext text, bool *any)
{
    if (!text.n)
        return;
    if (*any)
        json_add_raw(&ow->w, gap);
    json_add_raw(&ow->w, text);
    *any = true;
}

static void add_document(struct ollama_writer *ow, const struct ir_block *b, str gap, bool *any)
{
    const struct ir_media *m = &b->media;

    if (m->src != IR_MEDIA_TEXT && m->src != IR_MEDIA_BLOCKS) {
        add_piece(ow, gap, absence(ow, b), any);
        return;
    }
    add_piece(ow, gap, m->title, any);
    add_piece(ow, gap, m->context, any);
    if (m->src == IR_MEDIA_TEXT)
        add_piece(ow, gap, m->data, any);
    else
        add_blocks(ow, m->blocks, gap, any);
    if (str_find(m->citations, STR("true")) != SIZE_MAX)
        lose(ow, STR("citations"));
}

/* A block of the source dialect's own. Search results are text in all but name. */
static void add_opaque(struct ollama_writer *ow, const struct ir_block *b, str gap, bool *any)
{
    struct search_result found;

    if (!search_result_read(b, ow->arena, &found)) {
        lose(ow, b->opaque.type);
        return;
    }
    add_piece(ow, gap, found.title, any);
    add_piece(ow, gap, found.source, any);
    while (json_next(&found.content))
        add_piece(ow, gap, json_raw(json_get_lit(found.content.val, "text")), any);
}

/* All that is text, onto an open string. */
static void add_blocks(struct ollama_writer *ow, const struct ir_block *b, str gap, bool *any)
{
    for (; b; b = b->next) {
        if (b->cache.n)
            lose(ow, STR("cache_control"));
        if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
            add_piece(ow, gap, b->text.text, any);
        else if (b->kind == IR_DOCUMENT)
            add_document(ow, b, gap, any);
        else if (b->kind == IR_OPAQUE)
            add_opaque(ow, b, gap, any);
        else if (!is_picture(b))
            add_piece(ow, gap, absence(ow, b), any);
    }
}

static void put_content(struct ollama_writer *ow, const struct ir_block *b, str gap)
{
    bool any = false;

    json_key(&ow->w, "content");
    json_open_str(&ow->w);
    add_blocks(ow, b, gap, &any);
    json_close_str(&ow->w);
}

static void add_pictures(struct ollama_writer *ow, const struct ir_block *b, bool *any)
{
    for (; b; b = b->next) {
        if (b->kind == IR_DOCUMENT && b->media.src == IR_MEDIA_BLOCKS)
            add_pictures(ow, b->media.blocks, any);
        if (!is_picture(b))
            continue;
        if (!*any) {
            json_key(&ow->w, "images");
            json_begin_array(&ow->w);
            *any = true;
        }
        json_put_raw_str(&ow->w, b->media.data);
        if (b->media.detail.n && !str_eq(b->media.detail, STR("auto")))
            lose(ow, STR("image.detail"));
    }
}

static void put_pictures(struct ollama_writer *ow, const struct ir_block *b)
{
    bool any = false;

    add_pictures(ow, b, &any);
    if (any)
        json_end(&ow->w);
}

/* ---- calls and results --------------------------------------------------------------------------
 */

static jtext name_in(const struct ir_message *m, jtext id)
{
    for (const struct ir_block *b = m ? m->blocks : NULL; b; b = b->next)
        if (b->kind == IR_TOOL_USE && str_eq(b->use.id, id))
            return b->use.name;
    return STR_NONE;
}

/* The tool whose result this is: the source says it, or the call with this id. */
static jtext name_of(struct ollama_writer *ow, const struct ir_block *result)
{
    jtext name =
        result->result.name.n ? result->result.name : name_in(ow->calls, result->result.id);

    if (name.n || ow->searches >= SEARCHES_MAX)
        return name;
    ow->searches++;
    for (const struct ir_message *m = ow->r->messages; m && !name.n; m = m->next)
        name = name_in(m, result->result.id);
    return name;
}

static void put_result(struct ollama_writer *ow, const struct ir_block *b)
{
    jtext name = name_of(ow, b);

    begin_message(ow, STR("tool"));
    if (name.n) {
        json_key(&ow->w, "tool_name");
        json_put_raw_str(&ow->w, name);
    }
    if (b->result.id.n) {
        json_key(&ow->w, "tool_call_id");
        json_put_raw_str(&ow->w, b->result.id);
    }
    put_content(ow, b->result.content, STR("\\n"));
    put_pictures(ow, b->result.content);
    json_end(&ow->w);
    if (b->is_error)
        lose(ow, STR("tool_result.is_error"));
    if (b->cache.n)
        lose(ow, STR("cache_control"));
}

/* The arguments as an object. What a model once wrote need not be JSON. */
static void put_arguments(struct ollama_writer *ow, const struct ir_block *b)
{
    struct arena_mark mark = arena_mark(ow->arena);
    struct json_doc doc;
    bool fits = !b->is_custom && json_parse(ow->arena, b->use.args, &doc, NULL) == RC_OK &&
                json_is(json_root(&doc), JSON_OBJECT);

    arena_reset_to(ow->arena, mark);
    if (fits) {
        json_put_text(&ow->w, b->use.args);
        return;
    }
    lose(ow, b->is_custom ? STR("tool_calls.custom") : STR("tool_calls.arguments"));
    json_begin_object(&ow->w);
    json_key(&ow->w, "input");
    if (b->is_custom)
        json_put_raw_str(&ow->w, b->use.args);
    else
        json_put_str(&ow->w, b->use.args);
    json_end(&ow->w);
}

static void put_call(struct ollama_writer *ow, const struct ir_block *b)
{
    struct json_writer *w = &ow->w;

    json_begin_object(w);
    if (b->use.id.n) {
        json_key(w, "id");
        json_put_raw_str(w, b->use.id);
    }
    json_key(w, "type");
    json_put_lit(w, "function");
    json_key(w, "function");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    json_key(w, "arguments");
    put_arguments(ow, b);
    json_end(w);
    json_end(w);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

static void put_thoughts(struct ollama_writer *ow, const struct ir_block *blocks)
{
    bool words = false;

    for (const struct ir_block *b = blocks; b; b = b->next) {
        words |= b->kind == IR_THINKING && b->thinking.text.n;
        if (b->kind == IR_REDACTED || (b->kind == IR_THINKING && b->thinking.signature.n))
            lose(ow, STR("thinking"));
    }
    if (!words)
        return;
    json_key(&ow->w, "thinking");
    json_open_str(&ow->w);
    for (const struct ir_block *b = blocks; b; b = b->next)
        if (b->kind == IR_THINKING)
            json_add_raw(&ow->w, b->thinking.text);
    json_close_str(&ow->w);
}

static void put_assistant(struct ollama_writer *ow, const struct ir_message *m)
{
    bool calls = false;

    begin_message(ow, STR("assistant"));
    put_content(ow, m->blocks, STR("")); /* pieces of one answer, cut where a citation stood */
    put_thoughts(ow, m->blocks);
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->kind != IR_TOOL_USE)
            continue;
        if (!calls) {
            json_key(&ow->w, "tool_calls");
            json_begin_array(&ow->w);
            calls = true;
        }
        put_call(ow, b);
    }
    if (calls) {
        json_end(&ow->w);
        ow->calls = m;
    }
    json_end(&ow->w);
}

static void put_user(struct ollama_writer *ow, const struct ir_message *m)
{
    bool results = false, others = false;

    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        results |= b->kind == IR_TOOL_RESULT;
        others |= b->kind != IR_TOOL_RESULT;
        if (b->kind == IR_TOOL_RESULT)
            put_result(ow, b);
    }
    if (results && !others)
        return;
    begin_message(ow, STR("user"));
    put_content(ow, m->blocks, STR(GAP));
    put_pictures(ow, m->blocks);
    json_end(&ow->w);
    if (m->name.n)
        lose(ow, STR("messages.name"));
}

/* System text among the turns, for templates that know it at the front only. */
static void put_system(struct ollama_writer *ow, const struct ir_message *m, bool leading)
{
    bool any = false, moved = !leading && ow->c->opts->mid_system != MID_SYSTEM_KEEP;

    begin_message(ow, moved ? STR("user") : STR("system"));
    json_key(&ow->w, "content");
    json_open_str(&ow->w);
    if (moved)
        json_add_raw(&ow->w, STR("<system>\\n"));
    add_blocks(ow, m->blocks, STR(GAP), &any);
    if (moved)
        json_add_raw(&ow->w, STR("\\n</system>"));
    json_close_str(&ow->w);
    json_end(&ow->w);
    if (moved)
        lose(ow, STR("messages.role"));
}

void ollama_put_messages(struct ollama_writer *ow)
{
    bool leading = true;

    json_begin_array(&ow->w);
    for (const struct ir_message *m = ow->r->messages; m; m = m->next) {
        leading &= m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
        switch (m->role) {
        case IR_SYSTEM:
        case IR_DEVELOPER:
            put_system(ow, m, leading);
            break;
        case IR_ASSISTANT: /* the last of all is gone on with: Ollama's own way of a prefill */
            put_assistant(ow, m);
            break;
        case IR_USER:
        case IR_TOOL:
            put_user(ow, m);
            break;
        }
    }
    json_end(&ow->w);
}

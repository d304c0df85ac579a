/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_history.c - canonical messages as Chat messages.
 *
 * Chat is the poorer language here: results of tools become messages of their own right behind the
 * calls, and pictures in results follow in a user message, for a tool message holds text only:
 *
 *     user [ result A(text, image), result B, text ]
 *       →  tool A "…"   tool B "…"   user [ "Attached to the result of A:", image ]   user "text"
 *
 * What has no words here is named in the lossy set.
 */
#include "base/hash.h"
#include "dialect/model_name.h"
#include "dialect/openai_chat_int.h"

void chat_put_seal(struct json_writer *w, jtext seal)
{
    json_key(w, "extra_content");
    json_begin_object(w);
    json_key(w, "google");
    json_begin_object(w);
    json_key(w, "thought_signature");
    json_put_raw_str(w, seal);
    json_end(w);
    json_end(w);
}

#define SHORT_ID 9 /* what Mistral's older models take for an id */

static void begin_message(struct chat_writer *cw, str role)
{
    json_begin_object(&cw->w);
    json_key(&cw->w, "role");
    json_put_raw_str(&cw->w, role);
}

/* ---- ids of calls -------------------------------------------------------------------------------
 */

static bool is_short_id(jtext id)
{
    for (size_t i = 0; i < id.n; i++) {
        char low = (char)(id.p[i] | 0x20);

        if (!(low >= 'a' && low <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9'))
            return false;
    }
    return id.n == SHORT_ID;
}

/* Nine letters and digits made of the id: the same for a call and its result. */
static void put_id(struct chat_writer *cw, jtext id)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint64_t h = hash_fnv(HASH_FNV, id); /* only its own neighbours matter */
    char made[SHORT_ID];

    if (!(cw->c->opts->refused & REFUSES(LONG_IDS)) || is_short_id(id)) {
        json_put_raw_str(&cw->w, id);
        return;
    }
    for (size_t i = 0; i < SHORT_ID; i++, h /= 62)
        made[i] = digits[h % 62];
    json_open_str(&cw->w);
    json_add_plain(&cw->w, str_of(made, SHORT_ID)); /* copies */
    json_close_str(&cw->w);
}

/* ---- results of tools ---------------------------------------------------------------------------
 */

static bool has_media(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (chat_is_media(b))
            return true;
    return false;
}

static void put_result(struct chat_writer *cw, const struct ir_block *b)
{
    const struct ir_block *in = b->result.content;

    begin_message(cw, STR("tool"));
    json_key(&cw->w, "tool_call_id");
    put_id(cw, b->result.id);
    json_key(&cw->w, "content");
    if (has_media(in) && !cw->c->opts->text_only_parts && !chat_has_text(in)) {
        json_put_lit(&cw->w, "(The result is attached to the next message.)");
    } else {
        json_open_str(&cw->w);
        for (bool any = false; in; in = in->next) {
            if (chat_is_text(in))
                any |= chat_add_text(&cw->w, in, any ? STR("\\n") : STR(""));
            else if (in->kind == IR_OPAQUE)
                chat_lose(cw, in->opaque.type);
        }
        json_close_str(&cw->w);
    }
    json_end(&cw->w);
    if (b->is_error)
        chat_lose(cw, STR("tool_result.is_error"));
    if (b->cache.n)
        chat_lose(cw, STR("cache_control"));
}

static void put_attachments(struct chat_writer *cw, const struct ir_block *result)
{
    const struct ir_block *b = result->result.content;

    if (!has_media(b))
        return;
    chat_lose(cw,
              cw->c->opts->text_only_parts ? STR("tool_result.image") : STR("tool_result.content"));
    if (cw->c->opts->text_only_parts)
        return;
    begin_message(cw, STR("user"));
    json_key(&cw->w, "content");
    json_begin_array(&cw->w);
    json_begin_object(&cw->w);
    json_key(&cw->w, "type");
    json_put_lit(&cw->w, "text");
    json_key(&cw->w, "text");
    json_open_str(&cw->w);
    json_add_raw(&cw->w, STR("Attached to the result of tool call "));
    json_add_raw(&cw->w, result->result.id);
    json_add_raw(&cw->w, STR(":"));
    json_close_str(&cw->w);
    json_end(&cw->w);
    for (; b; b = b->next)
        if (chat_is_media(b))
            chat_put_part(cw, b);
    json_end(&cw->w);
    json_end(&cw->w);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

static void put_user(struct chat_writer *cw, const struct ir_message *m)
{
    const struct ir_block *b;
    bool results = false, others = false;

    for (b = m->blocks; b; b = b->next) {
        results |= b->kind == IR_TOOL_RESULT;
        others |= b->kind != IR_TOOL_RESULT;
        if (b->kind == IR_TOOL_RESULT)
            put_result(cw, b);
    }
    for (b = m->blocks; results && b; b = b->next)
        if (b->kind == IR_TOOL_RESULT)
            put_attachments(cw, b);
    if (!others && results)
        return;
    begin_message(cw, STR("user"));
    if (m->name.n && (cw->c->opts->refused & REFUSES(MESSAGE_NAME))) {
        chat_lose(cw, STR("messages.name"));
    } else if (m->name.n) {
        json_key(&cw->w, "name");
        json_put_raw_str(&cw->w, m->name);
    }
    chat_put_content(cw, m->blocks);
    json_end(&cw->w);
}

static void put_details(struct chat_writer *cw, const struct ir_block *b)
{
    struct json_writer *w = &cw->w;

    json_key(w, "reasoning_details");
    json_begin_array(w);
    for (uint64_t i = 0; b; b = b->next) {
        if (b->kind != IR_THINKING && b->kind != IR_REDACTED)
            continue;
        json_begin_object(w);
        json_key(w, "type");
        if (b->kind == IR_REDACTED) {
            json_put_lit(w, "reasoning.encrypted");
            json_key(w, "data");
            json_put_raw_str(w, b->thinking.text);
        } else {
            json_put_lit(w, "reasoning.text");
            json_key(w, "text");
            json_put_raw_str(w, b->thinking.text);
            if (b->thinking.signature.n) {
                json_key(w, "signature");
                json_put_raw_str(w, b->thinking.signature);
            }
        }
        if (b->thinking.format.n) {
            json_key(w, "format");
            json_put_raw_str(w, b->thinking.format);
        }
        json_key(w, "index");
        json_put_u64(w, i++);
        json_end(w);
    }
    json_end(w);
}

static void put_thoughts(struct chat_writer *cw, const struct ir_block *blocks)
{
    const struct ir_block *b;
    bool any = false, words = false, sealed = false;

    for (b = blocks; b; b = b->next) {
        any |= b->kind == IR_THINKING || b->kind == IR_REDACTED;
        words |= b->kind == IR_THINKING && b->thinking.text.n;
        sealed |= b->kind == IR_REDACTED || (b->kind == IR_THINKING && b->thinking.signature.n);
    }
    if (!any)
        return;
    if (cw->replay ==
        REPLAY_PARTS) { /* … or they stand in the content, which has none for a seal */
        if (sealed)
            chat_lose(cw, STR("thinking"));
        return;
    }
    if (cw->replay == REPLAY_DETAILS) {
        put_details(cw, blocks);
        return;
    }
    chat_lose(cw, STR("thinking"));
    if (cw->replay == REPLAY_NONE || !words)
        return;
    json_key_str(&cw->w,
                 cw->replay == REPLAY_CONTENT ? STR("reasoning_content") : STR("reasoning"));
    json_open_str(&cw->w);
    for (b = blocks; b; b = b->next)
        if (b->kind == IR_THINKING)
            json_add_raw(&cw->w, b->thinking.text);
    json_close_str(&cw->w);
}

/* Gemini's seal on a call, where the model is Gemini's: others refuse a member they don't know. */
static void put_call_seal(struct chat_writer *cw, const struct ir_block *b)
{
    if (!b->use.sealed.n)
        return;
    if (model_is_gemini(cw->c->model))
        chat_put_seal(&cw->w, b->use.sealed);
    else
        chat_lose(cw, STR("thinking"));
}

/* A call of a custom tool where there are none: its text as the one argument of a function. */
static void put_text_call(struct chat_writer *cw, const struct ir_block *b)
{
    struct json_writer *w = &cw->w;

    chat_lose(cw, STR("tool_calls.custom"));
    json_key(w, "function");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    json_key(w, "arguments");
    json_open_str(w);
    json_add_plain(w, STR("{\"input\":\""));
    json_add_plain(w, b->use.args); /* escaped once more: JSON text within a string */
    json_add_plain(w, STR("\"}"));
    json_close_str(w);
    json_end(w);
    json_end(w);
}

static void put_call(struct chat_writer *cw, const struct ir_block *b)
{
    bool custom = b->is_custom && chat_takes_custom(cw);
    struct json_writer *w = &cw->w;

    json_begin_object(w);
    json_key(w, "id");
    put_id(cw, b->use.id);
    json_key(w, "type");
    json_put_raw_str(w, custom ? STR("custom") : STR("function"));
    if (b->is_custom && !custom) {
        put_text_call(cw, b);
        return;
    }
    json_key_str(w, custom ? STR("custom") : STR("function"));
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    if (custom) {
        json_key(w, "input");
        json_put_raw_str(w, b->use.args);
    } else {
        json_key(w, "arguments");
        json_open_str(w);
        json_add_plain(w, b->use.args);
        json_close_str(w);
    }
    json_end(w);
    put_call_seal(cw, b);
    json_end(w);
}

static bool has_thoughts(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (b->kind == IR_THINKING && b->thinking.text.n)
            return true;
    return false;
}

/* What is put on an answer that was begun, so that it is gone on with; NULL: nothing. */
static const char *prefill_mark(const struct chat_writer *cw)
{
    const enum dialect_prefill way = cw->c->opts->prefill;

    if (cw->ways->prefix || way == PREFILL_PREFIX)
        return "prefix";
    return way == PREFILL_PARTIAL ? "partial" : NULL;
}

static void put_assistant(struct chat_writer *cw, const struct ir_message *m)
{
    const struct ir_block *b;
    bool calls = false;

    for (b = m->blocks; b; b = b->next)
        calls |= b->kind == IR_TOOL_USE;
    begin_message(cw, STR("assistant"));
    put_thoughts(cw, m->blocks);
    json_key(&cw->w, "content");
    if (cw->replay == REPLAY_PARTS && has_thoughts(m->blocks)) {
        chat_put_thinking_parts(cw, m->blocks);
    } else if (calls && !chat_has_text(m->blocks)) {
        if (cw->ways->never_null)
            json_put_lit(&cw->w, "");
        else
            json_put_null(&cw->w);
        for (b = m->blocks; b; b = b->next)
            if (b->kind == IR_OPAQUE)
                chat_lose(cw, b->opaque.type);
    } else {
        chat_put_joined(cw, m->blocks,
                        STR("")); /* pieces of one answer, cut where a citation stood */
    }
    if (calls) {
        json_key(&cw->w, "tool_calls");
        json_begin_array(&cw->w);
        for (b = m->blocks; b; b = b->next)
            if (b->kind == IR_TOOL_USE)
                put_call(cw, b);
        json_end(&cw->w);
    }
    if (!m->next && prefill_mark(cw)) {
        json_key_str(&cw->w, str_c(prefill_mark(cw)));
        json_put_bool(&cw->w, true);
    }
    json_end(&cw->w);
}

/* Nothing in it but blocks of another dialect's own: hosted tools at work. */
static bool is_foreign(const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind != IR_OPAQUE)
            return false;
    return m->blocks != NULL;
}

/* System text among the turns, for templates that know it at the front only. */
static void put_mid_system(struct chat_writer *cw, const struct ir_message *m)
{
    chat_lose(cw, STR("messages.role"));
    begin_message(cw, STR("user"));
    json_key(&cw->w, "content");
    json_open_str(&cw->w);
    json_add_raw(&cw->w, STR("<system>\\n"));
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_TEXT)
            json_add_raw(&cw->w, b->text.text);
    json_add_raw(&cw->w, STR("\\n</system>"));
    json_close_str(&cw->w);
    json_end(&cw->w);
}

/* The developer's role is OpenAI's name for the system's; others know the old one only. */
static void put_system(struct chat_writer *cw, const struct ir_message *m, bool leading)
{
    bool developer = m->role == IR_DEVELOPER && cw->c->opts->developer;

    if (!leading && cw->c->opts->mid_system != MID_SYSTEM_KEEP) {
        put_mid_system(cw, m);
        return;
    }
    begin_message(cw, developer ? STR("developer") : STR("system"));
    chat_put_content(cw, m->blocks);
    json_end(&cw->w);
}

/* Marks on blocks that have no place here, wherever the block itself goes. */
static void note_marks(struct chat_writer *cw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->cache.n && !cw->c->opts->cache_markers)
            chat_lose(cw, STR("cache_control"));
        if (b->kind == IR_DOCUMENT && str_find(b->media.citations, STR("true")) != SIZE_MAX)
            chat_lose(cw, STR("citations"));
    }
}

bool chat_schema_in_words(const struct chat_writer *cw)
{
    return cw->r->format.kind == IR_FORMAT_SCHEMA && (cw->c->opts->refused & REFUSES(SCHEMA));
}

/* Servers that know a JSON mode but no schema want the word JSON in the prompt besides. */
static void put_schema_text(struct chat_writer *cw)
{
    chat_lose(cw, STR("response_format"));
    begin_message(cw, STR("system"));
    json_key(&cw->w, "content");
    json_open_str(&cw->w);
    json_add_raw(&cw->w, STR("Answer only with a JSON document that matches this JSON Schema:\\n"));
    json_add_plain(&cw->w, json_text(cw->r->format.schema));
    json_close_str(&cw->w);
    json_end(&cw->w);
}

void chat_put_messages(struct chat_writer *cw)
{
    bool leading = true;

    json_begin_array(&cw->w);
    if (chat_schema_in_words(cw))
        put_schema_text(cw);
    for (const struct ir_message *m = cw->r->messages; m; m = m->next) {
        note_marks(cw, m);
        leading &= m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
        switch (m->role) {
        case IR_SYSTEM:
        case IR_DEVELOPER:
            put_system(cw, m, leading);
            break;
        case IR_ASSISTANT:
            if (is_foreign(m)) {
                for (const struct ir_block *b = m->blocks; b; b = b->next)
                    chat_lose(cw, b->opaque.type);
                break;
            }
            put_assistant(cw, m);
            if (!m->next && !prefill_mark(cw) &&
                cw->c->opts->prefill != PREFILL_PLAIN && /* a start, to be gone on with */
                !chat_is_kin(cw->r->family))
                chat_lose(cw, STR("messages.prefill"));
            break;
        case IR_USER:
        case IR_TOOL:
            put_user(cw, m);
            break;
        }
    }
    json_end(&cw->w);
}

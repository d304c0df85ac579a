/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_body.c - a collected answer as one chat.completion object.
 *
 * Members that OpenAI always sends are always there (content null beside tool calls, refusal null,
 * annotations []); those of other servers (reasoning_content …) only where they say something.
 */
#include "base/fmt.h"
#include "dialect/citation.h"
#include "dialect/free_text.h"
#include "dialect/media.h"
#include "dialect/openai_chat_int.h"
#include "dialect/seal.h"

/* A body has one string for what a stream told in blocks: texts of a kind are joined, and whether
 * there is such a member at all depends on whether any block has something for it. */
static bool has_kind(const struct ir_answer *an, enum ir_kind kind)
{
    for (const struct ir_block *b = an->blocks; b; b = b->next)
        if (b->kind == kind)
            return true;
    return false;
}

/* All texts of one kind as one string, or null when there is none. */
static void put_texts(struct json_writer *w, const struct ir_answer *an, enum ir_kind kind)
{
    if (!has_kind(an, kind)) {
        json_put_null(w);
        return;
    }
    json_open_str(w);
    for (const struct ir_block *b = an->blocks; b; b = b->next)
        if (b->kind == kind)
            json_add_raw(w, kind == IR_THINKING ? b->thinking.text : b->text.text);
    json_close_str(w);
}

static void put_member(struct json_writer *w, str key, jtext text)
{
    if (!text.n)
        return;
    json_key_str(w, key);
    json_put_raw_str(w, text);
}

/* What only its maker can read: a redacted thought, or Gemini's signature of a text. */
static jtext sealed_of(const struct ir_block *b)
{
    return b->kind == IR_REDACTED ? b->thinking.text
           : b->kind == IR_TEXT   ? b->text.sealed
                                  : STR_NONE;
}

/* OpenRouter's form of a thought, which its clients send back unread: so signatures survive. */
static void put_detail(struct json_writer *w, const struct ir_block *b, uint64_t index)
{
    jtext sealed = sealed_of(b);

    ASSERT(sealed.n || b->kind == IR_THINKING);

    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, sealed.n ? STR("reasoning.encrypted") : STR("reasoning.text"));
    if (sealed.n) {
        put_member(w, STR("data"), sealed);
        put_member(w, STR("format"), b->kind == IR_TEXT ? STR(SEAL_GEMINI) : b->thinking.format);
    } else {
        json_key(w, "text");
        json_put_raw_str(w, b->thinking.text);
        put_member(w, STR("signature"), b->thinking.signature);
        put_member(w, STR("format"), b->thinking.format);
    }
    json_key(w, "index");
    json_put_u64(w, index);
    json_end(w);
}

/* The words for those who show them (reasoning_content), and, where a maker signed any, all of them
 * again with their seals. */
static void put_thoughts(struct json_writer *w, const struct ir_answer *an)
{
    const struct ir_block *b;
    bool words = false, sealed = false;
    uint64_t i = 0;

    for (b = an->blocks; b; b = b->next) {
        words |= b->kind == IR_THINKING && b->thinking.text.n;
        sealed |= sealed_of(b).n || (b->kind == IR_THINKING && b->thinking.signature.n);
    }
    if (words) {
        json_key(w, "reasoning_content");
        put_texts(w, an, IR_THINKING);
    }
    if (!sealed)
        return;
    json_key(w, "reasoning_details");
    json_begin_array(w);
    for (b = an->blocks; b; b = b->next)
        if (b->kind == IR_THINKING || sealed_of(b).n)
            put_detail(w, b, i++);
    json_end(w);
}

/* The client declared it as one that takes free text, whoever called it how: then its text is told,
 * not JSON around it. */
static void put_call(struct json_writer *w, const struct ir_block *b, const struct front_opts *o,
                     uint64_t nth)
{
    bool custom = b->is_custom || chat_is_custom(o->request, b->use.name);
    jtext input = custom && !b->is_custom ? free_text_unwrap(o->arena, b->use.args) : STR_NONE;
    char digits[FMT_U64_MAX];

    ASSERT(b->kind == IR_TOOL_USE && nth > 0);
    json_begin_object(w);
    json_key(w, "id");
    if (b->use.id.n) {
        json_put_raw_str(w, b->use.id);
    } else { /* clients cannot answer a call without an id */
        json_open_str(w);
        json_add_raw(w, STR("call_"));
        json_add_raw(w, o->id);
        json_add_raw(w, STR("_"));
        json_add_raw(w, str_of(digits, fmt_u64(digits, nth)));
        json_close_str(w);
    }
    if (b->use.sealed.n)
        chat_put_seal(w, b->use.sealed);
    json_key(w, "type");
    json_put_raw_str(w, custom ? STR("custom") : STR("function"));
    json_key_str(w, custom ? STR("custom") : STR("function"));
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    json_key_str(w, custom ? STR("input") : STR("arguments"));
    json_open_str(w);
    if (b->is_custom || input.p)
        json_add_raw(w, input.p ? input : b->use.args);
    else
        json_add_plain(w, b->use.args);
    json_close_str(w);
    json_end(w);
    json_end(w);
}

static void put_calls(struct json_writer *w, const struct ir_answer *an, const struct front_opts *o)
{
    uint64_t n = 0;

    if (!has_kind(an, IR_TOOL_USE))
        return;
    json_key(w, "tool_calls");
    json_begin_array(w);
    for (const struct ir_block *b = an->blocks; b; b = b->next)
        if (b->kind == IR_TOOL_USE)
            put_call(w, b, o, ++n);
    json_end(w);
}

static void put_annotation(struct json_writer *w, str citation, uint64_t from, uint64_t to)
{
    jtext url, title;

    if (!citation_url(citation, &url, &title))
        return;
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "url_citation");
    json_key(w, "url_citation");
    json_begin_object(w);
    json_key(w, "start_index");
    json_put_u64(w, from);
    json_key(w, "end_index");
    json_put_u64(w, to);
    json_key(w, "url");
    json_put_raw_str(w, url);
    json_key(w, "title");
    json_put_raw_str(w, title);
    json_end(w);
    json_end(w);
}

/* Indices count characters, not bytes: Python's and JavaScript's clients cut their strings by them.
 * One annotation per citation that has a URL; the indices are those of its block in the content. */
static void put_annotations(struct json_writer *w, const struct ir_answer *an)
{
    uint64_t at = 0, end;

    json_key(w, "annotations");
    json_begin_array(w);
    for (const struct ir_block *b = an->blocks; b; b = b->next) {
        if (b->kind != IR_TEXT)
            continue;
        end = at + (b->text.citations || b->next ? chat_count_chars(b->text.text) : 0);
        for (const struct ir_cite *c = b->text.citations; c; c = c->next)
            put_annotation(w, c->json, at, end);
        at = end;
    }
    json_end(w);
}

static void put_images(struct json_writer *w, const struct ir_answer *an)
{
    if (!has_kind(an, IR_IMAGE))
        return;
    json_key(w, "images");
    json_begin_array(w);
    for (const struct ir_block *b = an->blocks; b; b = b->next) {
        if (b->kind != IR_IMAGE || b->media.src == IR_MEDIA_FILE_ID)
            continue;
        json_begin_object(w);
        json_key(w, "type");
        json_put_lit(w, "image_url");
        json_key(w, "image_url");
        json_begin_object(w);
        json_key(w, "url");
        media_put_url(w, &b->media, STR("image/png"));
        json_end(w);
        json_end(w);
    }
    json_end(w);
}

static void put_choice(struct json_writer *w, const struct ir_answer *an,
                       const struct front_opts *o)
{
    json_begin_object(w);
    json_key(w, "index");
    json_put_u64(w, an->choice);
    json_key(w, "message");
    json_begin_object(w);
    json_key(w, "role");
    json_put_lit(w, "assistant");
    json_key(w, "content");
    if (!has_kind(an, IR_TEXT) && !has_kind(an, IR_TOOL_USE) && !has_kind(an, IR_REFUSAL))
        json_put_lit(w, "");
    else
        put_texts(w, an, IR_TEXT);
    json_key(w, "refusal");
    put_texts(w, an, IR_REFUSAL);
    put_annotations(w, an);
    put_thoughts(w, an);
    put_calls(w, an, o);
    put_images(w, an);
    json_end(w);
    json_key(w, "logprobs");
    json_put_text(w, an->logprobs.n ? an->logprobs : STR("null"));
    json_key(w, "finish_reason");
    json_put_raw_str(w, chat_finish_word(an->finish));
    json_end(w);
}

void chat_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out)
{
    static const struct ir_answer none = {.finish = IR_FIN_STOP};
    const struct ir_answer *an = r->answers ? r->answers : &none;
    struct json_writer w;
    char usage[CHAT_USAGE_MAX];

    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "id");
    if (r->id.n) {
        json_put_raw_str(&w, r->id);
    } else {
        json_open_str(&w);
        json_add_raw(&w, STR("chatcmpl-"));
        json_add_raw(&w, o->id);
        json_close_str(&w);
    }
    json_key(&w, "object");
    json_put_lit(&w, "chat.completion");
    json_key(&w, "created");
    json_put_u64(&w, r->created ? r->created : o->created);
    json_key(&w, "model");
    json_put_raw_str(&w, r->model.n ? r->model : o->model);
    json_key(&w, "choices");
    json_begin_array(&w);
    for (; an; an = an->next)
        put_choice(&w, an, o);
    json_end(&w);
    if (r->usage.has) {
        struct buf text = {.p = usage, .cap = sizeof usage, .max = sizeof usage};

        chat_write_usage(&r->usage, &text);
        ASSERT(!text.failed); /* CHAT_USAGE_MAX holds all members with the largest numbers */
        json_key(&w, "usage");
        json_put_text(&w, buf_str(&text)); /* short, so it is copied */
    }
    json_end(&w);
    ASSERT(w.depth == 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* prompt - one walk over a request; thousandths of a token are added up. See the header. */
#include "token/prompt_int.h"

#include "base/b64.h"
#include "token/audio.h"
#include "token/tools_text.h"

#define BASE64_BYTES   5 /* of a file in base64 a token, where it cannot be decoded */
#define PAGE_BYTES     ((size_t)64 * 1024)
#define AUDIO_FRAME    2 /* around each sound */
#define URL_SIZE       ((struct image_size){1024, 768})
#define CITED_DOCUMENT 560 /* Claude: the instructions for citations */
#define DEEPSEEK_LOOP  60  /* instructions of a model that thinks and has tools */
#define GROK_LOOP      230 /* … that go on behind a tool's result */
/* What Chat wraps around tools of GPT-5 and later, and around structured output (Responses less).
 */
#define GPT5_CHAT_TOOLS  80
#define FORMAT_CHAT      4 /* … where the schema is strict */
#define FORMAT_RESPONSES 10
#define CUSTOM_TOOL      24 /* how its free text is to be written */
#define SYSTEM_AND_TOOLS 4  /* before reasoning: the system message and the tools share a head */

static bool is_openai(const struct walk *w)
{
    return w->f->style == TOKEN_STYLE_TS;
}

static bool is_claude(const struct walk *w)
{
    return str_has_prefix(w->f->name, STR("CLAUDE"));
}

/* Gateways sell OpenAI's models as "openai/…", and ask Responses for them whoever asks Chat. */
static bool by_responses(const struct walk *w)
{
    return w->target->way == TOKEN_RESPONSES || str_has_prefix(w->target->model, STR("openai/"));
}

static bool is_system(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

/* ---- blocks */

static void blocks_of(struct walk *w, const struct ir_block *b);

static void image_of(struct walk *w, const struct ir_media *m)
{
    struct image_size size = URL_SIZE;
    bool inline_data = m->src == IR_MEDIA_BASE64;

    if (inline_data && !image_size_of(m->data, &size))
        size = image_size_guess(m->data.n);
    walk_tokens(w, image_tokens(w->f->image, size, str_eq(m->detail, STR("low"))));
}

/* Text that came as a file in base64. */
static bool is_text_file(const struct ir_media *m)
{
    return m->src == IR_MEDIA_BASE64 && (str_has_prefix(m->media_type, STR("text/")) ||
                                         str_has_suffix(m->media_type, STR("json")));
}

static uint64_t measure_file(struct walk *w, str base64)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    if (b64_decode(b, base64) == RC_OK && !b->failed)
        return walk_measure(w, buf_str(b));
    w->exact = false;
    return base64.n / BASE64_BYTES;
}

static void document_of(struct walk *w, const struct ir_media *m)
{
    if (m->src == IR_MEDIA_TEXT)
        walk_text(w, m->data);
    else if (is_text_file(m))
        w->milli += walk_by_family(w, walk_remember(w, m->data, WALK_FILE, measure_file));
    else if (m->src == IR_MEDIA_BLOCKS)
        blocks_of(w, m->blocks);
    else
        walk_tokens(w, w->f->page * (m->src == IR_MEDIA_BASE64 ? m->data.n / PAGE_BYTES + 1 : 1));
    walk_text(w, m->title);
    walk_text(w, m->context);
    if (str_find(m->citations, STR("true")) != SIZE_MAX)
        w->milli += walk_by_family(w, CITED_DOCUMENT); /* they are text like any other */
}

/* Started tenths of a second are not charged. */
static void audio_of(struct walk *w, const struct ir_media *m)
{
    uint64_t ms = audio_length(m->media_type, m->data);

    walk_tokens(w, ms * w->f->audio / 1000 + AUDIO_FRAME);
}

static void media_of(struct walk *w, const struct ir_block *b)
{
    w->exact = false;
    if (b->kind == IR_IMAGE)
        image_of(w, &b->media);
    else if (b->kind == IR_AUDIO)
        audio_of(w, &b->media);
    else
        document_of(w, &b->media);
}

/*
 * Makers drop the thoughts of finished turns, but for GLM's; within a tool loop they are read
 * again. Who seals them reads them from the seal (the summary beside it not at all), but for
 * Claude, whose signature only proves the text it stands on.
 */
static void thoughts_of(struct walk *w, const struct ir_block *b)
{
    jtext sealed = b->kind == IR_THINKING ? b->thinking.signature : b->thinking.text;
    bool text = b->kind == IR_THINKING && b->thinking.text.n;

    if (!w->loop && !str_eq(w->f->name, STR("GLM")))
        return;
    w->exact = false;
    if (text && (is_claude(w) || sealed.n == 0 || w->f->seal == SEAL_NONE))
        walk_text(w, b->thinking.text);
    else if (w->f->seal != SEAL_GEMINI) /* its seals on thoughts are none */
        walk_tokens(w, sealed_tokens(w->f->seal, sealed));
}

static void call_of(struct walk *w, const struct ir_block *b)
{
    w->exact = false;
    walk_text(w, b->use.name);
    if (b->is_custom)
        walk_text(w, b->use.args);
    else
        walk_json(w, b->use.args);
    if (w->loop && w->f->seal == SEAL_GEMINI)
        walk_tokens(w, sealed_tokens(w->f->seal, b->use.sealed));
    walk_tokens(w, w->f->call);
}

static void block_of(struct walk *w, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        walk_text(w, b->text.text);
        return;
    case IR_THINKING:
    case IR_REDACTED:
        thoughts_of(w, b);
        return;
    case IR_TOOL_USE:
        call_of(w, b);
        return;
    case IR_TOOL_RESULT:
        w->exact = false;
        blocks_of(w, b->result.content);
        walk_tokens(w, w->f->result);
        return;
    case IR_OPAQUE:
        w->exact = false;
        walk_json(w, b->raw);
        return;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
        media_of(w, b);
        return;
    }
}

static void blocks_of(struct walk *w, const struct ir_block *b)
{
    for (; b; b = b->next)
        block_of(w, b);
}

/* ---- the request */

/* Empty instructions are not sent on to the model. */
static bool is_empty(const struct ir_message *m)
{
    return is_system(m) && (!m->blocks || (!m->blocks->next && m->blocks->kind == IR_TEXT &&
                                           m->blocks->text.text.n == 0));
}

static void message_of(struct walk *w, const struct ir_message *m)
{
    unsigned calls = 0;

    if (is_empty(m))
        return;
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        calls += b->kind == IR_TOOL_USE;
    if (calls > 1 && !by_responses(w)) /* there each call is an item of its own */
        walk_tokens(w, w->f->parallel);
    if (!is_claude(w) || m->role == IR_USER || m->role == IR_TOOL)
        walk_tokens(w, w->f->message + (is_openai(w) ? 1 : 0)); /* OpenAI: the role is a token */
    if (m->name.n) {
        walk_text(w, m->name);
        walk_tokens(w, 1);
    }
    blocks_of(w, m->blocks);
}

/*
 * One tool as most models read it. The texts that are measured are made anew each time, which costs
 * little; they are the same from turn to turn, so their counts are remembered.
 */
static void tool_of(struct walk *w, const struct ir_tool *t)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    if (w->f->style == TOKEN_STYLE_WORDS) {
        uint64_t words = 0;

        tools_text_words(t, b);
        w->milli += walk_by_family(w, walk_remember(w, buf_str(b), WALK_WORDS, walk_words));
        for (size_t i = 0; i < buf_size(b); i++)
            words += b->p[i] == '\0';
        w->milli += words * w->f->schema;
        return;
    }
    tools_text_json(t, b);
    w->milli += walk_remember(w, buf_str(b), WALK_PLAIN, walk_measure) * w->f->schema;
}

static void tools_of(struct walk *w, const struct ir_request *r)
{
    bool forced = r->choice.kind == IR_CHOICE_ANY || r->choice.kind == IR_CHOICE_NAMED;
    struct buf *b = w->c->text;

    if (!r->tools)
        return;
    if (r->choice.kind == IR_CHOICE_NONE && !is_openai(w) && !is_claude(w))
        return; /* the templates of most models leave out what must not be called */
    walk_tokens(w, forced ? w->f->forced : w->f->tools);
    if (is_openai(w)) { /* all of them in one namespace */
        buf_clear(b);
        tools_text_ts(r->tools, b);
        w->milli += walk_remember(w, buf_str(b), WALK_PLAIN, walk_measure) * w->f->schema;
    }
    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        w->exact = w->exact && t->kind == IR_TOOL_FUNCTION;
        walk_tokens(w, w->f->tool);
        if (!is_openai(w))
            tool_of(w, t);
        else if (t->kind == IR_TOOL_CUSTOM)
            walk_tokens(w, CUSTOM_TOOL);
    }
}

/* Who serves Claude in Chat's language makes a tool of the schema that the model must call. */
static bool format_is_tool(const struct walk *w, const struct ir_format *f)
{
    return is_claude(w) && w->target->way == TOKEN_CHAT && f->kind == IR_FORMAT_SCHEMA;
}

static void format_as_tool(struct walk *w, const struct ir_format *f)
{
    walk_tokens(w, w->f->forced + w->f->tool);
    walk_text(w, f->name);
    walk_text(w, f->description);
    w->milli += walk_squeezed(w, json_text(f->schema)) * w->f->schema;
}

static void format_of(struct walk *w, const struct ir_format *f)
{
    if (format_is_tool(w, f)) {
        format_as_tool(w, f);
        return;
    }
    if (f->kind == IR_FORMAT_JSON && !is_openai(w))
        walk_tokens(w, w->f->format);
    if (f->kind != IR_FORMAT_SCHEMA || !json_has(f->schema))
        return;
    w->exact = false;
    if (is_openai(w)) {
        walk_plain(w, STR("\n\n# Response Formats\n\n## "));
        walk_text(w, f->name);
        walk_plain(w, STR("\n\n"));
        if (f->description.n)
            walk_text(w, f->description);
        walk_json(w, json_text(f->schema));
        uint64_t less = by_responses(w) ? FORMAT_RESPONSES : f->strict == IR_YES ? FORMAT_CHAT : 0;

        w->milli -= w->milli > less * WALK_MILLI ? less * WALK_MILLI : w->milli;
    } else if (w->f->format) {
        walk_tokens(w, w->f->format);
        w->milli += walk_by_family(w, walk_squeezed(w, json_text(f->schema)));
    }
}

/* Does the last turn go on behind a tool's result? `end`: the message behind the last that counts.
 */
static bool in_tool_loop(const struct ir_request *r, const struct ir_message *end)
{
    const struct ir_message *last = r->messages;

    for (const struct ir_message *m = last; m != end; m = m->next)
        last = is_system(m) ? last : m;
    for (const struct ir_block *b = last ? last->blocks : NULL; b; b = b->next)
        if (b->kind == IR_TOOL_RESULT)
            return true;
    return false;
}

/* The instructions that come with thinking: some only with tools, or only behind a tool's result.
 */
static void thinking_of(struct walk *w, const struct ir_request *r)
{
    enum ir_think mode = r->reasoning.mode;
    bool on = mode == IR_THINK_ON || mode == IR_THINK_ADAPTIVE;

    if (on)
        walk_tokens(w, w->f->think);
    if (str_eq(w->f->name, STR("DEEPSEEK")) && r->tools && mode != IR_THINK_OFF &&
        str_find(w->target->model, STR("chat")) == SIZE_MAX)
        walk_tokens(w, DEEPSEEK_LOOP);
    if (str_eq(w->f->name, STR("GROK")) && w->loop)
        walk_tokens(w, GROK_LOOP);
}

/* What differs between OpenAI's generations: those that reason have a `base` of two. */
static void openai_head(struct walk *w, const struct ir_request *r)
{
    bool reasons = w->f->base < 3, system = false;

    if (!r->tools || !is_openai(w))
        return;
    for (const struct ir_message *m = r->messages; m; m = m->next)
        system = system || is_system(m);
    if (reasons && !by_responses(w) && str_has_prefix(w->f->name, STR("GPT5")))
        walk_tokens(w, GPT5_CHAT_TOOLS);
    else if (w->f->base == 3 && system)
        w->milli -= SYSTEM_AND_TOOLS * WALK_MILLI; /* the tools added more */
}

struct token_count token_prompt(struct token_counter *c, const struct ir_request *r,
                                const struct token_target *t)
{
    struct walk w = {.c = c, .f = token_family(t->model, t->way), .target = t};

    const struct ir_message *end = t->last ? t->last->next : NULL;

    w.loop = in_tool_loop(r, end);
    w.exact = w.f->text == 0 && walk_encoding(&w);
    walk_tokens(&w, w.f->base);
    thinking_of(&w, r);
    for (const struct ir_message *m = r->messages; m != end; m = m->next)
        message_of(&w, m);
    tools_of(&w, r);
    openai_head(&w, r);
    format_of(&w, &r->format);
    return (struct token_count){(w.milli + WALK_MILLI / 2) / WALK_MILLI,
                                w.exact ? USAGE_COUNTED : USAGE_ESTIMATED};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* prompt - one walk over a request; thousandths of a token are added up. See the header. */
#include "token/prompt.h"

#include "base/b64.h"
#include "base/check.h"
#include "token/audio.h"
#include "token/estimate.h"
#include "token/tools_text.h"

#define MILLI          1000
#define KIND_SQUEEZED  4 /* of memo: the text was measured without its blanks */
#define KIND_FILE      8 /* … of a file in base64 */
#define KIND_WORDS     (KIND_SQUEEZED | KIND_FILE) /* … word by word */
#define BASE64_BYTES   5 /* of such a file a token, where it cannot be decoded */
#define PAGE_BYTES     ((size_t)64 * 1024)
#define AUDIO_FRAME    2 /* around each sound */
#define PIECES_SHIFT   4 /* … of memo: whose pieces */
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

struct walk {
    struct token_counter *c;
    const struct token_family *f;
    const struct token_target *target;
    uint64_t milli;
    size_t read; /* bytes of text so far */
    bool exact;
    bool loop; /* thoughts of this turn are read again: it goes on behind a tool's result */
    bool thought;
};

static void tokens(struct walk *w, uint64_t n)
{
    w->milli += n * MILLI;
}

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

/* ---- text */

static const struct bpe *encoding_of(const struct walk *w)
{
    return w->f->encoding == TOKEN_CL100K ? w->c->cl100k : w->c->o200k;
}

static bool is_encoded(struct walk *w, size_t n)
{
    if (!encoding_of(w) || w->read + n > w->c->exact_max) {
        w->exact = false;
        return false;
    }
    return true;
}

/* Plain text in tokens of the encoding. */
static uint64_t measure(struct walk *w, str plain)
{
    bool encode = is_encoded(w, plain.n);
    uint64_t n = encode ? bpe_count(encoding_of(w), w->c->work, plain) : estimate_text(plain);

    w->read += plain.n;
    return n + pieces_more(w->f->pieces, plain);
}

static uint64_t by_family(const struct walk *w, uint64_t n)
{
    return n * (w->f->text ? w->f->text : MILLI);
}

static void plain_text(struct walk *w, str plain)
{
    w->milli += by_family(w, measure(w, plain));
}

static uint64_t measure_escaped(struct walk *w, jtext t)
{
    struct buf *b = w->c->text;

    if (str_find_char(t, '\\') == SIZE_MAX)
        return measure(w, t);
    buf_clear(b);
    if (json_unescape(b, t) == RC_OK)
        return measure(w, buf_str(b));
    w->exact = false; /* too long for the scratch, or no escape: as it stands */
    w->read += t.n;
    return estimate_text(t) + pieces_more(w->f->pieces, t);
}

/* The count of a text that may have been counted before. */
static uint64_t remember(struct walk *w, str text, unsigned kind,
                         uint64_t (*count)(struct walk *w, str text))
{
    uint32_t known;

    /* The same bytes are other tokens to another encoding, and read in another way. */
    kind |= w->f->encoding | (unsigned)w->f->pieces << PIECES_SHIFT;
    ASSERT(kind < MEMO_KINDS);
    if (!w->c->memo || text.n < MEMO_MIN || !encoding_of(w))
        return count(w, text);
    if (memo_get(w->c->memo, text, kind, &known))
        return known;
    bool encoded = w->read + text.n <= w->c->exact_max;
    uint64_t n = count(w, text);

    if (encoded && n <= UINT32_MAX)
        memo_put(w->c->memo, text, kind, (uint32_t)n);
    return n;
}

static void text_of(struct walk *w, jtext t)
{
    w->milli += by_family(w, remember(w, t, 0, measure_escaped));
}

static uint64_t measure_squeezed(struct walk *w, str json)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    tools_text_squeeze(json, b);
    return measure(w, b->failed ? json : buf_str(b));
}

/* Strings that stand one after the other, each with a zero byte behind it. */
static uint64_t measure_words(struct walk *w, str words)
{
    uint64_t n = 0;

    while (words.n)
        n += measure(w, str_cut(&words, '\0'));
    return n;
}

static uint64_t measure_json_words(struct walk *w, str json)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    tools_text_json_words(json, b);
    return measure_words(w, buf_str(b));
}

static uint64_t squeezed(struct walk *w, str json)
{
    return remember(w, json, KIND_SQUEEZED, measure_squeezed);
}

static void json_of(struct walk *w, str json)
{
    bool words = w->f->style == TOKEN_STYLE_WORDS;

    w->milli +=
        by_family(w, words ? remember(w, json, KIND_WORDS, measure_json_words) : squeezed(w, json));
}

/* ---- blocks */

static void blocks_of(struct walk *w, const struct ir_block *b);

static void image_of(struct walk *w, const struct ir_media *m)
{
    struct image_size size = URL_SIZE;
    bool inline_data = m->src == IR_MEDIA_BASE64;

    if (inline_data && !image_size_of(m->data, &size))
        size = image_size_guess(m->data.n);
    tokens(w, image_tokens(w->f->image, size, str_eq(m->detail, STR("low"))));
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
        return measure(w, buf_str(b));
    w->exact = false;
    return base64.n / BASE64_BYTES;
}

static void document_of(struct walk *w, const struct ir_media *m)
{
    if (m->src == IR_MEDIA_TEXT)
        text_of(w, m->data);
    else if (is_text_file(m))
        w->milli += by_family(w, remember(w, m->data, KIND_FILE, measure_file));
    else if (m->src == IR_MEDIA_BLOCKS)
        blocks_of(w, m->blocks);
    else
        tokens(w, w->f->page * (m->src == IR_MEDIA_BASE64 ? m->data.n / PAGE_BYTES + 1 : 1));
    text_of(w, m->title);
    text_of(w, m->context);
    if (str_find(m->citations, STR("true")) != SIZE_MAX)
        w->milli += by_family(w, CITED_DOCUMENT); /* they are text like any other */
}

/* Started tenths of a second are not charged. */
static void audio_of(struct walk *w, const struct ir_media *m)
{
    uint64_t ms = audio_length(m->media_type, m->data);

    tokens(w, ms * w->f->audio / 1000 + AUDIO_FRAME);
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
        text_of(w, b->thinking.text);
    else if (w->f->seal != SEAL_GEMINI) /* its seals on thoughts are none */
        tokens(w, sealed_tokens(w->f->seal, sealed));
}

static void call_of(struct walk *w, const struct ir_block *b)
{
    w->exact = false;
    text_of(w, b->use.name);
    if (b->is_custom)
        text_of(w, b->use.args);
    else
        json_of(w, b->use.args);
    if (w->loop && w->f->seal == SEAL_GEMINI)
        tokens(w, sealed_tokens(w->f->seal, b->use.sealed));
    tokens(w, w->f->call);
}

static void block_of(struct walk *w, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        text_of(w, b->text.text);
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
        tokens(w, w->f->result);
        return;
    case IR_OPAQUE:
        w->exact = false;
        json_of(w, b->raw);
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
        tokens(w, w->f->parallel);
    if (!is_claude(w) || m->role == IR_USER || m->role == IR_TOOL)
        tokens(w, w->f->message + (is_openai(w) ? 1 : 0)); /* OpenAI: the role is a token */
    if (m->name.n) {
        text_of(w, m->name);
        tokens(w, 1);
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
        w->milli += by_family(w, remember(w, buf_str(b), KIND_WORDS, measure_words));
        for (size_t i = 0; i < buf_size(b); i++)
            words += b->p[i] == '\0';
        w->milli += words * w->f->schema;
        return;
    }
    tools_text_json(t, b);
    w->milli += remember(w, buf_str(b), 0, measure) * w->f->schema;
}

static void tools_of(struct walk *w, const struct ir_request *r)
{
    bool forced = r->choice.kind == IR_CHOICE_ANY || r->choice.kind == IR_CHOICE_NAMED;
    struct buf *b = w->c->text;

    if (!r->tools)
        return;
    if (r->choice.kind == IR_CHOICE_NONE && !is_openai(w) && !is_claude(w))
        return; /* the templates of most models leave out what must not be called */
    tokens(w, forced ? w->f->forced : w->f->tools);
    if (is_openai(w)) { /* all of them in one namespace */
        buf_clear(b);
        tools_text_ts(r->tools, b);
        w->milli += remember(w, buf_str(b), 0, measure) * w->f->schema;
    }
    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        w->exact = w->exact && t->kind == IR_TOOL_FUNCTION;
        tokens(w, w->f->tool);
        if (!is_openai(w))
            tool_of(w, t);
        else if (t->kind == IR_TOOL_CUSTOM)
            tokens(w, CUSTOM_TOOL);
    }
}

/* Who serves Claude in Chat's language makes a tool of the schema that the model must call. */
static bool format_is_tool(const struct walk *w, const struct ir_format *f)
{
    return is_claude(w) && w->target->way == TOKEN_CHAT && f->kind == IR_FORMAT_SCHEMA;
}

static void format_as_tool(struct walk *w, const struct ir_format *f)
{
    tokens(w, w->f->forced + w->f->tool);
    text_of(w, f->name);
    text_of(w, f->description);
    w->milli += squeezed(w, json_text(f->schema)) * w->f->schema;
}

static void format_of(struct walk *w, const struct ir_format *f)
{
    if (format_is_tool(w, f)) {
        format_as_tool(w, f);
        return;
    }
    if (f->kind == IR_FORMAT_JSON && !is_openai(w))
        tokens(w, w->f->format);
    if (f->kind != IR_FORMAT_SCHEMA || !json_has(f->schema))
        return;
    w->exact = false;
    if (is_openai(w)) {
        plain_text(w, STR("\n\n# Response Formats\n\n## "));
        text_of(w, f->name);
        plain_text(w, STR("\n\n"));
        if (f->description.n)
            text_of(w, f->description);
        json_of(w, json_text(f->schema));
        uint64_t less = by_responses(w) ? FORMAT_RESPONSES : f->strict == IR_YES ? FORMAT_CHAT : 0;

        w->milli -= w->milli > less * MILLI ? less * MILLI : w->milli;
    } else if (w->f->format) {
        tokens(w, w->f->format);
        w->milli += by_family(w, squeezed(w, json_text(f->schema)));
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
        tokens(w, w->f->think);
    if (str_eq(w->f->name, STR("DEEPSEEK")) && r->tools && mode != IR_THINK_OFF &&
        str_find(w->target->model, STR("chat")) == SIZE_MAX)
        tokens(w, DEEPSEEK_LOOP);
    if (str_eq(w->f->name, STR("GROK")) && w->loop)
        tokens(w, GROK_LOOP);
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
        tokens(w, GPT5_CHAT_TOOLS);
    else if (w->f->base == 3 && system)
        w->milli -= SYSTEM_AND_TOOLS * MILLI; /* the tools added more */
}

struct token_count token_prompt(struct token_counter *c, const struct ir_request *r,
                                const struct token_target *t)
{
    struct walk w = {.c = c, .f = token_family(t->model, t->way), .target = t};

    const struct ir_message *end = t->last ? t->last->next : NULL;

    w.loop = in_tool_loop(r, end);
    w.exact = w.f->text == 0 && encoding_of(&w);
    tokens(&w, w.f->base);
    thinking_of(&w, r);
    for (const struct ir_message *m = r->messages; m != end; m = m->next)
        message_of(&w, m);
    tools_of(&w, r);
    openai_head(&w, r);
    format_of(&w, &r->format);
    return (struct token_count){(w.milli + MILLI / 2) / MILLI,
                                w.exact ? USAGE_COUNTED : USAGE_ESTIMATED};
}

struct token_count token_text(struct token_counter *c, const struct token_family *f, str plain)
{
    struct walk w = {.c = c, .f = f};

    w.exact = f->text == 0 && encoding_of(&w);
    plain_text(&w, plain);
    return (struct token_count){(w.milli + MILLI / 2) / MILLI,
                                w.exact ? USAGE_COUNTED : USAGE_ESTIMATED};
}

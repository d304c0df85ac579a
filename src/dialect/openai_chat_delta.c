/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_delta.c - what one delta of a stream, or the message of a body, says.
 *
 * Both have the same members, so one reader serves both. Blocks do not exist on this wire: the
 * first text, thought or call fragment opens one, a fragment of another kind closes it. The
 * compatible servers' ways are all taken:
 *
 *   thoughts   reasoning_content | reasoning | reasoning_details[] | content: [{type:"thinking"}]
 *   calls      in pieces or whole; without index, or all with index 0 and different ids; arguments
 * a string or an object content    null, missing, "", a list of parts, an object (structured
 * output)
 */
#include "base/hash.h"
#include "dialect/feed_fail.h"
#include "dialect/media.h"
#include "dialect/openai_chat_feed_int.h"

#define SOURCES_MAX 64 /* named beside an answer */

/* ---- blocks -------------------------------------------------------------------------------------
 */

static struct ir_event event_of(const struct chat_feeding *f, enum ir_event_type type)
{
    return (struct ir_event){
        .type = type, .kind = f->c->kind, .choice = f->index, .block = f->c->block};
}

void chat_close_block(struct chat_feeding *f)
{
    struct ir_event ev;

    if (!f->c->open)
        return;
    ev = event_of(f, IR_EV_BLOCK_STOP);
    ir_emit(f->sink, &ev);
    f->c->open = false;
    f->c->block++;
}

/* The caller fills the event and emits it: before any delta of the block. */
static struct ir_event begin_block(struct chat_feeding *f, enum ir_kind kind)
{
    chat_close_block(f);
    ASSERT(f->st->started && !f->st->over && f->index < CHAT_CHOICES_MAX);
    ASSERT(f->c == &f->st->choices[f->index] && !f->c->open);
    f->c->open = true;
    f->c->sealed = false;
    f->c->kind = kind;
    return event_of(f, IR_EV_BLOCK_START);
}

static void need_block(struct chat_feeding *f, enum ir_kind kind)
{
    struct ir_event ev;

    if (f->c->open && f->c->kind == kind)
        return;
    ev = begin_block(f, kind);
    ir_emit(f->sink, &ev);
}

static void delta(struct chat_feeding *f, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(f, IR_EV_DELTA);

    ASSERT(f->c->open && text.n);
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(f->sink, &ev);
}

static void say(struct chat_feeding *f, enum ir_kind kind, jtext text)
{
    if (text.n == 0)
        return;
    need_block(f, kind);
    delta(f, IR_D_TEXT, text);
}

/* ---- thoughts -----------------------------------------------------------------------------------
 */

static void sealed_thought(struct chat_feeding *f, jtext data, jtext format)
{
    struct ir_event ev = begin_block(f, IR_REDACTED);

    ev.open.data = data;
    ev.open.format = format;
    ir_emit(f->sink, &ev);
    chat_close_block(f);
}

static void open_thought(struct chat_feeding *f, jtext format)
{
    struct ir_event ev;

    if (f->c->open && f->c->kind == IR_THINKING)
        return;
    ev = begin_block(f, IR_THINKING);
    ev.open.format = format;
    ev.open.is_signed = format.n > 0;
    ir_emit(f->sink, &ev);
}

/* A seal ends its thought: what stands under another index behind it begins the next one. */
static void next_thought(struct chat_feeding *f, jval detail)
{
    uint64_t index = f->c->thought;

    if (json_u64(json_get_lit(detail, "index"), &index) == RC_OK && index != f->c->thought &&
        f->c->sealed && f->c->open && f->c->kind == IR_THINKING)
        chat_close_block(f);
    f->c->thought = index;
}

static void take_thoughts(struct chat_feeding *f, jtext text, jval details)
{
    struct json_iter it = json_iter(details);
    struct json_iter first = it;

    if (text.n) {
        open_thought(f, json_next(&first) ? json_raw(json_get_lit(first.val, "format")) : STR_NONE);
        delta(f, IR_D_TEXT, text);
    }
    while (json_next(&it)) {
        jtext format = json_raw(json_get_lit(it.val, "format"));
        jtext data = json_raw(json_get_lit(it.val, "data"));
        jtext sig = json_raw(json_get_lit(it.val, "signature"));
        jtext more = json_raw(json_get_lit(it.val, "text"));

        next_thought(f, it.val);
        if (!more.n)
            more = json_raw(json_get_lit(it.val, "summary"));
        if (!text.n && more.n) {
            open_thought(f, format);
            delta(f, IR_D_TEXT, more);
        }
        if (sig.n) {
            open_thought(f, format);
            delta(f, IR_D_SIGNATURE, sig);
            f->c->sealed = true;
        }
        if (data.n)
            sealed_thought(f, data, format);
    }
}

/* ---- content ------------------------------------------------------------------------------------
 */

static void take_part(struct chat_feeding *f, jval part)
{
    jval thinking = json_get_lit(part, "thinking");
    struct json_iter it = json_iter(thinking);

    if (json_is(thinking, JSON_STRING))
        say(f, IR_THINKING, json_raw(thinking));
    while (json_next(&it))
        say(f, IR_THINKING, json_raw(json_get_lit(it.val, "text")));
    if (!json_has(thinking))
        say(f, IR_TEXT, json_raw(json_get_lit(part, "text")));
}

/* Some servers answer structured output with an object where a text belongs. It is no text, and no
 * client may take it for one: it crosses as a block of its own. */
static void take_object(struct chat_feeding *f, jval content)
{
    struct buf *b = &f->scratch->text;
    struct ir_event ev = begin_block(f, IR_OPAQUE);

    buf_clear(b);
    buf_lit(b, "{\"type\":\"json\",\"json\":");
    buf_add(b, json_text(content));
    buf_lit(b, "}");
    ev.open.data = STR("json");
    ev.open.raw = buf_str(b);
    ir_emit(f->sink, &ev);
    chat_close_block(f);
}

static void take_content(struct chat_feeding *f, jval content)
{
    struct json_iter it = json_iter(content);

    if (json_is(content, JSON_STRING)) {
        say(f, IR_TEXT, json_raw(content));
    } else if (json_is(content, JSON_ARRAY)) {
        while (json_next(&it))
            take_part(f, it.val);
    } else if (json_is(content, JSON_OBJECT)) {
        take_object(f, content);
    }
}

/* A page, in the canonical form of a citation. */
static void cite(struct chat_feeding *f, jtext url, jtext title, jtext text)
{
    struct buf *b = &f->scratch->text;

    if (!url.n)
        return;
    need_block(f, IR_TEXT);
    buf_clear(b);
    buf_lit(b, "{\"type\":\"web_search_result_location\",\"url\":\"");
    buf_add(b, url);
    buf_lit(b, "\",\"title\":\"");
    buf_add(b, title);
    buf_lit(b, "\",\"cited_text\":\"");
    buf_add(b, text);
    buf_lit(b, "\",\"encrypted_index\":\"\"}");
    if (!b->failed)
        delta(f, IR_D_CITATION, buf_str(b));
}

static void take_annotations(struct chat_feeding *f, jval list)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        jval u = json_get_lit(it.val, "url_citation");

        cite(f, json_raw(json_get_lit(u, "url")), json_raw(json_get_lit(u, "title")),
             json_raw(json_get_lit(u, "content")));
    }
}

static void cite_source(struct chat_feeding *f, bool titled, jval v)
{
    jtext url = json_raw(titled ? json_get_lit(v, "url") : v);

    cite(f, url.n || !titled ? url : json_raw(json_get_lit(v, "link")),
         json_raw(json_get_lit(v, "title")), STR(""));
}

/* Perplexity and xAI name their sources beside the choices, in every chunk: results with titles, or
 * addresses alone. Zhipu does in whole answers, and calls the address a link. */
void chat_take_sources(struct chat_feeding *f, jval results, jval urls)
{
    bool titled = json_is(results, JSON_ARRAY);
    jval list = titled ? results : urls;
    struct json_iter it = json_iter(list);

    if (!f->c->open || f->c->kind != IR_TEXT)
        return;
    for (unsigned n = 0; json_is(list, JSON_ARRAY) && n < SOURCES_MAX && json_next(&it); n++)
        cite_source(f, titled, it.val);
}

/* Pictures that a model made (OpenRouter). */
static void take_images(struct chat_feeding *f, jval list)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        jtext url = json_raw(json_path(it.val, "image_url", "url", NULL));
        struct ir_media m = {0};
        struct ir_event ev;

        if (!url.n)
            continue;
        media_of_url(&m, url);
        ev = begin_block(f, IR_IMAGE);
        ev.open.media = &m;
        ir_emit(f->sink, &ev);
        chat_close_block(f);
    }
}

/* ---- calls --------------------------------------------------------------------------------------
 */

bool chat_upstream_broke(struct chat_feeding *f, str message)
{
    (void)feed_unusable(&f->st->over, f->sink, message);
    return false;
}

static void take_arguments(struct chat_feeding *f, jval args)
{
    if (json_is(args, JSON_STRING)) {
        if (json_raw(args).n)
            delta(f, IR_D_ARGS, json_raw(args));
    } else if (json_is(args, JSON_OBJECT)) {
        delta(f, IR_D_INPUT, json_text(args));
    }
}

/* Is this fragment the first of another call than the open one? */
static bool is_new_call(const struct chat_choice *c, int64_t index, jtext id, jtext name)
{
    if (!c->open || c->kind != IR_TOOL_USE)
        return true;
    if (index >= 0 && index != c->call)
        return true;
    return id.n && name.n && hash_fnv(HASH_FNV, id) != c->call_id; /* all calls under one index */
}

static bool begin_call(struct chat_feeding *f, int64_t index, jtext id, jtext name, bool custom,
                       jval call)
{
    jval google = json_path(call, "extra_content", "google", NULL);
    struct ir_event ev;

    if (!name.n)
        return chat_upstream_broke(f, STR("The provider sent a tool call without a name."));
    ev = begin_block(f, IR_TOOL_USE);
    ev.open.id = id;
    ev.open.name = name;
    ev.open.is_custom = custom;
    ev.open.sealed = json_raw(json_get_lit(google, "thought_signature"));
    f->c->has_calls = true;
    f->c->call = index;
    f->c->call_id = hash_fnv(HASH_FNV, id);
    ir_emit(f->sink, &ev);
    return true;
}

static bool take_call(struct chat_feeding *f, jval call)
{
    jval fn = json_get_lit(call, "function"), custom = json_get_lit(call, "custom");
    jtext id = json_raw(json_get_lit(call, "id")), name;
    bool is_custom = json_is(custom, JSON_OBJECT) && !json_is(fn, JSON_OBJECT);
    jval args = is_custom ? json_get_lit(custom, "input") : json_get_lit(fn, "arguments");
    uint64_t n;
    int64_t index =
        json_u64(json_get_lit(call, "index"), &n) == RC_OK && n < 4096 ? (int64_t)n : -1;

    if (f->st->body)
        index = -1;
    name = json_raw(json_get_lit(is_custom ? custom : fn, "name"));
    if (f->st->body || is_new_call(f->c, index, id, name)) {
        if (!f->st->body && !name.n && !id.n && !json_raw(args).n)
            return true; /* an empty fragment of a call that is closed */
        if (!begin_call(f, index, id, name, is_custom, call))
            return false;
    }
    take_arguments(f, args);
    return true;
}

static bool take_calls(struct chat_feeding *f, jval calls)
{
    struct json_iter it = json_iter(calls);

    if (!json_is(calls, JSON_ARRAY))
        return true;
    while (json_next(&it))
        if (!take_call(f, it.val))
            return false;
    return true;
}

static bool take_legacy(struct chat_feeding *f, jval call)
{
    jtext name = json_raw(json_get_lit(call, "name"));

    if (f->c->open && f->c->kind == IR_TOOL_USE && f->c->call == CHAT_LEGACY) {
        take_arguments(f, json_get_lit(call, "arguments"));
        return true;
    }
    if (!name.n)
        return true; /* some servers send the member empty */
    if (!begin_call(f, CHAT_LEGACY, name, name, false, JVAL_NONE))
        return false;
    take_arguments(f, json_get_lit(call, "arguments"));
    return true;
}

/* ---- choices ------------------------------------------------------------------------------------
 */

static const struct {
    str word;
    enum ir_finish finish;
} finishes[] = {
    {STR("stop"), IR_FIN_STOP},           {STR("tool_calls"), IR_FIN_TOOL},
    {STR("length"), IR_FIN_LENGTH},       {STR("content_filter"), IR_FIN_FILTER},
    {STR("function_call"), IR_FIN_TOOL},  {STR("eos"), IR_FIN_STOP},
    {STR("end_turn"), IR_FIN_STOP},       {STR("stop_sequence"), IR_FIN_SEQUENCE},
    {STR("max_tokens"), IR_FIN_LENGTH},   {STR("tool_use"), IR_FIN_TOOL},
    {STR("model_length"), IR_FIN_LENGTH}, {STR("refusal"), IR_FIN_REFUSAL},
};

void chat_take_finish(struct chat_choice *c, jtext word)
{
    if (word.n == 0)
        return;
    c->finished = true;
    c->finish = IR_FIN_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++)
        if (str_eq(word, finishes[i].word))
            c->finish = finishes[i].finish;
    c->finish_n = word.n < CHAT_FINISH_MAX ? (uint8_t)word.n : 0;
    memcpy(c->finish_word, word.p, c->finish_n);
}

struct message { /* members of a delta or message */
    jval content, refusal, calls, legacy, details, annotations, images, audio;
    jtext thoughts, plain_thoughts;
};

#define IS(k, lit) (str_eq((k), STR(lit)))

static void sort_members(jval m, struct message *to)
{
    struct json_iter it = json_iter(m);

    while (json_next(&it)) {
        str k = json_raw(it.key);

        if (IS(k, "content"))
            to->content = it.val;
        else if (IS(k, "tool_calls"))
            to->calls = it.val;
        else if (IS(k, "reasoning_content"))
            to->thoughts = json_raw(it.val);
        else if (IS(k, "reasoning"))
            to->plain_thoughts = json_raw(it.val);
        else if (IS(k, "reasoning_details"))
            to->details = it.val;
        else if (IS(k, "refusal"))
            to->refusal = it.val;
        else if (IS(k, "function_call"))
            to->legacy = it.val;
        else if (IS(k, "annotations"))
            to->annotations = it.val;
        else if (IS(k, "images"))
            to->images = it.val;
        else if (IS(k, "audio"))
            to->audio = it.val;
    }
}

bool chat_take_message(struct chat_feeding *f, jval v)
{
    struct message m = {0};

    sort_members(v, &m);
    take_thoughts(f, m.thoughts.n ? m.thoughts : m.plain_thoughts, m.details);
    take_content(f, m.content);
    say(f, IR_TEXT, json_raw(json_get_lit(m.audio, "transcript")));
    take_annotations(f, m.annotations);
    say(f, IR_REFUSAL, json_raw(m.refusal));
    take_images(f, m.images);
    return take_calls(f, m.calls) && take_legacy(f, m.legacy);
}

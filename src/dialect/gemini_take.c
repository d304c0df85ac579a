/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_take.c - what the parts of one candidate say.
 *
 * Blocks do not exist on this wire, parts do: text goes into the open block of its kind, everything
 * else is a block of its own. A thoughtSignature belongs to its part: on a call it seals the call,
 * on a text the text; an empty text that brings nothing but a signature, with no text open, becomes
 * a sealed thought. Google's code execution is told as Messages tells Claude's, sources of a
 * grounded answer as citations.
 */
#include "dialect/gemini_int.h"
#include "dialect/server_block.h"

/* ---- blocks -------------------------------------------------------------------------------------
 */

static struct ir_event event_of(const struct gemini_feeding *f, enum ir_event_type type)
{
    return (struct ir_event){
        .type = type, .kind = f->c->kind, .choice = f->index, .block = f->c->block};
}

static void delta(struct gemini_feeding *f, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(f, IR_EV_DELTA);

    if (!text.n)
        return;
    CHECK(f->c->open || what == IR_D_LOGPROBS); /* ir/event.h promises it to all writers */
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(f->sink, &ev);
}

void gemini_close_block(struct gemini_feeding *f)
{
    struct ir_event ev;

    if (!f->c->open)
        return;
    if (f->c->partial)
        gemini_partial_end(f);
    ev = event_of(f, IR_EV_BLOCK_STOP);
    ir_emit(f->sink, &ev);
    f->c->open = false;
    f->c->block++;
}

/* A BLOCK_START to be filled and emitted; whatever was open is closed before it. */
static struct ir_event begin_block(struct gemini_feeding *f, enum ir_kind kind)
{
    gemini_close_block(f);
    ASSERT(!f->c->open);
    CHECK(!f->c->partial); /* else pieces of one call would go into another block */
    f->c->open = true;
    f->c->is_sealed = false;
    f->c->kind = kind;
    return event_of(f, IR_EV_BLOCK_START);
}

/* The open block if it is of this kind, else a new one: chunks of one text are one block. */
static void need_block(struct gemini_feeding *f, enum ir_kind kind)
{
    struct ir_event ev;

    if (f->c->open && f->c->kind == kind)
        return;
    ev = begin_block(f, kind);
    if (kind == IR_THINKING)
        ev.open.format = STR(SEAL_GEMINI);
    ir_emit(f->sink, &ev);
}

static bool is_open(const struct gemini_feeding *f, enum ir_kind kind)
{
    return f->c->open && f->c->kind == kind;
}

/* ---- text ---------------------------------------------------------------------------------------
 */

static void take_text(struct gemini_feeding *f, jtext text, jtext sig, bool thought)
{
    enum ir_kind kind = thought ? IR_THINKING : IR_TEXT;
    struct ir_event ev;

    if (sig.n && is_open(f, kind) && f->c->is_sealed)
        gemini_close_block(f); /* one signature a block */
    if (text.n || (thought && sig.n)) {
        need_block(f, kind);
        delta(f, IR_D_TEXT, text);
    }
    if (!sig.n)
        return;
    if (is_open(f, kind)) {
        delta(f, IR_D_SIGNATURE, sig);
        f->c->is_sealed = true;
        return;
    }
    ev = begin_block(f, IR_REDACTED);
    ev.open.format = STR(SEAL_GEMINI);
    ev.open.data = sig;
    ir_emit(f->sink, &ev);
    gemini_close_block(f);
}

/* ---- calls --------------------------------------------------------------------------------------
 */

static bool take_call(struct gemini_feeding *f, jval call, jtext sig)
{
    jtext name = json_raw(json_get_lit(call, "name"));
    jval args = json_get_lit(call, "args"), pieces = json_get_lit(call, "partialArgs");
    bool more = json_is(json_get_lit(call, "willContinue"), JSON_TRUE);
    struct ir_event ev;

    if (!name.n && !(is_open(f, IR_TOOL_USE) && f->c->partial))
        return gemini_upstream_broke(f, STR("The provider sent a tool call without a name."));
    if (name.n) {
        ev = begin_block(f, IR_TOOL_USE);
        ev.open.id = json_raw(json_get_lit(call, "id"));
        ev.open.name = name;
        ev.open.sealed = sig;
        ir_emit(f->sink, &ev);
        f->c->has_calls = true;
        if ((more || json_has(pieces)) && !gemini_partial_begin(f))
            return false;
    }
    if (f->c->partial) {
        if (!gemini_partial_take(f, pieces))
            return false;
    } else if (json_is(args, JSON_OBJECT) && json_len(args)) {
        delta(f, IR_D_INPUT, json_text(args));
    }
    if (!more)
        gemini_close_block(f);
    return true;
}

/* ---- media and code -----------------------------------------------------------------------------
 */

static void take_media(struct gemini_feeding *f, jval v, bool file)
{
    struct ir_media m = {.src = file ? IR_MEDIA_URL : IR_MEDIA_BASE64};
    jtext type = json_raw(json_get_lit(v, "mimeType"));
    enum ir_kind kind = str_has_prefix(type, STR("image"))   ? IR_IMAGE
                        : str_has_prefix(type, STR("audio")) ? IR_AUDIO
                                                             : IR_DOCUMENT;
    struct ir_event ev;

    m.data = json_raw(json_get(v, file ? STR("fileUri") : STR("data")));
    m.media_type = type.n ? type : STR_NONE;
    if (!m.data.n)
        return;
    ev = begin_block(f, kind);
    ev.open.media = &m;
    ir_emit(f->sink, &ev);
    gemini_close_block(f);
}

static void put_opaque(struct gemini_feeding *f, str type, jtext id, str name)
{
    struct ir_event ev = begin_block(f, IR_OPAQUE);

    ev.open.data = type;
    ev.open.id = id;
    ev.open.name = name;
    ev.open.raw = buf_str(&f->scratch->text);
    ir_emit(f->sink, &ev);
    gemini_close_block(f);
}

/* Google's id, or a number: results follow their code. */
static void add_code_id(struct gemini_feeding *f, jtext id, struct buf *b)
{
    if (id.n) {
        server_block_add_id(b, id);
    } else {
        buf_lit(b, SERVER_BLOCK_MADE);
        buf_add_u64(b, f->c->codes);
    }
}

static void take_code(struct gemini_feeding *f, jval v)
{
    struct buf *b = &f->scratch->text;
    jtext id = json_raw(json_get_lit(v, "id"));

    f->c->codes++;
    buf_clear(b);
    buf_lit(b, "{\"type\":\"server_tool_use\",\"id\":\"");
    add_code_id(f, id, b);
    buf_lit(b, "\",\"name\":\"code_execution\",\"input\":{\"code\":\"");
    buf_add(b, json_raw(json_get_lit(v, "code")));
    buf_lit(b, "\"}}");
    put_opaque(f, STR("server_tool_use"), id, STR("code_execution"));
}

static void take_code_result(struct gemini_feeding *f, jval v)
{
    struct buf *b = &f->scratch->text;
    jtext id = json_raw(json_get_lit(v, "id")), output = json_raw(json_get_lit(v, "output"));
    bool ok = json_str_is(json_get_lit(v, "outcome"), STR("OUTCOME_OK"));

    buf_clear(b);
    buf_lit(b, "{\"type\":\"code_execution_tool_result\",\"tool_use_id\":\"");
    add_code_id(f, id, b);
    buf_lit(b, "\",\"content\":{\"type\":\"code_execution_result\",\"stdout\":\"");
    buf_add(b, ok ? output : STR(""));
    buf_lit(b, "\",\"stderr\":\"");
    buf_add(b, ok ? STR("") : output);
    buf_lit(b, "\",\"return_code\":");
    buf_add(b, ok ? STR("0") : STR("1"));
    buf_lit(b, ",\"content\":[]}}");
    put_opaque(f, STR("code_execution_tool_result"), id, STR_NONE);
}

static bool take_part(struct gemini_feeding *f, jval part)
{
    jval call = json_get_lit(part, "functionCall"), code = json_get_lit(part, "executableCode"),
         result = json_get_lit(part, "codeExecutionResult"),
         blob = json_get_lit(part, "inlineData"), file = json_get_lit(part, "fileData");
    jtext sig = json_raw(json_get_lit(part, "thoughtSignature"));

    if (json_is(call, JSON_OBJECT))
        return take_call(f, call, sig);
    if (json_is(code, JSON_OBJECT))
        take_code(f, code);
    else if (json_is(result, JSON_OBJECT))
        take_code_result(f, result);
    else if (json_is(blob, JSON_OBJECT))
        take_media(f, blob, false);
    else if (json_is(file, JSON_OBJECT))
        take_media(f, file, true);
    take_text(f, json_raw(json_get_lit(part, "text")), sig,
              json_is(json_get_lit(part, "thought"), JSON_TRUE));
    return true;
}

/* ---- sources ------------------------------------------------------------------------------------
 */

static void cite(struct gemini_feeding *f, jtext url, jtext title, jtext text)
{
    struct buf *b = &f->scratch->text;

    if (!url.n || !is_open(f, IR_TEXT))
        return;
    buf_clear(b);
    buf_lit(b, "{\"type\":\"web_search_result_location\",\"url\":\"");
    buf_add(b, url);
    buf_lit(b, "\",\"title\":\"");
    buf_add(b, title);
    buf_lit(b, "\",\"cited_text\":\"");
    buf_add(b, text);
    buf_lit(b, "\",\"encrypted_index\":\"\"}");
    delta(f, IR_D_CITATION, buf_str(b));
}

#define SEARCHES_MAX 16
#define CITES_MAX    256 /* of one chunk: hostile indices must not multiply */

/* Supports say which words rest on which sources; without them the sources stand alone. */
static void take_grounding(struct gemini_feeding *f, jval grounding)
{
    jval chunks = json_get_lit(grounding, "groundingChunks");
    struct json_iter it = json_iter(json_get_lit(grounding, "groundingSupports"));
    struct json_iter all = json_iter(chunks);
    bool supported = false;
    unsigned cites = 0;

    while (json_next(&it)) {
        jtext text = json_raw(json_path(it.val, "segment", "text", NULL));
        struct json_iter of = json_iter(json_get_lit(it.val, "groundingChunkIndices"));
        uint64_t at;

        supported = true;
        while (json_next(&of) && cites++ < CITES_MAX) {
            struct json_iter source = json_iter(chunks);

            if (json_u64(of.val, &at) != RC_OK || at >= CITES_MAX)
                continue;
            for (uint64_t i = 0; json_next(&source); i++)
                if (i == at) {
                    jval web = json_get_lit(source.val, "web");

                    cite(f, json_raw(json_get_lit(web, "uri")),
                         json_raw(json_get_lit(web, "title")), text);
                    break;
                }
        }
    }
    while (!supported && json_next(&all) && cites++ < CITES_MAX) {
        jval web = json_get_lit(all.val, "web");

        cite(f, json_raw(json_get_lit(web, "uri")), json_raw(json_get_lit(web, "title")), STR(""));
    }
}

/* The pages that were found, as Claude lists them; all with the first query, for Google does not
 * say which found what. */
static void add_found(struct buf *b, jval chunks)
{
    struct json_iter it = json_iter(chunks);
    bool any = false;

    for (unsigned n = 0; json_is(chunks, JSON_ARRAY) && n < CITES_MAX && json_next(&it); n++) {
        jval web = json_get_lit(it.val, "web");

        if (!json_raw(json_get_lit(web, "uri")).n)
            continue;
        buf_add(b, any ? STR(",{\"type\":\"web_search_result\",\"url\":\"")
                       : STR("{\"type\":\"web_search_result\",\"url\":\""));
        buf_add(b, json_raw(json_get_lit(web, "uri")));
        buf_lit(b, "\",\"title\":\"");
        buf_add(b, json_raw(json_get_lit(web, "title")));
        buf_lit(b, "\",\"encrypted_content\":\"\",\"page_age\":null}");
        any = true;
    }
}

/* What was searched for is told with the last words: a search and what it found, behind the text.
 */
static void take_search(struct gemini_feeding *f, unsigned n, jtext query, jval chunks)
{
    char room[64]; /* an id of its number and its first letters, for Google gives none */
    struct buf id = {.p = room, .cap = sizeof room, .max = sizeof room}, *b = &f->scratch->text;
    struct ir_event ev;
    size_t at;

    buf_add_u64(&id, n + 1);
    buf_add_char(&id, '_');
    buf_add(&id, str_head(query, 32));
    buf_clear(b);
    server_block_use(b, buf_str(&id), STR("web_search"));
    at = buf_size(b);
    buf_lit(b, "{\\\"query\\\":\\\"");
    json_escape(b, query);
    buf_lit(b, "\\\"}");
    if (b->failed)
        return;
    ev = begin_block(f, IR_OPAQUE);
    ev.open.data = STR("server_tool_use");
    ev.open.name = STR("web_search");
    ev.open.raw = str_head(buf_str(b), at);
    ir_emit(f->sink, &ev);
    delta(f, IR_D_ARGS, str_from(buf_str(b), at));
    gemini_close_block(f);
    buf_clear(b);
    server_block_begin_result(b, buf_str(&id), STR("web_search_tool_result"));
    buf_add_char(b, '[');
    add_found(b, chunks);
    buf_lit(b, "]}");
    if (!b->failed)
        put_opaque(f, STR("web_search_tool_result"), STR_NONE, STR_NONE);
}

static void take_searches(struct gemini_feeding *f, jval grounding)
{
    jval queries = json_get_lit(grounding, "webSearchQueries");
    struct json_iter it = json_iter(queries);

    if (f->c->searched || !json_is(queries, JSON_ARRAY))
        return; /* newer chunks repeat what older ones told */
    for (unsigned n = 0; n < SEARCHES_MAX && json_next(&it); n++) {
        jval found = n ? JVAL_NONE : json_get_lit(grounding, "groundingChunks");

        if (json_raw(it.val).n)
            take_search(f, n, json_raw(it.val), found);
        f->c->searched = true;
    }
}

static void take_citations(struct gemini_feeding *f, jval v)
{
    jval list = json_get_lit(v, "citationSources");
    struct json_iter it = json_iter(json_has(list) ? list : json_get_lit(v, "citations"));

    while (json_next(&it))
        cite(f, json_raw(json_get_lit(it.val, "uri")), json_raw(json_get_lit(it.val, "title")),
             STR(""));
}

/* ---- log probabilities: in Chat's form ----------------------------------------------------------
 */

static void add_token(struct buf *b, jval v)
{
    jval p = json_get_lit(v, "logProbability");

    buf_lit(b, "{\"token\":\"");
    buf_add(b, json_raw(json_get_lit(v, "token")));
    buf_lit(b, "\",\"logprob\":");
    buf_add(b, json_is(p, JSON_NUMBER) ? json_text(p) : STR("0"));
    buf_lit(b, ",\"bytes\":null");
}

static void take_logprobs(struct gemini_feeding *f, jval v)
{
    struct json_iter it = json_iter(json_get_lit(v, "chosenCandidates"));
    struct json_iter tops = json_iter(json_get_lit(v, "topCandidates"));
    struct buf *b = &f->scratch->text;
    bool any = false;

    if (!json_is(v, JSON_OBJECT))
        return;
    buf_clear(b);
    buf_lit(b, "{\"content\":[");
    for (; json_next(&it); any = true) {
        bool top = json_next(&tops), first = true;
        struct json_iter of = json_iter(top ? json_get_lit(tops.val, "candidates") : JVAL_NONE);

        if (any)
            buf_add_char(b, ',');
        add_token(b, it.val);
        buf_lit(b, ",\"top_logprobs\":[");
        for (; json_next(&of); first = false) {
            if (!first)
                buf_add_char(b, ',');
            add_token(b, of.val);
            buf_add_char(b, '}');
        }
        buf_lit(b, "]}");
    }
    buf_lit(b, "],\"refusal\":null}");
    if (any && !b->failed)
        delta(f, IR_D_LOGPROBS, buf_str(b));
}

/* ---- candidates ---------------------------------------------------------------------------------
 */

enum ir_finish gemini_finish_of(jtext word)
{
    static const struct {
        str word;
        enum ir_finish finish;
    } rows[] = {
        {STR("STOP"), IR_FIN_STOP},
        {STR("MAX_TOKENS"), IR_FIN_LENGTH},
        {STR("SAFETY"), IR_FIN_FILTER},
        {STR("RECITATION"), IR_FIN_FILTER},
        {STR("BLOCKLIST"), IR_FIN_FILTER},
        {STR("PROHIBITED_CONTENT"), IR_FIN_FILTER},
        {STR("SPII"), IR_FIN_FILTER},
        {STR("LANGUAGE"), IR_FIN_FILTER},
        {STR("MODEL_ARMOR"), IR_FIN_FILTER},
        {STR("IMAGE_SAFETY"), IR_FIN_FILTER},
        {STR("IMAGE_PROHIBITED_CONTENT"), IR_FIN_FILTER},
        {STR("IMAGE_RECITATION"), IR_FIN_FILTER},
        {STR("MALFORMED_FUNCTION_CALL"), IR_FIN_BROKEN},
        {STR("MALFORMED_RESPONSE"), IR_FIN_BROKEN},
        {STR("UNEXPECTED_TOOL_CALL"), IR_FIN_BROKEN}, /* unless it is there, and can be answered */
        {STR("TOO_MANY_TOOL_CALLS"), IR_FIN_BROKEN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(word, rows[i].word))
            return rows[i].finish;
    return IR_FIN_OTHER;
}

bool gemini_take_candidate(struct gemini_feeding *f, jval v)
{
    struct json_iter it = json_iter(json_path(v, "content", "parts", NULL));

    CHECK(f->index < GEMINI_CHOICES_MAX && f->c == &f->st->choices[f->index]);
    while (json_next(&it))
        if (!take_part(f, it.val))
            return false;
    take_grounding(f, json_get_lit(v, "groundingMetadata"));
    take_citations(f, json_get_lit(v, "citationMetadata"));
    take_logprobs(f, json_get_lit(v, "logprobsResult"));
    take_searches(f, json_get_lit(v, "groundingMetadata"));
    return true;
}

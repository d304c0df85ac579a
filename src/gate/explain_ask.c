/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_ask - the question of /api/v1/explain, made into the request it is about.
 *
 *     {"path":"/v1/messages","headers":{"x-tag":"beta"},"body":{…as a client sends it…}}
 *     {"model":"smart","tokens":80000,"tools":true,"image":true}      flags: a request is made up
 *     {"model":"smart","messages":[…]}                                a client's body as it is
 *
 * What is made up is a body that the front's own decoder reads, not a set of features beside it: so
 * whatever looks at a request one day sees it here too, and nothing can be explained that could not
 * be sent. Its prompt is " the" so many times, which is one token each in the encodings at hand and
 * one by the rule of four bytes.
 */
#include "gate/explain.h"

#include "http/url.h"

#define TOKENS_MAX   2000000u /* of a made-up prompt: 8 MB */
#define HEADERS_MAX  (8u << 10)
#define ASK_PATH_MAX 2048
#define PIXEL \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="

/* Where each language's requests go; with an `after`, the model stands between. */
static const struct {
    str front;
    const char *before, *after;
} fronts[] = {
    {STR("openai"), "/v1/chat/completions", NULL},
    {STR("chat"), "/v1/chat/completions", NULL},
    {STR("anthropic"), "/v1/messages", NULL},
    {STR("openai-responses"), "/v1/responses", NULL},
    {STR("responses"), "/v1/responses", NULL},
    {STR("gemini"), "/v1beta/models/", ":generateContent"},
    {STR("bedrock"), "/model/", "/converse"},
    {STR("ollama"), "/api/chat", NULL},
};

struct flags {
    str front, model;
    uint64_t tokens, output;
    bool tools, image, document, web_search, thinking, structured, stream;
};

static enum rc wrong(struct fail *f, str text)
{
    *f = (struct fail){.kind = ERR_BAD_REQUEST, .message = text};
    return RC_SYNTAX;
}

/* ---- flags */

static bool flag(jval q, str name)
{
    jval v = json_get(q, name);
    bool is = false;
    return json_bool(v, &is) == RC_OK && is;
}

static str text_of(struct arena *a, jval q, str name)
{
    str s;
    return json_str(json_get(q, name), a, &s) == RC_OK ? s : STR_NONE;
}

static uint64_t number(jval q, str name)
{
    uint64_t n = 0;
    return json_u64(json_get(q, name), &n) == RC_OK ? n : 0;
}

static enum rc read_flags(struct arena *a, jval q, struct flags *ret, struct fail *f)
{
    static const str known[] = {
        STR("path"),       STR("front"),    STR("headers"),    STR("body"),
        STR("key"),        STR("model"),    STR("tokens"),     STR("max_tokens"),
        STR("tools"),      STR("image"),    STR("images"),     STR("documents"),
        STR("web_search"), STR("thinking"), STR("structured"), STR("stream"),
    };
    struct json_iter it = json_iter(q);
    while (json_next(&it)) {
        bool is = false;
        for (size_t i = 0; i < ARRAY_LEN(known) && !is; i++)
            is = json_str_is(it.key, known[i]);
        if (!is)
            return wrong(f, arena_strf(a,
                                       "\"" STR_FMT "\" is no part of a question. It has path or "
                                       "front, headers, key and body; or model, tokens, "
                                       "max_tokens, tools, image, documents, web_search, "
                                       "thinking, structured, stream.",
                                       STR_ARG(json_raw(it.key))));
    }
    *ret = (struct flags){.front = text_of(a, q, STR("front")),
                          .model = text_of(a, q, STR("model")),
                          .tokens = number(q, STR("tokens")),
                          .output = number(q, STR("max_tokens")),
                          .tools = flag(q, STR("tools")),
                          .image = flag(q, STR("image")) || flag(q, STR("images")),
                          .document = flag(q, STR("documents")),
                          .web_search = flag(q, STR("web_search")),
                          .thinking = flag(q, STR("thinking")),
                          .structured = flag(q, STR("structured")),
                          .stream = flag(q, STR("stream"))};
    if (ret->tokens > TOKENS_MAX)
        return wrong(f, STR("A prompt of more than 2000000 tokens is not made up: send a body."));
    return RC_OK;
}

/* ---- a made-up body */

static void add_prompt(struct buf *b, uint64_t tokens)
{
    for (uint64_t i = 0; i < (tokens ? tokens : 1); i++)
        buf_lit(b, " the");
}

static void make_chat(const struct flags *q, struct buf *b)
{
    buf_lit(b, ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"");
    add_prompt(b, q->tokens);
    buf_lit(b, "\"}");
    if (q->image)
        buf_lit(b, ",{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PIXEL
                   "\"}}");
    if (q->document)
        buf_lit(b, ",{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
                   "\"data:application/pdf;base64,JVBERi0xLjQK\"}}");
    buf_lit(b, "]}]");
    if (q->output)
        buf_addf(b, ",\"max_completion_tokens\":%llu", (unsigned long long)q->output);
    if (q->tools)
        buf_lit(b, ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\","
                   "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]");
    if (q->web_search)
        buf_lit(b, ",\"web_search_options\":{}");
    if (q->thinking)
        buf_lit(b, ",\"reasoning_effort\":\"high\"");
    if (q->structured)
        buf_lit(b, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","
                   "\"schema\":{\"type\":\"object\",\"properties\":{}}}}");
}

static void make_anthropic(const struct flags *q, struct buf *b)
{
    buf_addf(b, ",\"max_tokens\":%llu", (unsigned long long)(q->output ? q->output : 4096));
    buf_lit(b, ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"");
    add_prompt(b, q->tokens);
    buf_lit(b, "\"}");
    if (q->image)
        buf_lit(b, ",{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                   "\"image/png\",\"data\":\"" PIXEL "\"}}");
    if (q->document)
        buf_lit(b, ",{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
                   "\"application/pdf\",\"data\":\"JVBERi0xLjQK\"}}");
    buf_lit(b, "]}]");
    if (q->tools || q->web_search)
        buf_lit(b, ",\"tools\":[");
    if (q->tools)
        buf_lit(b, "{\"name\":\"look\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}");
    if (q->tools && q->web_search)
        buf_lit(b, ",");
    if (q->web_search)
        buf_lit(b, "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}");
    if (q->tools || q->web_search)
        buf_lit(b, "]");
    if (q->thinking)
        buf_lit(b, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}");
    if (q->structured)
        buf_lit(b, ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
                   "\"object\",\"properties\":{}}}}");
}

static enum rc make_body(struct arena *a, const struct flags *q, str *ret, struct fail *f)
{
    struct buf b = BUF_INIT(4 * (size_t)TOKENS_MAX + (64u << 10));
    const bool anthropic = str_eq(q->front, STR("anthropic"));
    if (q->front.n && !anthropic && !str_eq(q->front, STR("openai")) &&
        !str_eq(q->front, STR("chat")))
        return wrong(f, STR("From flags a request in the words of openai or of anthropic is made "
                            "up. Send a body for another front."));
    buf_lit(&b, "{\"model\":\"");
    json_escape(&b, q->model);
    buf_lit(&b, "\"");
    if (anthropic)
        make_anthropic(q, &b);
    else
        make_chat(q, &b);
    buf_add(&b, q->stream ? STR(",\"stream\":true}") : STR("}"));
    *ret = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return ret->p ? RC_OK : wrong(f, STR("There is no memory for so long a prompt."));
}

/* ---- a client's own body */

/* Whose words a body is in, where nothing says it: by keys that only one language has. */
static str guess_front(jval body)
{
    static const str anthropics[] = {STR("system"), STR("anthropic_version"), STR("thinking"),
                                     STR("stop_sequences"), STR("mcp_servers")};
    jval tool = json_get_lit(body, "tools");
    struct json_iter it = json_iter(tool);
    if (json_has(json_get_lit(body, "contents")))
        return STR("gemini");
    if (json_has(json_get_lit(body, "input")))
        return STR("responses");
    for (size_t i = 0; i < ARRAY_LEN(anthropics); i++)
        if (json_has(json_get(body, anthropics[i])))
            return STR("anthropic");
    if (json_next(&it) && json_has(json_get_lit(it.val, "input_schema")))
        return STR("anthropic");
    return STR("openai");
}

static enum rc path_of_front(struct arena *a, str front, str model, str *ret, struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        if (!str_eq(front, fronts[i].front))
            continue;
        struct buf b = BUF_INIT(ASK_PATH_MAX);
        buf_add(&b, str_c(fronts[i].before));
        if (fronts[i].after) {
            url_encode(model, &b);
            buf_add(&b, str_c(fronts[i].after));
        }
        *ret = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
        buf_fini(&b);
        return ret->p ? RC_OK : wrong(f, STR("The model's name is too long."));
    }
    return wrong(f,
                 STR("There is no such front. It is one of openai, responses, anthropic, gemini, "
                     "bedrock, ollama; or say the path."));
}

static bool is_plain(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static enum rc read_headers(struct arena *a, jval headers, str *ret, struct fail *f)
{
    struct buf b = BUF_INIT(HEADERS_MAX);
    struct json_iter it = json_iter(headers);
    bool ok = true;
    while (ok && json_next(&it)) {
        str name = json_raw(it.key), value;
        ok = name.n && is_plain(name) && json_str(it.val, a, &value) == RC_OK && is_plain(value);
        if (!ok)
            break;
        buf_addf(&b, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name), STR_ARG(value));
    }
    *ret = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return ok && ret->p ? RC_OK
                        : wrong(f, STR("headers: an object of names and texts, 8 KiB at most."));
}

/* A client's body has what no question has, and lacks what only a question has. */
static bool is_bare(jval root)
{
    return !json_has(json_get_lit(root, "body")) &&
           (json_has(json_get_lit(root, "messages")) || json_has(json_get_lit(root, "contents")) ||
            json_has(json_get_lit(root, "input")) || json_has(json_get_lit(root, "prompt")));
}

static enum rc find_path(struct arena *a, jval body, str front, str model, struct explain_ask *ret,
                         struct fail *f)
{
    if (ret->path.n) {
        bool ok = ret->path.n < ASK_PATH_MAX && ret->path.p[0] == '/' && is_plain(ret->path) &&
                  str_find_char(ret->path, ' ') == SIZE_MAX;
        return ok ? RC_OK : wrong(f, STR("path: begin it with a slash, as a client sends it."));
    }
    return path_of_front(a, front.n ? front : guess_front(body), model, &ret->path, f);
}

static str query_text(struct arena *a, str query, str key)
{
    struct buf b = BUF_INIT(ASK_PATH_MAX);
    str raw, s = STR_NONE;
    if (url_query(query, key, &raw) == RC_OK && url_decode(raw, &b) == RC_OK)
        s = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

enum rc explain_read(struct arena *a, str question, str query, struct explain_ask *ret,
                     struct fail *f)
{
    struct json_doc doc;
    struct json_error e;
    struct flags q = {.front = STR_NONE};
    str front;
    *ret = (struct explain_ask){.headers = STR("")};
    if (json_parse(a, question, &doc, &e) != RC_OK)
        return wrong(
            f, arena_strf(a, "The question is not valid JSON: %s at byte %zu.", e.what, e.offset));
    jval root = json_root(&doc), body = json_get_lit(root, "body");
    if (!json_is(root, JSON_OBJECT))
        return wrong(f, STR("The question must be a JSON object."));
    ret->path = query_text(a, query, STR("path"));
    front = query_text(a, query, STR("front"));
    if (is_bare(root)) {
        ret->body = question;
        return find_path(a, root, front, text_of(a, root, STR("model")), ret, f);
    }
    TRY(read_flags(a, root, &q, f));
    front = q.front.n ? q.front : front;
    str path = text_of(a, root, STR("path"));
    ret->path = path.n ? path : ret->path;
    ret->key = text_of(a, root, STR("key"));
    TRY(read_headers(a, json_get_lit(root, "headers"), &ret->headers, f));
    if (json_is(body, JSON_OBJECT)) {
        ret->body = json_text(body);
        str model = q.model.n ? q.model : text_of(a, body, STR("model"));
        return find_path(a, body, front, model, ret, f);
    }
    if (!q.model.n)
        return wrong(f, STR("Say a model, or send a body with one."));
    TRY(make_body(a, &q, &ret->body, f));
    return find_path(a, body, front.n ? front : STR("openai"), q.model, ret, f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_ask - the question of /api/v1/explain, made into the request it is about.
 *
 *     {"path":"/v1/messages","headers":{"x-tag":"beta"},"body":{…as a client sends it…}}
 *     {"model":"smart","tokens":80000,"tools":true,"image":true}      flags: a request is made up
 *     {"model":"smart","messages":[…]}                                a client's body as it is
 */
#include "gate/explain.h"

#include "http/url.h"

#define HEADERS_MAX  (8u << 10)
#define ASK_PATH_MAX 2048

/* Where each language's requests go; with an `after`, the model stands between, and what stands
 * behind it says whether the answer is streamed. */
static const struct {
    str front;
    const char *before, *after, *streamed;
} fronts[] = {
    {STR("openai"), "/v1/chat/completions", NULL, NULL},
    {STR("chat"), "/v1/chat/completions", NULL, NULL},
    {STR("anthropic"), "/v1/messages", NULL, NULL},
    {STR("openai-responses"), "/v1/responses", NULL, NULL},
    {STR("responses"), "/v1/responses", NULL, NULL},
    {STR("gemini"), "/v1beta/models/", ":generateContent", ":streamGenerateContent?alt=sse"},
    {STR("bedrock"), "/model/", "/converse", "/converse-stream"},
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

static enum rc read_flags(struct arena *a, jval q, struct explain_flags *ret, struct fail *f)
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
    *ret = (struct explain_flags){.front = text_of(a, q, STR("front")),
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
    return RC_OK;
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

static enum rc path_of_front(struct arena *a, str front, str model, bool stream, str *ret,
                             struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        if (!str_eq(front, fronts[i].front))
            continue;
        struct buf b = BUF_INIT(ASK_PATH_MAX);
        buf_add(&b, str_c(fronts[i].before));
        if (fronts[i].after) {
            url_encode(model, &b);
            buf_add(&b, str_c(stream ? fronts[i].streamed : fronts[i].after));
        }
        *ret = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
        buf_fini(&b);
        return ret->p ? RC_OK : wrong(f, STR("The model's name is too long."));
    }
    return wrong(f,
                 STR("There is no such front. It is one of openai, responses, anthropic, gemini, "
                     "bedrock; or say the path."));
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

static enum rc find_path(struct arena *a, jval body, str front, str model, bool stream,
                         struct explain_ask *ret, struct fail *f)
{
    if (ret->path.n) {
        bool ok = ret->path.n < ASK_PATH_MAX && ret->path.p[0] == '/' && is_plain(ret->path) &&
                  str_find_char(ret->path, ' ') == SIZE_MAX;
        return ok ? RC_OK : wrong(f, STR("path: begin it with a slash, as a client sends it."));
    }
    return path_of_front(a, front.n ? front : guess_front(body), model, stream, &ret->path, f);
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

static enum rc make_up(struct arena *a, const struct explain_flags *q, str front,
                       struct explain_ask *ret, struct fail *f)
{
    const str by = front.n ? front : STR("openai");
    TRY(find_path(a, JVAL_NONE, by, q->model, q->stream, ret, f));
    const enum rc rc = explain_make(a, by, q, &ret->body);
    if (rc == RC_LIMIT)
        return wrong(f, STR("A prompt of more than 2000000 tokens is not made up: send a body."));
    CHECK(rc != RC_NOTFOUND); /* there was a path for it */
    return rc == RC_OK ? rc : wrong(f, STR("There is no memory for so long a prompt."));
}

enum rc explain_read(struct arena *a, str question, str query, struct explain_ask *ret,
                     struct fail *f)
{
    struct json_doc doc;
    struct json_error e;
    struct explain_flags q = {.front = STR_NONE};
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
        return find_path(a, root, front, text_of(a, root, STR("model")), false, ret, f);
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
        return find_path(a, body, front, model, q.stream, ret, f);
    }
    if (!q.model.n)
        return wrong(f, STR("Say a model, or send a body with one."));
    return make_up(a, &q, front, ret, f);
}

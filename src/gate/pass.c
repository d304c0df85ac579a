/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass - ANY /providers/NAME/…: one provider's own API, with our credentials, metered.
 *
 *     GET /providers/openai/files?limit=2          client's key, client's query
 *     GET /v1/files?limit=2                        to the provider's origin and nowhere else, its
 * key
 *
 * For all that no canonical form or table will ever know: files, batches, fine-tuning. It is a call
 * like others (attempts, health, deadlines, one record), with these rules of its own:
 *
 * - Where it goes is the configuration's word alone: origin and base path of the provider; a
 *   redirect is never followed, an upgrade refused (F2, F3).
 * - What goes of a head is an allow-list (pass_headers.def), and of the query all but keys: a
 *   client's credential reaches no provider, a provider's no client (F7).
 * - A key with a list of models must not get around it here: it needs "NAME/" with a star behind
 *   it on the list, for what a path or body may ask for is the provider's to know (F4).
 * - A method that is not safe is never repeated once a byte of it left; GET, HEAD and OPTIONS may.
 * - An answer goes on as it comes, its status and bytes untouched, also an error's: who speaks a
 *   provider's own API wants its own words. Where the path is a chat's or an operation's, the
 *   usage is read from a copy on the side.
 * - What a provider says of a path that a client chose is no news of its credential or health:
 *   nothing is learned from a status. That it cannot be reached is learned, of a model called "*",
 *   so that other calls are left alone.
 */
#include "gate/pass.h"

#include "http/h1_write.h"
#include "http/url.h"

#define PREFIX        STR("/providers/")
#define ANY_MODEL     "*"
#define PASS_NAME_MAX 128
#define LINES_MAX     (8u << 10)
#define COPY_MAX      (4u << 20) /* of a JSON answer: the usage of longer ones stays unknown */
#define DECODER_MAX   8192

struct pass {
    str name;                             /* decoded; empty: it cannot be one */
    str rest;                             /* below the base path; begins with a slash */
    const struct conf_provider *provider; /* NULL: there is none */
    bool whole;                           /* … or it is a whole path of its own */
    const struct dialect_back *tap;       /* who reads usage in its answers; NULL: nobody */
    void *decoder;
    struct frame_parser frames;
    struct buf copy;
    bool events; /* the answer is a stream of events */
    bool deaf;   /* the copy is given up */
    str lines;   /* of the answer's head, for the client */
};

static const struct op pass_row = {.name = STR("pass-through")};

/* ---- the head of the request */

static str decode_name(struct call *c, str raw)
{
    struct buf b = BUF_INIT(PASS_NAME_MAX);
    bool ok = url_decode(raw, &b) == RC_OK;
    str name = ok ? arena_dup(&c->req->arena, buf_str(&b)) : STR_NONE;
    buf_fini(&b);
    return name;
}

/* The dialect whose chat, or the operation whose call, this path is at its provider. */
static const struct dialect_back *tap_of(struct call *c, str rest)
{
    static const str bases[] = {STR(""), STR("/v1"), STR("/v1beta")};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        struct front_route route;
        str model,
            path = arena_strf(&c->req->arena, STR_FMT STR_FMT, STR_ARG(bases[i]), STR_ARG(rest));
        if (!path.p)
            return NULL;
        const struct dialect *d = dialect_route(path, c->req->head->query, &route);
        if (d && d->back && route.op == FRONT_CHAT) {
            c->peek.model = route.model;
            return d->back;
        }
        if (op_route(path, &model)) {
            c->peek.model = model;
            return &op_reader;
        }
    }
    return NULL;
}

bool pass_find(struct call *c)
{
    struct arena *a = &c->req->arena;
    str path = c->req->head->path;
    if (!str_has_prefix(path, PREFIX))
        return false;
    struct operation *op = arena_new(a, struct operation);
    struct pass *p = arena_new(a, struct pass);
    if (!op || !p)
        return false;
    str name = str_from(path, PREFIX.n);
    size_t slash = str_find_char(name, '/');
    p->name = decode_name(c, str_head(name, slash));
    p->rest = slash == SIZE_MAX ? STR("/") : str_from(name, slash);
    p->provider = p->name.n ? conf_find_provider(c->gen->snap, p->name) : NULL;
    if (p->provider && (!p->provider->enabled || p->provider->demo))
        p->provider = NULL;
    op->row = &pass_row;
    op->pass = p;
    c->op = op;
    c->front = p->provider ? dialect_find(p->provider->dialect) : NULL;
    if (!c->front || !c->front->front)
        c->front = dialect_find(STR("openai"));
    return true;
}

/* No list of the key's is asked: whoever comes here has shown that the thing is the caller's own.
 */
bool pass_to(struct call *c, const struct conf_provider *provider, str path)
{
    struct operation *op = arena_new(&c->req->arena, struct operation);
    struct pass *p = arena_new(&c->req->arena, struct pass);
    CHECK(!c->op && provider->enabled && !provider->demo && path.n);
    if (!op || !p)
        return false;
    *p = (struct pass){.name = provider->name, .rest = path, .whole = true, .provider = provider};
    op->row = &pass_row;
    op->pass = p;
    c->op = op;
    return true;
}

/* May this key call whatever the provider has? */
static bool key_allows(const struct call *c, str name)
{
    str all = arena_strf(&c->req->arena, STR_FMT "/" ANY_MODEL, STR_ARG(name));
    return all.p && conf_key_allows(c->key, &(struct conf_route){.name = all});
}

/* Refuse with the provider's name between two halves of a sentence. */
static bool refuse(struct call *c, enum err kind, const char *before, const char *after)
{
    str text =
        arena_strf(&c->req->arena, "%s \"" STR_FMT "%s", before, STR_ARG(c->op->pass->name), after);
    call_fail_kind(c, kind, text, kind == ERR_NOT_FOUND ? STR("not_found") : STR_NONE);
    return false;
}

bool pass_admit(struct call *c)
{
    const struct h1_head *h = c->req->head;
    const struct pass *p = c->op->pass;
    /* Before it is said whether there is such a provider. */
    if (!key_allows(c, p->name))
        return refuse(c, ERR_FORBIDDEN,
                      "This key has a list of models: to pass through it needs on it", "/*\".");
    if (!p->provider)
        return refuse(c, ERR_NOT_FOUND, "There is no provider", "\" here.");
    if (p->provider->endpoint.n)
        return refuse(c, ERR_NOT_FOUND, "There is no base URL, only one endpoint, of provider",
                      "\".");
    if (h->upgrade)
        return refuse(c, ERR_UPGRADE, "No other protocol passes through to", "\".");
    if (h->method == H1_METHOD_OTHER)
        return refuse(c, ERR_METHOD, "This method does not pass through to", "\".");
    return true;
}

/* ---- the request */

static bool is_safe(const struct call *c)
{
    enum h1_method m = c->req->head->method;
    return m == H1_GET || m == H1_HEAD || m == H1_OPTIONS;
}

/* What the body says of itself, for the record. A body that is no JSON is the provider's matter. */
static void look_at_body(struct call *c)
{
    struct arena *a = &c->req->arena;
    jval root;
    str model;
    if (!c->req->body.n || !type_is_json(h1_get(c->req->head, H1_CONTENT_TYPE)) ||
        scratch_parse(&c->gate->scratch, c->req->body, &root) != RC_OK)
        return;
    c->peek.stream = json_is(json_get_lit(root, "stream"), JSON_TRUE);
    if (!c->peek.model.n && json_str(json_get_lit(root, "model"), a, &model) == RC_OK)
        c->peek.model = arena_dup(a, str_head(model, GATE_MODEL_MAX));
}

enum step pass_decode(struct call *c)
{
    struct pass *p = c->op->pass;
    c->peek.n = 1;
    p->tap = tap_of(c, p->rest);
    look_at_body(c);
    c->peek.model = str_head(c->peek.model, GATE_MODEL_MAX);
    metric_add(&c->gate->set.metrics->counter[METRIC_BYTES_IN], c->req->body.n);
    return STEP_NEXT;
}

void pass_resolve(struct call *c)
{
    conf_found_provider(c->gen->snap, c->op->pass->provider, STR(ANY_MODEL), &c->found);
}

bool pass_may_repeat(const struct call *c, const struct attempt_failure *f)
{
    return is_safe(c) || f->end == ATTEMPT_NOT_SENT;
}

void pass_limit_exchange(struct call *c)
{
    c->x.once = !is_safe(c);
    c->x.to_head = c->req->head->method == H1_HEAD;
}

/* A parameter in which a credential may stand: of ours, or of the provider's own kind. */
static bool is_credential(str name)
{
    static const str words[] = {STR("key"),    STR("api_key"),       STR("api-key"),
                                STR("apikey"), STR("access_token"),  STR("access-token"),
                                STR("token"),  STR("authorization"), STR("sig")};
    char room[64];
    struct buf plain = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (url_decode(name, &plain) != RC_OK)
        return plain.failed ? false : true; /* too long to be one; malformed: left out */
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(buf_str(&plain), words[i]))
            return true;
    return false;
}

static str param_name(str pair)
{
    return str_head(pair, str_find_char(pair, '='));
}

static bool has_param(str query, str name)
{
    while (query.p)
        if (str_eq(param_name(str_cut(&query, '&')), name))
            return true;
    return false;
}

/* The client's parameters but for credentials, then the configuration's that the client did not
 * give itself. */
static void write_query(const struct call *c, str own, struct buf *to)
{
    str rest = c->req->head->query;
    char sign = '?';
    while (rest.n) {
        str pair = str_cut(&rest, '&');
        if (is_credential(param_name(pair)))
            continue;
        buf_add_char(to, sign);
        buf_add(to, pair);
        sign = '&';
    }
    while (own.p) {
        str pair = str_cut(&own, '&');
        if (has_param(c->req->head->query, param_name(pair)))
            continue;
        buf_add_char(to, sign);
        buf_add(to, pair);
        sign = '&';
    }
}

/* The base path once, whether the client repeats it or not: SDKs of some APIs bring "/v1" along,
 * those of others have it in their base URL. */
void pass_write_target(const struct call *c, struct buf *to)
{
    const struct pass *p = c->op->pass;
    CHECK(c->cand->provider == p->provider); /* a credential is for its origin: F3 */
    str base = p->whole ? STR_NONE : p->provider->base_path;
    bool repeated = base.n && str_has_prefix(p->rest, base) &&
                    (p->rest.n == base.n || p->rest.p[base.n] == '/');
    if (!repeated)
        buf_add(to, base);
    buf_add(to, p->rest);
    write_query(c, p->provider->query, to);
}

static void add_header(void *ctx, str name, str value)
{
    if (!str_eq(name, STR("accept")))
        h1_write_header(ctx, name, value);
}

static void write_client_headers(const struct h1_head *h, struct buf *to)
{
    static const str names[] = {
#define PASS_REQUEST(name) STR(name),
#define PASS_ANSWER(name)
#include "gate/pass_headers.def"
#undef PASS_REQUEST
#undef PASS_ANSWER
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        str value = h1_find(h, names[i]);
        if (value.n)
            h1_write_header(to, names[i], value);
    }
}

str pass_body_type(const struct call *c)
{
    str type = h1_get(c->req->head, H1_CONTENT_TYPE);
    if (!c->req->body.n)
        return STR_NONE;
    return type.n ? type : STR("application/octet-stream");
}

void pass_write_headers(struct call *c, const struct back_call *bc, struct buf *to)
{
    const struct h1_head *h = c->req->head;
    str type = pass_body_type(c);
    if (type.n)
        h1_write_header(to, STR("content-type"), type);
    c->bind->dialect->back->request_headers(bc, add_header, to);
    write_client_headers(h, to);
}

/* ---- the answer */

/* Headers for the client, kept: a head's slices die with it. */
static bool keep_lines(struct call *c, const struct h1_head *h)
{
    static const str names[] = {
#define PASS_REQUEST(name)
#define PASS_ANSWER(name) STR(name),
#include "gate/pass_headers.def"
#undef PASS_REQUEST
#undef PASS_ANSWER
    };
    struct buf b = BUF_INIT(LINES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        str value = h1_find(h, names[i]);
        if (value.n)
            h1_write_header(&b, names[i], value);
    }
    c->op->pass->lines = arena_dup(&c->req->arena, buf_str(&b));
    bool ok = !b.failed && (c->op->pass->lines.p || !buf_size(&b));
    buf_fini(&b);
    return ok;
}

static void start_tap(struct call *c, str type)
{
    struct pass *p = c->op->pass;
    p->deaf = !p->tap;
    if (p->deaf)
        return;
    str plain = str_trim(str_head(type, str_find_char(type, ';')));
    p->events = str_eq_nocase(plain, frame_type(p->tap->framing));
    p->copy = BUF_INIT(COPY_MAX);
    if (!p->events) {
        p->deaf = !type_is_json(type);
        return;
    }
    p->decoder = p->tap->decoder_size <= DECODER_MAX
                     ? arena_alloc(&c->req->arena, p->tap->decoder_size)
                     : NULL;
    p->deaf = !p->decoder;
    if (p->deaf)
        return;
    frame_init(&p->frames, p->tap->framing, SSE_EVENT_MAX);
    p->tap->decoder_init(p->decoder, true);
}

enum answer_mode pass_mode(struct call *c, const struct h1_head *h)
{
    str type = h1_get(h, H1_CONTENT_TYPE);
    pass_stop(c); /* of an attempt before this one */
    c->op->answer_type = arena_dup(&c->req->arena, type.n ? type : STR("application/octet-stream"));
    if (!c->op->answer_type.p || !keep_lines(c, h))
        return ANSWER_UNKNOWN;
    if (c->froute.op == FRONT_STORED && c->req->head->method == H1_DELETE &&
        (h->status < 300 || h->status == 404))
        turns_forget(c, c->froute.id);
    if (h->status >= 300)
        return ANSWER_ERROR;
    c->raw = true;
    start_tap(c, type);
    return ANSWER_STREAM;
}

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct call *c = ctx;
    if (ev->type == IR_EV_USAGE)
        usage_merge(&c->usage, ev->usage);
}

/* The bytes have gone on already: whatever is wrong with them is the client's to see. */
void pass_hear(struct call *c, str piece)
{
    struct pass *p = c->op->pass;
    struct sse_event ev;
    enum sse_result r;
    if (p->deaf)
        return;
    if (!p->events) {
        buf_add(&p->copy, piece);
        p->deaf = p->copy.failed;
        return;
    }
    while ((r = frame_next(&p->frames, &piece, &ev)) == SSE_EVENT)
        switch (p->tap->feed(p->decoder, &c->gate->scratch, &ev, (struct ir_sink){on_event, c})) {
        case FEED_FORWARD:
        case FEED_DROP:
            break;
        case FEED_END:
        case FEED_ERROR:
            p->deaf = true;
            return;
        }
    p->deaf = r == SSE_TOO_BIG;
}

void pass_heard_all(struct call *c)
{
    struct pass *p = c->op->pass;
    jval root;
    if (!p->deaf && !p->events && buf_size(&p->copy) &&
        scratch_parse(&c->gate->scratch, buf_str(&p->copy), &root) == RC_OK)
        p->tap->decode_body(root, &c->gate->scratch, (struct ir_sink){on_event, c});
    p->deaf = true;
}

void pass_stop(struct call *c)
{
    struct pass *p = c->op->pass;
    frame_fini(&p->frames);
    buf_fini(&p->copy);
    p->deaf = true;
}

void pass_reply_lines(const struct call *c, struct buf *to)
{
    buf_add(to, c->op->pass->lines);
}

/* An error, or an answer that has no body by its status: in the provider's words, but for our key,
 * which it may have repeated (F7). */
void pass_reply_whole(struct call *c, str body)
{
    str text = call_without_key(c, body);
    own_time_stop(c);
    call_answered(c);
    c->reply_status = c->status;
    call_reply_lines(c, c->op->answer_type, &c->gate->lines);
    reply_text(c->req, c->status, buf_str(&c->gate->lines), text.p ? text : STR(""));
}

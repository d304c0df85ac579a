/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - the gate's side of the operations that are no chat (dialect/op.h).
 *
 * They run through the same steps, attempts and retries as a chat; here stands what differs: how
 * the body is read, what a provider is asked, and what its answer may be. A whole JSON answer is
 * read before its first byte leaves, as with chat, so that a broken one may be repaired elsewhere;
 * a stream commits with its first event, a sound or a picture with its first byte.
 */
#include "gate/pass.h"

#include "http/h1_write.h"
#include "http/multipart.h"
#include "http/url.h"
#include "json/write.h"

#define TYPE_MAX 256 /* bytes of a content-type: it goes on into a head */

/* ---- the request */

void op_find(struct call *c)
{
    struct arena *a = &c->req->arena;
    str model;
    if (pass_find(c))
        return;
    const struct op *row = op_route(c->req->head->path, &model);
    struct operation *op = row ? arena_new(a, struct operation) : NULL;
    if (!op)
        return;
    op->row = row;
    op->path_model = model;
    c->op = op;
    c->front = dialect_find(row->words);
    if (!c->front || !c->front->front) /* this build knows no errors in those words */
        c->front = dialect_find(STR("openai"));
}

bool op_takes_type(const struct call *c, str type)
{
    return c->op->pass || ((c->op->row->bodies & OP_FORM) && multipart_is_form(type));
}

/* The model of a path may be escaped; decoded once, here. */
static bool decode_path_model(struct call *c)
{
    struct operation *op = c->op;
    struct buf b = BUF_INIT(GATE_MODEL_MAX + 1);
    if (str_find_char(op->path_model, '%') == SIZE_MAX)
        return true;
    bool ok = url_decode(op->path_model, &b) == RC_OK;
    op->path_model = ok ? arena_dup(&c->req->arena, buf_str(&b)) : STR_NONE;
    buf_fini(&b);
    return op->path_model.p != NULL;
}

static enum rc decode_form(struct call *c, str type, struct fail *f)
{
    struct operation *op = c->op;

    return op_peek_form(op->row, type, c->req->body, op->path_model, &op->form, &c->peek, f);
}

enum step op_decode(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct fail f = {.kind = ERR_TOO_LARGE};
    struct json_error e;
    str type = h1_get(c->req->head, H1_CONTENT_TYPE);
    enum rc rc;
    if (c->op->pass)
        return pass_decode(c);
    if (!decode_path_model(c)) {
        call_fail_kind(c, ERR_BAD_REQUEST, STR("The path's name of a model can't be read."),
                       STR("invalid_value"));
        return STEP_DONE;
    }
    if (multipart_is_form(type)) {
        rc = decode_form(c, type, &f);
    } else {
        if (json_parse(a, c->req->body, &c->doc, &e) != RC_OK)
            return call_bad_json(c, &e);
        if (c->doc.count > GATE_NODES_MAX) {
            call_fail_kind(c, ERR_BAD_REQUEST, STR("The request has too many values."),
                           STR("too_many"));
            return STEP_DONE;
        }
        rc = op_peek(c->op->row, json_root(&c->doc), c->op->path_model, a, &c->peek, &f);
    }
    if (rc != RC_OK) {
        call_fail(c, &f);
        return STEP_DONE;
    }
    if (!c->shadow)
        metric_add(&c->gate->set.metrics->counter[METRIC_BYTES_IN], c->req->body.n);
    return STEP_NEXT;
}

/* ---- the provider */

static bool finds_way(struct call *c, const struct candidate *to)
{
    struct operation *op = c->op;
    const struct conf_provider *p = to->provider;
    if (op->pass)
        return true;
    /* A provider that is configured with one endpoint only has no other. */
    op->way = p->demo || p->endpoint.n ? NULL : op_way_of(op->row, p->dialect);
    op->no_way |= !op->way;
    return op->way != NULL;
}

struct candidate *op_plan_next(struct call *c)
{
    struct candidate *next;
    while ((next = plan_next(&c->plan, loop_now(c->gate->loop))) && !finds_way(c, next))
        candidate_probe_over(next);
    return next;
}

void op_start(struct call *c)
{
    CHECK(c->op->way || c->op->pass);
    c->same = c->op->pass || op_is_same(c->op->row, c->op->way);
    c->reader = &op_reader;
}

bool op_fail_no_way(struct call *c)
{
    if (!c->op->no_way)
        return false;
    str text =
        arena_strf(&c->req->arena,
                   "The model \"" STR_FMT "\" leads to no provider that can do this (" STR_FMT ").",
                   STR_ARG(c->peek.model), STR_ARG(c->op->row->name));
    call_fail_kind(c, ERR_UNSUPPORTED, text, STR("unsupported_operation"));
    return true;
}

static enum rc translate(struct call *c, const struct back_call *bc, struct rope *to,
                         struct fail *f)
{
    struct arena *a = &c->req->arena;
    struct operation *op = c->op;
    const struct embed_words *from = embed_words_find(op->row->words),
                             *into = embed_words_find(op->way->words);
    CHECK(from && into);
    if (!op->embed) {
        op->embed = arena_new(a, struct embed_request);
        if (!op->embed)
            return RC_NOMEM;
        TRY(from->decode_request(json_root(&c->doc), op->row->kind == OP_EMBED_ONE, a, op->embed,
                                 f));
    }
    c->lossy = op->embed->lost;
    return into->encode_request(op->embed, bc, a, to, &c->lossy, f);
}

enum rc op_write_body(struct call *c, const struct back_call *bc, struct rope *to, struct fail *f)
{
    struct operation *op = c->op;
    enum rc rc;
    if (op->pass) {
        rope_put(to, c->req->body);
        return RC_OK;
    }
    if (op->form.boundary.n) {
        rc = op_splice_form(&op->form, bc->model, to);
        if (rc == RC_SYNTAX)
            *f = (struct fail){.kind = ERR_INTERNAL};
        return rc;
    }
    if (!c->same)
        return translate(c, bc, to, f);
    return op_splice(op->row, op->way, json_root(&c->doc), bc, &c->req->arena, to);
}

/* How much of the chat's path stays before the way's; SIZE_MAX: nothing, it is below the base. */
static size_t kept_of(str chat, str way)
{
    static const str ends[] = {STR("/chat/completions"), STR("/responses")};
    switch (way.p[0]) {
    case '+':
        return chat.n;
    case ':':
        return str_rfind_char(chat, ':');
    case '.':
        return str_rfind_char(chat, '/');
    default:
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            if (str_has_suffix(chat, ends[i]))
                return chat.n - ends[i].n;
        return SIZE_MAX;
    }
}

/* Where the dialect's chat endpoint has OpenAI's name, what is asked for stands beside it: so
 * Azure's ways of spelling deployments and versions hold here too. Else below the base, or where
 * the way says. */
void op_write_path(struct call *c, const struct back_call *bc, struct buf *to)
{
    struct buf chat = BUF_INIT(H1_TARGET_MAX);
    c->bind->dialect->back->request_path(bc, c->cand->provider->base_path, &chat);
    str head = buf_str(&chat), query = str_from(head, str_find_char(head, '?'));
    head.n -= query.n;
    size_t kept = kept_of(head, c->op->way->path);
    buf_add(to, kept == SIZE_MAX ? c->cand->provider->base_path : str_head(head, kept));
    op_path(c->op->way, bc->model, to);
    if (kept != SIZE_MAX)
        buf_add(to, query);
    to->failed |= chat.failed;
    buf_fini(&chat);
}

/* What the dialect says of itself, but for what it would accept of a chat. */
static void add_header(void *ctx, str name, str value)
{
    if (!str_eq(name, STR("accept")))
        h1_write_header(ctx, name, value);
}

/* RFC 2045 wants quotes around what is no token; without need they only trouble old parsers. */
static bool wants_quotes(str boundary)
{
    for (size_t i = 0; i < boundary.n; i++)
        if (strchr("(),/:=? ", boundary.p[i]))
            return true;
    return false;
}

static void write_form_type(const struct op_form *form, struct buf *to)
{
    str quote = wants_quotes(form->boundary) ? STR("\"") : STR("");
    buf_lit(to, "content-type: multipart/form-data; boundary=");
    buf_add(to, quote);
    buf_add(to, form->boundary); /* has no quotes in it: http/multipart.h */
    buf_add(to, quote);
    buf_lit(to, "\r\n");
}

void op_write_headers(struct call *c, const struct back_call *bc, struct buf *to)
{
    const struct operation *op = c->op;
    if (op->pass) {
        pass_write_headers(c, bc, to);
        return;
    }
    if (op->form.boundary.n)
        write_form_type(&op->form, to);
    else
        buf_lit(to, "content-type: application/json\r\n");
    c->bind->dialect->back->request_headers(bc, add_header, to);
    buf_add(to, op_makes_bytes(op->row->kind) ? STR("accept: */*\r\n")
                : c->peek.stream              ? STR("accept: text/event-stream\r\n")
                                              : STR("accept: application/json\r\n"));
}

/* ---- the answer */

static str media_type(str type)
{
    return str_trim(str_head(type, str_find_char(type, ';')));
}

/* A page of some proxy or portal (U45). */
static bool is_page(str type)
{
    return str_eq_nocase(type, STR("text/html")) ||
           str_eq_nocase(type, STR("application/xhtml+xml"));
}

static enum answer_mode mode_of(struct call *c, const struct h1_head *h)
{
    struct operation *op = c->op;
    str said = h1_get(h, H1_CONTENT_TYPE), type = media_type(said);
    bool bytes = op_makes_bytes(op->row->kind);
    if (h->status < 200 || h->status >= 300)
        return ANSWER_ERROR;
    if (h->status == 204 || said.n > TYPE_MAX || is_page(type))
        return ANSWER_UNKNOWN;
    if (type_is_json(type) || (!type.n && !bytes))
        return ANSWER_BODY;
    bool events = str_eq_nocase(type, frame_type(FRAME_SSE));
    if (!c->same || (!bytes && !(events && op->row->kind == OP_COMPLETE)))
        return ANSWER_UNKNOWN;
    c->raw = !events;
    op->answer_type = type.n ? arena_dup(&c->req->arena, said) : STR("application/octet-stream");
    return op->answer_type.p ? ANSWER_STREAM : ANSWER_UNKNOWN;
}

enum answer_mode op_mode(struct call *c, const struct h1_head *h)
{
    return c->op->pass ? pass_mode(c, h) : mode_of(c, h);
}

/* The model's name as JSON text. */
static jtext model_text(struct call *c)
{
    struct buf b = BUF_INIT(6 * GATE_MODEL_MAX);
    json_escape(&b, c->peek.model);
    str text = b.failed ? STR_NONE : arena_dup(&c->req->arena, buf_str(&b));
    buf_fini(&b);
    return text;
}

static bool is_openai_embedding(const struct operation *op)
{
    return op->row->kind == OP_EMBED && str_eq(op->row->words, STR("openai"));
}

enum rc op_answer(struct call *c, jval root, struct rope *to, bool *ret_as_is)
{
    const struct operation *op = c->op;
    struct embed_answer an;
    if (c->same) {
        enum embed_form form =
            is_openai_embedding(op) ? embed_form_of(json_root(&c->doc)) : EMBED_UNSAID;
        *ret_as_is = form == EMBED_UNSAID || !embed_reform(root, form, to);
        return RC_OK;
    }
    const struct embed_words *from = embed_words_find(op->way->words),
                             *into = embed_words_find(op->row->words);
    TRY(from->decode_answer(root, &c->req->arena, &an));
    if (an.n != op->embed->n && op->row->kind != OP_EMBED_ONE)
        return RC_SYNTAX; /* each text has its vector, or none can be told from another */
    struct embed_opts o = {
        .one = op->row->kind == OP_EMBED_ONE, .id = str_from(c->id, 4), .model = model_text(c)};
    into->encode_answer(&an, op->embed, &o, to);
    *ret_as_is = false;
    return RC_OK;
}

/* ---- the cost */

void op_complete_usage(struct call *c)
{
    struct usage *u = &c->usage;
    enum op_counts counts = c->op->row->counts;
    if (c->op->pass)
        return; /* what its API charges is for its API to say */
    u->characters = c->peek.characters;
    if (counts == OP_COUNTS_NONE || (u->has & USAGE_HAS_INPUT))
        return;
    u->input_uncached = tokens_estimate(c);
    if (counts == OP_COUNTS_BOTH && !(u->has & USAGE_HAS_OUTPUT))
        u->output = c->bytes_answer / (c->stream_out ? 12 : 4);
    u->source = USAGE_ESTIMATED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - the request of an attempt, in pooled buffers that it may be sent from again.
 *
 * The head is written by us from nothing: no header of the client's travels on but what the dialect
 * asks for (D22, D24). The body is spliced from the client's bytes where both sides speak the same
 * dialect, else translated; long texts are only referred to, so neither copies a prompt.
 */
#include "gate/pass.h"
#include "gate/recovery.h"

#include "base/digest.h"
#include "base/mem.h"
#include "http/h1_write.h"
#include "route/policy.h"

#define HEAD_MAX         (32u << 10)
#define USUAL_TOKENS_MAX 32000

/* ---- the pool */

#define WIRE_KEEP   (64u << 10) /* a pooled wire keeps no larger buffer … */
#define WIRES_BIG   4           /* … but for so many of them */
#define ANSWER_KEEP (16u << 10) /* and none for answers that is larger than most are */

static bool is_big(const struct wire *w)
{
    return w->body.own.cap > WIRE_KEEP;
}

struct wire *wire_take(struct gate *g)
{
    CHECK(list_is_empty(&g->wires) == (g->nwires == 0));
    if (!list_is_empty(&g->wires)) {
        struct wire *w = list_entry(g->wires.next, struct wire, link);
        list_remove(&w->link);
        g->nwires--;
        g->nbig -= is_big(w);
        CHECK(g->nbig <= g->nwires);
        return w;
    }
    struct wire *w = mem_zalloc(sizeof(*w));
    if (!w)
        return NULL;
    list_init(&w->link);
    w->head = BUF_INIT(HEAD_MAX);
    w->body = ROPE_INIT(GATE_REQUEST_MAX);
    w->answer = BUF_INIT(GATE_ANSWER_MAX);
    return w;
}

void wire_free(struct wire *w)
{
    buf_fini(&w->head);
    rope_fini(&w->body);
    buf_fini(&w->answer);
    mem_free(w->iov);
    mem_free(w);
}

void wire_lend_answer(struct call *c)
{
    if (!c->wire || c->whole.cap)
        return;
    c->whole = c->wire->answer;
    c->wire->answer = BUF_INIT(GATE_ANSWER_MAX);
}

void wire_return_answer(struct call *c)
{
    if (c->wire && !c->wire->answer.cap && c->whole.cap <= ANSWER_KEEP) {
        buf_clear(&c->whole);
        c->wire->answer = c->whole;
        c->whole = BUF_INIT(GATE_ANSWER_MAX);
    }
    buf_fini(&c->whole);
}

void wire_give(struct gate *g, struct wire *w)
{
    if (!w)
        return;
    if (g->nwires >= GATE_WIRES) {
        wire_free(w);
        return;
    }
    buf_clear(&w->head);
    if (is_big(w) && g->nbig >= WIRES_BIG)
        rope_fini(&w->body);
    rope_clear(&w->body);
    list_push_front(&g->wires, &w->link);
    g->nwires++;
    g->nbig += is_big(w);
}

/* ---- writing */

static void add_header(void *ctx, str name, str value)
{
    h1_write_header(ctx, name, value);
}

/* ---- what is known of who is asked */

struct known *known_of_candidate(struct call *c)
{
    CHECK(c->cand);
    if (!c->known)
        c->known = pricing_find(&c->gen->pricing, c->cand->provider->index, c->cand->target->model,
                                &c->req->arena);
    return c->known;
}

/* A pass-through's attempt has the name that stood in the client's body. */
struct known *known_of_attempt(struct call *c)
{
    const struct attempt_record *t = attempt_record_of(c);
    if (c->cand && t->provider == c->cand->provider && t->model.p == c->cand->target->model.p)
        return known_of_candidate(c);
    return pricing_find(&c->gen->pricing, t->provider->index, t->model, &c->req->arena);
}

/* c->opts without what was learned meanwhile: patterns of model names are matched once a model and
 * generation, not once a call. */
void usual_opts(struct call *c)
{
    struct known *k = known_of_candidate(c);
    if (k && k->has_opts) {
        c->opts = k->opts;
        return;
    }
    c->opts = c->bind->opts;
    quirk_fill(&c->opts, &c->bind->quirks, c->cand->target->model);
    if (k) {
        k->opts = c->opts;
        k->has_opts = true;
    }
}

/* What to ask for where the client names no limit and the language wants one: as much as the model
 * can answer, but not so much that a provider holds it against the caller's rate. 0: not known. */
static uint64_t usual_max_tokens(struct call *c)
{
    const struct known *k = known_of_candidate(c);
    if (!k || k->card.max_output > USUAL_TOKENS_MAX)
        return k ? USUAL_TOKENS_MAX : 0;
    return k->card.max_output;
}

static struct back_call back_call_of(struct call *c)
{
    const struct conf_provider *p = c->cand->provider;
    usual_opts(c);
    if (!learned_is_empty(c->gate->learned)) {
        uint64_t bits =
            learned_bits(c->gate->learned, transform_target(c), loop_now(c->gate->loop));
        c->opts.refused |= bits;
        c->opts.accepted &= ~bits;
        c->opts.no_stream_options |= (bits & REFUSES(STREAM_OPTIONS)) != 0;
        c->opts.no_strict |= (bits & REFUSES(STRICT)) != 0;
    }
    if (!c->opts.default_max_tokens && !c->same)
        c->opts.default_max_tokens = usual_max_tokens(c);
    if (c->remedies & CONF_REMEDY_ENABLE_THINKING)
        c->opts.effort = EFFORT_EITHER;
    struct back_call bc = {
        .opts = &c->opts,
        .model = c->cand->target->model,
        .stream = c->peek.stream,
        .same = c->same,
        .lossy = &c->lossy,
        .query = p->query,
        .key = p->nkeys ? secret_reveal(&p->keys[c->cand->key]) : token_of(c),
    };
    if (dialect_is_same(c->front, c->bind->dialect)) { /* also where it is written anew */
        bc.client_version = h1_find(c->req->head, STR("anthropic-version"));
        bc.client_beta = h1_find(c->req->head, STR("anthropic-beta"));
    }
    if (p->aws) {
        const struct conf_aws *aws = &p->aws[c->cand->key];
        bc.aws =
            (struct back_aws){aws->access_key_id, secret_reveal(&aws->session_token), p->region};
    }
    return bc;
}

/* The body's pieces into w->iov, behind the place of the head. False: no memory. */
static bool list_pieces(struct call *c)
{
    struct wire *w = c->wire;
    size_t need = 1 + rope_iov_count(&w->body);
    if (need > w->cap_iov) {
        struct iovec *iov = mem_realloc(w->iov, need * sizeof(*iov));
        if (!iov)
            return false;
        w->iov = iov;
        w->cap_iov = need;
    }
    c->x.iov = w->iov;
    c->x.niov = 1 + rope_iov(&w->body, w->iov + 1);
    return true;
}

/* The body's digest, piece by piece: a prompt that is only referred to is not copied for it. */
static void digest_body(const struct call *c, uint8_t ret[DIGEST_SHA256])
{
    struct digest d;
    digest_begin(&d);
    for (size_t i = 1; i < c->x.niov; i++)
        digest_add(&d, str_of(c->x.iov[i].iov_base, c->x.iov[i].iov_len));
    digest_end(&d, ret);
}

/* Last of all headers: what is signed must not change any more. `target` stands in the head. */
static void sign(struct call *c, const struct back_call *bc, str target)
{
    const struct dialect_back *back = c->bind->dialect->back;
    uint8_t digest[DIGEST_SHA256];
    if (!back->sign || (c->op && !call_passes(c)) || !bc->aws.access_key_id.n)
        return;
    digest_body(c, digest);
    size_t mark = str_find_char(target, '?');
    bool passes = call_passes(c);
    struct back_signing s = {.method = passes ? c->req->head->method_text : STR("POST"),
                             .content_type = passes ? pass_body_type(c) : STR("application/json"),
                             .path = str_head(target, mark),
                             .query = mark == SIZE_MAX ? STR_NONE : str_from(target, mark + 1),
                             .host = c->cand->provider->origin.authority,
                             .body_sha256 = digest,
                             .unix_seconds = loop_unix_ms(c->gate->loop) / 1000};
    back->sign(bc, &s, add_header, &c->wire->head);
}

static void write_head(struct call *c, const struct back_call *bc)
{
    const struct conf_provider *p = c->cand->provider;
    struct buf *b = &c->wire->head;
    buf_clear(b);
    bool passes = call_passes(c);
    buf_add(b, passes ? c->req->head->method_text : STR("POST"));
    buf_add_char(b, ' ');
    size_t target = buf_size(b);
    if (passes)
        pass_write_target(c, b);
    else if (c->op)
        op_write_path(c, bc, b);
    else if (p->endpoint.n)
        buf_add(b, p->endpoint);
    else
        c->bind->dialect->back->request_path(bc, p->base_path, b);
    if (p->query.n && !passes) {
        buf_add_char(b, str_find_char(buf_str(b), '?') == SIZE_MAX ? '?' : '&');
        buf_add(b, p->query);
    }
    size_t target_end = buf_size(b);
    buf_lit(b, " HTTP/1.1\r\nhost: ");
    buf_add(b, p->origin.authority);
    buf_lit(b, "\r\nuser-agent: weir/" WEIR_VERSION "\r\naccept-encoding: identity\r\n");
    if (c->op) {
        op_write_headers(c, bc, b);
    } else {
        buf_lit(b, "content-type: application/json\r\n");
        c->bind->dialect->back->request_headers(bc, add_header, b);
    }
    for (uint32_t i = 0; i < p->nheaders; i++)
        h1_write_header(b, p->headers[i].name, secret_reveal(&p->headers[i].value));
    transform_headers(c, b);
    sign(c, bc, str_from(str_head(buf_str(b), target_end), target));
    if (rope_size(&c->wire->body) || !passes || c->req->head->method == H1_POST)
        h1_write_length(b, rope_size(&c->wire->body));
    h1_write_end(b);
}

/* The canonical request, decoded when the first translation needs it. */
bool decode_quietly(struct call *c, struct fail *f)
{
    struct arena *a = &c->req->arena;
    *f = (struct fail){.kind = ERR_TOO_LARGE};
    if (c->ir)
        return true;
    struct ir_request *ir = arena_new(a, struct ir_request);
    if (!ir || c->front->front->decode_request(json_root(&c->doc), &c->froute, a, ir, f) != RC_OK)
        return false;
    c->ir = ir;
    return true;
}

bool decode_canonical(struct call *c)
{
    struct fail f;
    if (decode_quietly(c, &f))
        return true;
    call_fail(c, &f);
    return false;
}

/* The caller wants a target that is told all, and this one is not. */
static bool misses_what_must_be(const struct call *c)
{
    return c->lossy.n && c->policy && c->policy->require_parameters;
}

/* The request as this target is to get it. False: no memory. */
static bool shape(struct call *c, const struct back_call *bc, struct ir_request *ret)
{
    request_shape(ret, c->ir, bc->opts, &c->lossy);
    return rescue_request(c, ret) && transform_request(c, ret);
}

static enum wire_end write_body(struct call *c, const struct back_call *bc)
{
    struct arena *a = &c->req->arena;
    const struct dialect_back *back = c->bind->dialect->back;
    struct rope *to = &c->wire->body;
    struct fail f = {.kind = ERR_TOO_LARGE};
    enum rc rc;
    rope_clear(to);
    if (c->op) {
        rc = op_write_body(c, bc, to, &f);
        if (rc == RC_OK && !rope_failed(to) && !arena_is_full(a))
            return WIRE_READY;
        call_fail(c, c->attempts ? &c->fail : &f);
        return WIRE_OVER;
    }
    if (c->same) {
        rc = back->splice_request(json_root(&c->doc), bc, a, to);
    } else {
        if (!decode_canonical(c))
            return WIRE_OVER;
        struct ir_request shaped;
        rc = shape(c, bc, &shaped) ? back->encode_request(&shaped, bc, a, to, &c->lossy, &f)
                                   : RC_NOMEM;
    }
    if (rc == RC_OK && !rope_failed(to) && !arena_is_full(a) && transform_body(c, to))
        return misses_what_must_be(c) ? WIRE_WITHHELD : WIRE_READY;
    /* A second target that cannot say it leaves the client with what became of the first one. */
    call_fail(c, c->attempts ? &c->fail : &f);
    return WIRE_OVER;
}

enum wire_end wire_write(struct call *c)
{
    CHECK(!c->on_wire &&
          (!c->committed || rescue_is_on(c))); /* an exchange refers to these buffers */
    if (!c->wire)
        c->wire = wire_take(c->gate);
    if (!c->wire) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return WIRE_OVER;
    }
    struct back_call bc = back_call_of(c);
    enum wire_end end = write_body(c, &bc);
    if (end != WIRE_READY)
        return end;
    if (list_pieces(c)) {
        struct buf *head = &c->wire->head;
        write_head(c, &bc);
        c->wire->iov[0] = (struct iovec){head->p + head->off, buf_size(head)};
        if (!head->failed)
            return WIRE_READY;
    }
    call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
    return WIRE_OVER;
}

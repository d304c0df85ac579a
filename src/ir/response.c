/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.c - events to a whole answer.
 *
 * In each choice one block is open at a time and its text is gathered straight into the block. Text
 * grows in the arena: the newest allocation grows in place, so a long answer is written once, not
 * copied over and over. With `borrow` and a single delta, as whole bodies bring, it is not copied
 * at all. Arguments of calls come as pieces of an escaped string and are unescaped when the block
 * is closed.
 */
#include "ir/response.h"

#define GROW_MIN 256

void ir_collect_init(struct ir_collect *c, struct arena *a, bool borrow)
{
    *c = (struct ir_collect){.arena = a, .borrow = borrow};
}

static void too_large(struct ir_collect *c)
{
    c->failed = true;
    c->fail = (struct fail){.kind = ERR_UPSTREAM, .message = STR("The answer is too large.")};
}

static str copy(struct ir_collect *c, str s)
{
    str out;

    if (!s.p)
        return s;
    out = arena_dup(c->arena, s);
    if (!out.p)
        too_large(c);
    return out;
}

static str keep(struct ir_collect *c, str s)
{
    return c->borrow ? s : copy(c, s);
}

/* Append s to *to: by reference when it is the first piece and may be borrowed, else in the arena
 * with room to grow. *cap == 0 says that the bytes are not ours. */
static void gather(struct ir_collect *c, str *to, size_t *cap, str s)
{
    char *own;

    CHECK(*cap == 0 || to->n <= *cap);
    if (c->borrow && to->n == 0) {
        *to = s.p ? s : STR("");
        *cap = 0;
        return;
    }
    if (to->n + s.n > *cap) {
        size_t want = (to->n + s.n) * 2 + GROW_MIN;

        own = *cap ? arena_grow(c->arena, (void *)(uintptr_t)to->p, *cap, want)
                   : arena_alloc(c->arena, want);
        if (!own) {
            too_large(c);
            return;
        }
        if (*cap == 0 && to->n)
            memcpy(own, to->p, to->n);
        to->p = own;
        *cap = want;
    }
    if (s.n) {
        own = (char *)(uintptr_t)to->p;
        memcpy(own + to->n, s.p, s.n);
        to->n += s.n;
    }
}

static struct ir_answer *answer_of(struct ir_collect *c, uint32_t choice)
{
    struct ir_answer **at = &c->response.answers, *an;

    while (*at && (*at)->choice < choice)
        at = &(*at)->next;
    if (*at && (*at)->choice == choice)
        return *at;
    an = arena_new(c->arena, struct ir_answer);
    if (!an) {
        too_large(c);
        return NULL;
    }
    an->choice = choice;
    an->tail = &an->blocks;
    an->next = *at;
    *at = an;
    return an;
}

static void open_block(struct ir_collect *c, struct ir_answer *an, const struct ir_event *ev)
{
    struct ir_block *b = ir_add_block(c->arena, &an->tail, ev->kind);

    if (!b) {
        too_large(c);
        return;
    }
    an->open = b;
    an->text_cap = an->sig_cap = 0;
    an->cite_tail = &b->text.citations;
    switch (ev->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        b->text.text = STR("");
        break;
    case IR_THINKING:
        b->thinking.text = STR("");
        b->thinking.format = keep(c, ev->open.format);
        break;
    case IR_REDACTED:
        b->thinking.text = copy(c, ev->open.data); /* may be made up for the event */
        b->thinking.format = keep(c, ev->open.format);
        break;
    case IR_TOOL_USE:
        b->is_custom = ev->open.is_custom;
        b->use.id = keep(c, ev->open.id);
        b->use.name = keep(c, ev->open.name);
        b->use.sealed = keep(c, ev->open.sealed);
        b->use.args = STR("");
        break;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
        if (ev->open.media) {
            b->media = *ev->open.media;
            b->media.data = keep(c, b->media.data);
            b->media.media_type = keep(c, b->media.media_type);
            b->media.title = keep(c, b->media.title);
            b->media.context = b->media.detail = b->media.citations = STR_NONE;
        }
        break;
    case IR_OPAQUE:
        b->raw = copy(c, ev->open.raw); /* may be made up for the event */
        b->opaque.type = keep(c, ev->open.data);
        b->opaque.id = keep(c, ev->open.id);
        b->opaque.name = keep(c, ev->open.name);
        b->opaque.family = ev->open.family; /* static */
        break;
    case IR_TOOL_RESULT:
        break;
    }
}

static void add_citation(struct ir_collect *c, struct ir_answer *an, str json)
{
    struct ir_cite *cite = an->open->kind == IR_TEXT ? arena_new(c->arena, struct ir_cite) : NULL;

    if (an->open->kind != IR_TEXT)
        return;
    if (!cite) {
        too_large(c);
        return;
    }
    cite->json = copy(c, json); /* may be made up for the event */
    if (!cite->json.n)
        return;
    *an->cite_tail = cite;
    an->cite_tail = &cite->next;
}

static void add_delta(struct ir_collect *c, struct ir_answer *an, const struct ir_event *ev)
{
    struct ir_block *b = an->open;
    str s = ev->delta.text;

    if (ev->delta.what == IR_D_LOGPROBS) {
        an->logprobs = copy(c, s); /* may be made up for the event */
        return;
    }
    if (!b)
        return;
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
            gather(c, &b->text.text, &an->text_cap, s);
        else if (b->kind == IR_THINKING)
            gather(c, &b->thinking.text, &an->text_cap, s);
        break;
    case IR_D_ARGS:
        if (b->kind == IR_TOOL_USE)
            gather(c, &b->use.args, &an->text_cap, s);
        else if (b->kind == IR_OPAQUE)
            gather(c, &b->opaque.args, &an->text_cap, s);
        break;
    case IR_D_INPUT:
        if (b->kind == IR_TOOL_USE)
            b->use.args = keep(c, s);
        an->open = b->kind == IR_TOOL_USE ? NULL : b; /* plain text: nothing left to unescape */
        break;
    case IR_D_SIGNATURE:
        if (b->kind == IR_THINKING)
            gather(c, &b->thinking.signature, &an->sig_cap, s);
        else if (b->kind == IR_TEXT)
            gather(c, &b->text.sealed, &an->sig_cap, s);
        break;
    case IR_D_CITATION:
        add_citation(c, an, s);
        break;
    case IR_D_LOGPROBS:
        break;
    }
}

/* A server tool's block came with an empty input, and its input in pieces: put it in. */
static void fill_input(struct ir_collect *c, struct ir_block *b)
{
    str args = ir_unescape(c->arena, b->opaque.args), old;
    struct json_doc doc, input;

    if (json_parse(c->arena, b->raw, &doc, NULL) != RC_OK ||
        json_parse(c->arena, args, &input, NULL) != RC_OK)
        return; /* an input that was cut off is none */
    old = json_text(json_get_lit(json_root(&doc), "input"));
    if (!old.p)
        return;
    args = json_text(json_root(&input));
    CHECK(old.p >= b->raw.p && old.p + old.n <= b->raw.p + b->raw.n); /* a slice of the block */
    b->raw =
        arena_strf(c->arena, STR_FMT STR_FMT STR_FMT, (int)(old.p - b->raw.p), b->raw.p,
                   STR_ARG(args), STR_ARG(str_from(b->raw, (size_t)(old.p - b->raw.p) + old.n)));
    if (!b->raw.p)
        too_large(c);
}

static void close_block(struct ir_collect *c, struct ir_answer *an)
{
    struct ir_block *b = an->open;

    an->open = NULL;
    if (!b)
        return;
    if (b->kind == IR_OPAQUE && b->opaque.args.n)
        fill_input(c, b);
    if (b->kind == IR_TOOL_USE && !b->is_custom) {
        b->use.args = b->use.args.n ? ir_unescape(c->arena, b->use.args) : STR("{}");
        if (!b->use.args.p)
            too_large(c);
    }
}

static void finish(struct ir_collect *c, struct ir_answer *an, const struct ir_event *ev)
{
    an->finished = true;
    an->finish = ev->finish.reason;
    an->sequence = keep(c, ev->finish.sequence);
    an->raw_finish = keep(c, ev->finish.raw);
    an->details = keep(c, ev->finish.details);
}

static void take_fail(struct ir_collect *c, const struct fail *f)
{
    c->failed = true;
    c->fail = *f;
    c->fail.message = arena_dup(c->arena, f->message);
    c->fail.param = arena_dup(c->arena, f->param);
    c->fail.code = arena_dup(c->arena, f->code);
}

void ir_collect_event(void *ctx, const struct ir_event *ev)
{
    struct ir_collect *c = ctx;
    struct ir_answer *an = NULL;

    if (c->failed || c->response.complete)
        return;
    if (ev->type == IR_EV_BLOCK_START || ev->type == IR_EV_DELTA || ev->type == IR_EV_BLOCK_STOP ||
        ev->type == IR_EV_FINISH) {
        an = answer_of(c, ev->choice);
        if (!an)
            return;
    }
    switch (ev->type) {
    case IR_EV_START:
        c->response.id = keep(c, ev->start.id);
        c->response.model = keep(c, ev->start.model);
        c->response.created = ev->start.created;
        break;
    case IR_EV_BLOCK_START:
        open_block(c, an, ev);
        break;
    case IR_EV_DELTA:
        add_delta(c, an, ev);
        break;
    case IR_EV_BLOCK_STOP:
        close_block(c, an);
        break;
    case IR_EV_USAGE:
        usage_merge(&c->response.usage, ev->usage);
        break;
    case IR_EV_FINISH:
        finish(c, an, ev);
        break;
    case IR_EV_ERROR:
        take_fail(c, ev->fail);
        break;
    case IR_EV_END:
        c->response.complete = true;
        break;
    case IR_EV_PING:
        break;
    }
}

const struct ir_answer *ir_response_first(const struct ir_response *r)
{
    return r->answers;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - the chain, and what its filters share.
 *
 * The order of `filters` is the order of the chain, whatever the configuration's: thoughts are
 * taken out before text is searched for calls (a model may think aloud about calling something),
 * and a recovered call is repaired and may be the exit tool's like any other.
 *
 * Each filter is a sink that has a sink, so none of them knows where in the chain it stands. What
 * they share is numbering: who holds text back or makes a call of it changes which blocks there
 * are, and those that follow must count on from there (struct out_blocks).
 */
#include "ir/filter_int.h"

#include "base/num.h"

static const struct ir_filter *const filters[] = {
    &filter_think, &filter_reasoning, &filter_recover, &filter_repair, &filter_exit,
};

struct ir_link {
    const struct ir_filter *filter;
    void *state;
    struct ir_sink to;
};

struct ir_chain {
    unsigned n;
    struct ir_link link[ARRAY_LEN(filters)];
    struct ir_sink out;
};

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct ir_link *l = ctx;
    if (is_block_event(ev) && ev->choice >= IR_FILTER_CHOICES)
        ir_emit(l->to, ev);
    else
        l->filter->event(l->state, ev, l->to);
}

struct ir_sink chain_sink(struct ir_chain *c)
{
    return c->n ? (struct ir_sink){on_event, &c->link[0]} : c->out;
}

struct ir_chain *chain_new(struct arena *a, const struct ir_filter_setup *setup, struct ir_sink out)
{
    struct ir_chain *c = arena_new(a, struct ir_chain);
    if (!c)
        return NULL;
    c->out = out;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct ir_link *l = &c->link[c->n];
        if (!(setup->kinds & filters[i]->kind))
            continue;
        CHECK(c->n < ARRAY_LEN(c->link));
        *l = (struct ir_link){.filter = filters[i], .state = arena_zalloc(a, filters[i]->size)};
        if (!l->state) {
            chain_fini(c);
            return NULL;
        }
        l->filter->init(l->state, setup, filters[i]->kind);
        c->n++;
    }
    for (unsigned i = 0; i < c->n; i++)
        c->link[i].to = i + 1 < c->n ? (struct ir_sink){on_event, &c->link[i + 1]} : c->out;
    return c;
}

void chain_fini(struct ir_chain *c)
{
    for (unsigned i = 0; c && i < c->n; i++)
        if (c->link[i].filter->fini)
            c->link[i].filter->fini(c->link[i].state);
    if (c)
        c->n = 0;
}

/* ---- blocks */

void out_open(struct out_blocks *b, struct ir_sink to, const struct ir_event *like,
              enum ir_kind kind)
{
    struct ir_event ev = *like;
    CHECK(like->choice < IR_FILTER_CHOICES && !b->choice[like->choice].open);
    ev.type = IR_EV_BLOCK_START;
    ev.kind = kind;
    ev.block = b->choice[ev.choice].next;
    b->choice[ev.choice].open = true;
    b->choice[ev.choice].kind = kind;
    ir_emit(to, &ev);
}

void out_close(struct out_blocks *b, struct ir_sink to, uint32_t choice)
{
    CHECK(choice < IR_FILTER_CHOICES);
    struct ir_event ev = {.type = IR_EV_BLOCK_STOP,
                          .kind = b->choice[choice].kind,
                          .choice = choice,
                          .block = b->choice[choice].next};
    if (!b->choice[choice].open)
        return;
    b->choice[choice].open = false;
    b->choice[choice].next++;
    ir_emit(to, &ev);
}

void out_say(struct out_blocks *b, struct ir_sink to, uint32_t choice, enum ir_delta what, str text)
{
    CHECK(choice < IR_FILTER_CHOICES);
    struct ir_event ev = {.type = IR_EV_DELTA,
                          .kind = b->choice[choice].kind,
                          .choice = choice,
                          .block = b->choice[choice].next,
                          .delta = {what, text}};
    CHECK(b->choice[choice].open || what == IR_D_LOGPROBS);
    ir_emit(to, &ev);
}

void out_pass(struct out_blocks *b, struct ir_sink to, const struct ir_event *ev)
{
    if (ev->type == IR_EV_BLOCK_START)
        out_open(b, to, ev, ev->kind);
    else if (ev->type == IR_EV_BLOCK_STOP)
        out_close(b, to, ev->choice);
    else
        out_say(b, to, ev->choice, ev->delta.what, ev->delta.text);
}

/* ---- text */

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static int escape_code(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return (unsigned char)c;
    }
}

static int unicode_code(str digits)
{
    int code = 0;
    for (size_t i = 0; i < digits.n; i++) {
        int h = hex_of(digits.p[i]);
        if (h < 0)
            return -1;
        code = code * 16 + h;
    }
    return digits.n == 4 && code < 0x80 ? code : -1;
}

int jtext_next(jtext *text, str *raw)
{
    size_t n = 1;
    int code;
    CHECK(text->n > 0);
    if (text->p[0] != '\\' || text->n == 1) {
        code = (unsigned char)text->p[0] < 0x80 ? text->p[0] : -1;
    } else if (text->p[1] != 'u') {
        n = 2;
        code = escape_code(text->p[1]);
    } else {
        n = text->n < 6 ? text->n : 6;
        code = unicode_code(str_of(text->p + 2, n - 2));
    }
    *raw = str_head(*text, n);
    *text = str_from(*text, n);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads a model's own text, or a provider's prose: nobody promised that these have any form.
 * The first byte says which is meant:
 *
 *   'f'  an answer through the filters: the next byte chooses them (ir/filter.h), the rest are
 *        blocks, \x1e between them, whose first letter is their kind: 'c' a call, 'x' one of the
 *        exit tool, 'k' a custom call, else text
 *   'm'  what a model took for JSON, mended
 *   'r'  a provider's refusal: a code, a parameter and a message, a line each
 *
 * Whole input and cut input give the same; blocks are numbered as ir/event.h promises; what was
 * mended is a JSON object, and mending it again changes nothing; the parameter that is read out of
 * a refusal is a piece of what it says.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "dialect/refused.h"
#include "ir/filter.h"
#include "json/mend.h"
#include "json/write.h"

#define INPUT_MAX \
    (16u << 10) /* well below IR_FILTER_HOLD, which may be met at another place if cut */
#define TEXT_MAX  (16u << 20)
#define ARENA_MAX (16u << 20)

/* ---- mending */

/* A key that stands twice stays so (json/mend.h), which alone the parser would refuse. */
static bool is_object(str text)
{
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    enum rc rc = json_parse(&a, text, &doc, NULL);
    bool ok = rc == RC_DUPLICATE || (rc == RC_OK && json_is(json_root(&doc), JSON_OBJECT));
    arena_fini(&a);
    return ok;
}

static void mend(str in, size_t step, struct buf *out)
{
    struct json_mend m;
    json_mend_init(&m);
    while (in.n) {
        str piece = str_head(in, step);
        size_t taken = json_mend_feed(&m, piece, out);
        CHECK(taken == piece.n || m.state == MEND_DONE);
        in = str_from(in, piece.n);
    }
    json_mend_end(&m, out);
    CHECK(!out->failed);
}

static void check_mend(str in)
{
    struct buf whole = BUF_INIT(TEXT_MAX), again = BUF_INIT(TEXT_MAX);
    mend(in, in.n, &whole);
    for (size_t step = 1; step < 40; step += 13) {
        struct buf cut = BUF_INIT(TEXT_MAX);
        mend(in, step, &cut);
        CHECK(str_eq(buf_str(&cut), buf_str(&whole)));
        buf_fini(&cut);
    }
    CHECK(is_object(buf_str(&whole)));
    mend(buf_str(&whole), SIZE_MAX, &again);
    CHECK(str_eq(buf_str(&again), buf_str(&whole)));
    buf_fini(&again);
    buf_fini(&whole);
}

/* ---- filters */

/* What came out, deltas of a block joined; and a watch over the numbering. */
struct seen {
    struct buf line, args;
    uint32_t next;
    bool open, mended, finished;
    enum ir_kind kind;
};

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct seen *s = ctx;
    CHECK(!s->finished && ev->choice == 0);
    switch (ev->type) {
    case IR_EV_BLOCK_START:
        CHECK(!s->open && ev->block == s->next);
        s->open = true;
        s->kind = ev->kind;
        s->mended = ev->kind == IR_TOOL_USE && !ev->open.is_custom;
        buf_clear(&s->args);
        buf_addf(&s->line, "%u " STR_FMT " " STR_FMT "<", (unsigned)ev->kind, STR_ARG(ev->open.id),
                 STR_ARG(ev->open.name));
        break;
    case IR_EV_DELTA:
        CHECK(s->open && ev->block == s->next && ev->kind == s->kind);
        CHECK((ev->delta.what == IR_D_TEXT) == (ev->kind != IR_TOOL_USE));
        buf_add(&s->line, ev->delta.text);
        if (ev->delta.what == IR_D_ARGS)
            buf_add(&s->args, ev->delta.text);
        if (ev->delta.what == IR_D_INPUT) { /* a recovered call has all of them, and whole */
            CHECK(is_object(ev->delta.text));
            s->mended = false;
        }
        break;
    case IR_EV_BLOCK_STOP:
        CHECK(s->open && ev->block == s->next);
        s->open = false;
        s->next++;
        buf_lit(&s->line, ">\n");
        break;
    case IR_EV_FINISH:
        CHECK(!s->open);
        s->finished = true;
        buf_add(&s->line, ir_finish_name(ev->finish.reason));
        break;
    case IR_EV_START:
    case IR_EV_USAGE:
    case IR_EV_PING:
    case IR_EV_ERROR:
    case IR_EV_END:
        CHECK(false); /* none was sent in */
    }
}

/* With `repair` arguments are JSON, whoever wrote them. */
static void on_mended_event(void *ctx, const struct ir_event *ev)
{
    struct seen *s = ctx;
    on_event(ctx, ev);
    if (ev->type != IR_EV_BLOCK_STOP || !s->mended)
        return;
    struct buf plain = BUF_INIT(TEXT_MAX);
    CHECK(json_unescape(&plain, buf_str(&s->args)) == RC_OK);
    CHECK(is_object(buf_str(&plain)));
    buf_fini(&plain);
}

/* As many bytes of escaped text as `n` characters have: decoders cut nowhere else. */
static size_t characters(str s, size_t n)
{
    size_t at = 0;
    while (n-- && at < s.n) {
        at += s.p[at] != '\\' ? 1 : s.p[at + 1] == 'u' ? 6 : 2;
        while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void say_block(struct ir_sink to, uint32_t index, str block, size_t step)
{
    char kind = block.p[0];
    bool call = kind == 'c' || kind == 'x' || kind == 'k';
    struct buf text = BUF_INIT(TEXT_MAX);
    struct ir_event ev = {
        .type = IR_EV_BLOCK_START, .kind = call ? IR_TOOL_USE : IR_TEXT, .block = index};
    if (call) {
        ev.open.id = STR("c1");
        ev.open.name = kind == 'x' ? STR(IR_EXIT_TOOL) : STR("weather");
        ev.open.is_custom = kind == 'k';
    }
    ir_emit(to, &ev);
    json_escape(&text, str_from(block, 1));
    for (str rest = buf_str(&text); rest.n;) {
        size_t n = step == SIZE_MAX ? rest.n : characters(rest, step);
        ev = (struct ir_event){.type = IR_EV_DELTA,
                               .kind = call ? IR_TOOL_USE : IR_TEXT,
                               .block = index,
                               .delta = {call ? IR_D_ARGS : IR_D_TEXT, str_head(rest, n)}};
        ir_emit(to, &ev);
        rest = str_from(rest, n);
    }
    ev = (struct ir_event){
        .type = IR_EV_BLOCK_STOP, .kind = call ? IR_TOOL_USE : IR_TEXT, .block = index};
    ir_emit(to, &ev);
    buf_fini(&text);
}

static void play(unsigned kinds, str in, size_t step, struct buf *line)
{
    struct seen seen = {.line = BUF_INIT(TEXT_MAX), .args = BUF_INIT(TEXT_MAX)};
    struct ir_tool time = {.name = STR("time")}, weather = {.name = STR("weather"), .next = &time};
    struct ir_filter_setup setup = {kinds, &weather, STR("7")};
    struct arena a;
    arena_init(&a, ARENA_MAX);
    struct ir_chain *c = chain_new(
        &a, &setup, (struct ir_sink){kinds & IR_FILTER_REPAIR ? on_mended_event : on_event, &seen});
    CHECK(c != NULL);
    bool called = false;
    for (uint32_t i = 0; in.p; i++) {
        str block = str_cut(&in, '\x1e');
        if (!block.n)
            block = STR("t");
        called |= strchr("cxk", block.p[0]) != NULL && block.p[0];
        say_block(chain_sink(c), i, block, step);
    }
    ir_emit(chain_sink(c),
            &(struct ir_event){.type = IR_EV_FINISH,
                               .finish = {.reason = called ? IR_FIN_TOOL : IR_FIN_STOP}});
    CHECK(seen.finished && !seen.line.failed);
    chain_fini(c);
    arena_fini(&a);
    buf_add(line, buf_str(&seen.line));
    buf_fini(&seen.line);
    buf_fini(&seen.args);
}

static void check_filters(str in)
{
    unsigned kinds = in.n ? (unsigned char)in.p[0] & 0x1fu : 0;
    struct buf whole = BUF_INIT(TEXT_MAX);
    str blocks = str_from(in, 1);
    play(kinds, blocks, SIZE_MAX, &whole);
    for (size_t step = 1; step < 40; step += 13) {
        struct buf cut = BUF_INIT(TEXT_MAX);
        play(kinds, blocks, step, &cut);
        CHECK(str_eq(buf_str(&cut), buf_str(&whole)));
        buf_fini(&cut);
    }
    buf_fini(&whole);
}

/* ---- refusals */

static bool lies_in(str piece, str whole)
{
    return piece.p >= whole.p && piece.p + piece.n <= whole.p + whole.n;
}

static void check_refusal(str in)
{
    struct fail f = {.kind = ERR_BAD_REQUEST, .upstream_status = 400};
    struct refused r;
    f.code = str_cut(&in, '\n');
    f.param = str_cut(&in, '\n');
    f.message = in.p ? in : STR("");
    if (!refused_read(&f, &r))
        return;
    CHECK(r.name.n > 0 && r.name.n <= REFUSED_NAME_MAX);
    CHECK(lies_in(r.name, f.message) || lies_in(r.name, f.param));
    CHECK(!r.instead.n || (r.instead.n <= REFUSED_NAME_MAX && lies_in(r.instead, f.message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    str in = str_of((const char *)data + 1, size - 1);
    bool valid = utf8_is_valid(in); /* as all text is that a decoder gives: the parser sees to it */
    switch (data[0]) {
    case 'f':
        if (valid)
            check_filters(in);
        break;
    case 'm':
        if (valid)
            check_mend(in);
        break;
    case 'r':
        check_refusal(in);
        break;
    default:
        break;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_exit - the exit tool's call becomes the text that it carries.
 *
 * A model that is made to call some tool in every turn says its last words through one that we
 * declare, as {"response": "…"}. The client never sees it: a text block stands in its place, and a
 * turn that called nothing else ended by itself. The words are held until the block ends, for they
 * are the value of one member and may come behind others.
 */
#include "ir/filter_int.h"

#include "json/mend.h"
#include "json/write.h"

#define NODES 64 /* of {"response": …} and what a model may add to it */

struct exit_state {
    struct {
        bool inside, said, called; /* in the exit tool's block; it was there; another was */
    } choice[IR_FILTER_CHOICES];
    struct buf args, mended; /* of the one block that is open: choices do not mix */
    struct json_node nodes[NODES];
};

static void init(void *state, const struct ir_filter_setup *setup, enum ir_filter_kind kind)
{
    struct exit_state *st = state;
    (void)setup;
    (void)kind;
    st->args = st->mended = BUF_INIT(4u << 20);
}

static void fini(void *state)
{
    struct exit_state *st = state;
    buf_fini(&st->args);
    buf_fini(&st->mended);
}

/* The words in the arguments, escaped; of arguments in another form, those as they are. */
static str words(struct exit_state *st)
{
    struct json_mend m;
    struct json_doc doc;
    json_mend_init(&m);
    buf_clear(&st->mended);
    json_mend_feed(&m, buf_str(&st->args), &st->mended);
    json_mend_end(&m, &st->mended);
    if (json_parse_into(st->nodes, NODES, buf_str(&st->mended), &doc, NULL) == RC_OK) {
        jval v = json_get_lit(json_root(&doc), "response");
        if (json_is(v, JSON_STRING))
            return json_raw(v);
    }
    buf_clear(&st->mended);
    json_escape(&st->mended, buf_str(&st->args));
    return buf_str(&st->mended);
}

static void end_block(struct exit_state *st, const struct ir_event *ev, struct ir_sink to)
{
    struct ir_event out = {
        .type = IR_EV_BLOCK_START, .kind = IR_TEXT, .choice = ev->choice, .block = ev->block};
    str text = words(st);
    ir_emit(to, &out);
    out.type = IR_EV_DELTA;
    out.delta.what = IR_D_TEXT;
    out.delta.text = text;
    ir_emit(to, &out);
    out.type = IR_EV_BLOCK_STOP;
    ir_emit(to, &out);
    st->choice[ev->choice].inside = false;
    st->choice[ev->choice].said = true;
}

static void on_block(struct exit_state *st, const struct ir_event *ev, struct ir_sink to)
{
    CHECK(ev->choice < IR_FILTER_CHOICES);
    bool *inside = &st->choice[ev->choice].inside;
    if (ev->type == IR_EV_BLOCK_START && ev->kind == IR_TOOL_USE) {
        *inside = str_eq(ev->open.name, STR(IR_EXIT_TOOL));
        st->choice[ev->choice].called |= !*inside;
        buf_clear(&st->args);
    }
    if (!*inside) {
        ir_emit(to, ev);
    } else if (ev->type == IR_EV_BLOCK_STOP) {
        end_block(st, ev, to);
    } else if (ev->type == IR_EV_DELTA && ev->delta.what == IR_D_INPUT) {
        buf_add(&st->args, ev->delta.text);
    } else if (ev->type == IR_EV_DELTA && ev->delta.what == IR_D_ARGS) {
        if (json_unescape(&st->args, ev->delta.text) != RC_OK)
            st->args.failed = false; /* over the bound: what came is what there is */
    }
}

static void event(void *state, const struct ir_event *ev, struct ir_sink to)
{
    struct exit_state *st = state;
    if (is_block_event(ev)) {
        on_block(st, ev, to);
        return;
    }
    struct ir_event out = *ev;
    if (ev->type == IR_EV_FINISH && ev->choice < IR_FILTER_CHOICES && st->choice[ev->choice].said &&
        !st->choice[ev->choice].called && ev->finish.reason == IR_FIN_TOOL) {
        out.finish.reason = IR_FIN_STOP;
        out.finish.raw = STR_NONE;
    }
    ir_emit(to, &out);
}

const struct ir_filter filter_exit = {.kind = IR_FILTER_EXIT,
                                      .size = sizeof(struct exit_state),
                                      .init = init,
                                      .event = event,
                                      .fini = fini};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_repair - arguments of calls that are nearly JSON, mended as they come.
 *
 * A piece is unescaped, mended and escaped again; what the mender still wants to see (a word that
 * may be a number, a quote that may be the last one) comes with the next piece. Arguments of custom
 * tools are free text and pass.
 */
#include "ir/filter_int.h"

#include "json/mend.h"
#include "json/write.h"

#define HALF 6 /* an escape \uD8XX whose other half is in the next piece */

struct repair {
    struct json_mend mend;
    bool on;
    char half[HALF];
    unsigned nhalf;
};

struct repair_state {
    struct repair choice[IR_FILTER_CHOICES];
    struct buf plain, mended, text;
};

static void init(void *state, const struct ir_filter_setup *setup, enum ir_filter_kind kind)
{
    struct repair_state *st = state;
    (void)setup;
    (void)kind;
    st->plain = st->mended = st->text = BUF_INIT(4u << 20);
}

static void fini(void *state)
{
    struct repair_state *st = state;
    buf_fini(&st->plain);
    buf_fini(&st->mended);
    buf_fini(&st->text);
}

/* Hand on what was mended, as a piece of a JSON string. */
static void hand_on(struct repair_state *st, const struct ir_event *like, struct ir_sink to)
{
    struct ir_event ev = *like;
    buf_clear(&st->text);
    json_escape(&st->text, buf_str(&st->mended));
    ev.type = IR_EV_DELTA;
    ev.delta.what = IR_D_ARGS;
    ev.delta.text = buf_str(&st->text);
    if (ev.delta.text.n)
        ir_emit(to, &ev);
    buf_clear(&st->mended);
}

static bool is_high_surrogate(str s)
{
    return s.n == HALF && s.p[0] == '\\' && s.p[1] == 'u' && (s.p[2] | 32) == 'd' &&
           (s.p[3] == '8' || s.p[3] == '9' || (s.p[3] | 32) == 'a' || (s.p[3] | 32) == 'b');
}

static void on_args(struct repair_state *st, const struct ir_event *ev, struct ir_sink to)
{
    struct repair *r = &st->choice[ev->choice];
    str piece = ev->delta.text;
    buf_clear(&st->text);
    buf_clear(&st->plain);
    buf_add(&st->text, str_of(r->half, r->nhalf));
    buf_add(&st->text, piece);
    str all = buf_str(&st->text);
    str tail = str_from(all, all.n > HALF ? all.n - HALF : 0);
    r->nhalf = is_high_surrogate(tail) ? HALF : 0;
    memcpy(r->half, tail.p, r->nhalf);
    if (json_unescape(&st->plain, str_head(all, all.n - r->nhalf)) != RC_OK)
        return; /* no decoder gives such text */
    json_mend_feed(&r->mend, buf_str(&st->plain), &st->mended);
    hand_on(st, ev, to);
}

static void event(void *state, const struct ir_event *ev, struct ir_sink to)
{
    struct repair_state *st = state;
    if (!is_block_event(ev) || ev->kind != IR_TOOL_USE) {
        ir_emit(to, ev);
        return;
    }
    CHECK(ev->choice < IR_FILTER_CHOICES);
    struct repair *r = &st->choice[ev->choice];
    if (ev->type == IR_EV_BLOCK_START) {
        *r = (struct repair){.on = !ev->open.is_custom};
        json_mend_init(&r->mend);
        ir_emit(to, ev);
    } else if (ev->type == IR_EV_DELTA && r->on && ev->delta.what == IR_D_ARGS) {
        on_args(st, ev, to);
    } else {
        if (ev->type == IR_EV_DELTA && ev->delta.what == IR_D_INPUT)
            r->on = false; /* all at once, and JSON */
        if (ev->type == IR_EV_BLOCK_STOP && r->on) {
            json_mend_end(&r->mend, &st->mended);
            hand_on(st, ev, to);
        }
        ir_emit(to, ev);
    }
}

const struct ir_filter filter_repair = {.kind = IR_FILTER_REPAIR,
                                        .size = sizeof(struct repair_state),
                                        .init = init,
                                        .event = event,
                                        .fini = fini};

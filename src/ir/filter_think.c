/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_think - thoughts that a model writes into its text, between tags, become a thinking block.
 *
 * Chat templates of open models have it at the very beginning, behind blanks at most; a tag later
 * on is text (somebody may be writing about tags). What may be the beginning of a tag is held until
 * it is known to be one or not: a few dozen bytes. Text that never ends its thought stays a
 * thought: nothing is lost. The blanks behind the closing tag belong to neither.
 */
#include "ir/filter_int.h"

#define TAG_MAX   24                          /* characters of the longest tag */
#define BLANK_MAX 16                          /* … and of blanks before it */
#define HELD_MAX  ((TAG_MAX + BLANK_MAX) * 6) /* each may be written \u00XX */

enum where { LOOKING, THINKING, BEHIND, SAYING };

struct thought {
    enum where where;
    bool begun;       /* its first text block has been seen */
    unsigned matched; /* characters of the tag that is looked for */
    unsigned nheld;
    char held[HELD_MAX]; /* as they came */
};

struct think_state {
    struct out_blocks out;
    str open_tag, close_tag;
    struct thought choice[IR_FILTER_CHOICES];
};

static const struct ir_event text_like = {.type = IR_EV_BLOCK_START, .kind = IR_TEXT};

static void init(void *state, const struct ir_filter_setup *setup, enum ir_filter_kind kind)
{
    struct think_state *st = state;
    (void)setup;
    st->open_tag = kind == IR_FILTER_THINK ? STR("<think>") : STR("<reasoning_content>");
    st->close_tag = kind == IR_FILTER_THINK ? STR("</think>") : STR("</reasoning_content>");
    CHECK(st->open_tag.n <= TAG_MAX && st->close_tag.n <= TAG_MAX); /* `held` has room for them */
}

static void open_block(struct think_state *st, struct ir_sink to, uint32_t choice,
                       enum ir_kind kind)
{
    struct ir_event like = text_like;
    like.choice = choice;
    out_open(&st->out, to, &like, kind);
}

static void say(struct think_state *st, struct ir_sink to, uint32_t choice, str text)
{
    enum ir_kind kind = st->choice[choice].where == THINKING ? IR_THINKING : IR_TEXT;
    if (!text.n)
        return;
    if (!st->out.choice[choice].open)
        open_block(st, to, choice, kind);
    out_say(&st->out, to, choice, IR_D_TEXT, text);
}

/* What was held is no tag. */
static void let_go(struct think_state *st, struct ir_sink to, uint32_t choice)
{
    struct thought *t = &st->choice[choice];
    unsigned n = t->nheld;
    t->nheld = t->matched = 0;
    say(st, to, choice, str_of(t->held, n));
}

static bool hold(struct thought *t, str raw)
{
    if (t->nheld + raw.n > HELD_MAX)
        return false;
    memcpy(t->held + t->nheld, raw.p, raw.n);
    t->nheld += (unsigned)raw.n;
    return true;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* One more character before it is known whether there is a thought. False: it is text from here on.
 */
static bool look(struct think_state *st, struct ir_sink to, uint32_t choice, int c, str raw)
{
    struct thought *t = &st->choice[choice];
    CHECK(t->matched < st->open_tag.n);
    bool fits =
        t->matched ? c == st->open_tag.p[t->matched] : is_blank(c) || c == st->open_tag.p[0];
    if (!fits || !hold(t, raw)) {
        t->where = SAYING;
        let_go(st, to, choice);
        return false;
    }
    t->matched += t->matched || !is_blank(c);
    if (t->matched == st->open_tag.n) {
        t->where = THINKING;
        t->nheld = t->matched = 0;
    }
    return true;
}

/* One more character of a thought. The tags' first character is not in them a second time, so after
 * a mismatch only this character can begin one. */
static void think(struct think_state *st, struct ir_sink to, uint32_t choice, int c, str raw)
{
    struct thought *t = &st->choice[choice];
    CHECK(t->matched < st->close_tag.n);
    if (c != st->close_tag.p[t->matched]) {
        let_go(st, to, choice);
        if (c != st->close_tag.p[0]) {
            say(st, to, choice, raw);
            return;
        }
    }
    bool held = hold(t, raw);
    CHECK(held); /* a tag is shorter than TAG_MAX */
    if (++t->matched < st->close_tag.n)
        return;
    t->nheld = t->matched = 0;
    if (!st->out.choice[choice].open) /* an empty thought */
        open_block(st, to, choice, IR_THINKING);
    out_close(&st->out, to, choice);
    t->where = BEHIND;
}

/* How far text goes on that surely holds no part of the closing tag: said in one piece. */
static size_t plain_run(jtext text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != '<' && text.p[n] != '\\')
        n++;
    return n;
}

static void on_text(struct think_state *st, struct ir_sink to, uint32_t choice, jtext text)
{
    struct thought *t = &st->choice[choice];
    while (text.n) {
        jtext rest = text;
        str raw;
        size_t run = t->where == THINKING && !t->matched ? plain_run(text) : 0;
        if (run || t->where == SAYING) {
            raw = run ? str_head(text, run) : text;
            say(st, to, choice, raw);
            text = str_from(text, raw.n);
            continue;
        }
        int c = jtext_next(&rest, &raw);
        if (t->where == THINKING)
            think(st, to, choice, c, raw);
        else if (t->where == LOOKING ? !look(st, to, choice, c, raw) : !is_blank(c)) {
            t->where = SAYING; /* and this character is looked at again, as text */
            continue;
        }
        text = rest;
    }
}

/* A text block of the model's begins or ends. Ours are opened when there is something to say. */
static void on_start(struct think_state *st, struct ir_sink to, const struct ir_event *ev)
{
    struct thought *t = &st->choice[ev->choice];
    t->where = t->begun ? SAYING : LOOKING;
    t->begun = true;
    if (t->where == SAYING)
        out_open(&st->out, to, ev, IR_TEXT);
}

static void on_stop(struct think_state *st, struct ir_sink to, const struct ir_event *ev)
{
    struct thought *t = &st->choice[ev->choice];
    bool said_nothing = t->where == LOOKING && !t->nheld;
    if (t->where == LOOKING)
        t->where = SAYING;
    let_go(st, to, ev->choice);
    if (said_nothing) /* an empty block stays one */
        open_block(st, to, ev->choice, IR_TEXT);
    out_close(&st->out, to, ev->choice);
}

static void event(void *state, const struct ir_event *ev, struct ir_sink to)
{
    struct think_state *st = state;
    CHECK(!is_block_event(ev) || ev->choice < IR_FILTER_CHOICES); /* filter.c lets no others here */
    if (!is_block_event(ev)) {
        ir_emit(to, ev);
    } else if (ev->type == IR_EV_BLOCK_START && ev->kind == IR_TEXT) {
        on_start(st, to, ev);
    } else if (ev->kind == IR_TEXT && ev->type == IR_EV_BLOCK_STOP) {
        on_stop(st, to, ev);
    } else if (ev->kind == IR_TEXT && ev->type == IR_EV_DELTA && ev->delta.what == IR_D_TEXT) {
        on_text(st, to, ev->choice, ev->delta.text);
    } else if (ev->type != IR_EV_DELTA || st->out.choice[ev->choice].open ||
               ev->delta.what == IR_D_LOGPROBS) {
        out_pass(&st->out, to, ev);
    }
}

const struct ir_filter filter_think = {
    .kind = IR_FILTER_THINK, .size = sizeof(struct think_state), .init = init, .event = event};
const struct ir_filter filter_reasoning = {
    .kind = IR_FILTER_REASONING, .size = sizeof(struct think_state), .init = init, .event = event};

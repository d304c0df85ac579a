/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_recover - tool calls that came as text become tool calls.
 *
 * Text goes on as it comes. Where a mark stands that some model's template puts before a call, or
 * the text begins like a JSON call, it is held until the mark's fellow, or the end of the text, has
 * come; then it is calls of declared tools (call_text.h) and they are given, or it is text and goes
 * on as it was.
 */
#include "ir/filter_int.h"

#include "base/num.h"
#include "ir/call_text.h"
#include "json/write.h"

static const struct {
    const char *open, *close; /* close NULL: up to the end of the text */
    bool at_start;            /* only where the text begins */
    bool keep;                /* the mark is part of the call */
} marks[] = {
    {"<tool_call>", "</tool_call>", false, false}, /* Hermes, Qwen */
    {"<function=", "</function>", false, true},    /* Llama 3.x */
    {"[TOOL_CALLS]", NULL, false, false},          /* Mistral */
    {"<|python_tag|>", NULL, false, false},        /* Llama 3 */
    {"<|tool_call|>", NULL, false, false},         /* Granite, Phi */
    {"```", "```", true, false},
    {"{", NULL, true, true},
};

#define NO_MARK ARRAY_LEN(marks)

struct recovery {
    struct buf text; /* plain, not yet given */
    size_t mark;     /* that it begins with; NO_MARK: none */
    bool begun;      /* something of the text was given */
    bool trim;       /* blanks behind a call belong to nobody */
    unsigned calls;
};

struct recover_state {
    struct out_blocks out;
    const struct ir_tool *tools;
    jtext id;
    struct recovery choice[IR_FILTER_CHOICES];
    struct call_reading reading;
    struct buf escaped;
};

static void init(void *state, const struct ir_filter_setup *setup, enum ir_filter_kind kind)
{
    struct recover_state *st = state;
    (void)kind;
    st->tools = setup->tools;
    st->id = setup->id;
    st->escaped = BUF_INIT(8u << 20);
    call_text_init(&st->reading);
    for (size_t i = 0; i < IR_FILTER_CHOICES; i++)
        st->choice[i] = (struct recovery){.text = BUF_INIT(8u << 20), .mark = NO_MARK};
}

static void fini(void *state)
{
    struct recover_state *st = state;
    for (size_t i = 0; i < IR_FILTER_CHOICES; i++)
        buf_fini(&st->choice[i].text);
    buf_fini(&st->escaped);
    call_text_fini(&st->reading);
}

/* ---- giving */

static void give_text(struct recover_state *st, struct ir_sink to, uint32_t choice, size_t n)
{
    struct recovery *r = &st->choice[choice];
    struct ir_event like = {.choice = choice};
    str text = str_head(buf_str(&r->text), n);
    if (!text.n)
        return;
    r->begun = true;
    buf_clear(&st->escaped);
    json_escape(&st->escaped, text);
    if (!st->out.choice[choice].open)
        out_open(&st->out, to, &like, IR_TEXT);
    out_say(&st->out, to, choice, IR_D_TEXT, buf_str(&st->escaped));
    buf_consume(&r->text, n);
}

static void give_calls(struct recover_state *st, struct ir_sink to, uint32_t choice)
{
    struct recovery *r = &st->choice[choice];
    out_close(&st->out, to, choice);
    for (unsigned i = 0; i < st->reading.n; i++) {
        const struct call_text *c = &st->reading.calls[i];
        struct ir_event like = {.choice = choice};
        CHECK(c->tool && c->at + c->len <= buf_size(&st->reading.args));
        buf_clear(&st->escaped);
        buf_addf(&st->escaped, "call_" STR_FMT "_%u_%u", STR_ARG(st->id), choice, r->calls++);
        like.open.id = buf_str(&st->escaped);
        like.open.name = c->tool->name;
        out_open(&st->out, to, &like, IR_TOOL_USE);
        out_say(&st->out, to, choice, IR_D_INPUT,
                str_of(buf_str(&st->reading.args).p + c->at, c->len));
        out_close(&st->out, to, choice);
    }
}

/* ---- looking */

/* Bytes at the end of `text` that may be the beginning of a mark. */
static size_t half_mark(str text)
{
    size_t most = 0;
    for (size_t i = 0; i < NO_MARK; i++) {
        str open = str_c(marks[i].open);
        for (size_t n = open.n - 1; n > most && !marks[i].at_start; n--)
            if (str_has_suffix(text, str_head(open, n)))
                most = n;
    }
    return most;
}

/* Is what has come of the text no more than blanks and the beginning of a mark? The blanks go with
 * the mark, wherever the text is cut. */
static bool may_yet_start(const struct recovery *r, str text)
{
    text = call_text_trim(text);
    for (size_t i = 0; i < NO_MARK && !r->begun; i++)
        if (str_has_prefix(str_c(marks[i].open), text))
            return true;
    return false;
}

/* The first mark in the text: where, and which. */
static size_t find_mark(const struct recovery *r, str text, size_t *ret_mark)
{
    size_t first = SIZE_MAX, blank = 0;
    while (blank < text.n && strchr(" \t\r\n", text.p[blank]) && text.p[blank])
        blank++;
    for (size_t i = 0; i < NO_MARK; i++) {
        bool here = str_has_prefix(str_from(text, blank), str_c(marks[i].open));
        size_t at = !marks[i].at_start  ? str_find(text, str_c(marks[i].open))
                    : here && !r->begun ? blank
                                        : SIZE_MAX;
        if (at < first) {
            first = at;
            *ret_mark = i;
        }
    }
    return first;
}

/* An object whose first key no call has: an answer in JSON, which must not be held up. */
static bool is_other_object(str text)
{
    static const char *const keys[] = {"\"name\"",      "\"tool\"",       "\"tool_name\"",
                                       "\"function\"",  "\"type\"",       "\"id\"",
                                       "\"arguments\"", "\"parameters\"", NULL};
    str key = call_text_trim(str_from(text, 1));
    size_t end = key.n > 1 && key.p[0] == '"' ? str_find_char(str_from(key, 1), '"') : SIZE_MAX;
    if (key.n && key.p[0] != '"' && key.p[0] != '\'')
        return true;
    if (end == SIZE_MAX)
        return key.n > 64;
    for (size_t i = 0; keys[i]; i++)
        if (str_eq(str_head(key, end + 2), str_c(keys[i])))
            return false;
    return true;
}

/* A fence around something else: code, or an answer in JSON. */
static bool is_other_fence(str text)
{
    str body = str_from(text, 3);
    size_t line = str_find_char(body, '\n');
    str language = call_text_trim(str_head(body, line));
    if (line > 16) /* or not there yet */
        return body.n > 16;
    if (language.n && !str_eq(language, STR("json")) && !str_eq(language, STR("tool_call")))
        return true;
    body = call_text_trim(str_from(body, line));
    return body.n && body.p[0] != '[' && (body.p[0] != '{' || is_other_object(body));
}

/* Can what the mark began (`text`: as far as it has come) no longer be a call? Once true it stays
 * so, however much more comes: else a call would be one or not by where the text was cut. */
static bool is_no_call(const struct recovery *r, str text)
{
    CHECK(r->mark < NO_MARK);
    switch (marks[r->mark].open[0]) {
    case '{':
        return is_other_object(text);
    case '`':
        return is_other_fence(text);
    default:
        return false;
    }
}

/* The end of what the mark began, behind its fellow; SIZE_MAX: not there yet. *inner is what is
 * between. */
static size_t find_end(const struct recovery *r, bool last, str *inner)
{
    str text = buf_str(&r->text), open = str_c(marks[r->mark].open);
    str body = str_from(text, open.n);
    size_t at = marks[r->mark].close ? str_find(body, str_c(marks[r->mark].close)) : SIZE_MAX;
    size_t keep = marks[r->mark].keep ? 0 : open.n;
    if (at == SIZE_MAX && !last)
        return SIZE_MAX;
    size_t end = at == SIZE_MAX ? text.n : open.n + at + str_c(marks[r->mark].close).n;
    size_t stop = at == SIZE_MAX || marks[r->mark].keep ? end : open.n + at;
    CHECK(keep <= stop && stop <= end && end <= text.n); /* the text begins with the mark */
    *inner = str_of(text.p + keep, stop - keep);
    return end;
}

static void drop_blanks(struct recovery *r)
{
    str text = buf_str(&r->text);
    size_t n = 0;
    while (r->trim && n < text.n && text.p[n] && strchr(" \t\r\n", text.p[n]))
        n++;
    r->trim = r->trim && n == text.n;
    buf_consume(&r->text, n);
}

/* Give what can be given. `last`: no more of this text comes. */
static void work(struct recover_state *st, struct ir_sink to, uint32_t choice, bool last)
{
    struct recovery *r = &st->choice[choice];
    for (drop_blanks(r); buf_size(&r->text); drop_blanks(r)) {
        str text = buf_str(&r->text), inner;
        if (r->mark == NO_MARK) {
            size_t at = find_mark(r, text, &r->mark);
            if (at == SIZE_MAX) {
                size_t held = may_yet_start(r, text) ? text.n : half_mark(text);
                give_text(st, to, choice, last ? text.n : text.n - held);
                return;
            }
            if (r->begun || call_text_trim(str_head(text, at)).n)
                give_text(st, to, choice, at);
            else
                buf_consume(&r->text, at);
            continue;
        }
        size_t end = find_end(r, last, &inner), open = str_c(marks[r->mark].open).n;
        bool no_call = is_no_call(r, str_head(text, end));
        if (end == SIZE_MAX && !no_call && text.n < IR_FILTER_HOLD)
            return;
        r->begun = true;
        r->mark = NO_MARK;
        if (no_call) { /* the mark was none; what is behind it is looked at for others */
            give_text(st, to, choice, open);
        } else if (end != SIZE_MAX && call_text_read(&st->reading, inner, st->tools)) {
            give_calls(st, to, choice);
            buf_consume(&r->text, end);
            r->trim = true;
        } else {
            give_text(st, to, choice, end != SIZE_MAX ? end : text.n);
        }
    }
}

/* ---- events */

static void on_text(struct recover_state *st, const struct ir_event *ev, struct ir_sink to)
{
    struct recovery *r = &st->choice[ev->choice];
    struct ir_event like = {.choice = ev->choice};
    if (ev->type == IR_EV_BLOCK_START)
        return;
    if (ev->type == IR_EV_DELTA) {
        if (json_unescape(&r->text, ev->delta.text) == RC_OK)
            work(st, to, ev->choice, false);
        return;
    }
    unsigned before = r->calls;
    work(st, to, ev->choice, true);
    if (!r->begun && !st->out.choice[ev->choice].open && r->calls == before)
        out_open(&st->out, to, &like, IR_TEXT); /* an empty block stays one */
    out_close(&st->out, to, ev->choice);
}

static void event(void *state, const struct ir_event *ev, struct ir_sink to)
{
    struct recover_state *st = state;
    bool logprobs = ev->type == IR_EV_DELTA && ev->delta.what == IR_D_LOGPROBS;
    if (is_block_event(ev)) {
        bool text = ev->kind == IR_TEXT && !logprobs;
        bool other = ev->type == IR_EV_DELTA && ev->delta.what != IR_D_TEXT;
        if (text && !other)
            on_text(st, ev, to);
        else if (!text || st->out.choice[ev->choice].open)
            out_pass(&st->out, to, ev);
        return;
    }
    struct ir_event out = *ev;
    if (ev->type == IR_EV_FINISH && ev->choice < IR_FILTER_CHOICES &&
        st->choice[ev->choice].calls && ev->finish.reason == IR_FIN_STOP) {
        out.finish.reason = IR_FIN_TOOL;
        out.finish.raw = STR_NONE;
    }
    ir_emit(to, &out);
}

const struct ir_filter filter_recover = {.kind = IR_FILTER_RECOVER,
                                         .size = sizeof(struct recover_state),
                                         .init = init,
                                         .event = event,
                                         .fini = fini};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_partial.c - arguments of a call in pieces, as Vertex streams them to clients that ask for
 * it (streamFunctionCallArguments).
 *
 *     {"jsonPath":"$.to[0].name","stringValue":"An","willContinue":true}
 *     {"jsonPath":"$.to[0].name","stringValue":"n"}         → {"to":[{"name":"Ann"},{"name":"Bo"}]
 *     {"jsonPath":"$.to[1].name","stringValue":"Bo"}
 *
 * Each piece names a leaf by its JSONPath and brings its value, or more of a string. Leaves come in
 * order, so the object's text can be told as it grows: from the last leaf to the next, the
 * containers that end are closed and the new ones opened. What is kept between two pieces is the
 * last path alone.
 */
#include "dialect/gemini_int.h"

#define DEPTH_MAX 16

/* The steps of a path, each with its dot or bracket: ".to", "[0]", "['odd name']". */
struct steps {
    unsigned n;
    str v[DEPTH_MAX];
};

static bool is_index(str step)
{
    return step.n > 1 && step.p[0] == '[' && step.p[1] >= '0' && step.p[1] <= '9';
}

/* The name within a step that is none of an array. */
static str name_of(str step)
{
    ASSERT(step.n && !is_index(step));
    if (step.p[0] == '.')
        return str_from(step, 1);
    return step.n > 4 ? str_of(step.p + 2, step.n - 4) : STR(""); /* ['name'] */
}

static bool parse(str path, struct steps *ret)
{
    *ret = (struct steps){0};
    if (!path.n || path.p[0] != '$')
        return false;
    path = str_from(path, 1);
    while (path.n) {
        size_t n = 1;

        if (ret->n == DEPTH_MAX || (path.p[0] != '.' && path.p[0] != '['))
            return false;
        if (path.p[0] == '[') {
            n = str_find_char(path, ']');
            if (n == SIZE_MAX)
                return false;
            n++;
        } else {
            while (n < path.n && path.p[n] != '.' && path.p[n] != '[')
                n++;
        }
        ret->v[ret->n++] = str_head(path, n);
        path = str_from(path, n);
    }
    return ret->n > 0 && !is_index(ret->v[0]); /* arguments are an object */
}

/* ---- saying it: pieces of JSON text, escaped as a delta has them --------------------------------
 */

static void add(struct gemini_feeding *f, str json)
{
    json_escape(&f->scratch->text, json);
}

static void flush(struct gemini_feeding *f)
{
    struct ir_event ev = {.type = IR_EV_DELTA,
                          .kind = IR_TOOL_USE,
                          .choice = f->index,
                          .block = f->c->block,
                          .delta = {IR_D_ARGS, buf_str(&f->scratch->text)}};

    if (ev.delta.text.n)
        ir_emit(f->sink, &ev);
    buf_clear(&f->scratch->text);
}

static void add_step(struct gemini_feeding *f, str step, bool opens)
{
    if (opens)
        add(f, is_index(step) ? STR("[") : STR("{"));
    if (is_index(step))
        return;
    add(f, STR("\""));
    add(f, name_of(step));
    add(f, STR("\":"));
}

static void end_string(struct gemini_feeding *f)
{
    if (f->st->partial.string_open)
        add(f, STR("\""));
    f->st->partial.string_open = false;
}

static void close_down_to(struct gemini_feeding *f, const struct steps *was, unsigned keep)
{
    for (unsigned i = was->n; i > keep; i--)
        add(f, is_index(was->v[i - 1]) ? STR("]") : STR("}"));
}

/* From the last leaf to the next: what both paths begin with stays open, but never the leaf itself,
 * for a leaf has one value. False: the two paths do not fit one object (a list here, a name there).
 */
static bool move(struct gemini_feeding *f, const struct steps *was, const struct steps *now)
{
    unsigned same = 0;

    while (same + 1 < was->n && same + 1 < now->n && str_eq(was->v[same], now->v[same]))
        same++;
    if (was->n && is_index(was->v[same]) != is_index(now->v[same]))
        return false;
    end_string(f);
    close_down_to(f, was, was->n ? same + 1 : 0);
    if (was->n)
        add(f, STR(","));
    for (unsigned i = same; i < now->n; i++)
        add_step(f, now->v[i], i > same || !was->n);
    return true;
}

static void add_value(struct gemini_feeding *f, jval piece, bool goes_on)
{
    struct gemini_partial *p = &f->st->partial;
    jval text = json_get_lit(piece, "stringValue"), n = json_get_lit(piece, "numberValue"),
         b = json_get_lit(piece, "boolValue");

    if (json_is(text, JSON_STRING)) {
        if (!p->string_open)
            add(f, STR("\""));
        p->string_open = true;
        add(f, json_raw(text));
        if (!goes_on)
            end_string(f);
        return;
    }
    end_string(f);
    add(f, json_has(n) ? json_text(n) : json_has(b) ? json_text(b) : STR("null"));
}

static bool take_piece(struct gemini_feeding *f, jval piece)
{
    struct gemini_partial *p = &f->st->partial;
    str path = json_raw(json_get_lit(piece, "jsonPath")), last = str_of(p->path, p->path_n);
    bool goes_on = json_is(json_get_lit(piece, "willContinue"), JSON_TRUE);
    struct steps was = {0}, now;

    if (path.n > GEMINI_PATH_MAX || !parse(path, &now) || (p->any && !parse(last, &was)))
        return false;
    if (p->any && str_eq(path, last)) {
        if (!p->string_open)
            return true; /* the same leaf again: it has its value */
        if (!json_is(json_get_lit(piece, "stringValue"), JSON_STRING))
            return false;
        add_value(f, piece, goes_on);
        return true;
    }
    if (!move(f, &was, &now))
        return false;
    add_value(f, piece, goes_on);
    CHECK(path.n <= sizeof p->path);
    memcpy(p->path, path.p, path.n);
    p->path_n = (uint16_t)path.n;
    p->any = true;
    return true;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

bool gemini_partial_begin(struct gemini_feeding *f)
{
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++)
        if (f->st->choices[i].partial)
            return gemini_upstream_broke(f, STR("The provider mixed the pieces of two calls."));
    f->st->partial = (struct gemini_partial){0};
    f->c->partial = true;
    return true;
}

bool gemini_partial_take(struct gemini_feeding *f, jval pieces)
{
    struct json_iter it = json_iter(pieces);

    buf_clear(&f->scratch->text);
    while (json_next(&it))
        if (!take_piece(f, it.val))
            return gemini_upstream_broke(f, STR("The provider sent arguments that are no object."));
    flush(f);
    return true;
}

void gemini_partial_end(struct gemini_feeding *f)
{
    struct gemini_partial *p = &f->st->partial;
    struct steps was;

    f->c->partial = false;
    if (!p->any || !parse(str_of(p->path, p->path_n), &was))
        return;
    buf_clear(&f->scratch->text);
    end_string(f);
    close_down_to(f, &was, 0);
    flush(f);
}

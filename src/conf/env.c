/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - one pass over each scalar that has a '$'.
 *
 * The values that are put in are not looked at again: a variable that holds "${OTHER}" means just
 * that text. Otherwise whoever may set one variable could read all of them.
 *
 * What is missing is noted and the pass goes on; the scalar is marked `broken`, so that the option
 * pass does not add "is empty" to "is not set".
 */
#include "conf/env.h"

#include "base/auto.h"
#include "base/utf8.h"

struct expander {
    const char *const *env;
    bool ccr_rules;
    struct arena *arena;
    struct conf_report *report;
};

/* The environment is an array of "NAME=value" (environ(7)); the first of a name counts, as in
 * getenv(3). A '=' within the value is part of it. */
str conf_getenv(const char *const *env, str name)
{
    for (; env && *env; env++) {
        str var = str_c(*env);
        if (str_has_prefix(var, name) && var.n > name.n && var.p[name.n] == '=')
            return str_from(var, name.n + 1);
    }
    return STR_NONE;
}

str conf_getenv_set(const char *const *env, str name)
{
    str v = conf_getenv(env, name);
    return v.n ? v : STR_NONE;
}

static bool is_capital(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(str s)
{
    if (!s.n || is_digit(s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!is_capital(c) && !is_digit(c) && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

static void add_value(struct expander *x, const struct conf_node *n, str name, str value,
                      struct buf *to)
{
    if (value.n <= CONF_ENV_VALUE_MAX && utf8_is_valid(value))
        buf_add(to, value);
    else
        conf_note(x->report, CONF_ERROR, n->line, n->column,
                  "the environment variable " STR_FMT
                  " holds no text of at most 64 KiB; correct it",
                  STR_ARG(conf_brief(name)));
}

/* The inside of ${...}. */
static void put_braced(struct expander *x, const struct conf_node *n, str inside, struct buf *to)
{
    size_t at = str_find(inside, STR(":-"));
    str name = at == SIZE_MAX ? inside : str_head(inside, at), shown = conf_brief(name);
    if (!is_name(name)) {
        conf_note(x->report, CONF_ERROR, n->line, n->column,
                  "'" STR_FMT "' is no variable name; write ${NAME}, or $${ for a plain ${",
                  STR_ARG(shown));
        return;
    }
    str value = at == SIZE_MAX ? conf_getenv(x->env, name) : conf_getenv_set(x->env, name);
    if (value.p)
        add_value(x, n, name, value, to);
    else if (at != SIZE_MAX)
        buf_add(to, str_from(inside, at + 2));
    else
        conf_note(x->report, CONF_ERROR, n->line, n->column,
                  "the environment variable " STR_FMT " is not set; set it, or write ${" STR_FMT
                  ":-default}",
                  STR_ARG(shown), STR_ARG(shown));
}

/* claude-code-router's $NAME at s[0]; returns how much of s it took, 0: it is no variable. Capitals
 * only, as there: "$schema" and a password with a '$' stay what they are. */
static size_t put_bare(struct expander *x, const struct conf_node *n, str s, struct buf *to)
{
    size_t end = 1;
    while (end < s.n && (is_capital(s.p[end]) || (end > 1 && is_digit(s.p[end]))))
        end++;
    if (end == 1)
        return 0;
    str name = str_of(s.p + 1, end - 1), value = conf_getenv(x->env, name);
    if (value.p)
        add_value(x, n, name, value, to);
    else
        conf_note(x->report, CONF_ERROR, n->line, n->column,
                  "the environment variable " STR_FMT
                  " is not set; set it, or write the value here",
                  STR_ARG(conf_brief(name)));
    return end;
}

/* At a '$': returns how much of s it took. */
static size_t put_variable(struct expander *x, const struct conf_node *n, str s, struct buf *to)
{
    if (str_has_prefix(s, STR("$${"))) {
        buf_add(to, STR("${"));
        return 3;
    }
    if (str_has_prefix(s, STR("${"))) {
        size_t end = str_find_char(s, '}');
        if (end == SIZE_MAX) {
            conf_note(x->report, CONF_ERROR, n->line, n->column,
                      "'${' without '}'; write ${NAME}, or $${ for a plain ${");
            return s.n;
        }
        put_braced(x, n, str_of(s.p + 2, end - 2), to);
        return end + 1;
    }
    size_t took = x->ccr_rules ? put_bare(x, n, s, to) : 0;
    if (took == 0) {
        buf_add_char(to, '$');
        took = 1;
    }
    return took;
}

static enum rc expand_scalar(struct expander *x, struct conf_node *n)
{
    if (str_find_char(n->text, '$') == SIZE_MAX)
        return RC_OK;
    AUTO(buf_fini) struct buf out = BUF_INIT(CONF_EXPANDED_MAX);
    str rest = n->text;
    uint32_t errors = x->report->of[CONF_ERROR].count;
    for (size_t at; (at = str_find_char(rest, '$')) != SIZE_MAX;) {
        buf_add(&out, str_head(rest, at));
        rest = str_from(rest, at);
        size_t took = put_variable(x, n, rest, &out);
        CHECK(took > 0 && took <= rest.n); /* or this loop would not end */
        rest = str_from(rest, took);
    }
    buf_add(&out, rest);
    if (out.failed)
        return RC_NOMEM;
    str text = arena_dup(x->arena, buf_size(&out) ? buf_str(&out) : STR(""));
    if (!text.p)
        return RC_NOMEM;
    n->text = text;
    n->from_env = true;
    n->broken = x->report->of[CONF_ERROR].count != errors;
    return RC_OK;
}

/* Recursion is bounded by CONF_DEPTH_MAX. */
static enum rc expand_node(struct expander *x, struct conf_node *n)
{
    ASSERT(n->kind != CONF_SCALAR || n->text.p);
    if (n->kind == CONF_SCALAR)
        return expand_scalar(x, n);
    for (struct conf_node *it = n->child; it; it = it->next)
        TRY(expand_node(x, it));
    return RC_OK;
}

enum rc conf_expand(struct conf_node *n, const char *const *env, bool ccr_rules, struct arena *a,
                    struct conf_report *report)
{
    struct expander x = {env, ccr_rules, a, report};
    TRY(expand_node(&x, n));
    return conf_report_failed(report) ? RC_CONFIG : RC_OK;
}

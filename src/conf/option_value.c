/* SPDX-License-Identifier: Apache-2.0 */
/* option_value - single values: numbers with units, words, switches, texts and secrets. */
#include "conf/option_int.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "conf/nearest.h"

const char *option_type_text(enum option_type type)
{
    static const char *const text[] = {
        [OPTION_TEXT] = "text",
        [OPTION_SECRET] = "text",
        [OPTION_BOOL] = "true or false",
        [OPTION_U32] = "a whole number",
        [OPTION_COUNT] = "a count (500, 1.5k, 2M)",
        [OPTION_BYTES] = "a size (64KiB, 32MiB)",
        [OPTION_MSEC] = "a duration (500ms, 30s, 10m)",
        [OPTION_DOUBLE] = "a number",
        [OPTION_USD] = "an amount in US dollars",
        [OPTION_WORD] = "one of its words",
        [OPTION_TEXTS] = "text, or a list of texts",
        [OPTION_SECRETS] = "text, or a list of texts",
        [OPTION_SECTION] = "a map",
        [OPTION_SECTIONS] = "a list of maps",
        [OPTION_PAIRS] = "a map of texts",
        [OPTION_RAW] = "anything",
    };
    return text[type];
}

void option_fault(struct option_pass *x, const struct conf_node *n, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    conf_note(x->report, CONF_ERROR, n->line, n->column, "%.*s: %s", (int)x->path_len, x->path,
              what);
}

static enum rc parse_double(const struct option *row, str text, double *ret)
{
    TRY(num_double(text, ret));
    return *ret < (double)row->min || (row->max && *ret > (double)row->max) ? RC_RANGE : RC_OK;
}

enum rc option_parse_number(const struct option *row, str text, uint64_t *ret)
{
    uint64_t v = 0;
    switch ((int)row->type) {
    case OPTION_U32:
        TRY(num_u64(text, &v));
        break;
    case OPTION_COUNT:
        TRY(num_count(text, &v));
        break;
    case OPTION_BYTES:
        TRY(num_bytes(text, &v));
        break;
    case OPTION_MSEC:
        TRY(num_duration(text, &v));
        break;
    default:
        return RC_TYPE;
    }
    if (v < row->min || v > (row->max ? row->max : UINT32_MAX))
        return RC_RANGE;
    *ret = v;
    return RC_OK;
}

/* "0 to 256", "at least 1": the bounds of a row, for messages. */
static void bounds_text(const struct option *row, char *to, size_t size)
{
    const char *unit = row->type == OPTION_MSEC ? "ms" : "";
    if (row->max)
        snprintf(to, size, "from %llu%s to %llu%s", (unsigned long long)row->min, unit,
                 (unsigned long long)row->max, unit);
    else
        snprintf(to, size, "at least %llu%s", (unsigned long long)row->min, unit);
}

/* The value as a message may show it. */
static str shown(const struct conf_node *n)
{
    return n->from_env ? STR("the value") : conf_brief(n->text);
}

static void fault_number(struct option_pass *x, const struct option_slot *s, enum rc rc)
{
    char bounds[80];
    if (rc == RC_RANGE) {
        bounds_text(s->row, bounds, sizeof(bounds));
        option_fault(x, s->n, STR_FMT " is out of range; it may be %s", STR_ARG(shown(s->n)),
                     bounds);
    } else {
        option_fault(x, s->n, "'" STR_FMT "' is not %s", STR_ARG(shown(s->n)),
                     option_type_text(s->row->type));
    }
}

static void take_number(struct option_pass *x, const struct option_slot *s)
{
    uint64_t v;
    enum rc rc = option_parse_number(s->row, s->n->text, &v);
    if (rc != RC_OK) {
        fault_number(x, s, rc);
        return;
    }
    if (s->row->type == OPTION_U32)
        *(uint32_t *)s->to = (uint32_t)v;
    else
        *(uint64_t *)s->to = v;
}

static void take_double(struct option_pass *x, const struct option_slot *s)
{
    double v;
    enum rc rc = parse_double(s->row, s->n->text, &v);
    if (rc != RC_OK)
        fault_number(x, s, rc);
    else if (s->row->type == OPTION_USD)
        *(nanousd *)s->to = (nanousd)(v * 1e9 + 0.5);
    else
        *(double *)s->to = v;
}

static void take_bool(struct option_pass *x, const struct option_slot *s)
{
    if (str_eq_nocase(s->n->text, STR("true")))
        *(bool *)s->to = true;
    else if (str_eq_nocase(s->n->text, STR("false")))
        *(bool *)s->to = false;
    else
        option_fault(x, s->n, "'" STR_FMT "' is neither true nor false; write one of the two",
                     STR_ARG(shown(s->n)));
}

static void fault_word(struct option_pass *x, const struct option_slot *s)
{
    struct nearest near;
    nearest_init(&near, s->n->text);
    char list[200] = "";
    size_t len = 0;
    for (const struct option_word *w = s->row->words; w->name; w++) {
        nearest_offer(&near, str_c(w->name));
        int n = snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", w->name);
        len += n < 0 || (size_t)n >= sizeof(list) - len ? 0 : (size_t)n;
    }
    list[len] = '\0';
    if (near.best.p)
        option_fault(x, s->n, "'" STR_FMT "' is unknown; did you mean '" STR_FMT "'?",
                     STR_ARG(shown(s->n)), STR_ARG(near.best));
    else
        option_fault(x, s->n, "'" STR_FMT "' is unknown; it may be %s", STR_ARG(shown(s->n)), list);
}

static void take_word(struct option_pass *x, const struct option_slot *s)
{
    for (uint32_t i = 0; s->row->words[i].name; i++) {
        if (!str_eq_nocase(s->n->text, str_c(s->row->words[i].name)))
            continue;
        *(uint32_t *)s->to = i;
        if (!s->row->words[i].active)
            conf_note(x->report, CONF_WARNING, s->n->line, s->n->column,
                      "%.*s: accepted, not active yet: %s", (int)x->path_len, x->path,
                      s->row->words[i].name);
        return;
    }
    fault_word(x, s);
}

/* False when it is empty and may not be: then it was noted. */
bool option_is_given(struct option_pass *x, const struct option_slot *s)
{
    if (s->n->text.n)
        return true;
    if (!(s->row->flags & OPTION_EMPTY_OK))
        option_fault(x, s->n, "is empty%s; give a value or remove it",
                     s->n->from_env ? " (its variable is)" : "");
    return false;
}

void option_take_scalar(struct option_pass *x, const struct option_slot *s)
{
    if (!option_is_given(x, s))
        return;
    switch ((int)s->row->type) {
    case OPTION_TEXT:
        *(str *)s->to = s->n->text;
        break;
    case OPTION_SECRET:
        *(struct secret *)s->to = secret_of(s->n->text);
        break;
    case OPTION_BOOL:
        take_bool(x, s);
        break;
    case OPTION_DOUBLE:
    case OPTION_USD:
        take_double(x, s);
        break;
    case OPTION_WORD:
        take_word(x, s);
        break;
    default:
        take_number(x, s);
        break;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option_value - single values: numbers with units, words, switches, texts and secrets.
 *
 * A value is text until here (node.h), so `30s`, `"30s"` and `${WAIT}` with 30s in it are the same.
 * The readers of base/num.h take the whole text or nothing: "10 m" in one place and "10mm" in the
 * next are not both ten minutes. Letter case does not count in words and switches, for YAML's own
 * `True` and `TRUE` are what people know.
 *
 * A message may quote what was written, never what a variable held (show).
 */
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
    CHECK((unsigned)type < ARRAY_LEN(text) && text[type]);
    return text[type];
}

void option_fault(struct option_pass *x, const struct conf_node *n, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    str where = x->path_len ? str_of(x->path, x->path_len) : STR("the file");
    conf_note(x->report, CONF_ERROR, n->line, n->column, STR_FMT ": %s", STR_ARG(where), what);
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

/* A bound as one would write it: 24h, 1GiB, 256. The largest unit that divides it, so that nothing
 * is rounded and the text can be written into the file as it stands. */
static void bound_text(enum option_type type, uint64_t v, char *to, size_t size)
{
    static const struct {
        enum option_type type;
        uint64_t factor;
        const char *unit;
    } units[] = {{OPTION_MSEC, 3600000, "h"},    {OPTION_MSEC, 60000, "m"},
                 {OPTION_MSEC, 1000, "s"},       {OPTION_MSEC, 1, "ms"},
                 {OPTION_BYTES, 1 << 30, "GiB"}, {OPTION_BYTES, 1 << 20, "MiB"},
                 {OPTION_BYTES, 1 << 10, "KiB"}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].type != type || v < units[i].factor || v % units[i].factor)
            continue;
        snprintf(to, size, "%llu%s", (unsigned long long)(v / units[i].factor), units[i].unit);
        return;
    }
    snprintf(to, size, "%llu", (unsigned long long)v);
}

/* What a message says of a value: itself in quotes, unless it came from the environment. */
struct shown {
    char text[80];
};

static struct shown show(const struct conf_node *n)
{
    struct shown s;
    if (n->from_env)
        snprintf(s.text, sizeof(s.text), "the variable's value");
    else
        snprintf(s.text, sizeof(s.text), "'" STR_FMT "'", STR_ARG(conf_brief(n->text)));
    return s;
}

static void fault_number(struct option_pass *x, const struct option_slot *s, enum rc rc)
{
    char min[32], max[32];
    bound_text(s->row->type, s->row->min, min, sizeof(min));
    bound_text(s->row->type, s->row->max, max, sizeof(max));
    x->bearable++;
    if (rc != RC_RANGE)
        option_fault(x, s->n, "%s is not %s", show(s->n).text, option_type_text(s->row->type));
    else if (s->row->max)
        option_fault(x, s->n, "%s is out of range; it may be from %s to %s", show(s->n).text, min,
                     max);
    else
        option_fault(x, s->n, "%s is out of range; it must be at least %s", show(s->n).text, min);
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

/* Money is never a float: 0.1 has no exact double, and a budget is compared with a sum of millions
 * of prices. The text becomes whole nano-dollars; bounds in the table are whole dollars. */
static void take_usd(struct option_pass *x, const struct option_slot *s)
{
    uint64_t nano;
    ASSERT(s->row->max <= UINT64_MAX / UINT64_C(1000000000));
    enum rc rc = num_nano(s->n->text, &nano);
    if (rc == RC_OK && (nano / 1000000000 < s->row->min ||
                        (s->row->max && nano > s->row->max * UINT64_C(1000000000))))
        rc = RC_RANGE;
    if (rc == RC_OK)
        *(nanousd *)s->to = (nanousd)nano;
    else
        fault_number(x, s, rc);
}

static void take_double(struct option_pass *x, const struct option_slot *s)
{
    double v;
    enum rc rc = parse_double(s->row, s->n->text, &v);
    if (rc != RC_OK)
        fault_number(x, s, rc);
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
        option_fault(x, s->n, "%s is neither true nor false; write one of the two",
                     show(s->n).text);
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
    x->bearable++;
    if (near.best.p)
        option_fault(x, s->n, "%s is unknown; did you mean '" STR_FMT "'?", show(s->n).text,
                     STR_ARG(near.best));
    else
        option_fault(x, s->n, "%s is unknown; it may be %s", show(s->n).text, list);
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
    ASSERT(s->n->kind == CONF_SCALAR && !s->n->broken);
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
    case OPTION_USD:
        take_usd(x, s);
        break;
    case OPTION_DOUBLE:
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

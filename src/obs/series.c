/* SPDX-License-Identifier: Apache-2.0 */
/* series - counters with labels; see the header. */
#include "obs/series.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "obs/metric.h"

enum unit { UNIT_COUNT, UNIT_USD, UNIT_MS };

struct figure {
    enum series_family family;
    const char *name, *help;
    enum unit unit;
};

static const struct {
    const char *label[2]; /* the second: NULL, there is one */
    unsigned open;
} families[] = {
#define FAMILY(id, label, second, open) {{label, second}, open},
#define FIGURE(id, name, unit, help)
#include "obs/series.def"
#undef FAMILY
#undef FIGURE
};

/* One row a figure, those of a family side by side: which it is of is counted while the table is
 * walked. A row without a name begins a family. */
static const struct figure figures[] = {
#define FAMILY(id, label, second, open) {SERIES_##id, NULL, NULL, UNIT_COUNT},
#define FIGURE(id, name, unit, help)    {SERIES_FAMILIES, name, help, UNIT_##unit},
#include "obs/series.def"
#undef FAMILY
#undef FIGURE
};

_Static_assert(ARRAY_LEN(families) == SERIES_FAMILIES, "series.def has a row for each family");

static struct series *next_of(const struct series *s)
{
    return atomic_load_explicit(&s->next, memory_order_acquire);
}

static struct series *first_of(const struct series_list *l)
{
    return atomic_load_explicit(&l->first, memory_order_acquire);
}

static struct series *find(const struct series_list *l, enum series_family f, str word, str second)
{
    struct series *s = first_of(l);
    while (s && !(s->family == f && str_eq(s->words[0], word) && str_eq(s->words[1], second)))
        s = next_of(s);
    return s;
}

static struct series *make(struct series_list *l, enum series_family f, str word, str second)
{
    struct series *s = mem_zalloc(sizeof(*s) + word.n + second.n);
    if (!s)
        return NULL;
    char *copy = (char *)(s + 1);
    if (word.n)
        memcpy(copy, word.p, word.n);
    if (second.n)
        memcpy(copy + word.n, second.p, second.n);
    s->family = f;
    s->words[0] = str_of(copy, word.n);
    s->words[1] = str_of(copy + word.n, second.n);
    atomic_store(&s->next, first_of(l));
    atomic_store_explicit(&l->first, s, memory_order_release);
    l->n[f]++;
    return s;
}

struct series *series_of(struct series_list *l, enum series_family f, str word, str second)
{
    CHECK(f < SERIES_FAMILIES);
    struct series *s = find(l, f, word, second);
    if (!s && l->n[f] >= SERIES_MAX) {
        *(families[f].open ? &second : &word) = STR("other");
        s = find(l, f, word, second);
    }
    return s ? s : make(l, f, word, second);
}

void series_free(struct series_list *l)
{
    struct series *s = first_of(l);
    while (s) {
        struct series *next = next_of(s);
        mem_free(s);
        s = next;
    }
}

uint64_t series_sum(struct series_list *const *lists, unsigned n, enum series_family f, str word,
                    str second, unsigned figure)
{
    uint64_t sum = 0;
    CHECK(figure < SERIES_FIGURES);
    for (unsigned i = 0; i < n; i++) {
        const struct series *s = find(lists[i], f, word, second);
        if (s)
            sum += atomic_load_explicit(&s->figure[figure], memory_order_relaxed);
    }
    return sum;
}

/* ---- text: what one list says first, it says for all */

static void write_value(struct buf *to, enum unit unit, uint64_t v)
{
    char usd[FMT_USD_MAX];
    switch (unit) {
    case UNIT_COUNT:
        buf_add_u64(to, v);
        break;
    case UNIT_USD:
        buf_add(to, str_of(usd, fmt_usd(usd, v < INT64_MAX ? (nanousd)v : INT64_MAX)));
        break;
    case UNIT_MS:
        buf_addf(to, "%.3f", (double)v / 1e3);
        break;
    }
    buf_add_char(to, '\n');
}

static void write_one(const struct figure *f, const struct series *s, uint64_t v, struct buf *to)
{
    buf_addf(to, "%s{", f->name);
    for (unsigned i = 0; i < 2 && families[s->family].label[i]; i++) {
        buf_addf(to, "%s%s=\"", i ? "," : "", families[s->family].label[i]);
        metric_label(to, s->words[i]);
        buf_add_char(to, '"');
    }
    buf_lit(to, "} ");
    write_value(to, f->unit, v);
}

static void write_figure(struct series_list *const *lists, unsigned n, const struct figure *f,
                         enum series_family family, unsigned at, struct buf *to)
{
    metric_head(to, f->name, f->help, "counter");
    for (unsigned i = 0; i < n; i++)
        for (const struct series *s = first_of(lists[i]); s; s = next_of(s)) {
            bool said = s->family != family;
            for (unsigned k = 0; k < i && !said; k++)
                said = find(lists[k], family, s->words[0], s->words[1]) != NULL;
            if (!said)
                write_one(f, s, series_sum(lists, n, family, s->words[0], s->words[1], at), to);
        }
}

void series_write(struct series_list *const *lists, unsigned n, struct buf *to)
{
    enum series_family family = SERIES_FAMILIES;
    unsigned at = 0;
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        if (!figures[i].name) {
            family = figures[i].family;
            at = 0;
            continue;
        }
        CHECK(family < SERIES_FAMILIES && at < SERIES_FIGURES);
        write_figure(lists, n, &figures[i], family, at++, to);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_when - the conditions of a rule: a map of which each member is one, and all must hold.
 *
 *     when:
 *       header.x-tag: [ beta, "canary-*" ]     # one of them; "*": it is there
 *       model: "claude-*"
 *       tokens: "> 60k"                        # or ">= 60k", "< 1k", "<= 1k", "1k-60k"
 *       images: true
 *       time: { hours: "09:00-18:00", weekdays: mon-fri, timezone: "+02:00" }
 *       share: 10%
 *       not: { key: ci }                       # nothing of it
 *       any: [ { front: anthropic }, { path: "/v1/responses" } ]
 *
 * Rejected: an expression language (`tokens > 60000 && !images`), which would need a parser, an
 * editor and a manual of its own, and say nothing that this cannot.
 *
 * A time of day is meant at a fixed distance from UTC. A name like Europe/Berlin would need the
 * system's tables, which differ between machines; so it is refused, with what to write instead.
 */
#include "base/num.h"
#include "conf/build_int.h"
#include "conf/nearest.h"
#include "conf/zone.h"

#define MINUTES_A_DAY 1440
#define ALL_DAYS      0x7f

static const struct text_row {
    str key;
    enum conf_cond_kind kind;
} texts[] = {
    {STR("key"), CONF_COND_KEY},     {STR("tag"), CONF_COND_TAG},     {STR("path"), CONF_COND_PATH},
    {STR("model"), CONF_COND_MODEL}, {STR("front"), CONF_COND_FRONT}, {STR("user"), CONF_COND_USER},
};

static const struct {
    str key;
    unsigned bit;
} traits[] = {
    {STR("tools"), CONF_TRAIT_TOOLS},           {STR("images"), CONF_TRAIT_IMAGES},
    {STR("documents"), CONF_TRAIT_DOCUMENTS},   {STR("audio"), CONF_TRAIT_AUDIO},
    {STR("thinking"), CONF_TRAIT_THINKING},     {STR("webSearch"), CONF_TRAIT_WEB_SEARCH},
    {STR("structured"), CONF_TRAIT_STRUCTURED}, {STR("stream"), CONF_TRAIT_STREAM},
};

/* One condition while it is read. */
struct reading_when {
    struct builder *b;
    struct conf_rules *rules; /* counts the dice */
    unsigned *needs;          /* ROUTING_NEEDS_* */
    unsigned depth;
};

static enum rc read_all(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret);

/* Noted; the rule is of no use then, and the file is refused at the end. */
static enum rc wants(struct reading_when *x, const struct conf_node *n, const char *what)
{
    BUILD_FAULT(x->b, place_of(n, NULL), "'" STR_FMT "' takes %s", STR_ARG(conf_brief(n->key)),
                what);
    return RC_OK;
}

/* ---- texts */

static struct conf_glob glob_of(str text)
{
    const size_t star = str_find_char(text, '*');
    if (text.n == 1 && star == 0)
        return (struct conf_glob){CONF_GLOB_ANY, text};
    if (str_find_char(text, '?') != SIZE_MAX || (star != SIZE_MAX && star != text.n - 1))
        return (struct conf_glob){CONF_GLOB_PATTERN, text};
    if (star != SIZE_MAX)
        return (struct conf_glob){CONF_GLOB_PREFIX, str_head(text, star)};
    return (struct conf_glob){CONF_GLOB_EXACT, text};
}

static enum rc read_globs(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    const bool list = n->kind == CONF_LIST;
    const struct conf_node *it = list ? n->child : n;
    struct conf_glob *v = arena_array(x->b->arena, struct conf_glob, list ? n->count : 1);
    if (!v)
        return RC_NOMEM;
    for (; it; it = list ? it->next : NULL) {
        if (it->kind != CONF_SCALAR || !it->text.n)
            return wants(x, n, "a text, or a list of texts; '*' stands for anything");
        v[ret->nglobs++] = glob_of(it->text);
    }
    ret->globs = v;
    return ret->nglobs ? RC_OK : wants(x, n, "at least one text");
}

/* ---- numbers */

/* "> 60k": min and max, both inclusive. */
static bool parse_range(str s, uint64_t *min, uint64_t *max)
{
    const size_t dash = str_find_char(s, '-');
    s = str_trim(s);
    *min = 0;
    *max = UINT64_MAX;
    if (str_has_prefix(s, STR(">=")))
        return num_count(str_trim(str_from(s, 2)), min) == RC_OK;
    if (str_has_prefix(s, STR("<=")))
        return num_count(str_trim(str_from(s, 2)), max) == RC_OK;
    if (str_has_prefix(s, STR(">")))
        return num_count(str_trim(str_from(s, 1)), min) == RC_OK && ++*min;
    if (str_has_prefix(s, STR("<")))
        return num_count(str_trim(str_from(s, 1)), max) == RC_OK && *max && ((*max)--, true);
    if (dash == SIZE_MAX)
        return false;
    return num_count(str_trim(str_head(s, dash)), min) == RC_OK &&
           num_count(str_trim(str_from(s, dash + 1)), max) == RC_OK && *min <= *max;
}

static enum rc read_tokens(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    if (n->kind != CONF_SCALAR || !parse_range(n->text, &ret->min, &ret->max))
        return wants(x, n, "how many: \"> 60k\", \">= 1000\", \"< 1k\", \"<= 1k\" or \"1k-60k\"");
    return RC_OK;
}

bool build_percent(str text, uint32_t *ret)
{
    double v;
    text = str_trim(text);
    if (str_has_suffix(text, STR("%")))
        text = str_trim(str_head(text, text.n - 1));
    if (num_double(text, &v) != RC_OK || v < 0 || v > 100)
        return false;
    *ret = (uint32_t)(v * (CONF_MILLION / 100.0) + 0.5);
    return true;
}

static enum rc read_share(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    ret->throw = x->rules->throws++;
    if (n->kind != CONF_SCALAR || !build_percent(n->text, &ret->share))
        return wants(x, n, "a share of the calls, in percent: 10%");
    return RC_OK;
}

/* ---- time */

static bool parse_clock(str s, uint16_t *ret)
{
    uint64_t hours, minutes = 0;
    str h = str_trim(str_cut(&s, ':'));
    if (num_u64(h, &hours) != RC_OK || hours > 24 ||
        (s.p && s.n && num_u64(str_trim(s), &minutes) != RC_OK) || minutes > 59 ||
        hours * 60 + minutes > MINUTES_A_DAY)
        return false;
    *ret = (uint16_t)(hours * 60 + minutes);
    return true;
}

static bool parse_hours(str s, struct conf_hours *h)
{
    const size_t dash = str_find_char(s, '-');
    return dash != SIZE_MAX && parse_clock(str_head(s, dash), &h->from) &&
           parse_clock(str_from(s, dash + 1), &h->to);
}

static int day_of(str s)
{
    static const char names[] = "montuewedthufrisatsun";
    s = str_trim(s);
    for (int i = 0; s.n >= 3 && i < 7; i++)
        if (str_eq_nocase(str_head(s, 3), str_of(names + i * 3, 3)))
            return i;
    return -1;
}

/* "mon-fri" or "sat", added to the days. */
static bool parse_days(str s, uint8_t *days)
{
    const size_t dash = str_find_char(s, '-');
    int from = day_of(str_head(s, dash)),
        to = dash == SIZE_MAX ? from : day_of(str_from(s, dash + 1));
    if (from < 0 || to < 0)
        return false;
    for (int i = from;; i = (i + 1) % 7) { /* "fri-mon" goes over the end of the week */
        *days |= (uint8_t)(1u << i);
        if (i == to)
            return true;
    }
}

static bool parse_zone(str s, int16_t *ret)
{
    uint16_t minutes;
    s = str_trim(s);
    *ret = 0;
    if (str_eq_nocase(s, STR("utc")) || str_eq_nocase(s, STR("z")))
        return true;
    if (!s.n || (s.p[0] != '+' && s.p[0] != '-') || !parse_clock(str_from(s, 1), &minutes) ||
        minutes > 14 * 60)
        return false;
    *ret = s.p[0] == '-' ? (int16_t)-minutes : (int16_t)minutes;
    return true;
}

static enum rc read_days(struct reading_when *x, const struct conf_node *n, struct conf_hours *h)
{
    const bool list = n->kind == CONF_LIST;
    h->days = 0;
    for (const struct conf_node *it = list ? n->child : n; it; it = list ? it->next : NULL)
        if (it->kind != CONF_SCALAR || !parse_days(it->text, &h->days))
            return wants(x, n, "days: mon-fri, or a list of them");
    return RC_OK;
}

/* "+02:00", or the name of a place. */
static enum rc read_zone(struct reading_when *x, const struct conf_node *n, struct conf_hours *h)
{
    if (n->kind != CONF_SCALAR)
        return wants(x, n, "UTC, a distance from it (\"+02:00\"), or a name: Europe/Berlin");
    if (parse_zone(n->text, &h->utc_offset))
        return RC_OK;
    struct conf_zone *zone = arena_new(x->b->arena, struct conf_zone);
    const enum rc rc = zone ? conf_zone_load(x->b->arena, str_trim(n->text), zone) : RC_NOMEM;
    if (rc == RC_SYNTAX)
        BUILD_FAULT(
            x->b, place_of(n, NULL),
            "there is no time zone '" STR_FMT "' on this machine; write UTC, a distance "
            "from it (\"+02:00\"), or a name under /usr/share/zoneinfo (the package tzdata)",
            STR_ARG(conf_brief(n->text)));
    h->zone = rc == RC_OK ? zone : NULL;
    return rc == RC_SYNTAX ? RC_OK : rc;
}

static enum rc read_time(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    struct conf_hours *h = &ret->hours;
    *h = (struct conf_hours){.to = MINUTES_A_DAY, .days = ALL_DAYS};
    if (n->kind != CONF_MAP)
        return wants(x, n,
                     "a map: hours: \"09:00-18:00\", weekdays: mon-fri, timezone: Europe/Berlin");
    for (const struct conf_node *it = n->child; it; it = it->next) {
        if (str_eq(it->key, STR("weekdays")))
            TRY(read_days(x, it, h));
        else if (str_eq(it->key, STR("hours"))) {
            if (it->kind != CONF_SCALAR || !parse_hours(it->text, h))
                TRY(wants(x, it, "hours of the day: \"09:00-18:00\", or \"22:00-06:00\""));
        } else if (str_eq(it->key, STR("timezone"))) {
            TRY(read_zone(x, it, h));
        } else {
            BUILD_FAULT(x->b, place_of(it, NULL),
                        "'" STR_FMT "' is nothing of a time; hours, weekdays and timezone are",
                        STR_ARG(conf_brief(it->key)));
        }
    }
    return RC_OK;
}

/* ---- conditions in conditions */

/* What it costs to find out, roughly. A share comes last: of the calls that meet all the rest, and
 * who meets them not throws no dice. */
static unsigned cost_of(const struct conf_cond *c)
{
    static const unsigned costs[] = {
        [CONF_COND_KEY] = 0,    [CONF_COND_PATH] = 0,     [CONF_COND_MODEL] = 0,
        [CONF_COND_FRONT] = 0,  [CONF_COND_TAG] = 1,      [CONF_COND_HEADER] = 2,
        [CONF_COND_TIME] = 2,   [CONF_COND_USER] = 3,     [CONF_COND_TRAIT] = 4,
        [CONF_COND_TOKENS] = 5, [CONF_COND_METADATA] = 6, [CONF_COND_SHARE] = 7,
    };
    unsigned most = 0;
    if (c->kind != CONF_COND_ALL && c->kind != CONF_COND_ANY && c->kind != CONF_COND_NOT)
        return c->kind == CONF_COND_TRAIT && c->trait == CONF_TRAIT_STREAM ? 0 : costs[c->kind];
    for (uint32_t i = 0; i < c->nsub; i++) {
        const unsigned cost = cost_of(&c->sub[i]);
        most = cost > most ? cost : most;
    }
    return most;
}

/* The cheapest first; equals as they were written. There are few. */
static void put_in_order(struct conf_cond *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const struct conf_cond c = v[i];
        uint32_t k = i;
        for (; k > 0 && cost_of(&v[k - 1]) > cost_of(&c); k--)
            v[k] = v[k - 1];
        v[k] = c;
    }
}

static enum rc read_several(struct reading_when *x, const struct conf_node *n,
                            struct conf_cond *ret)
{
    const bool list = n->kind == CONF_LIST;
    const struct conf_node *it = list ? n->child : n;
    const uint32_t count = list ? n->count : 1;
    struct conf_cond *v = arena_array(x->b->arena, struct conf_cond, count);
    if (!v)
        return RC_NOMEM;
    ret->sub = v;
    for (; it; it = list ? it->next : NULL) {
        if (it->kind != CONF_MAP)
            return wants(x, n, "conditions: a map, or a list of maps");
        TRY(read_all(x, it, &v[ret->nsub++]));
    }
    put_in_order(v, ret->nsub);
    return ret->nsub ? RC_OK : wants(x, n, "at least one condition");
}

/* ---- one member */

static enum rc unknown(struct reading_when *x, const struct conf_node *n)
{
    static const char *const others[] = {"tokens", "time", "share",   "all",
                                         "any",    "not",  "header.", "metadata."};
    struct nearest near;
    const size_t dot = str_find_char(n->key, '.'); /* of "headr.x-tag" the first part is wrong */
    nearest_init(&near, str_head(n->key, dot == SIZE_MAX ? dot : dot + 1));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        nearest_offer(&near, texts[i].key);
    for (size_t i = 0; i < ARRAY_LEN(traits); i++)
        nearest_offer(&near, traits[i].key);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        nearest_offer(&near, str_c(others[i]));
    conf_note(x->b->report, CONF_ERROR, n->key_line, n->key_column,
              "there is no condition '" STR_FMT "'%s" STR_FMT "%s", STR_ARG(conf_brief(n->key)),
              near.best.p ? "; did you mean '" : "; docs/routing.md lists them", STR_ARG(near.best),
              near.best.p ? "'?" : "");
    return RC_OK;
}

/* "header.x-tag": the condition's name is what stands behind the dot. */
static bool has_name(str key, str prefix, str *name)
{
    if (!str_has_prefix(key, prefix) || key.n == prefix.n)
        return false;
    *name = str_from(key, prefix.n);
    return true;
}

static enum rc read_trait(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    if (ret->trait != CONF_TRAIT_STREAM)
        *x->needs |= ROUTING_NEEDS_TRAITS;
    ret->wanted = n->kind == CONF_SCALAR && str_eq(n->text, STR("true"));
    if (!ret->wanted && (n->kind != CONF_SCALAR || !str_eq(n->text, STR("false"))))
        return wants(x, n, "true or false");
    return RC_OK;
}

typedef enum rc (*read_fn)(struct reading_when *x, const struct conf_node *n,
                           struct conf_cond *ret);

static const struct {
    str key;
    enum conf_cond_kind kind;
    read_fn read;
} others[] = {
    {STR("tokens"), CONF_COND_TOKENS, read_tokens}, {STR("time"), CONF_COND_TIME, read_time},
    {STR("share"), CONF_COND_SHARE, read_share},    {STR("all"), CONF_COND_ALL, read_several},
    {STR("any"), CONF_COND_ANY, read_several},      {STR("not"), CONF_COND_NOT, read_several},
};

/* Which kind of condition a key names, and who reads it. NULL: none. */
static read_fn reader_of(str key, struct conf_cond *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(key, texts[i].key)) {
            ret->kind = texts[i].kind;
            return read_globs;
        }
    for (size_t i = 0; i < ARRAY_LEN(traits); i++)
        if (str_eq(key, traits[i].key)) {
            *ret = (struct conf_cond){.kind = CONF_COND_TRAIT, .trait = traits[i].bit};
            return read_trait;
        }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq(key, others[i].key)) {
            ret->kind = others[i].kind;
            return others[i].read;
        }
    if (has_name(key, STR("header."), &ret->name)) {
        ret->kind = CONF_COND_HEADER;
        return read_globs;
    }
    if (has_name(key, STR("metadata."), &ret->name)) {
        ret->kind = CONF_COND_METADATA;
        return read_globs;
    }
    return NULL;
}

static enum rc read_one(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    const read_fn read = reader_of(n->key, ret);
    if (!read)
        return unknown(x, n);
    if (ret->kind == CONF_COND_METADATA || ret->kind == CONF_COND_USER)
        *x->needs |= ROUTING_NEEDS_TRAITS;
    return read(x, n, ret);
}

static enum rc read_all(struct reading_when *x, const struct conf_node *n, struct conf_cond *ret)
{
    struct conf_cond *v = arena_array(x->b->arena, struct conf_cond, n->count);
    if (!v)
        return RC_NOMEM;
    if (++x->depth > CONF_RULE_DEPTH) {
        BUILD_FAULT(x->b, place_of(n, NULL), "conditions are nested deeper than %d",
                    CONF_RULE_DEPTH);
        return RC_OK;
    }
    *ret = (struct conf_cond){.kind = CONF_COND_ALL, .sub = v};
    for (const struct conf_node *it = n->child; it; it = it->next)
        TRY(read_one(x, it, &v[ret->nsub++]));
    put_in_order(v, ret->nsub);
    x->depth--;
    return RC_OK;
}

enum rc build_when(struct builder *b, const struct conf_node *n, struct conf_rules *rules,
                   unsigned *needs, const struct conf_cond **ret)
{
    struct reading_when x = {b, rules, needs, 0};
    if (!n || n->kind == CONF_NULL)
        return RC_OK;
    if (n->kind != CONF_MAP) {
        BUILD_FAULT(b, place_of(n, NULL), "`when` must be a map of conditions, not %s",
                    conf_kind_name(n));
        return RC_OK;
    }
    struct conf_cond *all = arena_new(b->arena, struct conf_cond);
    if (!all)
        return RC_NOMEM;
    *ret = all;
    return read_all(&x, n, all);
}

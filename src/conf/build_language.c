/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_language - which wire dialect a provider speaks, and at which URL.
 *
 * What is said counts most, then what can be seen, then what is known:
 *   1. `dialect:`, a wire dialect or the name of a preset (claude-code-router: its transformer)
 *   2. the end of the URL, where it is a dialect's own endpoint (".../v1/messages")
 *   3. the preset whose published host the URL has
 *   4. the preset of the provider's name
 *   5. the language most servers speak: openai, with a warning
 *
 * A preset may be reached in several ways. The first this build can speak is taken; where that is
 * not the one the URL was written for, the preset's own URL of that way replaces it, with a
 * warning, so that Google's key works today through Google's OpenAI-compatible endpoint.
 *
 * `own_host` is the answer that matters most: it says that the URL is the provider's own by scheme
 * and host, and only there a key of the environment may be sent. A proxy of one's own that carries
 * a known name ("openai" at http://gpu1/v1) is spoken to alike and gets no key but what is written.
 *
 * Asking the server what it speaks was rejected: a configuration must mean the same while a
 * provider is down, and `weir check` starts nothing.
 */
#include "conf/build_int.h"
#include "conf/nearest.h"
#include "conf/url.h"

struct chooser {
    struct builder *b;
    const struct raw_provider *raw;
    struct place at; /* where to point: dialect, URL or name */
    bool has_url;
    struct conf_url url; /* parsed, when has_url */
    str text;            /* of the URL */
    struct language *l;
};

static bool can_speak(const struct builder *b, const char *wire)
{
    for (const char *const *w = b->src->backs; w && *w; w++)
        if (strcmp(*w, wire) == 0)
            return true;
    return false;
}

static str list_backs(struct builder *b)
{
    str list = STR("");
    for (const char *const *w = b->src->backs; w && *w; w++)
        list = arena_strf(b->arena, STR_FMT "%s%s", STR_ARG(list), list.n ? ", " : "", *w);
    return list;
}

static void refuse_wire(struct chooser *c, str wire)
{
    str backs = list_backs(c->b);
    if (c->b->ccr)
        BUILD_WARN(c->b, c->at,
                   "provider '" STR_FMT "' is left out: this build cannot speak '" STR_FMT
                   "' to a provider yet (it can: " STR_FMT ")",
                   STR_ARG(conf_brief(c->raw->name)), STR_ARG(wire), STR_ARG(backs));
    else
        BUILD_FAULT(c->b, c->at,
                    "provider '" STR_FMT "': this build cannot speak '" STR_FMT
                    "' to a provider yet; it can: " STR_FMT,
                    STR_ARG(conf_brief(c->raw->name)), STR_ARG(wire), STR_ARG(backs));
}

/* --- ways of a preset ------------------------------------------------------------------------- */

static str base_path_of(const char *base)
{
    str rest = str_c(base);
    size_t at = str_find(rest, STR("://"));
    rest = at == SIZE_MAX ? STR("") : str_from(rest, at + 3);
    at = str_find_char(rest, '/');
    return at == SIZE_MAX ? STR("") : str_from(rest, at);
}

/* Is `path` this base path, or below it? "/v10" is not below "/v1". */
static bool is_below(str path, str base)
{
    return str_has_prefix(path, base) && (path.n == base.n || !base.n || path.p[base.n] == '/');
}

static const struct preset_way *first_way(const struct builder *b, const struct preset *p)
{
    for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
        if (can_speak(b, p->ways[i].dialect))
            return &p->ways[i];
    return NULL;
}

/* The way whose base is the nearest above the URL's path; NULL: the path is below none. */
static const struct preset_way *way_of_url(const struct preset *p, const struct conf_url *u)
{
    const struct preset_way *best = NULL;
    for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++) {
        str base = base_path_of(p->ways[i].base);
        if (preset_is_host(p->ways[i].base, u->origin.host) && is_below(u->path, base) &&
            (!best || base.n > base_path_of(best->base).n))
            best = &p->ways[i];
    }
    return best;
}

static bool is_own_host(const struct preset *p, const struct conf_url *u)
{
    for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
        if (preset_is_host(p->ways[i].base, u->origin.host) &&
            u->origin.https == str_has_prefix(str_c(p->ways[i].base), STR("https://")))
            return true;
    return false;
}

/* This way, or one to the same base and endpoint that this build can speak: one API, two names. */
static const struct preset_way *twin_way(const struct builder *b, const struct preset *p,
                                         const struct preset_way *way)
{
    if (can_speak(b, way->dialect))
        return way;
    const struct wire *wanted = wire_find(str_c(way->dialect));
    CHECK(wanted); /* presets.def speaks of dialects.def alone */
    const char *endpoint = wanted->endpoint;
    for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
        if (*way->base && strcmp(p->ways[i].base, way->base) == 0 &&
            strcmp(wire_find(str_c(p->ways[i].dialect))->endpoint, endpoint) == 0 &&
            can_speak(b, p->ways[i].dialect))
            return &p->ways[i];
    return NULL;
}

static void set_way(struct chooser *c, const struct preset_way *way, bool keep_url)
{
    c->l->wire = str_c(way->dialect);
    c->l->url = keep_url ? c->text : str_c(way->base);
}

static void warn_other_way(struct chooser *c, const struct preset *p, const struct preset_way *way,
                           const char *wanted)
{
    BUILD_WARN(c->b, c->at, "%s is spoken to through %s (%s), since this build cannot speak %s yet",
               p->name, way->base, way->dialect, wanted);
}

/* The URL is the preset's own. */
static void choose_at_home(struct chooser *c, const struct preset *p)
{
    const struct preset_way *meant = way_of_url(p, &c->url), *way = first_way(c->b, p);
    c->l->own_host = true;
    if (!way) {
        refuse_wire(c, str_c(p->ways[0].dialect));
        return;
    }
    if (meant && twin_way(c->b, p, meant)) {
        set_way(c, twin_way(c->b, p, meant), true);
        return;
    }
    bool bare = c->url.path.n <= 1;
    set_way(c, way, !meant && !bare);
    if (meant)
        warn_other_way(c, p, way, meant->dialect);
    else if (bare)
        BUILD_WARN(c->b, c->at, "the base URL of %s has a path: %s is used", p->name, way->base);
}

static void choose_by_preset(struct chooser *c, const struct preset *p)
{
    c->l->preset = p;
    if (c->has_url && is_own_host(p, &c->url)) {
        choose_at_home(c, p);
        return;
    }
    if (c->has_url) { /* a server of one's own that is like it */
        const struct preset_way *way = twin_way(c->b, p, &p->ways[0]);
        if (way)
            set_way(c, way, true);
        else
            refuse_wire(c, str_c(p->ways[0].dialect));
        return;
    }
    const struct preset_way *way = first_way(c->b, p);
    if (!way) {
        refuse_wire(c, str_c(p->ways[0].dialect));
        return;
    }
    set_way(c, way, false);
    c->l->own_host = true;
    if (way != &p->ways[0] && strcmp(way->base, p->ways[0].base) != 0)
        warn_other_way(c, p, way, p->ways[0].dialect);
}

/* --- what was said ---------------------------------------------------------------------------- */

/* The preset for its quirks, key and base: the URL's, else the name's, else the dialect's own. */
static const struct preset *preset_for_wire(const struct chooser *c, const struct wire *w)
{
    str name = str_c(w->name);
    const struct preset *p = c->has_url ? preset_by_host(c->url.origin.host) : NULL;
    if (!p)
        p = preset_find(c->raw->name);
    if (p && preset_way(p, name))
        return p;
    p = preset_find(name);
    return p ? p : preset_by_dialect(name);
}

static void choose_by_wire(struct chooser *c, const struct wire *w)
{
    const struct preset *p = preset_for_wire(c, w);
    const struct preset_way *way = p ? preset_way(p, str_c(w->name)) : NULL;
    const struct preset_way *speak = way ? twin_way(c->b, p, way) : NULL;
    bool at_home = c->has_url && p && is_own_host(p, &c->url);
    if (!speak && !can_speak(c->b, w->name)) {
        if (c->b->ccr && at_home)
            choose_by_preset(c, p);
        else
            refuse_wire(c, str_c(w->name));
        return;
    }
    c->l->preset = way ? p : NULL;
    c->l->wire = speak ? str_c(speak->dialect) : str_c(w->name);
    c->l->own_host = way && (at_home || !c->has_url);
    c->l->url = c->has_url ? c->text : way ? str_c(way->base) : STR_NONE;
}

static void refuse_unknown(struct chooser *c, str said)
{
    struct nearest near;
    nearest_init(&near, said);
    for (const struct wire *w = wires; w->name; w++)
        nearest_offer(&near, str_c(w->name));
    for (const struct preset *p = presets; p->name; p++)
        nearest_offer(&near, str_c(p->name));
    BUILD_FAULT(c->b, c->at, "the dialect '" STR_FMT "' is unknown; %s" STR_FMT "%s",
                STR_ARG(conf_brief(said)),
                near.best.p ? "did you mean '" : "this build can speak: ",
                STR_ARG(near.best.p ? near.best : list_backs(c->b)), near.best.p ? "'?" : "");
}

static void choose_by_word(struct chooser *c, str said)
{
    const struct wire *w = wire_find(said);
    const struct preset *p = preset_find(said);
    if (w)
        choose_by_wire(c, w);
    else if (p)
        choose_by_preset(c, p);
    else
        refuse_unknown(c, said);
}

/* --- what can be seen ------------------------------------------------------------------------- */

/* The dialect whose endpoint ends the URL; those that end in a collection ("/models") say nothing.
 */
static const struct wire *wire_by_endpoint(str path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path = str_head(path, path.n - 1);
    for (const struct wire *w = wires; w->name; w++)
        if (!str_has_prefix(str_c(w->endpoint), STR("/model")) &&
            str_has_suffix(path, str_c(w->endpoint)))
            return w;
    return NULL;
}

/* The URL is the endpoint of a dialect this build cannot speak, of a provider that has others. */
static void choose_other_way(struct chooser *c, const struct preset *p, const struct wire *w)
{
    const struct preset_way *way = first_way(c->b, p);
    c->l->preset = p;
    if (!way || !is_own_host(p, &c->url)) {
        refuse_wire(c, str_c(w->name));
        return;
    }
    set_way(c, way, false);
    c->l->own_host = true;
    warn_other_way(c, p, way, w->name);
}

static void choose_by_sight(struct chooser *c)
{
    const struct preset *hosted = c->has_url ? preset_by_host(c->url.origin.host) : NULL;
    const struct preset *named = preset_find(c->raw->name);
    const struct wire *w = c->has_url ? wire_by_endpoint(c->url.path) : NULL;
    if (w && (can_speak(c->b, w->name) || !hosted)) {
        choose_by_wire(c, w);
    } else if (w) {
        choose_other_way(c, hosted, w);
    } else if (hosted || named) {
        choose_by_preset(c, hosted ? hosted : named);
    } else if (c->has_url) {
        choose_by_wire(c, wire_find(STR("openai")));
        if (!c->b->ccr)
            BUILD_WARN(c->b, c->at,
                       "no dialect is given for provider '" STR_FMT
                       "': openai is assumed; write `dialect: openai`",
                       STR_ARG(conf_brief(c->raw->name)));
    } else {
        struct nearest near;
        nearest_init(&near, c->raw->name);
        for (const struct preset *p = presets; p->name; p++)
            nearest_offer(&near, str_c(p->name));
        BUILD_FAULT(c->b, c->at,
                    "provider '" STR_FMT "' is none that is known%s" STR_FMT
                    "%s; give its baseURL and dialect",
                    STR_ARG(conf_brief(c->raw->name)), near.best.p ? " (did you mean '" : "",
                    STR_ARG(near.best), near.best.p ? "'?)" : "");
    }
}

/* The URL of the provider, under whichever key it stands. False: it is wrong, and that was noted.
 */
static bool read_url(struct chooser *c)
{
    const struct raw_provider *raw = c->raw;
    c->text = raw->base_url.n ? raw->base_url : raw->endpoint_url;
    c->has_url = c->text.n != 0;
    if (!c->has_url)
        return true;
    struct place at = place_of(raw->at.node, raw->base_url.n ? "baseURL" : "api_base_url");
    const char *bad = conf_url_parse(c->b->arena, c->text, &c->url);
    if (!bad && c->url.user.n)
        bad = "user and password do not belong here; use apiKey";
    if (bad)
        BUILD_FAULT(c->b, at, "%s of provider '" STR_FMT "': %s",
                    raw->base_url.n ? "baseURL" : "api_base_url", STR_ARG(conf_brief(raw->name)),
                    bad);
    c->at = at;
    return !bad;
}

enum rc build_language(struct builder *b, const struct raw_provider *raw, struct language *ret)
{
    struct chooser c = {.b = b, .raw = raw, .l = ret, .at = place_of(raw->at.node, "name")};
    struct ccr_language ccr = {.bearer = false};
    *ret = (struct language){.preset = NULL};
    if (!read_url(&c))
        return RC_OK;
    TRY(ccr_read_transformer(b, raw->transformer, &ccr));
    ret->bearer = ccr.bearer;
    ret->vertex_chat = ccr.vertex_chat;
    ret->account = ccr.account;
    ret->transforms = ccr.transforms;
    str said = raw->dialect.n ? raw->dialect : ccr.dialect;
    if (said.n) {
        c.at = place_of(raw->at.node, raw->dialect.n ? "dialect" : "transformer");
        choose_by_word(&c, said);
    } else {
        choose_by_sight(&c);
    }
    CHECK(!ret->own_host || ret->preset); /* whose own host, else? */
    ASSERT(!ret->wire.p || can_speak(b, ret->wire.p));
    ASSERT(ret->wire.p || conf_report_failed(b->report) || b->ccr); /* refused in so many words */
    return arena_is_full(b->arena) ? RC_NOMEM : RC_OK;
}

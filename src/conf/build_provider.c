/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_provider - providers, from wherever they come: `providers`, claude-code-router's
 * `Providers`, `security.apiKeys`, the environment, or the built-in demo when there is nothing at
 * all.
 *
 * They are gathered as raw providers first, so that one function makes each of them real.
 *
 * The order in which one is built is the order in which things are known: the language (which tells
 * the URL), the address (which may need a region or project), the keys (which are taken from the
 * environment only for a host that is the provider's own), and then how it is reached.
 */
#include "base/auto.h"
#include "base/map.h"
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/nearest.h"
#include "conf/url.h"

/* --- gathering -------------------------------------------------------------------------------- */

struct gathered {
    struct raw_provider *p;
    uint32_t n, room;
};

static uint32_t count_presets(void)
{
    uint32_t n = 0;
    while (presets[n].name)
        n++;
    return n;
}

static struct raw_provider *find_gathered(const struct gathered *g, str name)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (str_eq_nocase(g->p[i].name, name))
            return &g->p[i];
    return NULL;
}

/* One that no list names. Its defaults are the option table's, as of those that one does: a struct
 * of zeros would say the first word of every list of words. */
static enum rc add(struct builder *b, struct gathered *g, str name, const struct conf_node *node,
                   struct raw_provider **ret)
{
    CHECK(g->n < g->room);
    struct raw_provider *p = &g->p[g->n];
    TRY(option_defaults(b->arena, b->report, &option_provider, p));
    p->at.node = node;
    p->name = name;
    g->n++;
    *ret = p;
    return RC_OK;
}

static void gather_list(struct gathered *g, const struct raw_list *list)
{
    const struct raw_provider *rows = list->p;
    for (uint32_t i = 0; i < list->n; i++)
        if (rows[i].name.n) { /* else it was noted */
            CHECK(g->n < g->room);
            g->p[g->n++] = rows[i];
        }
}

/* security.apiKeys: a key for a provider that is there, or all that a known one needs. Names are
 * compared without case here, as in requests; what stands in the provider's own row wins. */
static enum rc gather_security(struct builder *b, struct gathered *g)
{
    const struct raw_pair *pairs = b->raw->security.api_keys.p;
    for (uint32_t i = 0; i < b->raw->security.api_keys.n; i++) {
        const struct raw_pair *pair = &pairs[i];
        if (!pair->values.n) {
            if (pair->node->kind == CONF_SCALAR)
                BUILD_FAULT(b, place_of(pair->node, NULL),
                            "security.apiKeys." STR_FMT " is empty; give a value or remove it",
                            STR_ARG(conf_brief(pair->name)));
            continue;
        }
        struct raw_provider *p = find_gathered(g, pair->name);
        if (!p)
            TRY(add(b, g, pair->name, pair->node, &p));
        if (!p->keys.n)
            p->keys = pair->values;
    }
    return RC_OK;
}

/* The first of the preset's variables that is set; absent: none. Empty counts as not set: shells
 * and compose files leave `OPENAI_API_KEY=` behind. */
static str preset_key(const struct builder *b, const struct preset *p)
{
    str names = str_c(p->env), value = STR_NONE;
    while (names.p && !value.p) {
        str name = str_cut(&names, ' ');
        if (name.n)
            value = conf_getenv_set(b->src->env, name);
    }
    return value;
}

/* Without a file: all whose key is in the environment, in the order of presets.def. Those whose
 * host only their user knows (Azure, Vertex) cannot be had this way. */
static enum rc gather_env(struct builder *b, struct gathered *g)
{
    struct raw_provider *added;
    for (const struct preset *p = presets; p->name; p++) {
        bool known_base = p->ways[0].base[0] != '\0' &&
                          (!strstr(p->ways[0].base, PRESET_REGION) || build_region_is_known(b));
        if (known_base && preset_key(b, p).p)
            TRY(add(b, g, str_c(p->name), NULL, &added));
    }
    return RC_OK;
}

static enum rc gather(struct builder *b, struct gathered *g)
{
    const struct raw_root *raw = b->raw;
    uint32_t room =
        raw->providers.n + raw->ccr.providers.n + raw->security.api_keys.n + count_presets();
    *g = (struct gathered){arena_array(b->arena, struct raw_provider, room), 0, room};
    if (!g->p)
        return RC_NOMEM;
    gather_list(g, &raw->providers);
    gather_list(g, &raw->ccr.providers);
    TRY(gather_security(b, g));
    return b->no_file ? gather_env(b, g) : RC_OK;
}

/* --- one provider ----------------------------------------------------------------------------- */

static str trim_slashes(str path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path = str_head(path, path.n - 1);
    return path;
}

/* Cut the URL's path where the dialect's own begins. People paste what their provider's page shows,
 * and that is the base in one place and the whole endpoint in the next:
 *
 *     https://api.x.ai/v1                    base_path "/v1"
 *     https://api.x.ai/v1/chat/completions   the same
 *     https://api.anthropic.com/v1           base_path "": the dialect's path has /v1 in it
 *     api_base_url: http://h/generate        an endpoint of its own, asked as it stands
 *
 * `written`: the URL is the file's word, and not made of a host in it (build_vertex.c). */
static enum rc set_paths(struct builder *b, const struct raw_provider *raw, bool written,
                         const struct conf_url *u, struct conf_provider *p)
{
    const struct wire *w = wire_find(p->dialect);
    ASSERT(w); /* build_language chose it from that table */
    str path = trim_slashes(u->path), endpoint = str_c(w->endpoint), extra = str_c(w->extra);
    bool cut = str_has_suffix(path, endpoint);
    if (cut)
        path = trim_slashes(str_head(path, path.n - endpoint.n));
    else if (extra.n && str_has_suffix(path, extra))
        path = trim_slashes(str_head(path, path.n - extra.n));
    else if (written && raw->endpoint_url.n && !raw->base_url.n && u->path.n > 1)
        p->endpoint = u->path;
    p->base_path = arena_dup(b->arena, path);
    p->query = u->query;
    return p->base_path.p ? RC_OK : RC_NOMEM;
}

static enum rc set_url(struct builder *b, const struct raw_provider *raw, str text,
                       struct conf_provider *p)
{
    struct conf_url u;
    const char *bad = conf_url_parse(b->arena, text, &u);
    if (bad) /* build_language has parsed it before: only memory can be missing */
        return RC_NOMEM;
    p->origin = u.origin;
    return set_paths(b, raw, str_eq(text, raw->endpoint_url), &u, p);
}

/* A provider of a known host that was given nothing to show there. */
static void fault_no_key(struct builder *b, const struct raw_provider *raw,
                         const struct language *l, struct conf_provider *p)
{
    struct place at = place_of(raw->at.node, NULL);
    str var = str_c(l->preset->env), name = conf_brief(p->name);
    var = str_cut(&var, ' ');
    if (b->ccr) {
        p->enabled = false;
        BUILD_WARN(b, at, "provider '" STR_FMT "' is left out: it has no api_key", STR_ARG(name));
    } else {
        BUILD_FAULT(b, at, "provider '" STR_FMT "' has no key; add apiKey%s" STR_FMT, STR_ARG(name),
                    var.n ? ", or set " : "", STR_ARG(var));
    }
}

static enum rc set_environments_key(struct builder *b, str env, struct conf_provider *p)
{
    struct secret *one = arena_new(b->arena, struct secret);
    str copy = arena_dup(b->arena, env);
    if (!one || !copy.p)
        return RC_NOMEM;
    *one = secret_of(copy);
    p->keys = one;
    p->nkeys = 1;
    return RC_OK;
}

static enum rc set_keys(struct builder *b, const struct raw_provider *raw, const struct language *l,
                        struct conf_provider *p)
{
    /* written > token service > environment; a key of the environment is for the provider's own
     * host alone, and never goes where a baseURL points */
    const struct raw_secrets *given = raw->keys.n ? &raw->keys : &raw->ccr_keys;
    TRY(build_oauth(b, raw, l->account, &p->oauth));
    bool ask_env = !given->n && !p->oauth && l->preset && l->own_host;
    str env = ask_env ? preset_key(b, l->preset) : STR_NONE;
    if (!p->oauth || !l->account) { /* a transformer's tokens replace the key, as they do there */
        p->keys = given->p;
        p->nkeys = given->n;
    }
    if (env.n)
        TRY(set_environments_key(b, env, p));
    TRY(build_aws_keys(b, raw, l, p));
    bool wants_one = l->preset && !l->preset->keyless && l->own_host && p->enabled;
    if (wants_one && !p->nkeys && !p->oauth)
        fault_no_key(b, raw, l, p);
    return RC_OK;
}

static msec pick(msec own, msec all)
{
    return own ? own : all;
}

static void set_timeouts(const struct builder *b, const struct raw_provider *raw,
                         struct conf_provider *p)
{
    const struct conf_timeouts *all = &b->s->timeouts;
    const struct raw_timeouts *own = &raw->timeouts;
    p->timeouts = (struct conf_timeouts){
        pick(own->connect, all->connect),       pick(own->tls, all->tls),
        pick(own->first_byte, all->first_byte), pick(own->idle, all->idle),
        pick(own->total, all->total),           own->total != 0 || all->firm};
}

/* A field name is a token (RFC 9110 section 5.6.2). */
static bool is_token(str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], l = (char)(c | 32);
        if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') &&
            str_find_char(str_of(marks, sizeof(marks) - 1), c) == SIZE_MAX)
            return false;
    }
    return s.n != 0;
}

/* A line end in a value would begin a header of someone else's choice. */
static bool is_value(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

/* Headers that frame the message or carry the key are weir's own business. */
const char *build_header_fault(str name, str value)
{
    static const char *const ours[] = {"host",
                                       "content-length",
                                       "transfer-encoding",
                                       "connection",
                                       "te",
                                       "trailer",
                                       "upgrade",
                                       "expect",
                                       "keep-alive",
                                       "proxy-authorization",
                                       "proxy-connection",
                                       "accept-encoding"};
    static const char *const keys[] = {"authorization", "x-api-key", "api-key", "x-goog-api-key"};
    if (!is_token(name))
        return "is no header name; correct it";
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_eq_nocase(name, str_c(ours[i])))
            return "is set by weir itself; remove it";
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq_nocase(name, str_c(keys[i])))
            return "carries a key; use apiKey and auth";
    if (!is_value(value))
        return "has a control character in its value; remove it";
    return NULL;
}

static enum rc set_headers(struct builder *b, const struct raw_provider *raw,
                           struct conf_provider *p)
{
    const struct raw_pair *pairs = raw->headers.p;
    struct conf_header *all = arena_array(b->arena, struct conf_header, raw->headers.n);
    if (!all)
        return RC_NOMEM;
    for (uint32_t i = 0; i < raw->headers.n; i++) {
        const struct raw_pair *pair = &pairs[i];
        str value = pair->values.n ? secret_reveal(&pair->values.p[0]) : STR_NONE;
        const char *bad = build_header_fault(pair->name, value);
        if (!bad && pair->values.n > 1)
            bad = "has a list; give one value";
        if (bad)
            BUILD_FAULT(b, place_of(pair->node, NULL), "header '" STR_FMT "' %s",
                        STR_ARG(conf_brief(pair->name)), bad);
        all[i].name = pair->name;
        if (pair->values.n)
            all[i].value = pair->values.p[0];
    }
    p->headers = all;
    p->nheaders = raw->headers.n;
    return RC_OK;
}

/* Index of a word to the enum that begins with UNSAID: options.c checks that they are as long. */
static uint32_t said(uint32_t word)
{
    return word == OPTION_WORD_UNSET ? 0 : word + 1;
}

static void check_params(struct builder *b, const struct raw_texts *list, const char *key)
{
    const char *const *known = b->src->params;
    for (uint32_t i = 0; known && i < list->n; i++) {
        struct nearest near;
        bool found = false;
        nearest_init(&near, list->p[i]);
        for (size_t k = 0; known[k]; k++) {
            found |= str_eq(list->p[i], str_c(known[k]));
            nearest_offer(&near, str_c(known[k]));
        }
        if (!found)
            BUILD_FAULT(b, place_of_item(list, i),
                        "quirks.%s: '" STR_FMT "' is nothing that can be refused%s" STR_FMT "%s; "
                        "docs/providers.md lists the names",
                        key, STR_ARG(conf_brief(list->p[i])), near.best.p ? " (did you mean '" : "",
                        STR_ARG(near.best), near.best.p ? "'?)" : "");
    }
}

/* It goes into a request line as it is. */
static void set_probe(struct builder *b, const struct raw_probe *raw, struct conf_provider *p)
{
    bool fits = !raw->path.n || raw->path.p[0] == '/';
    if (!raw->at.node)
        return;
    for (size_t i = 0; i < raw->path.n; i++)
        fits = fits && raw->path.p[i] > ' ' && raw->path.p[i] < 0x7f;
    if (!fits)
        BUILD_FAULT(b, place_of(raw->at.node, "path"),
                    "probe.path: '" STR_FMT "' is no path; write it as in a URL (/v1/models)",
                    STR_ARG(conf_brief(raw->path)));
    p->probe = (struct conf_probe){raw->every, raw->path, raw->always};
}

static void set_quirks(struct builder *b, const struct raw_quirks *raw, struct conf_quirks *to)
{
    check_params(b, &raw->refuses, "refuses");
    check_params(b, &raw->accepts, "accepts");
    ASSERT(raw->max_temperature * 10 < UINT8_MAX); /* the row's bound is 2 */
    *to = (struct conf_quirks){
        .max_tokens = (enum conf_max_tokens)said(raw->max_tokens),
        .effort = (enum conf_effort)said(raw->effort),
        .replay = (enum conf_replay)said(raw->replay),
        .mid_system = (enum conf_mid_system)said(raw->mid_system),
        .temperature_max = (uint8_t)(raw->max_temperature * 10 + 0.5),
        .refuses = raw->refuses.p,
        .accepts = raw->accepts.p,
        .nrefuses = raw->refuses.n,
        .naccepts = raw->accepts.n,
    };
}

/* What goes into a header must be fit for one. */
static void check_values(struct builder *b, const struct raw_provider *raw,
                         const struct conf_provider *p)
{
    for (uint32_t i = 0; i < p->nkeys; i++)
        if (!is_value(secret_reveal(&p->keys[i])))
            BUILD_FAULT(b, place_of(raw->at.node, "apiKey"),
                        "the apiKey of provider '" STR_FMT
                        "' has a control character in it (a line end?); remove it",
                        STR_ARG(conf_brief(p->name)));
    if (p->api_version.n && (!is_token(p->api_version) || p->api_version.n > CONF_NAME_MAX))
        BUILD_FAULT(b, place_of(raw->at.node, "apiVersion"),
                    "apiVersion '" STR_FMT "' is no version; write it as 2024-10-21",
                    STR_ARG(conf_brief(p->api_version)));
    if (!is_value(p->anthropic_version))
        BUILD_FAULT(b, place_of(raw->at.node, "anthropicVersion"),
                    "anthropicVersion has a control character in it; remove it");
}

/* Who asks for the provider's own counts shall know that he does not get them. */
static void check_counts(struct builder *b, const struct raw_provider *raw,
                         const struct conf_provider *p)
{
    const struct wire *wire = wire_find(p->dialect);
    if (p->counts_tokens && !(wire && wire->counts))
        BUILD_WARN(b, place_of(raw->at.node, "countTokens"),
                   "provider '" STR_FMT "': its language (" STR_FMT
                   ") has no count_tokens that could be asked, so weir counts; remove countTokens",
                   STR_ARG(conf_brief(p->name)), STR_ARG(p->dialect));
    else if (p->counts_tokens && p->endpoint.n)
        BUILD_WARN(
            b, place_of(raw->at.node, "countTokens"),
            "provider '" STR_FMT
            "' has one endpoint and no base URL, so its count_tokens can't be asked and weir "
            "counts; give it a baseURL, or remove countTokens",
            STR_ARG(conf_brief(p->name)));
}

static enum rc set_reach(struct builder *b, const struct raw_provider *raw, struct conf_provider *p)
{
    TRY(build_proxy(b, raw, &p->origin, &p->proxy));
    p->fetch = b->fetch;
    if (raw->fetch_images.node)
        TRY(build_fetch(b, &raw->fetch_images, &p->fetch));
    if (raw->ca_file.n)
        p->ca_file = build_readable(b, place_of(raw->at.node, "caFile"), "caFile", raw->ca_file);
    else if (b->raw->ca_file.n)
        p->ca_file = build_path(b, b->raw->ca_file);
    p->tls_verify = raw->tls_verify;
    if (!p->tls_verify)
        BUILD_WARN(b, place_of(raw->at.node, "tlsVerify"),
                   "provider '" STR_FMT
                   "': certificates are not checked; anyone in between can read "
                   "its key",
                   STR_ARG(conf_brief(p->name)));
    return set_headers(b, raw, p);
}

static enum rc build_provider(struct builder *b, const struct raw_provider *raw,
                              struct conf_provider *p)
{
    struct language l;
    *p = (struct conf_provider){.index = p->index, .name = raw->name, .enabled = raw->enabled};
    if (!build_name_ok(b, place_of(raw->at.node, "name"), "the provider's name", p->name, "/,"))
        return RC_OK;
    TRY(build_language(b, raw, &l));
    /* what holds whatever the language is, so that faults in it are told even if that is unknown */
    p->region = raw->region;
    TRY(build_served(b, raw, p));
    p->rates = (struct conf_rates){raw->limits.rpm, raw->limits.tpm, raw->limits.concurrency};
    p->anthropic_version = raw->anthropic_version;
    p->api_version = raw->api_version;
    p->counts_tokens = raw->count_tokens == 1;
    p->drains = raw->on_disconnect == RAW_DISCONNECT_DRAIN;
    p->transforms = l.transforms;
    TRY(build_transforms(b, raw->transforms, &p->transforms));
    p->auth = l.bearer && !raw->auth ? CONF_AUTH_BEARER : (enum conf_auth)raw->auth;
    if (l.preset) {
        p->preset = str_c(l.preset->name);
        p->serves = str_c(l.preset->serves);
        p->bills_on = preset_bills_on(l.preset);
    }
    if (l.preset && l.own_host) { /* elsewhere the same language is spoken by somebody else */
        p->balance = *l.preset->balance ? str_c(l.preset->balance) : STR_NONE;
        if (!p->region.n)
            p->region = str_c(l.preset->region);
    }
    set_timeouts(b, raw, p);
    set_probe(b, &raw->probe, p);
    set_quirks(b, &raw->quirks, &p->quirks);
    if (!l.wire.p) {
        p->enabled = false; /* left out with a warning, or refused: then nothing comes of it */
        return RC_OK;
    }
    p->dialect = l.wire;
    /* where: some addresses are made of a project and a region */
    if (!build_vertex(b, raw, &l, p))
        return RC_OK;
    if (!l.url.n) {
        BUILD_FAULT(b, place_of(raw->at.node, NULL),
                    "provider '" STR_FMT "' needs a baseURL; add it", STR_ARG(conf_brief(p->name)));
        return RC_OK;
    }
    if (!build_region(b, raw, &l, p))
        return RC_OK;
    /* with what key, and by which way */
    TRY(set_url(b, raw, l.url, p));
    TRY(set_keys(b, raw, &l, p));
    check_values(b, raw, p);
    check_counts(b, raw, p);
    return set_reach(b, raw, p);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void set_demo(struct conf_provider *p)
{
    static const str models[] = {{"demo", 4}};
    *p = (struct conf_provider){.name = STR("demo"),
                                .preset = STR("demo"),
                                .dialect = STR("demo"),
                                .enabled = true,
                                .demo = true,
                                .base_path = STR(""),
                                .models = models,
                                .nmodels = 1,
                                .tls_verify = true};
}

static enum rc check_twins(struct builder *b, const struct gathered *g)
{
    AUTO(map_fini) struct map seen;
    map_init(&seen, (struct hash_key){0, 0});
    for (uint32_t i = 0; i < g->n; i++) {
        void *old = NULL;
        TRY(map_put(&seen, g->p[i].name, &g->p[i], &old));
        if (!old)
            continue;
        const struct raw_provider *first = old;
        BUILD_FAULT(b, place_of(g->p[i].at.node, "name"),
                    "the provider name '" STR_FMT "' is given twice (first in line %u); rename one",
                    STR_ARG(conf_brief(g->p[i].name)), place_of(first->at.node, "name").line);
    }
    return RC_OK;
}

static void refuse_none(struct builder *b)
{
    BUILD_FAULT(
        b, place_of(b->raw->at.node, NULL),
        "no provider is given; add `providers: [ { name: openai } ]` (its key is then taken "
        "from OPENAI_API_KEY)");
}

enum rc build_providers(struct builder *b)
{
    struct gathered g;
    TRY(gather(b, &g));
    if (!g.n && !b->no_file) {
        if (!conf_report_failed(b->report))
            refuse_none(b);
        return RC_OK;
    }
    TRY(check_twins(b, &g));
    uint32_t n = g.n ? g.n : 1;
    b->providers = arena_array(b->arena, struct conf_provider, n);
    if (!b->providers)
        return RC_NOMEM;
    for (uint32_t i = 0; i < g.n; i++) {
        b->providers[i].index = i;
        TRY(build_provider(b, &g.p[i], &b->providers[i]));
    }
    if (!g.n) {
        set_demo(&b->providers[0]);
        b->s->demo = true;
    }
    b->s->providers = b->providers;
    b->s->nproviders = n;
    return RC_OK;
}

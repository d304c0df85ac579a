/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build - the parts of a snapshot that name nothing else: listeners, limits, times, logs, keys.
 *
 * Here too: the two rules of safety that no option can switch off. An address that other machines
 * can reach needs a key to be asked for; and a key that is empty is a fault, never "no key needed".
 * Both are how gateways end up open to the world: `keys: [ "${WEIR_KEY}" ]` with the variable
 * forgotten, on 0.0.0.0 inside of a container.
 */
#include "base/auto.h"
#include "base/digest.h"
#include "base/map.h"
#include "conf/build_int.h"

#include "conf/url.h"

#include <unistd.h>

#define DEFAULT_LISTEN "127.0.0.1:3456"

struct place place_of(const struct conf_node *node, const char *key)
{
    if (!node)
        return (struct place){0, 0};
    const struct conf_node *n = key ? conf_get(node, str_c(key)) : NULL;
    if (n)
        return (struct place){n->line, n->column};
    return (struct place){node->line, node->column};
}

struct place place_of_item(const struct raw_texts *list, uint32_t i)
{
    const struct conf_node *n = list->node;
    if (!n)
        return (struct place){0, 0};
    if (n->kind == CONF_LIST)
        for (n = n->child; n->next && i; i--)
            n = n->next;
    return (struct place){n->line, n->column};
}

str build_path(struct builder *b, str path)
{
    if (path.n && path.p[0] == '/')
        return path;
    return arena_strf(b->arena, STR_FMT "/" STR_FMT, STR_ARG(b->dir), STR_ARG(path));
}

/* access(2) asks for the real user: weir changes no user, so that is the one who will open it. A
 * file that goes away later is told where it is read. */
str build_readable(struct builder *b, struct place at, const char *what, str path)
{
    str full = build_path(b, path);
    if (full.p && access(full.p, R_OK) != 0)
        BUILD_FAULT(b, at, "%s: the file cannot be read; check the path and its permissions", what);
    return full;
}

bool build_name_ok(struct builder *b, struct place at, const char *what, str name,
                   const char *refused)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c >= 0x20 && c != 0x7f && !strchr(refused, c))
            continue;
        BUILD_FAULT(b, at, "%s '" STR_FMT "' may not hold %scontrol characters; rename it", what,
                    STR_ARG(conf_brief(name)), *refused ? "'/', ',' or " : "");
        return false;
    }
    if (name.n > 0 && name.n <= CONF_NAME_MAX)
        return true;
    BUILD_FAULT(b, at, "%s must be 1 to %d bytes long", what, CONF_NAME_MAX);
    return false;
}

/* --- listeners -------------------------------------------------------------------------------- */

/* How many texts to listen on there are: --listen stands instead of all of the file's. */
static uint32_t listen_count(const struct builder *b)
{
    return !b->src->listen && b->raw->listen.n ? b->raw->listen.n : 1;
}

static str listen_text(struct builder *b, uint32_t i, struct place *at)
{
    const struct raw_root *raw = b->raw;
    *at = (struct place){0, 0};
    if (b->src->listen)
        return str_c(b->src->listen);
    if (raw->listen.n) {
        *at = place_of_item(&raw->listen, i);
        return raw->listen.p[i];
    }
    bool named = conf_get(raw->at.node, STR("PORT")) || conf_get(raw->at.node, STR("HOST"));
    if (!named)
        return STR(DEFAULT_LISTEN);
    *at = place_of(raw->at.node, raw->ccr.host.n ? "HOST" : "PORT");
    str host = raw->ccr.host.n ? raw->ccr.host : STR("127.0.0.1");
    bool v6 = str_find_char(host, ':') != SIZE_MAX && host.p[0] != '[';
    return arena_strf(b->arena, v6 ? "[" STR_FMT "]:%u" : STR_FMT ":%u", STR_ARG(host),
                      (unsigned)raw->ccr.port);
}

static enum rc build_listens(struct builder *b)
{
    uint32_t n = listen_count(b);
    if (n > CONF_LISTENS_MAX) /* and all of them are looked at: one run shows every fault */
        BUILD_FAULT(b, place_of_item(&b->raw->listen, CONF_LISTENS_MAX),
                    "listen: at most %d addresses; remove some, or listen on 0.0.0.0",
                    CONF_LISTENS_MAX);
    struct conf_listen *all = arena_array(b->arena, struct conf_listen, n);
    if (!all)
        return RC_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        struct place at;
        str text = listen_text(b, i, &at);
        const char *bad = text.p ? conf_url_listen(b->arena, text, &all[i]) : "out of memory";
        if (bad)
            BUILD_FAULT(b, at, "listen '" STR_FMT "': %s", STR_ARG(conf_brief(text)), bad);
        for (uint32_t k = 0; !bad && k < i; k++)
            if (str_eq(all[k].text, all[i].text))
                BUILD_FAULT(b, at, "listen: " STR_FMT " is given twice; remove one",
                            STR_ARG(all[i].text));
    }
    b->s->listens = all;
    b->s->nlistens = n;
    return arena_is_full(b->arena) ? RC_NOMEM : RC_OK;
}

/* F12: no open gateway by accident. claude-code-router's files are bound to loopback, as it does.
 */
static enum rc check_exposure(struct builder *b)
{
    if (b->s->nkeys)
        return RC_OK;
    for (uint32_t i = 0; i < b->s->nlistens; i++) {
        const struct conf_listen *l = &b->s->listens[i];
        struct place at;
        (void)listen_text(b, i, &at);
        if (l->loopback || !l->host.p)
            continue;
        if (!b->ccr || b->src->listen || b->raw->listen.n) {
            BUILD_FAULT(
                b, at,
                "listen " STR_FMT " can be reached from other machines and no key is "
                "asked for; add `keys: [ { name: me, key: \"${WEIR_KEY}\" } ]` or listen on "
                "127.0.0.1",
                STR_ARG(l->text));
            continue;
        }
        ASSERT(b->s->nlistens ==
               1); /* HOST and PORT are one address; the array is replaced whole */
        struct conf_listen *local = arena_new(b->arena, struct conf_listen);
        str text = arena_strf(b->arena, "127.0.0.1:%u", (unsigned)l->port);
        if (!local || !text.p)
            return RC_NOMEM;
        *local = (struct conf_listen){text, STR("127.0.0.1"), l->port, true};
        BUILD_WARN(b, at, "HOST is not used without an APIKEY: listening on " STR_FMT,
                   STR_ARG(text));
        b->s->listens = local;
    }
    return RC_OK;
}

static void build_tls(struct builder *b)
{
    const struct raw_tls *raw = &b->raw->tls;
    if (!raw->cert.n || !raw->key.n)
        return;
    b->s->tls.cert_file = build_readable(b, place_of(raw->at.node, "cert"), "tls.cert", raw->cert);
    b->s->tls.key_file = build_readable(b, place_of(raw->at.node, "key"), "tls.key", raw->key);
}

/* --- limits, times, logs ---------------------------------------------------------------------- */

static void build_limits(struct builder *b)
{
    const struct raw_root *raw = b->raw;
    struct snapshot *s = b->s;
    s->workers = raw->workers;
    s->limits =
        (struct conf_limits){raw->limits.body, raw->limits.body_rate, raw->limits.connections,
                             raw->limits.responses, raw->limits.replay};
    const struct raw_client_timeouts *c = &raw->client_timeouts;
    s->client_timeouts = (struct conf_client_timeouts){c->header,     c->body_grace, c->body_total,
                                                       c->keep_alive, c->write,      c->handshake};
    const struct raw_timeouts *t = &raw->timeouts;
    s->timeouts = (struct conf_timeouts){t->connect, t->tls, t->first_byte, t->idle, t->total};
    s->timeouts.firm = conf_get(t->at.node, STR("total")) != NULL;
    if (raw->ccr.api_timeout && !s->timeouts.firm) {
        s->timeouts.total = raw->ccr.api_timeout;
        s->timeouts.firm = true;
    }
    s->drain = raw->drain.timeout;
    s->lame_duck = raw->drain.lame_duck;
}

static enum conf_log_to log_to(struct builder *b, str text, str *path)
{
    static const struct {
        const char *word;
        enum conf_log_to to;
    } words[] = {{"off", CONF_LOG_OFF}, {"stdout", CONF_LOG_STDOUT}, {"stderr", CONF_LOG_STDERR}};
    *path = STR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(text, str_c(words[i].word)))
            return words[i].to;
    *path = build_path(b, text);
    return CONF_LOG_FILE;
}

/* claude-code-router takes pino's words (its logger's), which are more than ours. */
static enum conf_log_level ccr_level(struct builder *b, str word)
{
    static const struct {
        const char *word;
        enum conf_log_level level;
    } words[] = {{"fatal", CONF_LOG_ERROR}, {"error", CONF_LOG_ERROR}, {"warn", CONF_LOG_WARN},
                 {"info", CONF_LOG_INFO},   {"debug", CONF_LOG_DEBUG}, {"trace", CONF_LOG_DEBUG}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(word, str_c(words[i].word)))
            return words[i].level;
    BUILD_WARN(b, place_of(b->raw->at.node, "LOG_LEVEL"),
               "LOG_LEVEL '" STR_FMT "' is unknown; info is used", STR_ARG(conf_brief(word)));
    return CONF_LOG_INFO;
}

static void build_log(struct builder *b)
{
    const struct raw_log *raw = &b->raw->log;
    struct conf_log *log = &b->s->log;
    log->level = (enum conf_log_level)raw->level;
    log->format = (enum conf_log_format)raw->format;
    log->to = log_to(b, raw->to, &log->path);
    log->access_to = log_to(b, raw->access, &log->access_path);
    if (b->raw->ccr.log_level.n && !conf_get(raw->at.node, STR("level")))
        log->level = ccr_level(b, b->raw->ccr.log_level);
    if (!b->raw->ccr.log && !conf_get(raw->at.node, STR("access")))
        log->access_to = CONF_LOG_OFF;
}

/* --- keys ------------------------------------------------------------------------------------- */

static struct conf_rates rates_of(const struct raw_rates *raw)
{
    return (struct conf_rates){raw->rpm, raw->tpm, raw->concurrency};
}

static str period_of(uint32_t word)
{
    static const char *const names[] = {"day", "week", "month", "total"};
    ASSERT(word < ARRAY_LEN(names) || word == OPTION_WORD_UNSET);
    return word < ARRAY_LEN(names) ? str_c(names[word]) : STR("month");
}

/* "provider,model" names the same as "provider/model". */
static enum rc key_models(struct builder *b, const struct raw_texts *raw, struct conf_key *k)
{
    str *all = arena_array(b->arena, str, raw->n);
    if (!all)
        return RC_NOMEM;
    for (uint32_t i = 0; i < raw->n; i++) {
        size_t comma = str_find_char(raw->p[i], ',');
        all[i] = raw->p[i];
        if (comma == SIZE_MAX)
            continue;
        all[i] = arena_strf(b->arena, STR_FMT "/" STR_FMT, STR_ARG(str_head(raw->p[i], comma)),
                            STR_ARG(str_from(raw->p[i], comma + 1)));
        if (!all[i].p)
            return RC_NOMEM;
    }
    k->models = all;
    k->nmodels = raw->n;
    return RC_OK;
}

static enum rc build_key(struct builder *b, const struct raw_key *raw, uint32_t index,
                         struct conf_key *k)
{
    str value = secret_reveal(&raw->key);
    k->name = raw->name.n ? raw->name : arena_strf(b->arena, "key-%u", index + 1);
    if (!k->name.p)
        return RC_NOMEM;
    if (!value.n)
        return RC_OK; /* noted by the option pass */
    build_name_ok(b, place_of(raw->at.node, "name"), "the key's name", k->name, "");
    digest_sha256(value, k->sha256);
    k->plain = raw->key;
    k->budget = (struct conf_budget){raw->budget.usd, period_of(raw->budget.per)};
    k->rates = rates_of(&raw->limits);
    k->timeout = raw->timeout;
    k->regions = (struct conf_regions){raw->regions.p, raw->regions.n}; /* checked below */
    return key_models(b, &raw->models, k);
}

/* What was seen of the keys so far. The maps' seed is a constant: what goes in is the operator's
 * own file, not a stranger's choice, and digests are spread already. */
struct key_twins {
    struct map names, hashes;
};

static void key_twins_fini(struct key_twins *t)
{
    map_fini(&t->names);
    map_fini(&t->hashes);
}

static enum rc check_key_twins(struct builder *b, struct key_twins *t, struct conf_key *k,
                               struct place at)
{
    void *name = NULL, *same = NULL;
    TRY(map_put(&t->names, k->name, k, &name));
    TRY(map_put(&t->hashes, str_of((const char *)k->sha256, CONF_SHA256), k, &same));
    if (name)
        BUILD_FAULT(b, at, "the key name '" STR_FMT "' is given twice; rename one",
                    STR_ARG(conf_brief(k->name)));
    if (same)
        BUILD_FAULT(b, at, "the keys '" STR_FMT "' and '" STR_FMT "' are the same; change one",
                    STR_ARG(conf_brief(((struct conf_key *)same)->name)),
                    STR_ARG(conf_brief(k->name)));
    return RC_OK;
}

/* Only the digest is compared (conf_find_key says why not the text). */
static void build_admin(struct builder *b, const struct raw_root *raw)
{
    struct snapshot *s = b->s;
    s->admin_plain = raw->admin.key;
    digest_sha256(secret_reveal(&raw->admin.key), s->admin_sha256);
    const struct conf_key *same = conf_find_key(s, s->admin_sha256);
    if (same)
        BUILD_WARN(b, place_of(raw->admin.at.node, "key"),
                   "the admin key is also the key '" STR_FMT
                   "' of a client, who sees all that an admin does; give them two",
                   STR_ARG(conf_brief(same->name)));
}

static enum rc build_keys(struct builder *b)
{
    const struct raw_root *raw = b->raw;
    bool shared = secret_is_set(&raw->ccr.api_key);
    uint32_t n = raw->keys.n + shared;
    struct conf_key *all = arena_array(b->arena, struct conf_key, n);
    if (!all)
        return RC_NOMEM;
    AUTO(key_twins_fini) struct key_twins twins;
    map_init(&twins.names, (struct hash_key){0, 0});
    map_init(&twins.hashes, (struct hash_key){0, 0});
    const struct raw_key *rows = raw->keys.p;
    for (uint32_t i = 0; i < raw->keys.n; i++) {
        TRY(build_key(b, &rows[i], i, &all[i]));
        if (secret_is_set(&rows[i].key))
            TRY(check_key_twins(b, &twins, &all[i], place_of(rows[i].at.node, "key")));
    }
    if (shared) {
        all[n - 1].name = STR("APIKEY");
        digest_sha256(secret_reveal(&raw->ccr.api_key), all[n - 1].sha256);
        all[n - 1].plain = raw->ccr.api_key;
        TRY(check_key_twins(b, &twins, &all[n - 1], place_of(raw->at.node, "APIKEY")));
    }
    b->s->keys = all;
    b->s->nkeys = n;
    b->s->has_admin_key = secret_is_set(&raw->admin.key);
    if (b->s->has_admin_key)
        build_admin(b, raw);
    return RC_OK;
}

/* Not by a guess: that would take any name. */
static bool leads_somewhere(const struct snapshot *s, str name)
{
    struct conf_found found;
    struct conf_target t;
    return str_has_suffix(name, STR("*")) ||
           conf_find_direct(s, name, DIRECT_KNOWN, &t) == DIRECT_FOUND ||
           (conf_resolve(s, NULL, name, &found) == RC_OK && found.how == CONF_BY_MODEL);
}

/* A name in a key's list that leads nowhere is a slip: the key could do less than was meant. */
static void check_key_models(struct builder *b)
{
    const struct raw_key *rows = b->raw->keys.p;
    for (uint32_t i = 0; i < b->raw->keys.n; i++) {
        const struct raw_texts *list = &rows[i].models;
        build_regions(b, &rows[i].regions);
        for (uint32_t k = 0; k < list->n; k++) {
            str name = list->p[k];
            if (leads_somewhere(b->s, name))
                continue;
            str near = conf_nearest_model(b->s, NULL, name);
            BUILD_WARN(b, place_of_item(list, k), "no model is named '" STR_FMT "'%s" STR_FMT "%s",
                       STR_ARG(conf_brief(name)), near.p ? "; did you mean '" : "", STR_ARG(near),
                       near.p ? "'?" : "");
        }
    }
}

enum rc conf_build(struct builder *b)
{
    TRY(build_listens(b));
    TRY(build_keys(b));
    TRY(check_exposure(b)); /* needs both */
    build_tls(b);
    build_limits(b);
    build_log(b);
    TRY(build_catalogue(b));
    TRY(build_fetch(b, &b->raw->fetch_images, &b->fetch));
    TRY(build_providers(b)); /* after the timeouts, which are theirs where they say nothing */
    TRY(build_routes(b));    /* names of providers become indices */
    TRY(build_alerts(b));    /* which watch both */
    if (!conf_report_failed(b->report))
        check_key_models(b);
    return arena_is_full(b->arena) ? RC_NOMEM : RC_OK;
}

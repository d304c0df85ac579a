/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ccr - what only claude-code-router's files have: transformers, and the look of such a file.
 *
 * A transformer chain there is both the provider's language and a pile of remedies. The language is
 * read here, the remedies become transforms (build_transform.c); a name that is neither is told,
 * never dropped in silence.
 *
 *     "transformer": {
 *       "use": [ "openrouter", ["maxtoken", { "max_tokens": 16384 }] ],     for all models
 *       "deepseek-chat": { "use": [ "tooluse" ] }                          for one, besides
 *     }
 *
 * There each transformer is code that rewrites requests and answers on their way, and the order of
 * the chain matters. Here a language is a dialect and most others are a line in transformers.def;
 * the first language of the chain counts, as nothing can be in two at once.
 */
#include "conf/build_int.h"

/* The transformers that are languages; what else there is stands in transformers.def. Some are
 * both. */
static const struct {
    const char *name;
    const char *dialect; /* wire dialect or preset */
} languages[] = {
    {"Anthropic", "anthropic"},
    {"OpenAI", "openai"},
    {"openai-responses", "openai-responses"},
    {"gemini", "gemini"},
    {"vertex-gemini", "vertex"},
    {"vertex-claude", "vertex-anthropic"},
    {"vertex-openai", "openai"}, /* at an address of its own (build_vertex.c) */
    {"deepseek", "deepseek"},
    {"openrouter", "openrouter"},
    {"vercel", "vercel"},
    {"groq", "groq"},
    {"cerebras", "cerebras"},
};

/* Keys that weir's own files never have at the top. APIKEY alone does not count: it is allowed
 * there. What it decides: unknown keys are warnings, $NAME is a variable, and providers that cannot
 * be served are left out instead of refused. A file that worked there must start here. */
bool ccr_is_file(const struct conf_node *root)
{
    static const char *const keys[] = {
        "Providers",   "Router",     "API_TIMEOUT_MS",     "PROXY_URL",
        "LOG_LEVEL",   "StatusLine", "CUSTOM_ROUTER_PATH", "NON_INTERACTIVE_MODE",
        "transformers"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (conf_get(root, str_c(keys[i])))
            return true;
    const struct conf_node *list = conf_get(root, STR("providers"));
    if (!conf_is(list, CONF_LIST))
        return false;
    for (const struct conf_node *it = list->child; it; it = it->next) {
        if (conf_get(it, STR("api_base_url")))
            return true;
    }
    return false;
}

/* One transformer of the chain, for one model or for all. */
struct link {
    struct builder *b;
    struct ccr_language *to;
    str model; /* absent: for all */
};

static enum rc take(struct link *l, const struct conf_node *n, const struct conf_node *options)
{
    bool language = false, found;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        if (!str_eq_nocase(n->text, str_c(languages[i].name)))
            continue;
        language = true;
        if (!l->to->dialect.p)
            l->to->dialect = str_c(languages[i].dialect);
    }
    const struct conf_node *bearer = conf_get(options, STR("UseBearer"));
    if (language && conf_is(bearer, CONF_SCALAR) && str_eq(bearer->text, STR("true")))
        l->to->bearer = true;
    if (str_eq_nocase(n->text, STR("vertex-openai"))) {
        l->to->vertex_chat = true;
        if (conf_get(options, STR("private_key")) || conf_get(options, STR("client_email")))
            l->to->account = options; /* build_oauth.c */
    }
    TRY(build_transformer(l->b, n->text, options, n, l->model, &l->to->transforms, &found));
    if (!language && !found)
        BUILD_WARN(l->b, place_of(n, NULL),
                   "the transformer '" STR_FMT "' is unknown here and has no effect",
                   STR_ARG(conf_brief(n->text)));
    return RC_OK;
}

/* "name", or ["name", {options}]. */
static enum rc take_use(struct link *l, const struct conf_node *n)
{
    if (n->kind == CONF_SCALAR)
        return take(l, n, NULL);
    if (n->kind == CONF_LIST && conf_is(n->child, CONF_SCALAR))
        return take(l, n->child, n->child->next);
    BUILD_WARN(l->b, place_of(n, NULL),
               "a transformer is a name or [name, {options}]; this has no effect");
    return RC_OK;
}

/* "name", [chain], or {use: either}. */
static enum rc take_chain(struct link *l, const struct conf_node *n)
{
    const struct conf_node *use = n->kind == CONF_MAP ? conf_get(n, STR("use")) : n;
    if (conf_is(use, CONF_SCALAR))
        return take(l, use, NULL);
    if (conf_is(use, CONF_LIST))
        for (const struct conf_node *it = use->child; it; it = it->next)
            TRY(take_use(l, it));
    return RC_OK;
}

enum rc ccr_read_transformer(struct builder *b, const struct conf_node *n, struct ccr_language *ret)
{
    struct link all = {.b = b, .to = ret};
    *ret = (struct ccr_language){.bearer = false};
    if (!n)
        return RC_OK;
    TRY(take_chain(&all, n));
    if (n->kind != CONF_MAP)
        return RC_OK;
    for (const struct conf_node *it = n->child; it; it = it->next) {
        struct link one = {.b = b, .to = ret, .model = it->key};
        if (!str_eq(it->key, STR("use")) && it->kind != CONF_NULL)
            TRY(take_chain(&one, it));
    }
    return RC_OK;
}

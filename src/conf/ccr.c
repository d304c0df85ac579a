/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ccr - what only claude-code-router's files have: transformers, and the look of such a file.
 *
 * A transformer chain there is both the provider's language and a pile of remedies. The language is
 * read; a remedy that this build does not apply is told, by name, never dropped in silence.
 */
#include "conf/build_int.h"

static const struct {
    const char *name;
    const char *dialect; /* wire dialect or preset; NULL: a remedy, not a language */
} transformers[] = {
    {"Anthropic", "anthropic"},
    {"OpenAI", "openai"},
    {"openai-responses", "openai-responses"},
    {"gemini", "gemini"},
    {"vertex-gemini", "vertex"},
    {"vertex-claude", "vertex-anthropic"},
    {"vertex-openai", "vertex"},
    {"deepseek", "deepseek"},
    {"openrouter", "openrouter"},
    {"vercel", "vercel"},
    {"groq", "groq"},
    {"cerebras", "cerebras"},
    {"tooluse", NULL},
    {"enhancetool", NULL},
    {"reasoning", NULL},
    {"forcereasoning", NULL},
    {"extrathinktag", NULL},
    {"maxtoken", NULL},
    {"maxcompletiontokens", NULL},
    {"sampling", NULL},
    {"streamoptions", NULL},
    {"customparams", NULL},
    {"cleancache", NULL},
};

/* Keys that weir's own files never have at the top. APIKEY alone does not count: it is allowed
 * there. */
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

/* The options beside a transformer's name. */
static void read_options(struct builder *b, const struct conf_node *options, str name,
                         struct ccr_language *ret)
{
    for (const struct conf_node *it = options->child; it; it = it->next) {
        if (str_eq_nocase(it->key, STR("UseBearer")) && str_eq(it->text, STR("true")))
            ret->bearer = true;
        else
            BUILD_WARN(b, place_of(it, NULL),
                       "accepted, not active yet: option '" STR_FMT "' of transformer '" STR_FMT
                       "'",
                       STR_ARG(conf_brief(it->key)), STR_ARG(conf_brief(name)));
    }
}

static void read_name(struct builder *b, const struct conf_node *n, struct ccr_language *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(transformers); i++) {
        if (!str_eq_nocase(n->text, str_c(transformers[i].name)))
            continue;
        if (transformers[i].dialect) {
            if (!ret->dialect.p)
                ret->dialect = str_c(transformers[i].dialect);
            return;
        }
        BUILD_WARN(b, place_of(n, NULL), "accepted, not active yet: transformer '%s'",
                   transformers[i].name);
        return;
    }
    BUILD_WARN(b, place_of(n, NULL),
               "the transformer '" STR_FMT "' is unknown here and has no effect",
               STR_ARG(conf_brief(n->text)));
}

/* "name", or ["name", {options}]. */
static void read_use(struct builder *b, const struct conf_node *n, struct ccr_language *ret)
{
    if (n->kind == CONF_SCALAR) {
        read_name(b, n, ret);
    } else if (n->kind == CONF_LIST && conf_is(n->child, CONF_SCALAR)) {
        read_name(b, n->child, ret);
        if (conf_is(n->child->next, CONF_MAP))
            read_options(b, n->child->next, n->child->text, ret);
    } else {
        BUILD_WARN(b, place_of(n, NULL),
                   "a transformer is a name or [name, {options}]; this has no effect");
    }
}

void ccr_read_transformer(struct builder *b, const struct conf_node *n, struct ccr_language *ret)
{
    *ret = (struct ccr_language){STR_NONE, false};
    if (!n)
        return;
    if (n->kind == CONF_SCALAR) {
        read_name(b, n, ret);
        return;
    }
    const struct conf_node *use = n->kind == CONF_LIST ? n : conf_get(n, STR("use"));
    if (conf_is(use, CONF_SCALAR))
        read_name(b, use, ret);
    else if (conf_is(use, CONF_LIST))
        for (const struct conf_node *it = use->child; it; it = it->next)
            read_use(b, it, ret);
    if (n->kind != CONF_MAP)
        return;
    for (const struct conf_node *it = n->child; it; it = it->next) {
        struct place at = {it->key_line, it->key_column};
        if (!str_eq(it->key, STR("use")) && it->kind != CONF_NULL)
            BUILD_WARN(b, at, "accepted, not active yet: transformer of model '" STR_FMT "'",
                       STR_ARG(conf_brief(it->key)));
    }
}

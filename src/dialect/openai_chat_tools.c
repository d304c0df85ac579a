/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_tools.c - the tools of a canonical request as Chat Completions, and which may be
 * called.
 *
 * Functions are Chat's own. Free-text tools are where the provider is known to take them, else a
 * function with one string (dialect/free_text.h). A search has no common word: OpenAI's search
 * models, OpenRouter, Perplexity and DashScope each have their way (dialect_opts.search), and
 * elsewhere it is lost.
 */
#include "dialect/free_text.h"
#include "dialect/kin.h"
#include "dialect/openai_chat_int.h"
#include "dialect/server_tool.h"

static void put_function(struct chat_writer *cw, const struct ir_tool *t)
{
    struct json_writer *w = &cw->w;

    kin_open_function(w, t);
    if (t->strict == IR_YES && !cw->c->opts->no_strict) {
        json_key(w, "strict");
        json_put_bool(w, true);
    }
    json_end(w);
    if (t->cache.n && cw->c->opts->cache_markers) {
        json_key(w, "cache_control");
        json_put_text(w, t->cache);
    }
    json_end(w);
    if (t->cache.n && !cw->c->opts->cache_markers)
        chat_lose(cw, STR("cache_control"));
}

bool chat_takes_custom(const struct chat_writer *cw)
{
    return !cw->ways->plain_tools && (cw->c->opts->accepted & REFUSES(CUSTOM_TOOLS)) != 0;
}

/* A tool that takes free text; to servers that know none, a function with one string. */
static void put_custom(struct chat_writer *cw, const struct ir_tool *t)
{
    struct json_writer *w = &cw->w;
    struct free_text f = free_text_of(t, cw->arena);
    bool custom = chat_takes_custom(cw);

    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, custom ? STR("custom") : STR("function"));
    json_key_str(w, custom ? STR("custom") : STR("function"));
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, t->name);
    if (t->description.n) {
        json_key(w, "description");
        json_put_raw_str(w, t->description);
    }
    if (!custom) {
        json_key(w, "parameters");
        free_text_put_schema(w, &f);
        chat_lose(cw, STR("tools.custom"));
    } else if (f.definition.n) {
        json_key(w, "format");
        json_begin_object(w);
        json_key(w, "type");
        json_put_lit(w, "grammar");
        json_key(w, "grammar");
        json_begin_object(w);
        json_key(w, "syntax");
        json_put_raw_str(w, f.syntax);
        json_key(w, "definition");
        json_put_raw_str(w, f.definition);
        json_end(w);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void put_named(struct chat_writer *cw, jtext name)
{
    struct json_writer *w = &cw->w;
    bool custom = false;

    for (const struct ir_tool *t = cw->r->tools; t; t = t->next)
        custom |= t->kind == IR_TOOL_CUSTOM && str_eq(t->name, name) && chat_takes_custom(cw);
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, custom ? STR("custom") : STR("function"));
    json_key_str(w, custom ? STR("custom") : STR("function"));
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, name);
    json_end(w);
    json_end(w);
}

static void put_choice(struct chat_writer *cw, const struct ir_tool_choice *c)
{
    struct json_writer *w = &cw->w;

    if (c->kind != IR_CHOICE_UNSET)
        json_key(w, "tool_choice");
    switch (c->kind) {
    case IR_CHOICE_UNSET:
        break;
    case IR_CHOICE_AUTO:
        json_put_lit(w, "auto");
        break;
    case IR_CHOICE_NONE:
        json_put_lit(w, "none");
        break;
    case IR_CHOICE_ANY:
        json_put_raw_str(w, cw->ways->required.n ? cw->ways->required : STR("required"));
        break;
    case IR_CHOICE_NAMED:
        put_named(cw, c->name);
        break;
    }
    if (c->parallel != IR_UNSET) {
        json_key(w, "parallel_tool_calls");
        json_put_bool(w, c->parallel == IR_YES);
    }
}

/* ---- searches -----------------------------------------------------------------------------------
 */

/* What each way has words for. */
static const unsigned search_takes[] = {
    [SEARCH_OPTIONS] = TAKES_LOCATION | TAKES_CONTEXT,
    [SEARCH_TOOL] = TAKES_ONE_LIST | TAKES_MAX_USES | TAKES_ALLOWED | TAKES_BLOCKED |
                    TAKES_LOCATION | TAKES_CONTEXT,
    [SEARCH_FILTER] = TAKES_ALLOWED | TAKES_BLOCKED | TAKES_LOCATION | TAKES_CONTEXT,
    [SEARCH_ENABLE] = 0,
    [SEARCH_GLM] = 0,
};

static bool has_way(const struct chat_writer *cw, const struct ir_tool *t)
{
    return t->kind == IR_TOOL_SERVER && t->server == IR_SERVER_SEARCH && !cw->ways->plain_tools &&
           cw->c->opts->search != SEARCH_AUTO;
}

static void put_member(struct chat_writer *cw, const char *key, jval v)
{
    if (json_is_nothing(v))
        return;
    json_key_str(&cw->w, str_c(key));
    json_put_text(&cw->w, json_text(v));
}

static void put_options(struct chat_writer *cw, const struct server_options *o)
{
    json_key(&cw->w, CHAT_SEARCH);
    json_begin_object(&cw->w);
    put_member(cw, "search_context_size", o->context);
    server_tool_put_location(&cw->w, o->location, cw->c->opts->search == SEARCH_OPTIONS);
    json_end(&cw->w);
}

static void add_domains(struct chat_writer *cw, jval list, str sign)
{
    struct json_iter it = json_iter(list);

    if (!json_is(list, JSON_ARRAY))
        return;
    while (json_next(&it)) {
        json_open_str(&cw->w);
        json_add_raw(&cw->w, sign);
        json_add_raw(&cw->w, json_raw(it.val));
        json_close_str(&cw->w);
    }
}

/* Perplexity: one list, in which a minus bars a domain. */
static void put_filter(struct chat_writer *cw, const struct server_options *o)
{
    put_options(cw, o);
    if (!json_has(o->allowed) && !json_has(o->blocked))
        return;
    json_key(&cw->w, "search_domain_filter");
    json_begin_array(&cw->w);
    add_domains(cw, o->allowed, STR(""));
    add_domains(cw, o->blocked, STR("-"));
    json_end(&cw->w);
}

/* OpenRouter: a tool among the others. */
static void put_search_tool(struct chat_writer *cw, const struct ir_tool *t)
{
    struct server_options o =
        server_tool_options(t, search_takes[SEARCH_TOOL], cw->arena, cw->lossy);
    struct json_writer *w = &cw->w;

    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "openrouter:web_search");
    json_key(w, "parameters");
    json_begin_object(w);
    put_member(cw, "max_uses", o.max_uses);
    put_member(cw, "search_context_size", o.context);
    put_member(cw, "allowed_domains", o.allowed);
    put_member(cw, "excluded_domains", o.blocked);
    server_tool_put_location(w, o.location, false);
    json_end(w);
    json_end(w);
}

/* Zhipu's: which engine is a question of money there, so its own usual one; the pages come with a
 * whole answer. https://docs.bigmodel.cn/cn/guide/tools/web-search */
static void put_glm_search(struct chat_writer *cw, const struct ir_tool *t)
{
    struct json_writer *w = &cw->w;

    (void)server_tool_options(t, search_takes[SEARCH_GLM], cw->arena, cw->lossy);
    json_put_text(w, STR("{\"type\":\"web_search\",\"web_search\":{\"enable\":true,"
                         "\"search_engine\":\"search_std\",\"search_result\":true}}"));
}

/* A search that is a member of the request, not one of its tools. */
static void put_search(struct chat_writer *cw, const struct ir_tool *t)
{
    enum dialect_search way = cw->c->opts->search;
    struct server_options o = server_tool_options(t, search_takes[way], cw->arena, cw->lossy);

    if (way == SEARCH_OPTIONS) {
        put_options(cw, &o);
    } else if (way == SEARCH_FILTER) {
        put_filter(cw, &o);
    } else {
        ASSERT(way == SEARCH_ENABLE);
        json_key(&cw->w, "enable_search");
        json_put_bool(&cw->w, true);
    }
}

/* ---- all of them --------------------------------------------------------------------------------
 */

/* Where tools are refused altogether a search may have brought the list here all the same. */
static bool is_function(const struct chat_writer *cw, const struct ir_tool *t)
{
    return t->kind != IR_TOOL_SERVER && !(cw->c->opts->refused & REFUSES(TOOLS));
}

/* A tool of a Chat client's for the server it believes to speak to. */
static bool is_ours(const struct chat_writer *cw, const struct ir_tool *t)
{
    return t->kind == IR_TOOL_SERVER && !cw->ways->plain_tools &&
           str_eq(cw->r->family, STR(CHAT_FAMILY)) && !str_eq(t->type, STR(CHAT_SEARCH));
}

static bool is_listed(const struct chat_writer *cw, const struct ir_tool *t)
{
    return is_function(cw, t) || is_ours(cw, t) ||
           (has_way(cw, t) &&
            (cw->c->opts->search == SEARCH_TOOL || cw->c->opts->search == SEARCH_GLM));
}

/* A Chat client that knows Zhipu says it in Zhipu's words, which hold more than we have options
 * for.
 */
static bool is_glms_own(const struct chat_writer *cw, const struct ir_tool *t)
{
    return cw->c->opts->search == SEARCH_GLM && is_ours(cw, t) &&
           str_eq(t->type, STR("web_search"));
}

static void put_tool(struct chat_writer *cw, const struct ir_tool *t)
{
    if (t->kind == IR_TOOL_FUNCTION)
        put_function(cw, t);
    else if (t->kind == IR_TOOL_CUSTOM)
        put_custom(cw, t);
    else if (!has_way(cw, t) || is_glms_own(cw, t))
        json_put_text(&cw->w, t->raw);
    else if (cw->c->opts->search == SEARCH_GLM)
        put_glm_search(cw, t);
    else
        put_search_tool(cw, t);
}

void chat_put_tools(struct chat_writer *cw)
{
    const struct ir_tool *t, *hosted = server_tool_chosen(cw->r);
    bool any = false, searches = false;

    for (t = cw->r->tools; t; t = t->next) {
        if (is_listed(cw, t)) {
            if (!any) {
                json_key(&cw->w, "tools");
                json_begin_array(&cw->w);
                any = true;
            }
            put_tool(cw, t);
        } else if (t->kind == IR_TOOL_SERVER && !has_way(cw, t)) {
            server_tool_lose(t, cw->arena, cw->lossy);
        }
    }
    if (any)
        json_end(&cw->w);
    for (t = cw->r->tools; t; t = t->next)
        if (has_way(cw, t) && !is_listed(cw, t) && !searches) { /* one is enough */
            put_search(cw, t);
            searches = true;
        }
    if (hosted)
        chat_lose(cw, STR("tool_choice")); /* only functions can be chosen here */
    else if (any)                          /* a choice without tools is refused */
        put_choice(cw, &cw->r->choice);
}

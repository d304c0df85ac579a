/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_tool.c - see the header.
 *
 * One reader for all vendors: their options have the same names, or stand one object deeper.
 * Reading leniently is safe here, for what nobody knows is named as lost.
 */
#include "dialect/server_tool.h"

#define TYPE_NAME "tools." STR_FMT

struct row {
    str family;
    enum ir_server what;
    str begins, type, name;
    unsigned takes;
};

#define SERVER_TOOL(family, what, begins, type, name, takes) \
    {STR(family), IR_SERVER_##what, STR(begins), STR(type), STR(name), takes},
static const struct row rows[] = {
#include "dialect/server_tool.def"
};
#undef SERVER_TOOL

enum ir_server server_tool_what(str family, jtext type)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].family, family) && str_has_prefix(type, rows[i].begins))
            return rows[i].what;
    return IR_SERVER_OTHER;
}

static const struct row *find(str family, enum ir_server what)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].what == what && rows[i].type.n && str_eq(rows[i].family, family))
            return &rows[i];
    return NULL;
}

bool server_tool_has(const struct ir_tool *t, str family, const struct dialect_opts *opts)
{
    return !(opts->refused & REFUSES(SERVER_TOOLS)) && find(family, t->server);
}

str server_tool_type(str family, enum ir_server what)
{
    const struct row *row = find(family, what);

    return row ? row->type : STR("");
}

str server_tool_name(str family, enum ir_server what)
{
    const struct row *row = find(family, what);

    return row ? row->name : STR("");
}

/* By name where the language has names (Anthropic), else by type. */
const struct ir_tool *server_tool_chosen(const struct ir_request *r)
{
    if (r->choice.kind != IR_CHOICE_NAMED)
        return NULL;
    for (const struct ir_tool *t = r->tools; t; t = t->next)
        if (t->kind == IR_TOOL_SERVER && str_eq(r->choice.name, t->name.n ? t->name : t->type))
            return t;
    return NULL;
}

/* ---- losses -------------------------------------------------------------------------------------
 */

void server_tool_lose(const struct ir_tool *t, struct arena *a, struct ir_lossy *lossy)
{
    str name = arena_strf(a, TYPE_NAME, STR_ARG(t->type));

    ir_lossy_add(lossy, name.p ? name : STR("tools"));
}

static void lose_member(const struct ir_tool *t, str member, struct arena *a,
                        struct ir_lossy *lossy)
{
    str name = arena_strf(a, TYPE_NAME "." STR_FMT, STR_ARG(t->type), STR_ARG(member));

    ir_lossy_add(lossy, name.p ? name : STR("tools"));
}

/* ---- reading ------------------------------------------------------------------------------------
 */

struct reading {
    const struct ir_tool *t;
    unsigned takes;
    struct arena *arena;
    struct ir_lossy *lossy;
    struct server_options o;
};

/* A container that the vendor is to make says nothing; one that holds files does. */
static bool is_plain_container(jval v)
{
    return json_is(v, JSON_OBJECT) && json_len(v) == 1 &&
           json_str_is(json_get_lit(v, "type"), STR("auto"));
}

static bool is_empty(jval v)
{
    return json_is_nothing(v) || (json_is(v, JSON_ARRAY) && json_len(v) == 0);
}

static jval place_of(jval v)
{
    jval inner = json_get_lit(v, "approximate"); /* Chat wraps it once more */

    return json_is(inner, JSON_OBJECT) ? inner : v;
}

/* Members that have a place in the options, where the target takes them. */
static const struct {
    str key;
    unsigned takes;
    size_t at; /* of a jval */
} places[] = {
    {STR("max_uses"), TAKES_MAX_USES, offsetof(struct server_options, max_uses)},
    {STR("allowed_domains"), TAKES_ALLOWED, offsetof(struct server_options, allowed)},
    {STR("blocked_domains"), TAKES_BLOCKED, offsetof(struct server_options, blocked)},
    {STR("excluded_domains"), TAKES_BLOCKED, offsetof(struct server_options, blocked)},
    {STR("user_location"), TAKES_LOCATION, offsetof(struct server_options, location)},
    {STR("search_context_size"), TAKES_CONTEXT, offsetof(struct server_options, context)},
};

/* A member that goes without saying: what the tool is, or what is so everywhere. */
static bool says_nothing(str key, jval v)
{
    if (str_eq(key, STR("search_context_size")))
        return json_str_is(v, STR("medium"));
    if (str_eq(key, STR("external_web_access")))
        return json_is(v, JSON_TRUE);
    if (str_eq(key, STR("container")))
        return is_plain_container(v);
    return str_eq(key, STR("type")) || str_eq(key, STR("name")) ||
           str_eq(key, STR("cache_control"));
}

/* False: nobody else has it. */
static bool read_member(struct reading *r, str key, jval v)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if ((places[i].takes & r->takes) && str_eq(places[i].key, key)) {
            *(jval *)((char *)&r->o + places[i].at) = place_of(v);
            return true;
        }
    return says_nothing(key, v);
}

static void read_members(struct reading *r, jval object, bool outer)
{
    struct json_iter it = json_iter(object);

    if (!json_is(object, JSON_OBJECT))
        return;
    while (json_next(&it)) {
        str key = json_raw(it.key);

        if (is_empty(it.val))
            continue;
        if (outer && (str_eq(key, STR("filters")) || str_eq(key, STR("parameters"))))
            read_members(r, it.val, false);
        else if (!read_member(r, key, it.val))
            lose_member(r->t, key, r->arena, r->lossy);
    }
}

struct server_options server_tool_options(const struct ir_tool *t, unsigned takes, struct arena *a,
                                          struct ir_lossy *lossy)
{
    struct reading r = {.t = t, .takes = takes, .arena = a, .lossy = lossy};
    struct json_doc *doc = arena_new(a, struct json_doc); /* the options point into it */

    ASSERT(t->kind == IR_TOOL_SERVER);
    if (doc && json_parse(a, t->raw, doc, NULL) == RC_OK)
        read_members(&r, json_root(doc), true);
    if ((takes & TAKES_ONE_LIST) && json_has(r.o.allowed) && json_has(r.o.blocked)) {
        lose_member(t, STR("blocked_domains"), a, lossy); /* what is allowed says more */
        r.o.blocked = JVAL_NONE;
    }
    return r.o;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void put_member(struct json_writer *w, const char *key, jval v)
{
    if (json_is_nothing(v))
        return;
    json_key_str(w, str_c(key));
    json_put_text(w, json_text(v));
}

static void put_text(struct json_writer *w, const char *key, jtext text)
{
    if (!text.n)
        return;
    json_key_str(w, str_c(key));
    json_put_raw_str(w, text);
}

void server_tool_put_location(struct json_writer *w, jval location, bool inner)
{
    static const char *const parts[] = {"city", "region", "country", "timezone"};

    if (!json_is(location, JSON_OBJECT))
        return;
    json_key(w, "user_location");
    json_begin_object(w);
    put_text(w, "type", STR("approximate"));
    if (inner) {
        json_key(w, "approximate");
        json_begin_object(w);
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        put_text(w, parts[i], json_raw(json_get(location, str_c(parts[i]))));
    if (inner)
        json_end(w);
    json_end(w);
}

static void put_anthropic(struct json_writer *w, const struct row *row,
                          const struct server_options *o)
{
    json_begin_object(w);
    put_text(w, "type", row->type);
    put_text(w, "name", row->name);
    put_member(w, "max_uses", o->max_uses);
    put_member(w, "allowed_domains", o->allowed);
    put_member(w, "blocked_domains", o->blocked);
    server_tool_put_location(w, o->location, false);
    json_end(w);
}

static void put_responses(struct json_writer *w, const struct row *row,
                          const struct server_options *o)
{
    json_begin_object(w);
    put_text(w, "type", row->type);
    if (json_has(o->allowed) || json_has(o->blocked)) {
        json_key(w, "filters");
        json_begin_object(w);
        put_member(w, "allowed_domains", o->allowed);
        put_member(w, "blocked_domains", o->blocked);
        json_end(w);
    }
    server_tool_put_location(w, o->location, false);
    put_member(w, "search_context_size", o->context);
    if (row->what == IR_SERVER_CODE) {
        json_key(w, "container");
        json_put_text(w, STR("{\"type\":\"auto\"}"));
    }
    json_end(w);
}

/* {"googleSearch":{}}: the type is the member's name, and there are no options. */
static void put_gemini(struct json_writer *w, const struct row *row, const struct server_options *o)
{
    (void)o;
    json_begin_object(w);
    json_key_str(w, row->type);
    json_begin_object(w);
    json_end(w);
    json_end(w);
}

static const struct {
    str family;
    void (*put)(struct json_writer *w, const struct row *row, const struct server_options *o);
} writers[] = {
    {STR("anthropic"), put_anthropic},
    {STR("openai-responses"), put_responses},
    {STR("gemini"), put_gemini},
};

bool server_tool_put(struct json_writer *w, const struct ir_tool *t, str family, struct arena *a,
                     struct ir_lossy *lossy)
{
    const struct row *row = find(family, t->server);
    struct server_options o;

    for (size_t i = 0; row && i < ARRAY_LEN(writers); i++)
        if (str_eq(writers[i].family, family)) {
            o = server_tool_options(t, row->takes, a, lossy);
            writers[i].put(w, row, &o);
            return true;
        }
    return false;
}

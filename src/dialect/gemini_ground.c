/* SPDX-License-Identifier: Apache-2.0 */
/* gemini_ground.c - see the header. */
#include "dialect/gemini_ground.h"

#include "base/num.h"
#include "dialect/citation.h"
#include "dialect/server_block.h"

#define TEXT_MAX (256u << 10) /* of each of the three */

static struct grounding *need(struct grounding **g, struct arena *a)
{
    if (!*g)
        *g = arena_new(a, struct grounding);
    return *g;
}

static void add(struct gather *to, struct arena *a, const str *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gather_add(to, a, TEXT_MAX, pieces[i]);
}

/* ---- pages */

/* The page's place among the chunks; GROUND_SOURCES: there is no room for another. */
static unsigned page(struct grounding *g, struct arena *a, jtext url, jtext title)
{
    const str chunk[] = {g->n ? STR(",{\"web\":{\"uri\":\"") : STR("{\"web\":{\"uri\":\""), url,
                         STR("\",\"title\":\""), title, STR("\"}}")};
    for (unsigned i = 0; i < g->n; i++)
        if (str_eq(g->urls[i], url))
            return i;
    str own = g->n < GROUND_SOURCES ? arena_dup(a, url) : STR_NONE;
    if (!own.p)
        return GROUND_SOURCES;
    add(&g->chunks, a, chunk, ARRAY_LEN(chunk));
    g->urls[g->n] = own;
    return g->n++;
}

void ground_cite(struct grounding **to, struct arena *a, str citation)
{
    jtext url, title;
    struct grounding *g = citation_url(citation, &url, &title) ? need(to, a) : NULL;
    unsigned at = g ? page(g, a, url, title) : GROUND_SOURCES;
    if (at == GROUND_SOURCES)
        return;
    g->cited[at] = g->any_cited = true;
}

static void add_number(struct gather *to, struct arena *a, uint64_t v)
{
    char room[24];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_add_u64(&b, v);
    gather_add(to, a, TEXT_MAX, buf_str(&b));
}

void ground_support(struct grounding *g, struct arena *a, uint64_t from, uint64_t to)
{
    bool any = false;
    if (!g || !g->any_cited)
        return;
    g->any_cited = false;
    if (from == to) { /* it rests under no words that are known: the page alone is told */
        memset(g->cited, 0, sizeof g->cited);
        return;
    }
    struct gather *s = &g->supports;
    gather_add(s, a, TEXT_MAX,
               s->n ? STR(",{\"segment\":{\"startIndex\":") : STR("{\"segment\":{\"startIndex\":"));
    add_number(s, a, from);
    gather_add(s, a, TEXT_MAX, STR(",\"endIndex\":"));
    add_number(s, a, to);
    gather_add(s, a, TEXT_MAX, STR("},\"groundingChunkIndices\":["));
    for (unsigned i = 0; i < g->n; i++) {
        if (!g->cited[i])
            continue;
        if (any)
            gather_add(s, a, TEXT_MAX, STR(","));
        add_number(s, a, i);
        any = true;
        g->cited[i] = false;
    }
    gather_add(s, a, TEXT_MAX, STR("]}"));
}

/* ---- searches */

static jval parsed(struct arena *a, str json)
{
    struct json_doc *doc = arena_new(a, struct json_doc);
    return doc && json.n && json_parse(a, json, doc, NULL) == RC_OK ? json_root(doc) : JVAL_NONE;
}

static void take_query(struct grounding **to, struct arena *a, jval use, jtext input)
{
    jval in = input.n ? parsed(a, ir_unescape(a, input)) : json_get_lit(use, "input");
    jtext query = json_raw(json_get_lit(in, "query"));
    struct grounding *g = query.n ? need(to, a) : NULL;
    if (!g)
        return;
    const str pieces[] = {g->queries.n ? STR(",\"") : STR("\""), query, STR("\"")};
    add(&g->queries, a, pieces, ARRAY_LEN(pieces));
}

void ground_search(struct grounding **to, struct arena *a, str raw, jtext input)
{
    jval block = parsed(a, raw);
    if (json_str_is(json_get_lit(block, "type"), STR("server_tool_use"))) {
        if (server_block_what(json_raw(json_get_lit(block, "name"))) == IR_SERVER_SEARCH)
            take_query(to, a, block, input);
        return;
    }
    if (!json_str_is(json_get_lit(block, "type"), STR("web_search_tool_result")))
        return;
    for (struct json_iter it = json_iter(json_get_lit(block, "content")); json_next(&it);) {
        jtext url = json_raw(json_get_lit(it.val, "url"));
        struct grounding *g = url.n ? need(to, a) : NULL;
        if (g)
            (void)page(g, a, url, json_raw(json_get_lit(it.val, "title")));
    }
}

/* ---- the whole */

static void put_list(struct buf *out, bool *any, str name, const struct gather *list)
{
    if (!list->n || list->failed)
        return;
    buf_add(out, *any ? STR(",\"") : STR("{\""));
    buf_add(out, name);
    buf_lit(out, "\":[");
    buf_add(out, gather_str(list));
    buf_add_char(out, ']');
    *any = true;
}

void ground_write(const struct grounding *g, struct buf *out)
{
    bool any = false;
    if (!g)
        return;
    put_list(out, &any, STR("webSearchQueries"), &g->queries);
    put_list(out, &any, STR("groundingChunks"), &g->chunks);
    put_list(out, &any, STR("groundingSupports"), &g->supports);
    buf_add(out, any ? STR("}") : STR("{}")); /* no memory for a word of it */
}

/* ---- bytes */

/* The escape at t.p[i]: how many bytes it stands for, and *ret_n of its own. Two surrogates are one
 * character of four bytes (RFC 8259 section 7). */
static uint64_t escape_bytes(jtext t, size_t i, size_t *ret_n)
{
    uint64_t c = 0;
    *ret_n = 2;
    if (i + 6 > t.n || t.p[i + 1] != 'u' || num_hex(str_of(t.p + i + 2, 4), &c) != RC_OK)
        return 1;
    *ret_n = 6;
    if (c >= 0xd800 && c < 0xdc00 && i + 12 <= t.n && t.p[i + 6] == '\\') {
        *ret_n = 12;
        return 4;
    }
    return c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
}

uint64_t ground_bytes(jtext t)
{
    uint64_t all = 0;
    for (size_t i = 0, n = 1; i < t.n; i += n, n = 1)
        all += t.p[i] == '\\' ? escape_bytes(t, i, &n) : 1;
    return all;
}

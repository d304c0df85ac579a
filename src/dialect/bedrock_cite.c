/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_cite.c - citations of Converse in the canonical form, which is Anthropic's, and back.
 *
 *     {"title","source","sourceContent":[{"text"}],"location":{"documentChar":{…}}}
 *
 * One row a kind of location: where its numbers stand there and here.
 */
#include "dialect/bedrock_int.h"

static const struct location {
    const char *name; /* Converse's */
    str type;         /* Anthropic's */
    const char *index;
    str index_as, title_as, start_as, end_as;
} locations[] = {
    {"documentChar", STR("char_location"), "documentIndex", STR("document_index"),
     STR("document_title"), STR("start_char_index"), STR("end_char_index")},
    {"documentPage", STR("page_location"), "documentIndex", STR("document_index"),
     STR("document_title"), STR("start_page_number"), STR("end_page_number")},
    {"documentChunk", STR("content_block_location"), "documentIndex", STR("document_index"),
     STR("document_title"), STR("start_block_index"), STR("end_block_index")},
    {"searchResultLocation", STR("search_result_location"), "searchResultIndex",
     STR("search_result_index"), STR("title"), STR("start_block_index"), STR("end_block_index")},
    {"web", STR("web_search_result_location"), NULL, STR_NONE, STR("title"), STR_NONE, STR_NONE},
};

static void add_key(struct buf *to, str key)
{
    buf_lit(to, ",\"");
    buf_add(to, key);
    buf_lit(to, "\":");
}

static void add_number(struct buf *to, str key, jval v)
{
    uint64_t n;

    if (!key.n || json_u64(v, &n) != RC_OK)
        return;
    add_key(to, key);
    buf_add_u64(to, n);
}

static void add_string(struct buf *to, str key, jtext text)
{
    add_key(to, key);
    buf_add_char(to, '"');
    buf_add(to, text);
    buf_add_char(to, '"');
}

static void add_cited(struct buf *to, jval pieces)
{
    struct json_iter it = json_iter(pieces);

    buf_lit(to, ",\"cited_text\":\"");
    while (json_next(&it))
        buf_add(to, json_raw(json_get_lit(it.val, "text")));
    buf_add_char(to, '"');
}

static void add_location(struct buf *to, const struct location *l, jval where, jval citation)
{
    jtext title = json_raw(json_get_lit(citation, "title"));

    buf_lit(to, "{\"type\":\"");
    buf_add(to, l->type);
    buf_add_char(to, '"');
    add_cited(to, json_get_lit(citation, "sourceContent"));
    if (l->index) {
        add_number(to, l->index_as, json_get(where, str_c(l->index)));
        add_number(to, l->start_as, json_get_lit(where, "start"));
        add_number(to, l->end_as, json_get_lit(where, "end"));
    } else {
        add_string(to, STR("url"), json_raw(json_get_lit(where, "url")));
        if (!title.n)
            title = json_raw(json_get_lit(where, "domain"));
    }
    if (str_eq(l->index_as, STR("search_result_index")))
        add_string(to, STR("source"), json_raw(json_get_lit(citation, "source")));
    add_string(to, l->title_as, title);
    buf_add_char(to, '}');
}

bool bedrock_read_citation(jval citation, struct buf *to)
{
    jval location = json_get_lit(citation, "location");

    for (size_t i = 0; i < ARRAY_LEN(locations); i++) {
        jval where = json_get(location, str_c(locations[i].name));

        if (!json_is(where, JSON_OBJECT))
            continue;
        add_location(to, &locations[i], where, citation);
        return true;
    }
    return false;
}

/* ---- and back ----------------------------------------------------------------------------------
 */

#define CITE_NODES 64 /* of one citation: a dozen members */

/* `"key":` of a member that is not the first, then the text as it stands. */
static void copy_member(struct buf *to, bool *any, const char *key, jval v)
{
    if (json_is_nothing(v))
        return;
    buf_add(to, *any ? STR(",\"") : STR("\""));
    buf_add(to, str_c(key));
    buf_lit(to, "\":");
    dialect_add_line(to, json_text(v));
    *any = true;
}

static void write_location(struct buf *to, const struct location *l, jval c)
{
    bool any = false;

    buf_lit(to, "\"location\":{\"");
    buf_add(to, str_c(l->name));
    buf_lit(to, "\":{");
    if (l->index) {
        copy_member(to, &any, l->index, json_get(c, l->index_as));
        copy_member(to, &any, "start", json_get(c, l->start_as));
        copy_member(to, &any, "end", json_get(c, l->end_as));
    } else {
        copy_member(to, &any, "url", json_get_lit(c, "url"));
    }
    buf_lit(to, "}}");
}

static void write_citation(struct buf *to, const struct location *l, jval c)
{
    jval cited = json_get_lit(c, "cited_text");
    bool any = false;

    buf_add_char(to, '{');
    copy_member(to, &any, "title", json_get(c, l->title_as));
    copy_member(to, &any, "source", json_get_lit(c, "source"));
    if (json_raw(cited).n) {
        buf_add(to,
                any ? STR(",\"sourceContent\":[{\"text\":") : STR("\"sourceContent\":[{\"text\":"));
        dialect_add_line(to, json_text(cited));
        buf_lit(to, "}]");
        any = true;
    }
    if (any)
        buf_add_char(to, ',');
    write_location(to, l, c);
    buf_add_char(to, '}');
}

bool bedrock_write_citation(str canonical, struct buf *to)
{
    struct json_node nodes[CITE_NODES];
    struct json_doc doc;
    jval c;

    if (json_parse_into(nodes, CITE_NODES, canonical, &doc, NULL) != RC_OK)
        return false;
    c = json_root(&doc);
    for (size_t i = 0; i < ARRAY_LEN(locations); i++)
        if (json_str_is(json_get_lit(c, "type"), locations[i].type)) {
            write_citation(to, &locations[i], c);
            return true;
        }
    return false;
}

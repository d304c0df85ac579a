/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere_cite.c - Cohere's citations in canonical form (ir/event.h: Anthropic's words).
 *
 *     {"start","end","text","sources":[{"type":"document","id","document":{…}}
 *                                      {"type":"tool","id","tool_output":{…}}]}
 *
 * A source with an address is a page of the web, one without is a search result with its id for a
 * source. What a document calls its own words is not fixed: text, snippet or content. The span in
 * the answer is where the citation stands in the stream, so it is not told again.
 */
#include "dialect/cohere_int.h"

/* The first of these members that is a text. */
static jtext member(jval o, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        jtext t = json_raw(json_get(o, str_c(names[i])));

        if (t.n)
            return t;
    }
    return STR_NONE;
}

static void add(struct buf *to, str key, jtext text)
{
    buf_lit(to, ",\"");
    buf_add(to, key);
    buf_lit(to, "\":\"");
    buf_add(to, text);
    buf_lit(to, "\"");
}

bool cohere_citation(jval source, jtext answer_text, struct buf *to)
{
    static const char *const words[] = {"text", "snippet", "content"};
    static const char *const titles[] = {"title", "name"};
    jval document = json_get_lit(source, "document"), output = json_get_lit(source, "tool_output");
    jval from = json_is(document, JSON_OBJECT) ? document : output;
    jtext id = json_raw(json_get_lit(source, "id")), url = json_raw(json_get_lit(from, "url"));
    jtext text = member(from, words, ARRAY_LEN(words));
    jtext title = member(from, titles, ARRAY_LEN(titles));

    if (!id.n && !url.n)
        return false;
    buf_clear(to);
    if (url.n) {
        buf_lit(to, "{\"type\":\"web_search_result_location\"");
        add(to, STR("url"), url);
        add(to, STR("encrypted_index"), STR(""));
    } else {
        buf_lit(to, "{\"type\":\"search_result_location\"");
        add(to, STR("source"), id);
        buf_lit(to, ",\"search_result_index\":0,\"start_block_index\":0,\"end_block_index\":1");
    }
    add(to, STR("title"), title.n ? title : id);
    add(to, STR("cited_text"), text.n ? text : answer_text);
    buf_lit(to, "}");
    return !to->failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_hosted.c - items of hosted tools, as blocks.
 *
 *     web_search_call        action search: a web_search with its query, and its result: the
 *                            sources, where they were asked for (addresses only, no titles)
 *                            action open_page, find_in_page: a web_fetch; what was on the page is
 *                            not told
 *     code_interpreter_call  a code_execution and what it printed
 *     image_generation_call  a picture
 *     others                 one block with the whole item; nobody else has a word for it
 *
 * What such a call did is told when it is done. It may run long, so its beginning is a ping.
 */
#include "dialect/media.h"
#include "dialect/responses_feed_int.h"
#include "dialect/server_block.h"

/* `input` are arguments as they travel: the body of a JSON string. */
static void put_block(struct responses_feeding *f, str type, jtext id, str name, str raw, str input)
{
    struct ir_event ev = responses_begin_block(f, IR_OPAQUE);

    ev.open.data = type;
    ev.open.id = id;
    ev.open.name = name;
    ev.open.raw = raw;
    ir_emit(f->sink, &ev);
    if (input.n)
        responses_delta(f, IR_D_ARGS, input);
    responses_close_block(f);
}

/* The use, and behind it in the same scratch its input, {"KEY":"TEXT"} escaped once more. */
static void put_use(struct responses_feeding *f, jtext id, str name, str key, jtext text)
{
    struct buf *b = &f->scratch->text;
    size_t at;

    buf_clear(b);
    server_block_use(b, id, name);
    at = buf_size(b);
    buf_lit(b, "{\\\"");
    buf_add(b, key);
    buf_lit(b, "\\\":\\\"");
    json_escape(b, text);
    buf_lit(b, "\\\"}");
    if (!b->failed)
        put_block(f, STR("server_tool_use"), id, name, str_head(buf_str(b), at),
                  str_from(buf_str(b), at));
}

static void put_result(struct responses_feeding *f, str type, jtext id)
{
    if (!f->scratch->text.failed)
        put_block(f, type, id, STR_NONE, buf_str(&f->scratch->text), STR_NONE);
}

static void put_sources(struct buf *b, jval sources)
{
    struct json_iter it = json_iter(sources);
    bool any = false;

    buf_add_char(b, '[');
    while (json_is(sources, JSON_ARRAY) && json_next(&it)) {
        jtext url = json_raw(json_get_lit(it.val, "url"));
        jtext title = json_raw(json_get_lit(it.val, "title"));

        if (!url.n)
            continue; /* a source of OpenAI's own ("oai-weather") has no address */
        buf_add(b, any ? STR(",{\"type\":\"web_search_result\",\"url\":\"")
                       : STR("{\"type\":\"web_search_result\",\"url\":\""));
        buf_add(b, url);
        buf_lit(b, "\",\"title\":\"");
        buf_add(b, title.n ? title : url);
        buf_lit(b, "\",\"encrypted_content\":\"\",\"page_age\":null}");
        any = true;
    }
    buf_add_char(b, ']');
}

static void end_search(struct responses_feeding *f, jval item, jtext id)
{
    jval action = json_get_lit(item, "action");
    jtext query = json_raw(json_get_lit(action, "query"));
    struct json_iter it = json_iter(json_get_lit(action, "queries"));
    struct buf *b = &f->scratch->text;

    if (!query.n && json_is(json_get_lit(action, "queries"), JSON_ARRAY) && json_next(&it))
        query = json_raw(it.val);
    f->st->searches++;
    put_use(f, id, STR("web_search"), STR("query"), query);
    buf_clear(b);
    server_block_begin_result(b, id, STR("web_search_tool_result"));
    put_sources(b, json_get_lit(action, "sources"));
    buf_add_char(b, '}');
    put_result(f, STR("web_search_tool_result"), id);
}

static void end_visit(struct responses_feeding *f, jtext url, jtext id)
{
    struct buf *b = &f->scratch->text;

    put_use(f, id, STR("web_fetch"), STR("url"), url);
    buf_clear(b);
    server_block_begin_result(b, id, STR("web_fetch_tool_result"));
    buf_lit(b, "{\"type\":\"web_fetch_result\",\"url\":\"");
    buf_add(b, url);
    buf_lit(b, "\",\"retrieved_at\":null,\"content\":{\"type\":\"document\",\"source\":{\"type\":"
               "\"text\",\"media_type\":\"text/plain\",\"data\":\"\"},\"title\":null}}}");
    put_result(f, STR("web_fetch_tool_result"), id);
}

static void end_code(struct responses_feeding *f, jval item, jtext id)
{
    jval outputs = json_get_lit(item, "outputs");
    struct json_iter it = json_iter(outputs);
    bool failed = json_str_is(json_get_lit(item, "status"), STR("failed"));
    struct buf *b = &f->scratch->text;

    put_use(f, id, STR("code_execution"), STR("code"), json_raw(json_get_lit(item, "code")));
    buf_clear(b);
    server_block_begin_result(b, id, STR("code_execution_tool_result"));
    buf_lit(b, "{\"type\":\"code_execution_result\",\"stdout\":\"");
    while (json_is(outputs, JSON_ARRAY) && json_next(&it))
        buf_add(b, json_raw(json_get_lit(it.val, "logs")));
    buf_lit(b, "\",\"stderr\":\"\",\"return_code\":");
    buf_add_char(b, failed ? '1' : '0');
    buf_lit(b, ",\"content\":[]}}");
    put_result(f, STR("code_execution_tool_result"), id);
}

static void end_image(struct responses_feeding *f, jval item)
{
    struct ir_media m = {.src = IR_MEDIA_BASE64, .data = json_raw(json_get_lit(item, "result"))};
    struct ir_event ev;

    if (!m.data.n)
        return;
    m.media_type = media_sniff(m.data);
    ev = responses_begin_block(f, IR_IMAGE);
    ev.open.media = &m;
    ir_emit(f->sink, &ev);
}

static bool is_translated(jtext type)
{
    return str_eq(type, STR("web_search_call")) || str_eq(type, STR("code_interpreter_call"));
}

void responses_open_hosted(struct responses_feeding *f, jval item, jtext type)
{
    struct ir_event ev = {.type = IR_EV_PING};

    if (is_translated(type)) {
        ir_emit(f->sink, &ev);
        return;
    }
    ev = responses_begin_block(f, IR_OPAQUE);
    ev.open.data = type;
    ev.open.id = json_raw(json_get_lit(item, "id"));
    ev.open.name = json_raw(json_get_lit(item, "name"));
    ev.open.raw = json_text(item);
    ev.open.family = STR(RESPONSES_FAMILY);
    ir_emit(f->sink, &ev);
    responses_close_block(f);
}

void responses_end_hosted(struct responses_feeding *f, jval item, jtext type)
{
    jtext id = json_raw(json_get_lit(item, "id"));
    jtext url = json_raw(json_path(item, "action", "url", NULL));

    if (str_eq(type, STR("image_generation_call")))
        end_image(f, item);
    else if (str_eq(type, STR("code_interpreter_call")))
        end_code(f, item, id);
    else if (str_eq(type, STR("web_search_call")) && url.n)
        end_visit(f, url, id);
    else if (str_eq(type, STR("web_search_call")))
        end_search(f, item, id);
}

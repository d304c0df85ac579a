/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_out_hosted.c - what a vendor's own tools did (dialect/server_block.h), as the items of
 * OpenAI's: web_search_call and code_interpreter_call.
 *
 *     server_tool_use           output_item.added, …_call.in_progress, …_call.searching
 *     its input, in pieces      gathered
 *     …_tool_result             …_call.completed, output_item.done
 *
 * A fetch is a search whose action opens a page. Sources and outputs are told to those who asked
 * for them with `include`, as OpenAI does. A use whose result never comes ends with what is known.
 */
#include "dialect/responses_out_int.h"
#include "dialect/server_block.h"

/* Does the client's `include` name it? */
static bool wants(const struct responses_stream *st, str what)
{
    jval list = json_get_lit(st->request, "include");
    struct json_iter it = json_iter(list);

    while (json_is(list, JSON_ARRAY) && json_next(&it))
        if (json_str_is(it.val, what))
            return true;
    return false;
}

static void say_step(struct responses_stream *st, str event, struct buf *out)
{
    responses_begin_event(st, event, out);
    responses_out_put_place(st, out);
    buf_lit(out, "}\n\n");
}

static void open_use(struct responses_stream *st, const struct ir_event *ev, struct buf *out)
{
    enum ir_server what = server_block_what(ev->open.name);
    ASSERT(st->item == ITEM_NONE);
    bool code = what == IR_SERVER_CODE;

    if (what == IR_SERVER_OTHER)
        return;
    responses_out_begin_item(st, ITEM_HOSTED, code ? STR("ci_") : STR("ws_"),
                             code ? STR("code_interpreter_call") : STR("web_search_call"));
    st->hosted = what;
    responses_out_say_added(st,
                            code ? STR("\",\"status\":\"in_progress\",\"code\":\"\","
                                       "\"container_id\":\"\",\"outputs\":null}")
                                 : STR("\",\"status\":\"in_progress\"}"),
                            out);
    if (code) {
        say_step(st, RESPONSES_EVENT("response.code_interpreter_call.in_progress"), out);
    } else {
        say_step(st, RESPONSES_EVENT("response.web_search_call.in_progress"), out);
        say_step(st, RESPONSES_EVENT("response.web_search_call.searching"), out);
    }
    responses_out_gather(st, &st->probs, ev->open.raw); /* its input may be there already */
}

void responses_out_open_hosted(struct responses_stream *st, const struct ir_event *ev,
                               struct buf *out)
{
    bool result = str_has_suffix(ev->open.data, STR("_tool_result"));

    if (!ev->open.raw.n || ev->open.family.n)
        return; /* another vendor's block, in its own words */
    st->result = result ? ev->open.raw : STR_NONE;
    responses_close_item(st, STR("completed"), out);
    st->result = STR_NONE;
    if (str_eq(ev->open.data, STR("server_tool_use")))
        open_use(st, ev, out);
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static jval parsed(struct responses_stream *st, str json)
{
    struct json_doc *doc = arena_new(st->arena, struct json_doc);

    return doc && json.n && json_parse(st->arena, json, doc, NULL) == RC_OK ? json_root(doc)
                                                                            : JVAL_NONE;
}

static jval input_of(struct responses_stream *st)
{
    if (st->notes.n)
        return parsed(st, ir_unescape(st->arena, responses_out_text(&st->notes)));
    return json_get_lit(parsed(st, responses_out_text(&st->probs)), "input");
}

static void add_sources(struct responses_stream *st, jval list)
{
    struct json_iter it = json_iter(list);
    bool any = false;

    responses_out_add(st, STR(",\"sources\":["));
    while (json_is(list, JSON_ARRAY) && json_next(&it)) {
        responses_out_add(st, any ? STR(",{\"type\":\"url\",\"url\":\"")
                                  : STR("{\"type\":\"url\",\"url\":\""));
        responses_out_add(st, json_raw(json_get_lit(it.val, "url")));
        responses_out_add(st, STR("\"}"));
        any = true;
    }
    responses_out_add(st, STR("]"));
}

static void add_action(struct responses_stream *st, jval input, jval content)
{
    jtext query = json_raw(json_get_lit(input, "query"));

    if (st->hosted == IR_SERVER_FETCH) {
        responses_out_add(st, STR(",\"action\":{\"type\":\"open_page\",\"url\":\""));
        responses_out_add(st, json_raw(json_get_lit(input, "url")));
        responses_out_add(st, STR("\"}"));
        return;
    }
    responses_out_add(st, STR(",\"action\":{\"type\":\"search\",\"query\":\""));
    responses_out_add(st, query);
    responses_out_add(st, STR("\",\"queries\":[\""));
    responses_out_add(st, query);
    responses_out_add(st, STR("\"]"));
    if (wants(st, STR("web_search_call.action.sources")))
        add_sources(st, content);
    responses_out_add(st, STR("}"));
}

static void add_code(struct responses_stream *st, jtext code, jval content)
{
    responses_out_add(st, STR(",\"code\":\""));
    responses_out_add(st, code);
    responses_out_add(st, STR("\",\"container_id\":\"\",\"outputs\":"));
    if (!wants(st, STR("code_interpreter_call.outputs"))) {
        responses_out_add(st, STR("null"));
        return;
    }
    responses_out_add(st, STR("[{\"type\":\"logs\",\"logs\":\""));
    responses_out_add(st, json_raw(json_get_lit(content, "stdout")));
    responses_out_add(st, json_raw(json_get_lit(content, "stderr")));
    responses_out_add(st, STR("\"}]"));
}

static void say_code(struct responses_stream *st, jtext code, struct buf *out)
{
    responses_begin_event(st, RESPONSES_EVENT("response.code_interpreter_call_code.delta"), out);
    responses_out_put_place(st, out);
    responses_out_put_member(STR(",\"delta\":\""), code, out);
    buf_lit(out, "}\n\n");
    responses_begin_event(st, RESPONSES_EVENT("response.code_interpreter_call_code.done"), out);
    responses_out_put_place(st, out);
    responses_out_put_member(STR(",\"code\":\""), code, out);
    buf_lit(out, "}\n\n");
    say_step(st, RESPONSES_EVENT("response.code_interpreter_call.interpreting"), out);
    say_step(st, RESPONSES_EVENT("response.code_interpreter_call.completed"), out);
}

void responses_out_close_hosted(struct responses_stream *st, str status, struct buf *out)
{
    jval input = input_of(st), content = json_get_lit(parsed(st, st->result), "content");
    jval code = json_get_lit(input, "code");

    ASSERT(st->item == ITEM_HOSTED && st->hosted != IR_SERVER_OTHER);
    if (!json_is(code, JSON_STRING))
        code = json_get_lit(input, "command"); /* Claude's shell */
    responses_out_add(st, STR("\",\"status\":\""));
    responses_out_add(st, status);
    responses_out_add(st, STR("\""));
    if (st->hosted == IR_SERVER_CODE) {
        say_code(st, json_raw(code), out);
        add_code(st, json_raw(code), content);
    } else {
        say_step(st, RESPONSES_EVENT("response.web_search_call.completed"), out);
        add_action(st, input, content);
    }
    responses_out_add(st, STR("}"));
    st->failed |= arena_is_full(st->arena);
}

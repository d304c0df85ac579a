/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic.c - the Anthropic Messages dialect: its table, paths, headers, errors and splicing.
 * docs/dialects/anthropic.md maps the fields and names the losses.
 */
#include "dialect/anthropic_int.h"
#include "dialect/provider_error.h"
#include "dialect/server_block.h"
#include "dialect/splice.h"

#define ENDPOINT "/v1/messages"
#define VERSION  "2023-06-01" /* the one that takes temperature, and whose answers we know */

/* ---- front --------------------------------------------------------------------------------------
 */

static bool route(str path, str query, struct front_route *ret)
{
    (void)query;
    if (str_eq(path, STR(ENDPOINT)))
        *ret = (struct front_route){.op = FRONT_CHAT};
    else if (str_eq(path, STR(ENDPOINT "/count_tokens")))
        *ret = (struct front_route){.op = FRONT_COUNT};
    else
        return false;
    return true;
}

static void put_error(const struct fail *f, str request_id, struct buf *out)
{
    buf_lit(out, "{\"type\":\"error\",\"error\":{\"type\":\"");
    buf_add(out, err_row(f->kind)->anthropic_type);
    buf_lit(out, "\",\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\"},\"request_id\":");
    if (request_id.n) {
        buf_add_char(out, '"');
        json_escape(out, request_id);
        buf_lit(out, "\"}");
    } else {
        buf_lit(out, "null}");
    }
}

static void encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body)
{
    dialect_error_head(f, err_row(f->kind)->anthropic_status, ret);
    put_error(f, request_id, body);
}

void anthropic_encode_stream_error(const struct fail *f, str request_id, struct buf *out)
{
    buf_lit(out, "event: error\ndata: "); /* SDKs look at the name; and no message_stop */
    put_error(f, request_id, out);
    buf_lit(out, "\n\n");
}

static void encode_count(uint64_t tokens, struct buf *body)
{
    buf_lit(body, "{\"input_tokens\":");
    buf_add_u64(body, tokens);
    buf_add_char(body, '}');
}

static const struct dialect_front front = {
    .route = route,
    .peek = anthropic_peek,
    .decode_request = anthropic_decode_request,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .stream_size = ANTHROPIC_STREAM_SIZE,
    .stream_init = anthropic_stream_init,
    .encode_event = anthropic_encode_event,
    .ping = STR("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
    .encode_body = anthropic_encode_body,
    .encode_error = encode_error,
    .encode_stream_error = anthropic_encode_stream_error,
    .encode_count = encode_count,
    .id_header = STR("request-id"),
};

/* ---- back ---------------------------------------------------------------------------------------
 */

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    buf_add(to, base_path);
    if (c->opts->path.n) {
        if (!str_has_suffix(base_path, c->opts->path))
            buf_add(to, c->opts->path);
    } else if (str_has_suffix(base_path, STR("/v1"))) {
        buf_lit(to, "/messages");
    } else if (!str_has_suffix(base_path, STR("/messages"))) {
        buf_lit(to, ENDPOINT);
    }
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    str version = c->opts->api_version.n ? c->opts->api_version : STR(VERSION);

    if (c->client_version.n)
        version = c->client_version;
    dialect_put_auth(c, AUTH_X_API_KEY, fn, ctx);
    fn(ctx, STR("anthropic-version"), version);
    if (c->client_beta.n)
        fn(ctx, STR("anthropic-beta"), c->client_beta);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static bool is_made(void *ctx, jval key, jval block)
{
    (void)ctx;
    (void)key;
    return server_block_is_made(block);
}

/* Blocks that tell of another vendor's search are ours: their seals are empty, and Anthropic
 * refuses them. A turn that holds nothing else keeps a word, for it may not be empty. */
static void cut_made(struct splice *s, jval messages, struct ir_lossy *lossy)
{
    struct json_iter turn = json_iter(messages);

    while (json_is(messages, JSON_ARRAY) && json_next(&turn)) {
        jval content = json_get_lit(turn.val, "content");
        struct json_iter it = json_iter(content);
        uint32_t made = 0, all = 0;

        for (; json_is(content, JSON_ARRAY) && json_next(&it); all++)
            made += server_block_is_made(it.val);
        if (!made || made + 1 > splice_room(s))
            continue;
        if (lossy)
            ir_lossy_add(lossy, STR("server_tool_use"));
        if (made == all)
            splice_replace(s, content, STR("\"(The assistant searched the web.)\""));
        else
            splice_cut(s, content, is_made, NULL);
    }
}

static enum rc splice_request(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out)
{
    str model = splice_quote(a, c->model);
    struct splice s;

    if (!model.p)
        return RC_NOMEM;
    splice_init(&s, root);
    splice_replace(&s, json_get_lit(root, "model"), model);
    cut_made(&s, json_get_lit(root, "messages"), c->lossy);
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = anthropic_encode_request,
    .splice_request = splice_request,
    .decode_body = anthropic_decode_body,
    .decoder_size = ANTHROPIC_DECODER_SIZE,
    .decoder_init = anthropic_decoder_init,
    .feed = anthropic_feed,
    .end = anthropic_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_anthropic = {
    .name = STR("anthropic"),
    .family = STR(ANTHROPIC_FAMILY),
    .front = &front,
    .back = &back,
};

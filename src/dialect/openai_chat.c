/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat.c - the Chat Completions dialect: its table, paths, headers and errors.
 * docs/dialects/openai-chat.md maps the fields and names the losses.
 */
#include "base/num.h"
#include "dialect/openai_chat_int.h"
#include "dialect/provider_error.h"

#define ENDPOINT "/chat/completions"

/* ---- front --------------------------------------------------------------------------------------
 */

/* Also as Azure's clients ask: there the deployment in the path counts, not the body's model. */
static bool route(str path, str query, struct front_route *ret)
{
    static const str plain[] = {STR("/v1" ENDPOINT), STR(ENDPOINT), STR("/openai/v1" ENDPOINT)};
    static const str deployments = STR("/openai/deployments/");
    str name = str_from(path, deployments.n);

    (void)query;
    *ret = (struct front_route){.op = FRONT_CHAT};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (str_eq(path, plain[i]))
            return true;
    if (!str_has_prefix(path, deployments) || !str_has_suffix(name, STR(ENDPOINT)))
        return false;
    ret->model = str_head(name, name.n - STR(ENDPOINT).n);
    return ret->model.n && str_find_char(ret->model, '/') == SIZE_MAX;
}

void chat_put_error(const struct fail *f, struct buf *out)
{
    buf_lit(out, "{\"error\":{\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\",\"type\":\"");
    buf_add(out, err_row(f->kind)->openai_type);
    buf_lit(out, "\",\"param\":");
    if (f->param.n) {
        buf_add_char(out, '"');
        json_escape(out, f->param);
        buf_add_char(out, '"');
    } else {
        buf_lit(out, "null");
    }
    buf_lit(out, ",\"code\":\"");
    json_escape(out, fail_code(f));
    buf_lit(out, "\"}}");
}

static void encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body)
{
    (void)request_id; /* OpenAI has it in a header only */
    dialect_error_head(f, err_row(f->kind)->openai_status, ret);
    chat_put_error(f, body);
}

void chat_encode_stream_error(const struct fail *f, str request_id, struct buf *out)
{
    (void)request_id;
    buf_lit(out, "data: ");
    chat_put_error(f, out);
    buf_lit(out, "\n\n"); /* and no [DONE]: the stream is not whole */
}

static const struct dialect_front front = {
    .route = route,
    .peek = chat_peek,
    .decode_request = chat_decode_request,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .stream_size = CHAT_STREAM_SIZE,
    .stream_init = chat_stream_init,
    .encode_event = chat_encode_event,
    .ping = STR(": ping\n\n"),
    .encode_body = chat_encode_body,
    .encode_error = encode_error,
    .encode_stream_error = chat_encode_stream_error,
    .id_header = STR("x-request-id"),
};

/* ---- back ---------------------------------------------------------------------------------------
 */

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    str end = c->opts->path.n ? c->opts->path : STR(ENDPOINT);

    buf_add(to, base_path);
    if (!str_has_suffix(base_path, end))
        buf_add(to, end);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_BEARER, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = chat_encode_request,
    .splice_request = chat_splice_request,
    .wants_bytes = chat_wants_bytes,
    .splice_cuts = true,
    .decode_body = chat_decode_body,
    .decoder_size = CHAT_DECODER_SIZE,
    .decoder_init = chat_decoder_init,
    .feed = chat_feed,
    .end = chat_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_openai_chat = {
    .name = STR("openai"),
    .family = STR(CHAT_FAMILY),
    .front = &front,
    .back = &back,
};

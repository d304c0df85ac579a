/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini.c - the Gemini dialect (generateContent): its tables, headers and splicing.
 * docs/dialects/gemini.md maps the fields and names the losses.
 *
 * A stream comes in two forms, by the query: server-sent events, or one JSON array arriving
 * piecemeal. The second is a front of its own, which shares all but the framing; so who relays an
 * answer need not know that there are two.
 */
#include "dialect/gemini_int.h"
#include "dialect/splice.h"

#define VERSION "/v1beta"

/* ---- fronts -------------------------------------------------------------------------------------
 */

static void encode_count(uint64_t tokens, struct buf *body)
{
    buf_lit(body, "{\"totalTokens\":");
    buf_add_u64(body, tokens);
    buf_add_char(body, '}');
}

static const struct dialect_front front = {
    .route = gemini_route,
    .peek = gemini_peek,
    .decode_request = gemini_decode_request,
    .stream_type = STR("text/event-stream"),
    .stream_size = GEMINI_STREAM_SIZE,
    .stream_init = gemini_stream_init,
    .encode_event = gemini_encode_event,
    .ping = STR(GEMINI_PING),
    .encode_body = gemini_encode_body,
    .encode_error = gemini_encode_error,
    .encode_stream_error = gemini_encode_stream_error,
    .encode_count = encode_count,
    .id_header = STR("x-request-id"),
};

static const struct dialect_front array_front = {
    .route = gemini_route_array,
    .peek = gemini_peek,
    .decode_request = gemini_decode_request,
    .stream_type = STR("application/json; charset=UTF-8"),
    .stream_size = GEMINI_STREAM_SIZE,
    .stream_init = gemini_stream_init_array,
    .encode_event = gemini_encode_event,
    .encode_raw = gemini_encode_raw,
    .ping = STR(GEMINI_PING),
    .encode_body = gemini_encode_body,
    .encode_error = gemini_encode_error,
    .encode_stream_error = gemini_encode_array_error,
    .encode_count = encode_count,
    .id_header = STR("x-request-id"),
};

/* ---- back ---------------------------------------------------------------------------------------
 */

/* The version belongs to the base ("…/v1beta"); one without any path is meant to have the usual. */
static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    gemini_put_path(c, base_path.n ? base_path : STR(VERSION), to);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_GOOG, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

/* The model is in the path; where a body names it too, it must be the same. */
enum rc gemini_splice_request(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out)
{
    jval model = json_get_lit(root, "model");
    struct splice s;
    str name;

    splice_init(&s, root);
    if (json_is(model, JSON_STRING)) {
        name =
            arena_strf(a, "%s" STR_FMT, str_has_prefix(c->model, STR("models/")) ? "" : "models/",
                       STR_ARG(c->model));
        name = name.p ? splice_quote(a, name) : name;
        if (!name.p)
            return RC_NOMEM;
        splice_replace(&s, model, name);
    }
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = gemini_encode_request,
    .splice_request = gemini_splice_request,
    .wants_bytes = gemini_wants_bytes,
    .decode_body = gemini_decode_body,
    .decoder_size = GEMINI_DECODER_SIZE,
    .decoder_init = gemini_decoder_init,
    .feed = gemini_feed,
    .end = gemini_end,
    .decode_error = gemini_decode_error,
};

const struct dialect dialect_gemini = {
    .name = STR("gemini"),
    .family = STR(GEMINI_FAMILY),
    .front = &front,
    .back = &back,
};

const struct dialect dialect_gemini_array = {
    .name = STR("gemini-array"),
    .family = STR(GEMINI_FAMILY),
    .front = &array_front,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere.c - Cohere's v2 chat: its table, paths and headers. https://docs.cohere.com/reference/chat
 * docs/dialects/cohere.md maps the fields and names the losses.
 */
#include "dialect/cohere_int.h"

#define ENDPOINT "/v2/chat"

static void request_path(const struct back_call *c, str base, struct buf *to)
{
    (void)c;
    buf_add(to, base);
    if (str_has_suffix(base, STR(ENDPOINT)))
        return;
    buf_add(to, str_has_suffix(base, STR("/v2")) ? STR("/chat") : STR(ENDPOINT));
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
    .encode_request = cohere_encode_request,
    .decode_body = cohere_decode_body,
    .decoder_size = COHERE_DECODER_SIZE,
    .decoder_init = cohere_decoder_init,
    .feed = cohere_feed,
    .end = cohere_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_cohere = {
    .name = STR("cohere"),
    .family = STR("cohere"),
    .back = &back,
};

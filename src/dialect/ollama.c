/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ollama.c - Ollama's own API, /api/chat: its table, paths and headers.
 *
 * Why not its OpenAI-compatible endpoint: that one knows no num_ctx, no keep_alive and no switch
 * for thinking, and some of its versions lose calls from streams. https://docs.ollama.com/api/chat
 * docs/dialects/ollama.md maps the fields and names the losses.
 */
#include "dialect/ollama_int.h"

#define ENDPOINT "/api/chat"

static void request_path(const struct back_call *c, str base, struct buf *to)
{
    (void)c;
    buf_add(to, base);
    if (!str_has_suffix(base, STR(ENDPOINT)))
        buf_lit(to, ENDPOINT);
}

/* A server of one's own wants no key; Ollama's cloud does. */
static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_BEARER, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("application/x-ndjson") : STR("application/json"));
}

static const struct dialect_back back = {
    .framing = FRAME_LINES,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = ollama_encode_request,
    .wants_bytes = ollama_wants_bytes,
    .decode_body = ollama_decode_body,
    .decoder_size = OLLAMA_DECODER_SIZE,
    .decoder_init = ollama_decoder_init,
    .feed = ollama_feed,
    .end = ollama_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_ollama = {
    .name = STR("ollama"),
    .family = STR("ollama"),
    .back = &back,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vertex.c - Google's models on Vertex AI: the Gemini language at another address.
 *
 *     …-aiplatform.googleapis.com/v1/projects/P/locations/L/publishers/google/models/M:generateContent
 *
 * The base may be given with or without its publisher; without a project it is the "express" door,
 * which takes an API key. Elsewhere the key is a token, sent as bearer. Bodies, streams and errors
 * are Gemini's (one family, so a Gemini client's bytes pass); chunks have a createTime besides, and
 * arguments may come in pieces.
 */
#include "dialect/gemini_int.h"

#define EXPRESS "/v1"

/* `to` gets the base with its publisher. */
static void put_base(str base, str publisher, struct buf *to)
{
    buf_add(to, base.n ? base : STR(EXPRESS));
    if (str_find(base, STR("/publishers/")) == SIZE_MAX) {
        buf_lit(to, "/publishers/");
        buf_add(to, publisher);
    }
}

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    put_base(base_path, STR("google"), to);
    gemini_put_path(c, STR(""), to);
}

/* Keys of Google's own begin with "AIza"; all else is an access token. */
static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, str_has_prefix(c->key, STR("AIza")) ? AUTH_GOOG : AUTH_BEARER, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = gemini_encode_request,
    .splice_request = gemini_splice_request,
    .decode_body = gemini_decode_body,
    .decoder_size = GEMINI_DECODER_SIZE,
    .decoder_init = gemini_decoder_init,
    .feed = gemini_feed,
    .end = gemini_end,
    .decode_error = gemini_decode_error,
};

const struct dialect dialect_vertex = {
    .name = STR("vertex"),
    .family = STR(GEMINI_FAMILY),
    .back = &back,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vertex.c - models on Vertex AI: Google's in the Gemini language, Claude in its own.
 *
 *     …/v1/projects/P/locations/L/publishers/google/models/M:generateContent
 *     …/v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict
 *
 * The base may be given with or without its publisher; without a project it is the "express" door,
 * which takes an API key. Elsewhere the key is a token, sent as bearer.
 *
 * Bodies, streams and errors of Google's models are Gemini's (one family, so a Gemini client's
 * bytes pass); chunks have a createTime besides, and arguments may come in pieces. Claude's body is
 * that of Messages without its model, and with a version in it; whether to stream is said by the
 * method and in the body. Its family is Anthropic's.
 * https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude
 */
#include "dialect/anthropic_int.h"
#include "dialect/gemini_int.h"
#include "dialect/splice.h"
#include "http/url.h"

#define EXPRESS "/v1"
#define VERSION "vertex-2023-10-16" /* the only one there is */

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
    .wants_bytes = gemini_wants_bytes,
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

/* ---- Claude -------------------------------------------------------------------------------------
 */

static void claude_path(const struct back_call *c, str base_path, struct buf *to)
{
    str rest = c->model;

    put_base(base_path, STR("anthropic"), to);
    buf_lit(to, "/models/");
    url_encode(str_cut(&rest, '@'), to);
    if (rest.p) { /* "claude-sonnet-4-5@20250929": as Google's own documents write it */
        buf_add_char(to, '@');
        url_encode(rest, to);
    }
    buf_add(to, c->stream ? STR(":streamRawPredict") : STR(":rawPredict"));
}

/* Betas that Vertex knows, and what it calls them; any other is a 400 for the whole request. */
static const struct {
    str beta, as;
} betas[] = {
    {STR("advanced-tool-use-2025-11-20"), STR("tool-search-tool-2025-10-19")},
    {STR("compact-2026-01-12"), STR("compact-2026-01-12")},
    {STR("computer-use-2025-01-24"), STR("computer-use-2025-01-24")},
    {STR("computer-use-2025-11-24"), STR("computer-use-2025-11-24")},
    {STR("context-1m-2025-08-07"), STR("context-1m-2025-08-07")},
    {STR("context-management-2025-06-27"), STR("context-management-2025-06-27")},
    {STR("interleaved-thinking-2025-05-14"), STR("interleaved-thinking-2025-05-14")},
    {STR("tool-search-tool-2025-10-19"), STR("tool-search-tool-2025-10-19")},
    {STR("web-search-2025-03-05"), STR("web-search-2025-03-05")},
};

#define BETAS_MAX 1024

static void put_betas(str list, header_fn fn, void *ctx)
{
    char room[BETAS_MAX];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

    while (list.p) {
        str beta = str_trim(str_cut(&list, ','));

        for (size_t i = 0; i < ARRAY_LEN(betas); i++) {
            if (!str_eq(beta, betas[i].beta))
                continue;
            if (buf_size(&b))
                buf_add_char(&b, ',');
            buf_add(&b, betas[i].as);
        }
    }
    if (buf_size(&b) && !b.failed)
        fn(ctx, STR("anthropic-beta"), buf_str(&b));
}

static void claude_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_BEARER, fn, ctx);
    if (c->client_beta.n)
        put_betas(c->client_beta, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static enum rc claude_encode(const struct ir_request *r, const struct back_call *c, struct arena *a,
                             struct rope *out, struct ir_lossy *lossy, struct fail *f)
{
    static const struct anthropic_envelope envelope = {.version = STR(VERSION), .stream = true};

    (void)f;
    return anthropic_encode_enveloped(r, c, &envelope, a, out, lossy);
}

/* What the path says, and what Vertex refuses: those are lost. */
static bool is_cut(void *ctx, jval key, jval value)
{
    static const struct {
        str name;
        bool lost;
    } rows[] = {
        {STR("anthropic_version"), false}, {STR("model"), false},      {STR("service_tier"), true},
        {STR("container"), true},          {STR("mcp_servers"), true}, {STR("inference_geo"), true},
    };
    const struct back_call *c = ctx;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!json_str_is(key, rows[i].name))
            continue;
        if (rows[i].lost && c->lossy && !json_is(value, JSON_NULL))
            ir_lossy_add(c->lossy, rows[i].name);
        return true;
    }
    return false;
}

static enum rc claude_splice(jval root, const struct back_call *c, struct arena *a,
                             struct rope *out)
{
    struct back_call call = *c;
    struct splice s;

    splice_init(&s, root);
    splice_into(&s, root, STR("\"anthropic_version\":\"" VERSION "\""), a);
    splice_cut(&s, root, is_cut, &call);
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

static const struct dialect_back claude_back = {
    .framing = FRAME_SSE,
    .request_path = claude_path,
    .request_headers = claude_headers,
    .encode_request = claude_encode,
    .splice_request = claude_splice,
    .decode_body = anthropic_decode_body,
    .decoder_size = ANTHROPIC_DECODER_SIZE,
    .decoder_init = anthropic_decoder_init,
    .feed = anthropic_feed,
    .end = anthropic_end,
    .decode_error = gemini_decode_error, /* Google's doorkeeper answers as ever, Claude as Claude */
};

const struct dialect dialect_vertex_anthropic = {
    .name = STR("vertex-anthropic"),
    .family = STR(ANTHROPIC_FAMILY),
    .back = &claude_back,
};

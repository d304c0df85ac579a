/* SPDX-License-Identifier: Apache-2.0 */
/*
 * azure.c - Azure OpenAI: OpenAI's two languages, Chat Completions and Responses, at other
 * addresses.
 *
 * Three families of URLs are in use, and all three are told apart by the base that was configured:
 *
 *     https://R.openai.azure.com[/openai]                   + apiVersion:
 * /openai/deployments/MODEL/…, /openai/responses https://R.openai.azure.com/openai/deployments/NAME
 * the same, with the deployment fixed https://R.openai.azure.com[/openai/v1]                the v1
 * API, without a version https://R.services.ai.azure.com/models                Foundry: other
 * vendors' models
 *
 * The key goes as api-key; a token of Entra ID as bearer (`auth: bearer`). Bodies, streams and
 * errors are OpenAI's: the prompt's filter results come in a first chunk without choices, a
 * filtered prompt is a 400 with code content_filter. One family with OpenAI's dialects, so their
 * clients' bytes pass. https://learn.microsoft.com/azure/ai-foundry/openai/reference
 */
#include "dialect/openai_chat_int.h"
#include "dialect/responses_int.h"
#include "http/url.h"

#define VERSION            "2024-10-21" /* the last dated one of the deployments' API */
#define VERSION_OF_FOUNDRY "2024-05-01-preview"

/* The version that this family of URLs wants; absent: none. */
static str version_of(const struct back_call *c, str base, bool dated)
{
    if (c->query.n) /* the operator's own */
        return STR_NONE;
    if (c->opts->api_version.n)
        return c->opts->api_version;
    if (str_has_suffix(base, STR("/models")))
        return STR(VERSION_OF_FOUNDRY);
    return dated ? STR(VERSION) : STR_NONE;
}

/* Chat is asked of a deployment in the path, Responses of one in the body. */
static void put_path(const struct back_call *c, str base, str endpoint, bool by_deployment,
                     struct buf *to)
{
    bool root = !base.n || str_has_suffix(base, STR("/openai"));
    bool dated = root && (c->opts->api_version.n || c->query.n);
    str version = version_of(c, base, dated || str_find(base, STR("/deployments/")) != SIZE_MAX);

    buf_add(to, base);
    if (!base.n)
        buf_lit(to, "/openai");
    if (dated && by_deployment) {
        buf_lit(to, "/deployments/");
        url_encode(c->model, to);
    } else if (root && !dated) {
        buf_lit(to, "/v1");
    }
    buf_add(to, endpoint);
    if (version.n) {
        buf_lit(to, "?api-version=");
        buf_add(to, version);
    }
}

static void chat_path(const struct back_call *c, str base, struct buf *to)
{
    put_path(c, base, STR("/chat/completions"), true, to);
}

static void responses_path(const struct back_call *c, str base, struct buf *to)
{
    put_path(c, base, STR("/responses"), false, to);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_API_KEY, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static const struct dialect_back chat_back = {
    .framing = FRAME_SSE,
    .request_path = chat_path,
    .request_headers = request_headers,
    .encode_request = chat_encode_request,
    .splice_request = chat_splice_request,
    .wants_bytes = chat_wants_bytes,
    .decode_body = chat_decode_body,
    .decoder_size = CHAT_DECODER_SIZE,
    .decoder_init = chat_decoder_init,
    .feed = chat_feed,
    .end = chat_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_azure = {
    .name = STR("azure"),
    .family = STR(CHAT_FAMILY),
    .back = &chat_back,
};

static const struct dialect_back responses_back = {
    .framing = FRAME_SSE,
    .request_path = responses_path,
    .request_headers = request_headers,
    .encode_request = responses_encode_request,
    .splice_request = responses_splice_request,
    .decode_body = responses_decode_body,
    .decoder_size = RESPONSES_DECODER_SIZE,
    .decoder_init = responses_decoder_init,
    .feed = responses_feed,
    .end = responses_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_azure_responses = {
    .name = STR("azure-responses"),
    .family = STR(RESPONSES_FAMILY),
    .back = &responses_back,
};

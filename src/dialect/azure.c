/* SPDX-License-Identifier: Apache-2.0 */
/*
 * azure.c - Azure OpenAI's Chat Completions: OpenAI's language at other addresses.
 *
 * Three families of URLs are in use, and all three are told apart by the base that was configured:
 *
 *     https://R.openai.azure.com[/openai]                   + apiVersion:
 * /openai/deployments/MODEL/… https://R.openai.azure.com/openai/deployments/NAME    the same, with
 * the deployment fixed https://R.openai.azure.com[/openai/v1]                the v1 API, without a
 * version https://R.services.ai.azure.com/models                Foundry: other vendors' models
 *
 * The key goes as api-key; a token of Entra ID as bearer (`auth: bearer`). The body, the stream and
 * the errors are Chat's: the prompt's filter results come in a first chunk without choices, a
 * filtered prompt is a 400 with code content_filter. One family with Chat, so a Chat client's bytes
 * pass. https://learn.microsoft.com/azure/ai-foundry/openai/reference
 */
#include "dialect/openai_chat_int.h"
#include "http/url.h"

#define ENDPOINT           "/chat/completions"
#define VERSION            "2024-10-21" /* the last dated one of the deployments' API */
#define VERSION_OF_FOUNDRY "2024-05-01-preview"

/* The version that this family of URLs wants; absent: none. */
static str version_of(const struct back_call *c, str base, bool deployments)
{
    if (c->query.n) /* the operator's own */
        return STR_NONE;
    if (c->opts->api_version.n)
        return c->opts->api_version;
    if (str_has_suffix(base, STR("/models")))
        return STR(VERSION_OF_FOUNDRY);
    return deployments ? STR(VERSION) : STR_NONE;
}

static void request_path(const struct back_call *c, str base, struct buf *to)
{
    bool root = !base.n || str_has_suffix(base, STR("/openai"));
    bool deployments = root && (c->opts->api_version.n || c->query.n);
    str version =
        version_of(c, base, deployments || str_find(base, STR("/deployments/")) != SIZE_MAX);

    buf_add(to, base);
    if (!base.n)
        buf_lit(to, "/openai");
    if (deployments) {
        buf_lit(to, "/deployments/");
        url_encode(c->model, to);
    } else if (root) {
        buf_lit(to, "/v1");
    }
    buf_lit(to, ENDPOINT);
    if (version.n) {
        buf_lit(to, "?api-version=");
        buf_add(to, version);
    }
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_API_KEY, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = chat_encode_request,
    .splice_request = chat_splice_request,
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
    .back = &back,
};

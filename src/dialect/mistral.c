/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mistral.c - Mistral's chat completions: Chat with words of its own.
 *
 *     thoughts   parts of the content: [{type:"thinking", thinking:[{type:"text", text}]},
 * {type:"text"}] files      document_url, input_audio without a format ids        older models want
 * nine letters and digits seed       random_seed; a forced call is tool_choice "any" prefill    the
 * last message with prefix:true usage      unasked in the last chunk; calls come whole, in the
 * chunk that ends errors     {"detail"}, flat ones, and a message that is an object with a detail
 *
 * Chat's reader takes all of that already, and its writer is told these ways. It is a family of its
 * own nevertheless: a content that is a list breaks Chat clients, so that its bytes do not pass,
 * and its thoughts reach them as reasoning_content. https://docs.mistral.ai/api
 */
#include "dialect/openai_chat_int.h"

#define ENDPOINT "/chat/completions"

static const str extras[] = {
    STR("random_seed"), STR("safe_prompt"), STR("prompt_mode"), STR("prediction"), {0},
};

static const struct chat_ways ways = {
    .seed = STR("random_seed"),
    .required = STR("any"),
    .extras = extras,
    .prefix = true,
    .document_url = true,
    .never_null = true,
    .plain_tools = true,
};

static void request_path(const struct back_call *c, str base, struct buf *to)
{
    (void)c;
    buf_add(to, base);
    if (!str_has_suffix(base, STR(ENDPOINT)))
        buf_lit(to, ENDPOINT);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_BEARER, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

static enum rc encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    (void)f;
    return chat_encode_as(&ways, r, c, a, out, lossy);
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = request_path,
    .request_headers = request_headers,
    .encode_request = encode_request,
    .decode_body = chat_decode_body,
    .decoder_size = CHAT_DECODER_SIZE,
    .decoder_init = chat_decoder_init,
    .feed = chat_feed,
    .end = chat_end,
    .decode_error = dialect_decode_error,
};

const struct dialect dialect_mistral = {
    .name = STR("mistral"),
    .family = STR("mistral"),
    .back = &back,
};

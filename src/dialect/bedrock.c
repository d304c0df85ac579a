/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock.c - Amazon Bedrock's Converse API: its table, paths and headers.
 * docs/dialects/bedrock.md maps the fields and names the losses.
 */
#include "dialect/bedrock_int.h"

#include "dialect/aws.h"

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    aws_put_path(c, base_path, c->stream ? STR("/converse-stream") : STR("/converse"), to);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    aws_put_auth(c, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? frame_type(FRAME_AWS) : STR("application/json"));
}

static const struct dialect_back back = {
    .framing = FRAME_AWS,
    .request_path = request_path,
    .request_headers = request_headers,
    .sign = aws_sign,
    .encode_request = bedrock_encode_request,
    .decode_body = bedrock_decode_body,
    .decoder_size = BEDROCK_DECODER_SIZE,
    .decoder_init = bedrock_decoder_init,
    .feed = bedrock_feed,
    .end = bedrock_end,
    .decode_error = aws_decode_error,
};

const struct dialect dialect_bedrock = {
    .name = STR("bedrock"),
    .family = STR(BEDROCK_FAMILY),
    .back = &back,
};

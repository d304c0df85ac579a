/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock.c - Amazon Bedrock's Converse API: its table, paths, headers and errors.
 * docs/dialects/bedrock.md maps the fields and names the losses.
 */
#include "dialect/bedrock_int.h"

#include "dialect/aws.h"
#include "http/eventstream.h"

/* ---- front --------------------------------------------------------------------------------------
 */

#define NOT_CONVERSE                                                                              \
    "Of Bedrock's API, Converse and ConverseStream are served here. Claude's own language is at " \
    "POST /v1/messages."

/* /model/MODEL/converse, /model/MODEL/converse-stream; MODEL is percent-encoded, one segment. */
static bool route(str path, str query, struct front_route *ret)
{
    str rest = str_from(path, sizeof "/model/" - 1), action;
    size_t slash = str_rfind_char(rest, '/');

    (void)query;
    if (!str_has_prefix(path, STR("/model/")) || slash == SIZE_MAX || slash == 0)
        return false;
    action = str_from(rest, slash + 1);
    *ret = (struct front_route){.model = str_head(rest, slash), .stream_said = true};
    if (str_find_char(ret->model, '/') != SIZE_MAX)
        return false;
    if (str_eq(action, STR("converse-stream")))
        ret->stream = true;
    else if (!str_eq(action, STR("converse")))
        *ret = (struct front_route){.op = FRONT_ABSENT, .why = STR(NOT_CONVERSE)};
    return true;
}

/* What each canonical error is called here: before a stream by status and header, in it by an
 * exception of ConverseStream's. AWS's clients try again on 429, 5xx and the transient types. */
static const struct bedrock_error {
    uint16_t status;
    str type;      /* x-amzn-errortype */
    str exception; /* in a stream */
} errors[ERR_COUNT] = {
#define VALIDATION STR("ValidationException"), STR("validationException")
#define INTERNAL   STR("InternalServerException"), STR("internalServerException")
#define MODEL      STR("ModelErrorException"), STR("modelStreamErrorException")
#define BUSY       STR("ServiceUnavailableException"), STR("serviceUnavailableException")
    [ERR_BAD_REQUEST] = {400, VALIDATION},
    [ERR_UNSUPPORTED] = {400, VALIDATION},
    [ERR_CONTEXT_LENGTH] = {400, VALIDATION},
    [ERR_POLICY] = {400, VALIDATION},
    [ERR_AUTH] = {403, STR("UnrecognizedClientException"), STR("validationException")},
    [ERR_NO_KEY] = {403, STR("MissingAuthenticationTokenException"), STR("validationException")},
    [ERR_FORBIDDEN] = {403, STR("AccessDeniedException"), STR("validationException")},
    [ERR_NOT_FOUND] = {404, STR("ResourceNotFoundException"), STR("validationException")},
    [ERR_METHOD] = {405, STR("UnknownOperationException"), STR("validationException")},
    [ERR_UPGRADE] = {426, VALIDATION},
    [ERR_REQUEST_TIMEOUT] = {408, STR("ModelTimeoutException"), STR("validationException")},
    [ERR_TOO_LARGE] = {413, VALIDATION},
    [ERR_MEDIA_TYPE] = {415, VALIDATION},
    [ERR_RATE_LIMITED] = {429, STR("ThrottlingException"), STR("throttlingException")},
    [ERR_BUDGET] = {400, STR("ServiceQuotaExceededException"), STR("validationException")},
    [ERR_CLIENT_GONE] = {499, INTERNAL},
    [ERR_INTERNAL] = {500, INTERNAL},
    [ERR_UPSTREAM] = {502, MODEL},
    [ERR_UPSTREAM_AUTH] = {502, MODEL},
    [ERR_UNAVAILABLE] = {503, BUSY},
    [ERR_OVERLOADED] = {503, BUSY},
    [ERR_TIMEOUT] = {504, STR("ModelTimeoutException"), STR("modelStreamErrorException")},
};

static const struct bedrock_error *error_of(const struct fail *f)
{
    const struct bedrock_error *e = &errors[f->kind];

    ASSERT(f->kind < ERR_COUNT && e->status);
    return e->status ? e : &errors[ERR_INTERNAL];
}

static void put_message(const struct fail *f, struct buf *out)
{
    buf_lit(out, "{\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\"}");
}

static void encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body)
{
    (void)request_id; /* a header has it */
    dialect_error_head(f, error_of(f)->status, ret);
    ret->aws_type = error_of(f)->type;
    put_message(f, body);
}

void bedrock_encode_stream_error(const struct fail *f, str request_id, struct buf *out)
{
    size_t at = eventstream_begin(out, EVENTSTREAM_EXCEPTION, error_of(f)->exception);

    (void)request_id;
    put_message(f, out);
    eventstream_end(out, at);
}

/* An event of a kind that no client knows, which AWS's skip: {":event-type": "ping"} {} */
#define PING                                                                              \
    "\x00\x00\x00\x5c\x00\x00\x00J\x0e\xc8U-\x0b:event-type\x07\x00\x04ping\x0d:content-" \
    "type\x07\x00\x10"                                                                    \
    "application/json\x0d:message-type\x07\x00\x05"                                       \
    "event{}Q\xc5\xa6\xfd"

static const struct dialect_front front = {
    .route = route,
    .peek = bedrock_peek,
    .decode_request = bedrock_decode_request,
    .stream_type = STR("application/vnd.amazon.eventstream"),
    .stream_size = BEDROCK_STREAM_SIZE,
    .stream_init = bedrock_stream_init,
    .encode_event = bedrock_encode_event,
    .ping = STR(PING),
    .encode_body = bedrock_encode_body,
    .encode_error = encode_error,
    .encode_stream_error = bedrock_encode_stream_error,
    .id_header = STR("x-amzn-requestid"),
};

/* ---- back ---------------------------------------------------------------------------------------
 */

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    aws_put_path(c, base_path, c->stream ? STR("/converse-stream") : STR("/converse"), to);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    aws_put_auth(c, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? frame_type(FRAME_AWS) : STR("application/json"));
}

/* The body names no model and asks for no stream: it goes as it came. */
static enum rc splice_request(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out)
{
    (void)c;
    (void)a;
    rope_put(out, json_text(root));
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

static const struct dialect_back back = {
    .framing = FRAME_AWS,
    .request_path = request_path,
    .request_headers = request_headers,
    .sign = aws_sign,
    .encode_request = bedrock_encode_request,
    .splice_request = splice_request,
    .wants_bytes = bedrock_wants_bytes,
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
    .front = &front,
    .back = &back,
};

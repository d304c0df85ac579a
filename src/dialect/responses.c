/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses.c - the OpenAI Responses dialect: its table, paths, headers, errors and splicing.
 * docs/dialects/openai-responses.md maps the fields and names the losses.
 */
#include "dialect/openai_chat_int.h"
#include "dialect/responses_int.h"
#include "dialect/splice.h"

#define ENDPOINT "/responses"

/* ---- front --------------------------------------------------------------------------------------
 */

#define COMPACT                                                                                   \
    "Compaction is the provider's own service and not offered here. Send the whole conversation " \
    "in `input`, or have a model summarise it."

/* Below /responses/ID: the answer itself, what it was asked, its end. */
static void route_stored(str below, struct front_route *ret)
{
    static const struct {
        str end;
        enum front_want want;
    } rows[] = {
        {STR(""), FRONT_WANT_ANSWER},
        {STR("/input_items"), FRONT_WANT_ITEMS},
        {STR("/cancel"), FRONT_WANT_CANCEL},
    };
    size_t slash = str_find_char(below, '/');
    str id = str_head(below, slash), end = slash == SIZE_MAX ? STR("") : str_from(below, slash);

    *ret = (struct front_route){.op = FRONT_ABSENT, .why = STR("There is nothing at this path.")};
    for (size_t i = 0; id.n && i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].end, end))
            *ret = (struct front_route){.op = FRONT_STORED, .id = id, .want = rows[i].want};
}

/* /responses, /responses/input_tokens, /responses/ID and what lies below that; of what else there
 * is, why it is not served. */
static bool route(str path, str query, struct front_route *ret)
{
    str rest = str_has_prefix(path, STR("/openai/")) ? str_from(path, 7) : path; /* as Azure */

    (void)query;
    if (str_has_prefix(rest, STR("/v1")))
        rest = str_from(rest, 3);
    if (!str_has_prefix(rest, STR(ENDPOINT)))
        return false;
    rest = str_from(rest, sizeof ENDPOINT - 1);
    if (!rest.n)
        *ret = (struct front_route){.op = FRONT_CHAT};
    else if (str_eq(rest, STR("/input_tokens")))
        *ret = (struct front_route){.op = FRONT_COUNT};
    else if (str_eq(rest, STR("/compact")))
        *ret = (struct front_route){.op = FRONT_ABSENT, .why = STR(COMPACT)};
    else if (rest.p[0] == '/')
        route_stored(str_from(rest, 1), ret);
    else
        return false;
    return true;
}

static void encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body)
{
    /* An unknown model is 400 here and 404 on Chat; what a provider answered keeps its status. */
    bool model = f->kind == ERR_NOT_FOUND && !f->code.n && !f->upstream_status;

    (void)request_id; /* OpenAI has it in a header only */
    dialect_error_head(f, model ? 400 : err_row(f->kind)->openai_status, ret);
    chat_put_error(f, body);
}

static void encode_count(uint64_t tokens, struct buf *body)
{
    buf_lit(body, "{\"object\":\"response.input_tokens\",\"input_tokens\":");
    buf_add_u64(body, tokens);
    buf_add_char(body, '}');
}

static const struct dialect_front front = {
    .route = route,
    .peek = responses_peek,
    .decode_request = responses_decode_request,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .stream_size = sizeof(struct responses_stream),
    .stream_init = responses_stream_init,
    .encode_event = responses_encode_event,
    .ping = STR(": ping\n\n"),
    .encode_body = responses_encode_body,
    .encode_error = encode_error,
    .encode_stream_error = responses_encode_stream_error,
    .encode_count = encode_count,
    .id_header = STR("x-request-id"),
    .stored = &responses_stored,
};

/* ---- back ---------------------------------------------------------------------------------------
 */

void responses_request_path(const struct back_call *c, str base_path, struct buf *to)
{
    str end = c->opts->path.n ? c->opts->path : STR(ENDPOINT);

    buf_add(to, base_path);
    if (!str_has_suffix(base_path, end))
        buf_add(to, end);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    dialect_put_auth(c, AUTH_BEARER, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? STR("text/event-stream") : STR("application/json"));
}

/* The usage always comes: nothing but the model is exchanged. */
enum rc responses_splice_request(jval root, const struct back_call *c, struct arena *a,
                                 struct rope *out)
{
    str model = splice_quote(a, c->model);
    struct splice s;

    if (!model.p)
        return RC_NOMEM;
    splice_init(&s, root);
    splice_replace(&s, json_get_lit(root, "model"), model);
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

static const struct dialect_back back = {
    .framing = FRAME_SSE,
    .request_path = responses_request_path,
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

const struct dialect dialect_responses = {
    .name = STR("openai-responses"),
    .family = STR(RESPONSES_FAMILY),
    .front = &front,
    .back = &back,
};

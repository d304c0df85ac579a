/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_invoke.c - Claude's own language through Bedrock's InvokeModel.
 *
 * The body is that of Messages, but for what the path and the envelope say:
 *
 *     {"anthropic_version":"bedrock-2023-05-31","anthropic_beta":[…],"max_tokens":…,"messages":[…]}
 *
 * without model and stream, with the betas, elsewhere a header, inside. A whole answer is a
 * Messages answer, byte for byte. A stream's events come as base64 in binary messages,
 *
 *     chunk  {"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIs…","p":"abcdef"}
 *
 * so a client of Messages gets them in its own frames, each event's JSON as Bedrock sent it. The
 * family is Anthropic's: Claude Code and the SDKs lose nothing on this way, which is why it exists
 * beside Converse.
 */
#include "dialect/bedrock_int.h"

#include "base/b64.h"
#include "dialect/aws.h"
#include "dialect/splice.h"

#define VERSION "bedrock-2023-05-31" /* the only one there is */

/* ---- requests ----------------------------------------------------------------------------------
 */

static void request_path(const struct back_call *c, str base_path, struct buf *to)
{
    aws_put_path(c, base_path, c->stream ? STR("/invoke-with-response-stream") : STR("/invoke"),
                 to);
}

static void request_headers(const struct back_call *c, header_fn fn, void *ctx)
{
    aws_put_auth(c, fn, ctx);
    fn(ctx, STR("accept"), c->stream ? frame_type(FRAME_AWS) : STR("application/json"));
}

/* Betas that Bedrock knows, and what it calls them; any other name is a 400 for the whole request.
 * Source: AWS, "Anthropic Claude Messages API", anthropic_beta. */
static const struct {
    str beta, as;
} betas[] = {
    {STR("advanced-tool-use-2025-11-20"), STR("tool-search-tool-2025-10-19")},
    {STR("compact-2026-01-12"), STR("compact-2026-01-12")},
    {STR("computer-use-2024-10-22"), STR("computer-use-2024-10-22")},
    {STR("computer-use-2025-01-24"), STR("computer-use-2025-01-24")},
    {STR("computer-use-2025-11-24"), STR("computer-use-2025-11-24")},
    {STR("context-1m-2025-08-07"), STR("context-1m-2025-08-07")},
    {STR("context-management-2025-06-27"), STR("context-management-2025-06-27")},
    {STR("dev-full-thinking-2025-05-14"), STR("dev-full-thinking-2025-05-14")},
    {STR("effort-2025-11-24"), STR("effort-2025-11-24")},
    {STR("interleaved-thinking-2025-05-14"), STR("interleaved-thinking-2025-05-14")},
    {STR("output-128k-2025-02-19"), STR("output-128k-2025-02-19")},
    {STR("token-efficient-tools-2025-02-19"), STR("token-efficient-tools-2025-02-19")},
    {STR("tool-examples-2025-10-29"), STR("tool-examples-2025-10-29")},
    {STR("tool-search-tool-2025-10-19"), STR("tool-search-tool-2025-10-19")},
};

/* The header "a, b" as a list: `open`, a","b"]. Nothing when none is known. */
static void add_betas(struct buf *to, str open, str list)
{
    bool any = false;

    while (list.p) {
        str beta = str_trim(str_cut(&list, ','));

        for (size_t i = 0; i < ARRAY_LEN(betas); i++) {
            if (!str_eq(beta, betas[i].beta))
                continue;
            buf_add(to, any ? STR(",\"") : open);
            buf_add(to, betas[i].as);
            buf_add_char(to, '"');
            any = true;
        }
    }
    if (any)
        buf_add_char(to, ']');
}

#define BETAS_ROOM(c) ((c)->client_beta.n * 4 + 128) /* a name may become a longer one */

/* A client of Bedrock's own way says them in the body, where they stay. */
static bool names_betas(const struct ir_request *r)
{
    for (const struct ir_field *u = r->unknown; u; u = u->next)
        if (str_eq(u->name, STR("anthropic_beta")))
            return true;
    return false;
}

static enum rc encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct anthropic_envelope envelope = {.version = STR(VERSION)};
    size_t cap = BETAS_ROOM(c);
    struct buf b = {.p = arena_alloc(a, cap), .cap = cap, .max = cap};

    (void)f;
    if (!b.p)
        return RC_NOMEM;
    if (!names_betas(r))
        add_betas(&b, STR("[\""), c->client_beta);
    envelope.betas = buf_str(&b);
    return anthropic_encode_enveloped(r, c, &envelope, a, out, lossy);
}

/* What the path says, and what Bedrock refuses: those are lost. */
static bool is_cut(void *ctx, jval key, jval value)
{
    static const struct {
        str name;
        bool lost;
    } rows[] = {
        {STR("anthropic_version"), false}, {STR("model"), false},       {STR("stream"), false},
        {STR("metadata"), true},           {STR("service_tier"), true}, {STR("container"), true},
        {STR("inference_geo"), true},
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

static enum rc splice_request(jval root, const struct back_call *c, struct arena *a,
                              struct rope *out)
{
    size_t cap = BETAS_ROOM(c);
    struct buf b = {.p = arena_alloc(a, cap), .cap = cap, .max = cap};
    struct back_call call = *c;
    struct splice s;

    if (!b.p)
        return RC_NOMEM;
    buf_lit(&b, "\"anthropic_version\":\"" VERSION "\"");
    if (!json_has(json_get_lit(root, "anthropic_beta")))
        add_betas(&b, STR(",\"anthropic_beta\":[\""), c->client_beta);
    splice_init(&s, root);
    splice_into(&s, root, buf_str(&b), a); /* before what is cut at the same place */
    splice_cut(&s, root, is_cut, &call);
    splice_write(&s, out);
    return rope_failed(out) || b.failed ? RC_LIMIT : RC_OK;
}

/* ---- streams -----------------------------------------------------------------------------------
 */

struct invoke_decoder {
    _Alignas(16) char claude[ANTHROPIC_DECODER_SIZE]; /* the Anthropic decoder */
    bool fed; /* it parsed the last event: scratch->doc has it */
};

static void decoder_init(void *state, bool client_usage)
{
    struct invoke_decoder *st = state;

    st->fed = false;
    anthropic_decoder_init(st->claude, client_usage);
}

static enum feed_result emit_fail(const struct fail *f, struct ir_sink sink)
{
    struct ir_event ev = {.type = IR_EV_ERROR, .fail = f};

    ir_emit(sink, &ev);
    return FEED_ERROR;
}

/* The event inside a chunk. Absent: there is none. */
static str unwrap(struct dialect_scratch *s, str payload)
{
    jval root;

    buf_clear(&s->text);
    if (scratch_parse(s, payload, &root) != RC_OK)
        return STR_NONE;
    str bytes = json_raw(json_get_lit(root, "bytes"));
    if (!bytes.n || b64_decode(&s->text, bytes) != RC_OK)
        return STR_NONE;
    return buf_str(&s->text);
}

static enum feed_result feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink)
{
    struct invoke_decoder *st = state;
    struct ir_event ping = {.type = IR_EV_PING};
    struct sse_event inner = {0};
    struct aws_fault fault;

    st->fed = false;
    if (anthropic_is_over(st->claude))
        return FEED_DROP;
    if (ev->fault || str_has_suffix(ev->event, STR("Exception"))) {
        aws_read_fault(ev->event, ev->data, s, &fault);
        anthropic_give_up(st->claude);
        return emit_fail(&fault.fail, sink);
    }
    if (!str_eq(ev->event, STR("chunk"))) {
        ir_emit(sink, &ping);
        return FEED_DROP; /* the client's language has no such event */
    }
    inner.data = unwrap(s, ev->data);
    if (!inner.data.p)
        inner.data = STR("?"); /* what is no chunk is no JSON either, and said to be so */
    st->fed = true;
    return anthropic_feed(st->claude, s, &inner, sink);
}

static void reframe(void *state, struct dialect_scratch *s, struct buf *out)
{
    struct invoke_decoder *st = state;
    jval root = json_root(&s->doc); /* the event, as the Anthropic decoder has parsed it */

    if (!st->fed)
        return;
    buf_lit(out, "event: ");
    buf_add(out, json_raw(json_get_lit(root, "type")));
    buf_lit(out, "\ndata: ");
    dialect_add_line(out, json_text(root));
    buf_lit(out, "\n\n");
}

static bool end(void *state, struct ir_sink sink)
{
    struct invoke_decoder *st = state;

    return anthropic_end(st->claude, sink);
}

static const struct dialect_back back = {
    .framing = FRAME_AWS,
    .request_path = request_path,
    .request_headers = request_headers,
    .sign = aws_sign,
    .encode_request = encode_request,
    .splice_request = splice_request,
    .decode_body = anthropic_decode_body,
    .decoder_size = sizeof(struct invoke_decoder),
    .decoder_init = decoder_init,
    .feed = feed,
    .reframe = reframe,
    .end = end,
    .decode_error = aws_decode_error,
};

const struct dialect dialect_bedrock_invoke = {
    .name = STR("bedrock-invoke"),
    .family = STR(ANTHROPIC_FAMILY),
    .back = &back,
};

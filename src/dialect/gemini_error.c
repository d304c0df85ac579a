/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_error.c - errors as google.rpc.Status, both ways.
 *
 *     {"error":{"code":429,"message":"…","status":"RESOURCE_EXHAUSTED","details":[{"@type":…}]}}
 *
 * `error` must be the first member: Python's SDK finds errors within a stream by that beginning.
 * What others say in headers stands in `details`: when to ask again (RetryInfo), which limit was
 * hit (QuotaFailure), that the key is bad (ErrorInfo), which field is wrong (BadRequest).
 */
#include "dialect/gemini_int.h"

#include "base/num.h"

#define DETAIL "{\"@type\":\"type.googleapis.com/google.rpc."

static void begin_detail(struct buf *out, bool *any, str type)
{
    buf_add(out, *any ? STR("," DETAIL) : STR(",\"details\":[" DETAIL));
    buf_add(out, type);
    *any = true;
}

static void put_details(const struct fail *f, struct buf *out)
{
    bool any = false;

    if (f->kind == ERR_AUTH) {
        begin_detail(out, &any, STR("ErrorInfo"));
        buf_lit(out, "\",\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\","
                     "\"metadata\":{\"service\":\"generativelanguage.googleapis.com\"}}");
    }
    if (f->kind == ERR_RATE_LIMITED || f->kind == ERR_BUDGET) {
        begin_detail(out, &any, STR("QuotaFailure"));
        buf_lit(out, "\",\"violations\":[{\"description\":\"");
        json_escape(out, fail_message(f));
        buf_lit(out, "\"}]}");
    }
    if (f->kind == ERR_RATE_LIMITED) {
        begin_detail(out, &any, STR("RetryInfo"));
        buf_lit(out, "\",\"retryDelay\":\"");
        buf_add_u64(out, fail_retry_after_s(f));
        buf_lit(out, "s\"}");
    }
    if (f->kind == ERR_BAD_REQUEST && f->param.n) {
        begin_detail(out, &any, STR("BadRequest"));
        buf_lit(out, "\",\"fieldViolations\":[{\"field\":\"");
        json_escape(out, f->param);
        buf_lit(out, "\",\"description\":\"");
        json_escape(out, fail_message(f));
        buf_lit(out, "\"}]}");
    }
    if (any)
        buf_add_char(out, ']');
}

void gemini_put_error(const struct fail *f, unsigned status, struct buf *out)
{
    buf_lit(out, "{\"error\":{\"code\":");
    buf_add_u64(out, status);
    buf_lit(out, ",\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\",\"status\":\"");
    buf_add(out, err_row(f->kind)->gemini_name);
    buf_add_char(out, '"');
    put_details(f, out);
    buf_lit(out, "}}");
}

void gemini_encode_error(const struct fail *f, str request_id, struct front_error *ret,
                         struct buf *body)
{
    (void)request_id; /* in a header only */
    dialect_error_head(f, err_row(f->kind)->gemini_status, ret);
    gemini_put_error(f, ret->status, body);
}

void gemini_encode_stream_error(const struct fail *f, str request_id, struct buf *out)
{
    (void)request_id;
    buf_lit(out, "data: ");
    gemini_put_error(f, err_row(f->kind)->gemini_status, out);
    buf_lit(out, GEMINI_EOL);
}

/* Nothing of the array was sent, or its encoder would be at work. */
void gemini_encode_array_error(const struct fail *f, str request_id, struct buf *out)
{
    (void)request_id;
    buf_add_char(out, '[');
    gemini_put_error(f, err_row(f->kind)->gemini_status, out);
    buf_add_char(out, ']');
}

/* ---- from providers -----------------------------------------------------------------------------
 */

/* "17s", "48.9s" */
static uint64_t delay_ms(str delay)
{
    double s;

    if (delay.n < 2 || delay.p[delay.n - 1] != 's' ||
        num_double(str_head(delay, delay.n - 1), &s) != RC_OK || s <= 0 || s > UINT32_MAX)
        return 0;
    return (uint64_t)(s * 1000);
}

static void read_details(jval root, struct fail *f)
{
    struct json_iter list = json_iter(root);
    struct json_iter it;

    if (json_is(root, JSON_ARRAY) && json_next(&list)) /* a stream's error without alt=sse */
        root = list.val;
    for (it = json_iter(json_path(root, "error", "details", NULL)); json_next(&it);) {
        jtext delay = json_raw(json_get_lit(it.val, "retryDelay"));

        if (delay.n && !f->retry_after_ms)
            f->retry_after_ms = delay_ms(delay);
        if (json_str_is(json_get_lit(it.val, "reason"), STR("API_KEY_INVALID")))
            f->bad_key = true;
    }
}

/* A rejected key is a 400 in this language. It is the gateway's, not the client's: the text says
 * so, and bad_key makes the key count as refused. */
void gemini_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret)
{
    struct json_doc doc;

    dialect_decode_error(r, body, a, ret);
    if (body.n && json_parse(a, body, &doc, NULL) == RC_OK)
        read_details(json_root(&doc), ret);
    if (ret->bad_key) {
        ret->message = err_row(ERR_UPSTREAM_AUTH)->text;
        ret->param = ret->code = STR_NONE;
    }
}

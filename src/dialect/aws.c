/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aws.c - paths, credentials and errors of AWS.
 *
 * An error's type says more than its status (424 is a model that failed, 400 may be a quota), so a
 * table turns it into the status that means the same elsewhere, and the common reading of
 * providers' errors does the rest.
 */
#include "dialect/aws.h"

#include "http/sigv4.h"

#define SERVICE  "bedrock"
#define AUTH_MAX 1024 /* an access key id, a region and four header names */

/* ---- paths -------------------------------------------------------------------------------------
 */

static bool is_hex(char c)
{
    char l = (char)(c | 0x20);

    return (c >= '0' && c <= '9') || (l >= 'a' && l <= 'f');
}

static bool is_unreserved(char c)
{
    char l = (char)(c | 0x20);

    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

/* A model that was copied out of a URL is encoded already. */
static bool is_encoded(str s, size_t at)
{
    return s.p[at] == '%' && at + 2 < s.n && is_hex(s.p[at + 1]) && is_hex(s.p[at + 2]);
}

void aws_put_path(const struct back_call *c, str base_path, str action, struct buf *to)
{
    static const char digits[] = "0123456789ABCDEF";

    buf_add(to, base_path);
    buf_lit(to, "/model/");
    for (size_t i = 0; i < c->model.n; i++) {
        char k = c->model.p[i];

        if (is_unreserved(k) || is_encoded(c->model, i)) {
            buf_add_char(to, k);
            continue;
        }
        buf_add_char(to, '%');
        buf_add_char(to, digits[(uint8_t)k >> 4]);
        buf_add_char(to, digits[(uint8_t)k & 15]);
    }
    buf_add(to, action);
}

/* ---- credentials -------------------------------------------------------------------------------
 */

void aws_put_auth(const struct back_call *c, header_fn fn, void *ctx)
{
    if (!c->aws.access_key_id.n)
        dialect_put_auth(c, AUTH_BEARER, fn, ctx);
}

void aws_sign(const struct back_call *c, const struct back_signing *s, header_fn fn, void *ctx)
{
    const struct back_aws *aws = &c->aws;
    char stamp[SIGV4_STAMP], room[AUTH_MAX];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct sigv4_header headers[] = {
        {STR("content-type"), s->content_type},
        {STR("host"), s->host},
        {STR("x-amz-date"), str_of(stamp, sizeof stamp)},
        {STR("x-amz-security-token"), aws->session_token},
    };
    size_t skipped = s->content_type.n ? 0 : 1; /* what is signed must be sent */
    struct sigv4_request r = {.method = s->method,
                              .path = s->path,
                              .query = s->query,
                              .headers = headers + skipped,
                              .nheaders = (aws->session_token.n ? 4 : 3) - skipped};
    struct sigv4_credential credential = {aws->access_key_id, c->key, aws->region, STR(SERVICE)};

    if (!aws->access_key_id.n)
        return;
    sigv4_stamp(s->unix_seconds, stamp);
    memcpy(r.body, s->body_sha256, sizeof r.body);
    if (sigv4_sign(&r, &credential, stamp, &b) != RC_OK)
        return; /* goes without, and is refused: the limits leave room for every true credential */
    fn(ctx, STR("x-amz-date"), str_of(stamp, sizeof stamp));
    if (aws->session_token.n)
        fn(ctx, STR("x-amz-security-token"), aws->session_token);
    fn(ctx, STR("authorization"), buf_str(&b));
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static const struct {
    str type;
    unsigned status; /* that means the same elsewhere */
} types[] = {
    {STR("ThrottlingException"), 429},
    {STR("TooManyRequestsException"), 429},
    {STR("ServiceQuotaExceededException"), 429},
    {STR("ModelNotReadyException"), 503},
    {STR("ServiceUnavailableException"), 503},
    {STR("ModelTimeoutException"), 504},
    {STR("InternalServerException"), 500},
    {STR("InternalFailureException"), 500},
    {STR("ModelErrorException"), 502},
    {STR("ModelStreamErrorException"), 502},
    {STR("ValidationException"), 400},
    {STR("ResourceNotFoundException"), 404},
    {STR("UnknownOperationException"), 404},
    {STR("AccessDeniedException"), 403},
    {STR("UnrecognizedClientException"), 403},
    {STR("ExpiredTokenException"), 403},
    {STR("InvalidSignatureException"), 403},
    {STR("IncompleteSignatureException"), 403},
    {STR("MissingAuthenticationTokenException"), 403},
};

/* "ThrottlingException:http://…", "com.amazon.coral.service#ThrottlingException": the name. */
static str bare_type(str type)
{
    size_t hash;

    type = str_trim(str_head(type, str_find_char(type, ':')));
    hash = str_rfind_char(type, '#');
    return hash == SIZE_MAX ? type : str_from(type, hash + 1);
}

static unsigned status_of_type(str type, unsigned otherwise)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_nocase(type, types[i].type)) /* streams write it in camel case */
            return types[i].status;
    return otherwise;
}

static void read_body(jval root, str *type, struct provider_error *e)
{
    jval message = json_get_lit(root, "message");

    if (!json_is(message, JSON_STRING))
        message = json_get_lit(root, "Message");
    e->message = json_raw(message);
    if (!type->n)
        *type = bare_type(json_raw(json_get_lit(root, "__type")));
}

void aws_read_fault(str type, str payload, struct dialect_scratch *s, struct aws_fault *ret)
{
    struct provider_error e = {0};
    uint64_t original;
    unsigned status = 502;
    jval root;

    type = bare_type(type);
    if (payload.n && scratch_parse(s, payload, &root) == RC_OK && json_is(root, JSON_OBJECT)) {
        read_body(root, &type, &e);
        if (json_u64(json_get_lit(root, "originalStatusCode"), &original) == RC_OK &&
            original >= 400 && original < 600)
            status = (unsigned)original; /* of the model behind a modelStreamErrorException */
    } else if (!memchr(payload.p ? payload.p : "", '\\', payload.n)) {
        e.message = payload; /* the plain words of a message of type error */
    }
    if (status == 502)
        status = status_of_type(type, status);
    provider_error_fail(&e, status, &ret->text, &ret->fail);
    ret->fail.upstream_status = 0; /* the stream's status was 200 */
}

void aws_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret)
{
    struct reply_facts facts = *r;
    struct provider_error e = {0};
    str type = bare_type(r->error_type);
    struct json_doc doc;

    if (body.n && json_parse(a, body, &doc, NULL) == RC_OK)
        read_body(json_root(&doc), &type, &e);
    facts.status = status_of_type(type, r->status);
    dialect_fail_of(&facts, &e, a, ret);
    ret->upstream_status = r->status;
}

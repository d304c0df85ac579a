/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider_error.c - reading, sorting and cleaning of providers' errors.
 *
 * Sorting goes from the surest sign to the weakest: words that say "prompt too long", whatever the
 * status; the HTTP status; a status number in the body; the error's type or code word; and last
 * "upstream".
 */
#include "dialect/provider_error.h"

#include "base/num.h"
#include "json/json.h"

/* ---- reading ------------------------------------------------------------------------------------
 */

static unsigned status_of(jval v)
{
    uint64_t n = 0;

    if (json_is(v, JSON_STRING))
        return num_u64(json_raw(v), &n) == RC_OK && n >= 400 && n < 600 ? (unsigned)n : 0;
    return json_u64(v, &n) == RC_OK && n >= 400 && n < 600 ? (unsigned)n : 0;
}

static void read_members(jval o, struct provider_error *e)
{
    static const char *const numbers[] = {"code", "status_code", "status"};
    str type = json_raw(json_get_lit(o, "type"));

    e->message = json_raw(json_get_lit(o, "message"));
    e->type = type.n ? type : json_raw(json_get_lit(o, "error_type"));
    e->code = json_raw(json_get_lit(o, "code"));
    e->param = json_raw(json_get_lit(o, "param"));
    for (size_t i = 0; i < ARRAY_LEN(numbers) && !e->status; i++)
        e->status = status_of(json_get(o, str_c(numbers[i])));
    if (status_of(json_get_lit(o, "code")))
        e->code = STR_NONE; /* a number says nothing that the status does not */
}

/* FastAPI's {"loc":["body","messages",0,"name"],"msg"}: the last word of the place is the field. */
static void read_place(jval row, struct provider_error *e)
{
    struct json_iter it = json_iter(json_get_lit(row, "loc"));

    e->message = json_raw(json_get_lit(row, "msg"));
    while (json_next(&it))
        if (json_is(it.val, JSON_STRING) && !json_str_is(it.val, STR("body")))
            e->param = json_raw(it.val);
}

static bool read_detail(jval detail, struct provider_error *e)
{
    struct json_iter it = json_iter(detail);

    if (json_is(detail, JSON_STRING)) {
        e->message = json_raw(detail);
        return true;
    }
    if (json_is(detail, JSON_OBJECT)) {
        read_members(detail, e);
        return e->message.n > 0;
    }
    if (!json_is(detail, JSON_ARRAY) || !json_next(&it))
        return false;
    read_place(it.val, e);
    return e->message.n > 0;
}

/* Servers that have no `error` member. */
static bool read_flat(jval root, struct provider_error *e)
{
    jval detail = json_get_lit(root, "detail");

    if (json_str_is(json_get_lit(root, "object"), STR("error")) ||
        json_str_is(json_get_lit(root, "type"), STR("error"))) {
        read_members(root, e);
        if (json_is(json_get_lit(root, "message"),
                    JSON_OBJECT)) /* Mistral, when it does not know a field */
            (void)read_detail(json_path(root, "message", "detail", NULL), e);
        return true;
    }
    if (json_has(detail))
        return read_detail(detail, e);
    if (!json_is(json_get_lit(root, "message"), JSON_STRING))
        return false;
    read_members(root, e);
    return true;
}

bool provider_error_read(jval root, struct provider_error *ret)
{
    struct provider_error e = {0};
    struct json_iter it = json_iter(root);
    jval error = json_get_lit(root, "error");

    if (json_is(root, JSON_ARRAY))
        return json_next(&it) && json_is(it.val, JSON_OBJECT) && provider_error_read(it.val, ret);
    if (json_is(error, JSON_OBJECT)) {
        read_members(error, &e);
        if (!e.status)
            e.status = status_of(json_get_lit(root, "status_code"));
    } else if (json_raw(error).n) {
        e.message = json_raw(error);
        e.code = json_raw(json_get_lit(root, "code"));
    } else if (json_has(error) || !read_flat(root, &e)) {
        return false;
    }
    *ret = e;
    return true;
}

/* ---- sorting ------------------------------------------------------------------------------------
 */

static const str too_long[] = {
    STR("prompt is too long"),  STR("maximum context length"),  STR("context_length_exceeded"),
    STR("max context length"),  STR("context window"),          STR("Input Tokens Exceeded"),
    STR("input is too long"),   STR("TOO_MANY_TOKENS"),         STR("too_many_prompt_tokens"),
    STR("input token count ("), STR("context length exceeded"), STR("Input is too long"),
};

static const struct {
    str word;
    enum err kind;
} words[] = {
    {STR("rate_limit_error"), ERR_RATE_LIMITED},
    {STR("rate_limit_exceeded"), ERR_RATE_LIMITED},
    {STR("insufficient_quota"), ERR_BUDGET},
    {STR("credit_balance_exhausted"), ERR_BUDGET},
    {STR("enforced_spend_limit_reached"), ERR_BUDGET},
    {STR("RESOURCE_EXHAUSTED"), ERR_RATE_LIMITED},
    {STR("overloaded_error"), ERR_OVERLOADED},
    {STR("server_is_overloaded"), ERR_OVERLOADED},
    {STR("slow_down"), ERR_OVERLOADED},
    {STR("UNAVAILABLE"), ERR_OVERLOADED},
    {STR("authentication_error"), ERR_UPSTREAM_AUTH},
    {STR("invalid_api_key"), ERR_UPSTREAM_AUTH},
    {STR("permission_error"), ERR_UPSTREAM_AUTH},
    {STR("billing_error"), ERR_BUDGET},
    {STR("not_found_error"), ERR_NOT_FOUND},
    {STR("model_not_found"), ERR_NOT_FOUND},
    {STR("request_too_large"), ERR_TOO_LARGE},
    {STR("timeout_error"), ERR_TIMEOUT},
    {STR("content_filter"), ERR_POLICY},
    {STR("content_policy_violation"), ERR_POLICY},
    {STR("invalid_request_error"), ERR_BAD_REQUEST},
    {STR("invalid_prompt"), ERR_BAD_REQUEST},
    {STR("api_error"), ERR_UPSTREAM},
    {STR("server_error"), ERR_UPSTREAM},
};

static bool word_kind(str word, enum err *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, words[i].word)) {
            *ret = words[i].kind;
            return true;
        }
    return false;
}

static bool says_too_long(const struct provider_error *e)
{
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++)
        if (str_find(e->message, too_long[i]) != SIZE_MAX || str_eq(e->code, too_long[i]) ||
            str_eq(e->type, too_long[i]))
            return true;
    return false;
}

/* The operator's money or quota is used up (U12): no use to wait, or to ask again. */
static bool is_spent(const struct provider_error *e)
{
    enum err kind;

    return str_has_suffix(e->code, STR("_spend_limit_exceeded")) ||
           (word_kind(e->code, &kind) && kind == ERR_BUDGET) ||
           (word_kind(e->type, &kind) && kind == ERR_BUDGET);
}

/* Words that say more than a status does. */
static enum err refined(enum err kind, const struct provider_error *e)
{
    enum err word;

    if (kind == ERR_BAD_REQUEST && word_kind(e->code, &word) &&
        (word == ERR_POLICY || word == ERR_UPSTREAM_AUTH))
        return word;
    if (kind == ERR_UPSTREAM && str_eq(e->type, STR("overloaded_error")))
        return ERR_OVERLOADED;
    return kind;
}

static enum err kind_of(const struct provider_error *e, unsigned status)
{
    enum err kind;

    if (!status)
        status = e->status;
    if (status != 429 && says_too_long(e))
        return ERR_CONTEXT_LENGTH;
    if (is_spent(e))
        return ERR_BUDGET;
    if (status)
        return refined(err_of_status(status), e);
    if (word_kind(e->code, &kind) || word_kind(e->type, &kind))
        return kind;
    return ERR_UPSTREAM;
}

/* ---- cleaning -----------------------------------------------------------------------------------
 */

/* The longest head of escaped text that fits `max` bytes and cuts neither an escape nor a
 * character. */
static str clip(str raw, size_t max)
{
    size_t at = 0, unit;

    if (raw.n <= max)
        return raw;
    while (at < raw.n) {
        if (raw.p[at] == '\\')
            unit = at + 1 < raw.n && raw.p[at + 1] == 'u' ? 6 : 2;
        else
            for (unit = 1; at + unit < raw.n && (raw.p[at + unit] & 0xc0) == 0x80;)
                unit++;
        if (at + unit > max)
            break;
        at += unit;
    }
    return str_head(raw, at);
}

/* Unescape into room of `cap` bytes; shortened to fit. */
static str plain(str raw, char *room, size_t cap)
{
    struct buf b = {.p = room, .cap = cap, .max = cap};

    if (!raw.n || json_unescape(&b, clip(raw, cap)) != RC_OK)
        return STR_NONE;
    return buf_str(&b);
}

static bool is_token_char(char c)
{
    char low = (char)(c | 0x20);

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*';
}

static bool is_secret(str token)
{
    static const str heads[] = {STR("sk-"),  STR("sk_"),  STR("AIza"), STR("org-"), STR("proj_"),
                                STR("gsk_"), STR("xai-"), STR("key-"), STR("pk-"),  STR("AKIA"),
                                STR("rk-"),  STR("hf_"),  STR("r8_"),  STR("eyJ")};

    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (str_has_prefix(token, heads[i]))
            return true;
    return false;
}

str provider_text_mask(char *p, size_t n)
{
    size_t in = 0, out = 0;

    while (in < n) {
        size_t end = in;

        while (end < n && is_token_char(p[end]))
            end++;
        if (end - in >= 4 && is_secret(str_of(p + in, end - in))) {
            memcpy(p + out, "***", 3);
            out += 3;
        } else {
            if (end == in)
                end++;
            memmove(p + out, p + in, end - in);
            out += end - in;
        }
        in = end;
    }
    return str_of(p, out);
}

/* May the client see the provider's own words? Only where its own request is at fault. */
static bool is_clients_matter(enum err kind)
{
    return kind == ERR_BAD_REQUEST || kind == ERR_UNSUPPORTED || kind == ERR_CONTEXT_LENGTH ||
           kind == ERR_POLICY || kind == ERR_NOT_FOUND || kind == ERR_TOO_LARGE ||
           kind == ERR_RATE_LIMITED;
}

void provider_error_fail(const struct provider_error *e, unsigned status,
                         struct provider_text *text, struct fail *ret)
{
    struct fail f = {.kind = kind_of(e, status), .upstream_status = status};
    str message;

    f.stop_retry = f.kind == ERR_BUDGET;
    if (is_clients_matter(f.kind)) {
        message = plain(e->message, text->message, sizeof text->message);
        if (message.n)
            f.message = provider_text_mask(text->message, message.n);
        f.param = plain(e->param, text->param, sizeof text->param);
        if (f.kind == ERR_BAD_REQUEST && !str_eq(e->code, STR("invalid_request_error")))
            f.code = plain(e->code, text->code, sizeof text->code);
    }
    *ret = f;
}

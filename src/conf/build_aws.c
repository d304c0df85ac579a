/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_aws - what a provider at AWS needs besides: a region, and keys that sign instead of one
 * that is sent.
 *
 * The region, from the surest sign to the weakest: `aws.region`, `region`, the host of a baseURL
 * (bedrock-runtime.REGION.…), AWS_REGION and AWS_DEFAULT_REGION. Credentials: `apiKey` or `aws`,
 * else the environment, as AWS's own SDKs look: the bearer token first, then the keys. A token or
 * key of the environment is for AWS alone, so it is not taken where the address is another one.
 */
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/url.h"

#define REGION_MAX 32 /* "ap-southeast-1"; it goes into a host name and every signature */

static bool is_aws(const struct conf_provider *p)
{
    return str_has_prefix(p->dialect, STR("bedrock"));
}

/* ---- region ------------------------------------------------------------------------------------
 */

static bool is_region(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
            return false;
    return s.n && s.n <= REGION_MAX;
}

static str region_of_env(const struct builder *b)
{
    str region = conf_getenv_set(b->src->env, STR("AWS_REGION"));
    return region.n ? region : conf_getenv_set(b->src->env, STR("AWS_DEFAULT_REGION"));
}

bool build_region_is_known(const struct builder *b)
{
    return is_region(region_of_env(b));
}

/* "https://bedrock-runtime.us-east-1.amazonaws.com/…", "…vpce-1.bedrock-runtime.eu-west-1.vpce.…".
 */
static str region_of_url(str url)
{
    static const str services[] = {STR("bedrock-runtime."), STR("bedrock-runtime-fips.")};
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        size_t at = str_find(url, services[i]);
        str rest = at == SIZE_MAX ? STR_NONE : str_from(url, at + services[i].n);
        str region = rest.n ? str_cut(&rest, '.') : STR_NONE;
        if (rest.p && is_region(region))
            return region;
    }
    return STR_NONE;
}

static const struct raw_aws *first_aws(const struct raw_provider *raw)
{
    return raw->aws.n ? raw->aws.p : NULL;
}

static str find_region(const struct builder *b, const struct raw_provider *raw,
                       const struct language *l)
{
    const struct raw_aws *aws = first_aws(raw);
    str region = aws && aws->region.n ? aws->region : raw->region;
    if (!region.n)
        region = region_of_url(l->url);
    return region.n ? region : region_of_env(b);
}

/* The base with its region filled in. Absent: out of memory. */
static str fill_in(struct builder *b, str base, str region)
{
    size_t at = str_find(base, STR(PRESET_REGION));
    return at == SIZE_MAX ? base
                          : arena_strf(b->arena, STR_FMT STR_FMT STR_FMT,
                                       STR_ARG(str_head(base, at)), STR_ARG(region),
                                       STR_ARG(str_from(base, at + sizeof(PRESET_REGION) - 1)));
}

bool build_region(struct builder *b, const struct raw_provider *raw, struct language *l,
                  struct conf_provider *p)
{
    bool in_url = str_find(l->url, STR(PRESET_REGION)) != SIZE_MAX;
    if (!in_url && !is_aws(p))
        return true;
    str region = find_region(b, raw, l), name = conf_brief(p->name);
    struct place at = place_of(raw->at.node, "region");
    bool needed = in_url || raw->aws.n;
    if (!region.n && needed) {
        BUILD_FAULT(b, at,
                    "provider '" STR_FMT
                    "' needs a region; add `region: us-east-1` (yours), or set "
                    "AWS_REGION",
                    STR_ARG(name));
        return false;
    }
    if (region.n && needed && !is_region(region)) {
        BUILD_FAULT(b, at,
                    "the region of provider '" STR_FMT "' is no AWS region; write it as in "
                    "`us-east-1`",
                    STR_ARG(name));
        return false;
    }
    p->region = region.n ? arena_dup(b->arena, region) : STR_NONE; /* it may be the environment's */
    l->url = fill_in(b, l->url, region);
    return l->url.p != NULL;
}

/* ---- keys --------------------------------------------------------------------------------------
 */

struct aws_keys { /* as they are filled, one by one */
    struct secret *secrets;
    struct conf_aws *aws;
};

static enum rc room_for(struct builder *b, uint32_t n, struct aws_keys *ret)
{
    *ret = (struct aws_keys){arena_array(b->arena, struct secret, n),
                             arena_array(b->arena, struct conf_aws, n)};
    return ret->secrets && ret->aws ? RC_OK : RC_NOMEM;
}

static void set_all(struct conf_provider *p, const struct aws_keys *k, uint32_t n)
{
    ASSERT(n > 0);
    p->keys = k->secrets;
    p->aws = k->aws; /* as many as keys: the same index */
    p->nkeys = n;
}

/* Both go into the request: the id into the Authorization header's Credential, the token into
 * x-amz-security-token. */
static bool is_visible(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n != 0;
}

static void check_key(struct builder *b, const struct raw_aws *aws, str provider)
{
    const struct conf_node *node = aws->at.node;
    if (aws->access_key_id.n && !is_visible(aws->access_key_id))
        BUILD_FAULT(b, place_of(node, "accessKeyId"),
                    "the accessKeyId of provider '" STR_FMT
                    "' has a blank or control character in it; remove it",
                    STR_ARG(conf_brief(provider)));
    if (secret_is_set(&aws->session_token) && !is_visible(secret_reveal(&aws->session_token)))
        BUILD_FAULT(b, place_of(node, "sessionToken"),
                    "the sessionToken of provider '" STR_FMT
                    "' has a blank or control character in it; remove it",
                    STR_ARG(conf_brief(provider)));
}

static enum rc take_given(struct builder *b, const struct raw_provider *raw,
                          struct conf_provider *p)
{
    const struct raw_aws *rows = raw->aws.p;
    struct aws_keys k;
    TRY(room_for(b, raw->aws.n, &k));
    for (uint32_t i = 0; i < raw->aws.n; i++) {
        check_key(b, &rows[i], p->name);
        if (i && rows[i].region.n && !str_eq(rows[i].region, p->region))
            BUILD_FAULT(b, place_of(rows[i].at.node, "region"),
                        "the keys of provider '" STR_FMT
                        "' are of two regions; make a provider for each region",
                        STR_ARG(conf_brief(p->name)));
        k.secrets[i] = rows[i].secret_access_key;
        k.aws[i] = (struct conf_aws){rows[i].access_key_id, rows[i].session_token};
    }
    set_all(p, &k, raw->aws.n);
    return RC_OK;
}

static enum rc take_env(struct builder *b, struct conf_provider *p)
{
    const char *const *env = b->src->env;
    str id = conf_getenv_set(env, STR("AWS_ACCESS_KEY_ID"));
    str secret = conf_getenv_set(env, STR("AWS_SECRET_ACCESS_KEY"));
    str token = conf_getenv_set(env, STR("AWS_SESSION_TOKEN"));
    struct aws_keys k;
    if (!is_visible(id) || !secret.n || (token.n && !is_visible(token)))
        return RC_OK;
    TRY(room_for(b, 1, &k));
    id = arena_dup(b->arena, id);
    secret = arena_dup(b->arena, secret);
    token = token.n ? arena_dup(b->arena, token) : STR_NONE;
    if (!id.p || !secret.p)
        return RC_NOMEM;
    k.secrets[0] = secret_of(secret);
    k.aws[0] = (struct conf_aws){id, secret_of(token)};
    set_all(p, &k, 1);
    return RC_OK;
}

enum rc build_aws_keys(struct builder *b, const struct raw_provider *raw, const struct language *l,
                       struct conf_provider *p)
{
    str name = conf_brief(p->name);
    if (raw->aws.n && !is_aws(p)) {
        BUILD_FAULT(b, place_of(raw->at.node, "aws"),
                    "provider '" STR_FMT "' speaks '" STR_FMT
                    "', which takes no AWS keys; use apiKey, or dialect: bedrock",
                    STR_ARG(name), STR_ARG(p->dialect));
        return RC_OK;
    }
    if (raw->aws.n && raw->keys.n) {
        BUILD_FAULT(b, place_of(raw->at.node, "aws"),
                    "provider '" STR_FMT "' has an apiKey and aws keys; remove one of them",
                    STR_ARG(name));
        return RC_OK;
    }
    if (raw->aws.n)
        return take_given(b, raw, p);
    if (p->nkeys || !is_aws(p) || !l->own_host)
        return RC_OK;
    TRY(take_env(b, p));
    if (p->nkeys || !p->enabled || b->ccr)
        return RC_OK;
    BUILD_FAULT(b, place_of(raw->at.node, NULL),
                "provider '" STR_FMT
                "' has no key; add apiKey (a Bedrock API key) or aws: { accessKeyId, "
                "secretAccessKey }, or set AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY",
                STR_ARG(name));
    p->enabled = false; /* said once is enough */
    return RC_OK;
}

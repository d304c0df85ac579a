/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callers ask of the choice among targets. A line "name: value" each are headers, until one
 * begins with '{': what is left is a body.
 *
 * Whatever comes, lists stay within their bounds and a refusal says what is at fault; a body
 * without its member is the same JSON but for that, and has none any more.
 */
#include "fuzz.h"

#include "route/policy.h"

#define ARENA_MAX (16u << 20)

static void check_policy(const struct route_policy *p)
{
    CHECK(p->order.n <= POLICY_NAMES_MAX && p->only.n <= POLICY_NAMES_MAX);
    CHECK(p->ignore.n <= POLICY_NAMES_MAX && p->fallback.n <= POLICY_NAMES_MAX);
    for (uint32_t i = 0; i < p->only.n; i++)
        CHECK(p->only.v[i].n > 0);
}

static void check_body(struct route_policy *p, str body, struct arena *a)
{
    struct json_doc doc, again;
    struct fail f = {0};
    if (json_parse(a, body, &doc, NULL) != RC_OK || !json_is(json_root(&doc), JSON_OBJECT))
        return;
    jval root = json_root(&doc), object = json_get_lit(root, POLICY_MEMBER);
    if (json_is(object, JSON_OBJECT)) {
        enum rc rc = policy_object(p, object, a, &f);
        CHECK(rc == RC_OK || rc == RC_NOMEM || (rc == RC_SYNTAX && f.message.n && f.param.n));
    }
    str cut = policy_cut(json_text(root), root, a);
    if (!cut.p)
        return;
    enum rc rc = json_parse(a, cut, &again, NULL);
    CHECK(rc == RC_OK || rc == RC_NOMEM);
    if (rc != RC_OK)
        return;
    CHECK(!json_has(json_get_lit(json_root(&again), POLICY_MEMBER)));
    CHECK(json_len(json_root(&again)) + json_has(object) == json_len(root));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = str_of((const char *)data, size);
    struct route_policy p = {0};
    struct arena a;
    struct fail f = {0};
    bool took;
    if (size > 1u << 16)
        return 0;
    arena_init(&a, ARENA_MAX);
    while (in.n && in.p[0] != '{') {
        str line = str_cut(&in, '\n'), name = str_cut(&line, ':');
        enum rc rc = policy_header(&p, name, str_trim(line), &a, &took, &f);
        CHECK(rc == RC_OK || rc == RC_NOMEM || (rc == RC_SYNTAX && f.message.n && f.param.n));
        if (!policy_may_stand(name, &a, &f))
            CHECK(!took && (arena_is_full(&a) || f.message.n));
    }
    check_body(&p, in.n ? in : STR("{}"), &a);
    check_policy(&p);
    arena_fini(&a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_slip - headers that begin like weir's and are none of them.
 *
 * A caller who writes x-weir-ignroe wants a provider left out; whoever serves the call as if
 * nothing had been said sends his prompt where it was not to go. So such a name is refused, with
 * the nearest right one. See policy.h.
 */
#include "conf/nearest.h"
#include "route/policy.h"

/* Of weir's other headers: what a caller who sends it is to be told; absent: nothing, it may stand.
 */
static const struct {
    str name, advice;
} other_headers[] = {
    {STR("tags"), STR_NONE},
    {STR("session"), STR_NONE},
    {STR("request-id"), STR_NONE},
    {STR("attempts"), STR_NONE},
    {STR("overhead-us"), STR_NONE},
    {STR("route"), STR_NONE},
    {STR("lossy"), STR_NONE},
    {STR("rescued"), STR_NONE},
    {STR("tokens"), STR_NONE},
    {STR("provider"), STR("is what weir answers with; to choose a provider, send x-weir-only or "
                          "x-weir-order.")},
    {STR("model"), STR("is what weir answers with; the model is chosen by the request itself.")},
};

/* "max_price" as a header has it. */
static str dashed(struct arena *a, str row)
{
    char *to = arena_alloc(a, row.n);
    for (size_t i = 0; to && i < row.n; i++)
        to[i] = row.p[i] == '_' ? '-' : row.p[i];
    return to ? str_of(to, row.n) : row;
}

static str nearest_header(struct arena *a, str name)
{
    struct nearest near;
    nearest_init(&near, name);
    str word;
    for (size_t i = 0; (word = policy_word(i)).p; i++)
        nearest_offer(&near, dashed(a, word));
    for (size_t i = 0; i < ARRAY_LEN(other_headers); i++)
        if (!other_headers[i].advice.p)
            nearest_offer(&near, other_headers[i].name);
    return near.best;
}

#define SHOWN_MAX 64 /* bytes of a name that a caller made up */

bool policy_may_stand(str name, struct arena *a, struct fail *f)
{
    if (!str_has_prefix_nocase(name, STR(POLICY_HEADER)) || policy_is_header(name))
        return true;
    const str shown = str_head(name, SHOWN_MAX);
    name = str_from(name, sizeof(POLICY_HEADER) - 1);
    for (size_t i = 0; i < ARRAY_LEN(other_headers); i++) {
        if (!str_eq_nocase(name, other_headers[i].name))
            continue;
        if (!other_headers[i].advice.p)
            return true;
        (void)fail_set(f, ERR_BAD_REQUEST,
                       arena_strf(a, "The header " STR_FMT " " STR_FMT, STR_ARG(shown),
                                  STR_ARG(other_headers[i].advice)),
                       shown, STR("unknown_header"));
        return false;
    }
    const str near = nearest_header(a, name);
    const str text =
        near.p
            ? arena_strf(a,
                         "weir has no header " STR_FMT ". Did you mean " POLICY_HEADER STR_FMT "?",
                         STR_ARG(shown), STR_ARG(near))
            : arena_strf(a,
                         "weir has no header " STR_FMT ", and names with " POLICY_HEADER
                         " are its own; remove it. It knows x-weir-order, -only, -ignore, "
                         "-sort, -max-price, -max-ttft, -allow-fallbacks, "
                         "-require-parameters, -fallback, -tags and -session.",
                         STR_ARG(shown));
    (void)fail_set(f, ERR_BAD_REQUEST, text, shown, STR("unknown_header"));
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_regions - where calls may be served: the `regions` of a model, of a key or of all.
 *
 * What a region is called is the operator's own affair (providers[].region), so a name is checked
 * against those in the file: one that no provider has would close the model or key for good, which
 * is rarely meant and hard to find out from a 403.
 */
#include "conf/build_int.h"

static bool begins(str region, str name)
{
    if (name.p[name.n - 1] == '*')
        return str_has_prefix_nocase(region, str_head(name, name.n - 1));
    return str_has_prefix_nocase(region, name) && (region.n == name.n || region.p[name.n] == '-');
}

static bool some_provider_is_in(const struct builder *b, str name)
{
    for (uint32_t i = 0; i < b->s->nproviders; i++)
        if (begins(b->providers[i].region, name))
            return true;
    return false;
}

struct conf_regions build_regions(struct builder *b, const struct raw_texts *raw)
{
    for (uint32_t i = 0; i < raw->n; i++)
        if (!some_provider_is_in(b, raw->p[i])) /* none is empty: option.c */
            BUILD_WARN(b, place_of_item(raw, i),
                       "no provider runs in the region '" STR_FMT "'; give one `region: " STR_FMT
                       "`, or calls cannot be served there",
                       STR_ARG(conf_brief(raw->p[i])), STR_ARG(conf_brief(raw->p[i])));
    return (struct conf_regions){raw->p, raw->n};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_vertex - the address of a provider on Vertex AI, which holds the project and the location:
 *
 *     https://us-east5-aiplatform.googleapis.com/v1/projects/my-project/locations/us-east5
 *     https://aiplatform.googleapis.com/v1/projects/my-project/locations/global
 *
 *     …/endpoints/openapi           Chat, for claude-code-router's transformer `vertex-openai`
 *
 * From `project` and `region`, or the environment's GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION.
 * A baseURL with a path of its own is taken as it stands; one without gets the path. Without a
 * project there is the express door, which takes an API key and has Google's own models only.
 */
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/url.h"

#define HOST       "aiplatform.googleapis.com"
#define EVERYWHERE "global"

static bool is_word(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], l = (char)(c | 0x20);

        /* "example.com:project" is the id of a project within a domain */
        if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && !memchr("-.:", c, 3))
            return false;
    }
    return s.n > 0;
}

static str given(const struct builder *b, str value, str variable)
{
    return value.n ? value : conf_getenv_set(b->src->env, variable);
}

/* Is the URL more than a host? Then it says all there is to say. */
static bool has_path(struct builder *b, str url)
{
    struct conf_url u;

    return url.n && conf_url_parse(b->arena, url, &u) == NULL && u.path.n > 1;
}

/* "us-east5-aiplatform…"; "us" and "eu" are of several regions. */
static str host_of(struct builder *b, str region)
{
    if (str_eq(region, STR(EVERYWHERE)))
        return STR("https://" HOST);
    if (str_eq(region, STR("us")) || str_eq(region, STR("eu")))
        return arena_strf(b->arena, "https://aiplatform." STR_FMT ".rep.googleapis.com",
                          STR_ARG(region));
    return arena_strf(b->arena, "https://" STR_FMT "-" HOST, STR_ARG(region));
}

/* "us-east5" of "https://us-east5-aiplatform…". */
static str region_of(struct builder *b, str url)
{
    struct conf_url u;
    str tail = STR("-" HOST);

    if (!url.n || conf_url_parse(b->arena, url, &u) != NULL || !str_has_suffix(u.origin.host, tail))
        return STR_NONE;
    return str_head(u.origin.host, u.origin.host.n - tail.n);
}

static str base_of(struct builder *b, str url, str project, str region)
{
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (!url.n)
        url = host_of(b, region);
    if (!project.n)
        return url;
    return arena_strf(b->arena, STR_FMT "/v1/projects/" STR_FMT "/locations/" STR_FMT, STR_ARG(url),
                      STR_ARG(project), STR_ARG(region));
}

static bool refuse(struct builder *b, const struct raw_provider *raw, const char *key,
                   const char *what)
{
    BUILD_FAULT(b, place_of(raw->at.node, key), "provider '" STR_FMT "' %s",
                STR_ARG(conf_brief(raw->name)), what);
    return false;
}

/* Are they what Google would take? The faults say what to write. */
static bool check(struct builder *b, const struct raw_provider *raw, bool needs, str project,
                  str region)
{
    if (!project.n && needs)
        return refuse(b, raw, "project",
                      "needs a project; add `project: my-project` (and `region: us-east5`, unless "
                      "it is global), or set GOOGLE_CLOUD_PROJECT");
    if (project.n && !is_word(project))
        return refuse(b, raw, "project", "has a `project` that is no project's id");
    if (!is_word(region))
        return refuse(b, raw, "region",
                      "has a `region` that is no location of Google Cloud's; "
                      "write it as in `us-east5`");
    return true;
}

bool build_vertex(struct builder *b, const struct raw_provider *raw, struct language *l,
                  struct conf_provider *p)
{
    bool gemini = str_eq(p->dialect, STR("vertex"));
    bool chat = l->vertex_chat && str_eq(p->dialect, STR("openai"));
    str project, region;

    if (!gemini && !chat && !str_eq(p->dialect, STR("vertex-anthropic")))
        return raw->project.n ? refuse(b, raw, "project", "is none of Vertex AI; remove `project`")
                              : true;
    if (has_path(b, l->url))
        return true;
    project = given(b, raw->project, STR("GOOGLE_CLOUD_PROJECT"));
    region = raw->region.n ? raw->region : region_of(b, l->url);
    region = given(b, region, STR("GOOGLE_CLOUD_LOCATION"));
    if (!region.n)
        region = STR(EVERYWHERE);
    if (!check(b, raw, !gemini || !raw->keys.n, project, region))
        return false;
    l->url = base_of(b, l->url, project, region);
    if (chat)
        l->url = arena_strf(b->arena, STR_FMT "/endpoints/openapi", STR_ARG(l->url));
    p->region = arena_dup(b->arena, region); /* it may be the environment's */
    return l->url.p && p->region.p;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_path.c - the paths of generateContent. What others have in the body stands here: the
 * model, what is to be done, and whether the answer is a stream.
 *
 *     /v1beta/models/gemini-2.5-flash:generateContent
 *     /v1beta/models/openai/gpt-5:streamGenerateContent?alt=sse      a model may have slashes …
 *     /v1/models/qwen2.5:7b:countTokens                              … and colons: the last is ours
 *     /v1beta1/projects/P/locations/L/publishers/google/models/M:…   Vertex
 *     /v1beta1/publishers/openai/models/gpt-5:…                      so Google's SDK, in its Vertex
 *                                                                    mode, says "openai/gpt-5"
 *
 * A stream without alt=sse is one JSON array (array_front in gemini.c), which is a front of its
 * own: only how the answer is framed differs.
 */
#include "dialect/gemini_int.h"
#include "http/url.h"

static const str versions[] = {STR("/v1beta/"), STR("/v1/"), STR("/v1beta1/"), STR("/v1alpha/")};

static bool cut_version(str *path)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (str_has_prefix(*path, versions[i])) {
            *path = str_from(*path, versions[i].n);
            return true;
        }
    return false;
}

/* "name/VALUE/" off the front of *path: its value. False: it is not there. */
static bool cut_pair(str *path, str name, str *ret)
{
    str rest = *path;

    if (!str_eq(str_cut(&rest, '/'), name) || !rest.p)
        return false;
    *ret = str_cut(&rest, '/');
    if (!ret->n || !rest.p)
        return false;
    *path = rest;
    return true;
}

/* The model, percent-encoded as it stands; absent: the path is none of ours. "google" as publisher
 * is what a bare name means; any other belongs to the name, as in "anthropic/claude-…". */
static str model_of(str path)
{
    str project, publisher = STR_NONE, model;

    if (cut_pair(&path, STR("projects"), &project) && !cut_pair(&path, STR("locations"), &project))
        return STR_NONE;
    (void)cut_pair(&path, STR("publishers"), &publisher);
    if (!str_has_prefix(path, STR("models/")))
        return STR_NONE;
    model = str_from(path, 7);
    if (!publisher.n || str_eq(publisher, STR("google")))
        return model;
    /* "openai/models/gpt-5": the caller takes the middle out (gemini_peek.c) */
    return str_of(publisher.p, (size_t)(model.p + model.n - publisher.p));
}

/* False: not a path of this language. *ret_array: a stream that is not to be server-sent events. */
static bool read_path(str path, str query, struct front_route *ret, bool *ret_array)
{
    static const struct {
        str name;
        enum front_op op;
        bool stream;
    } methods[] = {
        {STR("generateContent"), FRONT_CHAT, false},
        {STR("streamGenerateContent"), FRONT_CHAT, true},
        {STR("countTokens"), FRONT_COUNT, false},
    };
    size_t colon = str_rfind_char(path, ':');
    str model, method, alt = STR_NONE;

    if (colon == SIZE_MAX || !cut_version(&path))
        return false;
    colon = str_rfind_char(path, ':');
    if (colon == SIZE_MAX)
        return false;
    method = str_from(path, colon + 1);
    model = model_of(str_head(path, colon));
    if (!model.n)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(method, methods[i].name)) {
            *ret = (struct front_route){.op = methods[i].op,
                                        .model = model,
                                        .stream_said = true,
                                        .stream = methods[i].stream};
            if (url_query(query, STR("alt"), &alt) != RC_OK)
                alt = STR_NONE;
            *ret_array = methods[i].stream && !str_eq(alt, STR("sse"));
            return true;
        }
    return false;
}

bool gemini_route(str path, str query, struct front_route *ret)
{
    struct front_route r;
    bool array;

    if (!read_path(path, query, &r, &array) || array)
        return false;
    *ret = r;
    return true;
}

bool gemini_route_array(str path, str query, struct front_route *ret)
{
    struct front_route r;
    bool array;

    if (!read_path(path, query, &r, &array) || !array)
        return false;
    *ret = r;
    return true;
}

/* ---- towards providers --------------------------------------------------------------------------
 */

void gemini_put_path(const struct back_call *c, str base, struct buf *to)
{
    str rest = c->model;

    buf_add(to, base);
    /* "tunedModels/x" and "models/x" are names with their collection */
    if (!str_has_prefix(rest, STR("models/")) && !str_has_prefix(rest, STR("tunedModels/")) &&
        !str_has_suffix(base, STR("/models")))
        buf_lit(to, "/models");
    while (rest.p) {
        buf_add_char(to, '/');
        url_encode(str_cut(&rest, '/'), to);
    }
    buf_add(to, c->stream ? STR(":streamGenerateContent?alt=sse") : STR(":generateContent"));
}

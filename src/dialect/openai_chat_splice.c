/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_splice.c - a Chat client's own bytes for a Chat provider.
 *
 * All bytes go as they came but for what has to change: the model's name, the asking for the usage,
 * and what this provider is known to refuse (dialect/quirk.h), for a request that is sure to end in
 * a 400 helps nobody. Unlike in a translation only certain refusals count here; whatever may be
 * taken is the client's own business. What is cut is named in c->lossy.
 */
#include "base/num.h"
#include "dialect/openai_chat_int.h"
#include "dialect/quirk.h"
#include "dialect/splice.h"

/* The usage must come at the end of a stream, whether the client wants to see it or not. */
static void ask_usage(struct splice *s, jval root, struct arena *a)
{
    jval options = json_get_lit(root, "stream_options");
    jval include = json_get_lit(options, "include_usage");

    if (json_is(include, JSON_TRUE))
        return;
    if (json_has(include))
        splice_replace(s, include, STR("true"));
    else if (json_is(options, JSON_OBJECT))
        splice_into(s, options, STR("\"include_usage\":true"), a);
    else if (json_has(options))
        splice_replace(s, options, STR("{\"include_usage\":true}"));
    else
        splice_into(s, root, STR("\"stream_options\":{\"include_usage\":true}"), a);
}

/* The limit under the name that the provider knows. */
static void rename_limit(struct splice *s, jval root, uint64_t refused)
{
    bool new_name = (refused & REFUSES(MAX_TOKENS)) != 0;
    str from = new_name ? STR("max_tokens") : STR("max_completion_tokens");
    str to = new_name ? STR("\"max_completion_tokens\"") : STR("\"max_tokens\"");
    struct json_iter it = json_iter(root);

    if (!(refused & (REFUSES(MAX_TOKENS) | REFUSES(MAX_COMPLETION))) ||
        json_has(json_get(root, str_of(to.p + 1, to.n - 2))))
        return;
    while (json_next(&it))
        if (json_str_is(it.key, from))
            splice_replace(s, it.key, to);
}

/* ---- what the provider refuses ------------------------------------------------------------------
 */

static const struct {
    str name;
    uint64_t bit;
} members[] = {
#define PARAM(id, name)
#define SPLICE_PARAM(id, name) {STR(name), REFUSES(id)},
#include "dialect/param.def"
#undef PARAM
};

static void lose(const struct back_call *c, str name)
{
    if (c->lossy)
        ir_lossy_add(c->lossy, name);
}

struct cutting {
    const struct back_call *c;
};

static bool is_refused(void *ctx, jval key, jval value)
{
    const struct back_call *c = ((struct cutting *)ctx)->c;

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if ((c->opts->refused & members[i].bit) && json_str_is(key, members[i].name)) {
            if (!json_is_nothing(value) && members[i].bit != REFUSES(STREAM_OPTIONS))
                lose(c, members[i].name);
            return true;
        }
    return false;
}

static void cool_down(struct splice *s, jval root, const struct back_call *c)
{
    jval t = json_get_lit(root, "temperature");
    double v;

    if (!c->opts->temperature_max || (c->opts->refused & REFUSES(TEMPERATURE)) ||
        num_double(json_text(t), &v) != RC_OK || v * 10 <= c->opts->temperature_max)
        return;
    splice_replace(s, t, quirk_temperature(c->opts));
    lose(c, STR("temperature"));
}

/* The developer's role by its older name. */
static void rename_developers(struct splice *s, jval root)
{
    struct json_iter it = json_iter(json_get_lit(root, "messages"));

    while (json_next(&it) && splice_room(s)) {
        jval role = json_get_lit(it.val, "role");

        if (json_str_is(role, STR("developer")))
            splice_replace(s, role, STR("\"system\""));
    }
}

/* A call is forced at a provider whose models think unless told otherwise, and then refuse it. */
static void stop_thinking(struct splice *s, jval root, const struct back_call *c, struct arena *a)
{
    jval choice = json_get_lit(root, "tool_choice"), thinking = json_get_lit(root, "thinking");
    bool by_type = c->opts->effort == EFFORT_BOTH || c->opts->effort == EFFORT_THINKING;

    if (!(c->opts->refused & REFUSES(FORCED_THINKING)) || !by_type ||
        !(json_is(choice, JSON_OBJECT) || json_str_is(choice, STR("required"))))
        return;
    if (json_str_is(json_get_lit(thinking, "type"), STR("disabled")))
        return;
    if (!json_has(thinking)) {
        splice_into(s, root, STR("\"thinking\":{\"type\":\"disabled\"}"), a);
        return;
    }
    splice_replace(s, thinking, STR("{\"type\":\"disabled\"}"));
    lose(c, STR("thinking"));
}

enum rc chat_splice_request(jval root, const struct back_call *c, struct arena *a, struct rope *out)
{
    str model = splice_quote(a, c->model);
    struct splice s;

    splice_init(&s, root);
    if (json_has(json_get_lit(root, "model")))
        splice_replace(&s, json_get_lit(root, "model"), model);
    else if (model.p) /* it was in the path */
        splice_into(&s, root, arena_strf(a, "\"model\":" STR_FMT, STR_ARG(model)), a);
    if (c->stream && !c->opts->no_stream_options)
        ask_usage(&s, root, a);
    rename_limit(&s, root, c->opts->refused);
    stop_thinking(&s, root, c, a);
    if (c->opts->refused)
        splice_cut(&s, root, is_refused, &(struct cutting){c});
    cool_down(&s, root, c);
    if (c->opts->refused & REFUSES(DEVELOPER))
        rename_developers(&s, root);
    if (arena_is_full(a))
        return RC_NOMEM;
    splice_write(&s, out);
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

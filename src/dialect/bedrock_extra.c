/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_extra.c - what Converse has no words for and a model's own API has.
 *
 *     additionalModelRequestFields         members put into the body that the model gets
 *     additionalModelResponseFieldPaths    members of the model's answer that are wanted too
 *
 * Which ones depends on who made the model: how reasoning is asked for, where top_k stands. A
 * client that wrote such members itself (in a language that let it) has them, too; where both said
 * one, ours is kept, for it was translated from a parameter that all clients have.
 */
#include "dialect/bedrock_int.h"

#include "dialect/model_name.h"

#define FIRST_DISPLAY 407 /* Claude 4.7: thoughts are hidden unless display is asked for */

struct extra {
    struct bedrock_writer *bw;
    struct json_writer *w;
    bool open;
    str written[6];
    unsigned n;
};

static void key(struct extra *x, str name)
{
    if (!x->open) {
        json_key(x->w, "additionalModelRequestFields");
        json_begin_object(x->w);
        x->open = true;
    }
    json_key_str(x->w, name);
    CHECK(x->n < ARRAY_LEN(x->written));
    x->written[x->n++] = name;
}

/* ---- reasoning ---------------------------------------------------------------------------------
 */

static bool asks_to_think(const struct bedrock_writer *bw)
{
    const struct ir_reasoning *r = &bw->a.r->reasoning;

    return r->mode == IR_THINK_ON || r->mode == IR_THINK_ADAPTIVE ||
           (r->mode == IR_THINK_UNSET && r->effort.n && !str_eq(r->effort, STR("none")));
}

/* low, medium or high: the words that all of them know. */
static str effort_word(const struct bedrock_writer *bw)
{
    const struct ir_reasoning *r = &bw->a.r->reasoning;

    if (str_eq(r->effort, STR("low")) || str_eq(r->effort, STR("minimal")))
        return STR("low");
    if (r->effort.n)
        return str_eq(r->effort, STR("medium")) ? STR("medium") : STR("high");
    if (!r->budget)
        return STR("medium");
    return r->budget < 4096 ? STR("low") : r->budget < 16384 ? STR("medium") : STR("high");
}

bool bedrock_thinks_hard(const struct bedrock_writer *bw)
{
    return bw->maker == BEDROCK_NOVA2 && asks_to_think(bw) && str_eq(effort_word(bw), STR("high"));
}

static void put_claude(struct extra *x)
{
    const struct anthropic_writer *aw = &x->bw->a;

    if (aw->thinks) {
        key(x, STR("thinking"));
        json_begin_object(x->w);
        json_key(x->w, "type");
        if (aw->adaptive) {
            json_put_lit(x->w, "adaptive");
            if (model_claude_version(aw->c->model) >= FIRST_DISPLAY) {
                json_key(x->w, "display");
                json_put_lit(x->w, "summarized");
            }
        } else {
            json_put_lit(x->w, "enabled");
            json_key(x->w, "budget_tokens");
            json_put_u64(x->w, aw->budget);
        }
        json_end(x->w);
    }
    if (aw->effort.n) {
        key(x, STR("output_config"));
        json_begin_object(x->w);
        json_key(x->w, "effort");
        json_put_raw_str(x->w, aw->effort);
        json_end(x->w);
    }
}

static void put_reasoning(struct extra *x)
{
    struct bedrock_writer *bw = x->bw;

    if (bedrock_may_be_claude(bw->maker)) {
        put_claude(x);
        return;
    }
    if (!asks_to_think(bw))
        return;
    switch (bw->maker) {
    case BEDROCK_NOVA2:
        key(x, STR("reasoningConfig"));
        json_begin_object(x->w);
        json_key(x->w, "type");
        json_put_lit(x->w, "enabled");
        json_key(x->w, "maxReasoningEffort");
        json_put_raw_str(x->w, effort_word(bw));
        json_end(x->w);
        return;
    case BEDROCK_GPT_OSS:
        key(x, STR("reasoning_effort"));
        json_put_raw_str(x->w, effort_word(bw));
        return;
    case BEDROCK_QWEN:
        key(x, STR("reasoning_config"));
        json_put_raw_str(x->w, effort_word(bw));
        return;
    case BEDROCK_NOVA:
    case BEDROCK_OTHER:
    case BEDROCK_CLAUDE:
    case BEDROCK_UNKNOWN:
        anthropic_lose(&bw->a, STR("thinking")); /* they think by themselves, or not at all */
        return;
    }
}

/* ---- sampling ----------------------------------------------------------------------------------
 */

static void put_top_k(struct extra *x)
{
    const struct bedrock_writer *bw = x->bw;
    str k = bw->a.r->top_k;

    if (!k.n)
        return;
    if (bedrock_may_be_claude(bw->maker) && !bw->a.thinks) {
        key(x, STR("top_k"));
        json_put_text(x->w, k);
    } else if (bw->maker == BEDROCK_NOVA || bw->maker == BEDROCK_NOVA2) {
        key(x, STR("inferenceConfig"));
        json_begin_object(x->w);
        json_key(x->w, "topK");
        json_put_text(x->w, k);
        json_end(x->w);
    } else {
        anthropic_lose(&x->bw->a, STR("top_k"));
    }
}

/* ---- the client's own --------------------------------------------------------------------------
 */

bool bedrock_is_own_field(str name)
{
    static const str names[] = {
        STR("guardrailConfig"),
        STR("performanceConfig"),
        STR("requestMetadata"),
        STR("promptVariables"),
        STR("additionalModelRequestFields"),
        STR("additionalModelResponseFieldPaths"),
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, names[i]))
            return true;
    return false;
}

static str own_field(const struct ir_request *r, str name)
{
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        if (str_eq(f->name, name))
            return f->json;
    return STR_NONE;
}

static bool is_written(const struct extra *x, str name)
{
    for (unsigned i = 0; i < x->n; i++)
        if (str_eq(x->written[i], name))
            return true;
    return false;
}

static void put_clients(struct extra *x)
{
    str json = own_field(x->bw->a.r, STR("additionalModelRequestFields"));
    struct json_doc doc;
    struct json_iter it;

    if (!json.n || json_parse(x->bw->a.arena, json, &doc, NULL) != RC_OK)
        return;
    for (it = json_iter(json_root(&doc)); it.object && json_next(&it);) {
        if (is_written(x, json_raw(it.key)))
            continue;
        if (!x->open) {
            json_key(x->w, "additionalModelRequestFields");
            json_begin_object(x->w);
            x->open = true;
        }
        json_key_str(x->w, json_raw(it.key));
        json_put_text(x->w, json_text(it.val));
    }
}

/* Which stop sequence it was, Claude tells behind the pocket only, and in streams under `delta`. */
static void put_paths(struct bedrock_writer *bw)
{
    str json = own_field(bw->a.r, STR("additionalModelResponseFieldPaths"));
    struct json_writer *w = &bw->a.w;

    if (!json.n && (!bw->a.r->stop.n || !bedrock_may_be_claude(bw->maker)))
        return;
    json_key(w, "additionalModelResponseFieldPaths");
    if (json.n) {
        json_put_text(w, json);
        return;
    }
    json_begin_array(w);
    json_put_raw_str(w, bw->a.c->stream ? STR("/delta/stop_sequence") : STR("/stop_sequence"));
    json_end(w);
}

void bedrock_put_extra(struct bedrock_writer *bw)
{
    struct extra x = {.bw = bw, .w = &bw->a.w};

    put_reasoning(&x);
    put_top_k(&x);
    put_clients(&x);
    if (x.open)
        json_end(x.w);
    put_paths(bw);
}

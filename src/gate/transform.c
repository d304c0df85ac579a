/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transform - the operator's edits of a request, done to the text that the provider is to get.
 *
 * They come last, behind splicing or translation, so that an operator's word is the last word. A
 * provider's edits come first, then those of the logical model that led here, then the rules'; only
 * calls that have some pay for them (json/edit.h).
 */
#include "gate/gate_int.h"

#include "http/h1_write.h"

/* Where the transforms of a call stand: the provider's, then the route's, then those of
 * the rules that the call has met. NULL: there are no more. */
static const struct conf_transforms *transforms_at(const struct call *c, unsigned i)
{
    if (i > 1)
        return rules_transforms(c, i - 2);
    return i ? &c->route->transforms : &c->cand->provider->transforms;
}

/* Each entry that is for the model, in order. */
struct walk {
    unsigned list;
    uint32_t at;
};

static const struct conf_transform *next(const struct call *c, struct walk *w)
{
    const struct conf_transforms *all;
    for (; (all = transforms_at(c, w->list)) != NULL; w->list++, w->at = 0) {
        while (w->at < all->n) {
            const struct conf_transform *t = &all->v[w->at++];
            if (conf_transform_is_for(t, c->cand->target->model))
                return t;
        }
    }
    return NULL;
}

unsigned transform_remedies(const struct call *c)
{
    const struct conf_transform *t;
    struct walk w = {0};
    unsigned all = 0;
    while ((t = next(c, &w)) != NULL)
        all |= t->remedies;
    return all;
}

unsigned transform_filters(const struct call *c)
{
    static const struct {
        unsigned remedy, filter;
    } rows[] = {
        {CONF_REMEDY_THINK_TAG, IR_FILTER_THINK},
        {CONF_REMEDY_FORCE_REASONING, IR_FILTER_REASONING},
        {CONF_REMEDY_RECOVER_TOOLS, IR_FILTER_RECOVER},
        {CONF_REMEDY_REPAIR_TOOLS, IR_FILTER_REPAIR},
        {CONF_REMEDY_TOOL_USE, IR_FILTER_EXIT},
    };
    unsigned kinds = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        kinds |= c->remedies & rows[i].remedy ? rows[i].filter : 0;
    return kinds;
}

/* ---- what the model is asked for on top */

#define ASK_REASONING                                                                      \
    "Think before you answer, in every turn. Begin your reply with your thoughts between " \
    "<reasoning_content> and </reasoning_content>; what follows is your answer to the user."
#define ASK_TOOL                                                                                  \
    "Work with the tools: in each turn call the one that brings the task forward. When the task " \
    "is done, or no other tool fits, call " IR_EXIT_TOOL " with your reply to the user."

static bool add_system(struct arena *a, struct ir_request *r, str text)
{
    struct ir_message *m, *first = NULL, **tail = &first;
    struct ir_block *b;
    m = ir_add_message(a, &tail, IR_SYSTEM);
    b = m ? ir_add_block(a, &m->tail, IR_TEXT) : NULL;
    if (!b)
        return false;
    b->text.text = text;
    m->next = r->messages;
    r->messages = m;
    return true;
}

/* The model must call a tool in each turn; one more lets it end. */
static bool force_tools(struct arena *a, struct ir_request *r)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"response\":{\"type\":\"string\"}},"
        "\"required\":[\"response\"]}";
    struct ir_tool *t = arena_new(a, struct ir_tool);
    struct json_doc *doc = arena_new(a, struct json_doc);
    if (!t || !doc || json_parse(a, str_c(schema), doc, NULL) != RC_OK)
        return false;
    *t = (struct ir_tool){.kind = IR_TOOL_FUNCTION,
                          .name = STR(IR_EXIT_TOOL),
                          .description = STR("Ends the turn with a reply to the user."),
                          .schema = json_root(doc),
                          .next = r->tools};
    r->tools = t;
    if (r->choice.kind != IR_CHOICE_NAMED)
        r->choice.kind = IR_CHOICE_ANY;
    return add_system(a, r, STR(ASK_TOOL));
}

bool transform_request(struct call *c, struct ir_request *r)
{
    struct arena *a = &c->req->arena;
    if ((c->remedies & CONF_REMEDY_FORCE_REASONING) && !add_system(a, r, STR(ASK_REASONING)))
        return false;
    bool tools = r->tools && r->choice.kind != IR_CHOICE_NONE && r->n <= 1;
    return !(c->remedies & CONF_REMEDY_TOOL_USE) || !tools || force_tools(a, r);
}

/* ---- edits */

static size_t count_edits(const struct call *c)
{
    const struct conf_transform *t;
    struct walk w = {0};
    size_t n = 0;
    while ((t = next(c, &w)) != NULL)
        n += t->nedits;
    return n;
}

str transform_target(const struct call *c)
{
    return arena_strf(&c->req->arena, STR_FMT "/" STR_FMT, STR_ARG(c->cand->provider->name),
                      STR_ARG(c->cand->target->model));
}

/* What was learned of the target, behind all else: an operator's word cannot make a model take what
 * it refuses. What a quirk stands for has been left out in the writing, but for a client's own
 * bytes of a language that knows no such quirks. */
static size_t add_learned(struct call *c, struct json_edit *edits)
{
    struct gate *g = c->gate;
    size_t n, k = 0;
    const struct learned_edit *l =
        learned_edits(g->learned, transform_target(c), loop_now(g->loop), &n);
    for (size_t i = 0; i < n; i++) {
        if (l[i].bit && (!c->same || c->bind->dialect->back->splice_cuts))
            continue;
        edits[k++] = l[i].edit;
        if (l[i].edit.op == JSON_EDIT_DELETE)
            ir_lossy_add(&c->lossy, arena_dup(&c->req->arena, l[i].edit.path));
    }
    return k;
}

static bool edit_body(struct call *c, const struct json_edit *edits, size_t n, struct rope *body)
{
    struct buf flat = BUF_INIT(GATE_REQUEST_MAX), out = BUF_INIT(GATE_REQUEST_MAX);
    rope_flatten(body, &flat);
    bool ok = !flat.failed && json_edit(&c->req->arena, buf_str(&flat), edits, n, &out) == RC_OK;
    rope_clear(body);
    if (ok)
        rope_copy(body, buf_str(&out));
    buf_fini(&flat);
    buf_fini(&out);
    return ok && !rope_failed(body);
}

bool transform_body(struct call *c, struct rope *body)
{
    const struct conf_transform *t;
    struct walk w = {0};
    bool learned = !learned_is_empty(c->gate->learned);
    size_t n = count_edits(c), k = 0;
    if (!n && !learned)
        return true;
    struct json_edit *edits = arena_array(&c->req->arena, struct json_edit, n + LEARNED_NAMES);
    while (edits && (t = next(c, &w)) != NULL)
        for (uint32_t i = 0; i < t->nedits; i++)
            edits[k++] = t->edits[i];
    if (edits && learned)
        k += add_learned(c, edits + k);
    return edits && (!k || edit_body(c, edits, k, body));
}

void transform_headers(const struct call *c, struct buf *head)
{
    const struct conf_transform *t;
    struct walk w = {0};
    while ((t = next(c, &w)) != NULL)
        for (uint32_t i = 0; i < t->nheaders; i++)
            if (secret_is_set(&t->headers[i].value))
                h1_write_header(head, t->headers[i].name, secret_reveal(&t->headers[i].value));
    rules_write_headers(c, head);
}

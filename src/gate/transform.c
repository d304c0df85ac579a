/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transform - the operator's edits of a request, done to the text that the provider is to get.
 *
 * They come last, behind splicing or translation, so that an operator's word is the last word. A
 * provider's edits come first, then those of the logical model that led here; only calls that have
 * some pay for them (json/edit.h).
 */
#include "gate/gate_int.h"

#include "http/h1_write.h"

/* Where the transforms of a call stand: the provider's, then the route's. */
static const struct conf_transforms *transforms_at(const struct call *c, unsigned i)
{
    return i ? &c->route->transforms : &c->cand->provider->transforms;
}

/* Each entry that is for the model, in order. */
struct walk {
    unsigned list;
    uint32_t at;
};

static const struct conf_transform *next(const struct call *c, struct walk *w)
{
    for (; w->list < 2; w->list++, w->at = 0) {
        const struct conf_transforms *all = transforms_at(c, w->list);
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

bool transform_body(struct call *c, struct rope *body)
{
    struct arena *a = &c->req->arena;
    const struct conf_transform *t;
    struct walk w = {0};
    size_t n = count_edits(c), k = 0;
    if (!n)
        return true;
    struct json_edit *edits = arena_array(a, struct json_edit, n);
    struct buf flat = BUF_INIT(GATE_REQUEST_MAX), out = BUF_INIT(GATE_REQUEST_MAX);
    while (edits && (t = next(c, &w)) != NULL)
        for (uint32_t i = 0; i < t->nedits; i++)
            edits[k++] = t->edits[i];
    rope_flatten(body, &flat);
    bool ok = edits && !flat.failed && json_edit(a, buf_str(&flat), edits, k, &out) == RC_OK;
    rope_clear(body);
    if (ok)
        rope_copy(body, buf_str(&out));
    buf_fini(&flat);
    buf_fini(&out);
    return ok && !rope_failed(body);
}

void transform_headers(const struct call *c, struct buf *head)
{
    const struct conf_transform *t;
    struct walk w = {0};
    while ((t = next(c, &w)) != NULL)
        for (uint32_t i = 0; i < t->nheaders; i++)
            if (secret_is_set(&t->headers[i].value))
                h1_write_header(head, t->headers[i].name, secret_reveal(&t->headers[i].value));
}

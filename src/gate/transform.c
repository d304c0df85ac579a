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

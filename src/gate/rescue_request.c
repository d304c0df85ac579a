/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_request - what who goes on with an answer is asked (rescue.c).
 *
 * The conversation as it was, and behind it the answer so far as the model's own last message. The
 * canonical request is shared by all attempts of a call and stays what it was: of what changes a
 * copy is made, one level deep where the rest is only pointed to.
 */
#include "gate/recovery.h"

#define BYTES_PER_TOKEN 4

/* The jtext without the white space at its end. A backslash is an escape's only when the number of
 * those before it is even. */
jtext rescue_trim(jtext s)
{
    for (;;) {
        size_t slashes = 0;
        if (s.n && s.p[s.n - 1] == ' ') {
            s.n--;
            continue;
        }
        if (s.n < 2 || !memchr("ntr", s.p[s.n - 1], 3))
            return s;
        while (slashes < s.n - 1 && s.p[s.n - 2 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return s;
        s.n -= 2;
    }
}

/* The messages, for the last of them changes: the others share their blocks with the original. */
static struct ir_message *copy_messages(struct arena *a, const struct ir_message *m)
{
    struct ir_message *first = NULL, **at = &first;
    for (; m; m = m->next) {
        struct ir_message *copy = arena_new(a, struct ir_message);
        if (!copy)
            return NULL;
        *copy = *m;
        copy->next = NULL;
        *at = copy;
        at = &copy->next;
    }
    return first;
}

/* The blocks of a message that the client itself had begun, to be gone on with. */
static bool copy_blocks(struct arena *a, struct ir_message *m)
{
    const struct ir_block *b = m->blocks;
    m->tail = &m->blocks;
    m->blocks = NULL;
    for (; b; b = b->next) {
        struct ir_block *copy = arena_new(a, struct ir_block);
        if (!copy)
            return false;
        *copy = *b;
        copy->next = NULL;
        *m->tail = copy;
        m->tail = &copy->next;
    }
    return true;
}

static struct ir_message *last_of(struct ir_message *m)
{
    while (m && m->next)
        m = m->next;
    return m;
}

/* Thinking is off, for Anthropic knows no begun answer with it; and the text so far is a part of
 * the answer's limit. */
bool rescue_request(struct call *c, struct ir_request *r)
{
    struct arena *a = &c->req->arena;
    if (!rescue_is_on(c))
        return true;
    const jtext said = rescue_trim(rescue_text(c));
    r->messages = copy_messages(a, r->messages);
    if (!r->messages)
        return false;
    struct ir_message *last = last_of(r->messages), **tail = &last->next;
    if (last->role != IR_ASSISTANT)
        last = ir_add_message(a, &tail, IR_ASSISTANT);
    else if (!copy_blocks(a, last))
        return false;
    struct ir_block *b = last ? ir_add_block(a, &last->tail, IR_TEXT) : NULL;
    if (!b)
        return false;
    b->text.text = arena_dup(a, said); /* the buffer grows under the feet of what is being sent */
    r->reasoning = (struct ir_reasoning){.mode = IR_THINK_OFF};
    r->n = 0;
    const uint64_t tokens = said.n / BYTES_PER_TOKEN;
    if (r->max_tokens)
        r->max_tokens = r->max_tokens > tokens ? r->max_tokens - tokens : 1;
    return b->text.text.p != NULL;
}

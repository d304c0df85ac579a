/* SPDX-License-Identifier: Apache-2.0 */
/* anchor - marks of messages, and a table of them; see the header. */
#include "token/anchor.h"

#include "base/check.h"

_Static_assert((ANCHOR_SETS & (ANCHOR_SETS - 1)) == 0, "a place is found by its low bits");

void anchors_init(struct anchors *a, struct hash_key key)
{
    memset(a, 0, sizeof(*a));
    a->key = key;
}

/* What tells a block from others of its kind: a call's id is never used twice. */
static str mark_of(const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        return b->text.text;
    case IR_TOOL_USE:
        return b->use.id;
    case IR_TOOL_RESULT:
        return b->result.id;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
        return b->media.data;
    case IR_THINKING:
    case IR_REDACTED:
        return b->thinking.text;
    case IR_OPAQUE:
        return b->raw;
    }
    return STR_NONE;
}

static uint64_t mix(struct anchors *a, uint64_t with, str text)
{
    struct hash_key key = {a->key.k0 ^ with, a->key.k1 + text.n};

    return hash_bytes(key, text.n > ANCHOR_TEXT ? str_from(text, text.n - ANCHOR_TEXT) : text);
}

static uint64_t mix_message(struct anchors *a, uint64_t with, const struct ir_message *m)
{
    const struct ir_block *b = m->blocks;

    while (b && b->next)
        b = b->next;
    return mix(a, with ^ (uint64_t)m->role << 32, b ? mark_of(b) : STR_NONE);
}

/* What all turns of a conversation have in common. */
static uint64_t head_of(struct anchors *a, str provider, str model, const struct ir_request *r)
{
    uint64_t tools = 0, h = mix(a, mix(a, 0, provider), model);

    for (const struct ir_tool *t = r->tools; t; t = t->next)
        tools++;
    return mix_message(a, h ^ tools, r->messages);
}

static uint64_t hash_of(struct anchors *a, uint64_t head, const struct ir_message *m, size_t count)
{
    uint64_t h = mix_message(a, head ^ count << 40, m);

    return h ? h : 1;
}

/* To the front of its place; the others keep their order. */
static void use(struct anchor_entry *set, size_t at, struct anchor_entry e)
{
    ASSERT(at < ANCHOR_WAYS && e.hash != 0);
    memmove(set + 1, set, at * sizeof(*set));
    set[0] = e;
}

static struct anchor_entry *place_of(struct anchors *a, uint64_t hash)
{
    return a->set[hash & (ANCHOR_SETS - 1)];
}

void anchors_put(struct anchors *a, str provider, str model, const struct ir_request *r,
                 uint64_t tokens)
{
    const struct ir_message *last = r->messages;
    size_t count = 1, at = 0;

    if (!last)
        return;
    for (; last->next; last = last->next)
        count++;
    uint64_t hash = hash_of(a, head_of(a, provider, model, r), last, count);
    struct anchor_entry *set = place_of(a, hash);

    while (at < ANCHOR_WAYS - 1 && set[at].hash != 0 && set[at].hash != hash)
        at++;
    use(set, at, (struct anchor_entry){hash, tokens});
}

static bool get(struct anchors *a, uint64_t hash, uint64_t *ret)
{
    struct anchor_entry *set = place_of(a, hash);

    for (size_t i = 0; i < ANCHOR_WAYS; i++) {
        if (set[i].hash == hash) {
            use(set, i, set[i]);
            *ret = set[0].tokens;
            return true;
        }
    }
    return false;
}

bool anchors_find(struct anchors *a, str provider, str model, const struct ir_request *r,
                  struct anchor *ret)
{
    const struct ir_message *ring[ANCHOR_LOOK];
    size_t count = 0;

    if (!r->messages)
        return false;
    for (const struct ir_message *m = r->messages; m; m = m->next)
        ring[count++ % ANCHOR_LOOK] = m;
    uint64_t head = head_of(a, provider, model, r), tokens;

    for (size_t back = 0; back < ANCHOR_LOOK && back < count; back++) {
        size_t n = count - back;
        const struct ir_message *m = ring[(n - 1) % ANCHOR_LOOK];

        if (get(a, hash_of(a, head, m, n), &tokens)) {
            *ret = (struct anchor){tokens, m};
            return true;
        }
    }
    return false;
}

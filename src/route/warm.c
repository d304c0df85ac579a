/* SPDX-License-Identifier: Apache-2.0 */
/* warm - chains of prompts, and a table of boundaries; see the header. */
#include "route/warm.h"

#include "base/check.h"
#include "base/mem.h"

#define ENDS 64 /* bytes of a text that are hashed at either end */

struct entry {
    uint64_t hash, place; /* hash 0: free */
    msec until;
    float share;
    uint16_t key;
    uint16_t missed;
};

struct warm {
    struct entry set[WARM_SETS][WARM_WAYS];
};

struct warm *warm_new(void)
{
    return mem_zalloc(sizeof(struct warm));
}

void warm_free(struct warm *w)
{
    mem_free(w);
}

/* ---- chains */

struct rolling {
    struct hash_key key;
    uint64_t hash, bytes;
};

static void roll(struct rolling *r, uint64_t kind, str text)
{
    struct {
        uint64_t before, kind, size;
        char ends[2 * ENDS];
    } x = {.before = r->hash, .kind = kind, .size = text.n};
    if (text.n <= 2 * ENDS) {
        if (text.n)
            memcpy(x.ends, text.p, text.n);
    } else {
        memcpy(x.ends, text.p, ENDS);
        memcpy(x.ends + ENDS, text.p + text.n - ENDS, ENDS);
    }
    const size_t ends = text.n < 2 * ENDS ? text.n : 2 * ENDS;
    r->hash = hash_bytes(r->key, str_of((const char *)&x, offsetof(__typeof__(x), ends) + ends));
    r->bytes += text.n;
}

static void roll_blocks(struct rolling *r, const struct ir_block *b)
{
    for (; b; b = b->next) {
        switch (b->kind) {
        case IR_TEXT:
        case IR_REFUSAL:
            roll(r, b->kind, b->text.text);
            break;
        case IR_THINKING:
        case IR_REDACTED: /* of turns that are over many clients send none: no part of it */
            break;
        case IR_IMAGE:
        case IR_DOCUMENT:
        case IR_AUDIO:
            roll(r, b->kind, b->media.data);
            break;
        case IR_TOOL_USE:
            roll(r, b->kind, b->use.name);
            roll(r, b->kind, b->use.args);
            break;
        case IR_TOOL_RESULT:
            roll(r, b->kind, b->result.id);
            roll_blocks(r, b->result.content);
            break;
        case IR_OPAQUE:
            roll(r, b->kind, b->raw);
            break;
        }
    }
}

/* The oldest boundary but the first gives way to the newest. */
static void add_boundary(struct warm_chain *c, const struct rolling *r)
{
    if (c->n == WARM_DEPTH) {
        memmove(&c->hash[1], &c->hash[2], (WARM_DEPTH - 2) * sizeof(*c->hash));
        memmove(&c->bytes[1], &c->bytes[2], (WARM_DEPTH - 2) * sizeof(*c->bytes));
        c->n--;
    }
    c->hash[c->n] = r->hash + (r->hash == 0); /* 0 is a free entry */
    c->bytes[c->n++] = r->bytes;
}

static bool is_instruction(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

void warm_chain(struct warm_chain *c, const struct ir_request *req, struct hash_key key)
{
    struct rolling r = {.key = key};
    c->n = 0;
    for (const struct ir_tool *t = req->tools; t; t = t->next) {
        roll(&r, t->kind, t->name);
        roll(&r, t->kind, t->description);
    }
    const struct ir_message *m = req->messages;
    for (; m && is_instruction(m); m = m->next)
        roll_blocks(&r, m->blocks);
    add_boundary(c, &r);
    for (; m; m = m->next) {
        roll(&r, 16 + m->role, STR(""));
        roll_blocks(&r, m->blocks);
        add_boundary(c, &r);
    }
    CHECK(c->n > 0 && c->n <= WARM_DEPTH);
}

/* ---- the table */

/* The longest prefix counts, also when it says that nothing is cached. */
static void keep_first(struct warm_hit *hits, unsigned *n, const struct warm_hit *hit)
{
    for (unsigned i = 0; i < *n; i++)
        if (hits[i].place == hit->place)
            return;
    if (*n < WARM_HITS)
        hits[(*n)++] = *hit;
}

unsigned warm_look(const struct warm *w, const struct warm_chain *c, msec now,
                   struct warm_hit ret[WARM_HITS])
{
    unsigned n = 0;
    const double all = c->bytes[c->n - 1] ? (double)c->bytes[c->n - 1] : 1;
    for (unsigned i = c->n; i-- > 0;) {
        const struct entry *set = w->set[c->hash[i] % WARM_SETS];
        for (unsigned k = 0; k < WARM_WAYS; k++) {
            const struct entry *e = &set[k];
            if (e->hash != c->hash[i] || e->until <= now)
                continue;
            const struct warm_hit hit = {.place = e->place,
                                         .key = e->key,
                                         .missed = e->missed,
                                         .share = (double)e->share * (double)c->bytes[i] / all};
            keep_first(ret, &n, &hit);
        }
    }
    return n;
}

/* Its own entry; else a free one, one that is over, or the one that will be first. */
static struct entry *entry_for(struct warm *w, uint64_t hash, uint64_t place)
{
    struct entry *set = w->set[hash % WARM_SETS], *victim = &set[0];
    for (unsigned k = 0; k < WARM_WAYS; k++) {
        if (set[k].hash == hash && set[k].place == place)
            return &set[k];
        if (set[k].until < victim->until)
            victim = &set[k];
    }
    return victim;
}

void warm_put(struct warm *w, const struct warm_note *n, msec now)
{
    ASSERT(n->share >= 0 && n->share <= 1);
    *entry_for(w, n->hash, n->place) =
        (struct entry){.hash = n->hash,
                       .place = n->place,
                       .until = now + n->ttl,
                       .share = (float)n->share,
                       .key = (uint16_t)n->key,
                       .missed = (uint16_t)(n->missed < UINT16_MAX ? n->missed : UINT16_MAX)};
}

unsigned warm_notes(const struct warm *w, msec now, struct warm_note *to, unsigned most)
{
    unsigned n = 0;
    for (unsigned i = 0; i < WARM_MOST && n < most; i++) {
        const struct entry *e = &w->set[i / WARM_WAYS][i % WARM_WAYS];
        if (!e->hash || e->until <= now)
            continue;
        to[n++] = (struct warm_note){.hash = e->hash,
                                     .place = e->place,
                                     .key = e->key,
                                     .missed = e->missed,
                                     .share = (double)e->share,
                                     .ttl = e->until - now};
    }
    return n;
}

/* ---- how long */

struct warm_ttl warm_ttl_of(str preset, str dialect)
{
    static const struct {
        str name;
        struct warm_ttl ttl;
    } rows[] = {
#define WARM_TTL(name, seconds, tells, least) {STR(name), {(seconds)*UINT64_C(1000), tells, least}},
#include "route/warm_ttl.def"
#undef WARM_TTL
    };
    const size_t last = ARRAY_LEN(rows) - 1; /* the row of all others */
    for (unsigned by = 0; by < 2; by++)
        for (size_t i = 0; i < last; i++)
            if (str_eq(rows[i].name, by ? dialect : preset))
                return rows[i].ttl;
    return rows[last].ttl;
}

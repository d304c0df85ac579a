/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learned - a small table in order of age; looked through only when there is something in it.
 */
#include "gate/learned.h"

#include "base/mem.h"
#include "dialect/quirk.h"

#define TARGET_MAX 256

struct entry {
    msec since; /* 0: free */
    size_t ntarget;
    uint64_t bits;
    size_t n;
    struct learned_edit edits[LEARNED_NAMES];
    char target[TARGET_MAX];
    char names[LEARNED_NAMES][2][REFUSED_NAME_MAX];
};

struct learned {
    unsigned used;
    struct entry *entries; /* LEARNED_TARGETS; made when the first is learned */
};

struct learned *learned_new(void)
{
    return mem_zalloc(sizeof(struct learned));
}

void learned_free(struct learned *l)
{
    if (l)
        mem_free(l->entries);
    mem_free(l);
}

bool learned_is_empty(const struct learned *l)
{
    return l->used == 0;
}

static struct entry *find(const struct learned *l, str target, msec now)
{
    for (unsigned i = 0; i < l->used; i++) {
        struct entry *e = &l->entries[i];
        if (str_eq(str_of(e->target, e->ntarget), target))
            return now - e->since < LEARNED_FOR_MS ? e : NULL;
    }
    return NULL;
}

/* The target's own place, a free one, or that of the oldest. */
static struct entry *take(struct learned *l, str target, msec now)
{
    struct entry *e = find(l, target, now), *oldest;
    if (e)
        return e;
    if (target.n > TARGET_MAX)
        return NULL;
    if (!l->entries)
        l->entries = mem_zalloc(LEARNED_TARGETS * sizeof(*l->entries));
    if (!l->entries)
        return NULL;
    oldest = &l->entries[0];
    for (unsigned i = 0; i < l->used; i++) {
        bool own = str_eq(str_of(l->entries[i].target, l->entries[i].ntarget), target);
        if (own || l->entries[i].since < oldest->since)
            oldest = &l->entries[i];
        if (own)
            break;
    }
    e = l->used < LEARNED_TARGETS && !str_eq(str_of(oldest->target, oldest->ntarget), target)
            ? &l->entries[l->used++]
            : oldest;
    *e = (struct entry){.since = now, .ntarget = target.n};
    memcpy(e->target, target.p, target.n);
    return e;
}

static str keep(char *to, str s)
{
    CHECK(s.n <= REFUSED_NAME_MAX);
    if (s.n)
        memcpy(to, s.p, s.n);
    return str_of(to, s.n);
}

bool learned_add(struct learned *l, str target, const struct refused *r, msec now)
{
    struct entry *e = take(l, target, now);
    if (!e || e->n == LEARNED_NAMES)
        return false;
    for (size_t i = 0; i < e->n; i++)
        if (str_eq(e->edits[i].edit.path, r->name))
            return false;
    struct learned_edit new = {.edit.op = r->instead.n ? JSON_EDIT_RENAME : JSON_EDIT_DELETE};
    new.edit.path = keep(e->names[e->n][0], r->name);
    new.edit.value = keep(e->names[e->n][1], r->instead);
    if (json_edit_check(&new.edit))
        return false;
    if (quirk_param_find(r->name, &new.bit))
        e->bits |= new.bit;
    e->edits[e->n++] = new;
    return true;
}

uint64_t learned_bits(const struct learned *l, str target, msec now)
{
    const struct entry *e = find(l, target, now);
    return e ? e->bits : 0;
}

const struct learned_edit *learned_edits(const struct learned *l, str target, msec now,
                                         size_t *ret_n)
{
    const struct entry *e = find(l, target, now);
    *ret_n = e ? e->n : 0;
    return e ? e->edits : NULL;
}

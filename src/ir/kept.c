/* SPDX-License-Identifier: Apache-2.0 */
/* kept - a map of links, and a list of them by age. */
#include "ir/kept.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#define KEY_MAX (2 * KEPT_NAME_MAX + sizeof(size_t))

struct link {
    struct list by_age; /* the one longest not renewed first */
    msec since;
    size_t nkey, nprevious, nitems;
    char bytes[]; /* key, key of the previous one, items */
};

struct kept {
    struct map by_key;
    struct list by_age;
    size_t bytes;
};

/* The owner's length and name, then the id: no two pairs look the same. */
static size_t lay_key(char to[KEY_MAX], str owner, str id)
{
    if (!id.n || owner.n > KEPT_NAME_MAX || id.n > KEPT_NAME_MAX)
        return 0;
    memcpy(to, &owner.n, sizeof(owner.n));
    if (owner.n)
        memcpy(to + sizeof(owner.n), owner.p, owner.n);
    memcpy(to + sizeof(owner.n) + owner.n, id.p, id.n);
    return sizeof(owner.n) + owner.n + id.n;
}

static str key_of(const struct link *l)
{
    return str_of(l->bytes, l->nkey);
}

static str previous_of(const struct link *l)
{
    return str_of(l->bytes + l->nkey, l->nprevious);
}

static str items_of(const struct link *l)
{
    return str_of(l->bytes + l->nkey + l->nprevious, l->nitems);
}

static size_t size_of(const struct link *l)
{
    return sizeof(*l) + l->nkey + l->nprevious + l->nitems;
}

struct kept *kept_new(struct hash_key key)
{
    struct kept *k = mem_zalloc(sizeof(*k));
    if (!k)
        return NULL;
    map_init(&k->by_key, key);
    list_init(&k->by_age);
    return k;
}

static void forget(struct kept *k, struct link *l)
{
    void *was = map_take(&k->by_key, key_of(l));
    CHECK(was == l && k->bytes >= size_of(l));
    list_remove(&l->by_age);
    k->bytes -= size_of(l);
    mem_free(l);
}

void kept_free(struct kept *k)
{
    if (!k)
        return;
    list_each_safe(it, tmp, &k->by_age) forget(k, list_entry(it, struct link, by_age));
    CHECK(k->bytes == 0);
    map_fini(&k->by_key);
    mem_free(k);
}

bool kept_is_empty(const struct kept *k)
{
    return list_is_empty(&k->by_age);
}

static void make_room(struct kept *k, size_t need, size_t most, msec now)
{
    while (!list_is_empty(&k->by_age)) {
        struct link *oldest = list_entry(k->by_age.next, struct link, by_age);
        if (k->bytes + need <= most && now - oldest->since < KEPT_FOR_MS)
            break;
        forget(k, oldest);
    }
}

/* What a new link rests on is as young as it. */
static void renew(struct kept *k, str key, msec now)
{
    for (unsigned n = 0; key.n && n < KEPT_TURNS; n++) {
        struct link *l = map_get(&k->by_key, key);
        if (!l)
            return;
        l->since = now;
        list_remove(&l->by_age);
        list_push_back(&k->by_age, &l->by_age);
        key = previous_of(l);
    }
}

void kept_put(struct kept *k, const struct kept_link *in, size_t most, msec now)
{
    char key[KEY_MAX], previous[KEY_MAX];
    size_t nkey = lay_key(key, in->owner, in->id);
    size_t nprevious = in->previous.n ? lay_key(previous, in->owner, in->previous) : 0;
    if (!nkey || (in->previous.n && !nprevious) || in->items.n > KEPT_LINK_MAX)
        return;
    struct link *l = map_get(&k->by_key, str_of(key, nkey));
    if (l)
        forget(k, l);
    size_t size = sizeof(*l) + nkey + nprevious + in->items.n;
    if (size > most)
        return;
    renew(k, str_of(previous, nprevious), now);
    make_room(k, size, most, now);
    l = mem_alloc(size);
    if (!l)
        return;
    *l = (struct link){.since = now, .nkey = nkey, .nprevious = nprevious, .nitems = in->items.n};
    memcpy(l->bytes, key, nkey);
    memcpy(l->bytes + nkey, previous, nprevious);
    if (in->items.n)
        memcpy(l->bytes + nkey + nprevious, in->items.p, in->items.n);
    if (map_put(&k->by_key, key_of(l), l, NULL) != RC_OK) {
        mem_free(l);
        return;
    }
    list_push_back(&k->by_age, &l->by_age);
    k->bytes += size;
    ASSERT(k->bytes <= most);
}

/* Backwards through the chain, so it is laid from the end of its place to the beginning. */
static void lay_items(const struct link *const *chain, unsigned n, char *end)
{
    for (unsigned i = 0; i < n; i++) {
        str items = items_of(chain[i]);
        if (!items.n)
            continue;
        end -= items.n;
        memcpy(end, items.p, items.n);
        *--end = ',';
    }
}

enum rc kept_get(const struct kept *k, str owner, str id, struct arena *a, msec now, str *ret)
{
    const struct link *chain[KEPT_TURNS];
    char first[KEY_MAX];
    str key = str_of(first, lay_key(first, owner, id));
    unsigned n = 0;
    size_t size = 0;

    if (!key.n)
        return RC_NOTFOUND;
    for (; key.n; key = previous_of(chain[n - 1])) {
        const struct link *l = n < KEPT_TURNS ? map_get(&k->by_key, key) : NULL;
        if (!l || now - l->since >= KEPT_FOR_MS)
            return RC_NOTFOUND;
        chain[n++] = l;
        size += l->nitems ? l->nitems + 1 : 0; /* a comma before each */
    }
    char *p = arena_alloc(a, size + 1);
    if (!p)
        return RC_NOMEM;
    lay_items(chain, n, p + size);
    *ret = size ? str_of(p + 1, size - 1) : STR("");
    return RC_OK;
}

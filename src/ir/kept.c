/* SPDX-License-Identifier: Apache-2.0 */
/* kept - a map of links, and a list of them by age. */
#include "ir/kept.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#define KEY_MAX (2 * KEPT_NAME_MAX + sizeof(size_t))

/* What a link is made of, in this order. */
enum text { KEY, PREVIOUS /* key of it */, PROVIDER, ASKED, BEFORE, OUTPUT, AFTER, TEXTS };

struct link {
    struct list by_age; /* the one longest not renewed first */
    msec since;
    uint64_t session;
    bool whole; /* the conversation is known, not its provider alone */
    size_t n[TEXTS];
    char bytes[]; /* the texts, one behind the other */
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

static str text_of(const struct link *l, enum text which)
{
    size_t at = 0;
    for (unsigned i = 0; i < which; i++)
        at += l->n[i];
    return str_of(l->bytes + at, l->n[which]);
}

static size_t size_of(const size_t n[TEXTS])
{
    size_t size = sizeof(struct link);
    for (unsigned i = 0; i < TEXTS; i++)
        size += n[i];
    return size;
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
    void *was = map_take(&k->by_key, text_of(l, KEY));
    CHECK(was == l && k->bytes >= size_of(l->n));
    list_remove(&l->by_age);
    k->bytes -= size_of(l->n);
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
        key = text_of(l, PREVIOUS);
    }
}

/* A new link with these texts, not listed yet. NULL: no memory. */
static struct link *link_new(const str text[TEXTS], bool whole, msec now)
{
    size_t n[TEXTS];
    for (unsigned i = 0; i < TEXTS; i++)
        n[i] = text[i].n;
    struct link *l = mem_alloc(size_of(n));
    if (!l)
        return NULL;
    *l = (struct link){.since = now, .whole = whole};
    memcpy(l->n, n, sizeof(n));
    char *to = l->bytes;
    for (unsigned i = 0; i < TEXTS; i++) {
        if (n[i])
            memcpy(to, text[i].p, n[i]);
        to += n[i];
    }
    return l;
}

void kept_put(struct kept *k, const struct kept_link *in, size_t most, msec now)
{
    char key[KEY_MAX], previous[KEY_MAX];
    size_t nkey = lay_key(key, in->owner, in->id);
    size_t nprevious = in->previous.n ? lay_key(previous, in->owner, in->previous) : 0;
    const str text[TEXTS] = {
        [KEY] = str_of(key, nkey), [PREVIOUS] = str_of(previous, nprevious),
        [PROVIDER] = in->provider, [ASKED] = in->asked,
        [BEFORE] = in->before,     [OUTPUT] = in->output,
        [AFTER] = in->after,
    };
    size_t size = sizeof(struct link);
    for (unsigned i = 0; i < TEXTS; i++)
        size += text[i].n;
    CHECK(in->asked.p || in->provider.n); /* else it would say nothing */
    if (!nkey || (in->previous.n && !nprevious) || in->provider.n > KEPT_NAME_MAX ||
        size > KEPT_LINK_MAX)
        return;
    struct link *l = map_get(&k->by_key, text[KEY]);
    if (l)
        forget(k, l);
    if (size > most)
        return;
    renew(k, text[PREVIOUS], now);
    make_room(k, size, most, now);
    l = link_new(text, in->asked.p != NULL, now);
    if (!l)
        return;
    l->session = in->session;
    if (map_put(&k->by_key, text_of(l, KEY), l, NULL) != RC_OK) {
        mem_free(l);
        return;
    }
    list_push_back(&k->by_age, &l->by_age);
    k->bytes += size;
    ASSERT(k->bytes <= most);
}

/* NULL: not here, or too old. */
static struct link *find(const struct kept *k, str key, msec now)
{
    struct link *l = key.n ? map_get(&k->by_key, key) : NULL;
    return l && now - l->since < KEPT_FOR_MS ? l : NULL;
}

enum rc kept_find(const struct kept *k, str owner, str id, msec now, struct kept_link *ret)
{
    char key[KEY_MAX];
    const struct link *l = find(k, str_of(key, lay_key(key, owner, id)), now);
    if (!l)
        return RC_NOTFOUND;
    str previous = text_of(l, PREVIOUS); /* a key: the owner's length, its name, the id */
    *ret = (struct kept_link){
        .owner = owner, .id = id, .session = l->session, .provider = text_of(l, PROVIDER)};
    if (previous.n)
        ret->previous = str_from(previous, sizeof(size_t) + owner.n);
    if (!l->whole)
        return RC_OK;
    ret->asked = text_of(l, ASKED);
    ret->before = text_of(l, BEFORE);
    ret->output = text_of(l, OUTPUT);
    ret->after = text_of(l, AFTER);
    return RC_OK;
}

void kept_forget(struct kept *k, str owner, str id)
{
    char key[KEY_MAX];
    size_t n = lay_key(key, owner, id);
    struct link *l = n ? map_get(&k->by_key, str_of(key, n)) : NULL;
    if (l)
        forget(k, l);
}

/* Put before what is laid already, a comma between the two. */
static char *lay_before(char *end, str items)
{
    if (!items.n)
        return end;
    end -= items.n;
    memcpy(end, items.p, items.n);
    *--end = ',';
    return end;
}

static size_t room_of(str items)
{
    return items.n ? items.n + 1 : 0;
}

enum rc kept_get(const struct kept *k, str owner, str id, enum kept_part part, struct arena *a,
                 msec now, str *ret)
{
    const struct link *chain[KEPT_TURNS];
    char first[KEY_MAX];
    str key = str_of(first, lay_key(first, owner, id));
    unsigned n = 0;
    size_t size = 0;

    if (!key.n)
        return RC_NOTFOUND;
    for (; key.n; key = text_of(chain[n - 1], PREVIOUS)) {
        const struct link *l = n < KEPT_TURNS ? find(k, key, now) : NULL;
        if (!l || !l->whole)
            return RC_NOTFOUND;
        size += room_of(text_of(l, ASKED));
        if (n || part == KEPT_ALL)
            size += room_of(text_of(l, OUTPUT));
        chain[n++] = l;
    }
    char *p = arena_alloc(a, size + 1);
    if (!p)
        return RC_NOMEM;
    char *end = p + size; /* backwards through the chain, so laid from the end to the beginning */
    for (unsigned i = 0; i < n; i++) {
        if (i || part == KEPT_ALL)
            end = lay_before(end, text_of(chain[i], OUTPUT));
        end = lay_before(end, text_of(chain[i], ASKED));
    }
    CHECK(end == p);
    *ret = size ? str_of(p + 1, size - 1) : STR("");
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_keys - the built-in alert `key_refused`: a provider does not take a key.
 *
 * Nothing is measured here: the worker that met the 401, 403 or exhausted quota left the key alone
 * (route/health.h) and says so, and the same when the key is taken again. Each worker learns for
 * itself, so the first that is refused fires the alert and the first that is served ends it; news
 * of what is known already changes nothing.
 *
 * A key is named by its place ("openai#2"); it is recognised by a keyed hash of itself, so that a
 * reload that moves it keeps the alert, and one that replaces it ends it. The key is never here.
 */
#include "app/alerts_int.h"

#include "base/mem.h"

#define SUBJECT_MAX (CONF_NAME_MAX + 16)
#define WHY_MAX     320

struct refused_key {
    struct list link;
    struct watched x;
    str provider;  /* points into name */
    uint64_t hash; /* of the key */
    char name[SUBJECT_MAX], why[WHY_MAX];
};

/* What stands where the file says nothing of key_refused. */
static const struct conf_alert built_in = {.name = {"key_refused", 11},
                                           .metric = CONF_ALERT_KEY_REFUSED,
                                           .scope = CONF_ALERT_KEY,
                                           .action = CONF_ALERT_NOTIFY};

static struct refused_key *of_link(struct list *l)
{
    return list_entry(l, struct refused_key, link);
}

static void set_text(char *at, size_t cap, str *ret, str text)
{
    const str s = str_head(text, cap);
    memcpy(at, s.p, s.n);
    *ret = str_of(at, s.n);
}

static const struct conf_alert *rule_for(const struct snapshot *s, str name)
{
    for (uint32_t i = 0; i < s->nalerts; i++)
        if (s->alerts[i].metric == CONF_ALERT_KEY_REFUSED && conf_alert_means(&s->alerts[i], name))
            return &s->alerts[i];
    return &built_in;
}

/* Which of its provider's keys it is now; -1: it is none of them any more. A provider whose key is
 * a token that weir fetches, or that wants none, has one without a hash. */
static int place_of(const struct alerts *a, const struct snapshot *s, str provider, uint64_t hash)
{
    const struct conf_provider *p = conf_find_provider(s, provider);
    if (!p || !p->enabled || !str_eq(p->name, provider))
        return -1;
    if (!p->nkeys)
        return hash == 0 ? 0 : -1;
    for (uint32_t i = 0; i < p->nkeys; i++)
        if (hash_bytes(a->set.key, secret_reveal(&p->keys[i])) == hash)
            return (int)i;
    return -1;
}

static void put_name(struct refused_key *k, str provider, int place)
{
    struct buf b = BUF_INIT(SUBJECT_MAX);
    buf_addf(&b, STR_FMT "#%d", STR_ARG(provider), place + 1);
    set_text(k->name, sizeof(k->name), &k->x.subject, buf_str(&b));
    k->provider = str_head(k->x.subject, provider.n);
    buf_fini(&b);
}

static void put_why(struct refused_key *k, str text)
{
    set_text(k->why, sizeof(k->why), &k->x.why, text);
}

static struct refused_key *known(const struct alerts *a, const struct gate_key_news *news)
{
    list_each(it, &a->refused)
    {
        struct refused_key *k = of_link(it);
        if (k->hash == news->hash && str_eq(k->provider, news->provider))
            return k;
    }
    return NULL;
}

static void enter(struct alerts *a, struct refused_key *k, enum alert_state to)
{
    const enum alert_state was = k->x.w.state;
    k->x.w.state = to;
    k->x.w.since = loop_now(a->set.loop);
    k->x.since = loop_unix_ms(a->set.loop);
    watched_tell(a, &k->x, was);
}

static void over(struct alerts *a, struct refused_key *k, str why)
{
    put_why(k, why);
    enter(a, k, ALERT_OK);
    list_remove(&k->link);
    mem_free(k);
}

static void refused(struct alerts *a, const struct gate_key_news *news, int place)
{
    struct refused_key *k = known(a, news);
    struct buf why = BUF_INIT(WHY_MAX);
    if (k) {
        k->x.w.samples++;
        k->x.w.value++;
        return;
    }
    k = mem_zalloc(sizeof(*k));
    if (!k)
        return; /* the metrics count it all the same */
    k->hash = news->hash;
    put_name(k, news->provider, place);
    k->x.w.rule = rule_for(a->snap, k->x.subject);
    k->x.w.value = 1;
    k->x.w.samples = 1;
    buf_addf(&why,
             "provider " STR_FMT
             " refuses %s (key %d of %u, status %u); it is left alone, and each "
             "%u s one call tries it again; check it at the provider",
             STR_ARG(news->provider), news->used_up ? "the key, whose quota is used up" : "the key",
             place + 1, news->nkeys, news->status, news->retry_ms / 1000);
    put_why(k, buf_str(&why));
    buf_fini(&why);
    list_push_front(&a->refused, &k->link);
    enter(a, k, ALERT_FIRING);
}

void alerts_key(struct alerts *a, const struct gate_key_news *news)
{
    const int place = a->snap ? place_of(a, a->snap, news->provider, news->hash) : -1;
    struct refused_key *k = known(a, news);
    if (!news->taken && place >= 0)
        refused(a, news, place);
    else if (news->taken && k)
        over(a, k, STR("its provider takes it again"));
    alerts_publish(a);
}

const struct watched *alert_keys_next(const struct alerts *a, const struct watched *x)
{
    const struct list *at =
        x ? list_entry((struct watched *)(uintptr_t)x, struct refused_key, x)->link.next
          : a->refused.next;
    return at == &a->refused ? NULL : &of_link((struct list *)(uintptr_t)at)->x;
}

void alert_keys_follow(struct alerts *a, struct snapshot *next)
{
    list_each_safe(it, tmp, &a->refused)
    {
        struct refused_key *k = of_link(it);
        char text[CONF_NAME_MAX];
        str provider;
        const int place = place_of(a, next, k->provider, k->hash);
        if (place < 0) { /* told by the rule of before, whose snapshot is still here */
            over(a, k, STR("it is not in the configuration any more"));
            continue;
        }
        set_text(text, sizeof(text), &provider, k->provider);
        put_name(k, provider, place);
        k->x.w.rule = rule_for(next, k->x.subject);
    }
}

void alert_keys_fini(struct alerts *a)
{
    list_each_safe(it, tmp, &a->refused)
    {
        list_remove(it);
        mem_free(of_link(it));
    }
}

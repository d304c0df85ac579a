/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - the cache and the questions: see dns.h. The threads are in dns_pool.c.
 *
 * A name holds the newest good answer, when it was got, whether a lookup is under way, and the list
 * of those who wait. Names leave the table least recently used first, never while something waits.
 */
#include "io/dns.h"

#include <arpa/inet.h>
#include <netdb.h>

#include "base/map.h"
#include "base/mem.h"
#include "io/dns_int.h"

struct dns_name {
    struct list lru; /* most recently used first */
    struct list waiting;
    char host[DNS_HOST_MAX + 1];
    size_t host_n;
    union dns_addr addrs[DNS_ADDRS_MAX];
    size_t n;       /* of the last good answer; 0: never one */
    msec good_at;   /* when it came */
    msec failed_at; /* when a lookup failed last; 0: the last one was good */
    bool running;
};

struct dns {
    struct loop *loop;
    struct dns_pool *pool;
    struct map names;
    struct list lru;
    size_t count;
    struct timer patience; /* the next waiter who would take a stale answer */
    msec aged;             /* tests: added to the clock */
};

static msec now_of(const struct dns *d)
{
    return loop_now(d->loop) + d->aged;
}

/* ---- literals and localhost */

bool dns_literal(str host, union dns_addr *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_of(host.p + 1, host.n - 2);
    if (host.n == 0 || host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    *ret = (union dns_addr){.v6 = {.sin6_family = AF_UNSPEC}};
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        return true;
    }
    return false;
}

/* What needs no resolver. RFC 6761: localhost names are the loopback addresses. IPv4 first: that is
 * where local model servers listen. */
static size_t known(str host, union dns_addr to[2])
{
    if (dns_literal(host, &to[0]))
        return 1;
    if (!str_eq_nocase(host, STR("localhost")) &&
        !(host.n > 10 && str_eq_nocase(str_from(host, host.n - 10), STR(".localhost"))))
        return 0;
    to[0] = (union dns_addr){.v4 = {.sin_family = AF_INET}};
    to[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to[1] = (union dns_addr){.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
    return 2;
}

/* ---- the system */

/* getaddrinfo in the shape of dns_resolve_fn. One socket type, or each address comes three times.
 * Without AI_ADDRCONFIG: it would hide IPv6 from a machine that has it on loopback only, and an
 * address that cannot be reached fails at once anyway. */
size_t dns_resolve_by_system(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    size_t n = 0;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return 0;
    for (struct addrinfo *a = list; a && n < DNS_ADDRS_MAX; a = a->ai_next) {
        if (a->ai_family == AF_INET && a->ai_addrlen >= sizeof(addrs[n].v4))
            memcpy(&addrs[n++].v4, a->ai_addr, sizeof(addrs[n].v4));
        else if (a->ai_family == AF_INET6 && a->ai_addrlen >= sizeof(addrs[n].v6))
            memcpy(&addrs[n++].v6, a->ai_addr, sizeof(addrs[n].v6));
    }
    freeaddrinfo(list);
    return n;
}

/* ---- names */

static void name_free(struct dns *d, struct dns_name *n)
{
    (void)map_take(&d->names, str_of(n->host, n->host_n));
    list_remove(&n->lru);
    d->count--;
    mem_free(n);
}

static void make_room(struct dns *d)
{
    if (d->count < DNS_NAMES_MAX)
        return;
    for (struct list *l = d->lru.prev; l != &d->lru; l = l->prev) {
        struct dns_name *n = list_entry(l, struct dns_name, lru);
        if (!n->running && list_is_empty(&n->waiting)) {
            name_free(d, n);
            return;
        }
    }
}

static struct dns_name *name_of(struct dns *d, str host)
{
    struct dns_name *n = map_get(&d->names, host);
    if (n) {
        list_remove(&n->lru);
        list_push_front(&d->lru, &n->lru);
        return n;
    }
    make_room(d);
    if (d->count >= DNS_NAMES_MAX)
        return NULL;
    n = mem_zalloc(sizeof(*n));
    if (!n)
        return NULL;
    memcpy(n->host, host.p, host.n);
    n->host_n = host.n;
    list_init(&n->waiting);
    if (map_put(&d->names, str_of(n->host, n->host_n), n, NULL) != RC_OK) {
        mem_free(n);
        return NULL;
    }
    list_push_front(&d->lru, &n->lru);
    d->count++;
    return n;
}

static bool is_fresh(const struct dns *d, const struct dns_name *n)
{
    return n->n && now_of(d) < n->good_at + DNS_TTL_MS;
}

static bool is_usable(const struct dns *d, const struct dns_name *n)
{
    return n->n && now_of(d) < n->good_at + DNS_TTL_MS + DNS_STALE_MS;
}

static bool has_just_failed(const struct dns *d, const struct dns_name *n)
{
    return n->failed_at && now_of(d) < n->failed_at + DNS_FAIL_MS;
}

/* ---- answers */

static void answer(struct dns_query *q, const struct dns_name *n)
{
    ASSERT(q->name == n);
    list_remove(&q->link);
    deferred_cancel(&q->later);
    q->name = NULL;
    if (is_usable(q->dns, n))
        q->fn(q, RC_OK, n->addrs, n->n);
    else
        q->fn(q, RC_DNS, NULL, 0);
}

/* Answer all who wait. A callback may ask again: those are queued behind and wait for the next. */
static void answer_all(struct dns_name *n)
{
    struct list now = n->waiting;
    if (list_is_empty(&n->waiting))
        return;
    now.next->prev = now.prev->next = &now;
    list_init(&n->waiting);
    while (!list_is_empty(&now))
        answer(list_entry(now.next, struct dns_query, link), n);
}

static void set_patience(struct dns *d, msec due)
{
    if (d->patience.due == 0 || due < d->patience.due)
        timer_set(&d->patience, due);
}

static void on_patience(struct timer *t)
{
    struct dns *d = list_entry(t, struct dns, patience);
    msec now = loop_now(d->loop), next = 0;
    struct list ripe;
    list_init(&ripe);
    list_each(l, &d->lru)
    {
        struct dns_name *n = list_entry(l, struct dns_name, lru);
        list_each_safe(w, tmp, &n->waiting)
        {
            struct dns_query *q = list_entry(w, struct dns_query, link);
            if (q->patience == 0)
                continue;
            if (q->patience <= now) {
                list_remove(w);
                list_push_back(&ripe, w);
            } else if (next == 0 || q->patience < next) {
                next = q->patience;
            }
        }
    }
    if (next)
        timer_set(&d->patience, next);
    while (!list_is_empty(&ripe)) {
        struct dns_query *q = list_entry(ripe.next, struct dns_query, link);
        answer(q, q->name);
    }
}

void dns_answered(struct dns *d, str host, const union dns_addr *addrs, size_t n)
{
    struct dns_name *name = map_get(&d->names, host);
    CHECK(name && name->running && n <= DNS_ADDRS_MAX); /* running names stay in the table */
    name->running = false;
    if (n) {
        memcpy(name->addrs, addrs, n * sizeof(*addrs));
        name->n = n;
        name->good_at = now_of(d);
        name->failed_at = 0;
    } else {
        name->failed_at = now_of(d);
    }
    answer_all(name);
}

static bool start_lookup(struct dns *d, struct dns_name *n)
{
    if (!n->running)
        n->running = dns_pool_ask(d->pool, str_of(n->host, n->host_n));
    return n->running;
}

/* ---- questions */

/* What is known at once is told from here, so that fn never runs inside dns_lookup. */
static void on_later(struct deferred *later)
{
    struct dns_query *q = list_entry(later, struct dns_query, later);
    if (q->name)
        answer(q, q->name);
    else
        q->fn(q, RC_DNS, NULL, 0);
}

static void on_known(struct deferred *later)
{
    struct dns_query *q = list_entry(later, struct dns_query, later);
    union dns_addr addrs[2];
    memcpy(addrs, q->known, sizeof(addrs));
    q->fn(q, RC_OK, addrs, q->nknown);
}

static void ask(struct dns *d, struct dns_query *q, struct dns_name *n)
{
    q->name = n;
    list_push_back(&n->waiting, &q->link);
    if (is_fresh(d, n)) {
        if (now_of(d) + DNS_AHEAD_MS >= n->good_at + DNS_TTL_MS && !has_just_failed(d, n))
            (void)start_lookup(d, n);
        loop_defer(d->loop, &q->later);
    } else if (has_just_failed(d, n) || !start_lookup(d, n)) {
        loop_defer(d->loop, &q->later);
    } else if (is_usable(d, n)) {
        q->patience = loop_now(d->loop) + DNS_STALE_WAIT_MS;
        set_patience(d, q->patience);
    }
}

void dns_lookup(struct dns *d, struct dns_query *q, str host)
{
    char lower[DNS_HOST_MAX];
    ASSERT(q->fn != NULL);
    list_init(&q->link);
    q->dns = d;
    q->name = NULL;
    q->patience = 0;
    q->later = (struct deferred){.fn = on_later};
    q->nknown = known(host, q->known);
    if (q->nknown) {
        q->later.fn = on_known;
        loop_defer(d->loop, &q->later);
        return;
    }
    struct dns_name *n = NULL;
    if (host.n && host.n <= DNS_HOST_MAX && !memchr(host.p, 0, host.n)) {
        for (size_t i = 0; i < host.n; i++)
            lower[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 0x20 : host.p[i]);
        n = name_of(d, str_of(lower, host.n));
    }
    if (n)
        ask(d, q, n);
    else
        loop_defer(d->loop, &q->later);
}

void dns_cancel(struct dns_query *q)
{
    if (!q->dns)
        return;
    list_remove(&q->link);
    deferred_cancel(&q->later);
    q->name = NULL;
}

/* ---- life */

static void on_patience_closed(struct timer *t)
{
    mem_free(list_entry(t, struct dns, patience));
}

enum rc dns_new(struct loop *l, struct dns **ret)
{
    struct dns *d = mem_zalloc(sizeof(*d));
    if (!d)
        return RC_NOMEM;
    d->loop = l;
    d->pool = dns_pool_new(l, d);
    if (!d->pool) {
        mem_free(d);
        return RC_NOMEM;
    }
    /* The names come from our own configuration: nobody can choose them to collide. */
    map_init(&d->names, (struct hash_key){0x646e73, 0x77656972});
    list_init(&d->lru);
    timer_init(&d->patience, l, on_patience);
    *ret = d;
    return RC_OK;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    dns_pool_free(d->pool);
    while (!list_is_empty(&d->lru)) {
        struct dns_name *n = list_entry(d->lru.next, struct dns_name, lru);
        CHECK(list_is_empty(&n->waiting));
        name_free(d, n);
    }
    map_fini(&d->names);
    timer_close(&d->patience, on_patience_closed);
}

void dns_set_resolver(struct dns *d, dns_resolve_fn *fn, void *arg)
{
    dns_pool_set_resolver(d->pool, fn, arg);
}

void dns_age(struct dns *d, msec by)
{
    d->aged += by;
}

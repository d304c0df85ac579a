/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - names to addresses, without ever holding the loop.
 *
 * The system's own resolver (getaddrinfo: hosts file, search domains, everything an operator knows
 * about) runs on side threads that are started when first needed. IP literals and localhost need
 * none. Each loop has its own small cache; callers who ask for the same name at once share one
 * lookup.
 *
 *   fresh   up to DNS_TTL_MS: answered at once; near its end a new lookup starts in the background
 *   stale   up to DNS_STALE_MS more: a new lookup runs, and the old answer is used when that fails
 * or takes longer than DNS_STALE_WAIT_MS (RELIABILITY U39, U40) failed  for DNS_FAIL_MS the failure
 * is the answer
 *
 * getaddrinfo tells no TTL, hence one for all.
 * Owns: the cache, the threads.   Thread: one loop.   Fails: RC_DNS, RC_NOMEM.
 * Limits: DNS_NAMES_MAX names, DNS_ADDRS_MAX addresses each, DNS_THREADS_MAX lookups at a time.
 */
#pragma once
#include <netinet/in.h>

#include "io/loop.h"

#define DNS_TTL_MS        30000
#define DNS_AHEAD_MS      5000 /* so long before the end of the TTL a used name is looked up again */
#define DNS_STALE_MS      600000
#define DNS_STALE_WAIT_MS 1000
#define DNS_FAIL_MS       1000
#define DNS_NAMES_MAX     256
#define DNS_ADDRS_MAX     16
#define DNS_THREADS_MAX   4
#define DNS_HOST_MAX      253

union dns_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct dns;

/* One question, in the asker's memory. */
struct dns_query {
    struct list link;
    struct dns *dns;
    struct dns_name *name;
    struct deferred later;
    msec patience;           /* when a stale answer will do */
    union dns_addr known[2]; /* literals and localhost */
    size_t nknown;
    /* RC_OK: n > 0 addresses with port 0, in the resolver's order, valid only here. */
    void (*fn)(struct dns_query *q, enum rc rc, const union dns_addr *addrs, size_t n);
};

/* What stands in for getaddrinfo: fill addrs, return how many; 0: no such name or no answer. Runs
 * on a side thread, may take its time. */
typedef size_t dns_resolve_fn(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX]);

enum rc dns_new(struct loop *l, struct dns **ret) MUST_CHECK;
/* All queries must be over. A thread that is stuck in the resolver is left to end by itself; it
 * touches nothing of the loop any more. Accepts NULL. */
void dns_free(struct dns *d);
/* For tests; before the first lookup. */
void dns_set_resolver(struct dns *d, dns_resolve_fn *fn, void *arg);
/* For tests: act as if so much time had passed for all that is cached. */
void dns_age(struct dns *d, msec by);
/* Ask; q->fn must be set, the rest is initialised here. fn runs later, exactly once, unless
 * cancelled. */
void dns_lookup(struct dns *d, struct dns_query *q, str host);
void dns_cancel(struct dns_query *q); /* no-op when over */
/* An IPv4 or IPv6 literal (brackets allowed) to an address with port 0. */
bool dns_literal(str host, union dns_addr *ret);

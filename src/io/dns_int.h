/* SPDX-License-Identifier: Apache-2.0 */
/* dns_int - between the cache (dns.c) and the threads that ask (dns_pool.c). For io/ only. */
#pragma once
#include "io/dns.h"

struct dns_pool;

/* NULL: out of memory. No thread runs before the first question. */
struct dns_pool *dns_pool_new(struct loop *l, struct dns *d);
void dns_pool_free(struct dns_pool *p); /* at once: answers still to come are dropped */
void dns_pool_set_resolver(struct dns_pool *p, dns_resolve_fn *fn, void *arg);
/* Ask; dns_answered follows on the loop. False: no memory, no thread. */
bool dns_pool_ask(struct dns_pool *p, str host);
/* dns.c: the answer; n = 0: there is none. */
void dns_answered(struct dns *d, str host, const union dns_addr *addrs, size_t n);
/* dns.c: getaddrinfo. Any thread; blocks. */
size_t dns_resolve_by_system(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX]);

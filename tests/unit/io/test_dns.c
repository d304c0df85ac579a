/* SPDX-License-Identifier: Apache-2.0 */
/* test_dns - names: the cache, its ages, the threads (RELIABILITY U39, U40). No real resolver is
 * asked. */
#include "net.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>

/* A resolver that does what the test says. */
struct fake {
    _Atomic unsigned calls;
    _Atomic unsigned last_octet; /* 0: no answer */
    _Atomic bool hold;           /* do not answer yet */
    _Atomic unsigned n;          /* how many addresses */
    _Atomic unsigned running;    /* threads that look at this */
};

static size_t resolve(struct fake *f, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    atomic_fetch_add(&f->calls, 1);
    while (atomic_load(&f->hold))
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    unsigned octet = atomic_load(&f->last_octet), n = atomic_load(&f->n);
    if (octet == 0 || strcmp(host, "dead.example") == 0)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        addrs[i] = (union dns_addr){.v4 = {.sin_family = AF_INET}};
        addrs[i].v4.sin_addr.s_addr = htonl(0x0a000000u + (i << 8) + octet);
    }
    return n;
}

static size_t fake_resolve(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    struct fake *f = arg;
    atomic_fetch_add(&f->running, 1);
    size_t n = resolve(f, host, addrs);
    atomic_fetch_sub(&f->running, 1); /* the last touch: tear_down waits for it */
    return n;
}

struct asker {
    struct dns_query q; /* first */
    unsigned told;
    enum rc rc;
    size_t n;
    union dns_addr first, last;
};

static void on_told(struct dns_query *q, enum rc rc, const union dns_addr *addrs, size_t n)
{
    struct asker *a = (struct asker *)q;
    a->told++;
    a->rc = rc;
    a->n = n;
    if (rc != RC_OK)
        return;
    assert_true(n > 0);
    a->first = addrs[0];
    a->last = addrs[n - 1];
}

struct setting {
    struct loop *l;
    struct dns *d;
    struct fake fake;
};

static void set_up(struct setting *s)
{
    s->l = need_loop();
    assert_int_equal(dns_new(s->l, &s->d), RC_OK);
    s->fake = (struct fake){.last_octet = 1, .n = 2};
    dns_set_resolver(s->d, fake_resolve, &s->fake);
}

static void tear_down(struct setting *s)
{
    dns_free(s->d);
    loop_free(s->l);
    atomic_store(&s->fake.hold, false);
    while (atomic_load(&s->fake.running)) /* a thread that hung lives on after the loop */
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static void ask(struct setting *s, struct asker *a, const char *host)
{
    *a = (struct asker){.q.fn = on_told};
    dns_lookup(s->d, &a->q, str_c(host));
    assert_int_equal(a->told, 0); /* never inside */
}

static struct asker answer_to(struct setting *s, const char *host)
{
    struct asker a;
    ask(s, &a, host);
    RUN_UNTIL(s->l, a.told, 3000);
    run_for(s->l, 2);
    assert_int_equal(a.told, 1);
    return a;
}

static unsigned octet_of(const struct asker *a)
{
    assert_int_equal(a->rc, RC_OK);
    return ntohl(a->first.v4.sin_addr.s_addr) & 0xff;
}

static void test_literals(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    struct asker a = answer_to(&s, "192.0.2.7");
    assert_int_equal(a.n, 1);
    assert_int_equal(a.first.any.sa_family, AF_INET);
    a = answer_to(&s, "[2001:db8::1]");
    assert_int_equal(a.first.any.sa_family, AF_INET6);
    a = answer_to(&s, "::1");
    assert_int_equal(a.first.any.sa_family, AF_INET6);
    a = answer_to(&s, "LocalHost");
    assert_int_equal(a.n, 2);
    assert_int_equal(ntohl(a.first.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(a.last.any.sa_family, AF_INET6);
    a = answer_to(&s, "api.localhost");
    assert_int_equal(ntohl(a.first.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(s.fake.calls, 0);
    tear_down(&s);
}

static void test_u40_an_answer_has_its_time(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    struct asker a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 1);
    assert_int_equal(a.n, 2);
    s.fake.last_octet = 2;
    a = answer_to(&s, "A.Example"); /* names are equal in any case */
    assert_int_equal(octet_of(&a), 1);
    assert_int_equal(s.fake.calls, 1);
    /* Near the end of the TTL: the old answer at once, a new lookup behind it. */
    dns_age(s.d, DNS_TTL_MS - DNS_AHEAD_MS + 100);
    a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 1);
    RUN_UNTIL(s.l, s.fake.calls == 2, 1000);
    run_for(s.l, 10);
    a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 2);
    assert_int_equal(s.fake.calls, 2);
    /* Past it: the new answer is waited for. */
    s.fake.last_octet = 3;
    dns_age(s.d, DNS_TTL_MS + 1);
    a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 3);
    assert_int_equal(s.fake.calls, 3);
    tear_down(&s);
}

static void test_u39_an_old_answer_serves(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    struct asker a = answer_to(&s, "a.example");
    /* The resolver fails: the old answer serves, for a while. */
    s.fake.last_octet = 0;
    dns_age(s.d, DNS_TTL_MS + 1);
    a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 1);
    assert_int_equal(s.fake.calls, 2);
    a = answer_to(&s, "a.example"); /* it has just failed: not asked again at once */
    assert_int_equal(octet_of(&a), 1);
    assert_int_equal(s.fake.calls, 2);
    dns_age(s.d, DNS_STALE_MS + 1);
    a = answer_to(&s, "a.example");
    assert_int_equal(a.rc, RC_DNS);
    assert_int_equal(s.fake.calls, 3);
    /* And comes back by itself. */
    s.fake.last_octet = 9;
    dns_age(s.d, DNS_FAIL_MS + 1);
    a = answer_to(&s, "a.example");
    assert_int_equal(octet_of(&a), 9);
    tear_down(&s);
}

/* A resolver that hangs: who has an old answer gets it after DNS_STALE_WAIT_MS, not never. */
static void test_u39_a_resolver_that_hangs(void **state)
{
    (void)state;
    struct setting s;
    struct asker old, unknown;
    set_up(&s);
    (void)answer_to(&s, "a.example");
    s.fake.hold = true;
    dns_age(s.d, DNS_TTL_MS + 1);
    usec t0 = fresh_now(s.l);
    ask(&s, &old, "a.example");
    ask(&s, &unknown, "b.example");
    RUN_UNTIL(s.l, old.told, 3000);
    assert_int_equal(octet_of(&old), 1);
    usec took = loop_now_us() - t0;
    assert_true(took >= (DNS_STALE_WAIT_MS - 20) * 1000);
    assert_int_equal(unknown.told, 0);
    s.fake.hold = false;
    RUN_UNTIL(s.l, unknown.told, 1000);
    assert_int_equal(octet_of(&unknown), 1);
    assert_int_equal(old.told, 1);
    tear_down(&s);
}

static void test_u39_failures(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    struct asker a = answer_to(&s, "dead.example");
    assert_int_equal(a.rc, RC_DNS);
    a = answer_to(&s, "dead.example"); /* the failure is remembered a second */
    assert_int_equal(a.rc, RC_DNS);
    assert_int_equal(s.fake.calls, 1);
    dns_age(s.d, DNS_FAIL_MS + 1);
    a = answer_to(&s, "dead.example");
    assert_int_equal(s.fake.calls, 2);
    char longest[DNS_HOST_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    a = answer_to(&s, longest);
    assert_int_equal(a.rc, RC_DNS);
    a = answer_to(&s, "");
    assert_int_equal(a.rc, RC_DNS);
    assert_int_equal(s.fake.calls, 2);
    tear_down(&s);
}

static void test_u39_many_addresses(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    s.fake.n = DNS_ADDRS_MAX;
    struct asker a = answer_to(&s, "many.example");
    assert_int_equal(a.n, DNS_ADDRS_MAX);
    tear_down(&s);
}

static void test_shared_and_cancelled(void **state)
{
    (void)state;
    struct setting s;
    struct asker a[10];
    set_up(&s);
    s.fake.hold = true;
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        ask(&s, &a[i], "a.example");
    dns_cancel(&a[3].q);
    dns_cancel(&a[3].q);
    RUN_UNTIL(s.l, s.fake.calls == 1, 1000);
    s.fake.hold = false;
    RUN_UNTIL(s.l, a[9].told, 1000);
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        assert_int_equal(a[i].told, i != 3);
    assert_int_equal(s.fake.calls, 1);
    ask(&s, &a[0], "a.example"); /* cancelled between the cached answer and its telling */
    dns_cancel(&a[0].q);
    ask(&s, &a[1], "127.0.0.1");
    dns_cancel(&a[1].q);
    run_for(s.l, 5);
    assert_int_equal(a[0].told + a[1].told, 0);
    tear_down(&s);
}

/* More names than the table holds: the oldest go, nothing breaks. */
static void test_bounded(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    for (unsigned i = 0; i < DNS_NAMES_MAX + 50; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%u.example", i);
        struct asker a;
        ask(&s, &a, host);
        RUN_UNTIL(s.l, a.told, 1000);
        assert_int_equal(a.rc, RC_OK);
    }
    unsigned calls = s.fake.calls;
    (void)answer_to(&s, "h200.example"); /* still there */
    assert_int_equal(s.fake.calls, calls);
    (void)answer_to(&s, "h3.example"); /* long gone */
    assert_int_equal(s.fake.calls, calls + 1);
    tear_down(&s);
}

/* The loop ends while threads are in the resolver: they must not touch what is gone. */
static void test_free_while_asking(void **state)
{
    (void)state;
    static struct fake fake; /* outlives the detached threads */
    fake = (struct fake){.last_octet = 1, .n = 1, .hold = true};
    struct loop *l = need_loop();
    struct dns *d;
    struct asker a[8];
    assert_int_equal(dns_new(l, &d), RC_OK);
    dns_set_resolver(d, fake_resolve, &fake);
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%zu.example", i);
        a[i] = (struct asker){.q.fn = on_told};
        dns_lookup(d, &a[i].q, str_c(host));
    }
    RUN_UNTIL(l, fake.calls == DNS_THREADS_MAX, 1000);
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        dns_cancel(&a[i].q);
    dns_free(d);
    loop_free(l);
    fake.hold = false;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(fake.calls, DNS_THREADS_MAX); /* the queue was dropped */
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        assert_int_equal(a[i].told, 0);
}

static void test_system(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct dns *d;
    assert_int_equal(dns_new(l, &d), RC_OK);
    /* getaddrinfo itself, on a name that needs no network: an old spelling of an address. */
    struct asker a = {.q.fn = on_told};
    dns_lookup(d, &a.q, STR("0x7f.1"));
    RUN_UNTIL(l, a.told, 5000);
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(ntohl(a.first.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(a.n, 1); /* one per address, not one per socket type */
    dns_free(d);
    loop_free(l);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s);
    for (size_t n = 1; n < 6; n++) {
        struct asker a;
        char host[32];
        snprintf(host, sizeof(host), "m%zu.example", n);
        mem_fail_after(n);
        ask(&s, &a, host);
        mem_fail_after(0);
        RUN_UNTIL(s.l, a.told, 1000);
        assert_true(a.rc == RC_OK || a.rc == RC_DNS);
        assert_int_equal(a.told, 1);
    }
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_u40_an_answer_has_its_time),
        cmocka_unit_test(test_u39_an_old_answer_serves),
        cmocka_unit_test(test_u39_a_resolver_that_hangs),
        cmocka_unit_test(test_u39_failures),
        cmocka_unit_test(test_u39_many_addresses),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_shared_and_cancelled),
        cmocka_unit_test(test_free_while_asking),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

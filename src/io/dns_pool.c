/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_pool - the side threads that call the system's resolver, which blocks.
 *
 * Not libuv's thread pool: that one lets two lookups run at a time for the whole process, so two
 * dead names would stop all others. Threads are started one by one as questions wait, up to
 * DNS_THREADS_MAX, and then stay. They are detached: one that is stuck in the resolver (tens of
 * seconds, without a way to interrupt it) must not keep the process from ending. So the pool is
 * counted, and whoever lets go of it last frees it.
 *
 * A job travels: loop -> queue (mutex) -> thread -> loop's mailbox. `closed` is set under the mutex
 * when the loop's side goes, and the thread posts under the mutex: it never posts to a dead loop.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "io/dns_int.h"

#define STACK_SIZE (512 * 1024) /* getaddrinfo and the NSS modules behind it are generous users */

struct job {
    struct mail mail;
    struct list link;
    struct dns_pool *pool;
    char host[DNS_HOST_MAX + 1];
    size_t host_n, n;
    union dns_addr addrs[DNS_ADDRS_MAX];
};

struct dns_pool {
    _Atomic unsigned refs; /* the dns, each thread, each answer in the mail */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock */
    struct list queue;
    unsigned queued, threads, idle;
    bool closed;
    /* set before the first thread */
    struct loop *loop;
    dns_resolve_fn *resolve;
    void *resolve_arg;
    /* the loop's thread only */
    struct dns *dns; /* NULL: gone */
};

static void pool_unref(struct dns_pool *p)
{
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static void job_free(struct job *j)
{
    struct dns_pool *p = j->pool;
    mem_free(j);
    pool_unref(p);
}

static void on_mail(struct mail *m)
{
    struct job *j = list_entry(m, struct job, mail);
    if (j->pool->dns)
        dns_answered(j->pool->dns, str_of(j->host, j->host_n), j->addrs, j->n);
    job_free(j);
}

/* The next job; NULL when the pool was closed. Called and returns with the lock held. */
static struct job *next_job(struct dns_pool *p)
{
    while (!p->closed && list_is_empty(&p->queue)) {
        p->idle++;
        pthread_cond_wait(&p->wake, &p->lock);
        p->idle--;
    }
    if (p->closed)
        return NULL;
    struct job *j = list_entry(p->queue.next, struct job, link);
    list_remove(&j->link);
    p->queued--;
    return j;
}

static void *thread_main(void *arg)
{
    struct dns_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (struct job *j = next_job(p); j; j = next_job(p)) {
        pthread_mutex_unlock(&p->lock);
        j->n = p->resolve(p->resolve_arg, j->host, j->addrs);
        pthread_mutex_lock(&p->lock);
        if (!p->closed) {
            loop_post(p->loop, &j->mail);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        job_free(j);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    pool_unref(p);
    return NULL;
}

/* Signals are for the main thread: this one is born with all of them blocked. */
static bool start_thread(struct dns_pool *p)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    bool ok = pthread_create(&thread, &attr, thread_main, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (!ok)
        pool_unref(p);
    return ok;
}

bool dns_pool_ask(struct dns_pool *p, str host)
{
    CHECK(host.n <= DNS_HOST_MAX);
    struct job *j = mem_zalloc(sizeof(*j));
    if (!j)
        return false;
    j->mail.fn = on_mail;
    j->pool = p;
    memcpy(j->host, host.p, host.n);
    j->host_n = host.n;
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&p->lock);
    list_push_back(&p->queue, &j->link);
    p->queued++;
    if (p->queued > p->idle && p->threads < DNS_THREADS_MAX && start_thread(p))
        p->threads++;
    bool ok = p->threads > 0;
    if (!ok) {
        list_remove(&j->link);
        p->queued--;
    }
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (!ok)
        job_free(j);
    return ok;
}

struct dns_pool *dns_pool_new(struct loop *l, struct dns *d)
{
    struct dns_pool *p = mem_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    list_init(&p->queue);
    p->loop = l;
    p->dns = d;
    p->resolve = dns_resolve_by_system;
    return p;
}

void dns_pool_set_resolver(struct dns_pool *p, dns_resolve_fn *fn, void *arg)
{
    p->resolve = fn;
    p->resolve_arg = arg;
}

void dns_pool_free(struct dns_pool *p)
{
    p->dns = NULL;
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    /* Closed: no thread takes from the queue any more. */
    while (!list_is_empty(&p->queue)) {
        struct job *j = list_entry(p->queue.next, struct job, link);
        list_remove(&j->link);
        job_free(j);
    }
    pool_unref(p);
}

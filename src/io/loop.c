/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - see loop.h.
 *
 * Deferred work runs at two points of libuv's turn: `check`, right after the poll's callbacks, and
 * `prepare`, right before the next poll. Work that is deferred while it runs waits for the other
 * point; if it was `prepare` that left some, an idle handle keeps the poll from blocking.
 *
 * The mailbox is a lock-free stack (push by compare-and-swap, taken whole by exchange) that is
 * turned round when it is taken: order of each sender is kept. Only the push that finds it empty
 * wakes the loop, so a burst of mail costs one eventfd write.
 */
#include "io/loop.h"

#include <signal.h>
#include <time.h>

#include "base/mem.h"
#include "io/loop_int.h"

#define LOOP_CIPHER_MAX (256 * 1024) /* bounds one SSL_write batch; see tls.c */

static void run_deferred(struct loop *l)
{
    /* Take what waits now; what is added meanwhile runs at the next point, so that two that defer
     * each other cannot hold the loop. */
    struct list now;
    if (list_is_empty(&l->deferred))
        return;
    now = l->deferred;
    now.next->prev = now.prev->next = &now;
    list_init(&l->deferred);
    while (!list_is_empty(&now)) {
        struct deferred *d = list_entry(now.next, struct deferred, link);
        list_remove(&d->link);
        d->fn(d);
    }
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* its being active is all that matters: the poll will not block */
}

static void on_prepare(uv_prepare_t *h)
{
    struct loop *l = h->data;
    run_deferred(l);
    bool more = !list_is_empty(&l->deferred);
    if (more != (uv_is_active((uv_handle_t *)&l->idle) != 0)) {
        if (more)
            uv_idle_start(&l->idle, on_idle);
        else
            uv_idle_stop(&l->idle);
    }
}

static void on_check(uv_check_t *h)
{
    run_deferred(h->data);
}

static struct mail *take_mail(struct loop *l)
{
    struct mail *m = atomic_exchange_explicit(&l->inbox, NULL, memory_order_acquire);
    struct mail *in_order = NULL;
    while (m) {
        struct mail *next = m->next;
        m->next = in_order;
        in_order = m;
        m = next;
    }
    return in_order;
}

static void deliver_mail(struct loop *l)
{
    for (struct mail *m = take_mail(l), *next; m; m = next) {
        next = m->next;
        m->fn(m);
    }
}

static void on_async(uv_async_t *h)
{
    deliver_mail(h->data);
}

void loop_post(struct loop *l, struct mail *m)
{
    ASSERT(m->fn != NULL);
    struct mail *head = atomic_load_explicit(&l->inbox, memory_order_relaxed);
    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&l->inbox, &head, m, memory_order_release,
                                                    memory_order_relaxed));
    if (!head)
        uv_async_send(&l->async);
}

void loop_defer(struct loop *l, struct deferred *d)
{
    ASSERT(d->fn != NULL);
    if (deferred_is_waiting(d))
        return;
    list_push_back(&l->deferred, &d->link);
}

void deferred_cancel(struct deferred *d)
{
    if (d->link.next)
        list_remove(&d->link);
}

bool deferred_is_waiting(const struct deferred *d)
{
    return d->link.next != NULL && !list_is_empty(&d->link);
}

/* A peer that closes while we write must be an error code, not the end of the process. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
        return;
    now = (struct sigaction){.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &now, NULL);
}

/* The loop's own handles, all unreferenced except the async: a loop with nothing to do waits for
 * mail rather than ending. */
static enum rc open_handles(struct loop *l)
{
    if (uv_async_init(&l->uv, &l->async, on_async) != 0)
        return RC_IO;
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->idle);
    l->async.data = l->prepare.data = l->check.data = l->idle.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
    uv_unref((uv_handle_t *)&l->prepare);
    uv_unref((uv_handle_t *)&l->check);
    l->handles_open = 4;
    return RC_OK;
}

enum rc loop_new(struct loop **ret)
{
    struct loop *l = mem_zalloc(sizeof(*l));
    if (!l)
        return RC_NOMEM;
    list_init(&l->deferred);
    buf_init(&l->cipher, LOOP_CIPHER_MAX);
    l->read_buf = mem_alloc(LOOP_READ_SIZE);
    if (!l->read_buf || uv_loop_init(&l->uv) != 0) {
        enum rc rc = l->read_buf ? RC_IO : RC_NOMEM;
        mem_free(l->read_buf);
        mem_free(l);
        return rc;
    }
    l->uv.data = l;
    enum rc rc = open_handles(l);
    if (rc != RC_OK) {
        loop_free(l);
        return rc;
    }
    ignore_sigpipe();
    *ret = l;
    return RC_OK;
}

static void on_own_closed(uv_handle_t *h)
{
    struct loop *l = h->data;
    l->handles_open--;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->handles_open) {
        /* First the others: with the async unreferenced uv_run ends when they are closed. */
        uv_unref((uv_handle_t *)&l->async);
        do {
            uv_run(&l->uv, UV_RUN_DEFAULT);
            deliver_mail(l);
            run_deferred(l);
        } while (uv_loop_alive(&l->uv) || !list_is_empty(&l->deferred));
        uv_close((uv_handle_t *)&l->async, on_own_closed);
        uv_close((uv_handle_t *)&l->prepare, on_own_closed);
        uv_close((uv_handle_t *)&l->check, on_own_closed);
        uv_close((uv_handle_t *)&l->idle, on_own_closed);
        while (l->handles_open)
            uv_run(&l->uv, UV_RUN_ONCE);
    }
    CHECK(uv_loop_close(&l->uv) == 0);
    buf_fini(&l->cipher);
    mem_free(l->record);
    mem_free(l->plain_buf);
    mem_free(l->read_buf);
    mem_free(l);
}

void loop_run(struct loop *l)
{
    l->stopped = false;
    while (!l->stopped)
        uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
    uv_stop(&l->uv);
}

void loop_turn(struct loop *l, bool wait)
{
    uv_run(&l->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

msec loop_now(const struct loop *l)
{
    return uv_now(&l->uv) + 1; /* never 0, even on a machine that has just started */
}

usec loop_now_us(void)
{
    return uv_hrtime() / 1000;
}

uint64_t loop_unix_ms(struct loop *l)
{
    msec now = loop_now(l);
    if (l->unix_at != now) {
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        l->unix_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
        l->unix_at = now;
    }
    return l->unix_ms;
}

enum rc loop_need_tls(struct loop *l)
{
    if (!l->plain_buf)
        l->plain_buf = mem_alloc(LOOP_READ_SIZE);
    if (!l->record)
        l->record = mem_alloc(LOOP_RECORD_SIZE);
    return l->plain_buf && l->record ? RC_OK : RC_NOMEM;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* webhook - see the header. */
#include "app/webhook.h"

#include <stdio.h>

#include "app/fetch.h"
#include "base/check.h"
#include "base/mem.h"

#define ANSWER_MAX (64u << 10) /* nobody reads it */
#define WAIT_MS    1000        /* before the second try; five times longer each time */

struct message {
    struct list link;
    struct snapshot *snap;
    const struct conf_remote *to;
    unsigned tries;
    size_t n;
    char json[];
};

struct webhooks {
    struct loop *loop;
    struct fetch *fetch;
    struct timer clock; /* to begin: a fetch may not be started from the end of another */
    struct list queue;  /* the first is under way, or waits for its next try */
    unsigned waiting;
    bool busy;
};

static void drop(struct webhooks *w, struct message *m)
{
    CHECK(w->waiting > 0);
    list_remove(&m->link);
    w->waiting--;
    snapshot_unref(m->snap);
    mem_free(m);
}

static struct message *first(struct webhooks *w)
{
    return list_is_empty(&w->queue) ? NULL : list_entry(w->queue.next, struct message, link);
}

static void on_sent(void *arg, str body, const char *why);

static void on_clock(struct timer *t)
{
    struct webhooks *w = (struct webhooks *)(void *)((char *)t - offsetof(struct webhooks, clock));
    struct message *m = first(w);
    if (!m || w->busy)
        return;
    w->busy = true;
    m->tries++;
    if (!fetch_post(w->fetch, m->to, str_of(m->json, m->n)))
        on_sent(w, STR(""), "out of memory");
}

static void on_sent(void *arg, str body, const char *why)
{
    struct webhooks *w = arg;
    struct message *m = first(w);
    msec wait = 1;
    (void)body;
    ASSERT(m && w->busy);
    w->busy = false;
    if (!why) {
        drop(w, m);
    } else if (m->tries >= WEBHOOK_TRIES) {
        fprintf(stderr, "weir: the webhook at " STR_FMT " did not take an alert: %s\n",
                STR_ARG(m->to->text), why);
        drop(w, m);
    } else {
        for (unsigned i = 1; i < m->tries; i++)
            wait *= 5;
        wait *= WAIT_MS;
    }
    timer_set(&w->clock, loop_now(w->loop) + wait);
}

enum rc webhooks_new(struct loop *l, struct webhooks **ret)
{
    struct webhooks *w = mem_zalloc(sizeof(*w));
    if (!w)
        return RC_NOMEM;
    enum rc rc = fetch_new(l, ANSWER_MAX, on_sent, w, &w->fetch);
    if (rc != RC_OK) {
        mem_free(w);
        return rc;
    }
    w->loop = l;
    list_init(&w->queue);
    timer_init(&w->clock, l, on_clock);
    *ret = w;
    return RC_OK;
}

/* The first is being read by the fetch: it stays. */
static void make_room(struct webhooks *w)
{
    if (w->waiting < WEBHOOK_QUEUE)
        return;
    struct list *oldest = w->busy ? w->queue.next->next : w->queue.next;
    ASSERT(oldest != &w->queue);
    drop(w, list_entry(oldest, struct message, link));
}

void webhooks_send(struct webhooks *w, struct snapshot *s, const struct conf_remote *to, str json)
{
    ASSERT(to->text.n);
    struct message *m = mem_alloc(sizeof(*m) + json.n);
    if (!m) {
        fprintf(stderr, "weir: out of memory: an alert is not sent\n");
        return;
    }
    make_room(w);
    *m = (struct message){.snap = snapshot_ref(s), .to = to, .n = json.n};
    memcpy(m->json, json.p, json.n);
    list_push_back(&w->queue, &m->link);
    w->waiting++;
    if (w->waiting == 1)
        timer_set(&w->clock, loop_now(w->loop) + 1);
}

static void on_closed(struct timer *t)
{
    mem_free((char *)t - offsetof(struct webhooks, clock));
}

void webhooks_free(struct webhooks *w)
{
    if (!w)
        return;
    fetch_free(w->fetch);
    while (first(w))
        drop(w, first(w));
    timer_close(&w->clock, on_closed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* server - the set of a worker's connections: made, limited, drained, closed. */
#include "base/mem.h"
#include "server/server_int.h"

#define SCRATCH_MAX   (64 * 1024)
#define SCRATCH_FIRST 4096 /* there from the start: to say that memory is short takes none */

enum rc server_new(struct loop *l, const struct server_ops *ops, void *user, struct server **ret)
{
    struct server *s = mem_zalloc(sizeof(*s));
    if (!s)
        return RC_NOMEM;
    s->scratch = BUF_INIT(SCRATCH_MAX);
    s->bodies = body_pool_new();
    if (!s->bodies || !buf_reserve(&s->scratch, SCRATCH_FIRST)) {
        body_pool_free(s->bodies);
        mem_free(s);
        return RC_NOMEM;
    }
    s->loop = l;
    s->ops = ops;
    s->user = user;
    list_init(&s->conns);
    list_init(&s->free_requests);
    *ret = s;
    return RC_OK;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    CHECK(list_is_empty(&s->conns));
    list_each_safe(it, tmp, &s->free_requests)
    {
        struct request *r = list_entry(it, struct request, link);
        arena_fini(&r->arena);
        mem_free(r);
    }
    body_pool_free(s->bodies);
    buf_fini(&s->scratch);
    mem_free(s);
}

void *server_user(struct server *s)
{
    return s->user;
}

void server_set_limits(struct server *s, const struct server_limits *limits)
{
    s->limits = *limits;
}

void server_drain(struct server *s)
{
    s->draining = true;
    list_each_safe(it, tmp, &s->conns)
    {
        struct conn *c = list_entry(it, struct conn, link);
        if (c->state == CONN_IDLE && !deferred_is_waiting(&c->resume))
            conn_close(c);
    }
}

void server_close_all(struct server *s)
{
    while (!list_is_empty(&s->conns))
        conn_close(list_entry(s->conns.next, struct conn, link));
}

unsigned server_conns(const struct server *s)
{
    return s->nconns;
}

unsigned server_requests(const struct server *s)
{
    return s->nrequests;
}

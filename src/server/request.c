/* SPDX-License-Identifier: Apache-2.0 */
/* request - birth and death of a request; pooled, so that a call costs no malloc. */
#include <arpa/inet.h>

#include "base/mem.h"
#include "server/server_int.h"

struct request *request_new(struct conn *c)
{
    struct server *s = c->server;
    struct request *r;
    CHECK(!c->req); /* one at a time, or answers would be mixed */
    if (!list_is_empty(&s->free_requests)) {
        r = list_entry(s->free_requests.next, struct request, link);
        list_remove(&r->link);
        s->nfree--;
        struct arena keep = r->arena;
        *r = (struct request){.arena = keep};
        r->arena.cap = s->limits.arena_max;
    } else {
        r = mem_zalloc(sizeof(*r));
        if (!r)
            return NULL;
        arena_init_with(&r->arena, s->limits.arena_max, REQUEST_CHUNK);
    }
    list_init(&r->link);
    r->server = s;
    r->conn = c;
    r->began = loop_now(s->loop);
    s->nrequests++;
    return r;
}

void request_free(struct request *r)
{
    struct server *s = r->server;
    CHECK((!r->conn || r->conn->req != r) && s->nrequests > 0); /* nobody finds it any more */
    if (r->body_cap)
        body_give(s->bodies, r->body_mem, r->body_cap);
    if (r->last) /* the queue that referred to it is empty, or was dropped */
        buf_fini(r->last);
    s->nrequests--;
    if (s->nfree >= FREE_REQUESTS) {
        arena_fini(&r->arena);
        mem_free(r);
        return;
    }
    arena_reset(&r->arena);
    list_push_front(&s->free_requests, &r->link);
    s->nfree++;
}

void request_keep(struct request *r)
{
    CHECK(r->gone && !r->kept && r->conn);
    r->kept = true;
}

void request_done(struct request *r)
{
    CHECK(r->kept && !r->conn);
    request_free(r);
}

struct server *request_server(const struct request *r)
{
    return r->server;
}

str request_peer(struct request *r)
{
    struct sockaddr_storage a;
    char text[INET6_ADDRSTRLEN] = "";
    if (!r->conn || !sock_peer(&r->conn->sock, &a)) /* one that is only asked about has no conn */
        return STR("");
    const void *ip = a.ss_family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)&a)->sin6_addr
                                             : &((struct sockaddr_in *)&a)->sin_addr;
    if (!inet_ntop(a.ss_family, ip, text, sizeof(text)))
        return STR("");
    return arena_dup(&r->arena, str_c(text));
}

bool request_peer_is_loopback(const struct request *r)
{
    struct sockaddr_storage a;
    if (!r->conn || !sock_peer(&r->conn->sock, &a))
        return false;
    if (a.ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return (ntohl(((const struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24) == 127;
}

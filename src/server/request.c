/* SPDX-License-Identifier: Apache-2.0 */
/* request - birth and death of a request; pooled, so that a call costs no malloc. */
#include <arpa/inet.h>

#include "base/mem.h"
#include "server/server_int.h"

struct request *request_new(struct conn *c)
{
    struct server *s = c->server;
    struct request *r;
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
        arena_init(&r->arena, s->limits.arena_max);
    }
    list_init(&r->link);
    r->conn = c;
    r->began = loop_now(s->loop);
    s->nrequests++;
    return r;
}

void request_free(struct request *r)
{
    struct server *s = r->conn->server;
    body_give(s->bodies, r->body_mem, r->body_cap);
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

struct server *request_server(const struct request *r)
{
    return r->conn->server;
}

static bool peer_address(const struct request *r, struct sockaddr_storage *a)
{
    int len = sizeof(*a);
    return uv_tcp_getpeername(&r->conn->sock.tcp, (struct sockaddr *)a, &len) == 0;
}

str request_peer(struct request *r)
{
    struct sockaddr_storage a;
    char text[INET6_ADDRSTRLEN] = "";
    if (!peer_address(r, &a))
        return STR("");
    if (a.ss_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)&a, text, sizeof(text));
    else
        uv_ip4_name((const struct sockaddr_in *)&a, text, sizeof(text));
    return arena_dup(&r->arena, str_c(text));
}

bool request_peer_is_loopback(const struct request *r)
{
    struct sockaddr_storage a;
    if (!peer_address(r, &a))
        return false;
    if (a.ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return (ntohl(((const struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24) == 127;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin - the client, its origins, and the idle connections each keeps.
 *
 * An origin is found by one string made of everything that matters to its connections, so two
 * providers with the same address and the same TLS settings share a pool, and a reload that changes
 * something else finds the pool again.
 *
 * The pool is last in, first out: the busiest connections stay warm and the rest grow old and are
 * closed. Idle connections go on reading: bytes or a FIN on one are seen as they come, without a
 * system call at the time of use.
 */
#include "base/mem.h"
#include "client/client_int.h"

/* ---- identity */

#define KEY_MAX (8 * 1024) /* a spec longer than that is no configuration */

/* The parts of the key that are text. */
enum {
    PART_HOST,
    PART_PROXY_HOST,
    PART_PROXY_AUTH,
    PART_CA_FILE,
    PART_SNI,
    PART_BESIDES,
    PART_COUNT
};

static str *part_of(struct origin_spec *s, unsigned i)
{
    str *const parts[PART_COUNT] = {&s->host,    &s->proxy_host, &s->proxy_auth,
                                    &s->ca_file, &s->sni,        &s->besides};
    return parts[i];
}

/* Each text behind its length, so that no two specs give one key; an absent one differs from an
 * empty one. at[i] is where text i stands. */
static void make_key(struct buf *b, struct origin_spec *s, size_t at[PART_COUNT])
{
    CHECK(!s->public_only || !s->proxy_host.p);
    buf_addf(b, "%d%d%d:%u:%u", s->tls, s->tls_no_verify, s->public_only, s->port, s->proxy_port);
    for (unsigned i = 0; i < PART_COUNT; i++) {
        str part = *part_of(s, i);
        buf_add_char(b, part.p ? ':' : '-');
        buf_add_u64(b, part.n);
        buf_add_char(b, ':');
        at[i] = buf_size(b);
        buf_add(b, part);
    }
}

static struct origin *origin_new(struct client *c, const struct origin_spec *spec, struct buf *key,
                                 const size_t at[PART_COUNT])
{
    struct origin *o = mem_zalloc(sizeof(*o));
    if (!o)
        return NULL;
    o->client = c;
    o->spec = *spec;
    for (unsigned i = 0; i < PART_COUNT; i++) {
        str *part = part_of(&o->spec, i);
        if (part->p)
            part->p = key->p + at[i];
    }
    o->text = key->p;
    o->text_n = buf_size(key);
    list_init(&o->idle);
    list_init(&o->busy);
    if (map_put(&c->by_key, origin_key(o), o, NULL) != RC_OK) {
        mem_free(o);
        return NULL;
    }
    list_push_back(&c->origins, &o->link);
    return o;
}

struct origin *client_origin(struct client *c, const struct origin_spec *spec)
{
    struct buf key = BUF_INIT(KEY_MAX);
    struct origin_spec copy = *spec;
    size_t at[PART_COUNT];
    make_key(&key, &copy, at);
    struct origin *o = key.failed ? NULL : map_get(&c->by_key, buf_str(&key));
    if (o || key.failed) {
        buf_fini(&key);
        return o;
    }
    o = origin_new(c, spec, &key, at);
    if (!o)
        buf_fini(&key);
    return o; /* which owns the key's memory now */
}

unsigned origin_idle(const struct origin *o)
{
    return o->nidle;
}

unsigned origin_busy(const struct origin *o)
{
    return o->nbusy;
}

static void origin_close(struct origin *o)
{
    list_each_safe(l, tmp, &o->busy) up_conn_close(list_entry(l, struct up_conn, link));
    list_each_safe(l, tmp, &o->idle) up_conn_close(list_entry(l, struct up_conn, link));
    tls_slot_fini(&o->slot);
    tls_ctx_unref(o->tls);
    mem_free(o->text);
    mem_free(o);
}

struct origin *client_lend(struct client *c, const struct origin_spec *spec)
{
    struct origin *o = client_origin(c, spec);
    if (o)
        o->lent++;
    return o;
}

/* The key in the table is the origin's own memory: out of there first. */
void client_give(struct origin *o)
{
    CHECK(o->lent > 0);
    if (--o->lent)
        return;
    (void)map_take(&o->client->by_key, origin_key(o));
    list_remove(&o->link);
    origin_close(o);
}

/* ---- TLS */

static struct trust *trust_new(struct client *c, const struct origin_spec *s, const char **ret_why)
{
    struct trust *t = mem_zalloc(sizeof(*t) + s->ca_file.n);
    if (!t)
        return NULL;
    t->verify = !s->tls_no_verify;
    t->system = !s->ca_file.p;
    t->n = s->ca_file.n;
    if (s->ca_file.p)
        memcpy(t->ca_file, s->ca_file.p, t->n);
    if (tls_ctx_new_client(s->ca_file, t->verify, &t->ctx, ret_why) != RC_OK) {
        mem_free(t);
        return NULL;
    }
    list_push_back(&c->trusts, &t->link);
    return t;
}

enum rc origin_tls(struct origin *o, struct tls_ctx **ret, const char **ret_why)
{
    const struct origin_spec *s = &o->spec;
    struct trust *found = NULL;
    *ret_why = "out of memory";
    if (!o->tls) {
        list_each(l, &o->client->trusts)
        {
            struct trust *t = list_entry(l, struct trust, link);
            if (t->verify == !s->tls_no_verify && t->system == !s->ca_file.p &&
                (t->system || str_eq(str_of(t->ca_file, t->n), s->ca_file)))
                found = t;
        }
        if (!found)
            found = trust_new(o->client, s, ret_why);
        if (!found)
            return RC_TLS;
        o->tls = tls_ctx_ref(found->ctx);
    }
    *ret = o->tls;
    return RC_OK;
}

/* ---- the pool */

static void idle_remove(struct up_conn *c)
{
    list_remove(&c->link);
    c->origin->nidle--;
}

struct up_conn *pool_take(struct origin *o)
{
    msec now = loop_now(o->client->loop);
    while (!list_is_empty(&o->idle)) {
        struct up_conn *c = list_entry(o->idle.next, struct up_conn, link);
        ASSERT(c->state == UP_IDLE && !c->x);
        if (c->idle_until > now) {
            idle_remove(c);
            return c;
        }
        up_conn_close(c);
    }
    return NULL;
}

void pool_put(struct up_conn *c)
{
    struct origin *o = c->origin;
    CHECK(c->state == UP_BUSY && !c->x && buf_size(&c->held) == 0 && !sock_queued(&c->sock));
    msec now = loop_now(o->client->loop);
    if (c->idle_ttl <= IDLE_NONE || now >= c->retire_at) {
        up_conn_close(c);
        return;
    }
    c->idle_until = now + c->idle_ttl;
    list_remove(&c->link);
    o->nbusy--;
    list_push_front(&o->idle, &c->link);
    o->nidle++;
    c->state = UP_IDLE;
    if (o->nidle > ORIGIN_IDLE_MAX)
        up_conn_close(list_entry(o->idle.prev, struct up_conn, link));
}

void client_tick(struct client *c, msec now)
{
    list_each(lo, &c->origins)
    {
        struct origin *o = list_entry(lo, struct origin, link);
        list_each_safe(l, tmp, &o->idle)
        {
            struct up_conn *u = list_entry(l, struct up_conn, link);
            if (u->idle_until <= now)
                up_conn_close(u);
        }
    }
}

/* ---- the client */

enum rc client_new(struct loop *l, struct client **ret)
{
    struct client *c = mem_zalloc(sizeof(*c));
    if (!c)
        return RC_NOMEM;
    c->loop = l;
    if (dns_new(l, &c->dns) != RC_OK) {
        mem_free(c);
        return RC_NOMEM;
    }
    /* Keys come from our own configuration: nobody can choose them to collide. */
    map_init(&c->by_key, (struct hash_key){0x6f726967, 0x696e73});
    list_init(&c->origins);
    list_init(&c->trusts);
    *ret = c;
    return RC_OK;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    list_each_safe(l, tmp, &c->origins) origin_close(list_entry(l, struct origin, link));
    list_each_safe(l, tmp, &c->trusts)
    {
        struct trust *t = list_entry(l, struct trust, link);
        tls_ctx_unref(t->ctx);
        mem_free(t);
    }
    map_fini(&c->by_key);
    dns_free(c->dns);
    mem_free(c);
}

struct dns *client_dns(struct client *c)
{
    return c->dns;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * download - see the header. What happens in the exchange's callbacks is only noted; the next step
 * (another hop, the end) runs from the loop, when the connection is done with itself and its origin
 * may go.
 */
#include "client/download.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/rope.h"
#include "http/h1_write.h"
#include "http/url.h"

#define CONNECT_MS 5000u
#define SILENCE_MS 10000u

struct downloads {
    struct loop *loop;
    struct client *client;
    struct list waiting;
    unsigned running;
};

static void go(struct download *d);

static struct download *of(struct exchange *x)
{
    return (struct download *)(void *)((char *)x - offsetof(struct download, x));
}

/* ---- URLs */

/* A URL as people write it: blanks and letters beyond ASCII as %XX, without its fragment, which is
 * never sent (RFC 3986 section 3.5). */
static void put_url(struct buf *to, str text)
{
    text = str_head(text, str_find_char(text, '#'));
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c > ' ' && c < 0x7f)
            buf_add_char(to, (char)c);
        else
            buf_addf(to, "%%%02X", c);
    }
}

/* Where `location` leads from here (RFC 3986 section 5.2, but that dots are left to the server). */
static void follow(struct buf *to, const struct url *here, str location)
{
    const char *scheme = here->tls ? "https:" : "http:";
    bool whole = str_has_prefix_nocase(location, STR("https://")) ||
                 str_has_prefix_nocase(location, STR("http://"));
    if (whole) {
        put_url(to, location);
        return;
    }
    buf_addf(to, "%s", scheme);
    if (!str_has_prefix(location, STR("//"))) {
        buf_lit(to, "//");
        buf_add(to, here->authority);
        if (!str_has_prefix(location, STR("/"))) {
            size_t slash = str_rfind_char(here->path, '/');
            buf_add(to, slash == SIZE_MAX ? STR("/") : str_head(here->path, slash + 1));
        }
    }
    put_url(to, location);
}

/* A name may end in the root's dot. */
static str host_of(const struct url *u)
{
    return str_has_suffix(u->host, STR(".")) ? str_head(u->host, u->host.n - 1) : u->host;
}

/* ---- the end of a hop, and of all */

/* From now on the exchange is over; what follows runs from the loop. */
static void end_hop(struct download *d, const char *why)
{
    d->why = why;
    loop_defer(d->all->loop, &d->later);
}

static const char *said(struct download *d, unsigned status)
{
    (void)snprintf(d->reason, sizeof(d->reason), "the server answered %u", status);
    return d->reason;
}

static void let_origin_go(struct download *d)
{
    if (d->origin)
        client_give(d->origin);
    d->origin = NULL;
}

/* Out of all lists; who waits may come. */
static void leave(struct download *d)
{
    struct downloads *all = d->all;
    exchange_cancel(&d->x);
    deferred_cancel(&d->later);
    let_origin_go(d);
    if (d->link.next)
        list_remove(&d->link);
    d->link.next = NULL;
    buf_fini(&d->url);
    buf_fini(&d->head);
    d->active = false;
    if (!d->running)
        return;
    d->running = false;
    CHECK(all->running > 0);
    all->running--;
    if (list_is_empty(&all->waiting))
        return;
    struct download *next = list_entry(all->waiting.next, struct download, link);
    list_remove(&next->link);
    next->link.next = NULL;
    go(next);
}

static void on_later(struct deferred *later)
{
    struct download *d = list_entry(later, struct download, later);
    CHECK(d->active && !d->x.active);
    let_origin_go(d);
    if (d->moved) {
        go(d);
        return;
    }
    const char *why = d->why;
    leave(d);
    d->ops->on_end(d, why);
}

/* ---- the exchange */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static const char *take_redirect(struct download *d, str location)
{
    struct buf next = BUF_INIT(DOWNLOAD_URL_BYTES);
    struct url here;
    const char *why;
    if (d->hops++ >= DOWNLOAD_HOPS)
        return "it is redirected too often";
    if (!location.n || url_parse(buf_str(&d->url), &here, &why) != RC_OK)
        return "it is redirected to nowhere";
    follow(&next, &here, location);
    buf_fini(&d->url);
    d->url = next;
    d->moved = true;
    return NULL;
}

static const char *take_head(struct download *d, const struct h1_head *h)
{
    str coding = h1_get(h, H1_CONTENT_ENCODING), type = h1_get(h, H1_CONTENT_TYPE);
    if (h->status != 200)
        return said(d, h->status);
    if (coding.n && !str_eq_nocase(coding, STR("identity")))
        return "it came compressed, unasked";
    if (h->body == H1_BODY_LENGTH && h->content_length > d->from->one)
        return "it is larger than the gateway allows";
    return d->ops->on_type(d, str_trim(str_head(type, str_find_char(type, ';'))));
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    struct download *d = of(x);
    const char *why =
        is_redirect(h->status) ? take_redirect(d, h1_find(h, STR("location"))) : take_head(d, h);
    if (!why && !d->moved)
        return;
    exchange_cancel(x);
    end_hop(d, why);
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    struct download *d = of(x);
    d->got += n;
    const char *why = d->got > d->from->one ? "it is larger than the gateway allows"
                                            : d->ops->on_bytes(d, str_of(p, n));
    if (!why)
        return;
    exchange_cancel(x);
    end_hop(d, why);
}

static void on_end(struct exchange *x, bool by_close)
{
    (void)by_close; /* half a picture begins like a whole one: that is the server's to say */
    end_hop(of(x), NULL);
}

static void on_fail(struct exchange *x, const struct exchange_fail *f)
{
    end_hop(of(x),
            f->what == CLIENT_NOT_PUBLIC ? "its host may not be reached from here" : f->what);
}

static const struct exchange_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

static void write_head(struct download *d, const struct url *u)
{
    struct buf *b = &d->head;
    buf_clear(b);
    buf_lit(b, "GET ");
    buf_add(b, u->path.n ? u->path : STR("/"));
    if (u->query.p) {
        buf_add_char(b, '?');
        buf_add(b, u->query);
    }
    buf_lit(b, " HTTP/1.1\r\nhost: ");
    buf_add(b, u->authority);
    buf_addf(b,
             "\r\nuser-agent: weir/" WEIR_VERSION
             "\r\naccept: %s\r\naccept-encoding: identity\r\nconnection: close\r\n",
             d->accept);
    h1_write_end(b);
}

/* The origin of where it is now, if that may be. */
static const char *aim(struct download *d)
{
    struct url u;
    const char *why = "it is too long";
    if (d->url.failed || url_parse(buf_str(&d->url), &u, &why) != RC_OK)
        return why;
    const struct conf_fetch_host *h = conf_fetch_find(d->from, u.tls, host_of(&u), u.port);
    if (!h)
        return "it is redirected to a host that is not allowed here";
    const struct origin_spec spec = {
        .tls = u.tls,
        .host = host_of(&u),
        .port = u.port,
        .ca_file = d->from->ca_file,
        .public_only = true,
        .besides = h->wildcard ? STR_NONE : d->from->besides,
    };
    write_head(d, &u);
    d->origin = d->head.failed ? NULL : client_lend(d->all->client, &spec);
    return d->origin ? NULL : "there is no memory for it now";
}

static void go(struct download *d)
{
    struct downloads *all = d->all;
    if (!d->running && all->running >= DOWNLOADS_MAX) {
        list_push_back(&all->waiting, &d->link);
        return;
    }
    if (!d->running)
        all->running++;
    d->running = true;
    d->moved = false;
    const char *why = aim(d);
    if (why) {
        end_hop(d, why);
        return;
    }
    d->iov = str_iov(buf_str(&d->head));
    d->x = (struct exchange){
        .ops = &ops,
        .origin = d->origin,
        .iov = &d->iov,
        .niov = 1,
        .limits = {.connect_ms = CONNECT_MS,
                   .tls_ms = CONNECT_MS,
                   .first_byte_ms = SILENCE_MS,
                   .idle_ms = SILENCE_MS,
                   .deadline = d->deadline},
    };
    exchange_start(all->client, &d->x);
}

/* ---- for the owner */

void download_start(struct downloads *all, struct download *d, str url)
{
    CHECK(!d->active && d->ops && d->from && d->deadline);
    d->all = all;
    d->later = (struct deferred){.fn = on_later};
    d->url = BUF_INIT(DOWNLOAD_URL_BYTES);
    d->head = BUF_INIT(2 * DOWNLOAD_URL_BYTES);
    d->link.next = NULL;
    d->got = 0;
    d->hops = 0;
    d->active = true;
    put_url(&d->url, url);
    go(d);
}

void download_cancel(struct download *d)
{
    if (d->active)
        leave(d);
}

enum rc downloads_new(struct loop *l, struct downloads **ret)
{
    struct downloads *all = mem_zalloc(sizeof(*all));
    if (!all)
        return RC_NOMEM;
    all->loop = l;
    list_init(&all->waiting);
    if (client_new(l, &all->client) != RC_OK) {
        mem_free(all);
        return RC_NOMEM;
    }
    *ret = all;
    return RC_OK;
}

void downloads_free(struct downloads *all)
{
    if (!all)
        return;
    CHECK(!all->running && list_is_empty(&all->waiting));
    client_free(all->client);
    mem_free(all);
}

struct dns *downloads_dns(struct downloads *all)
{
    return client_dns(all->client);
}

unsigned downloads_running(const struct downloads *all)
{
    return all->running;
}

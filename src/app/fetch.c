/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - see the header.
 *
 * It is one exchange of client/, with a client (pools, TLS contexts) of its own: those of the
 * workers are on other loops. `connection: close` and identity coding keep it as plain as it can
 * be; the document comes once a day.
 */
#include "app/fetch.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "client/client.h"
#include "http/h1_write.h"

#define CONNECT_MS 5000
#define ANSWER_MS  30000 /* to its first byte, and between two */
#define WHOLE_MS   120000
#define HEAD_MAX   (64u << 10) /* and what is posted */

struct fetch {
    struct exchange x; /* first */
    struct loop *loop;
    struct client *client;
    fetch_fn fn;
    void *arg;
    struct buf head, body;
    struct iovec iov;
    bool posts;
    char why[200];
};

static void finish(struct fetch *f, const char *why)
{
    f->fn(f->arg, why || !f->body.p ? STR("") : buf_str(&f->body), why);
}

static void give_up(struct fetch *f, const char *why)
{
    exchange_cancel(&f->x);
    finish(f, why);
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    struct fetch *f = (struct fetch *)(void *)x;
    if (h->status == 200 || (f->posts && h->status / 100 == 2))
        return;
    bool moved = h->status >= 300 && h->status < 400;
    snprintf(f->why, sizeof(f->why), "it answers %u%s", h->status,
             moved ? ", a redirect; name the place it leads to" : "");
    give_up(f, f->why);
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    struct fetch *f = (struct fetch *)(void *)x;
    buf_add(&f->body, str_of(p, n));
    if (f->body.failed)
        give_up(f, "the document is too large");
}

static void on_end(struct exchange *x, bool by_close)
{
    struct fetch *f = (struct fetch *)(void *)x;
    (void)by_close; /* a document cut short is not JSON: the caller sees it */
    finish(f, NULL);
}

static void on_fail(struct exchange *x, const struct exchange_fail *fail)
{
    struct fetch *f = (struct fetch *)(void *)x;
    snprintf(f->why, sizeof(f->why), "%s (%s)", rc_text(fail->rc), fail->what);
    finish(f, f->why);
}

static const struct exchange_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

enum rc fetch_new(struct loop *l, size_t max, fetch_fn fn, void *arg, struct fetch **ret)
{
    struct fetch *f = mem_zalloc(sizeof(*f));
    if (!f)
        return RC_NOMEM;
    enum rc rc = client_new(l, &f->client);
    if (rc != RC_OK) {
        mem_free(f);
        return rc;
    }
    f->loop = l;
    f->fn = fn;
    f->arg = arg;
    f->head = BUF_INIT(HEAD_MAX);
    f->body = BUF_INIT(max);
    *ret = f;
    return RC_OK;
}

static void write_head(struct fetch *f, const struct conf_remote *from, str json)
{
    struct buf *b = &f->head;
    buf_clear(b);
    buf_add(b, f->posts ? STR("POST ") : STR("GET "));
    buf_add(b, from->target);
    buf_lit(b, " HTTP/1.1\r\nhost: ");
    buf_add(b, from->origin.authority);
    buf_lit(b,
            "\r\nuser-agent: weir/" WEIR_VERSION
            "\r\naccept: application/json\r\naccept-encoding: identity\r\nconnection: close\r\n");
    if (f->posts) {
        buf_lit(b, "content-type: application/json\r\n");
        h1_write_header_u64(b, STR("content-length"), json.n);
    }
    h1_write_end(b);
}

static bool start(struct fetch *f, const struct conf_remote *from, str json)
{
    struct origin_spec spec = {
        .tls = from->origin.https,
        .host = from->origin.host,
        .port = from->origin.port,
        .ca_file = from->ca_file,
    };
    if (from->proxy) {
        spec.proxy_host = from->proxy->host;
        spec.proxy_port = from->proxy->port;
        spec.proxy_auth = secret_reveal(&from->proxy->authorization);
    }
    ASSERT(from->origin.text.n && from->target.n && from->target.p[0] == '/');
    exchange_cancel(&f->x);
    buf_clear(&f->body);
    write_head(f, from, json);
    buf_add(&f->head, json);
    f->iov = (struct iovec){f->head.p, buf_size(&f->head)};
    f->x = (struct exchange){
        .ops = &ops,
        .origin = client_origin(f->client, &spec),
        .iov = &f->iov,
        .niov = 1,
        .limits = {.connect_ms = CONNECT_MS,
                   .tls_ms = CONNECT_MS,
                   .first_byte_ms = ANSWER_MS,
                   .idle_ms = ANSWER_MS,
                   .deadline = loop_now(f->loop) + WHOLE_MS},
    };
    if (!f->x.origin || f->head.failed)
        return false;
    exchange_start(f->client, &f->x);
    return true;
}

void fetch_start(struct fetch *f, const struct conf_remote *from)
{
    f->posts = false;
    (void)start(f, from, STR(""));
}

bool fetch_post(struct fetch *f, const struct conf_remote *to, str json)
{
    f->posts = true;
    return start(f, to, json);
}

void fetch_cancel(struct fetch *f)
{
    exchange_cancel(&f->x);
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    exchange_cancel(&f->x);
    client_free(f->client);
    buf_fini(&f->head);
    buf_fini(&f->body);
    mem_free(f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images - images and PDFs that a client names by their URL, for providers that want the bytes.
 *
 * Off unless the operator says from where (`fetchImages`). Before an attempt is written, the blocks
 * that its provider could not be told by their URL are looked at; those whose host is allowed are
 * fetched, a few at a time, and stand in the canonical request as inline data. What is not allowed
 * stays a URL, and the language that cannot say it names the loss, as ever. What is allowed and
 * cannot be had ends the call with a 400 that says which URL and why: that is what the providers
 * that fetch for themselves do, and a model that answers without having seen the picture helps
 * nobody.
 *
 *     use     a block of the request, and what stood there   ┐ many to one: a picture that a
 *     image   a URL, and its bytes as base64                 ┘ conversation repeats comes once
 *
 * An image is kept to the call's end, so that a retry or another target fetches nothing again; each
 * attempt puts in, or back, what its own provider is to see.
 *
 * The bytes are made base64 as they come: there is one copy of an image, in the form it is sent.
 */
#include "gate/gate_int.h"

#include "base/b64.h"
#include "client/download.h"
#include "conf/fetch.h"
#include "dialect/media.h"
#include "http/url.h"

#define IMAGES_MAX   20    /* different ones in a call */
#define AT_ONCE      4     /* of a call: the rest wait, so that one call takes no worker's share */
#define WHOLE_MS     20000 /* for all of an attempt's */
#define SNIFF_BYTES  16    /* of base64: enough for media_sniff */
#define URL_SHOW_MAX 200

enum image_state { IMAGE_NEW, IMAGE_RUNNING, IMAGE_HERE, IMAGE_BAD };

struct image {
    struct image *next;
    struct download d;
    struct call *c;
    jtext url;
    str plain; /* the same, unescaped */
    enum image_state state;
    bool wanted;                /* by the attempt under way */
    bool as_image, as_document; /* what its blocks take it for */
    bool said_pdf;              /* its head says so; else an image */
    struct buf data;            /* base64 */
    uint8_t rest[3];            /* bytes that are no whole group yet */
    unsigned nrest;
    str type; /* by its first bytes; absent: not known yet */
    const char *why;
};

struct use {
    struct use *next;
    struct ir_block *block;
    struct ir_media was;
    struct image *image;
};

struct images {
    const struct ir_request *of; /* whose blocks the uses are */
    struct use *uses;
    struct image *list;
    unsigned n, running;
    uint64_t bytes; /* of all that came */
    bool too_many;
};

/* ---- what the request holds */

static struct image *image_of(struct call *c, jtext url)
{
    struct images *all = c->images;
    struct image **tail = &all->list;
    for (; *tail; tail = &(*tail)->next)
        if (str_eq((*tail)->url, url))
            return *tail;
    if (all->n == IMAGES_MAX) {
        all->too_many = true;
        return NULL;
    }
    struct image *m = arena_new(&c->req->arena, struct image);
    str plain = m ? ir_unescape(&c->req->arena, url) : STR_NONE;
    if (!plain.p)
        return NULL;
    *m = (struct image){.c = c, .url = url, .plain = plain};
    all->n++;
    *tail = m;
    return m;
}

static void list_blocks(struct call *c, struct ir_block *b, struct use ***tail)
{
    for (; b; b = b->next) {
        if (b->kind == IR_TOOL_RESULT) {
            list_blocks(c, b->result.content, tail);
            continue;
        }
        if (b->kind != IR_IMAGE && b->kind != IR_DOCUMENT)
            continue;
        if (b->media.src == IR_MEDIA_BLOCKS) {
            list_blocks(c, b->media.blocks, tail);
            continue;
        }
        if (b->media.src != IR_MEDIA_URL || !media_is_web_url(b->media.data))
            continue;
        struct use *u = arena_new(&c->req->arena, struct use);
        if (!u)
            return; /* the arena is full: the call ends for that reason */
        *u = (struct use){.block = b, .was = b->media};
        **tail = u;
        *tail = &u->next;
    }
}

static bool list_uses(struct call *c)
{
    struct fail f;
    if (!decode_quietly(c, &f))
        return false; /* whoever writes the request says why */
    if (!c->images)
        c->images = arena_new(&c->req->arena, struct images);
    if (!c->images || c->images->of == c->ir)
        return c->images != NULL;
    c->images->of = c->ir; /* decoded anew, when the conversation was put before it */
    c->images->uses = NULL;
    struct use **tail = &c->images->uses;
    for (struct ir_message *m = c->ir->messages; m; m = m->next)
        list_blocks(c, m->blocks, &tail);
    return true;
}

/* May this URL be fetched for the provider under way? */
static bool is_allowed(struct call *c, jtext url)
{
    struct url u;
    const char *why;
    const struct conf_fetch *from = c->cand->provider->fetch;
    str text = ir_unescape(&c->req->arena, url); /* "https:\/\/…" is one too */
    size_t end = str_has_prefix_nocase(text, STR("https://")) ? 8 : 7;
    while (end < text.n &&
           !strchr("/?#", text.p[end])) /* what follows the host is no matter here */
        end++;
    if (!from || url_parse(str_head(text, end), &u, &why) != RC_OK)
        return false;
    str host = str_has_suffix(u.host, STR(".")) ? str_head(u.host, u.host.n - 1) : u.host;
    return conf_fetch_find(from, u.tls, host, u.port) != NULL;
}

/* ---- failing: the call is over */

/* A URL without what may be secret in it: a signed one has that in its query. */
static str shown(const struct image *m)
{
    str s = str_head(m->plain, str_find_char(m->plain, '?'));
    return s.n > URL_SHOW_MAX ? str_head(s, URL_SHOW_MAX) : s;
}

static enum step refuse(struct call *c, enum err kind, str words, bool document)
{
    struct fail f = {.kind = kind, .message = words};
    if (kind == ERR_BAD_REQUEST)
        f.code = document ? STR("invalid_file_url") : STR("invalid_image_url");
    /* A second target that cannot be asked leaves the client with what became of the first. */
    call_fail(c, c->attempts ? &c->fail : &f);
    return STEP_DONE;
}

static enum step refuse_image(struct call *c, const struct image *m, const char *why)
{
    bool document = !m->as_image;
    str words = arena_strf(&c->req->arena, "The %s at " STR_FMT " cannot be fetched: %s.",
                           document ? "file" : "image", STR_ARG(shown(m)), why);
    return refuse(c, ERR_BAD_REQUEST, words, document);
}

static enum step refuse_many(struct call *c)
{
    str words = arena_strf(
        &c->req->arena, "At most %d images are fetched for one request; send the others as data.",
        IMAGES_MAX);
    return refuse(c, ERR_BAD_REQUEST, words, false);
}

/* ---- the bytes */

static struct image *of(struct download *d)
{
    return (struct image *)(void *)((char *)d - offsetof(struct image, d));
}

static const char *on_type(struct download *d, str type)
{
    struct image *m = of(d);
    m->said_pdf = str_eq_nocase(type, STR("application/pdf"));
    bool image = str_has_prefix_nocase(type, STR("image/"));
    if ((image && m->as_image) || (m->said_pdf && m->as_document))
        return NULL;
    return m->as_image ? "the server says that it is no image"
                       : "the server says that it is no PDF";
}

/* What the bytes are counts; that the server says the same kind keeps other things out. */
static const char *sniff(struct image *m)
{
    m->type = media_sniff(buf_str(&m->data));
    bool pdf = str_eq(m->type, STR("application/pdf"));
    if (m->type.n && pdf == m->said_pdf)
        return NULL;
    return m->said_pdf ? "its bytes are no PDF" : "its bytes are no PNG, JPEG, GIF or WebP image";
}

static void add_bytes(struct image *m, str bytes)
{
    while (m->nrest && m->nrest < sizeof(m->rest) && bytes.n) {
        m->rest[m->nrest++] = (uint8_t)*bytes.p;
        bytes = str_from(bytes, 1);
    }
    if (m->nrest == sizeof(m->rest)) {
        b64_encode(&m->data, str_of((const char *)m->rest, m->nrest));
        m->nrest = 0;
    }
    if (m->nrest)
        return;
    size_t whole = bytes.n - bytes.n % sizeof(m->rest);
    b64_encode(&m->data, str_head(bytes, whole));
    for (size_t i = whole; i < bytes.n; i++)
        m->rest[m->nrest++] = (uint8_t)bytes.p[i];
}

static const char *on_bytes(struct download *d, str bytes)
{
    struct image *m = of(d);
    struct images *all = m->c->images;
    all->bytes += bytes.n;
    if (all->bytes > d->from->all)
        return "the images of the request are together larger than the gateway allows";
    add_bytes(m, bytes);
    if (m->data.failed)
        return "there is no memory for it now";
    return m->type.n || buf_size(&m->data) < SNIFF_BYTES ? NULL : sniff(m);
}

/* ---- fetching */

static void forget_all(struct call *c)
{
    for (struct image *m = c->images->list; m; m = m->next) {
        if (m->state == IMAGE_RUNNING)
            download_cancel(&m->d);
        if (m->state != IMAGE_HERE)
            buf_fini(&m->data);
        if (m->state == IMAGE_RUNNING)
            m->state = IMAGE_NEW;
    }
    c->images->running = 0;
}

static void start_more(struct call *c);

static void on_end(struct download *d, const char *why)
{
    struct image *m = of(d);
    struct call *c = m->c;
    CHECK(c->phase == CALL_SENDING && !c->on_wire && c->images->running > 0);
    c->images->running--;
    if (m->nrest)
        b64_encode(&m->data, str_of((const char *)m->rest, m->nrest));
    m->nrest = 0;
    if (!why && !m->type.n)
        why = sniff(m);
    if (!why && m->data.failed)
        why = "there is no memory for it now";
    m->state = why ? IMAGE_BAD : IMAGE_HERE;
    m->why = why;
    if (!why) {
        start_more(c);
        if (c->images->running)
            return;
    }
    alarm_stop(c->gate->alarms, &c->alarm);
    attempt_resume(c); /* which finds all of them here, or says of one that it cannot be had */
}

static const struct download_ops ops = {.on_type = on_type, .on_bytes = on_bytes, .on_end = on_end};

static void start(struct call *c, struct image *m)
{
    const struct conf_fetch *from = c->cand->provider->fetch;
    msec latest = loop_now(c->gate->loop) + WHOLE_MS;
    m->d = (struct download){
        .ops = &ops,
        .from = from,
        .accept = m->as_image ? "image/png, image/jpeg, image/webp, image/gif" : "application/pdf",
        .deadline = latest < c->deadline ? latest : c->deadline,
    };
    m->data = BUF_INIT((size_t)from->one / 3 * 4 + 8);
    m->nrest = 0;
    m->type = STR_NONE;
    m->state = IMAGE_RUNNING;
    c->images->running++;
    download_start(c->gate->downloads, &m->d, m->plain);
}

static void start_more(struct call *c)
{
    for (struct image *m = c->images->list; m && c->images->running < AT_ONCE; m = m->next)
        if (m->wanted && m->state == IMAGE_NEW)
            start(c, m);
}

static void on_late(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    bool all_over = loop_now(c->gate->loop) >= c->deadline;
    const struct image *m = c->images->list;
    own_time_start(c);
    while (m && m->state != IMAGE_RUNNING)
        m = m->next;
    forget_all(c);
    if (all_over || !m)
        refuse(c, ERR_TIMEOUT, STR("The images of the request could not be fetched in time."),
               false);
    else
        refuse_image(c, m, "it took too long");
}

static enum step wait(struct call *c)
{
    struct gate *g = c->gate;
    msec latest = loop_now(g->loop) + WHOLE_MS;
    c->alarm.fn = on_late;
    if ((!g->downloads && downloads_new(g->loop, &g->downloads) != RC_OK) ||
        alarm_set(g->alarms, &c->alarm, latest < c->deadline ? latest : c->deadline) != RC_OK)
        return refuse(c, ERR_OVERLOADED, STR_NONE, false);
    own_time_stop(c);
    start_more(c);
    return STEP_WAIT;
}

/* ---- before an attempt */

/* Which images does this provider want the bytes of? */
static bool mark(struct call *c)
{
    const struct dialect_back *back = c->bind->dialect->back;
    bool any = false;
    for (struct image *m = c->images->list; m; m = m->next)
        m->wanted = false;
    for (struct use *u = c->images->uses; u; u = u->next) {
        u->block->media = u->was;
        if (!media_wants_bytes(back, &c->opts, u->block))
            continue;
        bool here = u->image && u->image->state == IMAGE_HERE;
        if (!here && !is_allowed(c, u->was.data))
            continue;
        if (!u->image)
            u->image = image_of(c, u->was.data);
        if (!u->image)
            continue;
        u->image->wanted = any = true;
        u->image->as_image |= u->block->kind == IR_IMAGE;
        u->image->as_document |= u->block->kind == IR_DOCUMENT;
    }
    return any;
}

static void put_in(struct call *c)
{
    for (struct use *u = c->images->uses; u; u = u->next) {
        struct ir_media *m = &u->block->media;
        if (!u->image || !u->image->wanted)
            continue;
        CHECK(u->image->state == IMAGE_HERE);
        m->src = IR_MEDIA_BASE64;
        m->data = buf_str(&u->image->data);
        m->media_type = u->image->type;
    }
}

/* Nothing to look for: the provider takes URLs, or nobody allowed anything. */
static bool needs_none(const struct call *c)
{
    bool any = c->peek.has_images || c->peek.has_documents;
    uint64_t refused = c->opts.refused & (REFUSES(IMAGE_URL) | REFUSES(DOCUMENT_URL));
    return !any || !c->cand->provider->fetch || (!c->bind->dialect->back->wants_bytes && !refused);
}

enum step images_fetch(struct call *c)
{
    if (!c->images && !c->cand->provider->fetch)
        return STEP_NEXT;
    CHECK(c->bind->dialect && !c->on_wire && !c->committed);
    usual_opts(c);
    if ((!c->images && needs_none(c)) || !list_uses(c) || !mark(c))
        return STEP_NEXT;
    if (c->images->too_many)
        return refuse_many(c);
    bool all_here = true;
    for (const struct image *m = c->images->list; m; m = m->next) {
        if (!m->wanted)
            continue;
        if (m->state == IMAGE_BAD) {
            forget_all(c);
            return refuse_image(c, m, m->why);
        }
        all_here &= m->state == IMAGE_HERE;
    }
    if (!all_here)
        return wait(c);
    put_in(c);
    c->same = false; /* the client's bytes have the URL in them */
    return STEP_NEXT;
}

void images_release(struct call *c)
{
    if (!c->images)
        return;
    forget_all(c);
    for (struct image *m = c->images->list; m; m = m->next)
        buf_fini(&m->data);
    c->images = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure - the certificate of the listeners, replaced while they serve.
 *
 * A new one is made whole on the main thread and handed to the workers; connections accepted from
 * then on use it, and those that are open keep the one they began with until they end. Certificates
 * are renewed by programs that know nothing of weir, so both files are watched; SIGHUP and a
 * changed configuration read them too. What cannot be used (half a file, a key that belongs to
 * another certificate) changes nothing: the old one stays in force, and the log, /readyz and
 * /health say so.
 *
 * Session tickets of the old one stay good where the certificate is the same: a reload for another
 * reason must not make every client shake hands anew.
 */
#include <stdio.h>

#include "app/serve_int.h"
#include "base/auto.h"

#define TEXT_MAX (64u << 10)

enum rc secure_load(const struct snapshot *s, const struct tls_ctx *old, struct tls_ctx **ret,
                    struct buf *why)
{
    const char *text = NULL;
    *ret = NULL;
    if (!s->tls.cert_file.n)
        return RC_OK; /* plain */
    struct tls_ctx *next;
    enum rc rc = tls_ctx_new_server(s->tls.cert_file, s->tls.key_file, &next, &text);
    if (rc != RC_OK) {
        buf_addf(why, "TLS: " STR_FMT " with " STR_FMT ": %s\n", STR_ARG(s->tls.cert_file),
                 STR_ARG(s->tls.key_file), text ? text : rc_text(rc));
        return rc;
    }
    tls_ctx_set_handshake_ms(next, s->client_timeouts.handshake);
    if (old)
        tls_ctx_keep_tickets(next, old);
    *ret = next;
    return RC_OK;
}

bool secure_first(struct process *p)
{
    ASSERT(!p->tls);
    AUTO(buf_fini) struct buf why = BUF_INIT(TEXT_MAX);
    if (secure_load(p->snap, NULL, &p->tls, &why) == RC_OK)
        return true;
    fprintf(stderr, "weir: " STR_FMT, STR_ARG(buf_str(&why)));
    return false;
}

void secure_set(struct process *p, struct tls_ctx *next)
{
    tls_ctx_unref(p->tls);
    p->tls = next;
    atomic_store(&p->world.tls_error, NULL);
}

static void on_files_changed(void *arg)
{
    struct process *p = arg;
    AUTO(buf_fini) struct buf why = BUF_INIT(TEXT_MAX);
    struct tls_ctx *next;
    if (p->stage != STAGE_SERVING)
        return;
    if (secure_load(p->snap, p->tls, &next, &why) != RC_OK) {
        reload_refuse(p, &p->world.tls_error, "certificate", buf_str(&why));
        return;
    }
    secure_set(p, next);
    reload_publish(p);
    fprintf(stderr, "weir: certificate in force: " STR_FMT "\n", STR_ARG(p->snap->tls.cert_file));
}

static void watch_one(struct process *p, str path, struct watch **slot)
{
    watch_free(*slot);
    *slot = NULL;
    if (path.n && watch_new(p->loop, path, on_files_changed, p, slot) != RC_OK)
        fprintf(stderr, "weir: " STR_FMT " cannot be watched; SIGHUP reads it again\n",
                STR_ARG(path));
}

void secure_watch(struct process *p)
{
    watch_one(p, p->snap->tls.cert_file, &p->cert_watch);
    watch_one(p, p->snap->tls.key_file, &p->key_watch);
}

void secure_close(struct process *p)
{
    watch_free(p->cert_watch);
    watch_free(p->key_watch);
}

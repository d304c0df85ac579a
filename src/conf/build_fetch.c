/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_fetch - `fetchImages` of the file and of a provider. A provider's own list stands instead
 * of the file's, also an empty one.
 */
#include "conf/build_int.h"
#include "conf/fetch.h"

#define BESIDES_MAX 4096

/* localhost is two addresses, and no resolver is asked for them (io/dns.h). */
static void add_address(struct buf *to, str host, str address)
{
    if (str_eq(host, STR("localhost")))
        address = STR("127.0.0.1 ::1");
    if (!address.n)
        return;
    if (buf_size(to))
        buf_add_char(to, ' ');
    buf_add(to, address);
}

static enum rc read_list(struct builder *b, const struct raw_texts *list,
                         struct conf_fetch_host *hosts, struct conf_fetch *f)
{
    char *room = arena_alloc(b->arena, BESIDES_MAX);
    struct buf besides = {.p = room, .cap = BESIDES_MAX, .max = BESIDES_MAX};
    if (!room)
        return RC_NOMEM;
    for (uint32_t i = 0; i < list->n; i++) {
        str address;
        const char *bad = conf_fetch_entry(b->arena, list->p[i], &hosts[i], &address);
        if (bad)
            BUILD_FAULT(b, place_of_item(list, i), "fetchImages '" STR_FMT "': %s",
                        STR_ARG(conf_brief(list->p[i])), bad);
        else
            add_address(&besides, hosts[i].host, address);
    }
    if (besides.failed)
        BUILD_FAULT(b, place_of_item(list, 0), "fetchImages names too many addresses; remove some");
    f->besides = buf_str(&besides);
    return RC_OK;
}

enum rc build_fetch(struct builder *b, const struct raw_texts *list, const struct conf_fetch **ret)
{
    *ret = NULL;
    if (!list->n)
        return RC_OK;
    struct conf_fetch_host *hosts = arena_array(b->arena, struct conf_fetch_host, list->n);
    struct conf_fetch *f = arena_new(b->arena, struct conf_fetch);
    if (!hosts || !f)
        return RC_NOMEM;
    *f = (struct conf_fetch){
        .hosts = hosts, .n = list->n, .one = b->raw->limits.image, .all = b->raw->limits.images};
    if (b->raw->ca_file.n)
        f->ca_file = build_path(b, b->raw->ca_file);
    *ret = f;
    return read_list(b, list, hosts, f);
}

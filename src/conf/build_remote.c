/* SPDX-License-Identifier: Apache-2.0 */
/* build_remote - URLs that weir itself calls: the catalogue's, those of alerts. */
#include "conf/build_int.h"
#include "conf/url.h"

static enum rc set_target(struct builder *b, const struct conf_url *u, struct conf_remote *to)
{
    str path = u->path.n ? u->path : STR("/");
    to->target = u->query.p
                     ? arena_strf(b->arena, STR_FMT "?" STR_FMT, STR_ARG(path), STR_ARG(u->query))
                     : path;
    to->text = arena_strf(b->arena, STR_FMT STR_FMT, STR_ARG(u->origin.text), STR_ARG(path));
    return to->target.p && to->text.p ? RC_OK : RC_NOMEM;
}

enum rc build_remote(struct builder *b, struct place at, const char *what, const struct secret *url,
                     struct conf_remote *to)
{
    static const struct raw_provider as_any; /* says nothing of its own: the file's proxy, or the
                                              * environment's, is used */
    struct conf_url u;
    const char *bad = conf_url_parse(b->arena, secret_reveal(url), &u);
    *to = (struct conf_remote){.text = STR_NONE};
    if (arena_is_full(b->arena))
        return RC_NOMEM;
    if (!bad && u.user.p)
        bad = "a user and password in it are not sent";
    if (bad) {
        BUILD_FAULT(b, at, "%s: %s; write https://host/path", what, bad);
        return RC_OK;
    }
    to->origin = u.origin;
    if (b->raw->ca_file.n)
        to->ca_file = build_path(b, b->raw->ca_file);
    TRY(build_proxy(b, &as_any, &to->origin, &to->proxy));
    return set_target(b, &u, to);
}

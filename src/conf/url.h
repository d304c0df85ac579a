/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - the URLs and addresses a configuration may hold, strictly: http and https, a name or an
 * address, no fragment. Each function returns NULL when the text is good, else what is wrong with
 * it, in words that fit behind "...: " (static text, never the value: it may hold a password).
 */
#pragma once
#include "base/arena.h"
#include "conf/snapshot.h"

struct url {
    bool https;
    str host; /* without brackets, lower case; NUL behind it */
    bool is_v6;
    uint16_t port;
    str user;  /* "user:password" still percent-coded, or absent */
    str path;  /* from the first slash, without query; may be empty */
    str query; /* without '?'; absent when there is none */
};

/* Slices point into `a` or into `text`. Out of memory: the arena is full and the text says so. */
const char *conf_url_parse(struct arena *a, str text, struct url *ret) MUST_CHECK;
/* Fill the snapshot's form of an origin. False: out of memory. */
bool url_origin(struct arena *a, const struct url *u, struct conf_origin *ret) MUST_CHECK;
/* "127.0.0.1:3456", "[::1]:3456", "localhost:3456", "3456". */
const char *url_parse_listen(struct arena *a, str text, struct conf_listen *ret) MUST_CHECK;
/* A forward proxy: "http://[user:password@]host:port". */
const char *url_parse_proxy(struct arena *a, str text, struct conf_proxy *ret) MUST_CHECK;
/* localhost, *.localhost, 127/8, ::1. */
bool url_host_is_loopback(str host);
/* Does a NO_PROXY list (host, .domain, *, host:port; separated by commas) name it? */
bool url_no_proxy(str list, str host, uint16_t port);

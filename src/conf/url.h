/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - what a configuration's URLs and addresses come to, on top of the one URL parser
 * (http/url.h).
 *
 * Stricter than it where the network would guess: a host whose last label is a number must be an
 * IPv4 address in full ("127.1" and "0x7f.1" are names to nobody, and addresses to some resolvers).
 * Functions that return text return NULL when all is well, else what is wrong, in words that fit
 * behind "...: " (static, never the value: it may hold a password). Without memory the arena is
 * full and the text says so.
 */
#pragma once
#include "conf/snapshot.h"

struct conf_url {
    struct conf_origin origin;
    str user;  /* "user:password", still percent-coded, or absent */
    str path;  /* from the first slash, as written; may be empty */
    str query; /* without '?'; absent when there is none */
};

const char *conf_url_parse(struct arena *a, str text, struct conf_url *ret) MUST_CHECK;
/* "127.0.0.1:3456", "[::1]:3456", "localhost:3456", "3456". */
const char *conf_url_listen(struct arena *a, str text, struct conf_listen *ret) MUST_CHECK;
/* A forward proxy: "http://[user:password@]host:port". */
const char *conf_url_proxy(struct arena *a, str text, struct conf_proxy *ret) MUST_CHECK;
/* localhost, *.localhost, 127/8, ::1. */
bool conf_host_is_loopback(str host);
/* Does a NO_PROXY list (host, .domain, *, host:port; separated by commas) name it? */
bool conf_no_proxy(str list, str host, uint16_t port);

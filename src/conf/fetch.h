/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - from which places weir fetches images that a client names by their URL (`fetchImages`).
 *
 *     images.example.com         this host, by https, at its usual port
 *     *.cdn.example.com          every host below it
 *     *                          every host of the public internet
 *     http://old.example.com     also without TLS; before any of the above
 *     files.example.com:8443     at this port and no other
 *     10.0.0.7, [fd00::7]:8080, localhost
 *                                an address that is not public: it counts when it is named
 *
 * A name leads to public addresses only (io/addr.h), and to those that the list itself names: a
 * host inside of the operator's network is two entries, its name and its address, so that neither a
 * slip nor a stranger's DNS opens the network. For hosts behind a `*` not even those count.
 *
 * Part of a snapshot, and as immutable.
 */
#pragma once
#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"

struct conf_fetch_host {
    str host; /* in lower case; of a wildcard what must stand behind it, ".example.com" or "" */
    bool wildcard; /* … below it */
    bool plain;    /* http too */
    uint16_t port; /* 0: the usual one of the scheme */
};

struct conf_fetch {
    const struct conf_fetch_host *hosts;
    uint32_t n;
    str besides;       /* addresses that may be reached although not public, separated by blanks */
    str ca_file;       /* the file's own; absent: the system's. NUL behind it */
    uint64_t one, all; /* bytes of one image, and of all that one call names */
};

/* One entry; what is wrong with it as static text, or NULL. `text` must outlive it. An address is
 * its own name: *ret_address is the literal without brackets, or absent. */
const char *conf_fetch_entry(struct arena *a, str text, struct conf_fetch_host *ret,
                             str *ret_address) MUST_CHECK;
/* The entry that lets this place be fetched from; NULL: none. `host` without brackets. */
const struct conf_fetch_host *conf_fetch_find(const struct conf_fetch *f, bool https, str host,
                                              uint16_t port);

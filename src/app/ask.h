/* SPDX-License-Identifier: Apache-2.0 */
/* ask - one small blocking request to the gateway on this machine, for commands that look at it. */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

/* The body onto `to`. RC_CONNECT: nothing answers there; RC_UNSUPPORTED: it speaks TLS;
 * RC_PROTOCOL: not a 2xx, and brings its body all the same. */
enum rc ask_gateway(const struct snapshot *s, const char *path, struct buf *to) MUST_CHECK;
/* The same with POST and a JSON body. */
enum rc ask_gateway_json(const struct snapshot *s, const char *path, str json,
                         struct buf *to) MUST_CHECK;

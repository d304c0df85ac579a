/* SPDX-License-Identifier: Apache-2.0 */
/* ask - one small blocking GET to the gateway on this machine, for the commands that look at it. */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

/* The body onto `to`. RC_CONNECT: nothing answers there; RC_UNSUPPORTED: it speaks TLS;
 * RC_PROTOCOL: not a 2xx. */
enum rc ask_gateway(const struct snapshot *s, const char *path, struct buf *to) MUST_CHECK;

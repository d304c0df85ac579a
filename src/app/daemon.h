/* SPDX-License-Identifier: Apache-2.0 */
/* daemon - starting the gateway in the background. */
#pragma once
#include "app/command.h"
#include "conf/snapshot.h"

/* Returns when it serves (EXIT_DONE) or has failed, with its last words on stderr. */
int daemon_start(const struct options *o, const struct snapshot *s);

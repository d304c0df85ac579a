/* SPDX-License-Identifier: Apache-2.0 */
/* daemon - starting the gateway in the background. */
#pragma once
#include "app/command.h"
#include "conf/snapshot.h"

/* Returns when it serves (EXIT_DONE) or has failed, with its last words on stderr: EXIT_USAGE for a
 * refused configuration, else EXIT_FAILED. Its own output goes to weir.log in the data folder,
 * which is made where it is missing. `s` is only asked for that folder; the child loads its own. */
int daemon_start(const struct options *o, const struct snapshot *s);

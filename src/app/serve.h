/* SPDX-License-Identifier: Apache-2.0 */
/* serve - the running gateway: workers, signals, reload, drain. Blocks until it ended. */
#pragma once
#include "app/command.h"

/* Exit code of the process. ready_fd: a byte is written to it when the listeners are open; -1:
 * none. */
int serve_run(const struct options *o, int ready_fd);

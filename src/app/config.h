/* SPDX-License-Identifier: Apache-2.0 */
/* config - loading the configuration as every command does, and saying what is wrong with it. */
#pragma once
#include "app/command.h"
#include "conf/load.h"

/* Load for `o`. Prints errors (and, unless quiet, warnings) to stderr. NULL: refused, or no memory;
 * both were said. The caller has one reference. */
struct snapshot *config_load(const struct options *o, bool quiet);
/* The same into *report (initialised by the caller), printing nothing. */
enum rc config_load_report(const struct options *o, struct conf_report *report,
                           struct snapshot **ret);
/* One that is part of the program: `text` instead of a file. NULL: no memory, which was said. */
struct snapshot *config_load_built_in(const char *text);
/* "http://127.0.0.1:3456" of the first listener, as a client on this machine reaches it. */
void config_base_url(const struct snapshot *s, struct buf *to);

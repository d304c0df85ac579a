/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - the folder of --data, where pid file, log and what was fetched lie. */
#pragma once
#include "conf/snapshot.h"

#define DATA_PATH_MAX 4096

/* Make it with all that leads to it: a new home has no ~/.config. False: it cannot be written to.
 */
bool data_dir_make(const char *dir);
/* The path of a file in it, or with an empty name its own. False: there is no such folder, or the
 * path is too long. */
bool data_dir_path(const struct snapshot *s, const char *name, char to[DATA_PATH_MAX]);

/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - the folder of --data, where pid file, log and what was fetched lie. */
#pragma once
#include <stdbool.h>

/* Make it with all that leads to it: a new home has no ~/.config. False: it cannot be written to.
 */
bool data_dir_make(const char *dir);

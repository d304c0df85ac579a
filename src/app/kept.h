/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - the last good catalogue that was fetched, kept over a restart: DATA/catalogue.kept.
 *
 * A gateway that starts while its catalogue's host is away would fall back to the built-in prices,
 * and may even refuse its configuration, where that names a price list that only the fetched one
 * has. So what was fetched and found sound is written down, and read at the next start.
 *
 *     weir-catalogue-1 SHA256-OF-THE-URL SHA256-OF-THE-TEXT\n
 *     the text as it came
 *
 * Written as a whole (data_file.h), and read with the same checks as a fetched one, and only for
 * the same URL: a file that was cut, changed or came from elsewhere is as good as none. The URL
 * itself is not written, for it may hold a secret.
 *
 * Best effort: a place that cannot be written costs the memory over restarts and nothing else.
 */
#pragma once
#include "conf/snapshot.h"
#include "price/catalogue.h"

/* What was kept of the configuration's URL; NULL: nothing, or it is not sound. */
struct catalogue *kept_read(const struct snapshot *s);
/* `text` is in force from now on. False: it could not be written. */
bool kept_write(const struct snapshot *s, str text);

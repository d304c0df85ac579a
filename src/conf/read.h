/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read - one consistent read of a file that is watched.
 *
 * Only a regular file (through any symlinks) of at most `max` bytes: a FIFO, a device or a
 * 100 MB log is refused before a byte is read, and opening never blocks. A file replaced by rename
 * is read whole from the old or the new one, since all reads go through one descriptor; one that is
 * written in place meanwhile is seen by its changed size or time, and read again.
 */
#pragma once
#include "conf/report.h"

/* Text in `a`, NUL behind it. RC_CONFIG: refused or unreadable, noted; RC_NOMEM. `path` ends in
 * NUL. */
enum rc conf_read_file(struct arena *a, const char *path, size_t max, struct conf_report *report,
                       str *ret) MUST_CHECK;

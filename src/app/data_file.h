/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_file - a small file of the data folder, read and written as a whole.
 *
 * Written beside its place and moved there, so a crash leaves the old one or the new one. The bytes
 * are on the disk before the name is: some file systems would else keep an empty file under it.
 */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

#define DATA_FILE_STEP 65536 /* room that a buffer wants beyond the longest file */

/* All of DATA/name. False: there is none, it cannot be read, or it does not fit; where the system
 * said no, errno tells why. */
bool data_file_read(const struct snapshot *s, const char *name, struct buf *to);

/* The parts one after the other, as DATA/name, for the owner's eyes alone. The folder is made where
 * there is none. False: it could not be written, and the old one is as it was; errno tells why. */
bool data_file_write(const struct snapshot *s, const char *name, const str *parts, size_t n);
/* DATA/name is of no use: it becomes DATA/name.bad, for whoever wants to look into it. */
bool data_file_set_aside(const struct snapshot *s, const char *name);

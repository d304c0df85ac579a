/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replace - a small file of the data folder, written anew as a whole.
 *
 * Written beside its place and moved there, so a crash leaves the old one or the new one. The bytes
 * are on the disk before the name is: some file systems would else keep an empty file under it.
 */
#pragma once
#include "conf/snapshot.h"

/* The parts one after the other, as DATA/name, for the owner's eyes alone. The folder is made where
 * there is none. False: it could not be written, and the old one is as it was. */
bool replace_file(const struct snapshot *s, const char *name, const str *parts, size_t n);

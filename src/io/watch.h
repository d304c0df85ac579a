/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - tells when a file has changed: the configuration, the catalogue, a certificate.
 *
 * The directory is watched, not the file: editors write a new file and rename it over the old one,
 * and config maps swap a symbolic link beside it. Events only cause a look; a change is a different
 * (device, inode, size, mtime) of what the path leads to. Where the kernel can tell them apart,
 * writes to a file that stays open wake nobody: an access log may lie in the same directory. fn
 * runs once the file has been still for WATCH_STILL_MS. Where the kernel tells nothing (network
 * file systems, a directory that was itself replaced) a look every WATCH_LOOK_MS finds it.
 *
 * A file that is gone is no change: it counts when it is back with other contents.
 */
#pragma once
#include "io/loop.h"

struct watch;

#define WATCH_STILL_MS 100
#define WATCH_LOOK_MS  5000

/* RC_NOMEM, RC_RANGE: the path is too long. A file that does not exist yet may be watched. */
enum rc watch_new(struct loop *l, str path, void (*fn)(void *arg), void *arg,
                  struct watch **ret) MUST_CHECK;
unsigned watch_woken(const struct watch *w); /* by the kernel, so far: for tests */
void watch_free(struct watch *w); /* memory goes when the loop has run on; accepts NULL */

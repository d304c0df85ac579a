/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidfile - DATA/weir.pid: which process serves this configuration. One line, the pid. A file whose
 * process is gone, or is no weir, counts as none.
 */
#pragma once
#include <sys/types.h>

#include "conf/snapshot.h"

void pidfile_write(
    const struct snapshot *s); /* best effort: without it `weir stop` cannot find us */
void pidfile_remove(const struct snapshot *s); /* only if it is ours */
pid_t pidfile_read(const struct snapshot *s);  /* 0: none runs */

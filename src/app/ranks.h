/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranks - the files that token counting needs, found and read when they are first wanted.
 *
 * o200k_base.bpe and cl100k_base.bpe stand in one folder, the first of these that has them:
 *
 *     $WEIR_TOKENS                 where that is set, only there
 *     DIR/tokens, DIR/../tokens    DIR: where the program lies (build/release/weir: build/tokens)
 *     DIR/../share/weir/tokens     an installed weir
 *
 * They are read into memory and not mapped: a file that is replaced in place under a mapping would
 * kill the process. Both take about 5 MiB and 30 ms, on the main thread, which serves no call.
 */
#pragma once
#include "gate/gate.h"

struct ranks {
    struct gate_ranks encodings; /* both or none */
    struct bpe *o200k, *cl100k;
};

/* True: they are there. False: *why is a sentence for the operator; nothing was kept. */
bool ranks_load(struct ranks *r, struct buf *why) MUST_CHECK;
void ranks_free(struct ranks *r);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto - cleanup by scope, for synchronous code (config, CLI, tests).
 *
 *     AUTO(buf_fini) struct buf b = BUF_INIT(4096);
 *     return TAKE(p);          hands p to the caller and leaves NULL behind
 */
#pragma once

#define AUTO(fn) __attribute__((cleanup(fn)))
#define TAKE(p)                    \
    ({                             \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })

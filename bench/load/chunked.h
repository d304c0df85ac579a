/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunked - the framing of a chunked body, apart from the body.
 *
 * The owner alternates: chunked_frame() over the framing bytes, then, while the state is
 * CHUNK_DATA, up to `left` bytes of data of which it tells chunked_took().
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_MAX ((uint64_t)64 << 20)

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE, CHUNK_BAD };

struct chunked { /* zero-initialised: at the start of a body */
    enum chunk_state state;
    bool size_over; /* behind the digits of a size */
    size_t line_len;
    uint64_t left; /* data bytes of this chunk to come */
};

/* Returns the bytes taken: all, or up to the next data, the end of the body, or the fault. */
size_t chunked_frame(struct chunked *c, const char *bytes, size_t n);
void chunked_took(struct chunked *c, size_t n);

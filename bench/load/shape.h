/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - what answer a request asks the mock provider for, written in its model name.
 *
 * A gateway rebuilds headers and bodies, but a model name always arrives. So the name says it all:
 *
 *     [provider/]bench-KIND[-PART]...
 *
 *     bench-json            answer at once; "-4096b" sets the bytes of answer text
 *     bench-burst-100       a stream of 100 content events, everything in one write
 *     bench-paced-100-20ms  a stream of 100 content events, one every 20 ms
 *     bench-hold-1000ms     a stream that never ends, one content event every 1,000 ms
 *     bench-error-503       that status, with an error body of the dialect
 *
 * KIND decides only the shape: whether the answer is a stream is what the body's `stream` says, so
 * a streaming kind asked for without `stream` answers at once. `json` asked as a stream is a burst
 * of
 * 20. A part is a count (N), a gap (Nms) or a size (Nb); a paced first event is never delayed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shape_kind { SHAPE_JSON, SHAPE_BURST, SHAPE_PACED, SHAPE_HOLD, SHAPE_ERROR };

struct shape {
    enum shape_kind kind;
    unsigned events;     /* content events; the status for SHAPE_ERROR */
    unsigned text_bytes; /* of a non-streamed answer */
    uint64_t gap_ns;
};

/* False, and `*ret` the shape of "bench-json": the name is not one of those above. */
bool shape_parse(const char *model, size_t n, struct shape *ret);

/* True when the events of this shape carry the time they were sent at. */
bool shape_is_timed(const struct shape *s);

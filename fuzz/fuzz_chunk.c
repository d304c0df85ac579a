/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: whole, byte by byte and in steps (the first byte) give the same data and verdict.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/check.h"
#include "http/h1.h"

static enum h1_result decode(str in, size_t step, struct buf *out, size_t *ret_left)
{
    struct chunk_decoder d;
    enum h1_result r = H1_MORE;
    chunk_init(&d);
    buf_clear(out);
    while (in.n && r == H1_MORE) {
        str piece = str_head(in, step), got;
        size_t n = piece.n;
        do {
            size_t before = piece.n;
            r = chunk_next(&d, &piece, &got);
            CHECK(r == H1_MORE || got.n == 0);
            CHECK(got.n <= before - piece.n);
            buf_add(out, got);
        } while (got.n);
        CHECK(r != H1_MORE || piece.n == 0);
        in = str_from(in, n - piece.n);
    }
    *ret_left = in.n;
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str in = str_of((const char *)data + 1, size - 1);
    struct buf a = BUF_INIT(size), b = BUF_INIT(size);
    size_t left, again;
    enum h1_result want = decode(in, in.n, &a, &left);
    size_t steps[] = {1, data[0] ? data[0] : 1};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        enum h1_result r = decode(in, steps[i], &b, &again);
        CHECK(r == want && str_eq(buf_str(&a), buf_str(&b)));
        CHECK(r != H1_DONE || left == again);
    }
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}

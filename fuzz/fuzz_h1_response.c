/* SPDX-License-Identifier: Apache-2.0 */
/* Response heads: as fuzz_h1_request. Bit 0 of the first byte says whether it answers a HEAD. */
#include "fuzz.h"

#include "../tests/unit/http/h1_same.h"
#include "base/check.h"

static void check_accepted(const struct h1_head *h, size_t used, size_t size, bool to_head)
{
    CHECK(used > 0 && used <= size && used <= H1_HEAD_MAX);
    CHECK(h->nheaders <= H1_HEADERS_MAX && h->minor <= 1);
    CHECK(h->status >= 100 && h->status <= 599);
    CHECK(!(h->first[H1_CONTENT_LENGTH] && h->first[H1_TRANSFER_ENCODING]));
    bool empty = to_head || h->status < 200 || h->status == 204 || h->status == 304;
    CHECK(empty == (h->body == H1_BODY_NONE));
    CHECK(h->body != H1_BODY_UNTIL_CLOSE || !h->keep_alive);
    CHECK(h->body != H1_BODY_CHUNKED || h->minor == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h1_head whole, part;
    if (size == 0)
        return 0;
    bool to_head = data[0] & 1;
    str in = str_of((const char *)data + 1, size - 1);
    size_t used = 0, again = 0, cut = in.n ? data[0] * in.n / 256 : 0;
    enum h1_result want = h1_response(&whole, in, 0, to_head, &used);
    if (want == H1_DONE)
        check_accepted(&whole, used, in.n, to_head);
    if (want == H1_BAD)
        CHECK(whole.bad_status == 502);

    enum h1_result r = H1_MORE;
    for (size_t n = 1; n <= in.n && r == H1_MORE; n++)
        r = h1_response(&part, str_head(in, n), n - 1, to_head, &again);
    CHECK(h1_same_result(want, &whole, used, r, &part, again, in));

    r = h1_response(&part, str_head(in, cut), 0, to_head, &again);
    if (r == H1_MORE)
        r = h1_response(&part, in, cut, to_head, &again);
    CHECK(h1_same_result(want, &whole, used, r, &part, again, in));
    return 0;
}

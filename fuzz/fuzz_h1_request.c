/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads: any bytes, parsed whole, byte by byte and cut once (the first byte of the input
 * says where); all give the same head. What is accepted is checked for what the rest of weir relies
 * on.
 */
#include "fuzz.h"

#include "../tests/unit/http/h1_same.h"
#include "base/check.h"
#include "http/url.h"

static void check_accepted(const struct h1_head *h, size_t used, size_t size)
{
    CHECK(used > 0 && used <= size && used <= H1_HEAD_MAX);
    CHECK(h->nheaders <= H1_HEADERS_MAX && h->minor <= 1);
    CHECK(h->target.n > 0 && h->target.n <= H1_TARGET_MAX && h->path.p);
    CHECK(h->minor == 0 || h->host.p);
    CHECK(!h->host.p || url_authority_is_valid(h->host));
    CHECK(h->body != H1_BODY_UNTIL_CLOSE);
    CHECK(!(h->first[H1_CONTENT_LENGTH] && h->first[H1_TRANSFER_ENCODING]));
    CHECK((h->body == H1_BODY_CHUNKED) == (h->first[H1_TRANSFER_ENCODING] != 0));
    CHECK((h->body == H1_BODY_LENGTH) == (h->first[H1_CONTENT_LENGTH] != 0));
    for (unsigned i = 0; i < h->nheaders; i++) {
        str v = h->headers[i].value;
        CHECK(h->headers[i].name.n > 0);
        CHECK(!v.n || (!memchr(v.p, '\r', v.n) && !memchr(v.p, '\n', v.n) && !memchr(v.p, 0, v.n)));
    }
    (void)url_path_is_canonical(h->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h1_head whole, part; /* too big for a stack frame of every run */
    if (size == 0)
        return 0;
    str in = str_of((const char *)data + 1, size - 1);
    size_t used = 0, again = 0, cut = in.n ? data[0] * in.n / 256 : 0;
    enum h1_result want = h1_request(&whole, in, 0, &used);
    if (want == H1_DONE)
        check_accepted(&whole, used, in.n);

    enum h1_result r = H1_MORE;
    for (size_t n = 1; n <= in.n && r == H1_MORE; n++)
        r = h1_request(&part, str_head(in, n), n - 1, &again);
    CHECK(h1_same_result(want, &whole, used, r, &part, again, in));

    r = h1_request(&part, str_head(in, cut), 0, &again);
    if (r == H1_MORE)
        r = h1_request(&part, in, cut, &again);
    CHECK(h1_same_result(want, &whole, used, r, &part, again, in));
    return 0;
}

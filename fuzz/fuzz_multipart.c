/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms: the first line is the content-type, the rest the body. Parts lie in the body in order, one
 * behind the other; a form that is accepted is one line for line, and every cut of it is refused.
 */
#include "fuzz.h"

#include "base/check.h"
#include "http/multipart.h"

#define CUTS 64 /* the last so many bytes are cut off one by one */

static bool is_whole(str boundary, str body, size_t *ret_parts)
{
    struct multipart m;
    struct multipart_part p;
    enum multipart_result r;
    const char *last = body.p;
    size_t n = 0;
    multipart_init(&m, boundary, body);
    while ((r = multipart_next(&m, &p)) == MULTIPART_PART) {
        CHECK(p.name.n && p.name.p > last && p.data.p > p.name.p);
        CHECK(p.data.p + p.data.n + m.mark_n + 2 <= body.p + body.n);
        CHECK(str_has_prefix(str_from(str_of(p.data.p, body.n), p.data.n), STR("\r\n--")));
        last = p.data.p + p.data.n;
        n++;
    }
    CHECK(n <= MULTIPART_PARTS_MAX && r == multipart_next(&m, &p));
    CHECK((r == MULTIPART_BAD) == (m.why != NULL));
    *ret_parts = n;
    return r == MULTIPART_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = str_of((const char *)data, size), boundary;
    size_t parts, fewer;
    str type = str_cut(&in, '\n');
    if (multipart_boundary(type, &boundary) != RC_OK || !in.p)
        return 0;
    CHECK(multipart_is_form(type) && boundary.n && boundary.n <= MULTIPART_BOUNDARY_MAX);
    if (!is_whole(boundary, in, &parts))
        return 0;
    /* The line end behind the closing delimiter may be missing; nothing else may. */
    str tight = str_has_suffix(in, STR("\r\n")) ? str_head(in, in.n - 2) : in;
    CHECK(is_whole(boundary, tight, &fewer) && fewer == parts);
    for (size_t cut = 1; cut <= CUTS && cut < tight.n; cut++)
        CHECK(!is_whole(boundary, str_head(tight, tight.n - cut), &fewer) && fewer <= parts);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, paths and queries: what is accepted has the form that the header promises. */
#include "fuzz.h"

#include "base/check.h"
#include "base/utf8.h"
#include "http/url.h"

static bool has_byte(str s, char c)
{
    return str_find_char(s, c) != SIZE_MAX;
}

static void check_url(str in)
{
    struct url u;
    const char *why = NULL;
    if (url_parse(in, &u, &why) != RC_OK) {
        CHECK(why);
        return;
    }
    CHECK(u.host.n && u.port && url_authority_is_valid(u.authority));
    CHECK(!has_byte(u.host, '@') && !has_byte(u.host, '/') && !has_byte(u.host, '['));
    CHECK(u.path.n == 0 || u.path.p[0] == '/');
    CHECK(!has_byte(in, '#') && !has_byte(in, ' ') && !has_byte(in, '\0'));
}

/* Decoded, a canonical path has the same segments as before, and none of them is special. */
static void check_path(str in)
{
    if (!url_path_is_canonical(in))
        return;
    struct buf b = BUF_INIT(in.n + 1);
    CHECK(url_decode(in, &b) == RC_OK);
    str path = buf_str(&b);
    CHECK(utf8_is_valid(path) && !has_byte(path, '\0') && !has_byte(path, '\\'));
    size_t slashes = 0;
    for (size_t i = 0; i < in.n; i++)
        slashes += in.p[i] == '/';
    str rest = str_from(path, 1);
    for (bool last = false; !last; slashes--) {
        str segment = str_cut(&rest, '/');
        last = !rest.p;
        CHECK(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
        CHECK(segment.n || last);
    }
    CHECK(slashes == 0);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = str_of((const char *)data, size), value;
    if (size == 0)
        return 0;
    check_url(in);
    check_path(in);
    if (url_query(in, STR("key"), &value) == RC_OK)
        CHECK(value.p >= in.p && value.p + value.n <= in.p + in.n);
    struct buf a = BUF_INIT(3 * size), b = BUF_INIT(size);
    url_encode(in, &a);
    CHECK(url_decode(buf_str(&a), &b) == RC_OK && str_eq(buf_str(&b), in));
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}

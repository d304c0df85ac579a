/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - eight ASCII bytes at a time, then RFC 3629's table by hand. */
#include "base/utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed sequence at p (n bytes left), or 0. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2)
        return 0;
    if (c < 0xE0)
        return n >= 2 && is_tail(p[1]) ? 2 : 0;
    if (c < 0xF0) {
        if (n < 3 || !is_tail(p[1]) || !is_tail(p[2]))
            return 0;
        if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] >= 0xA0))
            return 0;
        return 3;
    }
    if (c > 0xF4 || n < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
        return 0;
    if ((c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] >= 0x90))
        return 0;
    return 4;
}

size_t utf8_valid_prefix(str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t w;
        while (i + 8 <= s.n && (memcpy(&w, p + i, 8), (w & 0x8080808080808080ULL) == 0))
            i += 8;
        if (i >= s.n)
            break;
        size_t len = sequence(p + i, s.n - i);
        if (len == 0)
            return i;
        i += len;
    }
    return s.n;
}

bool utf8_is_valid(str s)
{
    return utf8_valid_prefix(s) == s.n;
}

size_t utf8_encode(char *to, uint32_t cp)
{
    if (cp < 0x80) {
        to[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        to[0] = (char)(0xC0 | cp >> 6);
        to[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        to[0] = (char)(0xE0 | cp >> 12);
        to[1] = (char)(0x80 | (cp >> 6 & 63));
        to[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | cp >> 18);
    to[1] = (char)(0x80 | (cp >> 12 & 63));
    to[2] = (char)(0x80 | (cp >> 6 & 63));
    to[3] = (char)(0x80 | (cp & 63));
    return 4;
}

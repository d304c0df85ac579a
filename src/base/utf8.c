/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - eight ASCII bytes at a time, then RFC 3629's table by hand. */
#include "base/utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* RFC 3629 §4: after these first bytes the second one has a narrower range. */
static bool second_fits(unsigned char c, unsigned char second)
{
    switch (c) {
    case 0xE0:
        return second >= 0xA0;
    case 0xED:
        return second < 0xA0;
    case 0xF0:
        return second >= 0x90;
    case 0xF4:
        return second < 0x90;
    default:
        return true;
    }
}

/* Length of the well-formed sequence at p (n bytes left), or 0. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    size_t len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (n < len || !second_fits(c, p[1]))
        return 0;
    for (size_t i = 1; i < len; i++)
        if (!is_tail(p[i]))
            return 0;
    return len;
}

/* Most text is ASCII: eight bytes that all have the upper bit clear are passed over at once. */
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

/* The fewest bytes that hold it; longer forms are not UTF-8 (overlong), and were once a way past
 * filters. Surrogates are the caller's to replace. */
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

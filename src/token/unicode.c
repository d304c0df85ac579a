/* SPDX-License-Identifier: Apache-2.0 */
/* unicode - the table, and a decoder of UTF-8 that answers kinds; see the header. */
#include "token/unicode.h"

#include "base/check.h"
#include "token/unicode.inc"

#define BLOCK_WORDS 8 /* of sixteen code points each */

const uint8_t uni_ascii[128] = {
    [0 ... 8] = UNI_OTHER,      ['\t'] = UNI_SPACE,        ['\n'] = UNI_LINE,
    ['\v'] = UNI_SPACE,         ['\f'] = UNI_SPACE,        ['\r'] = UNI_LINE,
    [14 ... 31] = UNI_OTHER,    [' '] = UNI_SPACE,         ['!' ... '/'] = UNI_OTHER,
    ['0' ... '9'] = UNI_NUMBER, [':' ... '@'] = UNI_OTHER, ['A' ... 'Z'] = UNI_UPPER,
    ['[' ... '`'] = UNI_OTHER,  ['a' ... 'z'] = UNI_LOWER, ['{' ... 127] = UNI_OTHER,
};

unsigned uni_kind(uint32_t code)
{
    ASSERT(code <= 0x10FFFF);
    if (code / 128 >= UNI_BLOCKS) /* far behind all others: the variation selectors */
        return code >= 0xE0100 && code <= 0xE01EF ? UNI_MARK : UNI_OTHER;
    uint64_t word = uni_words[uni_index[code / 128] * BLOCK_WORDS + code / 16 % BLOCK_WORDS];
    return 1u << (word >> code % 16 * 4 & 7);
}

static bool is_inner(uint8_t b)
{
    return (b & 0xC0) == 0x80;
}

unsigned uni_wide(const uint8_t *p, const uint8_t *end, unsigned *ret_len)
{
    size_t left = (size_t)(end - p);
    uint32_t code = 0, least = 0;
    unsigned n = 0;

    if (p[0] >= 0xC2 && p[0] < 0xE0 && left >= 2) {
        code = p[0] & 0x1F, least = 0x80, n = 2;
    } else if ((p[0] & 0xF0) == 0xE0 && left >= 3) {
        code = p[0] & 0x0F, least = 0x800, n = 3;
    } else if ((p[0] & 0xF8) == 0xF0 && left >= 4) {
        code = p[0] & 0x07, least = 0x10000, n = 4;
    }
    for (unsigned i = 1; i < n; i++) {
        if (!is_inner(p[i]))
            n = 0;
        else
            code = code << 6 | (p[i] & 0x3F);
    }
    if (n == 0 || code < least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        *ret_len = 1;
        return UNI_OTHER;
    }
    *ret_len = n;
    return uni_kind(code);
}

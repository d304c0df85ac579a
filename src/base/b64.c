/* SPDX-License-Identifier: Apache-2.0 */
/* b64 - plain table code; it is not on the hot path (images cross as text). */
#include "base/b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void b64_encode(struct buf *to, str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        char out[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63],
                       left > 1 ? alphabet[v >> 6 & 63] : '=', left > 2 ? alphabet[v & 63] : '='};
        buf_add(to, str_of(out, 4));
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* With the two characters that RFC 4648 has for names of files and URLs, as Gemini's clients do. */
static int value_of_either(char c)
{
    return c == '-' ? 62 : c == '_' ? 63 : value_of(c);
}

enum rc b64_decode(struct buf *to, str s)
{
    if (s.n % 4)
        return RC_SYNTAX;
    for (size_t i = 0; i < s.n; i += 4) {
        bool last = i + 4 == s.n;
        size_t pad =
            last ? (size_t)(s.p[i + 3] == '=') + (size_t)(s.p[i + 3] == '=' && s.p[i + 2] == '=')
                 : 0;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : value_of(s.p[i + k]);
            if (d < 0)
                return RC_SYNTAX;
            v = v << 6 | (uint32_t)d;
        }
        char out[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        buf_add(to, str_of(out, 3 - pad));
    }
    return to->failed ? RC_LIMIT : RC_OK;
}

/* A byte's bits stand in two characters that are neighbours. */
bool b64_peek(str s, size_t at, uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t byte = at + i, c = byte / 3 * 4 + byte % 3;

        if (byte >= s.n || c + 1 >= s.n) /* the first keeps c from wrapping around */
            return false;
        int a = value_of_either(s.p[c]), b = value_of_either(s.p[c + 1]);

        if (a < 0 || b < 0)
            return false;
        to[i] = (uint8_t)(byte % 3 == 0   ? a << 2 | b >> 4
                          : byte % 3 == 1 ? a << 4 | b >> 2
                                          : a << 6 | b);
    }
    return true;
}

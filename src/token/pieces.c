/* SPDX-License-Identifier: Apache-2.0 */
/* pieces - one pass over the bytes; see the header. */
#include "token/pieces.h"

#include "base/check.h"

#define DIGITS_AT_ONCE 3 /* OpenAI's: \p{N}{1,3} */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

uint64_t pieces_more(enum token_pieces p, str text)
{
    uint64_t more = 0;

    if (p == PIECES_OPENAI)
        return 0;
    for (size_t i = 0, n; i < text.n; i += n) {
        for (n = 0; i + n < text.n && is_digit(text.p[i + n]);)
            n++;
        more += n - (n + DIGITS_AT_ONCE - 1) / DIGITS_AT_ONCE;
        if (n)
            continue;
        n = 1;
        /* "_name" is one token of OpenAI's. */
        if (p == PIECES_GEMMA && text.p[i] == '_' && i + 1 < text.n && is_letter(text.p[i + 1]))
            more++;
    }
    ASSERT(more <= text.n);
    return more;
}

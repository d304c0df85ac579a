/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split - the patterns of cl100k_base and o200k_base, by hand; see the header.
 *
 * cl100k_base, alternatives in their order:
 *
 *     's|'t|'re|'ve|'m|'ll|'d                  in any case                          contraction()
 *     [^\r\n\p{L}\p{N}]?\p{L}+                                                      cl100k_word()
 *     \p{N}{1,3}                                                                    digits()
 *     ?[^\s\p{L}\p{N}]+[\r\n]*                 a blank may stand before             signs()
 *     \s*[\r\n]+ | \s+(?!\S) | \s+                                                  blanks()
 *
 * o200k_base has instead of the first two, with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and
 * L = [\p{Ll}\p{Lm}\p{Lo}\p{M}], and [\r\n/]* behind signs:
 *
 *     [^\r\n\p{L}\p{N}]?U*L+(contraction)?                                          o200k_word()
 *     [^\r\n\p{L}\p{N}]?U+L*(contraction)?
 */
#include "token/split.h"

#include "base/check.h"
#include "token/unicode.h"

#define P_L     (UNI_UPPER | UNI_LOWER | UNI_LETTER)
#define P_S     (UNI_SPACE | UNI_LINE)
#define SET_U   (UNI_UPPER | UNI_LETTER | UNI_MARK)
#define SET_L   (UNI_LOWER | UNI_LETTER | UNI_MARK)
#define SIGNS   (UNI_OTHER | UNI_MARK) /* [^\s\p{L}\p{N}] */
#define PREFIX  (UNI_OTHER | UNI_MARK | UNI_SPACE)
#define NDIGITS 3

static const uint8_t *skip(const uint8_t *p, const uint8_t *end, unsigned set)
{
    unsigned len;

    while (p < end && (uni_at(p, end, &len) & set))
        p += len;
    return p;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Behind the contraction at p, or p. */
static const uint8_t *contraction(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 2 || *p != '\'')
        return p;
    uint8_t a = lower(p[1]), b = end - p > 2 ? lower(p[2]) : 0;

    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return p + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return p + 3;
    return p;
}

/* [^\r\n\p{L}\p{N}]?\p{L}+; NULL: no match. */
static const uint8_t *cl100k_word(const uint8_t *p, const uint8_t *end)
{
    unsigned len;
    const uint8_t *from = uni_at(p, end, &len) & PREFIX ? p + len : p;
    const uint8_t *to = skip(from, end, P_L);

    return to > from ? to : NULL;
}

/*
 * Both alternatives. The regular expression takes a run of U, then wants an L: one that stands
 * behind the run, or the last one inside it that is of both sets, to which it goes back. Without
 * either, what it took for the prefix may itself be one (a mark is); else the second alternative
 * takes the run as it is.
 */
static const uint8_t *o200k_word(const uint8_t *p, const uint8_t *end)
{
    unsigned len, n = 1, kind = uni_at(p, end, &len), next = 0;
    const uint8_t *from = kind & PREFIX ? p + len : p, *to = from, *both = NULL;

    for (; to < end && ((next = uni_at(to, end, &n)) & SET_U); to += n)
        if (next & SET_L)
            both = to + n;
    if (to < end && (next & UNI_LOWER))
        to = skip(to, end, SET_L);
    else if (both)
        to = both;
    else if (kind & UNI_MARK)
        to = from;
    else if (to == from)
        return NULL;
    return contraction(to, end);
}

/* \p{N}{1,3} */
static const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
    unsigned len;

    for (int i = 0; i < NDIGITS && p < end && (uni_at(p, end, &len) & UNI_NUMBER); i++)
        p += len;
    return p;
}

/* ` ?[^\s\p{L}\p{N}]+[\r\n]*`, and slashes too at the end; NULL: no match. */
static const uint8_t *signs(const uint8_t *p, const uint8_t *end, bool slashes)
{
    const uint8_t *from = *p == ' ' ? p + 1 : p, *to = skip(from, end, SIGNS);

    if (to == from)
        return NULL;
    while (to < end && (*to == '\r' || *to == '\n' || (slashes && *to == '/')))
        to++;
    return to;
}

/*
 * \s*[\r\n]+ | \s+(?!\S) | \s+ on a run of \s: up to its last line end where it has one; else all
 * of it at the end of the text; else all but the last character, which the next piece begins with,
 * unless it is the only one.
 */
static const uint8_t *blanks(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *line = NULL, *last = p, *to = p;
    unsigned len, kind;

    for (; to < end && ((kind = uni_at(to, end, &len)) & P_S); to += len) {
        last = to;
        if (kind == UNI_LINE)
            line = to + 1;
    }
    ASSERT(to > p);
    if (line)
        return line;
    return to == end || last == p ? to : last;
}

const uint8_t *split_next(enum split_kind kind, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *to;
    unsigned len;

    ASSERT(p < end);
    if (kind == SPLIT_O200K) {
        to = o200k_word(p, end);
    } else {
        to = contraction(p, end);
        if (to == p)
            to = cl100k_word(p, end);
    }
    if (to)
        return to;
    if (uni_at(p, end, &len) & UNI_NUMBER)
        return digits(p, end);
    to = signs(p, end, kind == SPLIT_O200K);
    return to ? to : blanks(p, end);
}

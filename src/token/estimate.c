/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate.c - one pass over classes of bytes; weights in hundredths of a token.
 *
 *   a letter after a non-letter   104   (a word)     a letter beyond the sixth of its word   13
 *   every third digit of a run    100                punctuation                             62
 *   a run of line ends             60                a run of more than one blank            80
 *   a CJK or other wide character  80                any other character beyond ASCII        50
 *
 * Found by hand on the recorded traffic; tokenizers proper are another module's matter.
 */
#include "token/estimate.h"

#define W_WORD   104
#define W_LETTER 13
#define W_DIGITS 100
#define W_PUNCT  62
#define W_LINES  60
#define W_BLANKS 80
#define W_WIDE   80
#define W_OTHER  50

#define WORD_FREE 6
#define WINDOW    256

/* Punctuation is what no row of the table names. */
enum class { C_PUNCT, C_LETTER, C_DIGIT, C_BLANK, C_LINE, C_ESCAPE, C_WIDE, C_OTHER, C_INSIDE };

static const uint8_t classes[256] = {
    ['a' ... 'z'] = C_LETTER,  ['A' ... 'Z'] = C_LETTER, ['0' ... '9'] = C_DIGIT,
    [' '] = C_BLANK,           ['\t'] = C_BLANK,         ['\n'] = C_LINE,
    ['\r'] = C_LINE,           ['\\'] = C_ESCAPE,        [0x80 ... 0xbf] = C_INSIDE,
    [0xc0 ... 0xe2] = C_OTHER, [0xe3 ... 0xff] = C_WIDE,
};

/* How many bytes from `at` are of the class. */
static size_t run_of(str s, size_t at, enum class c)
{
    size_t n = 1;

    while (at + n < s.n && classes[(unsigned char)s.p[at + n]] == c)
        n++;
    return n;
}

/* An escape's weight, by what it stands for. Line ends in a row are one. */
static unsigned weigh_escape(str s, size_t at, size_t *len, bool *line)
{
    char c = at + 1 < s.n ? s.p[at + 1] : 0;
    bool again = *line;

    *len = c == 'u' ? 6 : 2;
    *line = c == 'n' || c == 'r';
    if (*line)
        return again ? 0 : W_LINES;
    if (c == 't')
        return 0;
    return c == 'u' ? W_OTHER : W_PUNCT;
}

/* Hundredths of a token. */
static uint64_t weigh(str s)
{
    bool line = false;
    uint64_t sum = 0;

    for (size_t i = 0, n; i < s.n; i += n) {
        enum class c = classes[(unsigned char)s.p[i]];

        if (c == C_ESCAPE) {
            sum += weigh_escape(s, i, &n, &line);
            continue;
        }
        n = run_of(s, i, c);
        line = false;
        switch (c) {
        case C_LETTER:
            sum += W_WORD + (n > WORD_FREE ? (n - WORD_FREE) * W_LETTER : 0);
            break;
        case C_DIGIT:
            sum += (n + 2) / 3 * W_DIGITS;
            break;
        case C_BLANK:
            sum += n > 1 ? W_BLANKS : 0;
            break;
        case C_LINE:
            sum += W_LINES;
            break;
        case C_PUNCT:
            sum += n * W_PUNCT;
            break;
        case C_WIDE:
            sum += n * W_WIDE;
            break;
        case C_OTHER:
            sum += n * W_OTHER;
            break;
        case C_ESCAPE:
        case C_INSIDE:
            break;
        }
    }
    return sum;
}

/* Windows at even distances stand for a text that is longer. */
uint64_t estimate_text(str text)
{
    size_t windows = ESTIMATE_SAMPLE / WINDOW, step = text.n / windows;
    uint64_t sum = 0;

    if (text.n <= ESTIMATE_SAMPLE)
        return (weigh(text) + 50) / 100;
    for (size_t i = 0; i < windows; i++)
        sum += weigh(str_of(text.p + i * step, WINDOW));
    return (uint64_t)((double)sum / 100 * ((double)text.n / ESTIMATE_SAMPLE));
}

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

#define WORD_FREE     6
#define WINDOW        256
#define READ_CLOSELY  (16 * 1024)
#define CLAUDE_TEXT   113 /* percent, against OpenAI's */
#define CLAUDE_SCHEMA 95
#define OTHER_SCHEMA  45  /* OpenAI writes schemas down as short type declarations */
#define CLAUDE_TOOLS  400 /* the instructions that come with any tools */
#define OTHER_TOOLS   12
#define PER_TOOL      8
#define PER_MESSAGE   4
#define PER_REQUEST   3
#define PAGE_BYTES    (64 * 1024)
#define PAGE_TOKENS   1800
#define URL_IMAGE     1000

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

/* One request at work. */
struct weighing {
    size_t read; /* bytes looked at so far: the more, the less of each further text is needed */
    bool claude;
};

static uint64_t weigh_sampled(struct weighing *w, str s)
{
    size_t most = w->read < READ_CLOSELY ? ESTIMATE_SAMPLE : ESTIMATE_SAMPLE / 8;
    size_t windows = most / WINDOW, step = s.n / windows;
    uint64_t sum = 0;

    w->read += s.n < most ? s.n : most;
    if (s.n <= most)
        return weigh(s);
    for (size_t i = 0; i < windows; i++)
        sum += weigh(str_of(s.p + i * step, WINDOW));
    return (uint64_t)((double)sum * ((double)s.n / (double)most));
}

uint64_t estimate_text(str text)
{
    struct weighing w = {0};

    return (weigh_sampled(&w, text) + 50) / 100;
}

/* ---- images and documents -----------------------------------------------------------------------
 */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 0;
}

/* The first 24 bytes behind the base64; false when there are not as many. */
static bool first_bytes(jtext base64, unsigned char to[24])
{
    char four[4];
    size_t n = 0, out = 0;

    for (size_t i = 0; i < base64.n && out < 24; i++) {
        if (base64.p[i] == '\\')
            continue; /* an escaped slash */
        four[n++] = base64.p[i];
        if (n < 4)
            continue;
        n = 0;
        to[out++] = (unsigned char)(sextet(four[0]) << 2 | sextet(four[1]) >> 4);
        to[out++] = (unsigned char)(sextet(four[1]) << 4 | sextet(four[2]) >> 2);
        to[out++] = (unsigned char)(sextet(four[2]) << 6 | sextet(four[3]));
    }
    return out == 24;
}

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t estimate_image(jtext base64, bool claude)
{
    uint64_t pixels = (uint64_t)base64.n * 4; /* a photograph's JPEG has some 0.2 bytes a pixel */
    unsigned char b[24];

    if (first_bytes(base64, b)) {
        if (memcmp(b, "\x89PNG", 4) == 0)
            pixels = (uint64_t)(big32(b + 16) & 0xffff) * (big32(b + 20) & 0xffff);
        else if (memcmp(b, "GIF8", 4) == 0)
            pixels = (uint64_t)(b[6] | b[7] << 8) * (uint64_t)(b[8] | b[9] << 8);
    }
    if (claude)
        return pixels / 750 > 1600 ? 1600 : pixels / 750 + 4;
    pixels = pixels > 768 * 1365 ? 768 * 1365 : pixels;
    return 85 + 170 * ((pixels + 512 * 512 - 1) / (512 * 512));
}

static uint64_t of_media(struct weighing *w, const struct ir_block *b);

static uint64_t of_blocks(struct weighing *w, const struct ir_block *b)
{
    uint64_t sum = 0;

    for (; b; b = b->next) {
        switch (b->kind) {
        case IR_TEXT:
        case IR_REFUSAL:
            sum += weigh_sampled(w, b->text.text);
            break;
        case IR_THINKING:
            sum += weigh_sampled(w, b->thinking.text);
            break;
        case IR_REDACTED:
            sum += b->thinking.text.n * 20; /* sealed: about five bytes a token */
            break;
        case IR_TOOL_USE:
            sum += weigh_sampled(w, b->use.name) + weigh_sampled(w, b->use.args) + PER_TOOL * 100;
            break;
        case IR_TOOL_RESULT:
            sum += of_blocks(w, b->result.content) + PER_MESSAGE * 100;
            break;
        case IR_OPAQUE:
            sum += weigh_sampled(w, b->raw);
            break;
        case IR_IMAGE:
        case IR_DOCUMENT:
        case IR_AUDIO:
            sum += of_media(w, b) * 100;
            break;
        }
    }
    return sum;
}

static uint64_t of_media(struct weighing *w, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;

    switch (m->src) {
    case IR_MEDIA_TEXT:
        return (weigh_sampled(w, m->data) + 50) / 100;
    case IR_MEDIA_BLOCKS:
        return of_blocks(w, m->blocks) / 100;
    case IR_MEDIA_URL:
    case IR_MEDIA_FILE_ID:
        return b->kind == IR_DOCUMENT ? PAGE_TOKENS : URL_IMAGE;
    case IR_MEDIA_BASE64:
        break;
    }
    if (b->kind == IR_IMAGE)
        return estimate_image(m->data, w->claude);
    if (b->kind == IR_AUDIO)
        return m->data.n / 4000 + 1; /* some ten tokens a second */
    return (m->data.n / PAGE_BYTES + 1) * PAGE_TOKENS;
}

/* ---- the request --------------------------------------------------------------------------------
 */

static uint64_t of_tools(struct weighing *w, const struct ir_request *r)
{
    uint64_t sum = 0;

    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        sum += weigh_sampled(w, t->name) + weigh_sampled(w, t->description) + PER_TOOL * 100;
        sum += weigh_sampled(w, json_text(t->schema)) * (w->claude ? CLAUDE_SCHEMA : OTHER_SCHEMA) /
               100;
    }
    if (r->tools)
        sum += (w->claude ? CLAUDE_TOOLS : OTHER_TOOLS) * 100;
    return sum;
}

uint64_t estimate_request(const struct ir_request *r, str model)
{
    struct weighing state = {.claude = str_find(model, STR("claude")) != SIZE_MAX};
    struct weighing *w = &state;
    uint64_t sum = PER_REQUEST * 100;

    for (const struct ir_message *m = r->messages; m; m = m->next)
        sum += of_blocks(w, m->blocks) * (w->claude ? CLAUDE_TEXT : 100) / 100 + PER_MESSAGE * 100;
    sum += of_tools(w, r);
    if (json_has(r->format.schema))
        sum += weigh_sampled(w, json_text(r->format.schema));
    return (sum + 50) / 100;
}

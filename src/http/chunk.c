/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk - the chunked transfer coding (RFC 9112 §7.1), one byte of state per byte of framing.
 *
 *     chunk   = 1*16HEXDIG [ ";" ext ] CRLF data CRLF
 *     last    = 1*16"0" [ ";" ext ] CRLF
 *     trailer = *( name ":" value CRLF ) CRLF
 *
 * Data is never copied: chunk_next returns the part of the input that is data. Extensions and
 * trailers are checked for form, counted against their limits and dropped; trailers could smuggle
 * fields past whoever looked at the head. No blank is allowed around the size, CR is always
 * followed by LF and LF never comes alone: what is lenient here is read differently somewhere else.
 */
#include "base/check.h"
#include "http/h1.h"
#include "http/scan_int.h"

#define DIGITS_MAX  16   /* of a size: as many as 64 bits have, so that `left` cannot overflow */
#define EXT_MAX     4096 /* of one body: RELIABILITY D18 */
#define TRAILER_MAX 8192

enum state {
    SIZE,    /* in the digits */
    EXT,     /* behind ';' */
    SIZE_LF, /* LF of the size line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* first byte of a trailer line or of the blank line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    OVER,
    BROKEN,
};

void chunk_init(struct chunk_decoder *d)
{
    *d = (struct chunk_decoder){.state = SIZE};
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static enum state size(struct chunk_decoder *d, char c)
{
    int v = hex(c);
    if (v >= 0) {
        if (d->digits++ == DIGITS_MAX)
            return BROKEN;
        d->left = d->left << 4 | (uint64_t)v;
        return SIZE;
    }
    if (d->digits == 0)
        return BROKEN;
    return c == ';' ? EXT : c == '\r' ? SIZE_LF : BROKEN;
}

static enum state after_size(struct chunk_decoder *d)
{
    d->digits = 0;
    return d->left ? DATA : TRAILER;
}

/* A run of extension or trailer bytes: *p moves to the first byte that is not part of it. */
static bool skip(const char **p, const char *end, uint32_t *total, uint32_t max)
{
    const char *stop = scan_value(*p, end);
    ASSERT(*total <= max); /* or the next line would let any length pass */
    if ((size_t)(stop - *p) > max - *total)
        return false;
    *total += (uint32_t)(stop - *p);
    *p = stop;
    return true;
}

static enum state trailer_name(struct chunk_decoder *d, char c)
{
    if (d->trailer_bytes++ == TRAILER_MAX)
        return BROKEN;
    if (c == ':' && d->state == TRAILER_NAME)
        return TRAILER_VALUE;
    return scan_tchar[(uint8_t)c] ? TRAILER_NAME : BROKEN;
}

/* One step of framing; *p < end. Consumes at least one byte unless it returns BROKEN. */
static enum state step(struct chunk_decoder *d, const char **p, const char *end)
{
    char c = *(*p)++;
    switch ((enum state)d->state) {
    case SIZE:
        return size(d, c);
    case EXT:
        (*p)--;
        if (!skip(p, end, &d->ext_bytes, EXT_MAX))
            return BROKEN;
        return *p == end ? EXT : *(*p)++ == '\r' ? SIZE_LF : BROKEN;
    case SIZE_LF:
        return c == '\n' ? after_size(d) : BROKEN;
    case DATA_CR:
        return c == '\r' ? DATA_LF : BROKEN;
    case DATA_LF:
        return c == '\n' ? SIZE : BROKEN;
    case TRAILER:
        return c == '\r' ? END_LF : trailer_name(d, c);
    case TRAILER_NAME:
        return trailer_name(d, c);
    case TRAILER_VALUE:
        (*p)--;
        if (!skip(p, end, &d->trailer_bytes, TRAILER_MAX))
            return BROKEN;
        return *p == end ? TRAILER_VALUE : *(*p)++ == '\r' ? TRAILER_LF : BROKEN;
    case TRAILER_LF:
        return c == '\n' ? TRAILER : BROKEN;
    case END_LF:
        return c == '\n' ? OVER : BROKEN;
    case DATA:
    case OVER:
    case BROKEN:
        break;
    }
    return BROKEN;
}

/* Data is lent as it lies in the input, at most to the end of its chunk. */
static str data(struct chunk_decoder *d, const char *p, const char *end)
{
    size_t n = (size_t)(end - p);
    ASSERT(d->state == DATA && d->left > 0 && n > 0);
    if (n > d->left)
        n = (size_t)d->left;
    d->left -= n;
    if (d->left == 0)
        d->state = DATA_CR;
    return str_of(p, n);
}

enum h1_result chunk_next(struct chunk_decoder *d, str *in, str *ret_data)
{
    *ret_data = STR_NONE;
    const char *p = in->p, *end = in->n ? p + in->n : p;
    while (d->state < OVER && p != end) {
        if (d->state == DATA) {
            *ret_data = data(d, p, end);
            p += ret_data->n;
            break;
        }
        d->state = (uint8_t)step(d, &p, end);
        ASSERT(p <= end);
    }
    *in = str_of(p, (size_t)(end - p));
    return d->state == OVER ? H1_DONE : d->state == BROKEN ? H1_BAD : H1_MORE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "chunked.h"

#define LINE_MAX_BYTES 256

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_byte(struct chunked *c, char byte)
{
    int digit = hex_digit(byte);
    c->size_over |= digit < 0; /* an extension, or the CR */
    if (!c->size_over)
        c->left = c->left * 16 + (uint64_t)digit;
    if (c->left > CHUNK_MAX)
        c->state = CHUNK_BAD;
}

/* The end of a line: of a size, of the data, or of the trailer, which an empty line ends. */
static void line_end(struct chunked *c)
{
    if (c->state == CHUNK_SIZE)
        c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
    else if (c->state == CHUNK_END)
        c->state = CHUNK_SIZE;
    else if (c->line_len == 0)
        c->state = CHUNK_DONE;
    c->line_len = 0;
    c->size_over = false;
}

static bool in_frame(const struct chunked *c)
{
    return c->state == CHUNK_SIZE || c->state == CHUNK_END || c->state == CHUNK_TRAILER;
}

size_t chunked_frame(struct chunked *c, const char *bytes, size_t n)
{
    size_t i = 0;
    for (; i < n && in_frame(c); i++) {
        if (bytes[i] == '\n') {
            line_end(c);
            continue;
        }
        if (c->state == CHUNK_SIZE)
            size_byte(c, bytes[i]);
        if (bytes[i] != '\r' && c->line_len++ > LINE_MAX_BYTES)
            c->state = CHUNK_BAD;
    }
    return i;
}

void chunked_took(struct chunked *c, size_t n)
{
    c->left -= n;
    if (c->left == 0)
        c->state = CHUNK_END;
}

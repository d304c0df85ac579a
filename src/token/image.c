/* SPDX-License-Identifier: Apache-2.0 */
/* image - sizes out of base64, and the makers' rules; see the header. */
#include "token/image.h"

#include "base/b64.h"
#include "base/check.h"

#define JPEG_SEGMENTS 64 /* before the size: remarks, previews, colour profiles */
#define TILE_OPENAI   512
#define TILE_GEMINI   768
#define PATCH_CLAUDE  28
#define PATCHES_MAX   1536
#define IMAGE_FRAME   4 /* Claude: around each image */
#define GUESS_BYTES   5 /* pixels a byte: a photograph's JPEG */

static uint32_t big16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t little16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

/* ---- sizes */

/* Segments are a marker and a length; the size stands in the one that starts the frame (SOF). */
static bool jpeg_size(str base64, struct image_size *ret)
{
    uint8_t b[9];
    size_t at = 2;

    for (int i = 0; i < JPEG_SEGMENTS && b64_peek(base64, at, b, 9) && b[0] == 0xFF; i++) {
        bool frame = b[1] >= 0xC0 && b[1] <= 0xCF && b[1] != 0xC4 && b[1] != 0xC8 && b[1] != 0xCC;

        if (frame) {
            *ret = (struct image_size){big16(b + 7), big16(b + 5)};
            return true;
        }
        at += b[1] == 0xFF ? 1 : 2 + big16(b + 2);
    }
    return false;
}

static bool webp_size(str base64, struct image_size *ret)
{
    uint8_t b[30];

    if (!b64_peek(base64, 0, b, 30) || memcmp(b + 8, "WEBP", 4) != 0)
        return false;
    if (memcmp(b + 12, "VP8X", 4) == 0) /* 24 bits each, less one */
        *ret = (struct image_size){(little16(b + 24) | (uint32_t)b[26] << 16) + 1,
                                   (little16(b + 27) | (uint32_t)b[29] << 16) + 1};
    else if (memcmp(b + 12, "VP8L", 4) == 0) /* 14 bits each, less one */
        *ret = (struct image_size){
            (little16(b + 21) & 0x3FFF) + 1,
            (((uint32_t)b[24] << 10 | (uint32_t)b[23] << 2 | b[22] >> 6) & 0x3FFF) + 1};
    else
        *ret = (struct image_size){little16(b + 26) & 0x3FFF, little16(b + 28) & 0x3FFF};
    return true;
}

bool image_size_of(str base64, struct image_size *ret)
{
    struct image_size size = {0, 0};
    uint8_t b[24];
    bool found = false;

    if (!b64_peek(base64, 0, b, 12))
        return false;
    if (memcmp(b, "\x89PNG", 4) == 0 && b64_peek(base64, 0, b, 24)) {
        found = big16(b + 16) == 0 && big16(b + 20) == 0;
        size = (struct image_size){big16(b + 18), big16(b + 22)};
    } else if (memcmp(b, "GIF8", 4) == 0) {
        found = true;
        size = (struct image_size){little16(b + 6), little16(b + 8)};
    } else if (b[0] == 0xFF && b[1] == 0xD8) {
        found = jpeg_size(base64, &size);
    } else if (memcmp(b, "RIFF", 4) == 0) {
        found = webp_size(base64, &size);
    }
    if (!found || size.w == 0 || size.h == 0 || size.w > IMAGE_SIDE_MAX || size.h > IMAGE_SIDE_MAX)
        return false;
    *ret = size;
    return true;
}

struct image_size image_size_guess(size_t n)
{
    size_t pixels = n / 4 * 3 * GUESS_BYTES;
    uint32_t side = 64;

    while (side < 2048 && (size_t)side * side < pixels)
        side += 64;
    return (struct image_size){side, side};
}

/* ---- rules */

static uint32_t longer(struct image_size s)
{
    return s.w > s.h ? s.w : s.h;
}

static uint32_t shorter(struct image_size s)
{
    return s.w < s.h ? s.w : s.h;
}

/* So that `side`, one of its two, becomes `to`; never larger. */
static struct image_size shrink(struct image_size s, uint32_t side, uint32_t to)
{
    if (side <= to)
        return s;
    uint32_t w = (uint32_t)((uint64_t)s.w * to / side), h = (uint32_t)((uint64_t)s.h * to / side);

    return (struct image_size){w ? w : 1, h ? h : 1};
}

static uint64_t squares(struct image_size s, uint32_t side)
{
    return (uint64_t)((s.w + side - 1) / side) * ((s.h + side - 1) / side);
}

static uint64_t tiles(struct image_size s, uint64_t image, uint64_t tile, bool low)
{
    s = shrink(s, longer(s), 2048);
    s = shrink(s, shorter(s), 768);
    return low ? image : image + tile * squares(s, TILE_OPENAI);
}

static uint64_t patches(struct image_size s, uint64_t percent)
{
    uint64_t n = squares(s, 32);

    return ((n < PATCHES_MAX ? n : PATCHES_MAX) * percent + 99) / 100;
}

static uint64_t claude(struct image_size s, uint32_t side_max, uint64_t most)
{
    uint64_t n = squares(shrink(s, longer(s), side_max), PATCH_CLAUDE) + IMAGE_FRAME;

    return n < most ? n : most;
}

static uint64_t gemini(struct image_size s)
{
    return longer(s) <= 384 ? 258 : 258 * squares(s, TILE_GEMINI);
}

uint64_t image_tokens(enum image_rule rule, struct image_size size, bool low)
{
    switch (rule) {
    case IMG_TILES:
        return tiles(size, 85, 170, low);
    case IMG_TILES_MINI:
        return tiles(size, 2833, 5667, low);
    case IMG_TILES_O:
        return tiles(size, 75, 150, low);
    case IMG_TILES_5:
        return tiles(size, 70, 140, low);
    case IMG_PATCH_100:
        return patches(size, 100);
    case IMG_PATCH_120:
        return patches(size, 120);
    case IMG_PATCH_162:
        return patches(size, 162);
    case IMG_PATCH_172:
        return patches(size, 172);
    case IMG_PATCH_246:
        return patches(size, 246);
    case IMG_PATCH_28:
        return squares(shrink(size, longer(size), 1540), 28) + 2;
    case IMG_CLAUDE:
        return claude(size, 1568, 1600);
    case IMG_CLAUDE_5:
        return claude(size, 2576, 4784);
    case IMG_GEMINI:
        return gemini(size);
    case IMG_GEMINI_3:
        return 1120;
    }
    return 0;
}

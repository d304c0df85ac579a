/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - how many tokens an image is, by its maker's rule and its size.
 *
 * The size is read from the first bytes of a PNG, GIF, JPEG or WebP as they stand in base64: only
 * the characters that are needed are decoded, wherever in the file they are (a JPEG keeps its size
 * behind its camera's remarks). Rules, as the makers' documents give them:
 *
 *   TILES      OpenAI: shrunk into 2048 by 2048, then to 768 on the shorter side; a price for the
 *              image and one for each tile of 512 by 512
 *   PATCH_x    OpenAI: patches of 32 by 32, at most 1536, times x / 100
 *   CLAUDE     patches of 28 by 28, after shrinking to 1568 on the longer side; CLAUDE_5: 2576. The
 *              documents' "a pixel in 750" is their mean; recorded bills fit the patches to a token
 *   GEMINI     258 for each tile of 768 by 768, or for an image within 384 by 384; GEMINI_3: 1120
 *   PATCH_28   Qwen, Pixtral and their kin: patches of 28 by 28
 */
#pragma once
#include "base/str.h"

enum image_rule {
    IMG_TILES,
    IMG_TILES_MINI,
    IMG_TILES_O,
    IMG_TILES_5,
    IMG_PATCH_100,
    IMG_PATCH_120,
    IMG_PATCH_162,
    IMG_PATCH_172,
    IMG_PATCH_246,
    IMG_PATCH_28,
    IMG_CLAUDE,
    IMG_CLAUDE_5,
    IMG_GEMINI,
    IMG_GEMINI_3,
};

#define IMAGE_SIDE_MAX 65535

struct image_size {
    uint32_t w, h; /* 1 to IMAGE_SIDE_MAX */
};

/* False: it is none of the four, or its size cannot be read. */
bool image_size_of(str base64, struct image_size *ret);
/* `low`: the client asked for little detail, where the maker knows such a thing. */
uint64_t image_tokens(enum image_rule rule, struct image_size size, bool low);
/* The size of an image whose base64 is n characters long and says nothing: a photograph's. */
struct image_size image_size_guess(size_t n);

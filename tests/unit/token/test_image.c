/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of images out of their base64, flush against a guard page, and what makers make of them. */
#include "../json/guard.h"
#include "base/b64.h"
#include "base/buf.h"
#include "base/rand.h"
#include "token/image.h"

static struct buf base64;

static str encoded(const void *bytes, size_t n)
{
    buf_clear(&base64);
    b64_encode(&base64, str_of(bytes, n));
    return buf_str(&base64);
}

static void is(const void *bytes, size_t n, uint32_t w, uint32_t h)
{
    struct guard g = guard_new(encoded(bytes, n));
    struct image_size size = {0, 0};
    assert_int_equal(image_size_of(g.text, &size), w != 0);
    assert_int_equal(size.w, w);
    assert_int_equal(size.h, h);
    guard_free(&g);
}

static void test_sizes(void **state)
{
    static const uint8_t png[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\x20\0\0\x02\x58\x08\x02";
    static const uint8_t gif[16] = "GIF89a\x40\x01\xf0\x00";
    static const uint8_t webp[34] =
        "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x20\x03\x58\x02";
    static const uint8_t lossless[34] = "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x1f\xc3\x95\0";
    static const uint8_t extended[34] =
        "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\x03\0\x57\x02\0";
    (void)state;
    is(png, 33, 800, 600);
    is(gif, 16, 320, 240);
    is(webp, 34, 800, 600);
    is(lossless, 34, 800, 600);
    is(extended, 34, 800, 600);
}

/* The frame stands behind segments of any length. */
static void test_jpeg_behind_remarks(void **state)
{
    static uint8_t jpeg[70100] = "\xff\xd8\xff\xe1\xff\xf0";
    static const uint8_t frame[] =
        "\xff\xff\xe0\x00\x04\x00\x00\xff\xc2\x00\x11\x08\x04\x38\x07\x80\x03";
    (void)state;
    memcpy(jpeg + 4 + 0xfff0, frame, sizeof(frame));
    is(jpeg, sizeof(jpeg), 1920, 1080);
    is(jpeg, 4 + 0xfff0 + 8, 0, 0); /* cut off before it */
    is("\xff\xd8\xff\xe0\x00\x00\xff\xe0\x00\x00\x00\x00\x00\x00", 14, 0, 0);
}

static void test_what_is_none(void **state)
{
    static const uint8_t nothing[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    struct image_size size;
    (void)state;
    is(nothing, 33, 0, 0); /* no pixels */
    is("hello, hello, hello", 19, 0, 0);
    assert_false(image_size_of(STR(""), &size));
    assert_false(image_size_of(STR("iVBORw0KGgo*AAAANSUhEUgAAADwAAAAe"), &size));
    assert_false(image_size_of(STR("iVBORw0KGg"), &size));
}

static void test_any_bytes(void **state)
{
    static const char *const heads[] = {"\xff\xd8\xff\xe0", "RIFF", "GIF8", "\x89PNG"};
    struct rand r;
    (void)state;
    rand_init(&r, 3);
    for (int round = 0; round < 4000; round++) {
        uint8_t bytes[64];
        struct image_size size;
        size_t n = 4 + rand_below(&r, 60);
        for (size_t i = 0; i < n; i++)
            bytes[i] = rand_below(&r, 4) ? (uint8_t)rand_u64(&r) : 0xff;
        memcpy(bytes, heads[round % 4], 4);
        struct guard g = guard_new(encoded(bytes, n));
        if (image_size_of(g.text, &size))
            for (int rule = IMG_TILES; rule <= IMG_GEMINI_3; rule++)
                assert_true(image_tokens((enum image_rule)rule, size, false) < 50000000);
        guard_free(&g);
    }
}

static void tokens(enum image_rule rule, uint32_t w, uint32_t h, uint64_t want)
{
    assert_int_equal(image_tokens(rule, (struct image_size){w, h}, false), want);
}

/* The examples of the makers' documents. */
static void test_rules(void **state)
{
    (void)state;
    tokens(IMG_TILES, 1024, 1024, 765);
    tokens(IMG_TILES, 2048, 4096, 1105);
    assert_int_equal(image_tokens(IMG_TILES, (struct image_size){4096, 8192}, true), 85);
    tokens(IMG_TILES_MINI, 512, 512, 2833 + 5667);
    tokens(IMG_TILES_O, 512, 512, 225);
    tokens(IMG_TILES_5, 512, 512, 210);
    tokens(IMG_PATCH_100, 1024, 1024, 1024);
    tokens(IMG_PATCH_162, 4000, 4000, 2489); /* the most */
    tokens(IMG_CLAUDE, 750, 750, 733);       /* documented as 750 */
    tokens(IMG_CLAUDE, 8000, 8000, 1600);
    tokens(IMG_GEMINI, 384, 384, 258);
    tokens(IMG_GEMINI, 1536, 768, 516);
    tokens(IMG_GEMINI_3, 100, 100, 1120);
    tokens(IMG_PATCH_28, 280, 56, 22);
    tokens(IMG_TILES, 65535, 1, 85 + 4 * 170);
}

static void test_a_guess_grows_with_the_file(void **state)
{
    uint32_t last = 0;
    (void)state;
    for (size_t n = 0; n < 4u << 20; n += 100000) {
        struct image_size s = image_size_guess(n);
        assert_true(s.w >= last && s.w == s.h && s.w >= 64 && s.w <= 2048);
        last = s.w;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_jpeg_behind_remarks),
        cmocka_unit_test(test_what_is_none), cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_a_guess_grows_with_the_file),
    };
    base64 = BUF_INIT(1u << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&base64);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths of sounds out of their base64, flush against a guard page; and files that lie. */
#include "../json/guard.h"
#include "base/b64.h"
#include "base/buf.h"
#include "base/rand.h"
#include "token/audio.h"

static struct buf base64;

static uint64_t length(const char *type, const void *bytes, size_t n)
{
    buf_clear(&base64);
    b64_encode(&base64, str_of(bytes, n));
    struct guard g = guard_new(buf_str(&base64));
    uint64_t ms = audio_length(str_c(type), g.text);
    guard_free(&g);
    return ms;
}

static const uint8_t wav_head[44] = "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0"
                                    "\2\0\x10\0data\0\x19\0\0";

static void test_wav(void **state)
{
    static uint8_t file[44 + 32000];
    (void)state;
    memcpy(file, wav_head, 44); /* 32,000 bytes a second */
    assert_int_equal(length("audio/wav", file, 44 + 6400), 200);
    assert_int_equal(length("audio/wav", file, 44 + 3201), 100); /* cut short */
    memset(file + 40, 0xFF, 4);                                  /* what a stream's writer says */
    assert_int_equal(length("", file, sizeof(file)), 1000);
    memset(file + 28, 0, 4); /* no bytes a second: by its size */
    assert_in_range(length("", file, sizeof(file)), 10000, 11000);
}

/* Chunks of any length before the sound; a length that leads out of the file ends the search. */
static void test_wav_behind_remarks(void **state)
{
    static uint8_t file[12 + 8 + 1000 + 32 + 16000];
    (void)state;
    memcpy(file, wav_head, 12);
    memcpy(file + 12, "LIST\xe7\x03\0\0", 8); /* 999, padded */
    memcpy(file + 12 + 1008, wav_head + 12, 32);
    memcpy(file + 12 + 1008 + 28, "\x80\x3e\0\0", 4);
    assert_int_equal(length("audio/wav", file, sizeof(file)), 500);
    memset(file + 16, 0xFF, 4);
    assert_true(length("audio/wav", file, sizeof(file)) > 0);
}

static void test_flac(void **state)
{
    /* 44,100 Hz, two channels, 16 bits, 441,000 samples */
    static const uint8_t file[42] =
        "fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\x06\xba"
        "\xa8";
    (void)state;
    assert_int_equal(length("audio/flac", file, sizeof(file)), 10000);
    assert_true(length("audio/flac", file, 20) >= 1); /* cut off */
}

static void test_mp3(void **state)
{
    static uint8_t file[16000 + 1034];
    (void)state;
    memcpy(file, "\xff\xf3\xc4\xc4", 4); /* MPEG-2, 128 kbit/s, 24,000 Hz, mono */
    assert_in_range(length("audio/mp3", file, 16000), 999, 1001);
    memmove(file + 1034, file, 16000);
    memcpy(file, "ID3\4\0\0\0\0\x08\0", 10); /* 1,024 bytes of tag */
    assert_in_range(length("audio/mp3", file, sizeof(file)), 999, 1001);
    memcpy(file + 1034 + 4 + 9, "Xing\0\0\0\1\0\0\0\x64", 12); /* 100 frames of 576 samples */
    assert_in_range(length("audio/mp3", file, sizeof(file)), 2399, 2401);
    memcpy(file + 1034, "\xff\xf3\x04\xc4", 4); /* no bit rate */
    assert_true(length("audio/mp3", file, sizeof(file)) >= 1);
}

static void test_others_by_type_or_size(void **state)
{
    static const uint8_t file[48000] = "OggS";
    (void)state;
    assert_int_equal(length("audio/pcm16", file, sizeof(file)), 1000);
    assert_int_equal(length("audio/ogg", file, sizeof(file)), 16000);
    assert_int_equal(audio_length(STR_NONE, STR_NONE), 1);
    assert_int_equal(audio_length(STR_NONE, STR("not base64!?")), 3);
}

/* Whatever stands there, the answer is within bounds. */
static void test_noise(void **state)
{
    struct rand r;
    uint8_t file[64];
    (void)state;
    rand_init(&r, 7);
    for (int i = 0; i < 20000; i++) {
        static const char *const heads[] = {"RIFF....WAVE", "fLaC", "ID3", "\xff\xfb", "\xff\xf3"};
        for (size_t k = 0; k < sizeof(file); k++)
            file[k] = (uint8_t)rand_u64(&r);
        const char *head = heads[rand_below(&r, ARRAY_LEN(heads))];
        memcpy(file, head, strlen(head));
        assert_in_range(length("", file, rand_below(&r, sizeof(file))), 1, AUDIO_MS_MAX);
    }
}

int main(void)
{
    base64 = BUF_INIT(1u << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wav),
        cmocka_unit_test(test_wav_behind_remarks),
        cmocka_unit_test(test_flac),
        cmocka_unit_test(test_mp3),
        cmocka_unit_test(test_others_by_type_or_size),
        cmocka_unit_test(test_noise),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&base64);
    return failed;
}

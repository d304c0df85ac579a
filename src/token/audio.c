/* SPDX-License-Identifier: Apache-2.0 */
/* audio - lengths out of headers; see the header. */
#include "token/audio.h"

#include "base/b64.h"
#include "base/check.h"

#define MILLI        1000
#define WAV_CHUNKS   16    /* before the sound: remarks, cue points */
#define RAW_RATE     48000 /* bytes a second of OpenAI's pcm16: 24,000 samples of two bytes */
#define GUESS_RATE   3000  /* … of a voice that is compressed */
#define MP3_LAYER_3  1     /* as the two bits of a frame's header say it */
#define MP3_MPEG_1   3
#define MP3_CHANNELS 3 /* of the header's two bits: one channel */

struct sound {
    str base64;
    uint64_t bytes; /* of the file */
};

static bool bytes_at(const struct sound *s, uint64_t at, uint8_t *to, size_t n)
{
    return at < s->bytes && b64_peek(s->base64, (size_t)at, to, n);
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- WAV: chunks of a name, a length and as many bytes, padded to even */

static uint64_t wav(const struct sound *s)
{
    uint32_t rate = 0;
    uint64_t at = 12;
    uint8_t b[20];

    for (int i = 0; i < WAV_CHUNKS && bytes_at(s, at, b, 8); i++) {
        uint32_t n = little32(b + 4);
        if (memcmp(b, "data", 4) == 0) {
            /* A stream's writer does not know its length and says the most there is. */
            uint64_t rest = s->bytes - at - 8;
            return rate ? (n < rest ? n : rest) * MILLI / rate : 0;
        }
        if (memcmp(b, "fmt ", 4) == 0 && bytes_at(s, at, b, 20))
            rate = little32(b + 16);
        at += 8 + (uint64_t)n + (n & 1);
    }
    return 0;
}

/* ---- FLAC: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples */

static uint64_t flac(const struct sound *s)
{
    uint8_t b[8];

    if (!bytes_at(s, 18, b, 8))
        return 0;
    uint32_t rate = big32(b) >> 12;
    uint64_t samples = (uint64_t)(b[3] & 0xF) << 32 | big32(b + 4);
    return rate ? samples * MILLI / rate : 0;
}

/* ---- MP3 */

/* Kilobits a second by the header's four bits (ISO 11172-3, 13818-3): MPEG-1, then MPEG-2 and 2.5.
 */
static const uint16_t mp3_rates[2][16] = {
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
};
static const uint16_t mp3_samples[4] = {44100, 48000, 32000, 0};

/* An ID3v2 tag's length is four bytes of seven bits. */
static uint64_t behind_tag(const struct sound *s)
{
    uint8_t b[10];

    if (!bytes_at(s, 0, b, 10) || memcmp(b, "ID3", 3) != 0)
        return 0;
    return 10 + ((uint64_t)(b[6] & 0x7F) << 21 | (uint64_t)(b[7] & 0x7F) << 14 |
                 (uint64_t)(b[8] & 0x7F) << 7 | (b[9] & 0x7F));
}

/* How many frames there are, if the first one says so; it stands behind what the decoder needs. */
static uint32_t mp3_frames(const struct sound *s, uint64_t frame, bool mpeg1, bool mono)
{
    uint64_t at = frame + 4 + (mpeg1 ? (mono ? 17 : 32) : (mono ? 9 : 17));
    uint8_t b[12];

    if (!bytes_at(s, at, b, 12) || (memcmp(b, "Xing", 4) != 0 && memcmp(b, "Info", 4) != 0) ||
        !(b[7] & 1))
        return 0;
    return big32(b + 8);
}

static uint64_t mp3(const struct sound *s)
{
    uint64_t at = behind_tag(s);
    uint8_t b[4];

    if (!bytes_at(s, at, b, 4) || b[0] != 0xFF || (b[1] & 0xE0) != 0xE0)
        return 0;
    unsigned version = b[1] >> 3 & 3, halves = version == 2 ? 1 : 2;
    bool mpeg1 = version == MP3_MPEG_1;
    uint32_t kbit = mp3_rates[!mpeg1][b[2] >> 4], hz = mp3_samples[b[2] >> 2 & 3];

    if ((b[1] >> 1 & 3) != MP3_LAYER_3 || version == 1 || !kbit || !hz)
        return 0;
    hz = mpeg1 ? hz : hz >> halves; /* MPEG-2 halves the rates, 2.5 again */
    uint64_t frames = mp3_frames(s, at, mpeg1, b[3] >> 6 == MP3_CHANNELS);
    if (frames)
        return frames * (mpeg1 ? 1152 : 576) * MILLI / hz;
    return (s->bytes - at) * 8 / kbit; /* bits by kilobits a second: thousandths of one */
}

/* ---- */

static uint64_t told(str media_type, const struct sound *s)
{
    uint8_t b[12];

    if (!bytes_at(s, 0, b, 12))
        return 0;
    if (memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WAVE", 4) == 0)
        return wav(s);
    if (memcmp(b, "fLaC", 4) == 0)
        return flac(s);
    if (str_find(media_type, STR("pcm")) != SIZE_MAX)
        return s->bytes * MILLI / RAW_RATE;
    return mp3(s);
}

uint64_t audio_length(str media_type, str base64)
{
    struct sound s = {base64, base64.n / 4 * 3};
    uint64_t ms = told(media_type, &s);

    if (ms == 0)
        ms = s.bytes * MILLI / GUESS_RATE;
    ASSERT(s.bytes <= base64.n);
    return ms < 1 ? 1 : ms > AUDIO_MS_MAX ? AUDIO_MS_MAX : ms;
}

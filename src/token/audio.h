/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audio - how long a sound is, read from its first bytes as they stand in base64.
 *
 * Makers charge sound by its length: OpenAI ten tokens a second, Gemini 32. So the length is what
 * must be known, and nearly all files say it at their front:
 *
 *   WAV    bytes a second in the chunk "fmt ", bytes of sound in the chunk "data"
 *   FLAC   samples and their rate in STREAMINFO, which is always the first block
 *   MP3    the bit rate of the first frame; behind an ID3 tag, and with the number of frames where
 *          the encoder wrote it down (Xing, for files of variable rate)
 *
 * Only the characters that are needed are decoded, as token/image.h does. Others (AAC, Ogg, raw
 * samples) are told by their media type or guessed by their size. The bytes are hostile: a file
 * that lies is charged as it lies, within AUDIO_MS_MAX.    Pure.
 */
#pragma once
#include "base/str.h"

#define AUDIO_MS_MAX (24u * 60 * 60 * 1000) /* a day: more than any maker takes */

/* Thousandths of a second, at least 1. `media_type` may be absent. */
uint64_t audio_length(str media_type, str base64);

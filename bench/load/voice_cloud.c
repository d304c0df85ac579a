/* SPDX-License-Identifier: Apache-2.0 */
/*
 * voice_cloud - Gemini's generateContent and Bedrock's Converse, as the recorded traffic has them.
 *
 * Gemini streams whole answers in small: each event has candidates, usage so far and the version of
 * the model; nothing closes the stream but its end. Converse streams AWS's binary messages: two
 * lengths and a checksum, headers by type, the JSON, a checksum of it all.
 */
#include <string.h>

#include "voice.h"

/* ---- Gemini */

#define GEMINI_REST(out)                                                                      \
    "\"usageMetadata\":{\"promptTokenCount\":1187,\"candidatesTokenCount\":" out              \
    ",\"totalTokenCount\":1329,\"cachedContentTokenCount\":1024,\"promptTokensDetails\":["    \
    "{\"modality\":\"TEXT\",\"tokenCount\":1187}]},\"modelVersion\":\"%.*s\",\"responseId\":" \
    "\"BenchAaBbCcDdEeFfGgHhIi\"}"

static void gemini_event(struct text *t, const struct reply_key *k, const char *piece,
                         const char *finish)
{
    struct text data = {0};
    text_printf(&data,
                "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%s\"}],\"role\":\"model\"}"
                "%s,\"index\":0}]," GEMINI_REST("142"),
                piece, finish, (int)k->model_len, k->model);
    text_printf(t, "%zx\r\ndata: %s\r\n\r\n\r\n", data.len + sizeof "data: \r\n\r\n" - 1, data.at);
}

static void gemini_opening(struct text *t, const struct reply_key *k)
{
    (void)t; /* the first content is the first event */
    (void)k;
}

static void gemini_content(struct text *t, const struct reply_key *k, const char *piece)
{
    gemini_event(t, k, piece, "");
}

static void gemini_closing(struct text *t, const struct reply_key *k)
{
    gemini_event(t, k, "", ",\"finishReason\":\"STOP\"");
}

static void gemini_whole(struct text *t, const struct reply_key *k, const char *answer)
{
    text_printf(t,
                "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%s\"}],\"role\":\"model\"},"
                "\"finishReason\":\"STOP\",\"index\":0}]," GEMINI_REST("142"),
                answer, (int)k->model_len, k->model);
}

static void gemini_error(struct text *t, unsigned status)
{
    text_printf(t,
                "{\"error\":{\"code\":%u,\"message\":\"The mock was asked for a %u.\",\"status\":"
                "\"UNAVAILABLE\"}}",
                status, status);
}

const struct voice voice_gemini = {"text/event-stream", gemini_opening, gemini_content,
                                   gemini_closing,      gemini_whole,   gemini_error};

/* ---- Converse */

#define PRELUDE 12 /* two lengths and their checksum */
#define SUM     4

/* CRC-32 as zlib's, a byte at a time: the messages are short, and made once but for timed ones. */
static uint32_t crc32_of(const char *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    while (n--) {
        c ^= (unsigned char)*p++;
        for (int i = 0; i < 8; i++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

static void put_u32(char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(v >> (24 - 8 * i));
}

static uint32_t get_u32(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* A header of type 7: a string. */
static void add_header(struct text *t, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    char size[3] = {7, (char)(m >> 8), (char)m}, len = (char)n;
    text_add(t, &len, 1);
    text_add(t, name, n);
    text_add(t, size, 3);
    text_add(t, value, m);
}

/* One message as one HTTP chunk. */
static void add_message(struct text *t, const char *event, const char *json, size_t n)
{
    struct text m = {0};
    char zeros[PRELUDE] = {0};
    text_add(&m, zeros, PRELUDE);
    add_header(&m, ":event-type", event);
    add_header(&m, ":content-type", "application/json");
    add_header(&m, ":message-type", "event");
    put_u32(m.at + 4, (uint32_t)(m.len - PRELUDE));
    text_add(&m, json, n);
    text_add(&m, zeros, SUM);
    put_u32(m.at, (uint32_t)m.len);
    put_u32(m.at + 8, crc32_of(m.at, 8));
    put_u32(m.at + m.len - SUM, crc32_of(m.at, m.len - SUM));
    text_printf(t, "%zx\r\n", m.len);
    text_add(t, m.at, m.len);
    text_puts(t, "\r\n");
}

void converse_seal(char *chunk, size_t n)
{
    char *m = memchr(chunk, '\n', n);
    if (!m)
        die("a message without a chunk around it");
    size_t len = get_u32(++m);
    put_u32(m + len - SUM, crc32_of(m, len - SUM));
}

#define MESSAGE(t, event, lit) add_message((t), event, lit, sizeof(lit) - 1)

static void converse_opening(struct text *t, const struct reply_key *k)
{
    (void)k;
    MESSAGE(t, "messageStart", "{\"p\":\"abcdefghijklmnopqrstuvw\",\"role\":\"assistant\"}");
}

static void converse_content(struct text *t, const struct reply_key *k, const char *piece)
{
    struct text json = {0};
    (void)k;
    text_printf(&json,
                "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%s\"},\"p\":"
                "\"abcdefghijklmnopqrstuvwxyzABCDEF\"}",
                piece);
    add_message(t, "contentBlockDelta", json.at, json.len);
}

#define CONVERSE_REST                                                                      \
    "\"metrics\":{\"latencyMs\":551},\"usage\":{\"inputTokens\":163,\"outputTokens\":142," \
    "\"totalTokens\":1329,\"cacheReadInputTokens\":1024,\"cacheWriteInputTokens\":0,"      \
    "\"cacheReadInputTokenCount\":1024,\"cacheWriteInputTokenCount\":0}}"

static void converse_closing(struct text *t, const struct reply_key *k)
{
    (void)k;
    MESSAGE(t, "contentBlockStop", "{\"contentBlockIndex\":0,\"p\":\"abcdefghijklmnopqrstuvwxy\"}");
    MESSAGE(t, "messageStop", "{\"p\":\"abcdefghijklmnop\",\"stopReason\":\"end_turn\"}");
    MESSAGE(t, "metadata", "{\"p\":\"abcdefghijkl\"," CONVERSE_REST);
}

static void converse_whole(struct text *t, const struct reply_key *k, const char *answer)
{
    (void)k;
    text_printf(t,
                "{\"output\":{\"message\":{\"content\":[{\"text\":\"%s\"}],\"role\":"
                "\"assistant\"}},\"stopReason\":\"end_turn\"," CONVERSE_REST,
                answer);
}

static void converse_error(struct text *t, unsigned status)
{
    text_printf(t, "{\"message\":\"The mock was asked for a %u.\"}", status);
}

const struct voice voice_converse = {"application/vnd.amazon.eventstream",
                                     converse_opening,
                                     converse_content,
                                     converse_closing,
                                     converse_whole,
                                     converse_error};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff - find `model` and `stream` in a chat request without parsing it.
 *
 * The mock must cost far less than the proxies before it, and reading 1 MB of JSON properly is what
 * they are measured for. So only the first 12 KB and the last 16 KB of a body are kept and searched
 * for the two keys: inside a JSON string the quotes would be escaped, so `"model"` with plain
 * quotes is always a key. A gateway that writes these fields into the middle of a larger body would
 * be misread; none does, and the client would notice (a JSON answer where it waits for a stream).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define SNIFF_HEAD      ((size_t)12 << 10)
#define SNIFF_TAIL      ((size_t)16 << 10)
#define SNIFF_MODEL_MAX 128

struct sniff {
    char *head, *tail; /* allocated at first need, kept for the connection's next requests */
    size_t head_cap, head_len, tail_len;
    char model[SNIFF_MODEL_MAX];
    size_t model_len;
    bool stream, include_usage;
};

void sniff_begin(struct sniff *s);
void sniff_feed(struct sniff *s, const char *bytes, size_t n);
/* The body has ended: fills model, stream and include_usage. */
void sniff_end(struct sniff *s);
void sniff_fini(struct sniff *s);

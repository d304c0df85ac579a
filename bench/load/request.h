/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - the mock provider's reader of HTTP/1.1 requests.
 *
 * Pure and incremental: bytes in any cut. It knows what proxies send (Content-Length and chunked
 * bodies, Expect) and is not strict, since it is never exposed to strangers. The
 * body is not kept, only sniffed at.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunked.h"
#include "sniff.h"

#define REQUEST_HEAD_MAX ((size_t)16 << 10)
#define REQUEST_BODY_MAX ((uint64_t)32 << 20)

enum request_state {
    REQUEST_HEAD,
    REQUEST_LENGTH, /* `left` bytes of body to come */
    REQUEST_CHUNKED,
    REQUEST_DONE,
    REQUEST_BAD
};

enum request_target {
    TARGET_CHAT,
    TARGET_MESSAGES,
    TARGET_GEMINI,
    TARGET_CONVERSE,
    TARGET_COUNT,
    TARGET_MODELS,
    TARGET_STATS
};

struct request {
    enum request_state state;
    enum request_target target;
    bool expect;
    uint64_t left, body_bytes;
    struct chunked chunked;
    struct sniff sniff;
    char *head; /* a head that came in pieces */
    size_t head_len;
};

/* Ready for the next request; memory already held is kept. */
void request_begin(struct request *r);

/* Take bytes, and return how many were taken: all, or up to the end of the request (REQUEST_DONE)
 * or the fault (REQUEST_BAD). */
size_t request_feed(struct request *r, const char *bytes, size_t n);

/* How many body bytes to come need not be looked at: the caller may discard them unread. */
uint64_t request_can_skip(const struct request *r);
void request_skipped(struct request *r, uint64_t n);

void request_fini(struct request *r);

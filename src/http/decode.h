/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - content codings of bodies: gzip, deflate, br, zstd; streaming, bounded.
 *
 *     while ((rc = decode_feed(&d, &in, &out)) == RC_AGAIN)
 *         … use and clear `out` …
 *
 * One call gives out at most DECODE_STEP bytes, so that a few compressed bytes cannot fill the
 * memory before somebody looks. A body that grows over max_out, or to more than max_ratio times its
 * compressed size once DECODE_FREE bytes came out, is RC_LIMIT: bombs are told by what they do, for
 * every coding can make one. The ratio is taken while the stream runs, of the bytes used so far.
 *
 * Owns:  the library's state (from base/mem), until decode_fini. Memory: gzip and deflate 40 KiB;
 *        br up to 16 MiB and zstd up to 8 MiB, as the stream's window asks (RFC 7932, RFC 9659).
 */
#pragma once
#include "base/buf.h"
#include "base/rc.h"

#define DECODE_STEP      (32u << 10)
#define DECODE_FREE      (64u << 10)
#define DECODE_RATIO_MAX 100         /* RELIABILITY U34 */
#define DECODE_OUT_MAX   (64u << 20) /* RELIABILITY U34 */

enum decode_kind { DECODE_IDENTITY, DECODE_GZIP, DECODE_DEFLATE, DECODE_BR, DECODE_ZSTD };

struct decode_engine;

struct decoder {
    const struct decode_engine *engine;
    void *state;
    uint64_t used, given; /* bytes in and out so far */
    uint64_t max_out;
    unsigned max_ratio;
    bool ended; /* the stream is complete up to here */
    enum rc rc; /* an error, which stays */
};

/* The coding that a Content-Encoding value names; absent and empty are identity. RC_UNSUPPORTED:
 * another one, or several in a row. */
enum rc decode_kind_of(str content_encoding, enum decode_kind *ret) MUST_CHECK;

/* RC_NOMEM; then *d needs no fini. Identity has no ratio. */
enum rc decode_init(struct decoder *d, enum decode_kind kind, uint64_t max_out,
                    unsigned max_ratio) MUST_CHECK;
void decode_fini(struct decoder *d);

/* Take bytes from the front of *in and append what they decode to.
 * RC_OK: all of *in was taken, and what could be decoded is out.
 * RC_AGAIN: there may be more; call again with what is left of *in, also if that is empty.
 * RC_SYNTAX: not a stream of this kind, or bytes behind its end. RC_LIMIT: max_out, max_ratio, or a
 * window over the maximum. RC_NOMEM: also when `out` is full.
 * Errors stay. Several gzip members or zstd frames in a row are one body. */
enum rc decode_feed(struct decoder *d, str *in, struct buf *out) MUST_CHECK;

/* At the end of the body: is the stream complete? An empty body is. */
bool decode_is_complete(const struct decoder *d);

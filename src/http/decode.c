/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - three libraries behind one step function.
 *
 * An engine's `run` decodes from `in` into at most `room` bytes and says whether the stream is
 * complete there; all counting, limits and rules for callers are in decode_feed. The libraries
 * allocate through base/mem, so that failing allocations can be tested.
 *
 * "deflate" means the zlib format (RFC 9110 §8.4.1.2), but some servers send a bare deflate stream.
 * The first byte tells: 8 in the low half is zlib's method; in a bare stream it would be a stored
 * block whose padding is not zero, which no encoder writes.
 */
#include "http/decode.h"

#include <brotli/decode.h>
#define ZLIB_CONST
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for the version of createDCtx that takes an allocator */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

#define ZSTD_WINDOW_LOG_MAX 23 /* 8 MiB: RFC 9659 */

struct decode_engine {
    void *(*open)(void); /* NULL without memory */
    enum rc (*run)(struct decoder *d, str *in, char *to, size_t *room);
    void (*close)(void *state);
};

/* ---- identity */

static enum rc identity_run(struct decoder *d, str *in, char *to, size_t *room)
{
    size_t n = in->n < *room ? in->n : *room;
    if (n)
        memcpy(to, in->p, n);
    *in = str_from(*in, n);
    *room -= n;
    d->ended = true;
    return RC_OK;
}

/* ---- gzip and deflate */

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_alloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

static void *zlib_open(int window_bits)
{
    z_stream *z = mem_zalloc(sizeof(*z));
    if (!z)
        return NULL;
    z->zalloc = zlib_alloc;
    z->zfree = zlib_free;
    if (inflateInit2(z, window_bits) != Z_OK) {
        mem_free(z);
        return NULL;
    }
    return z;
}

static void *gzip_open(void)
{
    return zlib_open(MAX_WBITS + 16);
}

static void *deflate_open(void)
{
    return zlib_open(MAX_WBITS);
}

static void zlib_close(void *state)
{
    inflateEnd(state);
    mem_free(state);
}

static enum rc zlib_run(struct decoder *d, str *in, char *to, size_t *room)
{
    z_stream *z = d->state;
    size_t n = in->n < UINT_MAX ? in->n : UINT_MAX;
    z->next_in = (const Bytef *)in->p;
    z->avail_in = (uInt)n;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)*room;
    int r = inflate(z, Z_NO_FLUSH);
    *in = str_from(*in, n - z->avail_in);
    *room = z->avail_out;
    d->ended = r == Z_STREAM_END;
    if (r == Z_MEM_ERROR)
        return RC_NOMEM;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? RC_OK : RC_SYNTAX;
}

static enum rc gzip_run(struct decoder *d, str *in, char *to, size_t *room)
{
    if (d->ended && inflateReset(d->state) != Z_OK) /* the next member */
        return RC_SYNTAX;
    return zlib_run(d, in, to, room);
}

static enum rc deflate_run(struct decoder *d, str *in, char *to, size_t *room)
{
    if (d->ended)
        return RC_SYNTAX;
    if (d->used == 0 && (in->p[0] & 15) != Z_DEFLATED &&
        inflateReset2(d->state, -MAX_WBITS) != Z_OK)
        return RC_SYNTAX;
    return zlib_run(d, in, to, room);
}

/* ---- br */

static void *br_alloc(void *opaque, size_t n)
{
    (void)opaque;
    return mem_alloc(n);
}

static void br_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

static void *br_open(void)
{
    return BrotliDecoderCreateInstance(br_alloc, br_free, NULL);
}

static void br_close(void *state)
{
    BrotliDecoderDestroyInstance(state);
}

static enum rc br_run(struct decoder *d, str *in, char *to, size_t *room)
{
    if (d->ended)
        return RC_SYNTAX;
    size_t left = in->n;
    const uint8_t *from = (const uint8_t *)in->p;
    uint8_t *out = (uint8_t *)to;
    BrotliDecoderResult r = BrotliDecoderDecompressStream(d->state, &left, &from, room, &out, NULL);
    *in = str_from(*in, in->n - left);
    d->ended = r == BROTLI_DECODER_RESULT_SUCCESS;
    if (r != BROTLI_DECODER_RESULT_ERROR)
        return RC_OK;
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(d->state);
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                   code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
               ? RC_NOMEM
               : RC_SYNTAX;
}

/* ---- zstd */

static void *zstd_open(void)
{
    ZSTD_DCtx *z = ZSTD_createDCtx_advanced((ZSTD_customMem){br_alloc, br_free, NULL});
    if (z && ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX))) {
        ZSTD_freeDCtx(z);
        return NULL;
    }
    return z;
}

static void zstd_close(void *state)
{
    ZSTD_freeDCtx(state);
}

static enum rc zstd_run(struct decoder *d, str *in, char *to, size_t *room)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer out = {to, *room, 0};
    size_t r = ZSTD_decompressStream(d->state, &out, &from);
    *in = str_from(*in, from.pos);
    *room -= out.pos;
    d->ended = r == 0;
    if (!ZSTD_isError(r))
        return RC_OK;
    switch ((int)ZSTD_getErrorCode(r)) {
    case ZSTD_error_memory_allocation:
        return RC_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        return RC_LIMIT;
    default:
        return RC_SYNTAX;
    }
}

/* ---- together */

static const struct decode_engine engines[] = {
    [DECODE_IDENTITY] = {NULL, identity_run, NULL},
    [DECODE_GZIP] = {gzip_open, gzip_run, zlib_close},
    [DECODE_DEFLATE] = {deflate_open, deflate_run, zlib_close},
    [DECODE_BR] = {br_open, br_run, br_close},
    [DECODE_ZSTD] = {zstd_open, zstd_run, zstd_close},
};

enum rc decode_kind_of(str content_encoding, enum decode_kind *ret)
{
    static const struct {
        str name;
        enum decode_kind kind;
    } names[] = {
        {STR(""), DECODE_IDENTITY},       {STR("identity"), DECODE_IDENTITY},
        {STR("gzip"), DECODE_GZIP},       {STR("x-gzip"), DECODE_GZIP},
        {STR("deflate"), DECODE_DEFLATE}, {STR("br"), DECODE_BR},
        {STR("zstd"), DECODE_ZSTD},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(content_encoding, names[i].name)) {
            *ret = names[i].kind;
            return RC_OK;
        }
    return RC_UNSUPPORTED;
}

enum rc decode_init(struct decoder *d, enum decode_kind kind, uint64_t max_out, unsigned max_ratio)
{
    CHECK(max_ratio > 0 && (size_t)kind < ARRAY_LEN(engines));
    *d = (struct decoder){.engine = &engines[kind], .max_out = max_out, .max_ratio = max_ratio};
    if (d->engine->open) {
        d->state = d->engine->open();
        if (!d->state)
            return RC_NOMEM;
    }
    return RC_OK;
}

void decode_fini(struct decoder *d)
{
    if (d->state)
        d->engine->close(d->state);
    d->state = NULL;
}

/* A kilobyte that becomes a gigabyte: the sum is bounded, and beyond the first DECODE_FREE bytes
 * the ratio too. */
static bool is_bomb(const struct decoder *d)
{
    if (d->given > d->max_out)
        return true;
    return d->state && d->given > DECODE_FREE && d->given / d->max_ratio > d->used;
}

/* How much of `out` one step may fill. */
static size_t room_in(const struct buf *out)
{
    size_t room = out->max - buf_size(out);
    return room < DECODE_STEP ? room : DECODE_STEP;
}

static enum rc step(struct decoder *d, str *in, struct buf *out)
{
    if (in->n == 0 && (d->ended || d->used == 0))
        return RC_OK; /* between members, or before the first byte: nothing can come out */
    size_t before = in->n, room = room_in(out), given = room;
    char *to = room ? buf_reserve(out, room) : NULL;
    if (!to)
        return RC_NOMEM;
    TRY(d->engine->run(d, in, to, &room));
    CHECK(room <= given && in->n <= before); /* a library that wrote past the room has done harm */
    given -= room;
    if (in->n == before && before && given == 0)
        return RC_SYNTAX; /* a library that stands still must not make a caller loop */
    d->used += before - in->n;
    d->given += given;
    if (is_bomb(d))
        return RC_LIMIT;
    buf_commit(out, given);
    return in->n || room == 0 ? RC_AGAIN : RC_OK;
}

enum rc decode_feed(struct decoder *d, str *in, struct buf *out)
{
    if (d->rc != RC_OK)
        return d->rc;
    enum rc rc = step(d, in, out);
    if (rc != RC_AGAIN)
        d->rc = rc;
    return rc;
}

bool decode_is_complete(const struct decoder *d)
{
    return d->rc == RC_OK && (d->ended || d->used == 0);
}

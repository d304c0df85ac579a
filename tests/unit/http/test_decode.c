/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "http/decode.h"

#define BIG (16u << 20)

static void zlib_pack(str in, struct buf *out, int bits)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t max = deflateBound(&z, in.n);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = (Bytef *)buf_reserve(out, max);
    assert_non_null(z.next_out);
    z.avail_out = (uInt)max;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_commit(out, max - z.avail_out);
    deflateEnd(&z);
}

static void gzip_pack(str in, struct buf *out)
{
    zlib_pack(in, out, MAX_WBITS + 16);
}

static void deflate_pack(str in, struct buf *out)
{
    zlib_pack(in, out, MAX_WBITS);
}

static void raw_deflate_pack(str in, struct buf *out)
{
    zlib_pack(in, out, -MAX_WBITS);
}

static void br_pack(str in, struct buf *out)
{
    size_t n = BrotliEncoderMaxCompressedSize(in.n) + 64;
    uint8_t *to = (uint8_t *)buf_reserve(out, n);
    assert_non_null(to);
    assert_true(
        BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.n, (const uint8_t *)in.p, &n, to));
    buf_commit(out, n);
}

static void zstd_pack(str in, struct buf *out)
{
    size_t max = ZSTD_compressBound(in.n);
    char *to = buf_reserve(out, max);
    assert_non_null(to);
    size_t n = ZSTD_compress(to, max, in.p, in.n, 3);
    assert_false(ZSTD_isError(n));
    buf_commit(out, n);
}

static void identity_pack(str in, struct buf *out)
{
    buf_add(out, in);
}

static const struct coding {
    const char *name;
    enum decode_kind kind;
    void (*pack)(str in, struct buf *out);
    bool many; /* several streams in a row are one body */
} codings[] = {
    {"identity", DECODE_IDENTITY, identity_pack, true},
    {"gzip", DECODE_GZIP, gzip_pack, true},
    {"deflate", DECODE_DEFLATE, deflate_pack, false},
    {"raw deflate", DECODE_DEFLATE, raw_deflate_pack, false},
    {"br", DECODE_BR, br_pack, false},
    {"zstd", DECODE_ZSTD, zstd_pack, true},
};

/* Text that compresses like a model's JSON does. */
static void prose(struct buf *b, size_t n)
{
    static const char *const words[] = {
        "{\"role\":\"user\",", "\"content\":", "token", " the ", "\\n", "0.25", "gateway", "\"}],"};
    struct rand r;
    rand_init(&r, 7);
    while (buf_size(b) < n)
        buf_add(b, str_c(words[rand_below(&r, ARRAY_LEN(words))]));
}

/* Feed one piece; what comes out goes to `all`. */
static enum rc feed(struct decoder *d, str in, struct buf *all)
{
    struct buf out = BUF_INIT(DECODE_STEP);
    enum rc rc;
    do {
        rc = decode_feed(d, &in, &out);
        assert_true(buf_size(&out) <= DECODE_STEP);
        buf_add(all, buf_str(&out));
        buf_clear(&out);
    } while (rc == RC_AGAIN);
    if (rc == RC_OK)
        assert_int_equal(in.n, 0);
    buf_fini(&out);
    return rc;
}

static enum rc unpack(const struct coding *c, str in, size_t step, struct buf *all, bool *complete)
{
    struct decoder d;
    assert_int_equal(decode_init(&d, c->kind, DECODE_OUT_MAX, DECODE_RATIO_MAX), RC_OK);
    buf_clear(all);
    enum rc rc = RC_OK;
    while (in.n && rc == RC_OK) {
        str piece = str_head(in, step);
        in = str_from(in, piece.n);
        rc = feed(&d, piece, all);
    }
    *complete = decode_is_complete(&d);
    decode_fini(&d);
    return rc;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    prose(&text, 100000);
    static const size_t steps[] = {1, 3, 100, 4096, 1 << 30};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        codings[i].pack(buf_str(&text), &packed);
        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            bool complete = false;
            assert_int_equal(unpack(&codings[i], buf_str(&packed), steps[k], &out, &complete),
                             RC_OK);
            if (!str_eq(buf_str(&out), buf_str(&text)) || !complete)
                fail_msg("%s in steps of %zu", codings[i].name, steps[k]);
        }
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
}

/* Cut once at every byte, each part flush against the guard page. */
static void test_every_cut(void **state)
{
    (void)state;
    struct guard g = guard_new(8192);
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    prose(&text, 2000);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        codings[i].pack(buf_str(&text), &packed);
        for (size_t cut = 0; cut <= buf_size(&packed); cut++) {
            struct decoder d;
            assert_int_equal(decode_init(&d, codings[i].kind, 1 << 20, 100), RC_OK);
            buf_clear(&out);
            assert_int_equal(feed(&d, guard_put(g, str_head(buf_str(&packed), cut)), &out), RC_OK);
            if (codings[i].kind != DECODE_IDENTITY)
                assert_int_equal(decode_is_complete(&d), cut == 0 || cut == buf_size(&packed));
            assert_int_equal(feed(&d, guard_put(g, str_from(buf_str(&packed), cut)), &out), RC_OK);
            assert_true(decode_is_complete(&d));
            assert_true(str_eq(buf_str(&out), buf_str(&text)));
            decode_fini(&d);
        }
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
    guard_free(g);
}

/* U34: 16 MiB of zeros in each coding; the decoder gives up early. */
static void pack_zeros(const struct coding *c, struct buf *packed)
{
    struct buf zeros = BUF_INIT(BIG);
    char *p = buf_reserve(&zeros, BIG);
    assert_non_null(p);
    memset(p, 0, BIG);
    buf_commit(&zeros, BIG);
    c->pack(buf_str(&zeros), packed);
    buf_fini(&zeros);
}

static void test_u34_bombs(void **state)
{
    (void)state;
    struct buf packed = BUF_INIT(2 * BIG), out = BUF_INIT(BIG);
    for (size_t i = 1; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        pack_zeros(&codings[i], &packed);
        assert_true(buf_size(&packed) < BIG / 100);
        for (size_t step = 1; step <= 1000; step *= 10) {
            bool complete = true;
            assert_int_equal(unpack(&codings[i], buf_str(&packed), step, &out, &complete),
                             RC_LIMIT);
            assert_false(complete);
            assert_in_range(buf_size(&out), 0, DECODE_FREE + DECODE_STEP + 100 * step);
        }
        /* Below the free amount any ratio will do. */
        struct buf small = BUF_INIT(BIG);
        char *p = buf_reserve(&small, DECODE_FREE);
        assert_non_null(p);
        memset(p, ' ', DECODE_FREE);
        buf_commit(&small, DECODE_FREE);
        buf_clear(&packed);
        codings[i].pack(buf_str(&small), &packed);
        bool complete = false;
        assert_int_equal(unpack(&codings[i], buf_str(&packed), 5, &out, &complete), RC_OK);
        assert_true(complete && buf_size(&out) == DECODE_FREE);
        buf_fini(&small);
    }
    buf_fini(&packed);
    buf_fini(&out);
}

static void test_u34_output_cap(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    prose(&text, 100000);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        codings[i].pack(buf_str(&text), &packed);
        for (int over = 0; over < 2; over++) {
            struct decoder d;
            buf_clear(&out);
            assert_int_equal(
                decode_init(&d, codings[i].kind, buf_size(&text) - (unsigned)over, 100), RC_OK);
            assert_int_equal(feed(&d, buf_str(&packed), &out), over ? RC_LIMIT : RC_OK);
            assert_true(buf_size(&out) <= buf_size(&text) - (unsigned)over);
            str more = STR("x");
            if (over) /* it stays */
                assert_int_equal(decode_feed(&d, &more, &out), RC_LIMIT);
            decode_fini(&d);
        }
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
}

/* A small output buffer is filled and drained. */
static void test_small_output(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), all = BUF_INIT(BIG);
    prose(&text, 20000);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        buf_clear(&all);
        codings[i].pack(buf_str(&text), &packed);
        struct decoder d;
        struct buf out = BUF_INIT(300);
        assert_int_equal(decode_init(&d, codings[i].kind, 1 << 20, 100), RC_OK);
        str in = buf_str(&packed);
        enum rc rc;
        while ((rc = decode_feed(&d, &in, &out)) == RC_AGAIN) {
            buf_add(&all, buf_str(&out));
            buf_clear(&out);
        }
        assert_int_equal(rc, RC_OK);
        buf_add(&all, buf_str(&out));
        assert_true(decode_is_complete(&d));
        assert_true(str_eq(buf_str(&all), buf_str(&text)));
        decode_fini(&d);
        /* Full and never drained. */
        assert_int_equal(decode_init(&d, codings[i].kind, 1 << 20, 100), RC_OK);
        in = buf_str(&packed);
        buf_clear(&out);
        while ((rc = decode_feed(&d, &in, &out)) == RC_AGAIN)
            continue;
        assert_int_equal(rc, RC_NOMEM);
        decode_fini(&d);
        buf_fini(&out);
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&all);
}

static void test_broken(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    prose(&text, 5000);
    for (size_t i = 1; i < ARRAY_LEN(codings); i++) {
        const struct coding *c = &codings[i];
        bool complete = true;
        /* Not this coding at all. */
        assert_int_equal(unpack(c, STR("{\"error\":\"plain text\"}\n\n\n"), 4, &out, &complete),
                         RC_SYNTAX);
        assert_false(complete);
        /* A flipped byte: an error or other bytes, but never the text as if nothing happened. */
        buf_clear(&packed);
        c->pack(buf_str(&text), &packed);
        for (size_t at = 0; at < buf_size(&packed); at += 3) {
            packed.p[packed.off + at] ^= 0x55;
            enum rc rc = unpack(c, buf_str(&packed), 64, &out, &complete);
            if (c->kind == DECODE_GZIP && rc == RC_OK && complete && at >= 10)
                fail_msg("gzip: flipped byte %zu not seen", at);
            packed.p[packed.off + at] ^= 0x55;
        }
        /* Bytes behind the end; the same stream twice. */
        buf_lit(&packed, "x");
        assert_int_equal(unpack(c, buf_str(&packed), 64, &out, &complete) == RC_OK && complete,
                         false);
        buf_clear(&packed);
        c->pack(buf_str(&text), &packed);
        c->pack(buf_str(&text), &packed);
        enum rc rc = unpack(c, buf_str(&packed), 64, &out, &complete);
        assert_int_equal(rc, c->many ? RC_OK : RC_SYNTAX);
        if (c->many) {
            assert_true(complete);
            assert_int_equal(buf_size(&out), 2 * buf_size(&text));
        }
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
}

static void test_empty(void **state)
{
    (void)state;
    struct buf packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        bool complete = false;
        assert_int_equal(unpack(&codings[i], STR(""), 1, &out, &complete), RC_OK);
        assert_true(complete);
        buf_clear(&packed);
        codings[i].pack(STR(""), &packed);
        assert_int_equal(unpack(&codings[i], buf_str(&packed), 1, &out, &complete), RC_OK);
        assert_true(complete);
        assert_int_equal(buf_size(&out), 0);
    }
    buf_fini(&packed);
    buf_fini(&out);
}

/* A zstd frame may ask for a window of gigabytes. */
static void test_zstd_window(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), out = BUF_INIT(BIG);
    prose(&text, 100000);
    for (int log = 23; log <= 27; log += 4) {
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
        buf_clear(&packed);
        size_t max = ZSTD_compressBound(buf_size(&text));
        ZSTD_outBuffer to = {buf_reserve(&packed, max), max, 0};
        assert_non_null(to.dst);
        ZSTD_inBuffer from = {text.p, buf_size(&text), 0};
        while (ZSTD_compressStream2(c, &to, &from, ZSTD_e_continue) != 0 && from.pos < from.size)
            continue;
        assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_end), 0);
        buf_commit(&packed, to.pos);
        ZSTD_freeCCtx(c);
        bool complete = false;
        enum rc rc = unpack(&codings[5], buf_str(&packed), 100, &out, &complete);
        assert_int_equal(rc, log == 23 ? RC_OK : RC_LIMIT);
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum rc rc;
        enum decode_kind kind;
    } rows[] = {
        {"", RC_OK, DECODE_IDENTITY},       {"identity", RC_OK, DECODE_IDENTITY},
        {"gzip", RC_OK, DECODE_GZIP},       {"X-GZIP", RC_OK, DECODE_GZIP},
        {"Deflate", RC_OK, DECODE_DEFLATE}, {"br", RC_OK, DECODE_BR},
        {"zstd", RC_OK, DECODE_ZSTD},       {"compress", RC_UNSUPPORTED, 0},
        {"gzip, br", RC_UNSUPPORTED, 0},    {"gzip;q=1", RC_UNSUPPORTED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum decode_kind kind = DECODE_ZSTD;
        assert_int_equal(decode_kind_of(str_c(rows[i].value), &kind), rows[i].rc);
        if (rows[i].rc == RC_OK)
            assert_int_equal(kind, rows[i].kind);
    }
    enum decode_kind kind = DECODE_ZSTD;
    assert_int_equal(decode_kind_of(STR_NONE, &kind), RC_OK);
    assert_int_equal(kind, DECODE_IDENTITY);
}

/* The n-th allocation fails, for every n until the whole body decodes. */
static void test_no_memory(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(BIG), packed = BUF_INIT(BIG), all = BUF_INIT(BIG);
    prose(&text, 100000);
    assert_non_null(buf_reserve(&all, 200000));
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        buf_clear(&packed);
        codings[i].pack(buf_str(&text), &packed);
        size_t failures = 0;
        for (enum rc rc = RC_NOMEM; rc == RC_NOMEM; failures++) {
            assert_true(failures < 200);
            struct decoder d;
            buf_clear(&all);
            mem_fail_after(failures + 1);
            rc = decode_init(&d, codings[i].kind, DECODE_OUT_MAX, 100);
            if (rc == RC_OK)
                rc = feed(&d, buf_str(&packed), &all);
            mem_fail_after(0);
            decode_fini(&d);
            if (rc == RC_OK)
                assert_true(str_eq(buf_str(&all), buf_str(&text)));
            else
                assert_int_equal(rc, RC_NOMEM);
        }
        assert_true(failures > 1);
    }
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_u34_bombs),  cmocka_unit_test(test_u34_output_cap),
        cmocka_unit_test(test_broken),     cmocka_unit_test(test_small_output),
        cmocka_unit_test(test_empty),      cmocka_unit_test(test_zstd_window),
        cmocka_unit_test(test_kinds),      cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

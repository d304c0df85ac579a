/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-pair encoding: files of ranks, and texts.
 *
 * The input makes up an encoding and a text for it:
 *
 *     kind and number of tokens | a length and the bytes of each | the text
 *
 * or, when it begins with 0xff, is a whole file of ranks but for its digest. What is accepted must
 * count as many tokens as it encodes, and they must spell the text.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/mem.h"
#include "token/bpe.h"

#define FILE_MAX (1u << 20)

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t take(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static void put32(struct buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buf_add_char(b, (char)(v >> 8 * i));
}

static void seal(struct buf *b)
{
    uint8_t digest[DIGEST_SHA256];
    digest_sha256(buf_str(b), digest);
    buf_add(b, str_of((const char *)digest, sizeof(digest)));
}

/* The bytes, and up to 63 tokens of the input's making. */
static void made_up(struct input *in, struct buf *file)
{
    uint8_t first = take(in);
    struct buf lengths = BUF_INIT(FILE_MAX), bytes = BUF_INIT(FILE_MAX);
    for (unsigned i = 0; i < 256; i++) {
        buf_add_char(&lengths, 1);
        buf_add_char(&bytes, (char)i);
    }
    for (unsigned i = first >> 2; i > 0; i--) {
        size_t n = 2 + take(in) % 16;
        n = n < in->n ? n : in->n;
        if (n < 2)
            break;
        buf_add_char(&lengths, (char)n);
        buf_add(&bytes, str_of((const char *)in->p, n));
        in->p += n;
        in->n -= n;
    }
    buf_add(file, STR("weir-bpe"));
    put32(file, BPE_FILE_VERSION);
    put32(file, first & 1);
    put32(file, (uint32_t)buf_size(&lengths));
    put32(file, (uint32_t)buf_size(&bytes));
    buf_add(file, buf_str(&lengths));
    buf_add(file, buf_str(&bytes));
    buf_fini(&lengths);
    buf_fini(&bytes);
}

static void count(const struct bpe *b, struct bpe_work *w, str text)
{
    size_t cap = text.n + 1, at = 0;
    uint32_t *ids = mem_need(cap * sizeof(*ids));
    size_t n = bpe_encode(b, w, text, ids, cap);
    CHECK(n <= text.n && bpe_count(b, w, text) == n && bpe_count(b, w, text) == n);
    for (size_t i = 0; i < n; i++) {
        str token = bpe_token(b, ids[i]);
        CHECK(str_eq(token, str_head(str_from(text, at), token.n)));
        at += token.n;
    }
    CHECK(at == text.n);
    mem_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct buf file = BUF_INIT(FILE_MAX);
    struct bpe *b = NULL;
    const char *why = NULL;
    if (size == 0)
        return 0;
    if (data[0] == 0xff)
        buf_add(&file, str_of((const char *)data + 1, size - 1));
    else
        made_up(&in, &file);
    seal(&file);
    struct bpe_work *w = mem_need(sizeof(*w));
    enum rc rc = bpe_new(buf_str(&file), &b, &why);
    CHECK(rc != RC_OK || !why);
    if (rc == RC_OK)
        count(b, w, str_of((const char *)in.p, in.n));
    bpe_free(b);
    mem_free(w);
    buf_fini(&file);
    return 0;
}

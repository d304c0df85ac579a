/* SPDX-License-Identifier: Apache-2.0 */
/* kept - see the header. */
#include "app/kept.h"

#include <fcntl.h>
#include <unistd.h>

#include "app/data_dir.h"
#include "app/replace.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/digest.h"

#define HEX       (2 * DIGEST_SHA256)
#define MAGIC     "weir-catalogue-1 "
#define HEAD_SIZE (sizeof(MAGIC) - 1 + HEX + 1 + HEX + 1)
#define READ_STEP 65536

static void put_hex(const uint8_t digest[DIGEST_SHA256], char to[HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SHA256; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
}

/* The first line as it must be for this URL and this text. */
static void head_of(const struct snapshot *s, str text, char to[HEAD_SIZE])
{
    size_t at = sizeof(MAGIC) - 1;
    uint8_t url_digest[DIGEST_SHA256], text_digest[DIGEST_SHA256];
    struct digest url;
    digest_begin(&url);
    digest_add(&url, s->catalogue_url.text); /* as it is shown: without its query */
    digest_add(&url, s->catalogue_url.target);
    digest_end(&url, url_digest);
    digest_sha256(text, text_digest);
    memcpy(to, MAGIC, at);
    put_hex(url_digest, to + at);
    to[at + HEX] = ' ';
    put_hex(text_digest, to + at + HEX + 1);
    to[HEAD_SIZE - 1] = '\n';
}

static bool read_all(int fd, struct buf *to)
{
    ssize_t n = 1;
    while (n > 0) {
        char *p = buf_reserve(to, READ_STEP);
        n = p ? read(fd, p, READ_STEP) : -1;
        if (n > 0)
            buf_commit(to, (size_t)n);
    }
    return n == 0 && !to->failed;
}

struct catalogue *kept_read(const struct snapshot *s)
{
    AUTO(buf_fini) struct buf file = BUF_INIT(CATALOGUE_TEXT_MAX + HEAD_SIZE + READ_STEP);
    struct catalogue_fault fault;
    struct catalogue *c = NULL;
    char path[DATA_PATH_MAX], head[HEAD_SIZE];
    if (!s->catalogue_url.text.n || !data_dir_path(s, "catalogue.kept", path))
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    bool whole = read_all(fd, &file) && buf_size(&file) > HEAD_SIZE;
    close(fd);
    if (!whole)
        return NULL;
    str text = str_from(buf_str(&file), HEAD_SIZE);
    head_of(s, text, head);
    if (memcmp(head, file.p, HEAD_SIZE) != 0)
        return NULL;
    /* It was sound when it was written; another version of weir may see it otherwise. */
    return catalogue_new(text, false, &c, &fault) == RC_OK ? c : NULL;
}

bool kept_write(const struct snapshot *s, str text)
{
    char head[HEAD_SIZE];
    head_of(s, text, head);
    const str parts[] = {str_of(head, HEAD_SIZE), text};
    return replace_file(s, "catalogue.kept", parts, ARRAY_LEN(parts));
}

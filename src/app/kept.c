/* SPDX-License-Identifier: Apache-2.0 */
/* kept - see the header. */
#include "app/kept.h"

#include "app/data_file.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/digest.h"

#define HEX       (2 * DIGEST_SHA256)
#define MAGIC     "weir-catalogue-1 "
#define HEAD_SIZE (sizeof(MAGIC) - 1 + HEX + 1 + HEX + 1)

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
    digest_hex(url_digest, to + at);
    to[at + HEX] = ' ';
    digest_hex(text_digest, to + at + HEX + 1);
    to[HEAD_SIZE - 1] = '\n';
}

struct catalogue *kept_read(const struct snapshot *s)
{
    AUTO(buf_fini) struct buf file = BUF_INIT(CATALOGUE_TEXT_MAX + HEAD_SIZE + DATA_FILE_STEP);
    struct catalogue_fault fault;
    struct catalogue *c = NULL;
    char head[HEAD_SIZE];
    if (!s->catalogue_url.text.n || !data_file_read(s, "catalogue.kept", &file) ||
        buf_size(&file) <= HEAD_SIZE)
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
    return data_file_write(s, "catalogue.kept", parts, ARRAY_LEN(parts));
}

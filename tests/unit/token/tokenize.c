/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenize - the tokens of texts, for comparing with other tokenizers.
 *
 *     tokenize RANKS.bpe <texts
 *
 * Texts come on standard input, each as its length (little-endian, four bytes) and its bytes; of
 * each the tokens go out as a line of numbers. Ends with status 1 where counting and encoding
 * disagree.
 */
#include <stdio.h>

#include "../json/files.h"
#include "base/mem.h"
#include "token/bpe.h"

static bool next_text(char **text, size_t *n)
{
    unsigned char head[4];

    if (fread(head, 1, 4, stdin) != 4)
        return false;
    *n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    *text = mem_need(*n + 1);
    return fread(*text, 1, *n, stdin) == *n;
}

int main(int argc, char **argv)
{
    struct buf file;
    struct bpe *b = NULL;
    const char *why = "there is no such file";
    struct bpe_work *w = mem_need(sizeof(*w));
    char *text;
    size_t n;

    if (argc != 2 || !file_read(argv[1], &file) || bpe_new(buf_str(&file), &b, &why) != RC_OK) {
        fprintf(stderr, "tokenize: %s\n", argc == 2 ? why : "usage: tokenize RANKS.bpe");
        return 2;
    }
    while (next_text(&text, &n)) {
        uint32_t *ids = mem_need((n + 1) * sizeof(*ids));
        size_t count = bpe_encode(b, w, str_of(text, n), ids, n + 1);

        if (count != bpe_count(b, w, str_of(text, n)))
            return 1;
        for (size_t i = 0; i < count; i++)
            printf(i ? " %u" : "%u", ids[i]);
        printf("\n");
        mem_free(ids);
        mem_free(text);
    }
    buf_fini(&file);
    bpe_free(b);
    mem_free(w);
    return 0;
}

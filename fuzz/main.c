/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - replays a fuzz target's corpus as an ordinary test, in any build, with any compiler.
 *
 *     replay_json fuzz/corpus/json [...]
 *
 * Speaks TAP, one test a file: when a file crashes the target, the plan says how many are missing,
 * and the first that is not "ok" is the one. Each input is a block of its own size on the heap, so
 * that a sanitizer sees a read behind it. An empty or missing folder is a failure.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_file(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* The file's bytes in a block of exactly their size; NULL on any trouble. */
static uint8_t *read_whole(const char *path, size_t *ret_n)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    uint8_t *p = NULL;
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
        size_t n = (size_t)st.st_size;
        p = malloc(n ? n : 1);
        if (p && n && fread(p, 1, n, f) != n) {
            free(p);
            p = NULL;
        }
        *ret_n = n;
    }
    fclose(f);
    return p;
}

static int replay(const char *dir, const char *name, int number)
{
    char path[4096];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    uint8_t *p = read_whole(path, &n);
    if (p)
        LLVMFuzzerTestOneInput(p, n);
    printf("%sok %d - %s\n", p ? "" : "not ", number, name);
    free(p);
    return p == NULL;
}

int main(int argc, char **argv)
{
    int failed = 0, number = 0, planned = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        struct dirent **files = NULL;
        int n = scandir(argv[i], &files, is_file, alphasort);
        if (argc == 2 && n > 0)
            planned = printf("1..%d\n", n); /* first, where it is known: a crash then shows */
        for (int k = 0; k < n; k++) {
            failed += replay(argv[i], files[k]->d_name, ++number);
            free(files[k]);
        }
        free(files);
        if (n <= 0)
            printf("not ok %d - %s: no inputs\n", ++number, argv[i]);
        failed += n <= 0;
    }
    if (!planned)
        printf("1..%d\n", number);
    return failed || number == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ranks - see the header. */
#include "app/ranks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "token/bpe.h"

#define READ_STEP 65536

/* Behind the folder of the program. */
static const char *const places[] = {"/tokens", "/../tokens", "/../share/weir/tokens"};

static bool read_file(const char *path, struct buf *to)
{
    FILE *f = fopen(path, "rb");
    size_t n = 1;

    if (!f)
        return false;
    while (n) {
        char *p = buf_reserve(to, READ_STEP);

        n = p ? fread(p, 1, READ_STEP, f) : 0;
        buf_commit(to, n);
    }
    bool good = !ferror(f) && !to->failed;

    fclose(f);
    return good;
}

enum found { FOUND_NOTHING, FOUND_DAMAGED, FOUND };

static enum found load(const char *folder, const char *name, struct bpe **ret, struct buf *why)
{
    AUTO(buf_fini) struct buf file = BUF_INIT(BPE_FILE_MAX + READ_STEP);
    char path[PATH_MAX];
    const char *flaw = NULL;
    int n = snprintf(path, sizeof(path), "%s/%s.bpe", folder, name);

    if (n < 0 || (size_t)n >= sizeof(path) || !read_file(path, &file))
        return FOUND_NOTHING;
    if (bpe_new(buf_str(&file), ret, &flaw) == RC_OK)
        return FOUND;
    buf_addf(why, "%s: %s. ", path, flaw ? flaw : "out of memory");
    return FOUND_DAMAGED;
}

static enum found load_both(struct ranks *r, const char *folder, struct buf *why)
{
    ASSERT(!r->o200k && !r->cl100k);
    enum found first = load(folder, "o200k_base", &r->o200k, why);
    enum found second = first == FOUND ? load(folder, "cl100k_base", &r->cl100k, why) : first;

    if (second == FOUND)
        r->encodings = (struct gate_ranks){r->o200k, r->cl100k};
    else
        ranks_free(r);
    return second;
}

/* Where the program lies, whatever the working directory and argv[0] are. */
static bool program_folder(char *to, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", to, size - 1);

    if (n <= 0)
        return false;
    to[n] = '\0';
    char *slash = strrchr(to, '/');

    if (slash)
        *slash = '\0';
    return slash != NULL;
}

static bool search(struct ranks *r, struct buf *why)
{
    const char *told = getenv("WEIR_TOKENS");
    char folder[PATH_MAX], place[PATH_MAX];

    if (told && *told) {
        enum found found = load_both(r, told, why);

        if (found == FOUND_NOTHING)
            buf_addf(why, "$WEIR_TOKENS (%s) has no o200k_base.bpe and cl100k_base.bpe. ", told);
        return found == FOUND;
    }
    for (size_t i = 0; i < ARRAY_LEN(places) && program_folder(folder, sizeof(folder)); i++) {
        int n = snprintf(place, sizeof(place), "%s%s", folder, places[i]);

        if (n < 0 || (size_t)n >= sizeof(place))
            continue;
        enum found found = load_both(r, place, why);

        if (found != FOUND_NOTHING)
            return found == FOUND;
    }
    return false;
}

bool ranks_load(struct ranks *r, struct buf *why)
{
    *r = (struct ranks){0};
    if (search(r, why))
        return true;
    buf_lit(why, "Tokens are estimated, not counted: script/token-ranks makes the files that are "
                 "missing, and WEIR_TOKENS says where they are.");
    return false;
}

void ranks_free(struct ranks *r)
{
    bpe_free(r->o200k);
    bpe_free(r->cl100k);
    *r = (struct ranks){0};
}

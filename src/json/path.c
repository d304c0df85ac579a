/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path - see the header.
 *
 * In each open container the reader stood behind the last complete child: in the value of the key
 * that has none yet, or in the array's next element. Finding it means walking the children. That is
 * at most one walk over the table, and only for a text that is refused.
 */
#include "json/path_int.h"

#include "base/fmt.h"

struct path {
    char *to;
    size_t n;
    bool cut;
};

/* As much as there is room for, but no half character. */
static void add(struct path *p, str s)
{
    size_t room = JSON_PATH_MAX - 1 - p->n, n = p->cut ? 0 : s.n;
    if (n > room) {
        n = room;
        while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
            n--;
        p->cut = true;
    }
    if (n)
        memcpy(p->to + p->n, s.p, n);
    p->n += n;
}

/* `inner`: the child that is open itself, or UINT32_MAX. */
static void add_key(struct path *p, const struct json_doc *doc, uint32_t object, uint32_t inner)
{
    for (uint32_t k = object + 1; k < doc->count; k = doc->nodes[k + 1].next) {
        if (k + 1 != doc->count && k + 1 != inner)
            continue;
        if (p->n)
            add(p, STR("."));
        add(p, str_of(doc->src + doc->nodes[k].off, doc->nodes[k].len));
        return;
    }
}

static void add_index(struct path *p, const struct json_doc *doc, uint32_t array, uint32_t inner)
{
    char digits[FMT_U64_MAX];
    uint64_t index = 0;
    for (uint32_t v = array + 1; v < doc->count && v != inner; v = doc->nodes[v].next)
        index++;
    add(p, STR("["));
    add(p, str_of(digits, fmt_u64(digits, index)));
    add(p, STR("]"));
}

void json_path_write(const struct json_doc *doc, const uint32_t *open, size_t depth,
                     char to[JSON_PATH_MAX])
{
    struct path p = {.to = to};
    for (size_t i = 0; i < depth && !p.cut; i++) {
        uint32_t inner = i + 1 < depth ? open[i + 1] : UINT32_MAX;
        if (open[i] >= doc->count) /* there was no room for it */
            break;
        if (doc->nodes[open[i]].type == JSON_OBJECT)
            add_key(&p, doc, open[i], inner);
        else
            add_index(&p, doc, open[i], inner);
    }
    CHECK(p.n < JSON_PATH_MAX);
    to[p.n] = '\0';
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_path - reading the path of an edit: a.b[0][*].*.**["odd.key"].
 */
#include "json/edit_path.h"

#include "base/num.h"

/* A key up to the next '.' or '['; "*" and "**" are wildcards. */
static const char *read_key(str *text, struct edit_segment *s)
{
    size_t n = 0;
    while (n < text->n && text->p[n] != '.' && text->p[n] != '[')
        n++;
    if (!n)
        return "the path has an empty key; write [\"\"] for a key without letters";
    s->key = str_head(*text, n);
    s->kind = str_eq(s->key, STR("*"))    ? SEGMENT_EVERY
              : str_eq(s->key, STR("**")) ? SEGMENT_DEEP
                                          : SEGMENT_KEY;
    *text = str_from(*text, n);
    return NULL;
}

/* What stands in brackets: a number, a star, or a key in quotes. */
static const char *read_bracket(str *text, struct edit_segment *s)
{
    str in = str_from(*text, 1);
    bool quoted = in.n && in.p[0] == '"';
    size_t end = quoted ? str_find(str_from(in, 1), STR("\"]")) : str_find_char(in, ']');
    uint64_t index;
    if (end == SIZE_MAX)
        return "the path has a '[' without its ']'";
    str inner = quoted ? str_head(str_from(in, 1), end) : str_head(in, end);
    *text = str_from(in, quoted ? end + 3 : end + 1);
    if (quoted) {
        *s = (struct edit_segment){.kind = SEGMENT_KEY, .key = inner};
        return NULL;
    }
    if (str_eq(inner, STR("*"))) {
        s->kind = SEGMENT_EVERY;
        return NULL;
    }
    if (num_u64(inner, &index) != RC_OK || index > UINT32_MAX)
        return "between '[' and ']' stands a number, *, or a key in double quotes";
    *s = (struct edit_segment){.kind = SEGMENT_INDEX, .index = (uint32_t)index};
    return NULL;
}

const char *edit_path_parse(str text, struct edit_path *ret)
{
    struct edit_path p = {0};
    const char *bad = NULL;
    if (!text.n)
        return "the path is empty";
    while (text.n && !bad) {
        bool bracket = text.p[0] == '[';
        if (p.n == JSON_EDIT_SEGMENTS)
            return "the path has too many parts";
        if (p.n && !bracket) { /* behind a part stands a point, or the next bracket */
            if (text.p[0] != '.')
                return "behind a ']' stands a point, a '[' or nothing";
            text = str_from(text, 1);
            bracket = text.n && text.p[0] == '[';
        }
        CHECK(p.n < JSON_EDIT_SEGMENTS);
        bad = bracket ? read_bracket(&text, &p.seg[p.n]) : read_key(&text, &p.seg[p.n]);
        p.n++;
    }
    if (!bad && p.seg[p.n - 1].kind == SEGMENT_DEEP)
        bad = "behind ** a key is missing";
    if (!bad)
        *ret = p;
    return bad;
}

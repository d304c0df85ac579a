/* SPDX-License-Identifier: Apache-2.0 */
#include "shape.h"

#include <string.h>

#include "tool.h"

#define DEFAULT_TEXT_BYTES 560 /* makes an answer of 1 KB in either dialect */
#define DEFAULT_EVENTS     20
#define TEXT_BYTES_MAX     (8u << 20)
#define EVENTS_MAX         100000

static const struct kind_row {
    const char *name;
    struct shape shape;
} kinds[] = {
    {"json", {SHAPE_JSON, DEFAULT_EVENTS, DEFAULT_TEXT_BYTES, 0}},
    {"burst", {SHAPE_BURST, 100, DEFAULT_TEXT_BYTES, 0}},
    {"paced", {SHAPE_PACED, 100, DEFAULT_TEXT_BYTES, 20 * NS_PER_MS}},
    {"hold", {SHAPE_HOLD, 0, DEFAULT_TEXT_BYTES, 1000 * NS_PER_MS}},
    {"error", {SHAPE_ERROR, 500, 0, 0}},
};

static bool starts(const char *s, size_t n, const char *word, size_t *ret_len)
{
    *ret_len = strlen(word);
    return n >= *ret_len && memcmp(s, word, *ret_len) == 0;
}

/* One "-PART"; moves `*p` behind it. */
static bool parse_part(const char **p, const char *limit, struct shape *s)
{
    const char *at = *p + 1;
    uint64_t v = 0;
    if (**p != '-' || !parse_digits(at, limit, &at, &v))
        return false;
    if (limit - at >= 2 && at[0] == 'm' && at[1] == 's') {
        s->gap_ns = v * NS_PER_MS;
        at += 2;
    } else if (limit - at >= 1 && at[0] == 'b') {
        if (v > TEXT_BYTES_MAX)
            return false;
        s->text_bytes = (unsigned)v;
        at += 1;
    } else {
        if (v > EVENTS_MAX)
            return false;
        s->events = (unsigned)v;
    }
    *p = at;
    return true;
}

bool shape_parse(const char *model, size_t n, struct shape *ret)
{
    const char *limit = model + n, *slash = memrchr(model, '/', n);
    const char *p = slash ? slash + 1 : model;
    size_t len = 0;
    *ret = kinds[0].shape;
    if (!starts(p, (size_t)(limit - p), "bench-", &len))
        return false;
    p += len;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!starts(p, (size_t)(limit - p), kinds[i].name, &len))
            continue;
        struct shape s = kinds[i].shape;
        for (p += len; p < limit;)
            if (!parse_part(&p, limit, &s))
                return false;
        if (s.gap_ns == 0 && shape_is_timed(&s))
            return false; /* an endless stream without a gap would never let go of the loop */
        *ret = s;
        return true;
    }
    return false;
}

bool shape_is_timed(const struct shape *s)
{
    return s->kind == SHAPE_PACED || s->kind == SHAPE_HOLD;
}

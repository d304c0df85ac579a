/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

void sniff_begin(struct sniff *s)
{
    s->head_len = s->tail_len = s->model_len = 0;
    s->stream = s->include_usage = false;
}

static void feed_head(struct sniff *s, const char *bytes, size_t n)
{
    if (s->head_cap < s->head_len + n) {
        size_t cap = s->head_cap ? s->head_cap : 2048;
        while (cap < s->head_len + n)
            cap *= 2;
        char *head = realloc(s->head, cap);
        if (!head)
            die("out of memory");
        s->head = head;
        s->head_cap = cap;
    }
    memcpy(s->head + s->head_len, bytes, n);
    s->head_len += n;
}

static void feed_tail(struct sniff *s, const char *bytes, size_t n)
{
    if (!s->tail)
        s->tail = xalloc(SNIFF_TAIL);
    if (n >= SNIFF_TAIL) {
        memcpy(s->tail, bytes + n - SNIFF_TAIL, SNIFF_TAIL);
        s->tail_len = SNIFF_TAIL;
        return;
    }
    size_t keep = s->tail_len + n > SNIFF_TAIL ? SNIFF_TAIL - n : s->tail_len;
    memmove(s->tail, s->tail + s->tail_len - keep, keep);
    memcpy(s->tail + keep, bytes, n);
    s->tail_len = keep + n;
}

void sniff_feed(struct sniff *s, const char *bytes, size_t n)
{
    size_t room = SNIFF_HEAD - s->head_len, part = n < room ? n : room;
    if (part)
        feed_head(s, bytes, part);
    if (n > part)
        feed_tail(s, bytes + part, n - part);
}

/* The first byte of the value of `key` (given with its quotes), or NULL. */
static const char *value_of(const char *at, size_t n, const char *key, const char **ret_limit)
{
    const char *limit = at + n, *p = at;
    size_t len = strlen(key);
    while (p && p < limit && (p = memmem(p, (size_t)(limit - p), key, len)) != NULL) {
        p += len;
        while (p < limit && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
            p++;
        if (p >= limit || *p++ != ':')
            continue; /* the word as a value, not as a key */
        while (p < limit && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
            p++;
        *ret_limit = limit;
        return p;
    }
    return NULL;
}

static bool is_true(const char *at, size_t n, const char *key)
{
    const char *limit = NULL, *p = value_of(at, n, key, &limit);
    return p && limit - p >= 4 && memcmp(p, "true", 4) == 0;
}

static void search(struct sniff *s, const char *at, size_t n)
{
    const char *limit = NULL, *p = value_of(at, n, "\"model\"", &limit);
    if (s->model_len == 0 && p && p < limit && *p == '"') {
        const char *end = memchr(p + 1, '"', (size_t)(limit - p - 1));
        size_t len = end ? (size_t)(end - p - 1) : 0;
        if (len > 0 && len < sizeof s->model) {
            memcpy(s->model, p + 1, len);
            s->model_len = len;
        }
    }
    s->stream |= is_true(at, n, "\"stream\"");
    s->include_usage |= is_true(at, n, "\"include_usage\"");
}

void sniff_end(struct sniff *s)
{
    if (s->head_len)
        search(s, s->head, s->head_len);
    if (s->tail_len)
        search(s, s->tail, s->tail_len);
}

void sniff_fini(struct sniff *s)
{
    free(s->head);
    free(s->tail);
    *s = (struct sniff){0};
}

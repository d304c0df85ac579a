/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool.h"

void request_begin(struct request *r)
{
    r->state = REQUEST_HEAD;
    r->expect = false;
    r->left = r->body_bytes = 0;
    r->chunked = (struct chunked){0};
    r->head_len = 0;
    sniff_begin(&r->sniff);
}

static bool ends_with(const char *path, size_t n, const char *tail)
{
    size_t len = strlen(tail);
    return n >= len && memcmp(path + n - len, tail, len) == 0;
}

/* The model's name where the path says it: between `before` and `end`. */
static void model_in(struct sniff *s, const char *path, size_t n, const char *before, char end)
{
    const char *p = memmem(path, n, before, strlen(before));
    if (!p)
        return;
    p += strlen(before);
    const char *stop = memchr(p, end, (size_t)(path + n - p));
    size_t len = stop ? (size_t)(stop - p) : 0;
    if (len == 0 || len >= sizeof s->model)
        return;
    memcpy(s->model, p, len);
    s->model_len = len;
}

/* Gemini and Converse say in the path what the others say in the body. */
static void read_cloud_path(struct sniff *s, const char *path, size_t n)
{
    model_in(s, path, n, "/models/", ':');
    if (!s->model_len)
        model_in(s, path, n, "/model/", '/');
    s->stream = ends_with(path, n, ":streamGenerateContent") || ends_with(path, n, "-stream");
}

static enum request_target target_of(struct sniff *s, const char *line, size_t n)
{
    static const struct {
        const char *tail;
        enum request_target target;
    } targets[] = {
        {"/messages", TARGET_MESSAGES},      {"/messages/count_tokens", TARGET_COUNT},
        {"/models", TARGET_MODELS},          {"/bench/stats", TARGET_STATS},
        {":generateContent", TARGET_GEMINI}, {":streamGenerateContent", TARGET_GEMINI},
        {"/converse", TARGET_CONVERSE},      {"/converse-stream", TARGET_CONVERSE},
    };
    const char *path = memchr(line, ' ', n);
    if (!path)
        return TARGET_CHAT;
    path++;
    size_t len = 0, max = n - (size_t)(path - line);
    while (len < max && path[len] != ' ' && path[len] != '?')
        len++;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (!ends_with(path, len, targets[i].tail))
            continue;
        if (targets[i].target == TARGET_GEMINI || targets[i].target == TARGET_CONVERSE)
            read_cloud_path(s, path, len);
        return targets[i].target;
    }
    return TARGET_CHAT;
}

/* The value of a header line when it is the header `name` (with its colon); else NULL. */
static const char *value_if(const char *line, size_t n, const char *name)
{
    size_t len = strlen(name);
    if (n < len || strncasecmp(line, name, len) != 0)
        return NULL;
    const char *p = line + len;
    while (p < line + n && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static void read_header(struct request *r, const char *line, size_t n, bool *ret_chunked)
{
    const char *v = NULL, *limit = line + n;
    if ((v = value_if(line, n, "content-length:")) != NULL) {
        const char *end = v;
        if (!parse_digits(v, limit, &end, &r->left) || r->left > REQUEST_BODY_MAX)
            r->state = REQUEST_BAD;
    } else if (value_if(line, n, "transfer-encoding:")) {
        *ret_chunked = true;
    } else if (value_if(line, n, "expect:")) {
        r->expect = true;
    }
}

/* A whole head, its last empty line included. */
static void read_head(struct request *r, const char *head, size_t n)
{
    const char *limit = head + n, *line = head;
    bool chunked = false;
    r->state = REQUEST_LENGTH;
    for (bool first = true; line < limit; first = false) {
        const char *end = memchr(line, '\n', (size_t)(limit - line));
        size_t len = (size_t)(end - line);
        if (len && line[len - 1] == '\r')
            len--;
        if (first)
            r->target = target_of(&r->sniff, line, len);
        else
            read_header(r, line, len, &chunked);
        line = end + 1;
    }
    if (r->state == REQUEST_BAD)
        return;
    if (chunked)
        r->state = REQUEST_CHUNKED;
    else if (r->left == 0)
        r->state = REQUEST_DONE;
}

static size_t feed_head(struct request *r, const char *bytes, size_t n)
{
    const char *end = NULL;
    if (r->head_len == 0 && (end = memmem(bytes, n, "\r\n\r\n", 4)) != NULL) {
        size_t len = (size_t)(end - bytes) + 4; /* the usual case: nothing is copied */
        read_head(r, bytes, len);
        return len;
    }
    if (!r->head)
        r->head = xalloc(REQUEST_HEAD_MAX);
    size_t before = r->head_len, room = REQUEST_HEAD_MAX - before;
    size_t take = n < room ? n : room;
    memcpy(r->head + before, bytes, take);
    r->head_len += take;
    end = memmem(r->head, r->head_len, "\r\n\r\n", 4);
    if (!end) {
        if (r->head_len == REQUEST_HEAD_MAX)
            r->state = REQUEST_BAD;
        return take;
    }
    size_t len = (size_t)(end - r->head) + 4;
    read_head(r, r->head, len);
    return len - before;
}

static size_t take_body(struct request *r, const char *bytes, size_t n, uint64_t left)
{
    size_t take = n < left ? n : (size_t)left;
    sniff_feed(&r->sniff, bytes, take);
    r->body_bytes += take;
    return take;
}

static size_t feed_length(struct request *r, const char *bytes, size_t n)
{
    size_t take = take_body(r, bytes, n, r->left);
    r->left -= take;
    if (r->left == 0)
        r->state = REQUEST_DONE;
    return take;
}

static size_t feed_chunked(struct request *r, const char *bytes, size_t n)
{
    struct chunked *c = &r->chunked;
    if (c->state == CHUNK_DATA) {
        size_t take = take_body(r, bytes, n, c->left);
        chunked_took(c, take);
        return take;
    }
    size_t take = chunked_frame(c, bytes, n);
    if (c->state == CHUNK_DONE)
        r->state = REQUEST_DONE;
    else if (c->state == CHUNK_BAD || r->body_bytes > REQUEST_BODY_MAX)
        r->state = REQUEST_BAD;
    return take;
}

static size_t feed_some(struct request *r, const char *bytes, size_t n)
{
    switch (r->state) {
    case REQUEST_HEAD:
        return feed_head(r, bytes, n);
    case REQUEST_LENGTH:
        return feed_length(r, bytes, n);
    case REQUEST_CHUNKED:
        return feed_chunked(r, bytes, n);
    case REQUEST_DONE:
    case REQUEST_BAD:
        break;
    }
    return 0;
}

size_t request_feed(struct request *r, const char *bytes, size_t n)
{
    size_t used = 0;
    while (used < n && r->state != REQUEST_DONE && r->state != REQUEST_BAD)
        used += feed_some(r, bytes + used, n - used);
    if (r->state == REQUEST_DONE)
        sniff_end(&r->sniff);
    return used;
}

uint64_t request_can_skip(const struct request *r)
{
    if (r->state != REQUEST_LENGTH || r->sniff.head_len < SNIFF_HEAD || r->left <= SNIFF_TAIL)
        return 0;
    return r->left - SNIFF_TAIL;
}

void request_skipped(struct request *r, uint64_t n)
{
    r->left -= n;
    r->body_bytes += n;
    r->sniff.tail_len = 0; /* what was kept is no longer the last of the body */
}

void request_fini(struct request *r)
{
    free(r->head);
    sniff_fini(&r->sniff);
}

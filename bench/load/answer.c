/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <string.h>
#include <strings.h>

#include "reply.h"
#include "tool.h"

#define HELD_MAX  (ANSWER_HEAD_MAX > ANSWER_LINE_MAX ? ANSWER_HEAD_MAX : ANSWER_LINE_MAX)
#define STATUS_AT 9 /* "HTTP/1.1 200" */

const char *const answer_fault_names[FAULTS] = {
    [FAULT_NONE] = "none",       [FAULT_STATUS] = "status", [FAULT_FRAMING] = "framing",
    [FAULT_UNENDED] = "unended", [FAULT_EVENTS] = "events", [FAULT_CONNECT] = "connect",
    [FAULT_TIMEOUT] = "timeout",
};

void answer_begin(struct answer *a)
{
    char *held = a->held;
    size_t keep = offsetof(struct answer, sample);
    memset(a, 0, keep);
    a->held = held;
}

/* Keep bytes of something that came in pieces, up to the room there is. */
static size_t hold(struct answer *a, const char *bytes, size_t n)
{
    if (!a->held)
        a->held = xalloc(HELD_MAX);
    size_t room = HELD_MAX - a->held_len, take = n < room ? n : room;
    memcpy(a->held + a->held_len, bytes, take);
    a->held_len += take;
    return take;
}

static void read_header(struct answer *a, const char *line, size_t n, bool *ret_chunked,
                        bool *ret_length)
{
    static const char length[] = "content-length:", coding[] = "transfer-encoding:",
                      connection[] = "connection: close";
    const char *limit = line + n, *v = line + sizeof length - 1, *end = v;
    if (n > sizeof length - 1 && strncasecmp(line, length, sizeof length - 1) == 0) {
        while (v < limit && *v == ' ')
            v++;
        *ret_length = parse_digits(v, limit, &end, &a->left);
    } else if (n > sizeof coding - 1 && strncasecmp(line, coding, sizeof coding - 1) == 0) {
        *ret_chunked = true;
    } else if (n == sizeof connection - 1 && strncasecmp(line, connection, n) == 0) {
        a->close = true;
    }
}

/* A whole head, its empty line included. */
static void read_head(struct answer *a, const char *head, size_t n)
{
    const char *limit = head + n, *line = memchr(head, '\n', n), *end = head;
    bool chunked = false, length = false;
    uint64_t status = 0;
    if (n < STATUS_AT + 3 || memcmp(head, "HTTP/1.1 ", STATUS_AT) != 0 ||
        !parse_digits(head + STATUS_AT, limit, &end, &status)) {
        a->state = ANSWER_BAD;
        return;
    }
    a->status = (unsigned)status;
    for (line++; line < limit; line = end + 1) {
        end = memchr(line, '\n', (size_t)(limit - line));
        size_t len = (size_t)(end - line);
        read_header(a, line, len && line[len - 1] == '\r' ? len - 1 : len, &chunked, &length);
    }
    if (status / 100 == 1)
        a->state = ANSWER_HEAD; /* 100 Continue: the answer proper follows */
    else if (chunked)
        a->state = ANSWER_CHUNKED;
    else if (length)
        a->state = a->left ? ANSWER_LENGTH : ANSWER_DONE;
    else
        a->state = ANSWER_UNTIL_CLOSE, a->close = true;
}

static size_t feed_head(struct answer *a, const char *bytes, size_t n)
{
    const char *end = NULL;
    if (a->held_len == 0 && (end = memmem(bytes, n, "\r\n\r\n", 4)) != NULL) {
        size_t len = (size_t)(end - bytes) + 4;
        read_head(a, bytes, len);
        return len;
    }
    size_t before = a->held_len, take = hold(a, bytes, n);
    end = memmem(a->held, a->held_len, "\r\n\r\n", 4);
    if (!end) {
        if (a->held_len >= ANSWER_HEAD_MAX)
            a->state = ANSWER_BAD;
        return take;
    }
    size_t len = (size_t)(end - a->held) + 4;
    read_head(a, a->held, len);
    a->held_len = 0;
    return len - before;
}

static void read_stamp(const struct answer_rules *rules, const char *line, size_t n, uint64_t now)
{
    static const char mark[] = REPLY_STAMP_MARK;
    const char *limit = line + n, *p = memmem(line, n, mark, sizeof mark - 1), *end = p;
    uint64_t sent = 0;
    if (!p || limit - p < (long)sizeof mark - 1 + REPLY_STAMP_DIGITS)
        return;
    p += sizeof mark - 1;
    /* The first digit of the 19 is a 0 for the next 30 years of uptime. */
    if (parse_digits(p + 1, p + REPLY_STAMP_DIGITS, &end, &sent) && now > sent)
        hist_add(rules->event_hist, now - sent);
}

static bool starts(const char *line, size_t n, const char *word, size_t len)
{
    return n >= len && memcmp(line, word, len) == 0;
}
#define STARTS(line, n, word) starts(line, n, word, sizeof(word) - 1)

static void read_openai_line(struct answer *a, const char *line, size_t n)
{
    static const char content[] = "\"content\":\"";
    if (!STARTS(line, n, "data: "))
        return;
    if (STARTS(line, n, "data: [DONE]")) {
        a->ended = true;
        return;
    }
    const char *p = memmem(line, n, content, sizeof content - 1);
    if (p && p + sizeof content - 1 < line + n && p[sizeof content - 1] != '"')
        a->events++;
}

static void read_anthropic_line(struct answer *a, const char *line, size_t n)
{
    if (STARTS(line, n, "event: content_block_delta"))
        a->events++;
    else if (STARTS(line, n, "event: message_stop"))
        a->ended = true;
}

static void read_responses_line(struct answer *a, const char *line, size_t n)
{
    if (STARTS(line, n, "event: response.output_text.delta"))
        a->events++;
    else if (STARTS(line, n, "event: response.completed"))
        a->ended = true;
}

/* One line of an event stream, without its line end. */
static void read_line(struct answer *a, const struct answer_rules *rules, const char *line,
                      size_t n, uint64_t now)
{
    if (rules->dialect == DIALECT_OPENAI)
        read_openai_line(a, line, n);
    else if (rules->dialect == DIALECT_RESPONSES)
        read_responses_line(a, line, n);
    else
        read_anthropic_line(a, line, n);
    if (rules->timed && rules->event_hist && STARTS(line, n, "data: "))
        read_stamp(rules, line, n, now);
}

static void feed_lines(struct answer *a, const struct answer_rules *rules, const char *bytes,
                       size_t n, uint64_t now)
{
    const char *p = bytes, *limit = bytes + n;
    while (p < limit) {
        const char *end = memchr(p, '\n', (size_t)(limit - p));
        size_t len = (size_t)((end ? end : limit) - p);
        if (end && a->held_len == 0) {
            read_line(a, rules, p, len, now);
        } else {
            hold(a, p, len);
            if (end) {
                read_line(a, rules, a->held, a->held_len, now);
                a->held_len = 0;
            }
        }
        p += len + 1;
    }
}

/* The finish marker of a JSON answer, which may lie across two reads: the last of it is kept. */
static void feed_json(struct answer *a, const struct answer_rules *rules, const char *bytes,
                      size_t n)
{
    static const char openai[] = "\"finish_reason\":\"stop\"",
                      anthropic[] = "\"stop_reason\":\"end_turn\"",
                      responses[] = "\"status\":\"completed\"";
    const char *mark = rules->dialect == DIALECT_OPENAI      ? openai
                       : rules->dialect == DIALECT_RESPONSES ? responses
                                                             : anthropic;
    if (n >= HELD_MAX) { /* what is not kept is looked through now */
        a->marked |= memmem(bytes, n, mark, strlen(mark)) != NULL;
        bytes += n - HELD_MAX;
        n = HELD_MAX;
    }
    bool whole = a->held_len == 0 && a->state == ANSWER_LENGTH && n == a->left;
    if (!whole) {
        if (a->held_len + n > HELD_MAX) {
            size_t keep = HELD_MAX - n;
            memmove(a->held, a->held + a->held_len - keep, keep);
            a->held_len = keep;
        }
        hold(a, bytes, n);
        bytes = a->held;
        n = a->held_len;
    }
    a->marked |= memmem(bytes, n, mark, strlen(mark)) != NULL;
    a->ended = a->marked && bytes[n - 1] == '}';
}

/* Body bytes, at most `left` of them. */
static size_t take_body(struct answer *a, const struct answer_rules *rules, const char *bytes,
                        size_t n, uint64_t left, uint64_t now)
{
    size_t take = n < left ? n : (size_t)left;
    if (a->status != 200) {
        size_t room = sizeof a->sample - a->sample_len, part = take < room ? take : room;
        memcpy(a->sample + a->sample_len, bytes, part);
        a->sample_len += part;
    } else if (rules->stream) {
        feed_lines(a, rules, bytes, take, now);
    } else {
        feed_json(a, rules, bytes, take);
    }
    a->body_bytes += take;
    return take;
}

static size_t feed_length(struct answer *a, const struct answer_rules *rules, const char *bytes,
                          size_t n, uint64_t now)
{
    size_t take = take_body(a, rules, bytes, n, a->left, now);
    a->left -= take;
    if (a->left == 0)
        a->state = ANSWER_DONE;
    return take;
}

static size_t feed_chunked(struct answer *a, const struct answer_rules *rules, const char *bytes,
                           size_t n, uint64_t now)
{
    struct chunked *c = &a->chunked;
    if (c->state == CHUNK_DATA) {
        size_t take = take_body(a, rules, bytes, n, c->left, now);
        chunked_took(c, take);
        return take;
    }
    size_t take = chunked_frame(c, bytes, n);
    if (c->state == CHUNK_DONE)
        a->state = ANSWER_DONE;
    else if (c->state == CHUNK_BAD)
        a->state = ANSWER_BAD;
    return take;
}

static size_t feed_some(struct answer *a, const struct answer_rules *rules, const char *bytes,
                        size_t n, uint64_t now)
{
    switch (a->state) {
    case ANSWER_HEAD:
        return feed_head(a, bytes, n);
    case ANSWER_LENGTH:
        return feed_length(a, rules, bytes, n, now);
    case ANSWER_CHUNKED:
        return feed_chunked(a, rules, bytes, n, now);
    case ANSWER_UNTIL_CLOSE:
        return take_body(a, rules, bytes, n, UINT64_MAX, now);
    case ANSWER_DONE:
    case ANSWER_BAD:
        break;
    }
    return 0;
}

size_t answer_feed(struct answer *a, const struct answer_rules *rules, const char *bytes, size_t n,
                   uint64_t now)
{
    size_t used = 0;
    while (used < n && a->state != ANSWER_DONE && a->state != ANSWER_BAD)
        used += feed_some(a, rules, bytes + used, n - used, now);
    return used;
}

void answer_eof(struct answer *a)
{
    a->state = a->state == ANSWER_UNTIL_CLOSE ? ANSWER_DONE : ANSWER_BAD;
}

enum answer_fault answer_judge(const struct answer *a, const struct answer_rules *rules)
{
    if (a->state != ANSWER_DONE)
        return FAULT_FRAMING;
    if (a->status != 200)
        return FAULT_STATUS;
    if (!a->ended)
        return FAULT_UNENDED;
    if (rules->stream && rules->expect_events && a->events != rules->expect_events)
        return FAULT_EVENTS;
    return FAULT_NONE;
}

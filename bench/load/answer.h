/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - the load generator's reader of HTTP/1.1 responses, and the judge of what it reads.
 *
 * A fast proxy that truncates, drops events or answers nonsense must not look good, so every answer
 * is followed to its end: framing (Content-Length, chunked, or the end of the connection), status,
 * the finish marker of a JSON answer, and for a stream every content event and the final `[DONE]`
 * or `message_stop`. Pure and incremental; an event costs a few dozen nanoseconds.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunked.h"
#include "hist.h"
#include "prompt.h"

#define ANSWER_HEAD_MAX   ((size_t)8 << 10)
#define ANSWER_LINE_MAX   ((size_t)8 << 10)
#define ANSWER_SAMPLE_MAX ((size_t)400)

enum answer_state {
    ANSWER_HEAD,
    ANSWER_LENGTH,
    ANSWER_CHUNKED,
    ANSWER_UNTIL_CLOSE,
    ANSWER_DONE,
    ANSWER_BAD
};

/* How an answer is judged; the same for all calls of a run. */
struct answer_rules {
    enum dialect dialect;
    bool stream;
    bool timed;              /* events carry the time they were sent at */
    unsigned expect_events;  /* 0: any number */
    struct hist *event_hist; /* one-way times are added here while not NULL */
};

struct answer {
    enum answer_state state;
    unsigned status, events;
    bool close;  /* the server will close the connection after this */
    bool marked; /* the finish marker of a JSON answer was seen … */
    bool ended;  /* … and its last byte; of a stream, its last event */
    uint64_t left, body_bytes;
    struct chunked chunked;
    size_t held_len; /* bytes in `held` */
    char *held;      /* the head, a line or the JSON answer, when it came in pieces */
    size_t sample_len;
    char sample[ANSWER_SAMPLE_MAX]; /* the start of the body of an error */
};

enum answer_fault {
    FAULT_NONE,
    FAULT_STATUS,  /* not 200 */
    FAULT_FRAMING, /* not HTTP/1.1, or the connection ended inside the answer */
    FAULT_UNENDED, /* whole by its framing, but without its finish marker */
    FAULT_EVENTS,  /* another number of content events than expected */
    FAULT_CONNECT, /* the connection was refused or lost before a byte of the answer came */
    FAULT_TIMEOUT,
    FAULTS
};
extern const char *const answer_fault_names[FAULTS];

void answer_begin(struct answer *a);

/* Take bytes read at `now`; returns how many were taken: all, or up to the end of the answer. */
size_t answer_feed(struct answer *a, const struct answer_rules *rules, const char *bytes, size_t n,
                   uint64_t now);

/* The server closed the connection: the end of an ANSWER_UNTIL_CLOSE, else a truncation. */
void answer_eof(struct answer *a);

/* What is wrong with an answer that is DONE or BAD. */
enum answer_fault answer_judge(const struct answer *a, const struct answer_rules *rules);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past - why a call that is over went where it went: `weir explain --call ID`.
 *
 * Each worker keeps the last PAST_CALLS calls that had a choice or met a failure, in a ring of
 * slots of one size: what was looked at when the last plan was made (route/trace.h, in its light
 * form), and what each attempt brought. A slot is numbers and copied names, no text is made and
 * nothing is allocated when a call ends; the JSON is written when somebody asks. A call with one
 * target that served leaves nothing, and costs one comparison.
 *
 * An id says which worker had the call, so a question that comes in on another one is posted there
 * and comes back as mail. No lock.
 */
#pragma once
#include "gate/gate_int.h"
#include "json/write.h"

#define PAST_CALLS   256
#define PAST_TARGETS 12
#define PAST_TEXT    640 /* bytes of all names of a call; what does not fit is "" */
#define PAST_ID      36

/* Names are offsets into `text`. */
struct past_target {
    uint16_t provider, model;
    uint8_t why;  /* enum plan_reason */
    uint8_t rank; /* from 1; 0: it did not contend */
    float score, first_ms, call_ms, error_rate;
    double usd;
};

struct past_attempt {
    uint16_t provider, model, status;
    uint8_t error; /* ERR_COUNT: it served */
    uint32_t ms;
};

struct past_call {
    char id[PAST_ID];
    uint8_t ntargets, nattempts, strategy;
    bool explored, panic;
    uint16_t used, asked, route, routed_by, status;
    uint32_t ms;
    uint64_t unix_ms;
    struct past_target targets[PAST_TARGETS];
    struct past_attempt attempts[GATE_ATTEMPTS_MAX];
    char text[PAST_TEXT];
};

struct past {
    uint32_t next;
    struct past_call calls[PAST_CALLS];
};

/* At the end of a call, once its attempts are recorded. */
void past_keep(struct call *c, unsigned status, uint64_t ms);
/* GET /api/v1/explain?call=ID: answers, now or when the mail is back. */
void past_serve(struct call *c, str id);

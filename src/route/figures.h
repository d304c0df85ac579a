/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures - how a target has served lately: errors, time to the first token, pace.
 *
 * Sums that fade. A sample counts 1 at first; it loses weight with time (FIGURES_FADE_MS), so that
 * yesterday's trouble is not today's, and with each sample that follows once there are
 * FIGURES_SAMPLES of them, so that a busy target's change shows within that many calls and a quiet
 * one's figures do not melt away between two calls. Windows of buckets were the other choice: they
 * forget in steps, cost a walk to read, and say nothing where there are few calls.
 *
 * Two things that plain averages get wrong stand in here:
 *   a target that hangs brings no samples at all, so attempts under way that have waited longer
 *   than the average count as samples of at least their age;
 *   a target nobody calls any more cannot show that it has recovered: recovery.h is how good
 * answers make the old ones be forgotten, and ask for more calls soon. Who sends them is
 * strategy.h's matter.
 *
 * Pure: the clock comes as an argument. No allocation.
 */
#pragma once
#include <stdbool.h>

#include "base/time.h"
#include "obs/fault.h"
#include "route/recovery.h"

#define FIGURES_FADE_MS    120000
#define FIGURES_SAMPLES    30
#define FIGURES_STALE_MS   200 /* without a sample for so long, what was known is in doubt */
#define FIGURES_USUAL      1000
#define FIGURES_SLOW_N     20 /* answers before the 95th percentile is one */
#define FIGURES_WASTE      4  /* of each dollar that served: what is above is no better known */
#define FIGURES_REMEMBERED 10 /* calls that all of an earlier run counts for */
#define FIGURES_FAULTS     8 /* FAULT_COUNT, and what makes it a vector's width: they fade at once */

struct figures {
    msec at;                  /* the sums are faded to this moment */
    msec begun;               /* when the last attempt was */
    double n, failed;         /* attempts that ended, and those of them that failed */
    double firsts, first_ms;  /* answers that began, and the time until then */
    double tokens, tokens_ms; /* made behind the first one, and the time it took */
    double answers, output;   /* those whose tokens are known, and these */
    double answer_ms;         /* whole answers, n - failed of them: from sending to the end */
    double prompt, cached;    /* tokens of prompts that were paid for, and those from a cache … */
    double cold, chance;      /* … of calls of which no cached share was expected there */
    double bills;             /* attempts that cost something */
    double paid, wasted;      /* nano-dollars: of answers that served, of attempts in vain */
    double slow_ms;           /* that 19 of 20 answers begin within, estimated */
    double usual_ms;          /* to the first token, of its last FIGURES_USUAL answers */
    uint32_t usual_n;         /* … or of so many, until then */
    bool billed, faulted;     /* there is something in the sums of bills, of faults */
    uint32_t in_flight;       /* attempts under way … */
    uint32_t waiting;         /* … and those of them whose answer has not begun */
    msec waiting_since;       /* sum of the times at which those were sent */
    double waiting_load;      /* … and of the attempts under way that they found */
    double load, usual_load;  /* what the calls of first_ms and of usual_ms have found, on average;
                               * the latter negative: not known */
    struct recovery recovery;
    float fault[FIGURES_FAULTS]; /* failed attempts by class, also of those that are not in `n` */
};

/* An attempt goes through: begin, then first where an answer begins, then end. */
void figures_begin(struct figures *f, msec now);
/* Its first content came. */
void figures_first(struct figures *f, msec now, msec began);

enum figures_end { FIGURES_SERVED, FIGURES_FAILED, FIGURES_VOID /* says nothing of the target */ };
/* It is over. `first`: when its content began; 0: it came whole, or never (figures_first was not
 * called). `tokens`: how many it brought, 0 when that is not known. */
void figures_end(struct figures *f, msec now, msec began, msec first, enum figures_end how,
                 uint64_t tokens);

/* What an attempt has cost. */
struct figures_bill {
    double usd;            /* nano-dollars; negative: not known */
    double prompt, cached; /* tokens; 0: not known */
    bool expected;         /* a cached share was expected, or the attempt says nothing of it */
    bool in_vain;          /* nobody has read the answer to its end */
};
void figures_bill(struct figures *f, const struct figures_bill *b);

/* An attempt that has ended, and not in time to be an answer, did so in this way. */
void figures_fault(struct figures *f, msec now, enum fault how);
/* The share of attempts that failed in each way: of all, for the classes that are not counted
 * against a target are not among its `n`. */
void figures_faults(const struct figures *f, msec now, double ret[FAULT_COUNT]);
/* Its breaker has closed: what was known before is forgotten, as far as errors and times go. */
void figures_recovered(struct figures *f, msec now);

/* What the sums say at a time. A negative figure is not known. */
struct reading {
    double n;          /* how many samples it stands on, faded */
    double error_rate; /* 0 to 1; 0 when nothing is known */
    double first_ms;   /* to the first token */
    double late_ms;    /* … and so much more, if who is late now stays so; see figures.c */
    double token_ms;   /* each token behind it */
    double tokens;     /* of an answer */
    double cached;     /* share of a prompt that is cached where nobody expected it, 0 to 1 */
    double waste;      /* paid in vain for each dollar that served; 0 when nothing is known */
    double load;       /* attempts under way that the calls of these times found, when sent … */
    double usual_load; /* … and usually do */
    double usual_ms;   /* first_ms as it usually is; 0 when nothing is known */
    bool troubled;     /* much slower than it usually is, or it fails often */
};
/* Add what is known of one to what is known of others: of all keys of a target together. Not its
 * faults, which no plan looks at: figures_add_faults, after it and of the same `now`. */
void figures_add(struct figures *sum, const struct figures *f, msec now);
void figures_add_faults(struct figures *sum, const struct figures *f, msec now);
struct reading figures_read(const struct figures *f, msec now);
/* The 95th percentile of the time to the first token; 0: too few answers were seen to tell. */
msec figures_slow_ms(const struct figures *f);
/* What was known before a restart, `ms` ago. */
void figures_age(struct figures *f, double ms);
/* … into figures that are new: nothing is under way, and it counts for FIGURES_REMEMBERED calls. */
void figures_restore(struct figures *f, const struct figures *from);
/* What a call really costs there, of what its price says: wasted attempts are paid too. Negative
 * stays negative. */
static inline double reading_usd(const struct reading *r, double usd)
{
    return usd * (1 + r->waste);
}
/* An answer's time until it was whole; the cached share of all prompts. Negative: not known. */
double figures_answer_ms(const struct figures *f);
double figures_cached(const struct figures *f);
/* Milliseconds of a call that will bring so many tokens; negative: not known. */
double reading_call_ms(const struct reading *r, double tokens);

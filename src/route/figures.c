/* SPDX-License-Identifier: Apache-2.0 */
/* figures - fading sums; see the header. */
#include "route/figures.h"

#include <math.h>

#include "base/check.h"

#define MANY_FAILED 0.05 /* of the attempts: that is trouble */
#define MUCH_SLOWER 1.5  /* times what is usual: so is that */
#define LATE        1.2  /* times the average: who waits for longer is late … */
#define LATER       2.0  /* … and is expected to be later by so many times as much */
#define REMEMBERED  0.1  /* samples that all that was known weighs, beside the news */

_Static_assert(FAULT_COUNT <= FIGURES_FAULTS, "a place for each class");

static double fade_of(const struct figures *f, msec now)
{
    if (!f->at || now <= f->at)
        return 1;
    return exp(-(double)(now - f->at) / FIGURES_FADE_MS);
}

static void scale(struct figures *f, double k)
{
    f->n *= k, f->failed *= k;
    f->firsts *= k, f->first_ms *= k;
    f->tokens *= k, f->tokens_ms *= k, f->answers *= k, f->output *= k;
    f->answer_ms *= k;
    if (f->billed) {
        f->prompt *= k, f->cached *= k, f->cold *= k, f->chance *= k;
        f->bills *= k, f->paid *= k, f->wasted *= k;
    }
    if (!f->faulted) /* most never are, and this is done at the end of each call */
        return;
    for (unsigned i = 0; i < FIGURES_FAULTS; i++)
        f->fault[i] *= (float)k;
}

/* Bring the sums to `now` and make room for one more sample. */
static void fade(struct figures *f, msec now)
{
    double k = fade_of(f, now);
    if (f->n * k > FIGURES_SAMPLES - 1)
        k = (FIGURES_SAMPLES - 1) / f->n;
    scale(f, k);
    f->at = now > f->at ? now : f->at;
}

static void forget(struct figures *f)
{
    const double most = f->n > f->firsts ? f->n : f->firsts;
    if (most > REMEMBERED)
        scale(f, REMEMBERED / most);
}

/* What is known of it, for whoever asks whether one more answer changes that. */
static struct recovery_known known_of(const struct figures *f, msec now)
{
    struct recovery_known k = {.error_rate = f->failed / (f->n + 1), .first_ms = -1};
    if (f->firsts > 0)
        k.first_ms = f->first_ms / f->firsts;
    /* In a crowd a quick answer is a lucky one. */
    const double crowd = f->load > f->usual_load ? (f->load + 1) / (f->usual_load + 1) : 1;
    k.in_doubt = f->at && (now - f->at >= FIGURES_STALE_MS ||
                           (f->usual_n && k.first_ms > MUCH_SLOWER * f->usual_ms * crowd));
    return k;
}

void figures_recovered(struct figures *f, msec now)
{
    forget(f);
    recovery_declare(&f->recovery, now, f->waiting, f->waiting_since);
}

void figures_begin(struct figures *f, msec now)
{
    f->begun = now;
    f->waiting++;
    f->waiting_load += f->in_flight++;
    recovery_begin(&f->recovery, now);
    f->waiting_since += now;
}

/* The load that it had found: an attempt has no place of its own here, so it is that of all who
 * wait, on average. */
static double stop_waiting(struct figures *f, msec began)
{
    CHECK(f->waiting > 0 && f->waiting_since >= began && f->waiting_load >= 0);
    const double load = f->waiting_load / f->waiting;
    f->waiting--;
    f->waiting_since -= began;
    f->waiting_load = f->waiting ? f->waiting_load - load : 0;
    recovery_waited(&f->recovery, began);
    return load;
}

/* Where nothing is known of the usual load, as after a restart, it is as it is now. */
static void add_load(struct figures *f, double load)
{
    CHECK(f->firsts >= 1 && f->usual_n > 0);
    f->load += (load - f->load) / f->firsts;
    if (f->usual_load < 0)
        f->usual_load = load;
    f->usual_load += (load - f->usual_load) / f->usual_n;
}

/* The 95th percentile without a store of samples: each one above it lifts it by a step, each one
 * below lowers it by a nineteenth of that, so that it rests where one in twenty is above. Steps are
 * shares of it, small once it has seen some (Ma, Muthukrishnan and Sandler's frugal estimate). */
static void note_slow(struct figures *f, double ms)
{
    const double step = f->usual_n < FIGURES_SLOW_N ? 0.3 : 0.1;
    if (ms < 1)
        ms = 1;
    if (f->slow_ms <= 0)
        f->slow_ms = 1.5 * ms;
    else if (ms > f->slow_ms)
        f->slow_ms *= 1 + step;
    else
        f->slow_ms /= 1 + step / 19;
}

msec figures_slow_ms(const struct figures *f)
{
    return f->usual_n < FIGURES_SLOW_N ? 0 : (msec)f->slow_ms;
}

/* One answer began after so long. It may be over much later, so firsts are kept from outgrowing the
 * others here and not in fade(). */
static void add_first(struct figures *f, msec now, msec began, double ms, double load)
{
    const struct recovery_known known = known_of(f, now);
    if (recovery_is_old(&f->recovery, began))
        return;
    if (recovery_answer(&f->recovery, &known, ms, began, now, f->waiting, f->waiting_since))
        forget(f);
    if (f->firsts > FIGURES_SAMPLES - 1) {
        const double k = (FIGURES_SAMPLES - 1) / f->firsts;
        f->firsts *= k, f->first_ms *= k;
    }
    f->firsts += 1;
    f->first_ms += ms;
    note_slow(f, ms);
    if (f->usual_n < FIGURES_USUAL)
        f->usual_n++;
    f->usual_ms += (ms - f->usual_ms) / f->usual_n;
    add_load(f, load);
}

void figures_first(struct figures *f, msec now, msec began)
{
    const double load = stop_waiting(f, began);
    add_first(f, now, began, (double)(now - began), load);
}

/* It came whole: when it would have begun is guessed from the pace, where that is known. */
static void add_whole(struct figures *f, msec now, msec began, double tokens, double load)
{
    const double ms = (double)(now - began);
    const double pace = f->tokens > 0 ? f->tokens_ms / f->tokens : 0;
    add_first(f, now, began, ms > pace * tokens ? ms - pace * tokens : 0, load);
}

void figures_end(struct figures *f, msec now, msec began, msec first, enum figures_end how,
                 uint64_t tokens)
{
    CHECK(f->in_flight > 0);
    f->in_flight--;
    const double load = first ? 0 : stop_waiting(f, began);
    if (how == FIGURES_VOID || recovery_is_old(&f->recovery, began))
        return;
    if (!first && how == FIGURES_SERVED)
        add_whole(f, now, began, (double)tokens, load);
    fade(f, now);
    f->n += 1;
    if (how == FIGURES_FAILED) {
        f->failed += 1;
        recovery_failed(&f->recovery);
    } else {
        f->answer_ms += (double)(now - began);
    }
    if (tokens > 1) {
        f->answers += 1;
        f->output += (double)tokens;
    }
    if (first && tokens > 1 && now > first) {
        f->tokens += (double)(tokens - 1);
        f->tokens_ms += (double)(now - first);
    }
}

void figures_add(struct figures *sum, const struct figures *f, msec now)
{
    const double k = fade_of(f, now);
    if (sum->at && sum->at != now)
        scale(sum, fade_of(sum, now));
    sum->at = now;
    sum->n += f->n * k, sum->failed += f->failed * k;
    sum->firsts += f->firsts * k, sum->first_ms += f->first_ms * k;
    sum->tokens += f->tokens * k, sum->tokens_ms += f->tokens_ms * k;
    sum->answers += f->answers * k, sum->output += f->output * k;
    sum->answer_ms += f->answer_ms * k;
    if (f->billed) {
        sum->prompt += f->prompt * k, sum->cached += f->cached * k;
        sum->cold += f->cold * k, sum->chance += f->chance * k;
        sum->bills += f->bills * k, sum->paid += f->paid * k, sum->wasted += f->wasted * k;
        sum->billed = true;
    }
    if (f->usual_n) {
        sum->usual_n += f->usual_n;
        sum->usual_ms += (f->usual_ms - sum->usual_ms) * f->usual_n / sum->usual_n;
        sum->slow_ms += (f->slow_ms - sum->slow_ms) * f->usual_n / sum->usual_n;
    }
    sum->begun = f->begun > sum->begun ? f->begun : sum->begun;
    sum->in_flight += f->in_flight;
    sum->load += f->load, sum->usual_load += fmax(f->usual_load, 0);
    /* Who waited already when it became well waits for the answer of another time. */
    ASSERT(f->recovery.old_waiting <= f->waiting);
    sum->waiting += f->waiting - f->recovery.old_waiting;
    sum->waiting_since += f->waiting_since - f->recovery.old_since;
    sum->recovery.wanted += f->recovery.wanted;
}

/* ---- memory */

void figures_age(struct figures *f, double ms)
{
    f->billed = f->prompt > 0 || f->bills > 0;
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        f->faulted |= f->fault[i] > 0;
    scale(f, ms > 0 ? exp(-ms / FIGURES_FADE_MS) : 1);
}

void figures_restore(struct figures *f, const struct figures *from)
{
    const double most = from->n > from->firsts ? from->n : from->firsts;
    *f = *from;
    f->in_flight = f->waiting = 0;
    f->waiting_since = 0;
    f->waiting_load = f->load = 0;
    f->usual_load = -1;
    f->recovery = (struct recovery){0};
    if (most > FIGURES_REMEMBERED)
        scale(f, FIGURES_REMEMBERED / most);
    if (f->usual_n > FIGURES_USUAL)
        f->usual_n = FIGURES_USUAL;
}

/* ---- money */

/* After figures_end, which faded and bounded the sums; but a loser of hedges ends as nobody's
 * sample, and its bills must not grow for ever. */
void figures_bill(struct figures *f, const struct figures_bill *b)
{
    if (f->bills > FIGURES_SAMPLES) {
        const double k = FIGURES_SAMPLES / f->bills;
        f->bills *= k, f->paid *= k, f->wasted *= k;
    }
    if (b->usd >= 0) {
        f->bills += 1;
        f->paid += b->in_vain ? 0 : b->usd;
        f->wasted += b->in_vain ? b->usd : 0;
    }
    f->billed = true;
    f->prompt += b->prompt, f->cached += b->cached;
    if (!b->expected)
        f->cold += b->prompt, f->chance += b->cached;
}

/* One bill that was not in vain stands in front, of their average: a first loss is no 100 %. */
static double waste_of(const struct figures *f)
{
    const double usual = f->bills > 0 ? (f->paid + f->wasted) / f->bills : 0;
    const double w = f->wasted > 0 ? f->wasted / (f->paid + usual) : 0;
    return w < FIGURES_WASTE ? w : FIGURES_WASTE;
}

double figures_answer_ms(const struct figures *f)
{
    const double served = f->n - f->failed;
    return served > 0.001 ? f->answer_ms / served : -1;
}

double figures_cached(const struct figures *f)
{
    return f->prompt > 0 ? f->cached / f->prompt : -1;
}

/* ---- faults */

/* Whatever was not served and is in `n` was faded by figures_end a moment ago; the others fade and
 * are bounded here, so that a storm of 429 counts no more than FIGURES_SAMPLES either. */
void figures_fault(struct figures *f, msec now, enum fault how)
{
    CHECK(how < FAULT_COUNT);
    if (!fault_counts(how)) {
        scale(f, fade_of(f, now));
        f->at = now > f->at ? now : f->at;
    }
    if (f->fault[how] > FIGURES_SAMPLES - 1)
        f->fault[how] = FIGURES_SAMPLES - 1;
    f->fault[how] += 1;
    f->faulted = true;
}

void figures_faults(const struct figures *f, msec now, double ret[FAULT_COUNT])
{
    const double k = fade_of(f, now);
    double all = f->n * k;
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        all += fault_counts(i) ? 0 : (double)f->fault[i] * k;
    for (unsigned i = 0; i < FAULT_COUNT; i++) /* one more in front, as in the error rate */
        ret[i] = (double)f->fault[i] * k / (all + 1);
}

void figures_add_faults(struct figures *sum, const struct figures *f, msec now)
{
    ASSERT(sum->at == now);
    const double k = fade_of(f, now);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        sum->fault[i] += (float)((double)f->fault[i] * k);
    sum->faulted |= f->faulted;
}

/* What waits already longer than the average is a sample of at least that: a target that hangs
 * looks slow while it hangs. Of those who wait the one that was sent first tells the most: where
 * calls come evenly it has waited twice as long as they have on average. And who is late will not
 * be there the next moment: what has taken long takes longer still, the more the longer it has
 * taken (times of answers have long tails, and some never come). That is no more than what is to be
 * expected, so it stands apart. */
static void read_first(const struct figures *f, msec now, struct reading *r)
{
    const uint32_t waiting = f->waiting - f->recovery.old_waiting;
    const msec since = f->waiting_since - f->recovery.old_since;
    if (f->firsts <= 0)
        return;
    r->first_ms = f->first_ms / f->firsts;
    if (!waiting)
        return;
    const double age = ((double)now - (double)since / waiting) * 2 * waiting / (waiting + 1);
    if (age <= r->first_ms)
        return;
    const double late = age - LATE * r->first_ms;
    r->first_ms = (f->first_ms + age * waiting) / (f->firsts + waiting);
    r->late_ms = late > 0 ? LATER * late * waiting / (f->firsts + waiting) : 0;
}

struct reading figures_read(const struct figures *f, msec now)
{
    const double k = fade_of(f, now);
    struct reading r = {.n = f->n * k, .first_ms = -1, .token_ms = -1, .tokens = -1};
    /* One sample without an error stands in front: the first failure of a new target is no 100 %.
     */
    r.error_rate = f->failed * k / (r.n + 1);
    read_first(f, now, &r);
    if (f->tokens > 0)
        r.token_ms = f->tokens_ms / f->tokens;
    if (f->answers > 0)
        r.tokens = f->output / f->answers;
    if (f->cold > 0)
        r.cached = f->chance / f->cold;
    r.waste = waste_of(f);
    r.load = f->load, r.usual_load = fmax(f->usual_load, 0);
    r.usual_ms = f->usual_ms;
    r.troubled =
        r.error_rate > MANY_FAILED || (f->usual_n && r.first_ms > MUCH_SLOWER * f->usual_ms);
    return r;
}

double reading_call_ms(const struct reading *r, double tokens)
{
    if (r->first_ms < 0)
        return -1;
    return r->first_ms + (r->token_ms > 0 ? r->token_ms * tokens : 0);
}

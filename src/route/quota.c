/* SPDX-License-Identifier: Apache-2.0 */
/* quota - rate-limit headers, and what is left by now; see the header. */
#include "route/quota.h"

#include "base/check.h"
#include "base/day.h"
#include "base/num.h"

#define LOW          0.25
#define DAY_MS       UINT64_C(86400000)
#define RESET_MOST   (40 * DAY_MS)         /* no limit is a longer window's than a month's */
#define UNIX_S_LEAST UINT64_C(1000000000)  /* 2001: a greater number is a time, no duration … */
#define UNIX_MS      UINT64_C(10000000000) /* … and in milliseconds from here on … */
#define UNIX_MOST    1e13                  /* … to the year 2286 */
#define RESET_MOST_S ((double)RESET_MOST / 1000)

/* ---- names */

enum part { PART_LIMIT, PART_LEFT, PART_RESET, PART_USED, PARTS };

static const char *const part_words[PARTS] = {
    [PART_LIMIT] = "limit",
    [PART_LEFT] = "remaining",
    [PART_RESET] = "reset",
    [PART_USED] = "utilization",
};

struct word {
    const char *text;
    enum quota_slot slot;
    uint32_t window_s;
    bool refills;
};

static const struct word words[] = {
#define BUCKET                             true
#define WINDOW                             false
#define QUOTA_WORD(text, slot, window, by) {text, QUOTA_##slot, window, by},
#include "route/quota_words.def"
#undef QUOTA_WORD
#undef BUCKET
#undef WINDOW
};

static const struct word *word_of(str s)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(s, str_c(words[i].text)))
            return &words[i];
    return NULL;
}

/* "limit-tokens", "limit" and "limit-": the part stands first. What is left is the word. */
static bool cut_front(str *s, enum part *ret)
{
    for (unsigned i = 0; i < PARTS; i++) {
        str part = str_c(part_words[i]);
        if (!str_has_prefix_nocase(*s, part) || (s->n > part.n && s->p[part.n] != '-'))
            continue;
        *s = str_from(*s, s->n > part.n ? part.n + 1 : part.n);
        *ret = (enum part)i;
        return true;
    }
    return false;
}

/* "tokens-limit": it stands last. */
static bool cut_back(str *s, enum part *ret)
{
    for (unsigned i = 0; i < PARTS; i++) {
        str part = str_c(part_words[i]);
        if (s->n <= part.n + 1 || s->p[s->n - part.n - 1] != '-' ||
            !str_eq_nocase(str_from(*s, s->n - part.n), part))
            continue;
        *s = str_head(*s, s->n - part.n - 1);
        *ret = (enum part)i;
        return true;
    }
    return false;
}

static const struct word *name_of(str name, enum part *ret)
{
    static const char openai[] = "x-ratelimit-", anthropic[] = "anthropic-ratelimit-";
    if (str_has_prefix_nocase(name, STR("x-ratelimit-"))) {
        name = str_from(name, sizeof(openai) - 1);
        return cut_front(&name, ret) ? word_of(name) : NULL;
    }
    if (!str_has_prefix_nocase(name, STR("anthropic-ratelimit-")))
        return NULL;
    name = str_from(name, sizeof(anthropic) - 1);
    return cut_back(&name, ret) ? word_of(name) : NULL;
}

/* ---- values */

/* Milliseconds in the unit that `s` begins with, which is cut off it; negative: it is none. */
static double cut_unit(str *s)
{
    static const struct {
        str name;
        double ms;
    } units[] = {/* the longer first */
                 {STR("ms"), 1},   {STR("us"), 1e-3},  {STR("s"), 1e3},
                 {STR("m"), 60e3}, {STR("h"), 3600e3}, {STR("d"), (double)DAY_MS}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!str_has_prefix(*s, units[i].name))
            continue;
        *s = str_from(*s, units[i].name.n);
        return units[i].ms;
    }
    return -1;
}

/* "1m0.052s", "6m0s", "20ms", "2m59.56s": Go's way to write a duration. */
static bool read_duration(str s, uint64_t *ret)
{
    double ms = 0;
    while (s.n) {
        size_t n = 0;
        double v;
        while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
            n++;
        if (num_double(str_head(s, n), &v) != RC_OK)
            return false;
        s = str_from(s, n);
        const double unit = cut_unit(&s);
        if (unit < 0)
            return false;
        ms += v * unit;
    }
    if (ms > (double)RESET_MOST)
        return false;
    *ret = (uint64_t)(ms + 0.999); /* not before it is over */
    return true;
}

/* What `form` says: a '2' is a number of two digits, a 'Y' one of four, into ret in turn; all else
 * stands for itself, in any case. Cut off `s`. False: it does not begin so. */
static bool cut_form(str *s, const char *form, uint32_t *ret)
{
    for (; *form; form++) {
        const size_t n = *form == 'Y' ? 4 : *form == '2' ? 2 : 1;
        uint64_t v = 0;
        if (s->n < n || (n == 1 && (s->p[0] | 32) != (*form | 32)) ||
            (n > 1 && num_u64(str_head(*s, n), &v) != RC_OK))
            return false;
        if (n > 1)
            *ret++ = (uint32_t)v;
        *s = str_from(*s, n);
    }
    return true;
}

/* "Z", "+02:00": milliseconds that it is ahead of UTC. */
static bool read_zone(str s, int64_t *ret)
{
    uint32_t v[2] = {0, 0};
    const bool ahead = s.n && s.p[0] == '+';
    if (str_eq_nocase(s, STR("Z")))
        *ret = 0;
    else if (cut_form(&s, ahead ? "+2:2" : "-2:2", v) && !s.n && v[0] < 24 && v[1] < 60)
        *ret = (ahead ? 60000 : -60000) * (int64_t)(v[0] * 60 + v[1]);
    else
        return false;
    return true;
}

/* RFC 3339: "2026-11-28T10:00:00Z", "…:00.123Z", "…:00+00:00"; a fraction is rounded up. */
static bool read_time(str s, uint64_t *ret_unix_ms)
{
    uint32_t v[6];
    int32_t day;
    int64_t ahead;
    if (!cut_form(&s, "Y-2-2t2:2:2", v) || !day_of(v[0], v[1], v[2], &day) || v[3] > 23 ||
        v[4] > 59 || v[5] > 60)
        return false;
    uint64_t ms = (uint64_t)day * DAY_MS + ((v[3] * 60 + v[4]) * 60 + v[5]) * UINT64_C(1000);
    if (s.n && s.p[0] == '.') {
        do {
            s = str_from(s, 1);
        } while (s.n && s.p[0] >= '0' && s.p[0] <= '9');
        ms += 1000;
    }
    if (!read_zone(s, &ahead))
        return false;
    *ret_unix_ms = ms - (uint64_t)ahead;
    return true;
}

/* Milliseconds from now. */
static bool read_reset(str v, uint64_t unix_ms, uint64_t *ret)
{
    double number;
    uint64_t at;
    if (num_double(v, &number) == RC_OK) {
        if (number < 0 || number > UNIX_MOST)
            return false;
        if (number < (double)UNIX_S_LEAST) {
            *ret = number < RESET_MOST_S ? (uint64_t)(number * 1000) : 0;
            return number < RESET_MOST_S;
        }
        at = number < (double)UNIX_MS ? (uint64_t)(number * 1000) : (uint64_t)number;
    } else if (v.n >= 20 && v.p[4] == '-') {
        if (!read_time(v, &at))
            return false;
    } else {
        return read_duration(v, ret);
    }
    *ret = at > unix_ms ? at - unix_ms : 0;
    return *ret <= RESET_MOST;
}

/* A count; some write it as a decimal number, and some as a list: "100, 100;w=60". */
static bool read_count(str v, uint64_t *ret)
{
    double number;
    v = str_trim(str_head(v, str_find_char(v, ',')));
    if (num_double(v, &number) != RC_OK || number < 0 || number > (double)QUOTA_MOST)
        return false;
    *ret = (uint64_t)number;
    return true;
}

bool quota_header(struct quota_said *s, str name, str value, uint64_t unix_ms)
{
    enum part part;
    const struct word *w = name_of(name, &part);
    uint64_t n;
    double used;
    if (!w || !value.n)
        return false;
    CHECK(w->slot < QUOTA_SLOTS);
    const uint8_t bit = (uint8_t)(1u << w->slot);
    s->of[w->slot].window_ms = w->window_s * UINT64_C(1000);
    switch (part) {
    case PART_LIMIT:
        if (!read_count(value, &n) || n == 0)
            return false;
        s->of[w->slot].limit = n;
        s->limit |= bit;
        break;
    case PART_LEFT:
        if (!read_count(value, &n))
            return false;
        s->of[w->slot].left = n;
        s->left |= bit;
        break;
    case PART_RESET:
        if (!read_reset(value, unix_ms, &n))
            return false;
        s->of[w->slot].reset_ms = n;
        s->reset |= bit;
        break;
    case PART_USED:
        if (num_double(value, &used) != RC_OK || used < 0 || used > 100)
            return false;
        s->of[w->slot].limit = QUOTA_WHOLE;
        s->of[w->slot].left = used < 1 ? (uint64_t)((1 - used) * QUOTA_WHOLE) : 0;
        s->limit |= bit;
        s->left |= bit;
        break;
    case PARTS:
        return false;
    }
    if (w->refills)
        s->refills |= bit;
    return true;
}

/* ---- what attempts take */

static void rotate(struct quota *q, msec now)
{
    if (now - q->late_at < QUOTA_LAG_MS)
        return;
    q->lately[1] = now - q->late_at < 2 * QUOTA_LAG_MS ? q->lately[0] : (struct quota_spent){0};
    q->lately[0] = (struct quota_spent){0};
    q->late_at = now;
}

static void add(struct quota_spent *to, const struct quota_spent *s)
{
    to->requests += s->requests;
    to->input += s->input;
    to->output += s->output;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void take_back(struct quota_spent *from, const struct quota_need *need)
{
    from->requests = less(from->requests, 1);
    from->input = less(from->input, need->input);
    from->output = less(from->output, need->output);
}

void quota_begin(struct quota *q, const struct quota_need *need, msec now)
{
    if (!q->known)
        return;
    const struct quota_spent one = {1, need->input, need->output};
    rotate(q, now);
    add(&q->lately[0], &one);
    add(&q->since, &one);
}

/* Of a limit of this kind. */
static uint64_t taken(enum quota_slot slot, const struct quota_spent *s)
{
    switch (slot) {
    case QUOTA_REQUESTS:
    case QUOTA_REQUESTS_OTHER:
        return s->requests;
    case QUOTA_TOKENS:
    case QUOTA_TOKENS_OTHER:
        return s->input + s->output;
    case QUOTA_INPUT:
        return s->input;
    case QUOTA_OUTPUT:
        return s->output;
    case QUOTA_SHARE:
    case QUOTA_SHARE_OTHER:
    case QUOTA_SLOTS:
        return 0;
    }
    return 0;
}

/* ---- what was said */

/* Whose limit was not told is taken to have been full at most once: at what it is now. */
static void keep(struct quota *q, unsigned slot, const struct quota_said *s, msec now)
{
    struct quota_window *w = &q->of[slot];
    const uint8_t bit = (uint8_t)(1u << slot);
    const uint64_t before = q->known & bit ? w->limit : 0;
    w->limit = s->limit & bit ? s->of[slot].limit : before;
    if (w->limit < s->of[slot].left)
        w->limit = s->limit & bit ? w->limit : s->of[slot].left;
    w->left = s->of[slot].left < w->limit ? s->of[slot].left : w->limit;
    w->seen = now;
    uint64_t ms = s->of[slot].reset_ms;
    if (!(s->reset & bit) || ms == 0) { /* Azure says 0, whatever is left */
        ms = s->of[slot].window_ms;
        if (s->refills & bit && w->limit)
            ms = (uint64_t)((double)ms * (double)(w->limit - w->left) / (double)w->limit);
    }
    w->reset_at = now + ms;
    q->silent[slot] = 0;
    q->refills = (uint8_t)((q->refills & ~bit) | (s->refills & bit));
    if (w->limit)
        q->known |= bit;
}

static void at_most(uint64_t *n, uint64_t left)
{
    *n = left < *n ? left : *n;
}

static void set_calm(struct quota *q)
{
    q->calm = (struct quota_spent){QUOTA_MOST, QUOTA_MOST, 0};
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        if (!(q->known >> i & 1))
            continue;
        const bool requests = i == QUOTA_REQUESTS || i == QUOTA_REQUESTS_OTHER;
        const bool share = i == QUOTA_SHARE || i == QUOTA_SHARE_OTHER;
        if (requests || (share && !q->of[i].left))
            at_most(&q->calm.requests, q->of[i].left);
        else if (!share) /* input and output together: no limit is nearer than that */
            at_most(&q->calm.input, q->of[i].left);
    }
}

void quota_answered(struct quota *q, const struct quota_need *need, msec began)
{
    if (!q->known || began + QUOTA_LAG_MS < q->late_at)
        return; /* it is not among the late ones any more */
    take_back(&q->lately[began >= q->late_at ? 0 : 1], need);
}

void quota_learn(struct quota *q, const struct quota_said *s, msec now)
{
    q->heard = now;
    if (!s->left)
        return;
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        if (s->left >> i & 1)
            keep(q, i, s, now);
        else if (q->known >> i & 1) /* it stays as it was, less what went since */
            q->of[i].left = less(q->of[i].left, taken((enum quota_slot)i, &q->since));
    }
    rotate(q, now);
    q->since = q->lately[0];
    add(&q->since, &q->lately[1]);
    q->low = quota_room(q, now) < LOW;
    set_calm(q);
}

void quota_good(struct quota *q, const struct quota_said *s, msec began, msec now)
{
    uint8_t over = 0;
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        const uint8_t bit = (uint8_t)(1u << i);
        if (!(q->known & bit) || s->left & bit || began <= q->of[i].seen)
            continue;
        ASSERT(q->silent[i] < QUOTA_SILENT); /* else it would be forgotten by now */
        if (++q->silent[i] == QUOTA_SILENT)
            over |= bit;
    }
    if (!over)
        return;
    q->known = (uint8_t)(q->known & ~over);
    q->low = quota_room(q, now) < LOW;
    set_calm(q);
}

/* ---- what is left */

static uint64_t left_at(const struct quota *q, unsigned slot, msec now)
{
    const struct quota_window *w = &q->of[slot];
    uint64_t left = w->left;
    ASSERT(w->left <= w->limit);
    if (now >= w->reset_at)
        left = w->limit;
    else if (q->refills >> slot & 1 && now > w->seen)
        left += (uint64_t)((double)(w->limit - w->left) * (double)(now - w->seen) /
                           (double)(w->reset_at - w->seen));
    return less(left, taken((enum quota_slot)slot, &q->since));
}

double quota_room(const struct quota *q, msec now)
{
    double room = 1;
    for (unsigned i = 0; i < QUOTA_SLOTS && q->known; i++) {
        if (!(q->known >> i & 1))
            continue;
        const double share = (double)left_at(q, i, now) / (double)q->of[i].limit;
        room = share < room ? share : room;
    }
    return room;
}

void quota_tell(const struct quota *q, msec now, struct quota_said *ret)
{
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        if (!(q->known >> i & 1))
            continue;
        ret->of[i].limit = q->of[i].limit;
        ret->of[i].left = left_at(q, i, now);
        ret->of[i].reset_ms = ret->of[i].window_ms = less(q->of[i].reset_at, now);
    }
    ret->limit = ret->left = ret->reset = q->known;
    ret->refills = q->refills & q->known;
}

/* Output is counted as it is made, so that some is left is enough; the rest must be there at once.
 * What is more than the limit can only ever ask for all of it. */
static uint64_t wanted(const struct quota_window *w, enum quota_slot slot,
                       const struct quota_need *need)
{
    const struct quota_spent one = {1, need->input, need->output};
    uint64_t n = slot == QUOTA_OUTPUT ? 1 : taken(slot, &one);
    n = n ? n : 1;
    return n < w->limit ? n : w->limit;
}

static msec slot_ready_at(const struct quota *q, unsigned slot, const struct quota_need *need,
                          msec now)
{
    const struct quota_window *w = &q->of[slot];
    const uint64_t want = wanted(w, (enum quota_slot)slot, need), left = left_at(q, slot, now);
    msec at = w->reset_at;
    if (left >= want || now >= w->seen + QUOTA_BELIEVED_MS)
        return 0;
    if (now >= at) /* it is full again, and what was sent since has used it up: a moment's wait */
        return now + QUOTA_LAG_MS;
    if (q->refills >> slot & 1) { /* as many as are missing, at the pace it fills */
        const double rate = (double)(w->limit - w->left) / (double)(w->reset_at - w->seen);
        const double ms = rate > 0 ? (double)(want - left) / rate : 0;
        at = ms < (double)(w->reset_at - now) ? now + (msec)ms + 1 : w->reset_at;
    }
    return at < w->seen + QUOTA_BELIEVED_MS ? at : w->seen + QUOTA_BELIEVED_MS;
}

static bool is_calm(const struct quota *q, const struct quota_need *need)
{
    return q->since.requests < q->calm.requests &&
           q->since.input + q->since.output + need->input + need->output < q->calm.input;
}

msec quota_ready_at(const struct quota *q, const struct quota_need *need, msec now)
{
    msec at = 0;
    if (!q->known || is_calm(q, need))
        return 0;
    for (unsigned i = 0; i < QUOTA_SLOTS; i++) {
        if (!(q->known >> i & 1))
            continue;
        const msec t = slot_ready_at(q, i, need, now);
        at = t > at ? t : at;
    }
    return at;
}

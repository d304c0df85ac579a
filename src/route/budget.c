/* SPDX-License-Identifier: Apache-2.0 */
/* budget - counts in a window, and the table of them; see the header. */
#include "route/budget.h"

#include "base/check.h"
#include "base/mem.h"

#define MILLION 1000000

/* ---- one budget */

/* Two fixed windows make a sliding one: of the last one counts the share that is still within
 * reach. With one alone a burst of failures that fell on its beginning found nothing but the floor,
 * as the simulation of a storm of rate limits showed. A call pays for no queue of time stamps. */
static void roll(struct retry_budget *b, msec now)
{
    const msec window = now / RETRY_WINDOW_MS;
    if (window == b->window)
        return;
    const bool next = window == b->window + 1;
    b->calls_before = next ? b->calls : 0;
    b->retries_before = next ? b->retries : 0;
    b->window = window;
    b->calls = b->retries = b->hedges = 0;
}

static unsigned sliding(unsigned count, unsigned before, msec now)
{
    const msec left = RETRY_WINDOW_MS - now % RETRY_WINDOW_MS;
    return count + (unsigned)(before * left / RETRY_WINDOW_MS);
}

void retry_budget_call(struct retry_budget *b, msec now)
{
    roll(b, now);
    b->calls++;
}

bool retry_budget_take(struct retry_budget *b, bool panic, msec now)
{
    roll(b, now);
    const bool few = b->active < RETRY_FLOOR && !panic;
    if (!few && sliding(b->retries, b->retries_before, now) >=
                    sliding(b->calls, b->calls_before, now) / RETRY_SHARE)
        return false;
    retry_budget_owe(b, now);
    return true;
}

void retry_budget_owe(struct retry_budget *b, msec now)
{
    roll(b, now);
    b->retries++;
    b->active++;
}

void retry_budget_over(struct retry_budget *b)
{
    CHECK(b->active > 0);
    b->active--;
}

void retry_budget_return(struct retry_budget *b)
{
    retry_budget_over(b);
    if (b->retries) /* 0: the window has turned meanwhile */
        b->retries--;
}

bool retry_budget_hedge(struct retry_budget *b, uint32_t millionths, msec now)
{
    roll(b, now);
    if (b->hedges >= (uint64_t)b->calls * millionths / MILLION + HEDGE_FLOOR)
        return false;
    b->hedges++;
    return true;
}

void retry_budget_unhedge(struct retry_budget *b)
{
    if (b->hedges) /* 0: the window has turned meanwhile */
        b->hedges--;
}

/* ---- all of them */

struct named_budget {
    struct retry_budget budget; /* first: it is what the world sees of it */
    enum budget_kind kind;
    unsigned refs;
    str name;
};

void budgets_init(struct budgets *t, struct hash_key key)
{
    for (unsigned i = 0; i < BUDGET_KINDS; i++)
        map_init(&t->by_name[i], key);
}

void budgets_fini(struct budgets *t)
{
    for (unsigned i = 0; i < BUDGET_KINDS; i++) {
        CHECK(t->by_name[i].count == 0); /* a generation outlived its gate */
        map_fini(&t->by_name[i]);
    }
}

struct retry_budget *budget_ref(struct budgets *t, enum budget_kind kind, str name)
{
    struct named_budget *b = map_get(&t->by_name[kind], name);
    if (b) {
        b->refs++;
        return &b->budget;
    }
    b = mem_zalloc(sizeof(*b) + name.n);
    if (!b)
        return NULL;
    char *copy = (char *)(b + 1);
    if (name.n)
        memcpy(copy, name.p, name.n);
    b->name = str_of(copy, name.n);
    b->kind = kind;
    b->refs = 1;
    if (map_put(&t->by_name[kind], b->name, b, NULL) == RC_OK)
        return &b->budget;
    mem_free(b);
    return NULL;
}

void budget_unref(struct budgets *t, struct retry_budget *budget)
{
    struct named_budget *b = (struct named_budget *)(void *)budget;
    if (!b)
        return;
    CHECK(b->refs > 0);
    if (--b->refs)
        return;
    CHECK(b->budget.active == 0); /* a call outlived its generation */
    CHECK(map_take(&t->by_name[b->kind], b->name) == b);
    mem_free(b);
}

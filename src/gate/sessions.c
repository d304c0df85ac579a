/* SPDX-License-Identifier: Apache-2.0 */
/* sessions - words of a table; see the header. */
#include "gate/sessions.h"

#define TOKENS_BITS 24
#define TOKENS_MASK ((UINT64_C(1) << TOKENS_BITS) - 1)

static uint64_t name_of(uint64_t session)
{
    return session & ~TOKENS_MASK;
}

/* By other bits than those that are compared, or half of the table's names would be one. */
static uint64_t slot_of(uint64_t session)
{
    return session % SESSIONS_MAX;
}

void sessions_note(struct sessions *s, uint64_t session, uint64_t tokens)
{
    const uint64_t n = tokens < TOKENS_MASK ? tokens : TOKENS_MASK;
    if (session)
        atomic_store_explicit(&s->slot[slot_of(session)], name_of(session) | n,
                              memory_order_relaxed);
}

uint64_t sessions_last(const struct sessions *s, uint64_t session)
{
    const uint64_t word = atomic_load_explicit(&s->slot[slot_of(session)], memory_order_relaxed);
    return session && name_of(word) == name_of(session) ? word & TOKENS_MASK : 0;
}

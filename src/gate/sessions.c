/* SPDX-License-Identifier: Apache-2.0 */
/* sessions - words of a table; see the header. */
#include "gate/sessions.h"

#include "base/check.h"
#include "base/hash.h"

#define NUMBER_BITS 24
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

_Static_assert(SESSIONS_MAX <= 1 << NUMBER_BITS, "a slot's place is told by bits the word has not");

static uint64_t name_of(uint64_t word)
{
    return word & ~NUMBER_MASK;
}

/* By the bits that are not compared. The ways of the last place begin again at the first. */
static size_t place(uint64_t session, unsigned way)
{
    return (session + way) % SESSIONS_MAX;
}

void sessions_note(struct sessions *s, uint64_t session, uint64_t number)
{
    const uint64_t n = number < NUMBER_MASK ? number : NUMBER_MASK;
    size_t to = place(session, 0);
    if (!session)
        return;
    for (unsigned i = SESSIONS_WAYS; i-- > 0;) { /* its own place, else the first that is free */
        const size_t at = place(session, i);
        const uint64_t word = atomic_load_explicit(&s->slot[at], memory_order_relaxed);
        if (word && name_of(word) == name_of(session)) {
            to = at;
            break;
        }
        if (!word)
            to = at;
    }
    CHECK(to < SESSIONS_MAX);
    atomic_store_explicit(&s->slot[to], name_of(session) | n, memory_order_relaxed);
}

uint64_t sessions_find(const struct sessions *s, uint64_t session)
{
    for (unsigned i = 0; session && i < SESSIONS_WAYS; i++) {
        const uint64_t word =
            atomic_load_explicit(&s->slot[place(session, i)], memory_order_relaxed);
        if (word && name_of(word) == name_of(session))
            return word & NUMBER_MASK;
    }
    return 0;
}

/* Not secret: nodes must agree, and who makes two sessions meet only mixes up his own. */
static const struct hash_key everywhere = {0x7765697273657373, 0x696f6e2e6b657930};

uint64_t sessions_hash(str name)
{
    const uint64_t h = hash_bytes(everywhere, name);
    return h ? h : 1;
}

uint64_t sessions_tag(str name)
{
    const uint64_t n = hash_bytes(everywhere, name) & NUMBER_MASK;
    return n ? n : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* probes - active probes of providers that ask for them (`probe`), as gate/probe.c: while something
 * of theirs is open, a look each so often whether somebody answers. */
#include "route/alive.h"
#include "sim/run_int.h"

#define BAD_MAX 2 /* in a row: as gate/probe.c */

void probes_begin(struct run *r)
{
    for (uint32_t i = 0; i < r->set->snap->nproviders; i++) {
        const struct conf_provider *p = &r->set->snap->providers[i];
        if (p->enabled && p->probe.every)
            run_push_probe(r, r->now + p->probe.every, i);
    }
}

void run_probe(struct run *r, uint32_t provider)
{
    const struct conf_provider *p = &r->set->snap->providers[provider];
    if (p->probe.always || alive_is_wanted(&r->state, p, r->now)) {
        const bool well = world_answers(&r->world, p);
        r->bad_probes[provider] = well ? 0 : r->bad_probes[provider] + 1;
        if (well)
            alive_yes(&r->state, p, r->now);
        else if (r->bad_probes[provider] >= BAD_MAX && p->probe.always)
            alive_no(&r->state, p, r->now);
    }
    run_push_probe(r, r->now + p->probe.every, provider);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* load - see the header. */
#include "route/load.h"

#include <math.h>

#include "base/check.h"

#define CROWDED 1.2 /* times its usual load and its usual time: load has made it slow */
#define SIGMAS  2.0 /* what is under way varies by itself, as its square root */
#define FEW     4.0 /* and so many more are no load anywhere */
#define STEEP   2.5 /* unknown is unsafe: so many times what goes beyond */

/* How many times as much load and time as usual: the lower of both. 1: it is not slow. */
static double slow_by_load(const struct reading *r)
{
    if (r->usual_ms <= 0 || r->first_ms <= CROWDED * r->usual_ms) /* mostly */
        return 1;
    return fmin((r->load + 1) / (r->usual_load + 1), r->first_ms / r->usual_ms);
}

double load_factor(const struct reading *r, uint32_t in_flight, double fair)
{
    ASSERT(r->load >= 0 && r->usual_load >= 0);
    const double here = in_flight + 1.0, slow = slow_by_load(r);
    if (slow > CROWDED)
        return fmax(here / (r->load + 1), 1 / slow);
    const double shown = fmax(fair, r->load);
    if (here <= shown + FEW) /* mostly */
        return 1;
    const double most = shown + FEW + SIGMAS * sqrt(shown + 1);
    return here > most ? 1 + STEEP * (here / most - 1) : 1;
}

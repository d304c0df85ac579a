/* SPDX-License-Identifier: Apache-2.0 */
/* usage_cost - see the header. A number that cannot be money was not given. */
#include "dialect/usage_cost.h"

#include "base/num.h"

#define NANO_MAX (UINT64_C(1000000) * 1000000000) /* a million dollars: no call costs that */

static bool dollars(jval v, uint64_t *ret)
{
    return json_is(v, JSON_NUMBER) && num_nano(json_text(v), ret) == RC_OK && *ret <= NANO_MAX;
}

static bool read_cost(jval u, uint64_t *ret)
{
    jval cost = json_get_lit(u, "cost");
    uint64_t own = 0, upstream = 0, ticks;
    if (json_u64(json_get_lit(u, "cost_in_usd_ticks"), &ticks) == RC_OK) {
        *ret = ticks / 10 + (ticks % 10 >= 5);
        return *ret <= NANO_MAX;
    }
    if (json_is(cost, JSON_OBJECT))
        return dollars(json_get_lit(cost, "total_cost"), ret);
    if (!dollars(cost, &own))
        return false;
    if (json_is(json_get_lit(u, "is_byok"), JSON_TRUE) &&
        !dollars(json_path(u, "cost_details", "upstream_inference_cost", NULL), &upstream))
        return false; /* then it is only the fee */
    *ret = own + upstream;
    return true;
}

void usage_read_cost(jval u, struct usage *to)
{
    uint64_t nano;
    if (!read_cost(u, &nano))
        return;
    to->cost = (nanousd)nano;
    to->has |= USAGE_HAS_COST;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of tzdata: refused, or a table in order, of which every offset can be asked.
 */
#include "fuzz.h"

#include "base/check.h"
#include "conf/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct conf_zone z;
    arena_init(&a, 1u << 20);
    if (conf_zone_parse(&a, str_of((const char *)data, size), &z) == RC_OK) {
        CHECK(z.n <= ZONE_TURNS_MAX);
        CHECK(conf_zone_offset(&z, 0) == z.offset);
        for (uint32_t i = 0; i < z.n; i++) {
            CHECK(z.turns[i].at >= ZONE_FROM && (!i || z.turns[i].at > z.turns[i - 1].at));
            CHECK(conf_zone_offset(&z, z.turns[i].at) == z.turns[i].offset);
        }
    }
    arena_fini(&a);
    return 0;
}

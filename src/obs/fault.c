/* SPDX-License-Identifier: Apache-2.0 */
/* fault - the table; see the header. */
#include "obs/fault.h"

#include "base/check.h"

static const struct row {
    str name, help;
    bool ours, counts;
} rows[FAULT_COUNT] = {
#define FAULT(id, name, ours, counts, help) [FAULT_##id] = {STR(name), STR(help), ours, counts},
#include "obs/faults.def"
#undef FAULT
};

static const struct row *row_of(enum fault f)
{
    CHECK(f < FAULT_COUNT);
    return &rows[f];
}

str fault_name(enum fault f)
{
    return row_of(f)->name;
}

str fault_help(enum fault f)
{
    return row_of(f)->help;
}

bool fault_is_ours(enum fault f)
{
    return row_of(f)->ours;
}

bool fault_counts(enum fault f)
{
    return row_of(f)->counts;
}

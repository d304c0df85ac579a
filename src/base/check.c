/* SPDX-License-Identifier: Apache-2.0 */
/* check - the one place that ends the process for a broken invariant. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *cond)
{
    fprintf(stderr, "weir: %s:%d: check failed: %s\n", file, line, cond);
    abort();
}

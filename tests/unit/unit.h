/* SPDX-License-Identifier: Apache-2.0 */
/* unit - what every unit test includes before anything else: cmocka and the headers it needs. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static inline void assert_str(str got, const char *want)
{
    if (!str_eq(got, str_c(want)))
        fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got), want);
}

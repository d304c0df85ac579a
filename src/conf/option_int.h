/* SPDX-License-Identifier: Apache-2.0 */
/* option_int - what option.c (maps and lists) and option_value.c (single values) share. */
#pragma once
#include "conf/option.h"

/* What is being read: the row, the value, and the place it goes to. */
struct option_slot {
    const struct option *row;
    const struct conf_node *n;
    void *to;
};

/* Note a fault of `n`, the path before it. */
PRINTF_LIKE(3, 4)
void option_fault(struct option_pass *x, const struct conf_node *n, const char *fmt, ...);
/* A scalar node that is not empty. False when it is, after a note where that is a fault. */
bool option_is_given(struct option_pass *x, const struct option_slot *s);
/* Read a scalar node into a single value. */
void option_take_scalar(struct option_pass *x, const struct option_slot *s);

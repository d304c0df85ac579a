/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - a text that must not be printed.
 *
 * It is a struct, so that no `%.*s` and no str function takes it by accident; secret_reveal is the
 * one door, and `grep secret_reveal` lists everything that looks behind it. Whoever wants to show
 * that there is a secret prints secret_mask().
 */
#pragma once
#include "base/str.h"

struct secret {
    str hidden_;
};

static inline struct secret secret_of(str s)
{
    return (struct secret){s};
}

/* For the wire only: never for a log, an error text, a URL or an answer of the API. */
static inline str secret_reveal(const struct secret *s)
{
    return s->hidden_;
}

static inline bool secret_is_set(const struct secret *s)
{
    return s->hidden_.n != 0;
}

/* What may be shown instead: "***", or nothing when there is no secret. */
static inline str secret_mask(const struct secret *s)
{
    return secret_is_set(s) ? STR("***") : STR("");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* reason - what keeps a target out of a plan, as a word. The rows are in reasons.def. */
#pragma once
#include "base/str.h"
#include "base/time.h"

struct candidate;

enum plan_reason {
#define REASON(id, name, help) REASON_##id,
#include "route/reasons.def"
#undef REASON
    REASON_COUNT
};

str reason_name(enum plan_reason r); /* "cooling": a word for programs */
str reason_help(enum plan_reason r); /* half a sentence for people */

/* What the health records of a candidate say: the worse of its key's and its own. */
enum plan_reason reason_of_health(const struct candidate *c, msec now);

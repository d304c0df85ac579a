/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - in which way an attempt failed: the classes that error rates are kept by (faults.def).
 *
 * What happened on this side of the wire (nobody there, nothing came in time) is told apart from
 * what the provider said, as Envoy tells local-origin errors from 5xx: the first may be our own
 * network's doing and says nothing of what the model does with a request. What is only about a key
 * or the request itself is no failure of the target at all. RELIABILITY §7.
 *
 * A class, unlike an enum err, has no place in an answer to a client; retry.h says which one an
 * attempt's failure is.
 */
#pragma once
#include <stdbool.h>

#include "base/str.h"

enum fault {
#define FAULT(id, name, ours, counts, help) FAULT_##id,
#include "obs/faults.def"
#undef FAULT
    FAULT_COUNT
};

str fault_name(enum fault f);
str fault_help(enum fault f);
/* Seen by us, not said by the provider. */
bool fault_is_ours(enum fault f);
/* It counts against the target: in its error rate, for its breaker, for its ejection. */
bool fault_counts(enum fault f);

/* SPDX-License-Identifier: Apache-2.0 */
/* explain_table - the answer of /api/v1/explain, for people. */
#pragma once
#include "base/str.h"

/* On stdout. False: it is no such answer. */
bool explain_print(str json);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rc - result codes. Status is never mixed with a value; outputs are written only on RC_OK.
 * The table is rc.def. Errors that reach a client are a second, canonical set: ir/error.h.
 */
#pragma once
#include "base/check.h"

enum rc {
#define RC(name, text) RC_##name,
#include "base/rc.def"
#undef RC
    RC_COUNT
};

/* "RC_TIMEOUT" without its prefix, in lower case never translated: for logs. Static string. */
const char *rc_name(enum rc rc);
/* One short English phrase. Static string. */
const char *rc_text(enum rc rc);

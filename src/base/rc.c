/* SPDX-License-Identifier: Apache-2.0 */
/* rc - names and texts of the result codes, from the table. */
#include "base/rc.h"

static const char *const names[] = {
#define RC(name, text) #name,
#include "base/rc.def"
#undef RC
};

static const char *const texts[] = {
#define RC(name, text) text,
#include "base/rc.def"
#undef RC
};

const char *rc_name(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? names[rc] : "UNKNOWN";
}

const char *rc_text(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? texts[rc] : "unknown";
}

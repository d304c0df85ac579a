/* SPDX-License-Identifier: Apache-2.0 */
/* status - a switch made from status.def. */
#include "http/status.h"

static str of_class(unsigned status)
{
    switch (status / 100) {
    case 1:
        return STR("Informational");
    case 2:
        return STR("Success");
    case 3:
        return STR("Redirection");
    case 4:
        return STR("Client Error");
    case 5:
        return STR("Server Error");
    default:
        return STR("Unknown");
    }
}

str status_reason(unsigned status)
{
    switch (status) {
#define STATUS(code, text) \
    case code:             \
        return STR(text);
#include "http/status.def"
#undef STATUS
    default:
        return of_class(status);
    }
}

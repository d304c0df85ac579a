/* SPDX-License-Identifier: Apache-2.0 */
/* status - reason phrases (RFC 9110 §15, and the codes that providers made their own). */
#pragma once
#include "base/str.h"

/* "Not Found". A code without a name of its own has the name of its class ("Client Error"). */
str status_reason(unsigned status);

/* SPDX-License-Identifier: Apache-2.0 */
/* citation - reading a canonical citation (ir_cite: JSON text in Anthropic's form). */
#pragma once
#include "ir/request.h"

/* False: it names a place in a document, not a URL. *title may be absent. */
bool citation_url(str json, jtext *url, jtext *title);

/* SPDX-License-Identifier: Apache-2.0 */
/* path - where in a document the reader stood when it gave up. Internal to json/. */
#pragma once
#include "json/json.h"

/* Write messages[3].content and the like. `doc`: the nodes so far. `open`: the nodes of the
 * containers that were open, outermost first. */
void json_path_write(const struct json_doc *doc, const uint32_t *open, size_t depth,
                     char to[JSON_PATH_MAX]);

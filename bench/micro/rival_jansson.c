/* SPDX-License-Identifier: Apache-2.0 */
/* Duplicate keys refused and NUL allowed, so that the work is the same as ours. */
#include "rival.h"

#include <jansson.h>

int rival_jansson(const char *text, size_t n)
{
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!root)
        return 0;
    json_decref(root);
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* citation.c - citations are small: a fixed number of nodes holds any that has a URL. */
#include "dialect/citation.h"

#define CITE_NODES 64

bool citation_url(str json, jtext *url, jtext *title)
{
    struct json_node nodes[CITE_NODES];
    struct json_doc doc;
    jval root;

    if (json_parse_into(nodes, CITE_NODES, json, &doc, NULL) != RC_OK)
        return false;
    root = json_root(&doc);
    *url = json_raw(json_get_lit(root, "url"));
    *title = json_raw(json_get_lit(root, "title"));
    return url->n > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The parser object is reused, as its manual advises. It does not look for duplicate keys, and it
 * unescapes strings and reads numbers at once, which we leave to those who want them. */
#include "rival.h"

#include <simdjson.h>
#include <string>

static simdjson::dom::parser parser;

int rival_simdjson(const char *text, size_t n)
{
    simdjson::dom::element root;
    return parser.parse(text, n, false).get(root) == simdjson::SUCCESS;
}

const char *rival_simdjson_name(void)
{
    static const std::string name = "simdjson " + std::string(SIMDJSON_STRINGIFY(SIMDJSON_VERSION)) +
                                    "/" + simdjson::get_active_implementation()->name();
    return name.c_str();
}

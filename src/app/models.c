/* SPDX-License-Identifier: Apache-2.0 */
/* models - see the header. */
#include "app/models.h"

extern const char weir_models_json[]; /* made by tools/embed from data/models.json */
extern const size_t weir_models_json_size;

struct catalogue *models_built_in(void)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    enum rc rc = catalogue_new(str_of(weir_models_json, weir_models_json_size), true, &c, &fault);
    CHECK(rc == RC_OK); /* tests/unit/price reads every line of it */
    return c;
}

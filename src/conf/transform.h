/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transform - what an operator wants changed in the calls to a provider or of a logical model.
 *
 *     transforms:
 *       - set:     { temperature: 0.2, provider.order: [ a, b ] }   # json/edit.h has the paths
 *       - default: { top_p: 0.9 }
 *       - atMost:  { max_tokens: 8192 }
 *       - rename:  { max_tokens: max_completion_tokens }
 *       - delete:  [ store, "messages[*].cache_control" ]
 *       - headers: { x-title: weir }
 *       - thinkTag                                    # a remedy, by name
 *       - { models: [ "qwen*" ], set: { enable_thinking: false } }
 *
 * Edits are of the request as the provider gets it, in its own language. A remedy is what no edit
 * of a text can do; gate/ does it. claude-code-router's transformers are entries too, by their
 * names and with their options (transformers.def): most of them are edits.
 */
#pragma once
#include "conf/secret.h"
#include "json/edit.h"

enum conf_remedy {
    CONF_REMEDY_NONE = 0,
#define REMEDY(bit, id, name, help) CONF_REMEDY_##id = 1u << (bit),
#include "conf/remedies.def"
#undef REMEDY
};

struct conf_header {
    str name;
    struct secret value;
};

struct conf_transform {
    const str *models; /* what the provider calls them; a trailing '*' matches the rest */
    uint32_t nmodels;  /* 0: all */
    unsigned remedies; /* enum conf_remedy */
    const struct json_edit *edits;
    uint32_t nedits;
    const struct conf_header *headers;
    uint32_t nheaders;
};

/* In the order in which they apply. */
struct conf_transforms {
    const struct conf_transform *v;
    uint32_t n;
};

bool conf_transform_is_for(const struct conf_transform *t, str model);

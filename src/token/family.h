/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family - the models that count alike: whose encoding, whose chat template, whose rule for images.
 *
 * One row a family and one a name in families.def, which says what the numbers mean and where they
 * are from. Pure tables.
 */
#pragma once
#include "base/str.h"
#include "token/image.h"

enum token_encoding { TOKEN_O200K, TOKEN_CL100K };
enum token_style { TOKEN_STYLE_TS, TOKEN_STYLE_JSON };

struct token_family {
    str name; /* "gpt4o": for logs and reports */
    enum token_encoding encoding;
    uint16_t text; /* per mille; 0: exact */
    uint16_t base, think, message;
    enum token_style style;
    uint16_t tools, forced, tool, schema;
    uint16_t call, result, parallel;
    uint16_t format;
    enum image_rule image;
    uint16_t page;
};

/* By what providers call it, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"; never NULL. */
const struct token_family *token_family(str model);

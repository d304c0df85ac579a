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
#include "token/pieces.h"
#include "token/sealed.h"

enum token_encoding { TOKEN_O200K, TOKEN_CL100K };
enum token_style { TOKEN_STYLE_TS, TOKEN_STYLE_JSON, TOKEN_STYLE_WORDS };
/* How the model is asked, where that changes what is wrapped around a request. */
enum token_way {
    TOKEN_NATIVE, /* in its maker's own language */
    TOKEN_CHAT,   /* Chat Completions: OpenAI's own, and the one of whoever serves others' models */
    TOKEN_RESPONSES, /* OpenAI's Responses: wraps some things otherwise than Chat */
    TOKEN_VERTEX,    /* Gemini at Vertex: bills the words alone, no template */
};

struct token_family {
    str name; /* "gpt4o": for logs and reports */
    enum token_encoding encoding;
    enum token_pieces pieces;
    uint16_t text; /* per mille; 0: exact */
    uint16_t base, think, message;
    enum token_style style;
    uint16_t tools, forced, tool, schema;
    uint16_t call, result, parallel;
    uint16_t format;
    enum image_rule image;
    uint16_t page;
    uint16_t audio;
    enum seal_maker seal;
};

/* By what providers call it, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"; never NULL. */
const struct token_family *token_family(str model, enum token_way way);

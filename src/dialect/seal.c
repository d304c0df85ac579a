/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.c - the makers and their marks; a mark is the base64 of "maker::", whose length is a
 * multiple of three: so mark and seal together are base64 without a seam, for clients that look at
 * it.
 */
#include "dialect/seal.h"

static const struct {
    str maker, mark;
} makers[] = {
    {STR(SEAL_ANTHROPIC), STR("YW50aHJvcGljLWNsYXVkZS12MTo6")},
    {STR(SEAL_GEMINI), STR("Z29vZ2xlLWdlbWluaS12MTo6")},
    {STR(SEAL_OPENAI), STR("b3BlbmFpLXJlc3BvbnNlcy12MTo6")},
    {STR("xai-responses-v1"), STR("eGFpLXJlc3BvbnNlcy12MTo6")},
};

str seal_mark(jtext format, str own)
{
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (str_eq(format, makers[i].maker) && !str_eq(format, own))
            return makers[i].mark;
    return STR("");
}

str seal_maker(jtext *seal)
{
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (str_has_prefix(*seal, makers[i].mark)) {
            ASSERT(makers[i].mark.n % 4 == 0);
            *seal = str_from(*seal, makers[i].mark.n);
            return makers[i].maker;
        }
    return STR_NONE;
}

bool seal_stands_on(const struct ir_request *r, enum ir_kind kind)
{
    ASSERT(kind == IR_TEXT || kind == IR_TOOL_USE);
    for (const struct ir_message *m = r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            if (b->kind == kind && (kind == IR_TEXT ? b->text.sealed.n : b->use.sealed.n))
                return true;
    return false;
}

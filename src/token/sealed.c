/* SPDX-License-Identifier: Apache-2.0 */
/* sealed - a table of heads and weights; see the header. */
#include "token/sealed.h"

#include "base/check.h"

#define TENTHS 10

/* `head` bytes hold nothing; of the rest, `weight` tenths of a byte are a token. */
static const struct {
    uint16_t head, weight;
} seals[] = {
    [SEAL_NONE] = {0, 0},      [SEAL_OPENAI] = {930, 60}, [SEAL_CLAUDE] = {0, 50},
    [SEAL_GEMINI] = {100, 60}, [SEAL_XAI] = {60, 95},
};

uint64_t sealed_tokens(enum seal_maker maker, str sealed)
{
    ASSERT(maker < ARRAY_LEN(seals));
    uint64_t head = seals[maker].head, weight = seals[maker].weight;

    return sealed.n > head && weight ? (sealed.n - head) * TENTHS / weight : 0;
}

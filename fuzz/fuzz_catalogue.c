/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue is refused with a word, or every name in it is found and every card can be charged.
 */
#include "fuzz.h"

#include "base/check.h"
#include "price/catalogue.h"
#include "price/cost.h"

static void look_up(const struct catalogue *c, struct arena *a, str name)
{
    static const struct usage u = {.input_uncached = 300000,
                                   .cache_read = 7,
                                   .cache_write_5m = 7,
                                   .cache_write_1h = 7,
                                   .output = USAGE_TOKENS_MAX,
                                   .reasoning = 3,
                                   .audio_in = 9,
                                   .image_out = 9,
                                   .searches = 2,
                                   .audio_ms = 1};
    struct card card;
    struct cost cost;
    for (uint32_t i = 0; i < catalogue_providers(c); i++) {
        if (catalogue_find(c, (int)i, name, a, &card) != RC_OK)
            continue;
        CHECK(card.id.n);
        for (uint64_t ms = 0; ms < UINT64_C(4000000000000); ms += UINT64_C(130000000000)) {
            cost_of(card_price(&card, ms), &u, &cost);
            CHECK(cost.usd >= 0);
        }
        arena_reset(a);
    }
    (void)!catalogue_get(c, name, a, &card);
    (void)!catalogue_find_limits(c, name, a, &card);
    arena_reset(a);
}

/* Every quoted text of the input, as a name to look for. */
static void look_up_all(const struct catalogue *c, str text)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned n = 0; text.p && n < 64; n++) {
        str name = str_cut(&text, '"');
        look_up(c, &a, name);
        (void)catalogue_provider_at(c, name);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault = {0};
    str text = str_of((const char *)data, size);
    enum rc rc = catalogue_new(text, false, &c, &fault);
    if (rc != RC_OK) {
        CHECK(!c && fault.rc == rc && fault.text[0]);
        return 0;
    }
    CHECK(catalogue_models(c) > 0 && catalogue_providers(c) > 0);
    look_up_all(c, text);
    catalogue_unref(c);
    return 0;
}

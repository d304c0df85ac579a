/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against FIPS 180-4's examples, HMAC against RFC 4231's, and the comparison. */
#include <stdio.h>

#include "../unit.h"
#include "base/digest.h"

static void expect_hex(const uint8_t got[DIGEST_SHA256], const char *hex)
{
    char text[2 * DIGEST_SHA256 + 1];
    for (size_t i = 0; i < DIGEST_SHA256; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)got[i]);
    assert_string_equal(text, hex);
}

/* Whole, and in two pieces at every place. */
static void expect(str bytes, const char *hex)
{
    uint8_t got[DIGEST_SHA256];
    digest_sha256(bytes, got);
    expect_hex(got, hex);
    for (size_t at = 0; at <= bytes.n; at++) {
        struct digest d;
        digest_begin(&d);
        digest_add(&d, str_head(bytes, at));
        digest_add(&d, str_from(bytes, at));
        digest_end(&d, got);
        expect_hex(got, hex);
    }
}

static void sha256(void **state)
{
    (void)state;
    expect(STR_NONE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac(void **state)
{
    char longer[131], key[20];
    uint8_t got[DIGEST_SHA256];
    (void)state;
    digest_hmac(str_of(memset(key, 0x0b, sizeof key), sizeof key), STR("Hi There"), got);
    expect_hex(got, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac(STR("Jefe"), STR("what do ya want for nothing?"), got);
    expect_hex(got, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    digest_hmac(str_of(memset(longer, 0xaa, sizeof longer), sizeof longer),
                STR("Test Using Larger Than Block-Size Key - Hash Key First"), got);
    expect_hex(got, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_hmac(str_of((const char *)got, sizeof got), STR_NONE, got); /* in place */
    digest_hmac(STR_NONE, STR_NONE, got);
    expect_hex(got, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void comparison(void **state)
{
    (void)state;
    assert_true(digest_eq("abc", "abc", 3));
    assert_false(digest_eq("abc", "abd", 3));
    assert_true(digest_eq("abc", "abd", 2));
    assert_true(digest_eq("a", "b", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256), cmocka_unit_test(hmac),
                                       cmocka_unit_test(comparison)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

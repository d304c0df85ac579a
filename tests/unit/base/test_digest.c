/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against FIPS 180-4's examples, and the comparison. */
#include <stdio.h>

#include "../unit.h"
#include "base/digest.h"

static void expect(str bytes, const char *hex)
{
    uint8_t got[DIGEST_SHA256];
    char text[2 * DIGEST_SHA256 + 1];
    digest_sha256(bytes, got);
    for (size_t i = 0; i < DIGEST_SHA256; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)got[i]);
    assert_string_equal(text, hex);
}

static void sha256(void **state)
{
    (void)state;
    expect(STR_NONE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256), cmocka_unit_test(comparison)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

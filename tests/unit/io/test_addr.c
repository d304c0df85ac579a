/* SPDX-License-Identifier: Apache-2.0 */
/* test_addr - F2: which resolved addresses a client's URL may lead to. Each block is tried at its
 * first and last address, and just outside of it. */
#include "net.h"

#include "io/addr.h"

static void check(const char *text, bool public)
{
    union dns_addr a;
    if (!dns_literal(str_c(text), &a))
        fail_msg("%s is no address", text);
    if (addr_is_public(&a) != public)
        fail_msg("%s: public is %d", text, !public);
}

static void test_F2_addresses_that_are_not_public(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "168.63.129.16",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        /* IPv6: all that is no global unicast, and tunnels within it */
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        check(inside[i], false);
}

static void test_addresses_that_are(void **state)
{
    (void)state;
    static const char *const outside[] = {
        "1.1.1.1",         "9.255.255.255",        "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255",      "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",     "172.15.255.255",       "172.32.0.0",      "192.0.1.0",
        "192.167.255.255", "192.169.0.0",          "198.17.255.255",  "198.20.0.0",
        "168.63.129.15",   "168.63.129.17",        "223.255.255.255", "2000::1",
        "2001:200::1",     "2001:4860:4860::8888", "2003::1",         "2606:4700::1111",
        "3ffe::1",         "3fff:1000::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(outside); i++)
        check(outside[i], true);
}

static void test_no_address_at_all(void **state)
{
    (void)state;
    union dns_addr a = {.any = {.sa_family = AF_UNSPEC}};
    assert_false(addr_is_public(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_F2_addresses_that_are_not_public),
        cmocka_unit_test(test_addresses_that_are),
        cmocka_unit_test(test_no_address_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proto/link/address.h"

#include "proto/link/link_fixture.h"

static void names_and_addresses_are_split_from_their_port(void **state)
{
    (void)state;
    struct address address;
    assert_int_equal(address_split("collector.example.org:9740", &address), 0);
    assert_string_equal(address.host, "collector.example.org");
    assert_int_equal(address.port, 9740);
    assert_int_equal(address_split("[2001:db8::1]:65535", &address), 0);
    assert_string_equal(address.host, "2001:db8::1");
    assert_int_equal(address.port, 65535);
}

static void what_is_not_host_and_port_is_refused_and_leaves_the_result_alone(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",          "host",      ":9740",    "host:",        "host:65536",
                                         "host:-1",   "host:1x",   "host: 1",  "::1:9740",     "[::1]",
                                         "[::1:9740", "[::1]9740", "[]:1",     "a/b:1",        "a;b:1",
                                         "a:1/b",     "tcp://a:1", "a:000001", "[fe80::1%e]:1" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct address address = { .port = 7 };
        assert_int_equal(address_split(wrong[i], &address), -EINVAL);
        assert_int_equal(address.port, 7);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 256, ":1", 3);
    struct address address;
    assert_int_equal(address_split(longest, &address), -EINVAL);
    memcpy(longest + 255, ":1", 3);
    assert_int_equal(address_split(longest, &address), 0);
}

static void only_numeric_addresses_are_numeric(void **state)
{
    (void)state;
    struct sockaddr_storage at;
    assert_int_equal(address_numeric("localhost:1", &at), -EINVAL);
    assert_int_equal(address_numeric("127.0.0.256:1", &at), -EINVAL);
    assert_int_equal(address_numeric("[::g]:1", &at), -EINVAL);
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(address_numeric("192.0.2.7:9740", &at), 0);
    address_write(&at, text);
    assert_string_equal(text, "192.0.2.7:9740");
    assert_int_equal(address_numeric("[2001:db8::7]:80", &at), 0);
    address_write(&at, text);
    assert_string_equal(text, "[2001:db8::7]:80");
}

static void loopback_is_told_from_the_rest(void **state)
{
    (void)state;
    assert_true(address_is_loopback("127.0.0.1:9740"));
    assert_true(address_is_loopback("127.255.0.9:0"));
    assert_true(address_is_loopback("[::1]:9740"));
    assert_true(address_is_loopback("[::ffff:127.0.0.1]:9740"));
    assert_false(address_is_loopback("0.0.0.0:9740"));
    assert_false(address_is_loopback("[::]:9740"));
    assert_false(address_is_loopback("128.0.0.1:9740"));
    assert_false(address_is_loopback("[::ffff:10.0.0.1]:9740"));
    assert_false(address_is_loopback("localhost:9740")); /* a name may mean anything tomorrow */
    assert_false(address_is_loopback("127.0.0.1"));
}

static uint64_t source_of(const char *text)
{
    struct sockaddr_storage address;
    assert_int_equal(address_numeric(text, &address), 0);
    return address_source(&address);
}

static void a_source_is_an_ip4_address_or_the_64_of_an_ip6_address(void **state)
{
    (void)state;
    assert_int_equal(source_of("192.0.2.1:9740"), source_of("192.0.2.1:40000"));
    assert_int_not_equal(source_of("192.0.2.1:9740"), source_of("192.0.2.2:9740"));
    assert_int_equal(source_of("[::ffff:192.0.2.1]:9740"), source_of("192.0.2.1:9740"));
    assert_int_equal(source_of("[2001:db8:0:7::1]:1"), source_of("[2001:db8:0:7:ffff::2]:1"));
    assert_int_not_equal(source_of("[2001:db8:0:7::1]:1"), source_of("[2001:db8:0:8::1]:1"));
    assert_int_not_equal(source_of("[::1]:1"), source_of("0.0.0.1:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses_are_split_from_their_port),
        cmocka_unit_test(what_is_not_host_and_port_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(only_numeric_addresses_are_numeric),
        cmocka_unit_test(loopback_is_told_from_the_rest),
        cmocka_unit_test(a_source_is_an_ip4_address_or_the_64_of_an_ip6_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "collector/ingest/keyring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct keyring *ring;
    if (keyring_new(&ring, NULL) < 0)
        return -1;
    *state = ring;
    return 0;
}

static int teardown(void **state)
{
    keyring_free(*state);
    return 0;
}

static struct host_key key_of(uint8_t n, uint64_t host, enum key_state key_state)
{
    return (struct host_key){ .key = { n }, .host = host, .state = key_state, .since_us = n };
}

static void put(struct keyring *ring, uint8_t n, uint64_t host, enum key_state key_state)
{
    struct host_key row = key_of(n, host, key_state);
    assert_int_equal(keyring_put_key(ring, &row), 0);
}

static size_t count_keys(const struct keyring *ring, uint64_t host)
{
    size_t n = 0;
    for (const struct host_key *key = NULL; (key = keyring_next_key(ring, host, key));)
        n++;
    return n;
}

static void a_key_leads_to_its_host(void **state)
{
    struct keyring *ring = *state;
    put(ring, 1, 7, KEY_ACTIVE);
    put(ring, 2, 8, KEY_ACTIVE);
    struct host_key asked = key_of(2, 0, KEY_ACTIVE);
    assert_int_equal(keyring_key(ring, asked.key)->host, 8);
    asked.key[31] = 1;
    assert_null(keyring_key(ring, asked.key));
}

static void a_host_has_one_active_key(void **state)
{
    struct keyring *ring = *state;
    put(ring, 1, 7, KEY_ACTIVE);
    struct host_key second = key_of(2, 7, KEY_ACTIVE);
    assert_int_equal(keyring_put_key(ring, &second), -EEXIST);
    assert_null(keyring_key(ring, second.key));
    put(ring, 1, 7, KEY_REPLACED);
    put(ring, 2, 7, KEY_ACTIVE);
    assert_int_equal(count_keys(ring, 7), 2);
    assert_int_equal(keyring_next_key(ring, 7, NULL)->state, KEY_ACTIVE); /* the newest first */
}

static void a_key_never_changes_its_host(void **state)
{
    struct keyring *ring = *state;
    put(ring, 1, 7, KEY_REVOKED);
    struct host_key theirs = key_of(1, 8, KEY_ACTIVE);
    assert_int_equal(keyring_put_key(ring, &theirs), -EEXIST);
    assert_int_equal(keyring_key(ring, theirs.key)->host, 7);
}

static void of_many_keys_the_oldest_that_is_not_active_gives_way(void **state)
{
    struct keyring *ring = *state;
    put(ring, 1, 7, KEY_ACTIVE);
    for (int n = 2; n < KEYS_PER_HOST_MAX; n++)
        put(ring, (uint8_t)n, 7, KEY_REPLACED);
    assert_null(keyring_crowded_out(ring, 7));
    put(ring, KEYS_PER_HOST_MAX, 7, KEY_REVOKED);
    const struct host_key *oldest = keyring_crowded_out(ring, 7);
    assert_int_equal(oldest->key[0], 2);
    struct host_key gone = *oldest;
    keyring_drop_key(ring, gone.key);
    assert_null(keyring_key(ring, gone.key));
    assert_null(keyring_crowded_out(ring, 7));
    assert_int_equal(count_keys(ring, 7), KEYS_PER_HOST_MAX - 1);
}

static void a_host_has_one_invitation(void **state)
{
    struct keyring *ring = *state;
    struct token first = { .hash = { 1 }, .tenant = 1, .host = 7, .uses_left = 1 };
    struct token second = { .hash = { 2 }, .tenant = 1, .host = 7, .uses_left = 1 };
    assert_int_equal(keyring_put_token(ring, &first, NULL), 0);
    assert_int_equal(keyring_put_token(ring, &second, NULL), -EEXIST);
    assert_memory_equal(keyring_token_for(ring, 7)->hash, first.hash, sizeof first.hash);
    keyring_drop_token(ring, first.hash);
    assert_null(keyring_token(ring, first.hash));
    assert_null(keyring_token_for(ring, 7));
    assert_int_equal(keyring_put_token(ring, &second, NULL), 0);
    assert_int_equal(keyring_token_for(ring, 7)->hash[0], 2);
}

static void an_invitation_for_whoever_comes_is_no_hosts(void **state)
{
    struct keyring *ring = *state;
    struct token row = { .hash = { 1 }, .tenant = 1, .group = "web", .uses_left = 3 };
    assert_int_equal(keyring_put_token(ring, &row, NULL), 0);
    row.uses_left = 2;
    assert_int_equal(keyring_put_token(ring, &row, NULL), 0);
    assert_int_equal(keyring_token(ring, row.hash)->uses_left, 2);
    assert_null(keyring_token_for(ring, 0));
    assert_null(keyring_next_token(ring, keyring_next_token(ring, NULL)));
}

static void there_are_so_many_invitations_and_no_more(void **state)
{
    struct keyring *ring = *state;
    struct token row = { .tenant = 1, .uses_left = 1 };
    struct err err;
    for (uint32_t n = 0; n < TOKENS_MAX; n++) {
        memcpy(row.hash, &n, sizeof n);
        assert_int_equal(keyring_put_token(ring, &row, NULL), 0);
    }
    row.hash[31] = 1;
    assert_int_equal(keyring_put_token(ring, &row, &err), -ENOSPC);
    keyring_drop_token(ring, keyring_next_token(ring, NULL)->hash);
    assert_int_equal(keyring_put_token(ring, &row, &err), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_leads_to_its_host, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_has_one_active_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_never_changes_its_host, setup, teardown),
        cmocka_unit_test_setup_teardown(of_many_keys_the_oldest_that_is_not_active_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_has_one_invitation, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invitation_for_whoever_comes_is_no_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(there_are_so_many_invitations_and_no_more, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

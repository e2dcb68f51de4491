/* Who is let in: keys and invitations, and that an enrolment is on disk before it is said. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <string.h>

#include "collector/parts.h"

#define REGISTRY_FILE "registry.db"

static const struct host *host_named(const struct fixture *f, const char *name)
{
    const struct host *row;
    assert_int_equal(fleet_find_host(collector_fleet(f->collector), f->tenant, name, &row, NULL), 0);
    return row;
}

static void draw(struct key_pair *key)
{
    assert_int_equal(key_pair_draw(key, NULL), 0);
}

/* ---- keys ---- */

static void a_strangers_key_is_refused(void **state)
{
    struct fixture *f = *state;
    join_agent(f, f->host, 1);
    struct agent *stranger = connect_stranger(f, f->host);
    const struct reply *reply = hello(stranger);
    assert_int_equal(reply->envelope.kind, ENVELOPE_HANDSHAKE);
    assert_refused(reply, REFUSAL_UNKNOWN_HOST);
    assert_non_null(strstr(reply->answer.text, "warroom host enroll"));
    assert_int_equal(status_of(f).refused[REFUSAL_UNKNOWN_HOST], 1);
    assert_int_equal(REPORT(stranger, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
}

static void another_hosts_id_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t other = add_host(f, f->tenant, "web-2");
    struct agent *agent = connect_with(f, key_of(f, f->host), other, 1);
    const struct reply *reply = hello(agent);
    assert_refused(reply, REFUSAL_UNKNOWN_HOST);
    assert_non_null(strstr(reply->answer.text, "not that of this key"));
    assert_int_equal(REPORT(agent, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
}

static void a_key_alone_says_which_host_it_is(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = connect_with(f, key_of(f, f->host), 0, 1);
    const struct answer *welcome = &hello(agent)->answer;
    assert_int_equal(welcome->kind, ANSWER_WELCOME);
    assert_int_equal(welcome->host, f->host);
    assert_string_equal(welcome->name, "web-1");
    assert_string_equal(welcome->tenant, "acme");
    assert_stored(REPORT(agent, .first = 1), 1, 1);
}

static void keys_are_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    join_agent(f, f->host, 1);
    restart_collector(f);
    assert_int_equal(admission(f, f->host), ADMISSION_JOINED);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
}

/* ---- invitations ---- */

static void an_invitation_lets_its_host_join(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(admission(f, f->host), ADMISSION_NONE);
    struct invite invite = invite_host(f, f->host);
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
    struct agent *agent = connect_stranger(f, 0);
    const struct answer *welcome = &join(agent, &invite)->answer;
    assert_int_equal(welcome->kind, ANSWER_WELCOME);
    assert_int_equal(welcome->host, f->host);
    assert_string_equal(welcome->name, "web-1");
    assert_string_equal(welcome->tenant, "acme");
    assert_int_equal(admission(f, f->host), ADMISSION_JOINED);
    assert_stored(REPORT(agent, .first = 1), 1, 1); /* on the same connection, if it likes */
}

static void an_invitation_names_where_we_listen_and_our_key(void **state)
{
    struct fixture *f = *state;
    char want[32];
    struct invite invite = invite_host(f, f->host);
    snprintf(want, sizeof want, "127.0.0.1:%u", status_of(f).port);
    assert_int_equal(invite.n_addresses, 1);
    assert_string_equal(invite.addresses[0], want);
    assert_memory_equal(invite.collector, f->collector->key.public_key.bytes, KEY_BYTES);
    assert_int_equal(invite.expires_us, collector_now_us(f->collector) + 3600 * US_PER_S);
    const char *public[] = { "warroom.example.com:9740", "[2001:db8::1]:9740" };
    f->config.public = (struct config_texts){ .n = 2, .at = public };
    invite = invite_host(f, f->host);
    assert_int_equal(invite.n_addresses, 2);
    assert_string_equal(invite.addresses[1], public[1]);
}

static void an_invitation_that_makes_no_sense_is_refused(void **state)
{
    struct fixture *f = *state;
    struct invite invite;
    const struct {
        struct host_invite of;
        int code;
    } cases[] = {
        { { .host = f->host ^ 1, .uses = 1, .within_us = 1 }, -ENOENT },
        { { .tenant = f->tenant + 1, .uses = 1, .within_us = 1 }, -ENOENT },
        { { .tenant = f->tenant, .uses = 0, .within_us = 1 }, -EINVAL },
        { { .tenant = f->tenant, .uses = INVITE_USES_MAX + 1, .within_us = 1 }, -EINVAL },
        { { .host = f->host, .uses = 2, .within_us = 1 }, -EINVAL },
        { { .host = f->host, .uses = 1, .within_us = 0 }, -EINVAL },
        { { .host = f->host, .uses = 1, .within_us = INVITE_WITHIN_MAX_US + 1 }, -EINVAL },
        { { .tenant = f->tenant, .uses = 1, .within_us = 1, .group = "a group" }, -EINVAL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->err.text[0] = '\0';
        assert_int_equal(collector_invite(f->collector, &cases[i].of, &invite, &f->err), cases[i].code);
        assert_int_not_equal(f->err.text[0], '\0');
    }
    assert_null(keyring_next_token(f->collector->keyring, NULL));
}

static void an_invitation_used_twice_by_one_key_is_fine(void **state)
{
    struct fixture *f = *state;
    struct key_pair key;
    draw(&key);
    struct invite invite = invite_host(f, f->host);
    assert_int_equal(join(connect_with(f, &key, 0, 1), &invite)->answer.kind, ANSWER_WELCOME);
    const struct answer *again = &join(connect_with(f, &key, 0, 1), &invite)->answer;
    assert_int_equal(again->kind, ANSWER_WELCOME);
    assert_int_equal(again->host, f->host);
}

static void an_invitation_used_by_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    struct agent *agent = connect_stranger(f, 0);
    assert_int_equal(join(agent, &invite)->answer.kind, ANSWER_WELCOME);
    const struct reply *reply = join(connect_stranger(f, 0), &invite);
    assert_refused(reply, REFUSAL_TOKEN);
    assert_non_null(strstr(reply->answer.text, "warroom host enroll"));
    assert_stored(REPORT(agent, .first = 1), 1, 1); /* the first one stays */
}

static void an_invitation_that_nobody_made_is_refused(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    invite.token[TOKEN_BYTES - 1] ^= 1;
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
}

static void an_invitation_does_not_make_one_another_host(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    assert_refused(join(connect_stranger(f, f->host), &invite), REFUSAL_UNKNOWN_HOST); /* whoever joins has no id yet */
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
}

static void an_invitation_expires(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    pass(f, 3599);
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
    clock_fake_pass(&f->fake, NS_PER_S); /* the second has not come round yet */
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
    collector_tick(f->collector);
    assert_int_equal(admission(f, f->host), ADMISSION_NONE);
    restart_collector(f);
    assert_int_equal(admission(f, f->host), ADMISSION_NONE); /* it is gone from the registry too */
}

static void an_invitation_is_void_when_its_host_gets_another_one(void **state)
{
    struct fixture *f = *state;
    struct invite first = invite_host(f, f->host);
    struct invite second = invite_host(f, f->host);
    assert_refused(join(connect_stranger(f, 0), &first), REFUSAL_TOKEN);
    assert_int_equal(join(connect_stranger(f, 0), &second)->answer.kind, ANSWER_WELCOME);
}

static void an_invitation_outlives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.kind, ANSWER_WELCOME);
}

static void an_invitation_for_many_makes_so_many_hosts(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_hosts(f, "web", 2);
    const struct reply *first = join(connect_stranger(f, 0), &invite);
    assert_int_equal(first->answer.kind, ANSWER_WELCOME);
    assert_string_equal(first->answer.name, "web-1-2"); /* web-1 is what it calls itself, and is taken */
    restart_collector(f);                               /* one use is left, here too */
    const struct reply *second = join(connect_stranger(f, 0), &invite);
    assert_string_equal(second->answer.name, "web-1-3");
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
    assert_string_equal(host_named(f, "web-1-2")->group, "web");
    assert_int_equal(host_named(f, "web-1-3")->id, second->answer.host);
    restart_collector(f);
    assert_int_equal(admission(f, host_named(f, "web-1-2")->id), ADMISSION_JOINED);
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
}

static void a_key_that_has_joined_uses_up_no_other_invitation(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_hosts(f, NULL, 1);
    assert_int_equal(join(connect_agent(f, f->host, 1), &invite)->answer.host, f->host);
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.kind, ANSWER_WELCOME);
    assert_string_equal(host_named(f, "web-1-2")->group, "web-1-2");
}

static void nothing_of_a_token_is_left_in_the_memory_of_messages(void **state)
{
    struct fixture *f = *state;
    enum { LOOKED_AT = 2048 };
    struct invite invite = invite_host(f, f->host);
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.kind, ANSWER_WELCOME);
    arena_reset(&f->collector->arena);
    const void *left = arena_room(&f->collector->arena, 1, LOOKED_AT); /* as the last message left it */
    assert_non_null(left);
    assert_null(memmem(left, LOOKED_AT, invite.token, TOKEN_BYTES));
}

/* ---- on disk first ---- */

static void an_enrolment_is_on_disk_before_it_is_said(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    restart_collector(f); /* the invitation is on disk */
    struct agent *agent = connect_stranger(f, 0);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    unsigned sent = send_join(agent, &invite);
    run_until_failed(f);
    assert_false(has_reply(agent, sent));
    heal_disk();
    assert_int_equal(wait_reply(agent, sent)->answer.kind, ANSWER_WELCOME);
}

static void an_agent_that_asks_again_while_the_disk_is_slow_waits_for_the_same(void **state)
{
    struct fixture *f = *state;
    struct key_pair key;
    draw(&key);
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    struct agent *first = connect_with(f, &key, 0, 1);
    struct agent *second = connect_with(f, &key, 0, 1);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    send_join(first, &invite);
    run_until_failed(f);
    close_agent(first);
    unsigned sent = send_join(second, &invite);
    run_until_failed(f);
    assert_false(has_reply(second, sent));
    heal_disk();
    assert_int_equal(wait_reply(second, sent)->answer.host, f->host);
    assert_stored(REPORT(second, .first = 1), 1, 1);
}

static void an_agent_that_shakes_hands_anew_meanwhile_is_answered_that(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    struct agent *agent = connect_stranger(f, 0);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    unsigned first = send_join(agent, &invite);
    run_until_failed(f);
    unsigned second = send_join(agent, &invite);
    assert_int_equal(wait_reply(agent, first)->envelope.kind, ENVELOPE_NO_SESSION);
    heal_disk();
    assert_int_equal(wait_reply(agent, second)->answer.kind, ANSWER_WELCOME);
}

static void a_key_that_is_another_hosts_by_then_is_not_welcomed_as_the_one_it_was(void **state)
{
    struct fixture *f = *state;
    struct key_pair key;
    draw(&key);
    uint64_t other = add_host(f, f->tenant, "web-2");
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    struct agent *agent = connect_with(f, &key, 0, 1);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    unsigned sent = send_join(agent, &invite);
    run_until_failed(f);
    struct host_key row = *keyring_key(f->collector->keyring, key.public_key.bytes);
    keyring_drop_key(f->collector->keyring, row.key); /* four others have joined as web-1, and it as web-2 */
    row.host = other;
    assert_int_equal(keyring_put_key(f->collector->keyring, &row), 0);
    heal_disk();
    assert_int_equal(wait_reply(agent, sent)->answer.kind, ANSWER_BUSY);
    assert_int_equal(hello(agent)->answer.host, other);
}

static void an_agent_whose_welcome_was_lost_gets_in_by_the_same_invitation(void **state)
{
    struct fixture *f = *state;
    struct key_pair key;
    draw(&key);
    struct invite invite = invite_host(f, f->host);
    struct agent *agent = connect_with(f, &key, 0, 1);
    send_join(agent, &invite);
    RUN_UNTIL(f, admission(f, f->host) == ADMISSION_JOINED);
    close_agent(agent);
    restart_collector(f); /* it is on disk, and nobody was told */
    const struct reply *reply = join(connect_with(f, &key, 0, 1), &invite);
    assert_int_equal(reply->answer.kind, ANSWER_WELCOME);
    assert_int_equal(reply->answer.host, f->host);
}

static void an_enrolment_that_did_not_get_to_the_disk_is_done_again(void **state)
{
    struct fixture *f = *state;
    struct key_pair key;
    draw(&key);
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    struct agent *agent = connect_with(f, &key, 0, 1);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    send_join(agent, &invite);
    run_until_failed(f);
    close_collector(f);
    heal_disk();
    open_collector(f);
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
    assert_int_equal(join(connect_with(f, &key, 0, 1), &invite)->answer.host, f->host);
}

static void while_the_registry_is_at_fault_who_joins_is_put_off(void **state)
{
    struct fixture *f = *state;
    uint64_t other = add_host(f, f->tenant, "web-2");
    struct invite invite = invite_host(f, f->host);
    struct invite others = invite_host(f, other);
    restart_collector(f);
    struct agent *waits = connect_stranger(f, 0);
    struct agent *late = connect_stranger(f, 0);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    unsigned sent = send_join(waits, &invite);
    run_until_failed(f);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    assert_int_equal(wait_reply(waits, sent)->answer.kind, ANSWER_BUSY);
    assert_int_equal(join(late, &others)->answer.kind, ANSWER_BUSY);
    assert_int_equal(admission(f, other), ADMISSION_INVITED);
    heal_disk();
    RUN_UNTIL(f, !store_fault(collector_store(f->collector), STORE_REGISTRY, 0));
    assert_int_equal(join(waits, &invite)->answer.host, f->host); /* its key was kept in memory */
    assert_int_equal(join(late, &others)->answer.host, other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_strangers_key_is_refused),
        COLLECTOR_TEST(another_hosts_id_is_refused),
        COLLECTOR_TEST(a_key_alone_says_which_host_it_is),
        COLLECTOR_TEST(keys_are_known_after_a_restart),
        COLLECTOR_TEST(an_invitation_lets_its_host_join),
        COLLECTOR_TEST(an_invitation_names_where_we_listen_and_our_key),
        COLLECTOR_TEST(an_invitation_that_makes_no_sense_is_refused),
        COLLECTOR_TEST(an_invitation_used_twice_by_one_key_is_fine),
        COLLECTOR_TEST(an_invitation_used_by_another_key_is_refused),
        COLLECTOR_TEST(an_invitation_that_nobody_made_is_refused),
        COLLECTOR_TEST(an_invitation_does_not_make_one_another_host),
        COLLECTOR_TEST(an_invitation_expires),
        COLLECTOR_TEST(an_invitation_is_void_when_its_host_gets_another_one),
        COLLECTOR_TEST(an_invitation_outlives_a_restart),
        COLLECTOR_TEST(an_invitation_for_many_makes_so_many_hosts),
        COLLECTOR_TEST(a_key_that_has_joined_uses_up_no_other_invitation),
        COLLECTOR_TEST(nothing_of_a_token_is_left_in_the_memory_of_messages),
        COLLECTOR_TEST(an_enrolment_is_on_disk_before_it_is_said),
        COLLECTOR_TEST(an_agent_that_asks_again_while_the_disk_is_slow_waits_for_the_same),
        COLLECTOR_TEST(an_agent_that_shakes_hands_anew_meanwhile_is_answered_that),
        COLLECTOR_TEST(a_key_that_is_another_hosts_by_then_is_not_welcomed_as_the_one_it_was),
        COLLECTOR_TEST(an_agent_whose_welcome_was_lost_gets_in_by_the_same_invitation),
        COLLECTOR_TEST(an_enrolment_that_did_not_get_to_the_disk_is_done_again),
        COLLECTOR_TEST(while_the_registry_is_at_fault_who_joins_is_put_off),
    };
    return cmocka_run_group_tests_name("collector.core.enrol", tests, NULL, NULL);
}

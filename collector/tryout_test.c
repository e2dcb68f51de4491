/* A contact's ways, tried: what comes back by each, what is on record of it, and how often it may be asked for. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <string.h>

#include "collector/parts.h"

static char good[64], bad[64], mute[64];
static struct channel_config channels[] = {
    { .name = "good", .kind = CHANNEL_WEBHOOK, .url = good },
    { .name = "bad", .kind = CHANNEL_WEBHOOK, .url = bad },
    { .name = "mute", .kind = CHANNEL_WEBHOOK, .url = mute },
    { .name = "slow", .kind = CHANNEL_WEBHOOK, .url = good, .per_minute = 1 },
};
static struct way_config alices[] = { { .channel = "good" }, { .channel = "bad" } };
static struct way_config bobs[] = { { .channel = "mute" } };
static struct way_config carols[] = { { .channel = "slow" } };
static struct contact_config contacts[] = {
    { .name = "alice", .ways = { .n = 2, .at = alices } },
    { .name = "bob", .ways = { .n = 1, .at = bobs } },
    { .name = "carol", .tenant = "acme", .language = LANGUAGE_ZH, .ways = { .n = 1, .at = carols } },
};

struct heard {
    unsigned times, forgotten;
    struct collector_tryout last;
};

static void hear(void *user, const struct collector_tryout *result)
{
    struct heard *heard = user;
    heard->times++;
    heard->forgotten += !result;
    if (result)
        heard->last = *result;
}

static void tell_people(struct fixture *f)
{
    unsigned port = receiver_port(f->receiver);
    snprintf(good, sizeof good, "http://127.0.0.1:%u/ok", port);
    snprintf(bad, sizeof bad, "http://127.0.0.1:%u/no-such-path", port);
    snprintf(mute, sizeof mute, "http://127.0.0.1:%u/mute", port);
    f->config.people =
        (struct people_config){ .channels = { .n = 4, .at = channels }, .contacts = { .n = 3, .at = contacts } };
    restart_collector(f);
}

static int ask(struct fixture *f, const char *contact, struct heard *heard)
{
    return collector_try_contact(f->collector, contact, "lin", hear, heard, &f->err);
}

static void each_way_is_tried_and_what_came_back_is_told_and_on_record(void **state)
{
    struct fixture *f = *state;
    struct heard heard = { .times = 0 };
    struct recorded entry;
    tell_people(f);
    assert_int_equal(ask(f, "alice", &heard), 0);
    RUN_UNTIL(f, heard.times == 1);
    assert_int_equal(heard.last.n, 2);
    assert_string_equal(heard.last.ways[0].way.channel, "good");
    assert_true(heard.last.ways[0].outcome.delivered);
    assert_false(heard.last.ways[1].outcome.delivered);
    assert_int_equal(heard.last.ways[1].outcome.status, 404);
    assert_int_equal(heard.last.tenant, TENANT_RESERVED);
    assert_int_equal(read_record(f, TENANT_RESERVED, "contact", &entry, 1), 1);
    assert_string_equal(entry.actor, "lin");
    assert_string_equal(entry.what, "tested");
    assert_non_null(strstr(entry.body, "\"contact\":\"alice\""));
    assert_non_null(strstr(entry.body, "\"channel\":\"bad\""));
    assert_non_null(strstr(entry.body, "\"status\":404,\"took_us\":"));
    assert_true(was_logged(f, "event=contact_tested contact=alice by=lin ways=2 delivered=1"));
}

static void it_says_that_it_is_a_test_in_the_contacts_language(void **state)
{
    struct fixture *f = *state;
    struct heard heard = { .times = 0 };
    struct recorded entry;
    tell_people(f);
    assert_int_equal(ask(f, "carol", &heard), 0);
    RUN_UNTIL(f, heard.times == 1);
    assert_true(page_says(f, "lin 正在测试 carol 能否通过 slow 收到通知。"));
    assert_true(page_says(f, "{}:{test}"));
    assert_int_equal(read_record(f, f->tenant, "contact", &entry, 1), 1); /* she hears of that tenant alone */
}

static void it_counts_in_the_minute_of_its_channel_and_waits_for_none(void **state)
{
    struct fixture *f = *state;
    struct heard heard = { .times = 0 };
    tell_people(f);
    assert_int_equal(ask(f, "carol", &heard), 0);
    RUN_UNTIL(f, heard.times == 1);
    assert_int_equal(ask(f, "carol", &heard), 0);
    assert_int_equal(heard.times, 2); /* at once: nothing went out */
    assert_false(heard.last.ways[0].outcome.delivered);
    assert_non_null(strstr(heard.last.ways[0].outcome.error, "not sent: slow takes no message now"));
    assert_int_equal(receiver_requests(f->receiver), 1);
    pass(f, 120); /* a minute, and as long as its answer may have taken */
    assert_int_equal(ask(f, "carol", &heard), 0);
    RUN_UNTIL(f, heard.times == 3);
    assert_true(heard.last.ways[0].outcome.delivered);
}

static void a_channel_that_asks_to_be_left_alone_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct heard heard = { .times = 0 };
    tell_people(f);
    snprintf(good, sizeof good, "http://127.0.0.1:%u/busy", receiver_port(f->receiver));
    assert_int_equal(ask(f, "alice", &heard), 0);
    RUN_UNTIL(f, heard.times == 1);
    assert_int_equal(heard.last.ways[0].outcome.status, 429);
    assert_int_equal(ask(f, "alice", &heard), 0);
    RUN_UNTIL(f, heard.times == 2);
    assert_non_null(strstr(heard.last.ways[0].outcome.error, "not sent: good takes no message now"));
    pass(f, 60);
    assert_int_equal(ask(f, "alice", &heard), 0);
    RUN_UNTIL(f, heard.times == 3);
    assert_int_equal(heard.last.ways[0].outcome.status, 429); /* it was asked again */
}

static void one_contact_is_tested_once_at_a_time_and_not_many_in_a_minute(void **state)
{
    struct fixture *f = *state;
    struct heard bob = { .times = 0 }, alice = { .times = 0 };
    tell_people(f);
    assert_int_equal(ask(f, "dora", &bob), -ENOENT);
    assert_int_equal(ask(f, "bob", &bob), 0);
    assert_int_equal(ask(f, "bob", &bob), -EBUSY);
    assert_string_equal(f->err.text, "bob is being tested already");
    int asked = 1;
    for (unsigned i = 0; ask(f, "alice", &alice) == 0; i++, asked++)
        RUN_UNTIL(f, alice.times == i + 1);
    assert_int_equal(asked, 6);
    assert_non_null(strstr(f->err.text, "6 contacts a minute are tested at most"));
    pass(f, 60);
    assert_int_equal(ask(f, "alice", &alice), 0);
    RUN_UNTIL(f, alice.times == (unsigned)asked);
    assert_int_equal(bob.times, 0);
    close_collector(f);
    assert_int_equal(bob.forgotten, 1);
    assert_int_equal(bob.times, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(each_way_is_tried_and_what_came_back_is_told_and_on_record),
        COLLECTOR_TEST(it_says_that_it_is_a_test_in_the_contacts_language),
        COLLECTOR_TEST(it_counts_in_the_minute_of_its_channel_and_waits_for_none),
        COLLECTOR_TEST(a_channel_that_asks_to_be_left_alone_is_left_alone),
        COLLECTOR_TEST(one_contact_is_tested_once_at_a_time_and_not_many_in_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The start: what was under way goes on, and nobody is told twice. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/parts.h"

#define BAD  1.0 /* shares of the CPU */
#define GOOD 0.1

/* ---- starting at all ---- */

static void print_key(const struct fixture *f, char text[KEY_TEXT + 1])
{
    struct key_pair key;
    assert_int_equal(key_file_read(&key, f->key, NULL), 0);
    public_key_print(text, &key.public_key);
    key_pair_done(&key);
}

static void the_key_is_made_at_the_first_start_and_stays(void **state)
{
    struct fixture *f = *state;
    char before[KEY_TEXT + 1], after[KEY_TEXT + 1];
    assert_true(was_logged(f, "event=collector_key_made"));
    print_key(f, before);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    restart_collector(f);
    print_key(f, after);
    assert_string_equal(after, before);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 2), 1, 2);
}

static void a_key_that_others_may_read_keeps_the_collector_from_starting(void **state)
{
    struct fixture *f = *state;
    struct collector *none = NULL;
    struct collector_listener nobody = { .happened = NULL };
    close_collector(f);
    assert_int_equal(chmod(f->key, 0640), 0);
    assert_int_equal(collector_open(&none, &f->loop, &f->config, &f->clock, &f->log, nobody, &f->err), -EPERM);
    assert_null(none);
    assert_non_null(strstr(f->err.text, "chmod 600"));
    uv_run(&f->loop, UV_RUN_DEFAULT); /* what had been opened closes */
    assert_int_equal(chmod(f->key, 0600), 0);
    open_collector(f);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
}

static void a_key_that_is_gone_is_made_anew_and_said(void **state)
{
    struct fixture *f = *state;
    join_agent(f, f->host, 1);
    close_collector(f);
    assert_int_equal(unlink(f->key), 0);
    open_collector(f);
    assert_true(was_logged(f, "level=error event=collector_key_made"));
    assert_int_equal(hello(connect_agent(f, f->host, 1))->answer.kind, ANSWER_WELCOME); /* who knows the new one */
}

static void a_second_collector_does_not_get_the_same_store(void **state)
{
    struct fixture *f = *state;
    struct collector *none = NULL;
    struct collector_listener nobody = { .happened = NULL };
    assert_int_equal(collector_open(&none, &f->loop, &f->config, &f->clock, &f->log, nobody, &f->err), -EBUSY);
    assert_null(none);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1); /* the first one works on */
}

static void tenants_hosts_and_events_are_there_again(void **state)
{
    struct fixture *f = *state;
    uint64_t event = start_event(f, "sale");
    restart_collector(f);
    const struct host *host = fleet_host(collector_fleet(f->collector), f->host);
    assert_non_null(host);
    assert_int_equal(host->tenant, f->tenant);
    assert_string_equal(host->name, "web-1");
    assert_string_equal(fleet_tenant(collector_fleet(f->collector), f->tenant)->name, "acme");
    assert_int_equal(collector_event(f->collector, event)->state, EVENT_LIVE);
    assert_int_equal(hello(connect_agent(f, f->host, 1))->answer.policy.interval_us, US_PER_S);
    assert_true(add_tenant(f, "globex") > f->tenant); /* ids go on */
}

static void a_host_that_reported_before_is_no_stranger(void **state)
{
    struct fixture *f = *state;
    struct host_view view;
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.presence, HOST_NEVER);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    restart_collector(f);
    collector_host_view(f->collector, f->host, &view);
    assert_int_not_equal(view.presence, HOST_NEVER);
    assert_int_equal(view.last_tick_us, collector_now_us(f->collector));
}

/* ---- judging again ---- */

static void a_new_rule_sees_the_stored_ticks_of_its_hold_as_pending(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = GOOD), 1, 1);
    pass(f, 10);
    int64_t crossed_us = collector_now_us(f->collector);
    for (uint64_t n = 2; n <= 5; n++) {
        REPORT(agent, .first = n, .cpu = BAD);
        pass(f, 10);
    }
    add_rule(f, "cpu-high", CPU, 0.9, 40);
    restart_collector(f);
    assert_int_equal(status_of(f).pending, 1);
    assert_int_equal(pages_out(f), 0);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 6, .cpu = BAD), 1, 6);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->crossed_us, crossed_us);
}

static void a_new_rule_whose_hold_is_long_full_waits_for_a_new_tick_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= 5; n++) {
        REPORT(agent, .first = n, .cpu = BAD);
        pass(f, 10);
    }
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    add_rule(f, "cpu-high-for-20s", CPU, 0.9, 20);
    restart_collector(f);
    pass(f, 5);
    assert_int_equal(status_of(f).firing, 0);
    assert_int_equal(pages_out(f), 0);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 6, .cpu = GOOD), 1, 6); /* it went by */
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(status_of(f).pending, 0);
}

static void a_pending_alert_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-high", CPU, 0.9, 30);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    int64_t crossed_us = collector_now_us(f->collector);
    REPORT(agent, .first = 1, .cpu = BAD);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = BAD);
    restart_collector(f);
    assert_int_equal(status_of(f).pending, 1);
    pass(f, 20);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 3, .cpu = BAD), 1, 3);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->crossed_us, crossed_us);
}

static void nothing_stored_pages_again(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= 3; n++) {
        REPORT(agent, .first = n, .cpu = BAD);
        assert_int_equal(pages_out(f), 1);
        pass(f, 10);
    }
    restart_collector(f);
    assert_int_equal(status_of(f).firing, 1);
    pass(f, 5);
    assert_int_equal(pages_out(f), 1);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 3, .cpu = BAD), 1, 3);
    assert_stored(REPORT(agent, .first = 4, .cpu = BAD), 1, 4);
    assert_int_equal(pages_out(f), 1);
    pass(f, 10);
    assert_stored(REPORT(agent, .first = 5, .cpu = GOOD), 1, 5); /* whom it was told hears of the end */
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"status\":\"resolved\""));
}

static void an_alert_whose_rule_is_gone_since_ends(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    close_collector(f);
    f->config.n_rules = 0;
    open_collector(f);
    assert_int_equal(status_of(f).firing, 0);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    restart_collector(f);
    assert_int_equal(pages_out(f), 2);
}

/* ---- pages ---- */

static void add_attempts(void *user, const struct page *page)
{
    *(unsigned *)user += page->attempts;
}

static void a_page_without_a_result_goes_again_as_a_possible_copy_under_the_same_key(void **state)
{
    struct fixture *f = *state;
    static const char header[] = "Idempotency-Key: ";
    char key[128] = "";
    unsigned attempts = 0;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    f->config.webhooks.n = 0;
    add_webhook(f, "duty", "/mute", NULL);
    restart_collector(f);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = BAD), 1, 1);
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    assert_true(page_says(f, "\"possible_copy\":\"false\""));
    const char *found = strstr(receiver_last(f->receiver), header);
    assert_non_null(found);
    strncpy(key, found, strcspn(found, "\r"));
    close_collector(f);
    f->config.webhooks.n = 0;
    add_webhook(f, "duty", "/ok", NULL);
    open_collector(f);
    pass(f, 1); /* with the first tick */
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"possible_copy\":\"true\""));
    assert_true(page_says(f, key));
    assert_int_equal(status_of(f).pages_delivered, 1);
    pager_each_page(f->collector->pager, 1, add_attempts, &attempts);
    assert_int_equal(attempts, 2); /* the first was on disk as it went */
}

static void ids_go_on(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = BAD);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = GOOD);
    assert_int_equal(pages_out(f), 2);
    restart_collector(f);
    pass(f, 10);
    REPORT(join_agent(f, f->host, 1), .first = 3, .cpu = BAD);
    assert_int_equal(pages_out(f), 3);
    assert_true(incident(f, 1)->state == INCIDENT_TRIGGERED && incident(f, 1)->clock == 2); /* it is back */
    REPORT(join_agent(f, add_host(f, f->tenant, "web-9"), 9), .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 4);
    assert_int_equal(incident(f, 2)->state, INCIDENT_TRIGGERED);
}

/* ---- silence, downtime ---- */

static void silence_is_not_judged_right_after_a_start(void **state)
{
    struct fixture *f = *state;
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    int64_t last_us = collector_now_us(f->collector);
    close_collector(f);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    open_collector(f);
    pass(f, 59); /* agents have 30 s to come back, then 3 intervals */
    assert_int_equal(pages_out(f), 0);
    pass(f, 1);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->crossed_us, last_us + 10 * US_PER_S);
    assert_int_equal(status_of(f).silent, 1);
}

static void a_host_that_never_reported_is_not_silent(void **state)
{
    struct fixture *f = *state;
    join_agent(f, f->host, 1);
    pass(f, 300);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(status_of(f).silent, 0);
}

static void silence_that_was_told_is_not_told_again(void **state)
{
    struct fixture *f = *state;
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    pass(f, 60);
    assert_int_equal(pages_out(f), 1);
    restart_collector(f);
    assert_int_equal(status_of(f).silent, 1);
    pass(f, 120);
    assert_int_equal(pages_out(f), 1);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 2), 1, 2);
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"status\":\"resolved\""));
    assert_int_equal(status_of(f).silent, 0);
}

static void a_service_of_a_silent_host_stays_muted_over_a_restart_until_the_host_is_back(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "unreachable", LOSS, 0.5, 0);
    restart_collector(f);
    uint64_t shop = add_host(f, f->tenant, "shop");
    struct agent *prober = join_agent(f, shop, 2);
    REPORT(join_agent(f, f->host, 1), .first = 1);
    for (uint64_t n = 1; n <= 6; n++) { /* agents have 30 s to come back, then 3 intervals */
        REPORT(prober, .first = n, .probed = "web-1:443");
        pass(f, 10);
    }
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"alertname\":\"silence\""));
    REPORT(prober, .first = 7, .probed = "web-1:443", .loss = 1);
    assert_int_equal(count_alerts(f, ALERT_FIRING), 2);
    restart_collector(f);
    prober = join_agent(f, shop, 2);
    REPORT(prober, .first = 8, .probed = "web-1:443", .loss = 1);
    assert_int_equal(pages_out(f), 1);
    REPORT(join_agent(f, f->host, 1), .first = 2);
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"status\":\"resolved\""));
    pass(f, 10);
    REPORT(prober, .first = 9, .probed = "web-1:443", .loss = 1);
    assert_int_equal(pages_out(f), 3);
    assert_true(page_says(f, "\"alertname\":\"unreachable\""));
    assert_int_equal(incident(f, 2)->crossed_us, collector_now_us(f->collector));
}

static void stay_down(struct fixture *f, int64_t seconds)
{
    close_collector(f);
    clock_fake_pass(&f->fake, seconds * NS_PER_S);
    open_collector(f);
}

static void downtime_over_a_minute_within_a_live_window_is_an_incident_of_the_reserved_tenant(void **state)
{
    struct fixture *f = *state;
    add_webhook(f, "acme-duty", "/ok", "acme");
    start_event(f, "sale");
    commit(f, f->tenant);
    int64_t down_us = collector_now_us(f->collector);
    stay_down(f, 61);
    assert_int_equal(pages_out(f), 1); /* not to the tenant's own contact */
    assert_true(page_says(f, "\"receiver\":\"duty\""));
    assert_true(page_says(f, "within the window of sale"));
    assert_int_equal(incident(f, 1)->tenant, TENANT_RESERVED);
    assert_int_equal(incident(f, 1)->crossed_us, down_us);
    restart_collector(f);
    pass(f, 5);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED); /* until somebody resolves it */
    assert_int_equal(pages_out(f), 1);
}

static void downtime_of_a_minute_or_outside_a_window_is_none(void **state)
{
    struct fixture *f = *state;
    stay_down(f, 3600);
    start_event(f, "sale");
    stay_down(f, 60);
    assert_int_equal(pages_out(f), 0);
    assert_false(was_logged(f, "event=downtime_in_window"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(the_key_is_made_at_the_first_start_and_stays),
        COLLECTOR_TEST(a_key_that_others_may_read_keeps_the_collector_from_starting),
        COLLECTOR_TEST(a_key_that_is_gone_is_made_anew_and_said),
        COLLECTOR_TEST(a_second_collector_does_not_get_the_same_store),
        COLLECTOR_TEST(tenants_hosts_and_events_are_there_again),
        COLLECTOR_TEST(a_host_that_reported_before_is_no_stranger),
        COLLECTOR_TEST(a_new_rule_sees_the_stored_ticks_of_its_hold_as_pending),
        COLLECTOR_TEST(a_new_rule_whose_hold_is_long_full_waits_for_a_new_tick_all_the_same),
        COLLECTOR_TEST(a_pending_alert_goes_on_where_it_was),
        COLLECTOR_TEST(nothing_stored_pages_again),
        COLLECTOR_TEST(an_alert_whose_rule_is_gone_since_ends),
        COLLECTOR_TEST(a_page_without_a_result_goes_again_as_a_possible_copy_under_the_same_key),
        COLLECTOR_TEST(ids_go_on),
        COLLECTOR_TEST(silence_is_not_judged_right_after_a_start),
        COLLECTOR_TEST(a_host_that_never_reported_is_not_silent),
        COLLECTOR_TEST(silence_that_was_told_is_not_told_again),
        COLLECTOR_TEST(a_service_of_a_silent_host_stays_muted_over_a_restart_until_the_host_is_back),
        COLLECTOR_TEST(downtime_over_a_minute_within_a_live_window_is_an_incident_of_the_reserved_tenant),
        COLLECTOR_TEST(downtime_of_a_minute_or_outside_a_window_is_none),
    };
    return cmocka_run_group_tests_name("collector.core.restore", tests, NULL, NULL);
}

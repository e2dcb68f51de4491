/* He is fed while all is well, and only then. */
#include "collector/collector_fixture.h"
#include "collector/parts.h"

#include <string.h>

static char url[128];

static void watched_by(struct fixture *f, const char *path)
{
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", receiver_port(f->receiver), path);
    f->config.dead_man = (struct dead_man_config){ .url = url, .every_us = 60 * US_PER_S };
}

static void until_fed(struct fixture *f, unsigned times)
{
    RUN_UNTIL(f, receiver_requests(f->receiver) == times);
    RUN_UNTIL(f, !f->collector->dead_man.under_way);
}

static void he_is_fed_each_minute(void **state)
{
    struct fixture *f = *state;
    watched_by(f, "/ok");
    for (unsigned i = 1; i <= 3; i++) {
        pass(f, 60);
        until_fed(f, i);
        assert_memory_equal(receiver_last(f->receiver), "GET /ok HTTP/1.1\r\n", 18);
        assert_int_equal(f->collector->dead_man.fed_us, clock_wall_us(&f->clock));
    }
}

static void without_a_url_nobody_is(void **state)
{
    struct fixture *f = *state;
    pass(f, 300);
    assert_false(f->collector->dead_man.under_way);
    assert_int_equal(f->collector->dead_man.fed_us, 0);
}

static void he_is_not_fed_while_a_file_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    break_disk();
    struct alert alert = { .host = 1, .state = ALERT_FIRING };
    assert_int_equal(store_put_alert(collector_store(f->collector), f->tenant, &alert), 0);
    run_until_declared(f);
    watched_by(f, "/ok");
    unsigned before = receiver_requests(f->receiver);
    pass(f, 130);
    assert_true(was_logged(f, "event=dead_man_not_fed reason=\"a file cannot be written\""));
    assert_int_equal(times_logged(f, "event=dead_man_not_fed"), 1);
    assert_false(f->collector->dead_man.under_way);
    assert_int_equal(f->collector->dead_man.fed_us, 0);
    heal_disk();
    run_until_recovered(f);
    assert_true(receiver_requests(f->receiver) >= before);
    pass(f, 60);
    RUN_UNTIL(f, f->collector->dead_man.fed_us != 0);
}

static void that_he_cannot_be_fed_is_told(void **state)
{
    struct fixture *f = *state;
    watched_by(f, "/none?key=SECRET"); /* 404 */
    for (unsigned i = 1; i <= 3; i++) {
        assert_false(was_logged(f, "event=concern"));
        pass(f, 60);
        RUN_UNTIL(f, times_logged(f, "event=dead_man_unreached") == i);
    }
    RUN_UNTIL(f, receiver_requests(f->receiver) == 4);
    assert_true(page_says(f, "The dead-man URL cannot be fed: HTTP 404"));
    assert_false(was_logged(f, "SECRET"));
    restart_collector(f);
    watched_by(f, "/ok");
    pass(f, 60);
    RUN_UNTIL(f, incident(f, 1)->state == INCIDENT_RESOLVED);
}

static void a_reload_without_him_ends_it(void **state)
{
    struct fixture *f = *state;
    watched_by(f, "/none");
    for (unsigned i = 1; i <= 3; i++) {
        pass(f, 60);
        RUN_UNTIL(f, times_logged(f, "event=dead_man_unreached") == i);
    }
    f->config.dead_man.url = NULL;
    pass(f, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void what_failed_of_another_url_says_nothing_of_this_one(void **state)
{
    static struct collector_config other; /* borrowed until the collector is closed */
    static char others_url[128];
    struct fixture *f = *state;
    watched_by(f, "/none");
    for (unsigned i = 1; i <= 2; i++) {
        pass(f, 60);
        RUN_UNTIL(f, times_logged(f, "event=dead_man_unreached") == i);
    }
    snprintf(others_url, sizeof others_url, "%s-either", url);
    other = f->config;
    other.dead_man.url = others_url;
    assert_int_equal(collector_reload(f->collector, &other, NULL), 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_false(was_logged(f, "event=concern"));
        pass(f, 60);
        RUN_UNTIL(f, times_logged(f, "event=dead_man_unreached times=") == 2 + i);
    }
    assert_true(was_logged(f, "event=concern group=dead-man"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(he_is_fed_each_minute),
        COLLECTOR_TEST(without_a_url_nobody_is),
        COLLECTOR_TEST(he_is_not_fed_while_a_file_cannot_be_written),
        COLLECTOR_TEST(that_he_cannot_be_fed_is_told),
        COLLECTOR_TEST(a_reload_without_him_ends_it),
        COLLECTOR_TEST(what_failed_of_another_url_says_nothing_of_this_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

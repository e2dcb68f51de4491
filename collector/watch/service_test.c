#include "collector/watch/watch_fixture.h"

#include <stdio.h>

/* The tests' host probes db:3306, which is on the host db. Both tick each ten seconds. */
enum { DB = HOST + 1, TENANT = 1 };

static void hear(struct fixture *f, uint64_t host, int at_s)
{
    const double value = 0;
    const struct column column = { .real = true, .values = &value };
    const struct batch batch = { .n_ticks = 1, .n_columns = 1, .table = cpu_only.hash, .columns = &column };
    const int64_t at_us = f->now_us = T0 + at_s * S;
    struct watched *watched = watch_host(f->watch, host);
    assert_int_equal(watch_judge(f->watch, watched, &cpu_only, &batch, &at_us, at_us, &f->out), 0);
}

static void pass_probing(struct fixture *f, int from_s, int to_s, double loss)
{
    for (int s = from_s; s <= to_s; s++) {
        if (s % 10 == 0)
            feed(f, s, 0, loss);
        tick(f, s);
    }
}

static void name(struct fixture *f, uint64_t host, uint64_t tenant, const char *called)
{
    assert_int_equal(watch_name_host(f->watch, host, tenant, called), 0);
}

static int setup_service(void **state)
{
    int rc = setup(state);
    struct fixture *f = *state;
    name(f, HOST, TENANT, "shop");
    name(f, DB, TENANT, "db");
    watch_listen(f->watch, T0, 0);
    hear(f, DB, 0);
    return rc;
}

static void fall_silent(struct fixture *f)
{
    pass_probing(f, 0, 30, 0);
    assert_int_equal(said(f), 1);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(last(f)->alert.host, DB);
}

static void what_fires_of_a_silent_hosts_service_is_muted_until_the_silence_is_over(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    pass_probing(f, 31, 70, 1);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.muted);
    hear(f, DB, 71);
    assert_int_equal(said(f), 3);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    pass_probing(f, 72, 90, 1);
    assert_int_equal(said(f), 4);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_true(last(f)->unmuted && !last(f)->alert.muted);
    assert_int_equal(crossed_s(last(f)), 40);
    assert_int_equal(last(f)->detected_us, T0 + 80 * S);
}

static void a_service_that_is_back_with_its_host_is_told_to_nobody(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    pass_probing(f, 31, 70, 1);
    hear(f, DB, 71);
    pass_probing(f, 72, 90, 0);
    assert_int_equal(said(f), 4);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    pass_probing(f, 91, 100, 1); /* and by itself it counts as ever */
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_false(last(f)->alert.muted);
}

static void what_was_told_before_the_silence_stays_told(void **state)
{
    struct fixture *f = *state;
    pass_probing(f, 0, 30, 1);
    assert_false(last_of(f, "loss")->alert.muted);
    hear(f, DB, 35);
    pass_probing(f, 36, 50, 1);
    assert_int_equal(said(f), 3);
    for (size_t i = 0; i < said(f); i++)
        assert_false(f->out.at[i].unmuted);
}

static void a_target_is_on_the_host_its_name_begins_with(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *metric, *instance;
        bool muted;
    } rows[] = {
        { LOSS, "db", true },
        { LOSS, "db:3306", true },
        { LOSS, "db/health", true },
        { LOSS, "db 3306", true },
        { "probe.latency", "db:3306", true },
        { LOSS, "", false },
        { LOSS, "d", false },
        { LOSS, "db-2:3306", false },
        { LOSS, "dbx", false },
        { LOSS, "DB:3306", false },
        { LOSS, ":db", false },
        { LOSS, "shop:3306", false }, /* it probes itself, and is not silent */
        { LOSS, "a-name-that-is-longer-than-any-host-has-and-begins-with-none-at-all:1", false },
        { READ, "db", false },
    };
    fall_silent(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct series series = { rows[i].metric, rows[i].instance, "1", -4 };
        const struct series_table table = { .hash = { { 20, (uint8_t)i } }, .n = 1, .at = &series };
        struct rule rule = rule_of("bad", rows[i].metric, 0.5, 0.5, 0);
        snprintf(rule.name, sizeof rule.name, "bad%zu", i);
        assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
        f->table = &table;
        feed_one(f, 31 + (double)i, 1);
        assert_change(last_of(f, rule.name), rule.name, ALERT_OK, ALERT_FIRING);
        assert_int_equal(last_of(f, rule.name)->alert.muted, rows[i].muted);
    }
}

static void a_host_of_another_tenant_or_of_no_name_mutes_nobody(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    name(f, DB, TENANT + 1, "db");
    feed(f, 40, 0, 1);
    assert_false(last_of(f, "loss")->alert.muted);
    feed(f, 50, 0, 0);
    name(f, DB, TENANT, "");
    feed(f, 60, 0, 1);
    assert_false(last_of(f, "loss")->alert.muted);
}

static void a_silent_host_is_found_by_the_name_it_has_now(void **state)
{
    struct fixture *f = *state;
    name(f, DB, TENANT, "old");
    fall_silent(f);
    name(f, DB, TENANT, "db");
    feed(f, 40, 0, 1);
    assert_true(last_of(f, "loss")->alert.muted);
    name(f, DB, TENANT, "new");
    feed(f, 50, 0, 1);
    assert_true(last_of(f, "loss")->unmuted);
}

static void a_host_that_is_dropped_mutes_no_longer_and_has_its_name_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    feed(f, 40, 0, 1);
    assert_int_equal(watch_drop_host(f->watch, DB, T0 + 45 * S, &f->out), 0);
    feed(f, 50, 0, 1);
    assert_true(last_of(f, "loss")->unmuted);
    feed(f, 60, 0, 0);
    hear(f, DB, 60);
    pass_probing(f, 61, 95, 0);
    feed(f, 100, 0, 1);
    assert_true(last_of(f, "loss")->alert.muted);
}

static void two_causes_have_to_end_both(void **state)
{
    struct fixture *f = *state;
    struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 0), rule_of("loss", LOSS, 0.5, 0.2, 0) };
    rules[1].n_depends = 1;
    snprintf(rules[1].depends_on[0], sizeof rules[1].depends_on[0], "cpu");
    assert_int_equal(watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL), 0);
    fall_silent(f);
    feed(f, 40, 0.95, 1);
    assert_true(last_of(f, "loss")->alert.muted);
    feed(f, 50, 0.5, 1);
    assert_false(last_of(f, "loss")->unmuted);
    feed(f, 60, 0.95, 1);
    hear(f, DB, 61);
    feed(f, 70, 0.95, 1);
    assert_false(last_of(f, "loss")->unmuted);
    feed(f, 80, 0.5, 1);
    assert_true(last_of(f, "loss")->unmuted);
}

static void a_prober_that_falls_silent_too_tells_nothing(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    pass_probing(f, 31, 40, 1);
    hear(f, DB, 41);
    tick_through(f, 42, 70);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_UNKNOWN);
    assert_false(last(f)->unmuted);
}

static void muted_by_silence_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    fall_silent(f);
    const struct alert silence = last(f)->alert;
    feed(f, 40, 0, 1);
    const struct alert loss = last_of(f, "loss")->alert;
    const struct rule rule = rule_of("loss", LOSS, 0.5, 0.2, 0);
    for (int over = 0; over < 2; over++) { /* it may have ended meanwhile */
        watch_free(f->watch);
        transitions_clear(&f->out);
        assert_int_equal(watch_new(&f->watch, &rule, 1, NULL), 0);
        if (over)
            name(f, DB, TENANT, "db");
        name(f, HOST, TENANT, "shop");
        assert_int_equal(watch_restore(f->watch, &loss), 0);
        if (!over) {
            assert_int_equal(watch_restore(f->watch, &silence), 0);
            assert_int_equal(watch_restore(f->watch, &silence), 0);
            name(f, DB, TENANT, "db"); /* no matter when it is said */
        }
        tick(f, 45);
        feed(f, 50, 0, 1);
        assert_int_equal(said(f), over);
        if (!over)
            hear(f, DB, 51);
        feed(f, 60, 0, 1);
        assert_true(last_of(f, "loss")->unmuted);
    }
}

int main(void)
{
#define SERVICE(name) cmocka_unit_test_setup_teardown(name, setup_service, teardown)
    const struct CMUnitTest tests[] = {
        SERVICE(what_fires_of_a_silent_hosts_service_is_muted_until_the_silence_is_over),
        SERVICE(a_service_that_is_back_with_its_host_is_told_to_nobody),
        SERVICE(what_was_told_before_the_silence_stays_told),
        SERVICE(a_target_is_on_the_host_its_name_begins_with),
        SERVICE(a_host_of_another_tenant_or_of_no_name_mutes_nobody),
        SERVICE(a_silent_host_is_found_by_the_name_it_has_now),
        SERVICE(a_host_that_is_dropped_mutes_no_longer_and_has_its_name_when_it_is_back),
        SERVICE(two_causes_have_to_end_both),
        SERVICE(a_prober_that_falls_silent_too_tells_nothing),
        SERVICE(muted_by_silence_outlives_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

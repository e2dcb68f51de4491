#include "collector/watch/watch_fixture.h"

#include <string.h>

static void silence_fires_when_no_tick_came_for_three_intervals(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 10, 0, 0);
    tick_through(f, 1, 12);
    assert_int_equal(said(f), 0);
    tick(f, 13);
    assert_int_equal(said(f), 1);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 11); /* when the first tick was missing */
    assert_int_equal(last(f)->alert.changed_us, T0 + 13 * S);
    assert_true(last(f)->alert.severity == SEVERITY_CRITICAL && last(f)->alert.page);
    assert_true(last(f)->alert.value == 3 && last(f)->alert.threshold == 3);
    assert_string_equal(last(f)->alert.metric, "");
    tick_through(f, 14, 50);
    assert_int_equal(said(f), 1);
}

static void a_host_without_a_confirmed_interval_has_thirty_seconds(void **state)
{
    struct fixture *f = *state;
    watch_listen(f->watch, T0, 0);
    feed(f, 10, 0, 0);
    tick_through(f, 1, 39);
    assert_int_equal(said(f), 0);
    tick(f, 40);
    assert_int_equal(crossed_s(last(f)), 20);
}

static void silence_turns_what_was_pending_or_firing_unknown(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    assert_int_equal(said(f), 5);
    assert_change(&f->out.at[2], WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    for (int i = 3; i < 5; i++) {
        assert_int_equal(f->out.at[i].alert.state, ALERT_UNKNOWN);
        bool firing = strcmp(f->out.at[i].alert.rule, "loss") == 0;
        assert_int_equal(f->out.at[i].from, firing ? ALERT_FIRING : ALERT_PENDING);
        assert_int_equal(f->out.at[i].alert.crossed_us, firing ? T0 : 0);
    }
    tick_through(f, 4, 20);
    assert_int_equal(said(f), 5);
}

static void unknown_ends_by_data_only_as_what_the_data_says(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    feed(f, 20, ABSENT, 0.4);
    assert_int_equal(said(f), 7);
    assert_change(&f->out.at[5], WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    assert_change(&f->out.at[6], "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[6]), 0); /* the spell it was in */
    feed(f, 21, 0.5, 0);
    assert_change(&f->out.at[7], "cpu", ALERT_UNKNOWN, ALERT_OK);
    assert_change(&f->out.at[8], "loss", ALERT_FIRING, ALERT_OK);
}

static void a_pending_spell_goes_on_over_a_silence_shorter_than_a_gap(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 0);
    feed(f, 1, 0.95, 0);
    tick_through(f, 2, 10);
    feed(f, 11, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 0);
    tick_through(f, 12, 28);
    feed(f, 30, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

static void a_pending_spell_begins_anew_behind_a_longer_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 0);
    tick_through(f, 1, 39);
    feed(f, 40, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 40);
}

static void a_tick_too_old_does_not_end_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0, 0);
    tick_through(f, 1, 60);
    assert_int_equal(said(f), 1);
    feed_late(f, 50, 60, 0, 0); /* newer than all before, but not of now */
    assert_int_equal(said(f), 1);
    feed_late(f, 58, 60, 0, 0);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    assert_int_equal(last(f)->alert.changed_us, T0 + 58 * S);
}

static void silence_is_judged_only_after_three_intervals_and_grace_of_listening(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 1, 0, 0);
    tick_through(f, 2, 100);
    assert_int_equal(said(f), 0); /* nobody listens yet */
    watch_listen(f->watch, T0 + 100 * S, 15 * S);
    tick_through(f, 101, 117);
    assert_int_equal(said(f), 0);
    tick(f, 118);
    assert_int_equal(said(f), 1);
    assert_int_equal(crossed_s(last(f)), 2);
}

static void a_watch_that_was_deaf_itself_calls_nobody_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 0);
    tick(f, 2);
    tick(f, 20); /* the process stood still: what it did not hear is no silence */
    tick(f, 21);
    tick(f, 22);
    assert_int_equal(said(f), 0);
    tick(f, 23);
    assert_int_equal(said(f), 1);
}

static void a_clock_set_back_does_not_hide_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 7200, 0, 0);
    tick_through(f, 7190, 7200);
    tick_through(f, 0, 2);
    assert_int_equal(said(f), 0);
    tick(f, 3);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(last(f)->alert.crossed_us, T0 + 1 * S - 1); /* its last tick lies just before the step */
    feed(f, 4, 0, 0);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
}

static void ticks_under_a_clock_set_back_are_not_late(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0 + 7100 * S, 0);
    feed(f, 7199, 0, 1);
    tick(f, 7199);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    feed_late(f, 7200, 0, 0, 0); /* by the clock of before, taken for now; and no watch_tick() came yet */
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_false(last(f)->late);
    feed(f, 1, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 1);
}

static void a_hold_is_as_long_as_ever_when_the_clock_is_set_back(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    for (int s = 7180; s <= 7200; s += 10) {
        feed(f, s, 0.95, 0);
        tick(f, s);
    }
    tick(f, 0);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
    feed(f, 9, 0.95, 0);
    assert_int_equal(said(f), 1);
    feed(f, 10, 0.95, 0); /* bad for 20 s before, and for 10 s since */
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
}

static void what_a_clock_ahead_has_stored_does_not_blind_the_next_run(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 7200 * S), 0);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_false(last(f)->late);
    tick_through(f, 1, 4);
    assert_change(&f->out.at[1], WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
}

static void a_shorter_interval_counts_from_when_it_was_confirmed(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 0);
    tick_through(f, 2, 10);
    set_host(f, IN_FORCE_NO_EVENT, 1);
    tick_through(f, 11, 12);
    assert_int_equal(said(f), 0);
    tick(f, 13);
    assert_int_equal(said(f), 1);
}

static void a_host_that_never_sent_a_tick_is_not_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_LIVE, 1);
    watch_listen(f->watch, T0, 0);
    tick_through(f, 1, 1000);
    assert_int_equal(said(f), 0);
}

static void a_host_that_fell_silent_while_nobody_listened_is_found(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(watch_seen(f->watch, HOST, T0), 0);
    watch_listen(f->watch, T0 + 500 * S, 10 * S);
    tick_through(f, 500, 539);
    assert_int_equal(said(f), 0);
    tick(f, 540);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 10);
}

static void a_host_that_is_dropped_has_no_alerts_and_is_not_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    assert_int_equal(said(f), 5);
    const struct watched *held = watch_host(f->watch, HOST);
    assert_int_equal(watch_drop_host(f->watch, HOST, T0 + 4 * S, &f->out), 0);
    assert_int_equal(said(f), 8); /* cpu, loss, silence */
    for (size_t i = 5; i < 8; i++)
        assert_int_equal(f->out.at[i].alert.state, ALERT_OK);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    tick_through(f, 5, 100);
    assert_int_equal(watch_drop_host(f->watch, HOST, T0 + 100 * S, &f->out), 0); /* it is gone already */
    assert_int_equal(said(f), 8);
    set_host(f, IN_FORCE_NO_EVENT, 1);
    tick_through(f, 101, 200);
    assert_int_equal(said(f), 8);
    assert_ptr_equal(watch_host(f->watch, HOST), held); /* borrowed as long as the watch lives */
    feed(f, 200, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silence_fires_when_no_tick_came_for_three_intervals),
        TEST(a_host_without_a_confirmed_interval_has_thirty_seconds),
        TEST(silence_turns_what_was_pending_or_firing_unknown),
        TEST(unknown_ends_by_data_only_as_what_the_data_says),
        TEST(a_pending_spell_goes_on_over_a_silence_shorter_than_a_gap),
        TEST(a_pending_spell_begins_anew_behind_a_longer_silence),
        TEST(a_tick_too_old_does_not_end_silence),
        TEST(silence_is_judged_only_after_three_intervals_and_grace_of_listening),
        TEST(a_watch_that_was_deaf_itself_calls_nobody_silent),
        TEST(a_clock_set_back_does_not_hide_silence),
        TEST(ticks_under_a_clock_set_back_are_not_late),
        TEST(a_hold_is_as_long_as_ever_when_the_clock_is_set_back),
        TEST(what_a_clock_ahead_has_stored_does_not_blind_the_next_run),
        TEST(a_shorter_interval_counts_from_when_it_was_confirmed),
        TEST(a_host_that_never_sent_a_tick_is_not_silent),
        TEST(a_host_that_fell_silent_while_nobody_listened_is_found),
        TEST(a_host_that_is_dropped_has_no_alerts_and_is_not_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "collector/watch/watch_fixture.h"

static void a_spell_within_late_ticks_is_told_with_its_true_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s >= 20 && s < 60);
    assert_int_equal(said(f), 2);
    assert_change(&f->out.at[0], "loss", ALERT_OK, ALERT_FIRING);
    assert_change(&f->out.at[1], "loss", ALERT_FIRING, ALERT_OK);
    assert_true(f->out.at[0].late && f->out.at[1].late);
    assert_int_equal(crossed_s(&f->out.at[0]), 20);
    assert_int_equal(f->out.at[0].detected_us, T0 + 110 * S);
    assert_int_equal(f->out.at[1].alert.changed_us, T0 + 60 * S);
}

static void late_pending_tells_nobody(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 10; s < 100; s += 10)
        feed_late(f, s, 110, s < 40 ? 0.95 : 0.1, 0);
    assert_int_equal(said(f), 0);
}

static void late_ticks_begin_from_ok_and_leave_the_live_alert_alone(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    feed(f, 101, 0, 1);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s < 60);
    assert_int_equal(said(f), 2); /* its end is not told: the live alert fires, and tells its own */
    assert_true(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 1);
    feed(f, 111, 0, 0);
    assert_int_equal(said(f), 3);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_false(last(f)->late);
}

static void a_spell_that_reaches_the_live_ticks_gives_the_live_alert_its_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 1);
    assert_int_equal(crossed_s(last(f)), 100);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s >= 70);
    assert_int_equal(said(f), 3);
    assert_true(f->out.at[1].late);
    assert_int_equal(crossed_s(&f->out.at[1]), 70);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_false(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 70);
}

static void a_pending_alert_fires_when_late_ticks_make_its_hold_full(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 100; s <= 110; s++)
        feed(f, s, 0.95, 0);
    assert_int_equal(said(f), 1);
    for (int s = 75; s < 100; s++)
        feed_late(f, s, 111, 0.95, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 75);
    assert_false(last(f)->late);
}

static void a_live_alert_that_began_later_keeps_its_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0); /* well, so the spells on both sides are two */
    feed(f, 101, 0, 1);
    for (int s = 90; s < 100; s++)
        feed_late(f, s, 110, 0, 1);
    assert_int_equal(crossed_s(&f->out.at[0]), 101);
    assert_int_equal(said(f), 2);
    assert_true(last(f)->late);
    feed(f, 120, 0, 1);
    assert_int_equal(said(f), 2);
}

static void a_late_spell_under_an_alert_firing_since_before_is_not_told(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 1);
    feed(f, 100, 0, 1);
    for (int s = 10; s < 100; s += 10)
        feed_late(f, s, 110, 0, 1);
    assert_int_equal(said(f), 1);
}

static void a_late_spell_without_an_end_ends_when_its_lane_does(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 40; s < 50; s++)
        feed_late(f, s, 101, 0, 1); /* the rest was dropped and never comes */
    assert_int_equal(said(f), 1);
    for (int s = 102; s < 161; s++)
        tick(f, s);
    assert_int_equal(said(f), 1);
    tick(f, 161);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->late);
    assert_int_equal(last(f)->alert.changed_us, T0 + 100 * S);
}

static void ticks_before_the_first_live_one_are_late_too(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 100, 0, 1);
    for (int s = 90; s < 100; s++)
        feed_late(f, s, 101, 0, 1);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 90);
}

static void a_spell_pending_when_the_gap_began_goes_on_in_late_ticks(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 20; s++)
        feed(f, s, 0.95, 0); /* of 30 s */
    tick_through(f, 21, 99); /* silence: what was pending is unknown */
    feed(f, 100, 0, 0);
    size_t before = said(f);
    for (int s = 21; s < 100; s++)
        feed_late(f, s, 101, s < 35 ? 0.95 : 0, 0);
    assert_int_equal(said(f), before + 2);
    assert_true(last(f)->late);
    assert_change(&f->out.at[before], "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[before]), 1);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
}

static void a_spell_over_both_ends_of_a_gap_is_one(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 5; s++)
        feed(f, s, 0.95, 0);
    for (int s = 100; s <= 105; s++)
        feed(f, s, 0.95, 0);
    for (int s = 6; s < 100; s++)
        feed_late(f, s, 106, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_false(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 1);
}

static void what_was_pending_long_before_the_late_ticks_begins_anew(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 20; s++)
        feed(f, s, 0.95, 0);
    feed(f, 200, 0, 0);
    size_t before = said(f);
    for (int s = 60; s < 80; s++) /* the ticks between were dropped: nobody saw it bad all the time */
        feed_late(f, s, 201, 0.95, 0);
    assert_int_equal(said(f), before);
}

static void two_gaps_are_closed_apart(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 50, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 60; s < 70; s++)
        feed_late(f, s, 101, 0, 1);
    for (int s = 10; s < 20; s++) /* an older gap: the other lane is over */
        feed_late(f, s, 102, 0, 1);
    assert_int_equal(said(f), 3);
    assert_int_equal(crossed_s(&f->out.at[0]), 60);
    assert_change(&f->out.at[1], "loss", ALERT_FIRING, ALERT_OK);
    assert_int_equal(crossed_s(&f->out.at[2]), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_spell_within_late_ticks_is_told_with_its_true_crossing),
        TEST(late_pending_tells_nobody),
        TEST(late_ticks_begin_from_ok_and_leave_the_live_alert_alone),
        TEST(a_spell_that_reaches_the_live_ticks_gives_the_live_alert_its_crossing),
        TEST(a_pending_alert_fires_when_late_ticks_make_its_hold_full),
        TEST(a_live_alert_that_began_later_keeps_its_crossing),
        TEST(a_late_spell_under_an_alert_firing_since_before_is_not_told),
        TEST(a_late_spell_without_an_end_ends_when_its_lane_does),
        TEST(ticks_before_the_first_live_one_are_late_too),
        TEST(a_spell_pending_when_the_gap_began_goes_on_in_late_ticks),
        TEST(a_spell_over_both_ends_of_a_gap_is_one),
        TEST(what_was_pending_long_before_the_late_ticks_begins_anew),
        TEST(two_gaps_are_closed_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

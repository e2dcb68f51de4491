#include "collector/event/rota.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "base/moment.h"

#define HOUR_US (3600 * US_PER_S)

static const char *const members[] = { "alice", "bob", "carol" };

static struct rota rota_of(const char *zone, const char *day, const char *at, int64_t turn_us, size_t n_members)
{
    struct rota rota = { "desk", zone, members, n_members, 0, turn_us };
    assert_int_equal(rota_first(day, at, &rota.first_s, NULL), 0);
    return rota;
}

static int64_t instant(const char *text)
{
    int64_t at_us = 0;
    assert_int_equal(moment_parse(text, strlen(text), &at_us), 0);
    return at_us;
}

static struct rota_duty duty_at(const struct rota *rota, const struct rota_override *const *overrides, size_t n,
                                int64_t at_us)
{
    struct rota_duty duty = { 0 };
    assert_int_equal(rota_duty(rota, overrides, n, at_us, &duty, NULL), 0);
    assert_true(duty.from_us <= at_us && at_us < duty.to_us);
    return duty;
}

/* "alice 2026-11-23T00:00:00.000Z" of who is on duty then, and since when. */
static void assert_duty(const struct rota *rota, const char *at, const char *who, const char *from, const char *to)
{
    char text[MOMENT_TEXT];
    struct rota_duty duty = duty_at(rota, NULL, 0, instant(at));
    assert_string_equal(duty.contact, who);
    assert_string_equal(moment_format(text, duty.from_us), from);
    assert_string_equal(moment_format(text, duty.to_us), to);
}

static void members_take_turns_and_hand_over_at_the_zones_own_hour(void **state)
{
    (void)state;
    struct rota rota = rota_of("Asia/Shanghai", "2026-11-23", "08:00", 12 * HOUR_US, 2);
    assert_duty(&rota, "2026-11-23T00:00:00Z", "alice", "2026-11-23T00:00:00.000Z", "2026-11-23T12:00:00.000Z");
    assert_duty(&rota, "2026-11-23T11:59:59.999999Z", "alice", "2026-11-23T00:00:00.000Z", "2026-11-23T12:00:00.000Z");
    assert_duty(&rota, "2026-11-23T12:00:00Z", "bob", "2026-11-23T12:00:00.000Z", "2026-11-24T00:00:00.000Z");
    assert_duty(&rota, "2026-11-24T00:00:00Z", "alice", "2026-11-24T00:00:00.000Z", "2026-11-24T12:00:00.000Z");
}

static void before_its_first_turn_the_order_runs_backwards(void **state)
{
    (void)state;
    struct rota rota = rota_of("UTC", "2026-11-23", "08:00", 24 * HOUR_US, 3);
    assert_duty(&rota, "2026-11-23T07:59:59Z", "carol", "2026-11-22T08:00:00.000Z", "2026-11-23T08:00:00.000Z");
    assert_duty(&rota, "2026-11-22T07:59:59Z", "bob", "2026-11-21T08:00:00.000Z", "2026-11-22T08:00:00.000Z");
    assert_duty(&rota, "2026-11-20T08:00:00Z", "alice", "2026-11-20T08:00:00.000Z", "2026-11-21T08:00:00.000Z");
}

static void a_turn_over_a_change_of_the_clock_is_shorter_or_longer_by_it(void **state)
{
    (void)state;
    struct rota rota = rota_of("America/New_York", "2026-03-01", "08:00", 24 * HOUR_US, 2);
    assert_duty(&rota, "2026-03-08T06:00:00Z", "alice", "2026-03-07T13:00:00.000Z", "2026-03-08T12:00:00.000Z");
    assert_duty(&rota, "2026-11-01T06:00:00Z", "alice", "2026-10-31T12:00:00.000Z", "2026-11-01T13:00:00.000Z");
}

static void a_turn_within_what_the_clock_leaves_out_is_nobodys(void **state)
{
    (void)state;
    struct rota rota = rota_of("America/New_York", "2026-03-08", "00:00", HOUR_US, 3);
    assert_duty(&rota, "2026-03-08T06:30:00Z", "bob", "2026-03-08T06:00:00.000Z", "2026-03-08T07:00:00.000Z");
    /* 02:00 to 03:00, carol's, does not exist */
    assert_duty(&rota, "2026-03-08T07:00:00Z", "alice", "2026-03-08T07:00:00.000Z", "2026-03-08T08:00:00.000Z");
}

static void an_hour_that_the_clock_shows_twice_is_of_one_turn(void **state)
{
    (void)state;
    struct rota rota = rota_of("America/New_York", "2026-11-01", "00:00", HOUR_US, 3);
    assert_duty(&rota, "2026-11-01T05:00:00Z", "bob", "2026-11-01T05:00:00.000Z", "2026-11-01T07:00:00.000Z");
    assert_duty(&rota, "2026-11-01T06:59:59Z", "bob", "2026-11-01T05:00:00.000Z", "2026-11-01T07:00:00.000Z");
    assert_duty(&rota, "2026-11-01T07:00:00Z", "carol", "2026-11-01T07:00:00.000Z", "2026-11-01T08:00:00.000Z");
}

static void one_member_is_always_on_duty(void **state)
{
    (void)state;
    struct rota rota = rota_of("Australia/Lord_Howe", "2026-01-01", "00:15", HOUR_US, 1);
    for (int64_t at_us = instant("2026-04-03T00:00:00Z"); at_us < instant("2026-04-06T00:00:00Z"); at_us += HOUR_US / 7)
        assert_string_equal(duty_at(&rota, NULL, 0, at_us).contact, "alice");
}

static void turns_join_without_a_gap_whatever_the_zone(void **state)
{
    (void)state;
    static const char *const zones[] = { "America/New_York",  "Asia/Shanghai", "Australia/Lord_Howe",
                                         "America/Sao_Paulo", "Pacific/Apia",  "Asia/Beirut",
                                         "Africa/Casablanca" };
    static const int64_t hours[] = { 1, 5, 12, 24, 168 };
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
        GTimeZone *held = g_time_zone_new_identifier(zones[z]); /* or else its file is read anew at each question */
        assert_non_null(held);
        for (size_t h = 0; h < sizeof hours / sizeof *hours; h++) {
            struct rota rota = rota_of(zones[z], "2011-01-03", "02:30", hours[h] * HOUR_US, 3);
            struct rota_duty duty = duty_at(&rota, NULL, 0, instant("2011-10-01T00:00:00Z"));
            while (duty.from_us < instant("2012-04-15T00:00:00Z")) {
                struct rota_duty next = duty_at(&rota, NULL, 0, duty.to_us);
                assert_int_equal(next.from_us, duty.to_us);
                assert_int_equal(duty_at(&rota, NULL, 0, duty.to_us - 1).from_us, duty.from_us);
                duty = next;
            }
        }
        g_time_zone_unref(held);
    }
}

/* ---- overrides ---- */

static struct rota_override made(uint64_t id, const char *contact, const char *from, const char *to)
{
    struct rota_override row = { .id = id, .rota = "desk", .from_us = instant(from), .to_us = instant(to) };
    snprintf(row.contact, sizeof row.contact, "%s", contact);
    return row;
}

static void assert_course(const struct rota *rota, const struct rota_override *const *overrides, size_t n,
                          const char *from, const char *const *expected, size_t n_expected)
{
    int64_t at_us = instant(from);
    for (size_t i = 0; i < n_expected; i++) {
        char moment[MOMENT_TEXT], told[128];
        struct rota_duty duty = duty_at(rota, overrides, n, at_us);
        snprintf(told, sizeof told, "%s until %.16s%s", duty.contact, moment_format(moment, duty.to_us),
                 duty.override ? ", overridden" : "");
        assert_string_equal(told, expected[i]);
        at_us = duty.to_us;
    }
}

static void an_override_puts_another_on_duty_for_its_time_alone(void **state)
{
    (void)state;
    struct rota rota = rota_of("UTC", "2026-11-23", "08:00", 12 * HOUR_US, 2);
    struct rota_override row = made(1, "dave", "2026-11-23T18:00:00Z", "2026-11-23T22:00:00Z");
    const struct rota_override *rows[] = { &row };
    static const char *const course[] = { "alice until 2026-11-23T18:00", "dave until 2026-11-23T22:00, overridden",
                                          "bob until 2026-11-24T08:00", "alice until 2026-11-24T20:00" };
    assert_course(&rota, rows, 1, "2026-11-23T08:00:00Z", course, 4);
}

static void of_overrides_that_overlap_the_newest_counts(void **state)
{
    (void)state;
    struct rota rota = rota_of("UTC", "2026-11-23", "08:00", 24 * HOUR_US, 2);
    struct rota_override whole = made(1, "dave", "2026-11-23T10:00:00Z", "2026-11-23T20:00:00Z");
    struct rota_override within = made(2, "erin", "2026-11-23T12:00:00Z", "2026-11-23T14:00:00Z");
    const struct rota_override *rows[] = { &within, &whole };
    static const char *const course[] = { "alice until 2026-11-23T10:00", "dave until 2026-11-23T12:00, overridden",
                                          "erin until 2026-11-23T14:00, overridden",
                                          "dave until 2026-11-23T20:00, overridden", "alice until 2026-11-24T08:00" };
    assert_course(&rota, rows, 2, "2026-11-23T08:00:00Z", course, 5);
}

static void an_older_override_behind_a_newer_one_is_cut_where_that_ends(void **state)
{
    (void)state;
    struct rota rota = rota_of("UTC", "2026-11-23", "08:00", 24 * HOUR_US, 2);
    struct rota_override newer = made(2, "erin", "2026-11-23T08:00:00Z", "2026-11-23T12:00:00Z");
    struct rota_override older = made(1, "dave", "2026-11-23T10:00:00Z", "2026-11-23T16:00:00Z");
    const struct rota_override *rows[] = { &newer, &older };
    struct rota_duty duty = duty_at(&rota, rows, 2, instant("2026-11-23T13:00:00Z"));
    assert_string_equal(duty.contact, "dave");
    assert_int_equal(duty.from_us, instant("2026-11-23T12:00:00Z"));
}

static void an_override_of_another_rota_is_not_for_this_one(void **state)
{
    (void)state;
    struct rota rota = rota_of("UTC", "2026-11-23", "08:00", 24 * HOUR_US, 2);
    struct rota_override row = made(1, "dave", "2026-11-23T08:00:00Z", "2026-11-23T20:00:00Z");
    snprintf(row.rota, sizeof row.rota, "other");
    const struct rota_override *rows[] = { &row };
    assert_string_equal(duty_at(&rota, rows, 1, instant("2026-11-23T09:00:00Z")).contact, "alice");
}

/* ---- what is refused ---- */

static void a_first_turn_wants_a_day_and_a_time_of_it(void **state)
{
    (void)state;
    static const char *const times[] = { "", "8:00", "08:0", "24:00", "08:60", "08.00", "0800 ", "ab:cd", "08:00Z" };
    int64_t first_s = 7;
    struct err err;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_int_equal(rota_first("2026-11-23", times[i], &first_s, &err), -EINVAL);
    assert_int_equal(rota_first("2026-02-30", "08:00", &first_s, &err), -EINVAL);
    assert_int_equal(first_s, 7);
    assert_int_equal(rota_first("1970-01-02", "23:59", &first_s, &err), 0);
    assert_int_equal(first_s, 86400 + 23 * 3600 + 59 * 60);
}

static void a_zone_that_is_none_is_refused_and_touches_nothing(void **state)
{
    (void)state;
    struct rota rota = rota_of("Mars/Olympus", "2026-11-23", "08:00", 24 * HOUR_US, 2);
    struct rota_duty duty = { .from_us = 7 };
    struct err err;
    assert_int_equal(rota_duty(&rota, NULL, 0, 0, &duty, &err), -EINVAL);
    assert_non_null(strstr(err.text, "Mars/Olympus"));
    assert_int_equal(duty.from_us, 7);
}

static void an_override_wants_a_reason_and_a_time_to_come(void **state)
{
    (void)state;
    const struct rota_wish good = { "desk", "dave", "lin", "ill", 100 * HOUR_US, 110 * HOUR_US };
    struct rota_override row;
    struct err err;
    assert_int_equal(rota_override_init(&row, &good, 90 * HOUR_US, &err), 0);
    assert_string_equal(row.contact, "dave");
    assert_int_equal(row.made_us, 90 * HOUR_US);
    struct rota_wish bad[] = { good, good, good, good, good };
    bad[0].reason = NULL;
    bad[1].reason = "two\nlines";
    bad[2].to_us = bad[2].from_us;
    bad[3].to_us = bad[3].from_us + ROTA_OVERRIDE_MOST_US + 1;
    bad[4].contact = "";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rota_override_init(&row, &bad[i], 90 * HOUR_US, &err), -EINVAL);
    assert_int_equal(rota_override_init(&row, &good, 110 * HOUR_US, &err), -EINVAL);
    assert_int_equal(rota_override_init(&row, &good, 99 * HOUR_US - ROTA_AHEAD_MOST_US, &err), -EINVAL);
    assert_string_equal(row.contact, "dave");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_take_turns_and_hand_over_at_the_zones_own_hour),
        cmocka_unit_test(before_its_first_turn_the_order_runs_backwards),
        cmocka_unit_test(a_turn_over_a_change_of_the_clock_is_shorter_or_longer_by_it),
        cmocka_unit_test(a_turn_within_what_the_clock_leaves_out_is_nobodys),
        cmocka_unit_test(an_hour_that_the_clock_shows_twice_is_of_one_turn),
        cmocka_unit_test(one_member_is_always_on_duty),
        cmocka_unit_test(turns_join_without_a_gap_whatever_the_zone),
        cmocka_unit_test(an_override_puts_another_on_duty_for_its_time_alone),
        cmocka_unit_test(of_overrides_that_overlap_the_newest_counts),
        cmocka_unit_test(an_older_override_behind_a_newer_one_is_cut_where_that_ends),
        cmocka_unit_test(an_override_of_another_rota_is_not_for_this_one),
        cmocka_unit_test(a_first_turn_wants_a_day_and_a_time_of_it),
        cmocka_unit_test(a_zone_that_is_none_is_refused_and_touches_nothing),
        cmocka_unit_test(an_override_wants_a_reason_and_a_time_to_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

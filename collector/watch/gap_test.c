#include "collector/watch/watch_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_pending_alert_begins_anew_behind_a_gap_of_more_than_three_intervals(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 0);
    feed(f, 30.001, 0.95, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 30);
    feed(f, 100, 0.85, 0); /* not past the threshold: what was bad before the gap is no reason any more */
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_OK);
}

static void samples_three_intervals_apart_are_one_spell(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1); /* ticks from before it went to seconds come 10 s apart still */
    feed(f, 0, 0.95, 0);
    feed(f, 30, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
}

static void a_firing_alert_goes_on_over_a_gap(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 1);
    feed(f, 5000, 0, 1);
    assert_int_equal(said(f), 1);
    feed(f, 6000, 0, 0);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
}

static void a_series_that_leaves_the_table_turns_unknown_and_comes_back_by_data(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 1);
    f->table = &cpu_only;
    feed(f, 1, 0.95, 0);
    assert_int_equal(said(f), 3);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_UNKNOWN);
    assert_int_equal(crossed_s(last(f)), 0);
    feed(f, 2, 0.95, 0);
    assert_int_equal(said(f), 3);
    f->table = &both;
    feed(f, 3, 0.95, 0.4); /* above clear: as bad as before */
    assert_change(last(f), "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
    feed(f, 30, 0.95, 0);
    assert_change(&f->out.at[4], "cpu", ALERT_PENDING, ALERT_FIRING); /* untouched by the changes of table */
    assert_int_equal(crossed_s(&f->out.at[4]), 0);
}

static void a_pending_series_that_leaves_the_table_turns_unknown_without_a_crossing(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { LOSS, "db:3306", "1", -4 } };
    const struct series_table loss_only = { .hash = { { 9 } }, .n = 1, .at = series };
    feed(f, 0, 0.95, 0);
    f->table = &loss_only;
    feed_at(f, 1, 1, (double[]){ 0 });
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_UNKNOWN);
    assert_int_equal(last(f)->alert.crossed_us, 0);
    f->table = &both;
    feed(f, 100, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_OK);
}

static void many_tables_in_turn_are_all_judged(void **state)
{
    struct fixture *f = *state;
    struct series_table tables[7];
    for (int i = 0; i < 7; i++)
        tables[i] = (struct series_table){ .hash = { { 40, (uint8_t)i } }, .n = 2, .at = both.at };
    for (int s = 0; s < 100; s++) {
        f->table = &tables[s * 5 % 7];
        feed(f, s, 0.95, s % 10 == 9);
    }
    assert_change(&f->out.at[0], "cpu", ALERT_OK, ALERT_PENDING);
    size_t fired = 0;
    for (size_t i = 0; i < said(f); i++)
        fired += f->out.at[i].alert.state == ALERT_FIRING;
    assert_int_equal(fired, 11); /* ten of loss, one of cpu */
}

static void no_more_than_the_most_alerts_of_a_host_are_watched(void **state)
{
    struct fixture *f = *state;
    enum { N = 1024, RULES = 5 };
    struct series *series = calloc(N, sizeof *series);
    struct rule rules[RULES];
    char(*names)[16] = calloc(N, sizeof *names);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        series[i] = (struct series){ LOSS, names[i], "1", 0 };
    }
    for (int r = 0; r < RULES; r++)
        rules[r] = rule_of((const char *[]){ "a", "b", "c", "d", "e" }[r], LOSS, 0.5, 0.5, 0);
    assert_int_equal(watch_set_rules(f->watch, rules, RULES, T0, &f->out, NULL), 0);
    int64_t one = 1;
    struct column *columns = calloc(N, sizeof *columns);
    for (int i = 0; i < N; i++)
        columns[i] = (struct column){ .real = false, .fixed = &one };
    const struct series_table table = { .hash = { { 77 } }, .n = N, .at = series };
    struct batch batch = { .n_ticks = 1, .n_columns = N, .table = table.hash, .columns = columns };
    int first = watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &(int64_t){ T0 }, T0, &f->out);
    size_t fired = said(f);
    one = 0;
    int second =
        watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &(int64_t){ T0 + S }, T0 + S, &f->out);
    free(columns);
    free(names);
    free(series);
    assert_int_equal(first, -ENOBUFS);
    assert_int_equal(second, 0);
    assert_int_equal(fired, ALERTS_PER_HOST_MAX);
    assert_int_equal(said(f), 2 * ALERTS_PER_HOST_MAX);
}

/* `n` instances of loss in a table of their own, named from `first` on, all with the value `raw`. */
static int feed_instances(struct fixture *f, int first, int n, int64_t raw, int64_t at_s)
{
    struct series *series = calloc((size_t)n, sizeof *series);
    struct column *columns = calloc((size_t)n, sizeof *columns);
    char(*names)[16] = calloc((size_t)n, sizeof *names);
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "t%d", first + i);
        series[i] = (struct series){ LOSS, names[i], "1", 0 };
        columns[i] = (struct column){ .real = false, .fixed = &raw };
    }
    struct series_table table = { .n = (uint32_t)n, .at = series };
    memcpy(table.hash.bytes, &first, sizeof first);
    struct batch batch = { .n_ticks = 1, .n_columns = (uint32_t)n, .table = table.hash, .columns = columns };
    f->now_us = T0 + at_s * S;
    int rc = watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &f->now_us, f->now_us, &f->out);
    free(names);
    free(columns);
    free(series);
    return rc;
}

static void alerts_of_series_that_are_gone_give_way_to_those_of_series_that_are_there(void **state)
{
    struct fixture *f = *state;
    enum { HALF = ALERTS_PER_HOST_MAX / 2 };
    assert_int_equal(feed_instances(f, 10000, HALF, 1, 0), 0);
    assert_int_equal(feed_instances(f, 20000, HALF, 1, 1), 0);
    assert_int_equal(said(f), 3 * HALF); /* the first ones are unknown, and the table is full */
    assert_int_equal(feed_instances(f, 30000, 2, 1, 2), 0);
    assert_int_equal(said(f), 4 * HALF + 4); /* the second ones are unknown, too */
    for (size_t i = 0; i < 2; i++) {
        const struct transition *given_up = &f->out.at[4 * HALF + 2 * i];
        assert_change(given_up, "loss", ALERT_UNKNOWN, ALERT_OK);
        assert_int_equal(given_up->alert.instance[1], '1'); /* lost first */
        assert_change(given_up + 1, "loss", ALERT_OK, ALERT_FIRING);
        assert_int_equal(given_up[1].alert.instance[1], '3');
    }
    assert_int_equal(feed_instances(f, 40000, ALERTS_PER_HOST_MAX, 1, 3), 0);
    transitions_clear(&f->out);
    assert_int_equal(feed_instances(f, 40000, ALERTS_PER_HOST_MAX, 0, 4), 0);
    assert_int_equal(said(f), ALERTS_PER_HOST_MAX); /* all of them were watched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pending_alert_begins_anew_behind_a_gap_of_more_than_three_intervals),
        TEST(samples_three_intervals_apart_are_one_spell),
        TEST(a_firing_alert_goes_on_over_a_gap),
        TEST(a_series_that_leaves_the_table_turns_unknown_and_comes_back_by_data),
        TEST(a_pending_series_that_leaves_the_table_turns_unknown_without_a_crossing),
        TEST(many_tables_in_turn_are_all_judged),
        TEST(no_more_than_the_most_alerts_of_a_host_are_watched),
        TEST(alerts_of_series_that_are_gone_give_way_to_those_of_series_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

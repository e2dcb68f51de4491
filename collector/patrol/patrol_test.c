#include "collector/patrol/patrol.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

#define S      US_PER_S
#define NOW_US (INT64_C(1795400000) * S)
#define CPU    "system.cpu.utilization"
#define EGRESS "system.network.io.rate{direction=transmit}"
#define DISK   "system.filesystem.utilization"
#define INODES "system.filesystem.inodes.utilization"

struct fixture {
    struct patrol_sight sight;
    struct patrol_report report;
    double unlimited[LIMIT_COUNT];
    double limited[LIMIT_COUNT];
    char names[32][16];
};

static struct rule a_rule(const char *name, const char *metric, enum comparison comparison, double threshold)
{
    struct rule rule = { .instance = "*",
                         .comparison = comparison,
                         .severity = SEVERITY_CRITICAL,
                         .limit = -1,
                         .in_force = IN_FORCE(EVENT_LIVE),
                         .threshold = threshold };
    snprintf(rule.name, sizeof rule.name, "%s", name);
    snprintf(rule.metric, sizeof rule.metric, "%s", metric);
    return rule;
}

/* A live event with so many hosts, all well. */
static void see_hosts(struct fixture *f, size_t n, const struct rule *rules, size_t n_rules)
{
    assert_true(n <= 32);
    assert_int_equal(patrol_sight_make(&f->sight, n), 0);
    for (size_t i = 0; i < n; i++) {
        snprintf(f->names[i], sizeof f->names[i], "web-%zu", i + 1);
        f->sight.hosts[i] = (struct patrol_host){ .id = 100 + i,
                                                  .name = f->names[i],
                                                  .presence = PATROL_REPORTING,
                                                  .in_force = IN_FORCE(EVENT_LIVE),
                                                  .limits = f->unlimited,
                                                  .last_tick_us = NOW_US - S,
                                                  .interval_us = S,
                                                  .wanted_us = S,
                                                  .version = "1.2",
                                                  .has_session = true,
                                                  .covered = 1 };
    }
    assert_int_equal(patrol_sight_limits(&f->sight, rules, n_rules), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int i = 0; i < LIMIT_COUNT; i++)
        f->unlimited[i] = f->limited[i] = NAN;
    f->limited[LIMIT_EGRESS] = 1000;
    f->sight = (struct patrol_sight){ .phase = PATROL_LIVE,
                                      .now_us = NOW_US,
                                      .since_us = NOW_US - 600 * S,
                                      .end_us = NOW_US + 10 * 3600 * S,
                                      .skew_us = 60 * S,
                                      .has_before = true,
                                      .has_names = true,
                                      .paging.n_contacts = 1 };
    f->sight.disks = patrol_disks_new();
    strcpy(f->sight.paging.contacts[0].name, "duty");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    patrol_disks_free(f->sight.disks);
    patrol_sight_done(&f->sight);
    free(f);
    return 0;
}

static const struct patrol_result *look(struct fixture *f, enum patrol_check check)
{
    patrol_run(&f->sight, &f->report);
    return &f->report.results[check];
}

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void assert_clear(const struct patrol_result *result, size_t looked)
{
    assert_true(result->checked);
    assert_int_equal(result->found, 0);
    assert_int_equal(result->looked, looked);
}

static void assert_not_checked(const struct patrol_result *result, const char *why)
{
    assert_false(result->checked);
    assert_int_equal(result->found, 0);
    assert_says(result->note, why);
}

static void assert_found(const struct patrol_result *result, size_t i, enum severity severity, const char *subject,
                         const char *text)
{
    assert_true(i < result->kept);
    assert_string_equal(severity_name(result->findings[i].severity), severity_name(severity));
    assert_string_equal(result->findings[i].subject, subject);
    assert_says(result->findings[i].text, text);
}

static void see(struct fixture *f, size_t host, const char *metric, const char *instance, double value)
{
    assert_int_equal(patrol_see(&f->sight, &(struct patrol_value){ .host = &f->sight.hosts[host],
                                                                   .metric = metric,
                                                                   .instance = instance,
                                                                   .at_us = f->sight.now_us - S,
                                                                   .value = value }),
                     0);
}

/* ---- what there is nothing to say of ---- */

static void a_round_that_finds_nothing_says_of_how_many_things(void **state)
{
    struct fixture *f = *state;
    const struct rule rule = a_rule("cpu", CPU, COMPARE_ABOVE, 0.8);
    see_hosts(f, 3, &rule, 1);
    for (size_t i = 0; i < 3; i++) {
        see(f, i, CPU, "", 0.1);
        see(f, i, "probe.loss", "shop:443", 0);
    }
    assert_clear(look(f, PATROL_HOSTS), 3);
    assert_clear(&f->report.results[PATROL_COVERAGE], 3);
    assert_clear(&f->report.results[PATROL_HEADROOM], 3);
    assert_clear(&f->report.results[PATROL_CLOCKS], 3);
    assert_clear(&f->report.results[PATROL_SERVICES], 3);
    assert_clear(&f->report.results[PATROL_AGENTS], 3);
    assert_clear(&f->report.results[PATROL_PAGING], 1);
    assert_clear(&f->report.results[PATROL_SPOOL], 3);
    assert_clear(&f->report.results[PATROL_CONFIGURATION], 4);
}

static void what_there_was_nothing_to_look_at_by_is_not_checked_and_never_well(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    f->sight.has_before = false;
    f->sight.hosts[0].has_session = false;
    strcpy(f->sight.no_coverage, "the store did not answer");
    assert_not_checked(look(f, PATROL_CERTIFICATES), "no data");
    assert_not_checked(&f->report.results[PATROL_COVERAGE], "the store did not answer");
    assert_not_checked(&f->report.results[PATROL_HEADROOM], "no series meets a critical rule");
    assert_not_checked(&f->report.results[PATROL_DISK], "no filesystem");
    assert_not_checked(&f->report.results[PATROL_SERVICES], "no host in scope measures");
    assert_not_checked(&f->report.results[PATROL_SPOOL], "no agent has a session");
    assert_not_checked(&f->report.results[PATROL_CONFIGURATION], "the first round");
    strcpy(f->sight.no_values, "the disk is at fault");
    assert_not_checked(look(f, PATROL_HEADROOM), "the disk is at fault");
    assert_not_checked(&f->report.results[PATROL_DISK], "the disk is at fault");
    assert_not_checked(&f->report.results[PATROL_SERVICES], "the disk is at fault");
}

/* ---- hosts and agents ---- */

static void a_host_that_never_came_is_critical_a_silent_one_has_its_own_alert(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 4, NULL, 0);
    f->sight.hosts[0].presence = PATROL_SILENT;
    f->sight.hosts[0].last_tick_us = NOW_US - 90 * S;
    f->sight.hosts[1].presence = PATROL_NEVER;
    f->sight.hosts[2].interval_us = 10 * S;
    const struct patrol_result *result = look(f, PATROL_HOSTS);
    assert_int_equal(result->found, 3);
    assert_found(result, 0, SEVERITY_CRITICAL, "web-2", "never reported");
    assert_found(result, 1, SEVERITY_WARNING, "web-1", "1m 30s");
    assert_found(result, 2, SEVERITY_WARNING, "web-3", "samples each 10s, asked for is each 1s");
    assert_says(result->note, "2 of 4 hosts report");
    f->sight.hosts[2].wanted_us = 0; /* it is being told just now */
    assert_int_equal(look(f, PATROL_HOSTS)->found, 2);
    f->sight.phase = PATROL_PREPARING;
    assert_found(look(f, PATROL_HOSTS), 1, SEVERITY_WARNING, "web-2", "never reported");
}

static void an_empty_scope_is_critical(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 0, NULL, 0);
    assert_found(look(f, PATROL_HOSTS), 0, SEVERITY_CRITICAL, "scope", "nothing is watched");
}

static void a_gap_is_told_with_its_length_and_cause(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 3, NULL, 0);
    f->sight.hosts[0].covered = 0.985;
    f->sight.hosts[1].covered = 0.5;
    f->sight.hosts[1].longest_us = 300 * S;
    f->sight.hosts[1].cause = "link-down";
    f->sight.hosts[2].covered = NAN;
    const struct patrol_result *result = look(f, PATROL_COVERAGE);
    assert_found(result, 0, SEVERITY_WARNING, "web-2", "longest gap 5m 00s, link-down");
    assert_found(result, 1, SEVERITY_INFO, "web-1", "98.5 %");
    assert_says(result->note, "over 2 hosts; 1 not judged");
}

static void clocks_that_are_off_or_jumped_are_told(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 3, NULL, 0);
    f->sight.hosts[0].ahead_us = -61 * S;
    f->sight.hosts[1].ahead_us = 60 * S;
    f->sight.hosts[2].stepped = true;
    f->sight.own_step_us = 3600 * S;
    const struct patrol_result *result = look(f, PATROL_CLOCKS);
    assert_int_equal(result->found, 3);
    assert_found(result, 0, SEVERITY_WARNING, "web-1", "1m 01s behind");
    assert_found(result, 1, SEVERITY_WARNING, "web-3", "jumped");
    assert_found(result, 2, SEVERITY_WARNING, "collector", "3600 s");
}

static void agents_that_differ_lose_or_are_two_are_told(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 3, NULL, 0);
    f->sight.hosts[0].version = "1.1";
    f->sight.hosts[1].cloned = true;
    f->sight.hosts[2].dropped_us = 30 * S;
    const struct patrol_result *result = look(f, PATROL_AGENTS);
    assert_int_equal(result->found, 3);
    assert_found(result, 0, SEVERITY_WARNING, "web-2", "a machine was copied");
    assert_found(result, 1, SEVERITY_WARNING, "web-3", "gave up ticks of 30s");
    assert_found(result, 2, SEVERITY_INFO, "versions", "1.1 on 1, 1.2 on 2");
}

static void a_backlog_of_a_minute_is_told(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 2, NULL, 0);
    f->sight.hosts[0].backlog = 59;
    f->sight.hosts[1].backlog = 60;
    const struct patrol_result *result = look(f, PATROL_SPOOL);
    assert_int_equal(result->found, 1);
    assert_found(result, 0, SEVERITY_WARNING, "web-2", "60 ticks");
    assert_says(result->note, "60 ticks behind at most");
}

/* ---- values ---- */

static void the_series_nearest_to_its_limit_is_named_with_how_far_it_is(void **state)
{
    struct fixture *f = *state;
    const struct rule rules[] = { a_rule("cpu", CPU, COMPARE_ABOVE, 0.8),
                                  a_rule("free", "system.memory.linux.available", COMPARE_BELOW, 100) };
    see_hosts(f, 3, rules, 2);
    see(f, 0, CPU, "", 0.2);
    see(f, 1, CPU, "", 0.6);
    see(f, 2, CPU, "", 0.4);
    see(f, 0, "system.memory.linux.available", "", 400);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_clear(result, 4);
    assert_says(result->note, "4 series under 2 limits");
    assert_says(result->note, "nearest system.cpu.utilization on web-2: 60 %, 25 % below the limit of 80 %");
    const struct patrol_limit *nearest[PATROL_NEAREST];
    assert_int_equal(patrol_nearest(&f->sight, nearest), 2);
    assert_string_equal(nearest[0]->rule.name, "cpu");
    assert_string_equal(nearest[1]->rule.name, "free");
    assert_true(fabs(nearest[1]->share - 3) < 1e-9);
}

static void within_a_tenth_of_a_limit_or_past_it_is_a_warning(void **state)
{
    struct fixture *f = *state;
    const struct rule rules[] = { a_rule("cpu", CPU, COMPARE_ABOVE, 0.8),
                                  a_rule("free", "system.memory.linux.available", COMPARE_BELOW, 100) };
    see_hosts(f, 2, rules, 2);
    see(f, 0, CPU, "", 0.75);
    see(f, 0, "system.memory.linux.available", "", 60);
    see(f, 1, "system.memory.linux.available", "", 50);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_int_equal(result->found, 2);
    assert_found(result, 0, SEVERITY_WARNING, "system.cpu.utilization on web-1",
                 "75 %, 6.25 % below the limit of 80 %");
    assert_found(result, 1, SEVERITY_WARNING, "system.memory.linux.available on web-2", "2 series are past it");
    assert_says(result->findings[1].text, "50 % below the limit of 100 B");
}

static void a_rule_counts_where_it_is_in_force_and_its_limit_declared(void **state)
{
    struct fixture *f = *state;
    struct rule rules[] = { a_rule("calm", CPU, COMPARE_ABOVE, 0.1), a_rule("egress", EGRESS, COMPARE_ABOVE, 0.9),
                            a_rule("warning", CPU, COMPARE_ABOVE, 0.1), a_rule("eth", EGRESS, COMPARE_ABOVE, 1),
                            a_rule("rate", CPU, COMPARE_ABOVE, 0.1) };
    rules[0].in_force = IN_FORCE_NO_EVENT;
    rules[1].limit = LIMIT_EGRESS;
    rules[2].severity = SEVERITY_WARNING;
    strcpy(rules[3].instance, "wlan*");
    rules[4].condition = CONDITION_RATE;
    see_hosts(f, 2, rules, 5);
    f->sight.hosts[1].limits = f->limited;
    see(f, 0, CPU, "", 0.99);
    see(f, 0, EGRESS, "eth0", 5000);
    see(f, 1, EGRESS, "eth0", 855);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_int_equal(result->looked, 1);
    assert_int_equal(result->found, 1);
    assert_found(result, 0, SEVERITY_WARNING, "system.network.io.rate{device=eth0,direction=transmit} on web-2",
                 "5 % below the limit of 900 B/s");
}

static void tune(struct fixture *f, size_t host, const struct tuning *tunings, size_t n)
{
    struct patrol_host *of = &f->sight.hosts[host];
    of->tunings = calloc(n, sizeof *tunings);
    assert_non_null(of->tunings);
    memcpy(of->tunings, tunings, n * sizeof *tunings);
    of->n_tunings = n;
}

static void a_rule_that_is_other_on_a_host_is_held_against_it_as_it_is_there(void **state)
{
    struct fixture *f = *state;
    const struct rule rules[] = { a_rule("cpu", CPU, COMPARE_ABOVE, 0.8), a_rule("egress", EGRESS, COMPARE_ABOVE, 10) };
    const struct tuning tight[] = { { .rule = "cpu", .threshold = 0.5, .severity = SEVERITY_CRITICAL } };
    const struct tuning off[] = { { .rule = "cpu", .threshold = 0.8, .severity = SEVERITY_CRITICAL, .off = true } };
    const struct tuning mild[] = { { .rule = "cpu", .threshold = 0.1, .severity = SEVERITY_WARNING } };
    see_hosts(f, 4, rules, 2);
    tune(f, 0, tight, 1);
    tune(f, 1, off, 1);
    tune(f, 2, mild, 1);
    see(f, 0, CPU, "", 0.47);
    see(f, 1, CPU, "", 0.99);
    see(f, 2, CPU, "", 0.99);
    see(f, 3, CPU, "", 0.2);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_int_equal(result->looked, 2);
    assert_int_equal(result->found, 1);
    assert_found(result, 0, SEVERITY_WARNING, "system.cpu.utilization on web-1", "6 % below the limit of 50 %");
}

static void a_rule_that_is_critical_on_one_host_alone_is_looked_at_there(void **state)
{
    struct fixture *f = *state;
    struct rule rule = a_rule("cpu", CPU, COMPARE_ABOVE, 0.8);
    const struct tuning critical[] = { { .rule = "cpu", .threshold = 0.8, .severity = SEVERITY_CRITICAL } };
    rule.severity = SEVERITY_WARNING;
    see_hosts(f, 2, NULL, 0);
    tune(f, 1, critical, 1);
    free(f->sight.limits);
    assert_int_equal(patrol_sight_limits(&f->sight, &rule, 1), 0);
    see(f, 0, CPU, "", 0.99);
    see(f, 1, CPU, "", 0.4);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_clear(result, 1);
    assert_says(result->note, "on web-2");
}

static void a_value_that_is_old_says_nothing(void **state)
{
    struct fixture *f = *state;
    const struct rule rule = a_rule("cpu", CPU, COMPARE_ABOVE, 0.8);
    see_hosts(f, 1, &rule, 1);
    struct patrol_value value = { .host = &f->sight.hosts[0], .metric = CPU, .instance = "", .value = 0.9 };
    value.at_us = NOW_US - 31 * S;
    assert_int_equal(patrol_see(&f->sight, &value), 0);
    assert_int_equal(f->sight.n_stale, 1);
    assert_not_checked(look(f, PATROL_HEADROOM), "no series");
    value.at_us = NOW_US - 30 * S;
    assert_int_equal(patrol_see(&f->sight, &value), 0);
    assert_int_equal(look(f, PATROL_HEADROOM)->found, 1);
}

/* ---- disks ---- */

/* A round each ten minutes, the last of them now. */
static void fill_disk(struct fixture *f, size_t host, int rounds, double from, double by)
{
    for (int i = 0; i < rounds; i++) {
        f->sight.now_us = NOW_US - (rounds - 1 - i) * 600 * S;
        see(f, host, DISK, "/", from + i * by);
    }
}

static void a_disk_that_is_full_before_the_end_is_told_with_the_method(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 4, NULL, 0);
    fill_disk(f, 0, 6, 0.5, 0.01);    /* 6 % an hour: full in 7.5 h */
    fill_disk(f, 1, 6, 0.9, 0.015);   /* in less than one */
    fill_disk(f, 2, 6, 0.5, 0.005);   /* behind the end */
    fill_disk(f, 3, 6, 0.99, 0.0001); /* hardly moves */
    const struct patrol_result *result = look(f, PATROL_DISK);
    assert_int_equal(result->looked, 4);
    assert_int_equal(result->found, 2);
    assert_found(result, 0, SEVERITY_CRITICAL, "/ on web-2", "97.5 % full and full in 16m");
    assert_found(result, 1, SEVERITY_WARNING, "/ on web-1", "at 6 % an hour: a straight line through 6 points of 50m");
    assert_says(result->note, "straight line");
}

static void a_name_of_many_bytes_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char mountpoint[INSTANCE_MAX + 1] = "/x";
    char line[64];
    for (size_t len = strlen(mountpoint); len + 2 <= INSTANCE_MAX; len += 2)
        memcpy(mountpoint + len, "é", 3);
    const struct rule full[] = { a_rule("full", DISK, COMPARE_ABOVE, 0.9),
                                 a_rule("inodes", INODES, COMPARE_ABOVE, 0.9) };
    see_hosts(f, 1, full, 2);
    see(f, 0, DISK, mountpoint, 0.97);
    see(f, 0, INODES, mountpoint + 1, 0.97);
    const struct patrol_result *result = look(f, PATROL_HEADROOM);
    assert_int_equal(result->kept, 2);
    for (size_t i = 0; i < result->kept; i++) {
        assert_true(utf8_is_shown(result->findings[i].subject, 1, PATROL_SUBJECT_MAX, ""));
        assert_true(utf8_is_shown(patrol_finding_line(line, sizeof line, &result->findings[i]), 1, 63, ""));
    }
}

static void a_line_needs_three_points_over_a_quarter_of_an_hour(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 2, NULL, 0);
    fill_disk(f, 0, 2, 0.5, 0.2);
    assert_not_checked(look(f, PATROL_DISK), "too few points");
    fill_disk(f, 1, 3, 0.5, 0.2);
    const struct patrol_result *result = look(f, PATROL_DISK);
    assert_int_equal(result->looked, 1);
    assert_int_equal(result->found, 1);
    assert_says(result->note, "1 have too few yet");
}

static void a_disk_goes_by_its_latest_points_and_a_clock_set_back_takes_those_away(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    fill_disk(f, 0, 20, 0.2, 0.03); /* it filled up... */
    fill_disk(f, 0, 12, 0.8, 0);    /* ...and stands still since */
    assert_clear(look(f, PATROL_DISK), 1);
    f->sight.now_us = NOW_US - 1200 * S; /* twenty minutes are to come again */
    see(f, 0, DISK, "/", 0.8);
    assert_clear(look(f, PATROL_DISK), 1);
}

/* ---- the room ---- */

static void lost_attempts_are_told_the_worst_first_and_the_others_counted(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 12, NULL, 0);
    for (size_t i = 0; i < 12; i++)
        see(f, i, "probe.loss", "shop:443", (double)i / 100);
    see(f, 0, "probe.latency", "shop:443", 0.0123);
    const struct patrol_result *result = look(f, PATROL_SERVICES);
    assert_int_equal(result->looked, 12);
    assert_int_equal(result->found, 11);
    assert_int_equal(result->kept, PATROL_FINDINGS_A_CHECK);
    assert_found(result, 0, SEVERITY_WARNING, "shop:443 from web-12", "11 %");
    assert_found(result, 7, SEVERITY_INFO, "shop:443 from web-5", "4 %");
    assert_says(result->note, "slowest 12.3 ms");
    assert_says(result->note, "processes are not looked at");
}

static void findings_past_the_room_are_counted_and_the_worst_are_kept(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 32, NULL, 0);
    for (size_t i = 0; i < 32; i++)
        f->sight.hosts[i].presence = i == 30 ? PATROL_NEVER : PATROL_SILENT;
    const struct patrol_result *result = look(f, PATROL_HOSTS);
    assert_int_equal(result->found, 32);
    assert_int_equal(result->kept, PATROL_FINDINGS_A_CHECK);
    assert_int_equal(result->worst, SEVERITY_CRITICAL);
    assert_found(result, 0, SEVERITY_CRITICAL, "web-31", "never");
    assert_found(result, 1, SEVERITY_WARNING, "web-1", "silent");
}

static void nobody_to_tell_is_critical(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    f->sight.paging.n_contacts = 0;
    assert_found(look(f, PATROL_PAGING), 0, SEVERITY_CRITICAL, "contacts", "nobody is told");
}

static void what_is_not_delivered_is_told_and_whom_nothing_was_sent_to_is_not_known(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    struct patrol_paging *paging = &f->sight.paging;
    assert_says(look(f, PATROL_PAGING)->note, "1 were sent none yet: whether they can be reached is not known");
    paging->contacts[0].at_us = NOW_US - S;
    strcpy(paging->contacts[0].error, "HTTP 503");
    paging->queued = 2;
    paging->oldest_us = NOW_US - 61 * S;
    const struct patrol_result *result = look(f, PATROL_PAGING);
    assert_found(result, 0, SEVERITY_WARNING, "duty", "HTTP 503");
    assert_found(result, 1, SEVERITY_WARNING, "pages", "2 not delivered, the oldest is 1m 01s old");
    paging->oldest_us = NOW_US - 301 * S;
    paging->failed = 3;
    result = look(f, PATROL_PAGING);
    assert_found(result, 0, SEVERITY_CRITICAL, "pages", "2 not delivered");
    assert_found(result, 1, SEVERITY_CRITICAL, "pages", "3 given up");
}

static void changes_since_the_last_round_are_told_with_the_names_of_hosts(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    f->sight.setup = (struct patrol_setup){ .rules = 1, .config = 1, .event = 1, .hosts = 1 };
    f->sight.joined = (struct patrol_names){ 2, { "web-8", "web-9" } };
    f->sight.left = (struct patrol_names){ 1, { "db-1" } };
    const struct patrol_result *result = look(f, PATROL_CONFIGURATION);
    assert_int_equal(result->found, 5);
    assert_int_equal(result->worst, SEVERITY_INFO);
    assert_found(result, 0, SEVERITY_INFO, "rules", "changed");
    assert_found(result, 3, SEVERITY_INFO, "scope", "2 hosts joined: web-8, web-9");
    assert_found(result, 4, SEVERITY_INFO, "scope", "1 hosts left: db-1");
    f->sight.has_names = false;
    result = look(f, PATROL_CONFIGURATION);
    assert_found(result, 3, SEVERITY_INFO, "scope", "while the collector was restarted");
}

static void a_planned_change_that_nobody_has_answered_is_a_warning(void **state)
{
    struct fixture *f = *state;
    see_hosts(f, 1, NULL, 0);
    assert_clear(look(f, PATROL_NOTICES), 0);
    f->sight.n_unanswered = 2;
    strcpy(f->sight.unanswered, "4 firmware, 7 cooling");
    const struct patrol_result *result = look(f, PATROL_NOTICES);
    assert_found(result, 0, SEVERITY_WARNING, "window",
                 "2 planned changes fall into it unanswered: 4 firmware, 7 cooling");
    assert_says(result->note, "2 planned changes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_round_that_finds_nothing_says_of_how_many_things),
        TEST(what_there_was_nothing_to_look_at_by_is_not_checked_and_never_well),
        TEST(a_host_that_never_came_is_critical_a_silent_one_has_its_own_alert),
        TEST(an_empty_scope_is_critical),
        TEST(a_gap_is_told_with_its_length_and_cause),
        TEST(clocks_that_are_off_or_jumped_are_told),
        TEST(agents_that_differ_lose_or_are_two_are_told),
        TEST(a_backlog_of_a_minute_is_told),
        TEST(the_series_nearest_to_its_limit_is_named_with_how_far_it_is),
        TEST(within_a_tenth_of_a_limit_or_past_it_is_a_warning),
        TEST(a_rule_counts_where_it_is_in_force_and_its_limit_declared),
        TEST(a_rule_that_is_other_on_a_host_is_held_against_it_as_it_is_there),
        TEST(a_rule_that_is_critical_on_one_host_alone_is_looked_at_there),
        TEST(a_value_that_is_old_says_nothing),
        TEST(a_disk_that_is_full_before_the_end_is_told_with_the_method),
        TEST(a_name_of_many_bytes_is_cut_between_characters),
        TEST(a_line_needs_three_points_over_a_quarter_of_an_hour),
        TEST(a_disk_goes_by_its_latest_points_and_a_clock_set_back_takes_those_away),
        TEST(lost_attempts_are_told_the_worst_first_and_the_others_counted),
        TEST(findings_past_the_room_are_counted_and_the_worst_are_kept),
        TEST(nobody_to_tell_is_critical),
        TEST(what_is_not_delivered_is_told_and_whom_nothing_was_sent_to_is_not_known),
        TEST(a_planned_change_that_nobody_has_answered_is_a_warning),
        TEST(changes_since_the_last_round_are_told_with_the_names_of_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

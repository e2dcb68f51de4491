/* Patrol as the collector makes it: what is read back is the tenant's ledger. */
#include <math.h>
#include <string.h>

#include "collector/collector_fixture.h"
#include "collector/parts.h"
#include "collector/patrol/patrol.h"

enum { RECORDS_MAX = 400, TEN_MINUTES = 600, HOUR = 3600, DAY = 86400 };

struct records { /* the entries of the kind "round", in the order of the chain */
    size_t n;
    json_t *at[RECORDS_MAX];
    bool come, more;
    uint64_t last;
};

/* ---- an event ---- */

/* A drill of web-* over the day after the clock's; begins with its first second. */
static uint64_t begin_drill(struct fixture *f)
{
    const struct event_plan plan = {
        .name = "exercise", .zone = "UTC", .first_day = "2026-11-24", .days = 1, .hosts = "web-*", .drill = true
    };
    const struct event *row = collector_event(f->collector, plan_event(f, &plan));
    clock_fake_pass(&f->fake, (row->start_us - now_us(f->collector)) * NS_PER_US);
    collector_tick(f->collector); /* it sleeps through the evening */
    assert_int_equal(collector_event_do(f->collector, row->id, EVENT_START, &fixture_commander, &row, &f->err), 0);
    return row->id;
}

static const struct event_patrol *patrol_of(const struct fixture *f, uint64_t event)
{
    return &collector_event(f->collector, event)->patrol;
}

/* Lets a round come to record, and on the disk: if minutes passed while it is being written, that disk would hang. */
static void run_round(struct fixture *f, uint64_t event, unsigned rounds)
{
    RUN_UNTIL(f, patrol_of(f, event)->rounds >= rounds);
    commit(f, f->tenant);
}

/* Second by second to `us` of the clock, with each round made when it is due. */
static void live_until(struct fixture *f, uint64_t event, int64_t until_us)
{
    while (now_us(f->collector) < until_us && !patrol_of(f, event)->closed) {
        int64_t next_us = patrol_next_us(collector_event(f->collector, event));
        int64_t wait_us = (next_us < until_us ? next_us : until_us) - now_us(f->collector);
        struct patrol_round round;
        pass(f, wait_us > 0 ? wait_us / US_PER_S : 1);
        if (patrol_due(collector_event(f->collector, event), now_us(f->collector), &round))
            RUN_UNTIL(f, patrol_next_us(collector_event(f->collector, event)) != next_us);
        commit(f, f->tenant);
    }
}

static void live_to_the_end(struct fixture *f, uint64_t event)
{
    live_until(f, event, INT64_MAX);
    commit(f, f->tenant);
}

static void move_clock(struct fixture *f, int64_t seconds)
{
    f->fake.wall_ns += seconds * NS_PER_S;
}

/* ---- its ledger ---- */

static void on_ledger(void *user, const struct store_ledger *result, const struct err *err)
{
    struct records *records = user;
    records->come = true;
    records->more = !err && result->more;
    for (size_t i = 0; !err && i < result->n && records->n < RECORDS_MAX; i++) {
        records->last = result->at[i].entry.n;
        records->at[records->n++] = json_loads(result->at[i].entry.body, 0, NULL);
    }
}

static struct records *read_ledger(struct fixture *f, uint64_t event)
{
    struct records *records = test_calloc(1, sizeof *records);
    do {
        struct store_ledger_query query = { .tenant = f->tenant,
                                            .event = event,
                                            .kind = "round",
                                            .oldest_first = true,
                                            .behind = records->last,
                                            .most = STORE_LEDGER_MOST };
        records->come = false;
        assert_int_equal(store_ledger(collector_store(f->collector), &query, on_ledger, records, &f->err), 0);
        RUN_UNTIL(f, records->come);
    } while (records->more);
    return records;
}

static void free_records(struct records *records)
{
    for (size_t i = 0; i < records->n; i++)
        json_decref(records->at[i]);
    test_free(records);
}

static const char *text_of(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

/* Each of 0..144 once, in order, the last one the closing round. Returns how many were missed. */
static unsigned assert_145_of_145(struct fixture *f, uint64_t event)
{
    struct records *records = read_ledger(f, event);
    unsigned missed = 0;
    assert_int_equal(records->n, 145);
    for (size_t i = 0; i < records->n; i++) {
        assert_int_equal(json_integer_value(json_object_get(records->at[i], "k")), i);
        assert_string_equal(text_of(records->at[i], "phase"), i < 144 ? "live" : "closing");
        missed += strcmp(text_of(records->at[i], "state"), "missed") == 0;
    }
    free_records(records);
    return missed;
}

/* ---- the tests ---- */

static void a_live_day_has_145_rounds_of_145_on_record(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    live_to_the_end(f, event);
    assert_int_equal(assert_145_of_145(f, event), 0);
    pass(f, DAY);
    commit(f, f->tenant);
    assert_int_equal(assert_145_of_145(f, event), 0);
}

static void a_restart_in_the_middle_neither_skips_nor_repeats_a_round(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    int64_t start_us = collector_event(f->collector, event)->start_us;
    live_until(f, event, start_us + 12 * HOUR * US_PER_S);
    pass(f, 1); /* the round of noon is being made, and is lost with the process */
    restart_collector(f);
    live_until(f, event, start_us + 15 * HOUR * US_PER_S + 60 * US_PER_S);
    close_collector(f);
    clock_fake_pass(&f->fake, 25 * 60 * NS_PER_S); /* rounds of 15:10 and 15:20 pass by */
    open_collector(f);
    live_to_the_end(f, event);
    assert_int_equal(assert_145_of_145(f, event), 1);
    assert_true(was_logged(f, "event=round_missed"));
    assert_true(was_logged(f, "the collector was not running"));
}

static void a_clock_that_jumps_an_hour_ahead_leaves_missed_rounds_on_record(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    live_until(f, event, collector_event(f->collector, event)->start_us + (10 * HOUR + 60) * US_PER_S);
    move_clock(f, HOUR);
    live_to_the_end(f, event);
    assert_int_equal(assert_145_of_145(f, event), 5);
    assert_true(was_logged(f, "the collector's clock jumped"));
}

static void a_clock_that_jumps_an_hour_back_repeats_no_round(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    live_until(f, event, collector_event(f->collector, event)->start_us + (10 * HOUR + 60) * US_PER_S);
    move_clock(f, -HOUR);
    live_to_the_end(f, event);
    assert_int_equal(assert_145_of_145(f, event), 0);
}

static void an_event_ended_early_has_its_closing_round_at_once(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    const struct event *row;
    live_until(f, event, now_us(f->collector) + (HOUR + 60) * US_PER_S);
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, &f->err), 0);
    live_to_the_end(f, event);
    struct records *records = read_ledger(f, event);
    assert_int_equal(records->n, 8);
    assert_string_equal(text_of(records->at[7], "phase"), "closing");
    assert_string_equal(text_of(records->at[7], "state"), "kept");
    free_records(records);
}

static const json_t *check_of(const json_t *record, const char *name)
{
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(record, "checks"), i,
                       check) if (strcmp(text_of(check, "check"), name) == 0) return check;
    fail_msg("no check %s", name);
    return NULL;
}

/* Up to the next round, which is made, the host reports, in the end often enough not to be silent. */
static void report_to_the_next_round(struct fixture *f, struct agent *agent, uint64_t event)
{
    unsigned rounds = patrol_of(f, event)->rounds;
    uint64_t next = 1;
    for (uint32_t left = TEN_MINUTES, n; left > 0; left -= n) {
        n = left > 30 ? 30 : 2;
        commit(f, f->tenant);
        pass(f, n);
        REPORT(agent, .first = next, .n = n, .cpu = 0.6, .interval_us = US_PER_S);
        next += n;
    }
    pass(f, 1);
    run_round(f, event, rounds + 1);
}

/* The first one, which saw no host, and the next, which saw one that reported. */
static struct records *rounds_of_a_drill(struct fixture *f)
{
    uint64_t event = begin_drill(f);
    pass(f, 1);
    run_round(f, event, 1);
    report_to_the_next_round(f, join_agent(f, f->host, 1), event);
    commit(f, f->tenant);
    return read_ledger(f, event);
}

static void a_round_says_what_each_check_looked_at_and_what_could_not_be_checked(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu", CPU, 0.8, 0);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    struct records *records = rounds_of_a_drill(f);
    assert_int_equal(records->n, 2);
    const json_t *record = records->at[1];
    assert_int_equal(json_array_size(json_object_get(record, "checks")), PATROL_CHECK_COUNT);
    assert_int_equal(json_array_size(json_object_get(record, "findings")), 0);
    assert_true(json_is_true(json_object_get(check_of(record, "hosts"), "checked")));
    assert_true(json_is_true(json_object_get(check_of(record, "coverage"), "checked")));
    assert_true(json_is_false(json_object_get(check_of(record, "certificates"), "checked")));
    assert_non_null(strstr(text_of(check_of(record, "headroom"), "note"),
                           "system.cpu.utilization on web-1: 60 %, 25 % below the limit of 80 %"));
    const json_t *nearest = json_array_get(json_object_get(record, "nearest"), 0);
    assert_string_equal(text_of(nearest, "host"), "web-1");
    assert_true(json_real_value(json_object_get(nearest, "value")) == 0.6);
    free_records(records);
}

static void a_round_looks_at_a_host_by_what_is_laid_over_the_rules_there(void **state)
{
    static struct overlays groups = { .n = 1,
                                      .at[0] = { .rule = "cpu",
                                                 .hosts = "web-*",
                                                 .above = 0.75,
                                                 .below = NAN,
                                                 .clear = 0.75,
                                                 .hold_us = OVERLAY_GIVEN_NOT,
                                                 .severity = OVERLAY_GIVEN_NOT,
                                                 .page = OVERLAY_GIVEN_NOT } };
    struct fixture *f = *state;
    add_rule(f, "cpu", CPU, 0.95, 0);
    f->config.overlays = &groups;
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    struct records *records = rounds_of_a_drill(f);
    assert_non_null(strstr(text_of(check_of(records->at[1], "headroom"), "note"),
                           "system.cpu.utilization on web-1: 60 %, 20 % below the limit of 75 %"));
    free_records(records);
}

static void what_a_round_finds_opens_an_incident_that_the_next_clean_one_resolves(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f); /* web-1 has never reported */
    pass(f, 1);
    run_round(f, event, 1);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "DRILL: Patrol: web-1: never reported (exercise)"));
    assert_string_equal(incident(f, 1)->group, "patrol:findings");
    assert_int_equal(incident(f, 1)->event, event);
    pass(f, TEN_MINUTES);
    run_round(f, event, 2);
    assert_int_equal(pages_out(f), 1); /* the second round joins */
    report_to_the_next_round(f, join_agent(f, f->host, 1), event);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
}

static void an_incident_of_patrol_goes_on_over_a_restart(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    pass(f, 1);
    run_round(f, event, 1);
    assert_int_equal(pages_out(f), 1);
    restart_collector(f);
    pass(f, TEN_MINUTES);
    run_round(f, event, 2);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    report_to_the_next_round(f, join_agent(f, f->host, 1), event);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void close_event(struct fixture *f, uint64_t event)
{
    const struct event *row;
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, &f->err), 0);
}

static void what_the_closing_round_leaves_open_ends_with_the_event(void **state)
{
    struct fixture *f = *state;
    struct recorded recorded[8];
    uint64_t event = begin_drill(f);
    pass(f, 1);
    run_round(f, event, 1);
    assert_int_equal(pages_out(f), 1);
    close_event(f, event);
    pass(f, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED); /* the closing round is being made */
    RUN_UNTIL(f, patrol_of(f, event)->closed);
    pass(f, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "alice");
    assert_int_equal(incident(f, 1)->acknowledged_us, 0);
    assert_int_equal(pages_out(f), 2);
    size_t n = read_record(f, f->tenant, "incident", recorded, 8);
    assert_string_equal(recorded[n - 1].what, "resolved");
    assert_string_equal(recorded[n - 1].actor, "alice");
}

static void what_patrol_left_open_ends_with_the_event_over_a_restart_too(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    pass(f, 1);
    run_round(f, event, 1);
    close_event(f, event);
    commit(f, f->tenant);
    close_collector(f);
    clock_fake_pass(&f->fake, (int64_t)DAY * NS_PER_S); /* the closing round is missed */
    open_collector(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    pass(f, 2);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 2)->group, "patrol:missed");
    assert_int_equal(incident(f, 2)->state, INCIDENT_RESOLVED);
}

static void a_warning_opens_an_incident_without_a_page(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    REPORT(join_agent(f, f->host, 1), .first = 1, .n = 10, .highest = 200); /* the others have not come yet */
    pass(f, 1);
    run_round(f, event, 1);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(incident(f, 1)->severity, SEVERITY_WARNING);
    assert_int_equal(incident(f, 1)->clock, 0);
}

/* Of the latest round on record. */
static json_int_t found_by(struct fixture *f, uint64_t event, const char *check)
{
    commit(f, f->tenant);
    struct records *records = read_ledger(f, event);
    json_int_t found = json_integer_value(json_object_get(check_of(records->at[records->n - 1], check), "found"));
    free_records(records);
    return found;
}

static void the_closing_round_of_an_event_that_is_closed_pages_nobody(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    pass(f, 1);
    close_event(f, event); /* its first round is being made */
    run_round(f, event, 1);
    pass(f, 1);
    RUN_UNTIL(f, patrol_of(f, event)->closed);
    pass(f, 1);
    assert_int_equal(found_by(f, event, "hosts"), 1); /* web-1 has never reported */
    assert_int_equal(pages_out(f), 0);
    assert_null(pager_incident(f->collector->pager, 1));
}

static void a_change_that_is_announced_while_it_is_live_is_found_until_it_is_answered(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    struct notice wanted = { 0 };
    const struct notice *row;
    int64_t start_us = collector_event(f->collector, event)->start_us;
    struct notice_wish wish = { .kind = "change",
                                .hosts = "web-1",
                                .title = "switch firmware",
                                .impact = "30 s without network",
                                .by = "ada",
                                .from_us = start_us + 3 * HOUR * US_PER_S,
                                .to_us = start_us + 4 * HOUR * US_PER_S };
    struct decision answer = { .by = "bob", .role = ROLE_COMMANDER, .reason = "moved to the second switch" };
    REPORT(join_agent(f, f->host, 1), .first = 1, .interval_us = US_PER_S);
    pass(f, 1);
    run_round(f, event, 1);
    assert_int_equal(found_by(f, event, "notices"), 0);
    assert_int_equal(notice_init(&wanted, &wish, &f->err), 0);
    wanted.tenant = f->tenant;
    assert_int_equal(collector_add_notice(f->collector, &wanted, &row, &f->err), 0);
    report_to_the_next_round(f, join_agent(f, f->host, 2), event);
    assert_int_equal(found_by(f, event, "notices"), 1);
    assert_int_equal(collector_answer_notice(f->collector, 0, row->id, &answer, &row, &f->err), 0);
    report_to_the_next_round(f, join_agent(f, f->host, 3), event);
    assert_int_equal(found_by(f, event, "notices"), 0);
}

static void missed_rounds_are_one_incident_of_their_own(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    pass(f, 1);
    run_round(f, event, 1);
    unsigned pages = pages_out(f);
    move_clock(f, HOUR);
    pass(f, 1);
    run_round(f, event, 7);
    assert_int_equal(pages_out(f), pages + 2); /* told, and that it is over */
    assert_string_equal(incident(f, 2)->group, "patrol:missed");
    assert_int_equal(incident(f, 2)->n_alerts, 1);
    assert_int_equal(incident(f, 2)->state, INCIDENT_RESOLVED);
}

static void a_shift_is_handed_over_so_often_and_no_more_over_a_restart_too(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    for (int i = 0; i < EVENT_HANDOVERS_MAX; i++)
        assert_int_equal(collector_hand_over(f->collector, event, "ann", "{\"note\":\"quiet\"}", &f->err), 0);
    commit(f, f->tenant);
    restart_collector(f);
    assert_int_equal(collector_hand_over(f->collector, event, "ann", "{\"note\":\"quiet\"}", &f->err), -ENOSPC);
    assert_non_null(strstr(f->err.text, "event exercise was handed over 500 times"));
}

static void a_store_that_does_not_answer_holds_no_round_back(void **state)
{
    struct fixture *f = *state;
    uint64_t event = begin_drill(f);
    pass(f, 120); /* without a turn of the loop that would bring the answer */
    assert_int_equal(patrol_of(f, event)->rounds, 0);
    pass(f, 3);
    assert_int_equal(patrol_of(f, event)->rounds, 1);
    commit(f, f->tenant);
    struct records *records = read_ledger(f, event);
    assert_true(json_is_false(json_object_get(check_of(records->at[0], "coverage"), "checked")));
    assert_string_equal(text_of(check_of(records->at[0], "coverage"), "note"), "the store did not answer in time");
    free_records(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_live_day_has_145_rounds_of_145_on_record),
        COLLECTOR_TEST(a_restart_in_the_middle_neither_skips_nor_repeats_a_round),
        COLLECTOR_TEST(a_clock_that_jumps_an_hour_ahead_leaves_missed_rounds_on_record),
        COLLECTOR_TEST(a_clock_that_jumps_an_hour_back_repeats_no_round),
        COLLECTOR_TEST(an_event_ended_early_has_its_closing_round_at_once),
        COLLECTOR_TEST(a_round_says_what_each_check_looked_at_and_what_could_not_be_checked),
        COLLECTOR_TEST(a_round_looks_at_a_host_by_what_is_laid_over_the_rules_there),
        COLLECTOR_TEST(what_a_round_finds_opens_an_incident_that_the_next_clean_one_resolves),
        COLLECTOR_TEST(an_incident_of_patrol_goes_on_over_a_restart),
        COLLECTOR_TEST(what_the_closing_round_leaves_open_ends_with_the_event),
        COLLECTOR_TEST(the_closing_round_of_an_event_that_is_closed_pages_nobody),
        COLLECTOR_TEST(what_patrol_left_open_ends_with_the_event_over_a_restart_too),
        COLLECTOR_TEST(a_warning_opens_an_incident_without_a_page),
        COLLECTOR_TEST(a_change_that_is_announced_while_it_is_live_is_found_until_it_is_answered),
        COLLECTOR_TEST(missed_rounds_are_one_incident_of_their_own),
        COLLECTOR_TEST(a_shift_is_handed_over_so_often_and_no_more_over_a_restart_too),
        COLLECTOR_TEST(a_store_that_does_not_answer_holds_no_round_back),
    };
    return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}

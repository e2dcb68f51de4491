/* A real event from its draft to the closed book, its day lived through half a minute at a time, by hosts that report.
 * */
#include "collector/collector_fixture.h"

#include <string.h>

enum { STEP_S = 30, DAY_S = 24 * 3600 };

static void take(struct fixture *f, uint64_t id, enum event_verb verb, enum event_state state)
{
    const struct event *row;
    if (collector_event_do(f->collector, id, verb, &fixture_commander, &row, &f->err) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(row->state, state);
}

static void override_all_but_hosts(struct fixture *f, uint64_t id)
{
    const struct event *row;
    for (enum gate_kind gate = 0; gate < GATE_HOSTS; gate++)
        assert_int_equal(collector_override_gate(f->collector, id, gate, &fixture_commander, &row, &f->err), 0);
}

static uint64_t plan_day(struct fixture *f)
{
    return plan_event(
        f, &(struct event_plan){
               .name = "sale", .zone = "Asia/Shanghai", .first_day = "2026-11-24", .days = 1, .hosts = "web-*" });
}

/* Rounded up to whole steps. */
static int64_t seconds_until(const struct fixture *f, int64_t at_us)
{
    int64_t step_us = STEP_S * US_PER_S;
    return (at_us - collector_now_us(f->collector) + step_us - 1) / step_us * STEP_S;
}

/* Two hosts report. */
static void begin(struct fixture *f, struct reporting reporting[2])
{
    reporting[0] = (struct reporting){ join_agent(f, f->host, 1), 1 };
    reporting[1] = (struct reporting){ join_agent(f, add_host(f, f->tenant, "web-2"), 1), 1 };
}

static void go_to(struct fixture *f, uint64_t id, struct reporting reporting[2])
{
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    assert_true(collector_event(f->collector, id)->late_request);
    override_all_but_hosts(f, id);
    take(f, id, EVENT_ACCEPT, EVENT_ACCEPTED);
    take(f, id, EVENT_CHECK, EVENT_CHECKED);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    pass_reporting(f, reporting, 2, 2 * STEP_S);
    assert_int_equal(collector_event(f->collector, id)->state, EVENT_ARMED);
}

struct rounds_read {
    bool came, more;
    uint64_t last;
    unsigned live, closing, missed;
};

static void on_rounds(void *user, const struct store_ledger *result, const struct err *err)
{
    struct rounds_read *read = user;
    assert_null(err);
    for (size_t i = 0; i < result->n; i++) {
        const char *body = result->at[i].entry.body;
        read->live += strstr(body, "\"phase\":\"live\"") != NULL;
        read->closing += strstr(body, "\"phase\":\"closing\"") != NULL;
        read->missed += strstr(body, "\"state\":\"missed\"") != NULL;
        read->last = result->at[i].entry.n;
    }
    read->more = result->more;
    read->came = true;
}

/* Those of the event's day: the hourly ones before it are of another phase. */
static void check_rounds(struct fixture *f, uint64_t event)
{
    struct rounds_read read = { .more = true };
    commit(f, f->tenant);
    while (read.more) {
        const struct store_ledger_query query = { .tenant = f->tenant,
                                                  .event = event,
                                                  .kind = "round",
                                                  .oldest_first = true,
                                                  .behind = read.last,
                                                  .most = STORE_LEDGER_MOST };
        read.came = false;
        assert_int_equal(store_ledger(collector_store(f->collector), &query, on_rounds, &read, &f->err), 0);
        RUN_UNTIL(f, read.came);
    }
    assert_int_equal(read.live, 144);
    assert_int_equal(read.closing, 1);
    assert_int_equal(read.missed, 0);
}

static void a_day_is_lived_through_with_145_rounds_of_145_and_no_silent_host(void **state)
{
    struct fixture *f = *state;
    struct reporting reporting[2];
    begin(f, reporting);
    uint64_t id = plan_day(f);
    go_to(f, id, reporting);
    const struct event *event = collector_event(f->collector, id);
    pass_reporting(f, reporting, 2, seconds_until(f, event->start_us));
    assert_int_equal(event->state, EVENT_LIVE);
    assert_true(event->started_us - event->start_us < STEP_S * US_PER_S);
    pass_reporting(f, reporting, 2, DAY_S - 2 * STEP_S);
    assert_int_equal(event->state, EVENT_LIVE);
    pass_reporting(f, reporting, 2, 2 * STEP_S);
    assert_int_equal(event->state, EVENT_CLOSING);
    pass_reporting(f, reporting, 2, 2 * STEP_S);
    RUN_UNTIL(f, event->patrol.closed); /* the closing round is made */
    check_rounds(f, id);
    assert_int_equal(status_of(f).silent, 0);
    assert_int_equal(status_of(f).firing, 0);
    take(f, id, EVENT_REPORT, EVENT_REPORTED);
    take(f, id, EVENT_CLOSE, EVENT_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_day_is_lived_through_with_145_rounds_of_145_and_no_silent_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

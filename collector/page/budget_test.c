#include "collector/page/page_fixture.h"

static void a_budget_that_ran_out_is_marked_once(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 599);
    tick(f); /* which warns of it */
    at(f, 600);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
    f->now_us++;
    tick(f);
    assert_int_equal(f->out.n_incidents, 1);
    assert_true(f->out.incidents[0].breached);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
}

static void delivered_but_not_acknowledged_in_time_is_a_breach(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 601);
    tick(f);
    assert_true(incident(f, 1)->breached);
}

static void acknowledged_in_time_is_none_even_if_no_page_was_delivered(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 600);
    acknowledge(f, 1);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached);
}

static void delivered_and_recovered_in_time_is_none(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 300);
    RECOVERS(f);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached);
}

static void recovered_in_time_but_told_to_nobody_is_a_breach(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 300);
    RECOVERS(f);
    at(f, 601);
    deliver(f);
    assert_true(f->out.incidents[0].breached);
    assert_true(incident(f, 1)->breached);
}

static void what_came_back_and_stayed_and_was_told_to_nobody_is_a_breach(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s bob");
    for (int i = 0; i < 2; i++) {
        FIRES(f);
        while (pager_count_queued(f->pager) > 0)
            deliver(f);
        RECOVERS(f);
        while (pager_count_queued(f->pager) > 0)
            deliver(f);
    }
    FIRES(f);
    at(f, 300);
    tick(f); /* bob is to be told now */
    assert_int_equal(f->out.n_pages, 1);
    at(f, 400);
    RECOVERS(f);
    at(f, 601);
    tick(f);
    assert_true(incident(f, 1)->breached);
}

static void each_clock_of_an_incident_has_its_own_breach_on_record(void **state)
{
    struct fixture *f = *state;
    for (int64_t clock = 0; clock < 2; clock++) {
        at(f, clock * 1000);
        FIRES(f, .severity = clock ? SEVERITY_CRITICAL : SEVERITY_WARNING, .rule = clock ? "critical" : "warning");
        deliver(f);
        at(f, clock * 1000 + 300);
        tick(f);
        assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_WARNED);
        at(f, clock * 1000 + 601);
        tick(f);
        assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_BREACHED);
        assert_non_null(strstr(f->out.steps[0].text, "not acknowledged"));
        at(f, clock * 1000 + 700);
        tick(f);
        assert_int_equal(f->out.n_steps, 0);
    }
}

static void an_acknowledgement_that_comes_too_late_is_a_breach_without_a_tick(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 601);
    acknowledge(f, 1);
    assert_true(f->out.incidents[0].breached);
}

static void a_breach_stays_on_record_over_a_new_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .severity = SEVERITY_WARNING);
    at(f, 700);
    FIRES(f, .rule = "loss");
    assert_true(incident(f, 1)->breached);
    assert_int_equal(incident(f, 1)->clock, 2);
}

static void what_does_not_page_may_open_an_incident_without_a_page_and_without_a_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .no_page = true, .opens = true, .severity = SEVERITY_WARNING);
    const struct incident *row = incident(f, 1);
    assert_true(row->state == INCIDENT_TRIGGERED && row->clock == 0 && row->severity == SEVERITY_WARNING);
    assert_string_equal(row->title, "CPU utilisation above 90 % on web-1");
    assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_OPENED);
    assert_int_equal(pager_count_queued(f->pager), 0);
    set_contacts(f, 2, (const char *[]){ "ops", "lead" });
    assert_int_equal(pager_count_queued(f->pager), 0);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached); /* nobody was to be told */
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_OK);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_RESOLVED);
    assert_int_equal(pager_count_queued(f->pager), 0);
}

static void the_first_that_pages_of_such_an_incident_starts_its_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .no_page = true, .opens = true, .severity = SEVERITY_CRITICAL);
    at(f, 700);
    FIRES(f, .rule = "steal", .opens = true);
    const struct incident *row = incident(f, 1);
    struct alert steal = { .host = 1, .rule = "steal", .metric = CPU };
    assert_int_equal(pager_incident_of(f->pager, &steal), 1);
    steal.host = 2;
    assert_int_equal(pager_incident_of(f->pager, &steal), 0);
    assert_int_equal(row->clock, 1);
    assert_int_equal(f->out.steps[0].step, STEP_TRIGGERED_AGAIN);
    assert_int_equal(row->crossed_us, T0 + 700 * S);
    assert_int_equal(row->n_alerts, 2);
    assert_int_equal(pager_count_queued(f->pager), 1);
}

static void the_oldest_page_of_a_tenant_that_still_waits_is_known(void **state)
{
    struct fixture *f = *state;
    unsigned queued;
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), 0);
    assert_int_equal(queued, 0);
    FIRES(f);
    at(f, 30);
    FIRES(f, .event = SALE, .host = 2);
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), T0);
    assert_int_equal(queued, 2);
    assert_int_equal(pager_oldest_queued_us(f->pager, TENANT_RESERVED, &queued), 0);
    deliver(f);
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), T0 + 30 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_budget_that_ran_out_is_marked_once),
        TEST(delivered_but_not_acknowledged_in_time_is_a_breach),
        TEST(acknowledged_in_time_is_none_even_if_no_page_was_delivered),
        TEST(delivered_and_recovered_in_time_is_none),
        TEST(recovered_in_time_but_told_to_nobody_is_a_breach),
        TEST(what_came_back_and_stayed_and_was_told_to_nobody_is_a_breach),
        TEST(each_clock_of_an_incident_has_its_own_breach_on_record),
        TEST(an_acknowledgement_that_comes_too_late_is_a_breach_without_a_tick),
        TEST(a_breach_stays_on_record_over_a_new_clock),
        TEST(the_oldest_page_of_a_tenant_that_still_waits_is_known),
        TEST(what_does_not_page_may_open_an_incident_without_a_page_and_without_a_clock),
        TEST(the_first_that_pages_of_such_an_incident_starts_its_clock),
    };
    return cmocka_run_group_tests_name("collector.page.budget", tests, NULL, NULL);
}

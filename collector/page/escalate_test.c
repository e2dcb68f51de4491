#include "collector/page/page_fixture.h"

static const char three[] = "0s desk; 3m lead; 6m manager, bob";

static void through(struct fixture *f, int64_t from_s, int64_t to_s)
{
    for (int64_t s = from_s; s <= to_s; s++) {
        at(f, s);
        tick(f);
        if (s < to_s)
            assert_string_equal(paged(f), "");
    }
}

static void the_steps_of_its_policy_are_taken_after_their_delays(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook alice/mail");
    assert_string_equal(incident(f, 1)->policy, three);
    through(f, 1, 180);
    assert_string_equal(paged(f), "lead/mail");
    assert_true(f->out.pages[0].step == 1 && f->out.urgent);
    assert_true(f->out.n_incidents == 1 && f->out.incidents[0].step == 2); /* the row says so, too */
    through(f, 181, 360);
    assert_string_equal(paged(f), "manager/mail bob/mail");
    assert_key(f->out.pages[0].key, "1-trigger-1-2-", "manager-mail");
    through(f, 361, 900);
    assert_string_equal(paged(f), "");
}

static void delays_count_from_the_crossing_while_the_budget_can_be_kept(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    at(f, 200);
    FIRES(f, .crossed_s = 1);
    assert_string_equal(paged(f), "hook/hook alice/mail lead/mail");
    through(f, 201, 361);
    assert_string_equal(paged(f), "manager/mail bob/mail");
    at(f, 1000);
    FIRES(f, .event = SALE, .host = 2, .crossed_s = 300); /* lost already: nothing is won by haste */
    assert_string_equal(paged(f), "hook/hook alice/mail");
}

static void no_step_is_taken_of_what_is_acknowledged_or_over(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    FIRES(f, .event = SALE, .host = 2);
    at(f, 100);
    acknowledge(f, 1);
    RECOVERS(f, .host = 2);
    through(f, 101, 700);
    assert_string_equal(paged(f), "");
}

static void an_edit_of_the_policy_changes_no_open_incident(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    set_people(f, "0s manager");
    assert_string_equal(paged(f), "");
    through(f, 1, 180);
    assert_string_equal(paged(f), "lead/mail");
    FIRES(f, .event = SALE, .host = 2);
    assert_string_equal(paged(f), "hook/hook manager/mail");
}

static void a_rota_is_asked_when_its_step_comes(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s alice; 3m desk");
    FIRES(f);
    f->duty = "bob";
    through(f, 1, 180);
    assert_string_equal(paged(f), "bob/mail");
    f->duty = "lead";
    set_people(f, "0s alice; 3m desk");
    assert_string_equal(paged(f), ""); /* who was on duty then has been told */
}

static void who_is_on_duty_and_has_another_address_is_paged_there(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    f->moved = "alice";
    set_people(f, three);
    assert_string_equal(paged(f), "alice/mail");
    assert_string_equal(f->out.pages[f->out.n_pages - 1].address, "alice@example.org");
    FIRES(f, .event = SALE, .host = 2);
    RECOVERS(f, .host = 2); /* people must know all the same */
    acknowledge(f, 1);
    f->moved = NULL;
    set_people(f, three);
    assert_string_equal(paged(f), "alice/mail");
    assert_int_equal(f->out.pages[f->out.n_pages - 1].incident, 2);
}

static void who_is_on_duty_now_is_paged_for_who_was_and_is_no_contact_any_more(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    f->gone = "alice";
    f->duty = "bob";
    set_people(f, three);
    assert_string_equal(paged(f), "bob/mail");
    set_people(f, three);
    assert_string_equal(paged(f), "");
}

static void who_is_gone_is_replaced_by_who_is_on_duty_while_others_of_the_step_are_told(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s desk, manager");
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook alice/mail manager/mail");
    f->gone = "alice";
    f->duty = "bob";
    set_people(f, f->policy);
    assert_string_equal(paged(f), "bob/mail");
    f->duty = "lead"; /* nobody more is lost */
    set_people(f, f->policy);
    assert_string_equal(paged(f), "");
    f->gone = "manager"; /* named, and replaced by nobody: but she is on duty who is */
    set_people(f, f->policy);
    assert_string_equal(paged(f), "lead/mail");
}

static void the_next_step_is_taken_when_nobody_is_left_of_those_before(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s bob; 3m lead");
    FIRES(f);
    f->gone = "bob";
    set_people(f, f->policy);
    assert_string_equal(paged(f), "lead/mail");
    assert_true(f->out.n_incidents == 1 && f->out.incidents[0].step == 2);
    f->gone = "lead"; /* and there is no further one */
    set_people(f, f->policy);
    assert_string_equal(paged(f), "bob/mail");
    set_people(f, "0s manager");
    FIRES(f, .event = SALE, .host = 2);
    f->gone = "manager"; /* the lead is back, for the first one too */
    set_people(f, f->policy);
    assert_string_equal(paged(f), "lead/mail alice/mail bob/mail lead/mail");
}

static void a_step_that_reaches_nobody_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s nobody; 3m lead");
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook lead/mail");
    set_people(f, "0s nobody; 3m noone");
    FIRES(f, .event = SALE, .host = 2); /* everybody */
    assert_string_equal(paged(f), "hook/hook alice/mail bob/mail lead/mail manager/mail");
}

static void a_step_that_tells_machines_alone_gives_way_to_people(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s hook; 3m lead");
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook lead/mail");
    set_people(f, "0s hook");
    FIRES(f, .event = SALE, .host = 2);
    assert_string_equal(paged(f), "hook/hook alice/mail bob/mail lead/mail manager/mail");
}

static void machines_are_told_in_their_steps_where_there_is_nobody_else(void **state)
{
    struct fixture *f = *state;
    f->gone = "*";
    set_people(f, "0s hook; 3m lead");
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook");
    assert_int_equal(incident(f, 1)->step, 1);
}

static void everybody_is_told_where_there_is_no_policy(void **state)
{
    struct fixture *f = *state;
    set_people(f, NULL);
    FIRES(f);
    assert_string_equal(paged(f), "hook/hook alice/mail bob/mail lead/mail manager/mail");
}

static void machines_do_not_stand_for_people(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    assert_string_equal(take(f)->contact, "hook");
    outcome(f, 1, (struct page_outcome){ .delivered = true });
    assert_int_equal(incident(f, 1)->delivered_us, 0);
    at(f, 7);
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, f->now_us);
}

static void an_acknowledgement_in_a_window_expires_and_pages_again(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f, .event = SALE);
    at(f, 60);
    acknowledge(f, 1);
    through(f, 61, 959);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    through(f, 960, 960);
    const struct incident *row = incident(f, 1);
    assert_int_equal(row->state, INCIDENT_TRIGGERED);
    assert_true(row->clock == 1 && row->turn == 1 && row->acknowledged_us == T0 + 60 * S && !row->breached);
    assert_string_equal(paged(f), "hook/hook alice/mail");
    assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_EXPIRED);
    assert_true(f->out.n_incidents == 1 && f->out.urgent);
    through(f, 961, 960 + 180);
    assert_string_equal(paged(f), "lead/mail");
    acknowledge(f, 1);
    assert_int_equal(incident(f, 1)->acknowledged_us, T0 + 60 * S);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    through(f, 2000, 3000);
    assert_string_equal(paged(f), "");
}

static void who_acknowledges_again_has_it_for_longer(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f, .event = SALE);
    acknowledge(f, 1);
    at(f, 800);
    acknowledge(f, 1);
    assert_true(f->out.n_steps == 1 && f->out.n_incidents == 1);
    through(f, 801, 1700);
    assert_string_equal(paged(f), "hook/hook alice/mail");
}

static void outside_of_a_window_an_acknowledgement_lasts(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f);
    acknowledge(f, 1);
    through(f, 1, 7200);
    assert_string_equal(paged(f), "");
}

static void an_acknowledgement_lasts_once_the_window_is_over(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f, .event = SALE);
    FIRES(f, .event = SALE + 1, .host = 2);
    acknowledge(f, 1);
    at(f, 100);
    f->is_over = true;
    acknowledge(f, 2);
    assert_int_equal(incident(f, 2)->expires_us, 0);
    through(f, 101, 900);
    assert_true(f->out.n_incidents == 1 && f->out.incidents[0].expires_us == 0);
    through(f, 901, 7200);
    assert_string_equal(paged(f), "");
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
}

static void put_back(struct fixture *f, const struct incident *row, size_t n, const struct page *pages)
{
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pager_restore_page(f->pager, &pages[i]), 0);
    assert_int_equal(pager_restore_incident(f->pager, row), 0);
    set_people(f, f->policy);
}

static void steps_go_on_where_they_were_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct page pages[2];
    set_people(f, three);
    uint64_t id = own(f, "The disk is full", T0);
    struct incident row = *incident(f, id);
    memcpy(pages, f->out.pages, sizeof pages);
    at(f, 100);
    put_back(f, &row, 2, pages);
    assert_string_equal(paged(f), "");
    through(f, 101, 180);
    assert_string_equal(paged(f), "lead/mail");
}

static void pages_that_wait_are_kept_as_they_are_after_the_clock_was_set_back(void **state)
{
    struct fixture *f = *state;
    set_people(f, "0s lead");
    at(f, 7200);
    uint64_t id = own(f, "The disk is full", f->now_us);
    store(f);
    fail_once(f, (struct page_outcome){ .error = "timeout" });
    fail_once(f, (struct page_outcome){ .error = "timeout" });
    tick(f);
    at(f, 0);
    page_effects_clear(&f->out);
    tick(f);
    struct incident row = *incident(f, id);
    assert_int_equal(f->out.n_pages, 2);
    for (size_t i = 0; i < f->out.n_pages; i++)
        assert_true(f->out.pages[i].created_us <= f->now_us && f->out.pages[i].next_us <= f->now_us + S);
    struct page pages[2];
    memcpy(pages, f->out.pages, sizeof pages);
    put_back(f, &row, 2, pages);
    assert_int_equal(pager_count_queued(f->pager), 2);
}

static void a_clock_set_back_neither_ends_an_acknowledgement_nor_makes_it_longer(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    at(f, 7200);
    FIRES(f, .event = SALE);
    acknowledge(f, 1);
    tick(f);
    at(f, 0);
    tick(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    through(f, 1, 899);
    assert_string_equal(paged(f), "");
    through(f, 900, 900);
    assert_string_equal(paged(f), "hook/hook alice/mail");
}

static void a_clock_set_back_puts_off_no_step_of_a_later_turn(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f, .event = SALE);
    acknowledge(f, 1);
    through(f, 1, 900); /* expires: the steps begin anew */
    through(f, 901, 1000);
    at(f, 500);
    tick(f);
    through(f, 501, 580);
    assert_string_equal(paged(f), "lead/mail");
}

static void a_clock_set_back_makes_no_later_acknowledgement_longer(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    FIRES(f, .event = SALE);
    acknowledge(f, 1);
    through(f, 1, 800);
    acknowledge(f, 1);
    at(f, 200);
    tick(f);
    through(f, 201, 1100);
    assert_string_equal(paged(f), "hook/hook alice/mail");
}

static void a_clock_set_back_while_nothing_ran_makes_no_acknowledgement_longer(void **state)
{
    struct fixture *f = *state;
    set_people(f, three);
    at(f, 7200);
    FIRES(f, .event = SALE);
    acknowledge(f, 1);
    struct incident row = *incident(f, 1);
    row.held = true; /* its alerts are not put back */
    at(f, 0);
    put_back(f, &row, 0, NULL);
    tick(f);
    assert_int_equal(f->out.n_incidents, 1);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
    through(f, 1, 900);
    assert_string_equal(paged(f), "hook/hook alice/mail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_steps_of_its_policy_are_taken_after_their_delays),
        TEST(delays_count_from_the_crossing_while_the_budget_can_be_kept),
        TEST(no_step_is_taken_of_what_is_acknowledged_or_over),
        TEST(an_edit_of_the_policy_changes_no_open_incident),
        TEST(a_rota_is_asked_when_its_step_comes),
        TEST(who_is_on_duty_and_has_another_address_is_paged_there),
        TEST(who_is_gone_is_replaced_by_who_is_on_duty_while_others_of_the_step_are_told),
        TEST(who_is_on_duty_now_is_paged_for_who_was_and_is_no_contact_any_more),
        TEST(the_next_step_is_taken_when_nobody_is_left_of_those_before),
        TEST(a_step_that_reaches_nobody_gives_way_to_the_next),
        TEST(a_step_that_tells_machines_alone_gives_way_to_people),
        TEST(machines_are_told_in_their_steps_where_there_is_nobody_else),
        TEST(everybody_is_told_where_there_is_no_policy),
        TEST(machines_do_not_stand_for_people),
        TEST(an_acknowledgement_in_a_window_expires_and_pages_again),
        TEST(who_acknowledges_again_has_it_for_longer),
        TEST(outside_of_a_window_an_acknowledgement_lasts),
        TEST(an_acknowledgement_lasts_once_the_window_is_over),
        TEST(steps_go_on_where_they_were_over_a_restart),
        TEST(pages_that_wait_are_kept_as_they_are_after_the_clock_was_set_back),
        TEST(a_clock_set_back_neither_ends_an_acknowledgement_nor_makes_it_longer),
        TEST(a_clock_set_back_puts_off_no_step_of_a_later_turn),
        TEST(a_clock_set_back_makes_no_later_acknowledgement_longer),
        TEST(a_clock_set_back_while_nothing_ran_makes_no_acknowledgement_longer),
    };
    return cmocka_run_group_tests_name("collector.page.escalate", tests, NULL, NULL);
}

#include "collector/page/page_fixture.h"

static void an_acknowledgement_stamps_and_ends_the_pages_still_queued(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 60);
    acknowledge(f, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    assert_int_equal(incident(f, 1)->acknowledged_us, f->now_us);
    assert_string_equal(incident(f, 1)->acknowledged_by, "li");
    assert_int_equal(f->out.n_pages, 1);
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_nothing_due(f);
}

static void acknowledging_twice_keeps_the_first_stamp(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 60);
    acknowledge(f, 1);
    at(f, 70);
    assert_int_equal(pager_acknowledge(f->pager, 1, "wang", f->now_us, &f->out, NULL), 0);
    assert_int_equal(incident(f, 1)->acknowledged_us, T0 + 60 * S);
    assert_string_equal(incident(f, 1)->acknowledged_by, "li");
}

static void a_page_on_its_way_when_acknowledged_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    uint64_t id = take(f)->id;
    acknowledge(f, 1);
    assert_int_equal(f->out.n_pages, 0);
    outcome(f, id, (struct page_outcome){ .status = 503, .error = "later" });
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    at(f, 1000);
    assert_nothing_due(f);
}

static void an_acknowledged_incident_still_resolves_by_recovery(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    acknowledge(f, 1);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(f->out.n_pages, 1);
}

static void who_resolves_by_hand_has_acknowledged(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 5);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "li");
    assert_int_equal(incident(f, 1)->acknowledged_us, f->now_us);
    assert_nothing_due(f);
}

static void an_alert_still_firing_behind_a_resolution_by_hand_opens_nothing_until_it_fires_anew(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = -5);
    assert_int_equal(f->out.n_incidents, 0);
    GETS_LOST(f);
    RECOVERS(f);
    assert_int_equal(f->out.n_incidents, 0);
    FIRES(f);
    assert_int_equal(f->out.incidents[0].id, 2);
}

static void what_people_note_and_whom_they_assign_it_to_is_on_record(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    page_effects_clear(&f->out);
    assert_int_equal(pager_assign(f->pager, 1, "wang", "li", f->now_us, &f->out, NULL), 0);
    assert_string_equal(f->out.incidents[0].assigned_to, "wang");
    assert_int_equal(f->out.incidents[0].state, INCIDENT_TRIGGERED);
    assert_int_equal(pager_note(f->pager, 1, "cache is cold", "wang", f->now_us, &f->out, NULL), 0);
    assert_int_equal(f->out.n_steps, 2);
    assert_int_equal(f->out.steps[0].step, STEP_ASSIGNED);
    assert_string_equal(f->out.steps[0].by, "li");
    assert_int_equal(f->out.steps[1].step, STEP_NOTED);
    assert_string_equal(f->out.steps[1].by, "wang");
    assert_string_equal(f->out.steps[1].text, "cache is cold");
    assert_int_equal(pager_note(f->pager, 1, "two\nlines", "wang", f->now_us, &f->out, NULL), -EINVAL);
    assert_int_equal(pager_note(f->pager, 1, "", "wang", f->now_us, &f->out, NULL), -EINVAL);
    assert_int_equal(pager_note(f->pager, 2, "x", "wang", f->now_us, &f->out, NULL), -ENOENT);
    assert_int_equal(pager_assign(f->pager, 1, "", "li", f->now_us, &f->out, NULL), -EINVAL);
    assert_int_equal(f->out.n_steps, 2);
}

static void who_reopens_has_it_and_recovery_does_not_end_it(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    FIRES(f);
    deliver(f);
    assert_int_equal(pager_reopen(f->pager, 1, "li", f->now_us, &f->out, &err), -EPERM);
    at(f, 30);
    RECOVERS(f);
    deliver(f);
    at(f, 5000);
    page_effects_clear(&f->out);
    assert_int_equal(pager_reopen(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    const struct incident *row = incident(f, 1);
    assert_true(row->state == INCIDENT_ACKNOWLEDGED && row->clock == 2 && row->resolved_us == 0 && !row->breached);
    assert_string_equal(row->acknowledged_by, "li");
    assert_true(f->out.n_pages == 0 && f->out.steps[0].step == STEP_REOPENED);
    tick(f);
    FIRES(f, .host = 2); /* it joins */
    assert_int_equal(f->out.n_pages, 0);
    RECOVERS(f, .host = 2);
    at(f, 9000);
    tick(f);
    assert_true(incident(f, 1)->state == INCIDENT_ACKNOWLEDGED && !incident(f, 1)->breached);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void what_people_may_not_do_is_said_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, 7, "li", f->now_us, &f->out, &err), -ENOENT);
    assert_non_null(strstr(err.text, "7"));
    assert_int_equal(pager_resolve(f->pager, 7, "li", f->now_us, &f->out, &err), -ENOENT);
    assert_int_equal(pager_reopen(f->pager, 7, "li", f->now_us, &f->out, &err), -ENOENT);
    assert_string_equal(err.text, "incident 7 cannot be reopened: there is none, or it has been over for an hour");
    FIRES(f);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, 1, "wang", f->now_us, &f->out, &err), -EPERM);
    assert_int_equal(pager_resolve(f->pager, 1, "wang", f->now_us, &f->out, &err), -EPERM);
    assert_non_null(strstr(err.text, "li"));
    assert_true(f->out.n_incidents == 0 && f->out.n_pages == 0);
}

/* ---- the collector's own ---- */

static void the_collectors_own_incidents_are_each_told_by_themselves(void **state)
{
    struct fixture *f = *state;
    at(f, 100);
    page_effects_clear(&f->out);
    own(f, "The collector was down for 70 s", T0 + 20 * S);
    const struct incident *row = &f->out.incidents[0];
    assert_true(row->tenant == TENANT_RESERVED && row->n_alerts == 0 && row->clock == 1);
    assert_int_equal(row->crossed_us, T0 + 20 * S);
    assert_string_equal(row->title, "The collector was down for 70 s");
    assert_string_equal(row->group, "disk");
    assert_int_equal(row->severity, SEVERITY_WARNING); /* they page, whatever it is */
    assert_int_equal(f->out.n_pages, 1);
    own(f, "The collector was down for 80 s", T0 + 90 * S);
    assert_int_equal(incident(f, 2)->clock, 1);
    tick(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED); /* a person resolves them */
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
}

static void the_collectors_own_incident_ends_with_its_cause(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    uint64_t id = own(f, "The disk is full", T0);
    store(f);
    deliver(f);
    at(f, 60);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, id)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, id)->resolved_by, "recovery");
    assert_int_equal(f->out.pages[0].kind, PAGE_RESOLVE);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0); /* a person was quicker, say */
    assert_int_equal(pager_own_ends(f->pager, 4711, NULL, f->now_us, &f->out), 0);
    assert_int_equal(f->out.n_incidents, 0);
}

static void the_collectors_own_incident_that_was_reopened_is_ended_by_a_person(void **state)
{
    struct fixture *f = *state;
    uint64_t id = own(f, "Channel mail cannot be reached", T0);
    assert_int_equal(pager_resolve(f->pager, id, "li", f->now_us, &f->out, NULL), 0);
    assert_int_equal(pager_reopen(f->pager, id, "li", f->now_us, &f->out, NULL), 0);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, id)->state, INCIDENT_ACKNOWLEDGED);
    assert_int_equal(pager_own_ends(f->pager, id, "li", f->now_us, &f->out), 0);
    assert_int_equal(incident(f, id)->state, INCIDENT_RESOLVED);
}

static void what_happens_in_a_drill_says_so(void **state)
{
    struct fixture *f = *state;
    struct transition t = { .from = ALERT_PENDING,
                            .detected_us = f->now_us,
                            .alert = { .host = 1, .state = ALERT_FIRING, .page = true, .crossed_us = f->now_us } };
    const struct page_scope scope = {
        .tenant = SHOP, .event = 7, .drill = true, .host_name = "web-1", .host_group = "web", .summary = "CPU high"
    };
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    assert_string_equal(incident(f, 1)->title, "DRILL: CPU high on web-1");
    const struct page_own own = {
        .tenant = SHOP, .event = 7, .drill = true, .group = "window", .title = "Not armed", .crossed_us = f->now_us
    };
    uint64_t id;
    assert_int_equal(pager_own(f->pager, &own, f->now_us, &id, &f->out), 0);
    assert_string_equal(incident(f, id)->title, "DRILL: Not armed");
    assert_int_equal(incident(f, id)->event, 7);
    assert_int_equal(incident(f, id)->tenant, SHOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_acknowledgement_stamps_and_ends_the_pages_still_queued),
        TEST(acknowledging_twice_keeps_the_first_stamp),
        TEST(a_page_on_its_way_when_acknowledged_is_not_tried_again),
        TEST(an_acknowledged_incident_still_resolves_by_recovery),
        TEST(who_resolves_by_hand_has_acknowledged),
        TEST(an_alert_still_firing_behind_a_resolution_by_hand_opens_nothing_until_it_fires_anew),
        TEST(what_people_note_and_whom_they_assign_it_to_is_on_record),
        TEST(who_reopens_has_it_and_recovery_does_not_end_it),
        TEST(what_people_may_not_do_is_said_and_changes_nothing),
        TEST(the_collectors_own_incidents_are_each_told_by_themselves),
        TEST(the_collectors_own_incident_ends_with_its_cause),
        TEST(the_collectors_own_incident_that_was_reopened_is_ended_by_a_person),
        TEST(what_happens_in_a_drill_says_so),
    };
    return cmocka_run_group_tests_name("collector.page.people", tests, NULL, NULL);
}

#include "collector/page/page_fixture.h"

struct stored {
    struct incident incident;
    struct incident_alert alerts[2];
    struct page pages[2];
};

static struct stored two_alerts_two_pages(struct fixture *f)
{
    struct stored rows;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    at(f, 40);
    FIRES(f, .crossed_s = 10);
    rows.pages[1] = f->out.pages[1];
    rows.alerts[0] = f->out.alerts[0];
    deliver(f);
    rows.pages[0] = f->out.pages[0];
    FIRES(f, .host = 2);
    rows.alerts[1] = f->out.alerts[0];
    rows.incident = *incident(f, 1);
    return rows;
}

static void restart(struct fixture *f, const struct stored *rows, bool backwards)
{
    f->pager = pager_free(f->pager);
    page_effects_clear(&f->out);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    pager_start_ids(f->pager, 10, 20);
    if (!backwards)
        assert_int_equal(pager_restore_incident(f->pager, &rows->incident), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pager_restore_page(f->pager, &rows->pages[i]), 0);
        assert_int_equal(pager_restore_alert(f->pager, &rows->alerts[i]), 0);
    }
    if (backwards) {
        assert_null(pager_incident(f->pager, 1));
        assert_int_equal(pager_restore_incident(f->pager, &rows->incident), 0);
    }
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    assert_int_equal(f->out.n_pages, 0); /* what is stored pages nobody again */
}

static void what_an_earlier_process_sent_counts_against_the_channels_limit(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel channels[] = { { "mail", 3, 1 }, { "robot", 0, 1 } };
    struct page pages[3];
    struct page_due due;
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, "0s bob");
    for (unsigned i = 0; i < 3; i++) {
        at(f, 10 + i);
        FIRES(f, .host = i + 1, .event = i + 1);
        assert_true(pager_take_due(f->pager, f->now_us, &due));
        pages[i] = *due.at[0];
        pages[i].attempts++; /* begun */
        if (i < 2) {         /* the third one's outcome nobody heard */
            outcome(f, due.at[0]->id, (struct page_outcome){ .delivered = true });
            pages[i] = f->out.pages[0];
        }
    }
    struct incident row = *incident(f, 3);
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pager_restore_page(f->pager, &pages[i]), 0);
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    at(f, 20);
    set_people(f, "0s bob");
    assert_nothing_due(f);
    at(f, 10 + 60);
    assert_true(pager_take_due(f->pager, f->now_us, &due));
    assert_int_equal(due.at[0]->id, pages[2].id);
    assert_true(due.at[0]->possible_copy);
    outcome(f, pages[2].id, (struct page_outcome){ .delivered = true });
    assert_int_equal(f->out.pages[0].attempts, 2); /* the one that was cut off is counted */
}

static void what_an_earlier_process_had_not_begun_to_send_goes_at_once(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel channels[] = { { "mail", 4, 20 }, { "robot", 0, 1 } };
    static const char *const policy = "0s alice, bob, lead, manager";
    struct page pages[4];
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, policy);
    FIRES(f);
    assert_int_equal(f->out.n_pages, 4);
    memcpy(pages, f->out.pages, sizeof pages);
    struct incident row = *incident(f, 1);
    for (unsigned begun = 0; begun <= 4; begun += 2) {
        f->pager = pager_free(f->pager);
        assert_int_equal(pager_new(&f->pager, NULL), 0);
        for (unsigned i = 0; i < 4; i++) {
            pages[i].attempts = i < begun;
            assert_int_equal(pager_restore_page(f->pager, &pages[i]), 0);
        }
        assert_int_equal(pager_restore_incident(f->pager, &row), 0);
        at(f, 2);
        set_people(f, policy);
        for (unsigned i = begun; i < 4; i++)
            deliver(f);
        assert_nothing_due(f);
    }
}

static void attempts_of_an_earlier_process_that_failed_count_too(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel channels[] = { { "mail", 3, 1 }, { "robot", 0, 1 } };
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, "0s bob");
    FIRES(f);
    for (int i = 0; i < 3; i++) { /* at 0, 1 and 3 s */
        assert_int_equal(fail_once(f, (struct page_outcome){ .status = 451, .error = "busy" }), 1 << i);
        if (i < 2)
            at(f, 2 * i + 1);
    }
    struct page page = f->out.pages[0];
    struct incident row = *incident(f, 1);
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_page(f->pager, &page), 0);
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    at(f, 5);
    set_people(f, "0s bob");
    assert_nothing_due(f);
    at(f, 60);
    take(f);
}

static void what_was_on_its_way_when_somebody_acknowledged_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    struct page_due due;
    set_people(f, "0s bob");
    FIRES(f);
    assert_true(pager_take_due(f->pager, f->now_us, &due));
    struct page page = *due.at[0];
    page.attempts++; /* begun */
    acknowledge(f, 1);
    struct incident row = *incident(f, 1);
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_page(f->pager, &page), 0);
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    page_effects_clear(&f->out);
    at(f, 20);
    set_people(f, "0s bob");
    assert_nothing_due(f);
    assert_int_equal(f->out.n_pages, 1);
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
}

/* The page is refused, and the process ends. */
static void refused_and_restarted(struct fixture *f, struct page_outcome refusal, int64_t restart_s)
{
    static const struct page_channel channels[] = { { "mail", 0, 1 }, { "robot", 0, 1 } };
    f->channels = channels;
    f->n_channels = 2;
    at(f, 0);
    set_people(f, "0s bob");
    FIRES(f);
    fail_once(f, refusal);
    struct page page = f->out.pages[0];
    struct incident row = *incident(f, 1);
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_page(f->pager, &page), 0);
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    at(f, restart_s);
    set_people(f, "0s bob");
}

static void who_has_asked_an_earlier_process_to_be_left_alone_is(void **state)
{
    struct fixture *f = *state;
    refused_and_restarted(f, (struct page_outcome){ .status = 429, .retry_after_us = 300 * S, .error = "no" }, 10);
    FIRES(f, .host = 2, .event = 2);
    assert_nothing_due(f);
    at(f, 299);
    assert_nothing_due(f);
    at(f, 300);
    deliver(f);
    deliver(f);
}

static void that_it_asked_for_less_than_a_minute_is_known_too(void **state)
{
    struct fixture *f = *state;
    refused_and_restarted(f, (struct page_outcome){ .status = 429, .retry_after_us = 50 * S, .error = "no" }, 10);
    assert_nothing_due(f);
    at(f, 50);
    deliver(f);
}

static void a_refusal_for_good_by_an_earlier_process_keeps_nobody_waiting(void **state)
{
    struct fixture *f = *state;
    refused_and_restarted(f, (struct page_outcome){ .status = 404, .permanent = true, .error = "no" }, 1);
    FIRES(f, .host = 2, .event = 2);
    deliver(f);
    deliver(f);
}

static void a_page_at_its_last_chance_goes_behind_a_restart_too(void **state)
{
    struct fixture *f = *state;
    refused_and_restarted(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S, .error = "no" }, 10);
    at(f, 569);
    assert_nothing_due(f);
    at(f, 570);
    deliver(f);
}

static void what_comes_back_is_the_same_incident_over_a_restart_too(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    RECOVERS(f);
    struct incident row = *incident(f, 1);
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    set_contacts(f, 1, (const char *[]){ "hook" });
    at(f, 60);
    FIRES(f);
    assert_true(f->out.incidents[0].id == 1 && f->out.incidents[0].clock == 2 && f->out.incidents[0].flaps == 1);
}

static void incidents_alerts_and_pages_outlive_the_process_in_any_order(void **state)
{
    struct fixture *f = *state;
    for (int backwards = 0; backwards < 2; backwards++) {
        f->pager = pager_free(f->pager);
        assert_int_equal(pager_new(&f->pager, NULL), 0);
        struct stored rows = two_alerts_two_pages(f);
        restart(f, &rows, backwards);
        assert_memory_equal(pager_incident(f->pager, 1), &rows.incident, sizeof rows.incident);
        tick(f);
        assert_int_equal(f->out.n_incidents, 0);
        const struct page *page = take(f);
        assert_key(page->key, "1-trigger-1-", "-boss");
        assert_true(page->possible_copy);
        outcome(f, page->id, (struct page_outcome){ .delivered = true });
        assert_nothing_due(f);
        FIRES(f, .host = 3);
        assert_int_equal(f->out.n_pages, 0); /* it joins: the group is open still */
        RECOVERS(f, .host = 3);
        RECOVERS(f);
        assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
        RECOVERS(f, .host = 2);
        assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
        assert_int_equal(f->out.n_pages, 2);
        assert_int_equal(f->out.pages[0].id, 21);
        at(f, 640);
        FIRES(f);
        assert_int_equal(f->out.incidents[0].id, 11);
    }
}

static void an_incident_put_back_with_nothing_that_holds_it_open_resolves(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    rows.alerts[0].alert.state = rows.alerts[1].alert.state = ALERT_OK;
    restart(f, &rows, true);
    tick(f);
    assert_int_equal(f->out.incidents[0].state, INCIDENT_RESOLVED);
}

static void an_incident_that_no_alert_opened_stays_open_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct incident row = { .id = 9, .tenant = SHOP, .event = 7, .group = "window", .clock = 1, .crossed_us = T0 };
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    tick(f);
    assert_int_equal(incident(f, 9)->state, INCIDENT_TRIGGERED);
    assert_int_equal(pager_own_ends(f->pager, 9, NULL, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, 9)->state, INCIDENT_RESOLVED);
}

static void deadlines_go_on_while_the_process_is_down(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    restart(f, &rows, false);
    at(f, 5000);
    tick(f);
    assert_true(f->out.incidents[0].breached);
}

static void a_clock_set_back_holds_back_no_page(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    FIRES(f);
    tick(f);
    const struct page *page = take(f);
    outcome(f, page->id, (struct page_outcome){ .status = 500, .error = "no" });
    assert_nothing_due(f);
    at(f, 0);
    tick(f);
    assert_nothing_due(f); /* its second of waiting is as long as ever */
    at(f, 1);
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, T0 + 1 * S);
}

static void a_clock_set_back_stops_no_budget(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    FIRES(f, .crossed_s = 7170);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
    at(f, 0);
    tick(f);
    assert_int_equal(f->out.n_incidents, 1); /* the record says so, too */
    assert_int_equal(f->out.incidents[0].crossed_us, T0 - 30 * S);
    assert_int_equal(f->out.incidents[0].detected_us, T0);
    assert_false(f->out.incidents[0].breached);
    at(f, (PAGE_BUDGET_US / S) - 29);
    tick(f);
    assert_true(f->out.incidents[0].breached);
}

static void a_page_stored_by_a_clock_ahead_is_due_at_once(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    struct stored rows = two_alerts_two_pages(f);
    at(f, -7200);
    restart(f, &rows, false);
    tick(f);
    assert_true(incident(f, 1)->crossed_us == f->now_us && incident(f, 1)->detected_us == f->now_us);
    assert_key(take(f)->key, "1-trigger-1-", "-boss");
}

static void numbers_given_again_make_no_page_look_like_another(void **state)
{
    struct fixture *f = *state;
    char before[PAGE_KEY_MAX + 1];
    FIRES(f);
    snprintf(before, sizeof before, "%s", take(f)->key);
    f->pager = pager_free(f->pager); /* killed, before a row of it was on disk */
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    page_effects_clear(&f->out);
    set_contacts(f, 2, (const char *const[]){ "ops", "boss" });
    at(f, 10);
    FIRES(f);
    const struct page *page = take(f);
    assert_int_equal(page->incident, 1);
    assert_string_not_equal(page->key, before);
}

static void the_clock_of_a_restored_page_is_known_from_its_key(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    rows.incident.clock = 2; /* triggered again, and the pages are of the clock before */
    rows.incident.delivered_us = 0;
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_incident(f->pager, &rows.incident), 0);
    assert_int_equal(pager_restore_page(f->pager, &rows.pages[1]), 0);
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, 0);
}

static void resolved_incidents_are_kept_until_forgotten_and_their_pages_settled(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 10);
    RECOVERS(f);
    pager_forget(f->pager, T0 + 100 * S);
    assert_non_null(pager_incident(f->pager, 1)); /* the resolve page waits still */
    deliver(f);
    pager_forget(f->pager, T0 + 10 * S);
    assert_non_null(pager_incident(f->pager, 1));
    pager_forget(f->pager, T0 + 11 * S);
    assert_null(pager_incident(f->pager, 1));
}

static void ten_thousand_open_alerts_are_held_and_let_go(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 10000; i++)
        FIRES(f, .host = i, .event = 1 + i / 100);
    for (unsigned i = 1; i <= 101; i++)
        deliver(f);
    assert_nothing_due(f);
    for (unsigned i = 1; i <= 10000; i++)
        RECOVERS(f, .host = i);
    for (unsigned i = 1; i <= 101; i++) {
        assert_int_equal(incident(f, i)->state, INCIDENT_RESOLVED);
        deliver(f);
    }
    assert_nothing_due(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_an_earlier_process_sent_counts_against_the_channels_limit),
        TEST(what_an_earlier_process_had_not_begun_to_send_goes_at_once),
        TEST(attempts_of_an_earlier_process_that_failed_count_too),
        TEST(what_was_on_its_way_when_somebody_acknowledged_is_not_sent_again),
        TEST(who_has_asked_an_earlier_process_to_be_left_alone_is),
        TEST(that_it_asked_for_less_than_a_minute_is_known_too),
        TEST(a_refusal_for_good_by_an_earlier_process_keeps_nobody_waiting),
        TEST(a_page_at_its_last_chance_goes_behind_a_restart_too),
        TEST(what_comes_back_is_the_same_incident_over_a_restart_too),
        TEST(incidents_alerts_and_pages_outlive_the_process_in_any_order),
        TEST(an_incident_put_back_with_nothing_that_holds_it_open_resolves),
        TEST(an_incident_that_no_alert_opened_stays_open_over_a_restart),
        TEST(deadlines_go_on_while_the_process_is_down),
        TEST(a_clock_set_back_holds_back_no_page),
        TEST(a_clock_set_back_stops_no_budget),
        TEST(a_page_stored_by_a_clock_ahead_is_due_at_once),
        TEST(numbers_given_again_make_no_page_look_like_another),
        TEST(the_clock_of_a_restored_page_is_known_from_its_key),
        TEST(resolved_incidents_are_kept_until_forgotten_and_their_pages_settled),
        TEST(ten_thousand_open_alerts_are_held_and_let_go),
    };
    return cmocka_run_group_tests_name("collector.page.restart", tests, NULL, NULL);
}

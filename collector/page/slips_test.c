#include "collector/page/page_fixture.h"

static void a_delivered_page_stamps_its_incident_once(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    at(f, 2);
    deliver(f);
    assert_int_equal(f->out.pages[0].state, PAGE_DELIVERED);
    assert_int_equal(f->out.pages[0].delivered_us, f->now_us);
    assert_int_equal(f->out.pages[0].status, 200);
    assert_int_equal(f->out.pages[0].attempts, 1);
    assert_int_equal(f->out.incidents[0].delivered_us, T0 + 2 * S);
    at(f, 9);
    deliver(f);
    assert_int_equal(f->out.n_incidents, 0);
    assert_int_equal(incident(f, 1)->delivered_us, T0 + 2 * S);
    assert_nothing_due(f);
}

static void attempts_back_off_from_one_second_doubling_to_thirty(void **state)
{
    struct fixture *f = *state;
    static const int64_t waits[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
    int64_t now_s = 0;
    FIRES(f);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        at(f, now_s);
        assert_int_equal(fail_once(f, (struct page_outcome){ .status = 503, .error = "busy" }), waits[i]);
        assert_int_equal(f->out.pages[0].attempts, i + 1);
        assert_string_equal(f->out.pages[0].error, "busy");
        now_s += waits[i];
        f->now_us = T0 + now_s * S - 1;
        assert_nothing_due(f);
    }
    at(f, now_s);
    deliver(f);
    assert_string_equal(f->out.pages[0].error, "");
}

static void past_the_budget_attempts_come_once_a_minute_for_an_hour_then_it_has_failed(void **state)
{
    struct fixture *f = *state;
    const struct page_outcome no = { .status = 0, .error = "timed out" };
    FIRES(f);
    int64_t now_s = 0, wait_s, in_budget = 0, late = 0;
    while ((wait_s = fail_once(f, no)) > 0) {
        in_budget += now_s < 600;
        late += now_s >= 600;
        if (now_s >= 600)
            assert_int_equal(wait_s, 60);
        now_s += wait_s;
        at(f, now_s);
    }
    assert_int_equal(f->out.pages[0].state, PAGE_FAILED);
    assert_in_range(now_s, 4200, 4260);
    assert_in_range(in_budget, 22, 26);
    assert_int_equal(late, 60);
    at(f, 100000);
    assert_nothing_due(f);
}

static void what_may_have_got_there_says_so_the_next_time(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .host = 1);
    store(f);
    assert_int_equal(fail_once(f, (struct page_outcome){ .error = "connection refused" }), 1);
    at(f, 1);
    assert_false(take(f)->possible_copy);
    outcome(f, 1, (struct page_outcome){ .perhaps = true, .error = "timeout" });
    assert_false(f->out.pages[0].possible_copy); /* that one did not */
    at(f, 3);
    assert_true(take(f)->possible_copy);
    outcome(f, 1, (struct page_outcome){ .status = 503 });
    at(f, 7);
    assert_true(take(f)->possible_copy); /* and once is for good */
    outcome(f, 1, (struct page_outcome){ .delivered = true, .status = 200 });
    assert_true(f->out.pages[0].possible_copy);
}

static void a_permanent_refusal_is_tried_again_in_a_minute(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(fail_once(f, (struct page_outcome){ .permanent = true, .status = 404 }), 60);
}

static void retry_after_is_honoured_but_not_past_the_last_chance_of_the_budget(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 45 * S }), 45);
    at(f, 45);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 3600 * S }), 525);
    at(f, 570);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 3600 * S }), 600);
    at(f, 1170);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 5 * S }), 60);
}

static void the_most_overdue_page_goes_first(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 50; i++) { /* 50 events: 50 incidents, the later ones due earlier */
        at(f, 100 - i);
        FIRES(f, .host = i, .event = i);
    }
    at(f, 200);
    for (unsigned i = 50; i >= 1; i--)
        assert_int_equal(take(f)->incident, i);
    assert_nothing_due(f); /* all are being sent */
}

static void a_page_being_sent_is_not_taken_twice(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    uint64_t id = take(f)->id;
    assert_nothing_due(f);
    outcome(f, id, (struct page_outcome){ .status = 500 });
    assert_nothing_due(f);
    at(f, 1);
    assert_int_equal(take(f)->id, id);
    outcome(f, 4711, (struct page_outcome){ .delivered = true }); /* no page of ours */
    outcome(f, id, (struct page_outcome){ .delivered = true });
    outcome(f, id, (struct page_outcome){ .delivered = true });
    assert_int_equal(f->out.n_pages, 0);
}

static void the_resolution_goes_only_to_those_the_trigger_reached(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    deliver(f);
    uint64_t second = take(f)->id;
    RECOVERS(f);
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "ops");
    outcome(f, second, (struct page_outcome){ .delivered = true }); /* people must know: then that it is over, too */
    assert_int_equal(f->out.n_pages, 2);
    assert_key(f->out.pages[1].key, "1-resolve-1-", "-boss");
}

static void contacts_hear_of_their_own_tenant_only(void **state)
{
    struct fixture *f = *state;
    const struct page_contact contacts[] = { machine("shop", SHOP), machine("bank", 2), machine("all", 0) };
    const struct page_ways ways = { .n_contacts = 3, .contacts = contacts };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    FIRES(f);
    assert_int_equal(f->out.n_pages, 2);
    assert_string_equal(f->out.pages[0].contact, "shop");
    assert_string_equal(f->out.pages[1].contact, "all");
    page_effects_clear(&f->out);
    own(f, "The collector was down for 5 min", T0);
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "all");
}

static void a_contact_is_told_by_the_first_of_its_ways(void **state)
{
    struct fixture *f = *state;
    const struct page_contact alice = { .name = "alice",
                                        .n_ways = 2,
                                        .ways = { { "mail", "alice@example.com" }, { "robot", "alice" } } };
    const struct page_contact no_mail = { .name = "alice", .n_ways = 1, .ways = { { "robot", "alice" } } };
    struct page_ways ways = { .n_contacts = 1, .contacts = &alice };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    FIRES(f);
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].channel, "mail");
    assert_string_equal(f->out.pages[0].address, "alice@example.com");
    assert_key(f->out.pages[0].key, "1-trigger-1-0-", "alice-mail");
    page_effects_clear(&f->out);
    ways.contacts = &no_mail;
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    assert_true(f->out.n_pages == 2 && f->out.pages[0].id == 1); /* who has lost a way is told by what is left */
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_string_equal(f->out.pages[1].channel, "robot");
}

static void pages_to_a_contact_that_is_gone_are_cancelled(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    page_effects_clear(&f->out);
    set_contacts(f, 1, (const char *[]){ "boss" });
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "ops");
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_string_equal(take(f)->contact, "boss");
    assert_nothing_due(f);
}

static void a_new_contact_is_paged_for_what_nobody_acknowledged(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .event = SALE, .host = 2);
    deliver(f);
    acknowledge(f, 2);
    page_effects_clear(&f->out);
    at(f, 50);
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    assert_int_equal(f->out.n_pages, 1);
    assert_key(f->out.pages[0].key, "1-trigger-1-", "-boss");
    assert_int_equal(f->out.pages[0].created_us, f->now_us);
}

static void a_page_is_not_due_before_its_row_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct transition t = cpu_fires(f, 1);
    const struct page_scope scope = { .tenant = SHOP, .host_name = "a", .host_group = "web", .summary = "x" };
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    assert_nothing_due(f);
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, true), 0);
    assert_false(pager_is_unrecorded(f->pager, f->out.pages[0].id));
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, true), 0); /* once is enough */
    deliver(f);
    assert_nothing_due(f);
}

static void a_page_whose_row_the_disk_refuses_goes_out_marked(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    own(f, "x", T0);
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, false), 0);
    assert_true(pager_is_unrecorded(f->pager, f->out.pages[0].id));
    assert_int_equal(pager_recorded(f->pager, 4711, true), 0); /* no page of ours */
    assert_false(pager_is_unrecorded(f->pager, 4711));
    deliver(f);
}

static void a_page_cancelled_before_its_row_is_on_disk_is_never_due(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    own(f, "x", T0);
    uint64_t id = f->out.pages[0].id;
    acknowledge(f, 1);
    assert_int_equal(pager_recorded(f->pager, id, true), 0);
    assert_nothing_due(f);
}

static void what_is_open_and_queued_is_counted(void **state)
{
    struct fixture *f = *state;
    size_t open, unacknowledged;
    FIRES(f);
    FIRES(f, .host = 2, .event = SALE);
    FIRES(f, .host = 3, .event = SALE + 1);
    acknowledge(f, 1);
    RECOVERS(f, .host = 3);
    pager_count_open(f->pager, &open, &unacknowledged);
    assert_true(open == 2 && unacknowledged == 1);
    assert_int_equal(pager_count_queued(f->pager), 2);
    deliver(f);
    assert_int_equal(pager_count_queued(f->pager), 1);
    uint64_t seen = 0;
    pager_each(f->pager, add_id, &seen);
    assert_int_equal(seen, 1 + 2 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_delivered_page_stamps_its_incident_once),
        TEST(attempts_back_off_from_one_second_doubling_to_thirty),
        TEST(past_the_budget_attempts_come_once_a_minute_for_an_hour_then_it_has_failed),
        TEST(what_may_have_got_there_says_so_the_next_time),
        TEST(a_permanent_refusal_is_tried_again_in_a_minute),
        TEST(retry_after_is_honoured_but_not_past_the_last_chance_of_the_budget),
        TEST(the_most_overdue_page_goes_first),
        TEST(a_page_being_sent_is_not_taken_twice),
        TEST(the_resolution_goes_only_to_those_the_trigger_reached),
        TEST(contacts_hear_of_their_own_tenant_only),
        TEST(a_contact_is_told_by_the_first_of_its_ways),
        TEST(pages_to_a_contact_that_is_gone_are_cancelled),
        TEST(a_new_contact_is_paged_for_what_nobody_acknowledged),
        TEST(a_page_is_not_due_before_its_row_is_on_disk),
        TEST(a_page_whose_row_the_disk_refuses_goes_out_marked),
        TEST(a_page_cancelled_before_its_row_is_on_disk_is_never_due),
        TEST(what_is_open_and_queued_is_counted),
    };
    return cmocka_run_group_tests_name("collector.page.slips", tests, NULL, NULL);
}

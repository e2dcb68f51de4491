#include "collector/page/rehearsal.h"

#include "collector/page/page_fixture.h"

static const struct page_channel channels[] = { { "mail", 20, 20 }, { "robot", 20, 5 } };

static uint64_t rehearse(struct fixture *f, size_t n, const char *const *whom)
{
    const struct page_own own = { .tenant = SHOP,
                                  .event = SALE,
                                  .group = "rehearsal",
                                  .title = "the way from web-1 to people",
                                  .severity = SEVERITY_CRITICAL,
                                  .crossed_us = f->now_us - S };
    uint64_t id = 0;
    page_effects_clear(&f->out);
    assert_int_equal(pager_rehearse(f->pager, &own, whom, n, f->now_us, &id, &f->out), 0);
    store(f);
    return id;
}

static uint64_t rehearse_all(struct fixture *f)
{
    static const char *const whom[] = { "alice", "bob" };
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, "0s alice; 3m lead");
    return rehearse(f, 2, whom);
}

static struct rehearsal_tally tally_of(const struct fixture *f, uint64_t id)
{
    struct rehearsal_tally tally = { 0 };
    pager_each_page(f->pager, id, rehearsal_count, &tally);
    return tally;
}

static void whoever_is_rehearsed_is_paged_by_all_their_ways_at_once(void **state)
{
    struct fixture *f = *state;
    uint64_t id = rehearse_all(f);
    assert_string_equal(paged(f), "alice/mail alice/robot bob/mail");
    assert_true(incident(f, id)->rehearsal);
    assert_string_equal(incident(f, id)->title, "REHEARSAL: the way from web-1 to people");
    assert_int_equal(f->out.pages[0].class, PAGE_REHEARSED);
    assert_string_not_equal(f->out.pages[0].key, f->out.pages[1].key);
}

static void machines_are_told_too_and_another_tenants_are_not(void **state)
{
    struct fixture *f = *state;
    static const char *const whom[] = { "nobody" };
    const struct page_contact contacts[] = { machine("hook", SHOP), machine("theirs", SHOP + 1) };
    const struct page_ways ways = { .n_contacts = 2, .contacts = contacts };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    rehearse(f, 1, whom);
    assert_string_equal(paged(f), "hook/hook");
}

static void two_ways_by_one_channel_are_two_messages(void **state)
{
    struct fixture *f = *state;
    static const char *const whom[] = { "alice" };
    struct page_contact alice = { .name = "alice",
                                  .n_ways = 2,
                                  .ways = { { "mail", "alice@example.com" }, { "mail", "alice@example.org" } } };
    const struct page_ways ways = { .n_contacts = 1, .contacts = &alice };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    uint64_t id = rehearse(f, 1, whom);
    assert_string_equal(paged(f), "alice/mail alice/mail");
    assert_string_not_equal(f->out.pages[0].key, f->out.pages[1].key);
    deliver(f);
    deliver(f);
    assert_int_equal(tally_of(f, id).contacts, 1);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0);
    assert_int_equal(f->out.n_pages, 2);
    assert_string_not_equal(f->out.pages[0].key, f->out.pages[1].key);
}

static void a_rehearsal_is_nobodys_incident_and_is_escalated_to_nobody(void **state)
{
    struct fixture *f = *state;
    size_t open = 0, unacknowledged = 0;
    uint64_t id = rehearse_all(f);
    pager_count_open(f->pager, &open, &unacknowledged);
    assert_int_equal(open + unacknowledged, 0);
    for (int s = 0; s <= 700; s += 10) {
        at(f, s);
        page_effects_clear(&f->out);
        tick(f);
        assert_string_equal(paged(f), "");
        assert_int_equal(f->out.n_steps, 0); /* no warning, no breach */
    }
    assert_false(incident(f, id)->breached);
    FIRES(f, .event = SALE);
    assert_int_not_equal(f->out.incidents[0].id, id);
}

static void pages_that_matter_go_before_it(void **state)
{
    struct fixture *f = *state;
    uint64_t id = rehearse_all(f);
    FIRES(f, .event = SALE);
    const struct page *first = take(f);
    assert_int_not_equal(first->incident, id);
    for (int i = 0; i < 3; i++) {
        struct page_due due;
        assert_true(pager_take_due(f->pager, f->now_us, &due));
        assert_int_equal(due.n, 1);
    }
}

static void one_that_is_not_taken_is_tried_twice_and_goes_nowhere_else(void **state)
{
    struct fixture *f = *state;
    static const char *const whom[] = { "alice" };
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, NULL);
    uint64_t id = rehearse(f, 1, whom);
    outcome(f, take(f)->id, (struct page_outcome){ .delivered = true });
    assert_true(fail_once(f, (struct page_outcome){ .permanent = true, .error = "refused" }) > 0);
    at(f, 100);
    assert_int_equal(fail_once(f, (struct page_outcome){ .error = "no answer" }), -1);
    struct rehearsal_tally tally = tally_of(f, id);
    assert_int_equal(tally.ways, 2);
    assert_int_equal(tally.arrived, 1);
    assert_int_equal(tally.waiting, 0);
    assert_non_null(strstr(tally.missing, "to alice (no answer)"));
}

static void what_its_channel_has_no_room_for_fails_after_eight_minutes(void **state)
{
    struct fixture *f = *state;
    uint64_t id = rehearse_all(f);
    at(f, 479);
    tick(f);
    assert_int_equal(tally_of(f, id).waiting, 3);
    at(f, 480);
    tick(f);
    assert_int_equal(tally_of(f, id).waiting, 0);
    assert_non_null(strstr(tally_of(f, id).missing, "no room for it within 480 s"));
    assert_nothing_due(f);
}

static void to_acknowledge_it_cancels_no_page_and_lasts(void **state)
{
    struct fixture *f = *state;
    uint64_t id = rehearse_all(f);
    acknowledge(f, id);
    assert_int_equal(tally_of(f, id).waiting, 3);
    assert_int_equal(incident(f, id)->expires_us, 0);
}

static void its_end_is_told_to_whom_it_was_told_and_it_is_not_reopened(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint64_t id = rehearse_all(f);
    for (int i = 0; i < 3; i++)
        deliver(f);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0);
    assert_int_equal(f->out.n_pages, 3);
    assert_int_equal(f->out.pages[0].kind, PAGE_RESOLVE);
    assert_int_equal(pager_reopen(f->pager, id, "li", f->now_us, &f->out, &err), -EPERM);
}

/* ---- its verdict ---- */

static struct rehearsal begun(const struct fixture *f)
{
    return (struct rehearsal){ .crossed_us = f->now_us - S };
}

/* It is over, and that is its verdict. */
static bool has_passed(struct fixture *f, uint64_t id, const struct rehearsal *row, const struct rehearsal_tally *tally,
                       char *text)
{
    assert_true(rehearsal_is_over(row, incident(f, id), tally, f->now_us));
    return rehearsal_judge(row, incident(f, id), tally, "2026-11-23", text);
}

static void it_has_passed_when_all_arrived_and_somebody_acknowledged(void **state)
{
    struct fixture *f = *state;
    char text[REHEARSAL_TEXT_MAX + 1];
    uint64_t id = rehearse_all(f);
    struct rehearsal row = begun(f);
    at(f, 3);
    for (int i = 0; i < 3; i++)
        deliver(f);
    struct rehearsal_tally tally = tally_of(f, id);
    assert_false(rehearsal_is_over(&row, incident(f, id), &tally, f->now_us));
    at(f, 61);
    acknowledge(f, id);
    assert_true(has_passed(f, id, &row, &tally, text));
    assert_non_null(strstr(text, "3 ways of 2 contacts told within 4.0 s on 2026-11-23, acknowledged by "));
    assert_non_null(strstr(text, " after 62 s"));
}

static void it_has_failed_when_nobody_acknowledges_within_ten_minutes(void **state)
{
    struct fixture *f = *state;
    char text[REHEARSAL_TEXT_MAX + 1];
    uint64_t id = rehearse_all(f);
    struct rehearsal row = begun(f);
    for (int i = 0; i < 3; i++)
        deliver(f);
    struct rehearsal_tally tally = tally_of(f, id);
    at(f, 599);
    assert_false(rehearsal_is_over(&row, incident(f, id), &tally, f->now_us));
    at(f, 600);
    assert_false(has_passed(f, id, &row, &tally, text));
    assert_non_null(strstr(text, "nobody acknowledged"));
}

static void it_has_failed_when_one_did_not_arrive_and_names_it(void **state)
{
    struct fixture *f = *state;
    char text[REHEARSAL_TEXT_MAX + 1];
    uint64_t id = rehearse_all(f);
    struct rehearsal row = begun(f);
    deliver(f);
    at(f, 490);
    tick(f);
    acknowledge(f, id);
    struct rehearsal_tally tally = tally_of(f, id);
    assert_false(has_passed(f, id, &row, &tally, text));
    assert_non_null(strstr(text, "2 of 3 ways did not arrive on 2026-11-23, acknowledged by "));
    assert_non_null(strstr(text, "mail to bob ("));
}

static void it_is_over_at_once_when_nobody_could_be_told(void **state)
{
    struct fixture *f = *state;
    uint64_t id = rehearse_all(f);
    struct rehearsal row = begun(f);
    at(f, 480);
    tick(f);
    struct rehearsal_tally tally = tally_of(f, id);
    assert_true(rehearsal_is_over(&row, incident(f, id), &tally, f->now_us));
}

/* ---- whom it told ---- */

static void whoever_has_another_way_since_is_named(void **state)
{
    (void)state;
    static char told[REHEARSAL_TOLD_MAX + 1], now[REHEARSAL_TOLD_MAX + 1];
    char text[128];
    rehearsal_add(told, "alice", 1);
    rehearsal_add(told, "alice b", 2);
    rehearsal_add(told, "lead", 3);
    rehearsal_add(now, "lead", 3);
    rehearsal_add(now, "alice b", 2);
    assert_false(rehearsal_is_stale(told, now, text, sizeof text)); /* alice is told no more */
    rehearsal_add(now, "alice", 4);
    assert_true(rehearsal_is_stale(told, now, text, sizeof text));
    assert_string_equal(text, "alice has another way");
    now[0] = '\0';
    rehearsal_add(now, "bob", 1);
    assert_true(rehearsal_is_stale(told, now, text, sizeof text));
    assert_string_equal(text, "bob is told, too");
}

static void as_many_as_there_can_be_have_room(void **state)
{
    (void)state;
    static char told[REHEARSAL_TOLD_MAX + 1];
    char name[CONTACT_NAME_MAX + 1], text[128];
    for (unsigned i = 0; i < REHEARSAL_CONTACTS_MAX; i++) {
        snprintf(name, sizeof name, "%0*u", CONTACT_NAME_MAX, i);
        rehearsal_add(told, name, i);
    }
    assert_int_equal(strlen(told), REHEARSAL_TOLD_MAX);
    assert_false(rehearsal_is_stale(told, told, text, sizeof text));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(whoever_is_rehearsed_is_paged_by_all_their_ways_at_once),
        TEST(machines_are_told_too_and_another_tenants_are_not),
        TEST(two_ways_by_one_channel_are_two_messages),
        TEST(a_rehearsal_is_nobodys_incident_and_is_escalated_to_nobody),
        TEST(pages_that_matter_go_before_it),
        TEST(one_that_is_not_taken_is_tried_twice_and_goes_nowhere_else),
        TEST(what_its_channel_has_no_room_for_fails_after_eight_minutes),
        TEST(to_acknowledge_it_cancels_no_page_and_lasts),
        TEST(its_end_is_told_to_whom_it_was_told_and_it_is_not_reopened),
        TEST(it_has_passed_when_all_arrived_and_somebody_acknowledged),
        TEST(it_has_failed_when_nobody_acknowledges_within_ten_minutes),
        TEST(it_has_failed_when_one_did_not_arrive_and_names_it),
        TEST(it_is_over_at_once_when_nobody_could_be_told),
        TEST(whoever_has_another_way_since_is_named),
        TEST(as_many_as_there_can_be_have_room),
    };
    return cmocka_run_group_tests_name("collector.page.rehearsal", tests, NULL, NULL);
}

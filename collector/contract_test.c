#include "collector/collector_fixture.h"

#include <errno.h>
#include <string.h>

#include "collector/parts.h"

/* It is 2026-11-23T02:13:20Z: a Monday, 10:13:20 in Shanghai. */
#define DAY_S 86400

static struct plan shelf[5];
static struct holidays calendars[1];

static void read_shelf(struct fixture *f)
{
    static const char *const paths[] = { "share/plans/basic.yaml", "share/plans/business.yaml",
                                         "share/plans/developer.yaml", "share/plans/drill.yaml",
                                         "share/plans/enterprise.yaml" };
    struct config_faults faults = { 0 };
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(plan_read(paths[i], &shelf[i], &faults), 0);
    assert_int_equal(holidays_read("share/calendars/cn.yaml", &calendars[0], &faults), 0);
    f->config.plans = (struct plans){ 5, shelf };
    f->config.calendars = (struct calendars){ 1, calendars };
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    if (rc == 0)
        read_shelf(*state);
    return rc;
}

static int set(struct fixture *f, const char *plan, const char *first_day, int64_t years)
{
    struct contract_terms terms = {
        .first_day = first_day, .plan = plan, .zone = "Asia/Shanghai", .calendar = "cn", .years = years
    };
    const struct contract *row;
    return collector_set_contract(f->collector, f->tenant, &terms, "li", &row, &f->err);
}

static void must_set(struct fixture *f, const char *plan, const char *first_day, int64_t years)
{
    if (set(f, plan, first_day, years) != 0)
        fail_msg("%s", f->err.text);
}

static void assert_says(const struct fixture *f, const char *says)
{
    if (!strstr(f->err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, says);
}

static struct event an_event(const struct fixture *f, uint64_t id, const char *zone, const char *first_day,
                             int64_t days)
{
    struct event event;
    struct event_plan plan = { .name = "sale", .zone = zone, .first_day = first_day, .days = days, .hosts = "web-*" };
    assert_int_equal(event_init(&event, &plan, NULL), 0);
    event.id = id;
    event.tenant = f->tenant;
    return event;
}

static int draw(struct fixture *f, const struct event *event, char evidence[ERR_TEXT_MAX])
{
    return contract_draw(f->collector, event, "li", evidence, &f->err);
}

static const struct book *book(const struct fixture *f)
{
    return collector_book(f->collector, f->tenant);
}

/* Nothing of this hangs on the ticks between. */
static void leap(struct fixture *f, int64_t seconds)
{
    clock_fake_pass(&f->fake, seconds * NS_PER_S);
}

static int left(const struct fixture *f, enum grant kind, const char *day)
{
    int64_t number;
    assert_int_equal(calendar_number(day, &number, NULL), 0);
    return book_left(book(f), &f->config.plans, kind, number);
}

static bool is_locked(const struct fixture *f)
{
    return book(f)->contracts[0].locked_us != 0;
}

/* ---- contracts ---- */

static void a_contract_outlives_a_restart_and_stands_in_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct recorded entries[4];
    must_set(f, "enterprise", "2026-01-01", 2);
    commit(f, f->tenant);
    struct contract before = book(f)->contracts[0];
    restart_collector(f);
    assert_int_equal(book(f)->n_contracts, 1);
    assert_memory_equal(&book(f)->contracts[0], &before, sizeof before);
    assert_string_equal(before.set_by, "li");
    assert_int_equal(read_record(f, f->tenant, "contract", entries, 4), 1);
    assert_string_equal(entries[0].what, "set");
    assert_string_equal(entries[0].actor, "li");
    assert_non_null(strstr(entries[0].body, "\"plan\":\"enterprise\""));
    assert_true(was_logged(f, "event=contract_changed"));
}

static void what_is_not_given_of_a_contract_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct contract_terms terms = { .first_day = "2026-01-01", .years = 3 };
    const struct contract *row = NULL;
    assert_int_equal(collector_set_contract(f->collector, f->tenant, &terms, "li", &row, &f->err), -EINVAL);
    assert_says(f, "a new contract needs a plan");
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(collector_set_contract(f->collector, f->tenant, &terms, "wang", &row, &f->err), 0);
    assert_string_equal(row->plan, "enterprise");
    assert_string_equal(row->zone, "Asia/Shanghai");
    assert_string_equal(row->set_by, "wang");
    assert_int_equal(row->years, 3);
    assert_int_equal(book(f)->n_contracts, 1);
}

static void a_contract_that_makes_no_sense_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set(f, "gold", "2026-01-01", 1), -ENOENT);
    assert_says(f, "there is no plan gold");
    assert_int_equal(set(f, "drill", "2026-01-01", 1), -EINVAL);
    assert_int_equal(set(f, "business", "2026-02-30", 1), -EINVAL);
    assert_says(f, "2026-02-30");
    assert_int_equal(set(f, "business", "2026-01-01", 11), -EINVAL);
    assert_int_equal(set(f, "business", "2026-01-01", -1), -EINVAL);
    struct contract_terms terms = { "2026-01-01", "business", "Mars/Olympus", "cn", 1 };
    const struct contract *row;
    assert_int_equal(collector_set_contract(f->collector, f->tenant, &terms, "li", &row, &f->err), -EINVAL);
    assert_says(f, "Mars/Olympus");
    terms = (struct contract_terms){ "2026-01-01", "business", "UTC", "fr", 1 };
    assert_int_equal(collector_set_contract(f->collector, f->tenant, &terms, "li", &row, &f->err), -ENOENT);
    assert_says(f, "there is no calendar fr of working days; there are: cn");
    assert_int_equal(book(f)->n_contracts, 0);
}

static void contracts_of_a_tenant_do_not_overlap(void **state)
{
    struct fixture *f = *state;
    must_set(f, "business", "2026-01-01", 1);
    assert_int_equal(set(f, "business", "2026-12-31", 1), -EEXIST);
    assert_says(f, "from 2026-01-01 to 2026-12-31");
    must_set(f, "business", "2027-01-01", 1);
}

static void an_unlocked_contract_can_be_cancelled_and_is_gone_with_it(void **state)
{
    struct fixture *f = *state;
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(collector_end_contract(f->collector, f->tenant, "2026-01-02", "li", &f->err), -ENOENT);
    assert_int_equal(collector_end_contract(f->collector, f->tenant, "2026-01-01", "li", &f->err), 0);
    commit(f, f->tenant);
    restart_collector(f);
    assert_int_equal(book(f)->n_contracts, 0);
}

static void from_the_first_request_on_a_contract_holds_for_its_term_even_after_a_cancellation(void **state)
{
    struct fixture *f = *state;
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    char evidence[ERR_TEXT_MAX];
    int days;
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(contract_lock(f->collector, &event, "li"), 0);
    assert_true(is_locked(f));
    assert_int_equal(draw(f, &event, evidence), 0);
    assert_int_equal(contract_give_back(f->collector, &event, "li", &days), 0);
    assert_int_equal(days, 1);
    commit(f, f->tenant);
    restart_collector(f);
    assert_true(is_locked(f));
    assert_int_equal(collector_end_contract(f->collector, f->tenant, "2026-01-01", "li", &f->err), -EPERM);
    assert_says(f,
                "cannot be cancelled: days of it were requested on 2026-11-23, so it holds for its term, to the end of "
                "2026-12-31");
    assert_int_equal(set(f, "business", "2026-01-01", 1), -EPERM);
    assert_says(f, "cannot be downgraded");
    struct recorded entries[8];
    assert_int_equal(read_record(f, f->tenant, "contract", entries, 8), 2);
    assert_string_equal(entries[1].what, "locked");
    assert_int_equal(contract_lock(f->collector, &event, "li"), 0);
    assert_int_equal(read_record(f, f->tenant, "contract", entries, 8), 2); /* locked once */
}

static void a_contract_made_behind_the_request_is_locked_by_the_draw(void **state)
{
    struct fixture *f = *state;
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    char evidence[ERR_TEXT_MAX];
    assert_int_equal(contract_lock(f->collector, &event, "li"), 0);
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_false(is_locked(f));
    assert_int_equal(draw(f, &event, evidence), 0);
    assert_true(is_locked(f));
}

/* ---- events ---- */

static void a_request_is_late_with_less_than_ten_working_days_ahead(void **state)
{
    struct fixture *f = *state;
    struct contract_finding finding;
    must_set(f, "enterprise", "2026-01-01", 2);
    struct event late = an_event(f, 9, "Asia/Shanghai", "2026-12-07", 1);
    contract_look(f->collector, &late, &finding);
    assert_true(finding.late && finding.enough);
    assert_non_null(strstr(finding.lead, "the earliest day would be 2026-12-08"));
    struct event early = an_event(f, 9, "Asia/Shanghai", "2026-12-08", 1);
    contract_look(f->collector, &early, &finding);
    assert_false(finding.late);
    assert_non_null(strstr(finding.evidence, "1 day wanted, 3 left on 2026-12-08"));
    leap(f, 13 * 3600 + 46 * 60 + 40); /* midnight in Shanghai */
    contract_look(f->collector, &early, &finding);
    assert_true(finding.late);
}

static void a_lead_time_over_a_year_nobody_knows_is_late_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct contract_finding finding;
    must_set(f, "enterprise", "2026-01-01", 2);
    leap(f, 30 * DAY_S);
    struct event event = an_event(f, 9, "Asia/Shanghai", "2027-03-01", 1);
    contract_look(f->collector, &event, &finding);
    assert_true(finding.late);
    assert_non_null(strstr(finding.lead, "calendar cn does not cover 2027"));
}

static void without_a_contract_nothing_is_there_to_draw(void **state)
{
    struct fixture *f = *state;
    struct contract_finding finding;
    char evidence[ERR_TEXT_MAX];
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    contract_look(f->collector, &event, &finding);
    assert_true(finding.late && !finding.enough);
    assert_non_null(strstr(finding.evidence, "no contract covers 2026-12-12"));
    assert_int_equal(contract_lock(f->collector, &event, "li"), 0);
    assert_int_equal(draw(f, &event, evidence), -EPERM);
    assert_says(f, "no contract covers 2026-12-12");
}

static void of_two_that_wait_for_the_same_day_the_one_accepted_first_has_it(void **state)
{
    struct fixture *f = *state;
    char evidence[ERR_TEXT_MAX];
    struct contract_finding finding;
    struct event first = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    struct event second = an_event(f, 10, "Asia/Shanghai", "2026-12-20", 1);
    must_set(f, "business", "2026-01-01", 1);
    contract_look(f->collector, &first, &finding);
    assert_true(finding.enough);
    contract_look(f->collector, &second, &finding);
    assert_true(finding.enough); /* nothing is held for who only asks */
    assert_int_equal(draw(f, &second, evidence), 0);
    assert_string_equal(evidence, "1 day of plan business; 0 left on 2026-12-20");
    assert_int_equal(draw(f, &first, evidence), -EPERM);
    assert_says(f, "left 0: plan business grants 1 in the contract year to 2026-12-31 (1 taken)");
    assert_int_equal(draw(f, &second, evidence), -EPERM);
    assert_says(f, "already");
}

static void packs_add_to_the_plan_and_draws_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    char evidence[ERR_TEXT_MAX];
    struct recorded entries[4];
    const struct pack *row;
    struct pack pack = { .tenant = f->tenant,
                         .kind = GRANT_ASSURANCE,
                         .days = 2,
                         .from_day = "2026-12-01",
                         .to_day = "2027-11-30",
                         .bought_by = "li" };
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 3);
    assert_int_equal(collector_buy_pack(f->collector, &pack, &row, &f->err), -EPERM);
    assert_says(f, "no contract a pack could add to");
    must_set(f, "business", "2026-01-01", 1);
    assert_int_equal(collector_buy_pack(f->collector, &pack, &row, &f->err), 0);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-11-30"), 1);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-12-12"), 3);
    assert_int_equal(draw(f, &event, evidence), 0);
    assert_string_equal(evidence, "1 day of plan business, 2 days of pack 1; 0 left on 2026-12-12");
    commit(f, f->tenant);
    restart_collector(f);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-12-12"), 0);
    assert_int_equal(book(f)->n_draws, 2);
    assert_int_equal(read_record(f, f->tenant, "draw", entries, 4), 1);
    assert_int_equal(entries[0].event, 9);
    assert_string_equal(entries[0].what, "taken");
    assert_non_null(strstr(entries[0].body, "\"days\":3"));
    pack.days = 0;
    assert_int_equal(collector_buy_pack(f->collector, &pack, &row, &f->err), -EINVAL);
}

static void an_event_draws_from_the_contract_year_its_first_instant_lies_in(void **state)
{
    struct fixture *f = *state;
    char evidence[ERR_TEXT_MAX];
    must_set(f, "enterprise", "2026-01-01", 2);
    /* Its window begins at 16:00 of that day in Shanghai. */
    struct event there = an_event(f, 9, "America/Los_Angeles", "2026-12-31", 1);
    assert_int_equal(draw(f, &there, evidence), 0);
    assert_string_equal(book(f)->draws[0].first_day, "2026-12-31");
    struct event over = an_event(f, 10, "Asia/Shanghai", "2026-12-31", 2);
    assert_int_equal(draw(f, &over, evidence), 0);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-12-31"), 0);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2027-01-01"), 3);
    struct event pacific = an_event(f, 11, "Pacific/Kiritimati", "2027-01-01", 1);
    assert_int_equal(draw(f, &pacific, evidence), -EPERM); /* it begins on December 31 in Shanghai */
}

static void days_come_back_only_if_the_window_has_not_begun(void **state)
{
    struct fixture *f = *state;
    char evidence[ERR_TEXT_MAX];
    int days;
    struct event first = an_event(f, 9, "Asia/Shanghai", "2026-11-24", 1);
    struct event second = an_event(f, 10, "Asia/Shanghai", "2026-11-25", 2);
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(draw(f, &first, evidence), 0);
    assert_int_equal(draw(f, &second, evidence), 0);
    leap(f, (first.start_us - now_us(f->collector)) / US_PER_S);
    assert_int_equal(contract_give_back(f->collector, &first, "li", &days), 0);
    assert_int_equal(days, 0);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-11-25"), 0);
    assert_int_equal(contract_give_back(f->collector, &second, "li", &days), 0);
    assert_int_equal(days, 2);
    assert_int_equal(contract_give_back(f->collector, &second, "li", &days), 0);
    assert_int_equal(days, 0);
    commit(f, f->tenant);
    restart_collector(f);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-11-25"), 2);
}

static void each_tenant_has_a_book_of_its_own(void **state)
{
    struct fixture *f = *state;
    uint64_t other = add_tenant(f, "globex");
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(collector_book(f->collector, other)->n_contracts, 0);
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    char evidence[ERR_TEXT_MAX];
    event.tenant = other;
    assert_int_equal(draw(f, &event, evidence), -EPERM);
    assert_int_equal(left(f, GRANT_ASSURANCE, "2026-12-12"), 3);
}

/* ---- advice ---- */

static int advise(struct fixture *f, const char *first_day, int64_t days)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    return collector_advise(f->collector, f->tenant, first_day, days, "li", draws, &n, &f->err);
}

static void advice_with_less_than_its_lead_is_refused_with_the_earliest_day(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(advise(f, "2026-11-27", 1), -EPERM);
    assert_says(f, "no contract of this tenant covers 2026-11-27");
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(advise(f, "2026-11-26", 1), -EPERM);
    assert_says(f, "3 working days ahead: the earliest day is 2026-11-27");
    assert_int_equal(advise(f, "2026-11-23", 1), -EPERM);
    assert_says(f, "2026-11-27");
    assert_int_equal(advise(f, "2026-11-22", 1), -EPERM);
    assert_says(f, "2026-11-22 is over");
    assert_false(is_locked(f));
    assert_int_equal(advise(f, "2026-11-27", 1), 0);
    assert_true(is_locked(f));
    leap(f, 2 * DAY_S); /* Wednesday: three days ahead end with the weekend, so it is Tuesday */
    assert_int_equal(advise(f, "2026-11-28", 1), -EPERM);
    assert_says(f, "the earliest day is 2026-12-01");
}

static void advice_is_given_on_working_days(void **state)
{
    struct fixture *f = *state;
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(advise(f, "2026-11-28", 1), -EPERM);
    assert_says(f, "the next one by calendar cn is 2026-11-30");
    assert_int_equal(advise(f, "2026-11-30", 2), 0);
    assert_int_equal(left(f, GRANT_ADVICE, "2026-11-30"), 0);
    assert_int_equal(advise(f, "2026-12-01", 1), -EPERM);
    assert_says(f, "days of advice from 2026-12-01 on: wanted 1, left 0");
    assert_int_equal(advise(f, "2026-12-01", 0), -EINVAL);
    assert_int_equal(advise(f, "2026-13-01", 1), -EINVAL);
}

static void advice_that_nobody_can_judge_is_refused(void **state)
{
    struct fixture *f = *state;
    must_set(f, "enterprise", "2026-01-01", 2);
    assert_int_equal(advise(f, "2027-03-01", 1), -ERANGE);
    assert_says(f, "calendar cn does not cover 2027");
    f->config.calendars.n = 0;
    assert_int_equal(advise(f, "2026-11-30", 1), -ENOENT);
    assert_says(f, "there is no calendar cn of working days; there are: none");
}

static void advice_comes_back_until_its_first_day(void **state)
{
    struct fixture *f = *state;
    struct draw back;
    struct event event = an_event(f, 9, "Asia/Shanghai", "2026-12-12", 1);
    char evidence[ERR_TEXT_MAX];
    must_set(f, "enterprise", "2026-01-01", 1);
    assert_int_equal(advise(f, "2026-11-27", 1), 0);
    assert_int_equal(advise(f, "2026-11-30", 1), 0);
    assert_int_equal(draw(f, &event, evidence), 0);
    assert_int_equal(collector_cancel_advice(f->collector, f->tenant, 7, "li", &back, &f->err), -ENOENT);
    assert_int_equal(collector_cancel_advice(f->collector, f->tenant, 3, "li", &back, &f->err),
                     -ENOENT); /* an event's */
    leap(f, 4 * DAY_S);
    assert_int_equal(collector_cancel_advice(f->collector, f->tenant, 1, "li", &back, &f->err), -EPERM);
    assert_says(f, "began on 2026-11-27: its days are used");
    assert_int_equal(collector_cancel_advice(f->collector, f->tenant, 2, "wang", &back, &f->err), 0);
    assert_int_equal(back.days, 1);
    assert_int_equal(collector_cancel_advice(f->collector, f->tenant, 2, "li", &back, &f->err), -EPERM);
    assert_says(f, "cancelled already");
    assert_int_equal(left(f, GRANT_ADVICE, "2026-12-12"), 1);
}

int main(void)
{
#define CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_contract_outlives_a_restart_and_stands_in_the_ledger),
        CONTRACT_TEST(what_is_not_given_of_a_contract_stays_as_it_is),
        CONTRACT_TEST(a_contract_that_makes_no_sense_is_refused),
        CONTRACT_TEST(contracts_of_a_tenant_do_not_overlap),
        CONTRACT_TEST(an_unlocked_contract_can_be_cancelled_and_is_gone_with_it),
        CONTRACT_TEST(from_the_first_request_on_a_contract_holds_for_its_term_even_after_a_cancellation),
        CONTRACT_TEST(a_contract_made_behind_the_request_is_locked_by_the_draw),
        CONTRACT_TEST(a_request_is_late_with_less_than_ten_working_days_ahead),
        CONTRACT_TEST(a_lead_time_over_a_year_nobody_knows_is_late_and_says_why),
        CONTRACT_TEST(without_a_contract_nothing_is_there_to_draw),
        CONTRACT_TEST(of_two_that_wait_for_the_same_day_the_one_accepted_first_has_it),
        CONTRACT_TEST(packs_add_to_the_plan_and_draws_outlive_a_restart),
        CONTRACT_TEST(an_event_draws_from_the_contract_year_its_first_instant_lies_in),
        CONTRACT_TEST(days_come_back_only_if_the_window_has_not_begun),
        CONTRACT_TEST(each_tenant_has_a_book_of_its_own),
        CONTRACT_TEST(advice_with_less_than_its_lead_is_refused_with_the_earliest_day),
        CONTRACT_TEST(advice_is_given_on_working_days),
        CONTRACT_TEST(advice_that_nobody_can_judge_is_refused),
        CONTRACT_TEST(advice_comes_back_until_its_first_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

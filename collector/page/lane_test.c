#include "collector/page/page_fixture.h"

static const struct page_channel slow[] = { { "mail", 20, 1 }, { "robot", 0, 1 } };
static const struct page_channel full[] = { { "mail", 20, 20 }, { "robot", 20, 5 } };

static void with_channels(struct fixture *f, const struct page_channel channels[2], const char *policy)
{
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, policy);
}

static void take_message(struct fixture *f, struct page_due *due)
{
    assert_true(pager_take_due(f->pager, f->now_us, due));
}

static const struct page_outcome down = { .error = "no answer" };
static const struct page_outcome taken = { .delivered = true, .status = 250 };

/* `n` incidents, each of an event of its own. */
static void many_fire(struct fixture *f, unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        FIRES(f, .host = i, .event = i);
}

/* How many messages a channel is given now; each of them is taken. */
static unsigned count_taken(struct fixture *f, const char *channel, unsigned *ret_pages)
{
    struct page_due due;
    unsigned messages = 0;
    while (pager_take_due(f->pager, f->now_us, &due)) {
        messages += strcmp(due.at[0]->channel, channel) == 0;
        *ret_pages += strcmp(due.at[0]->channel, channel) == 0 ? (unsigned)due.n : 0;
        outcome(f, due.at[0]->id, taken);
    }
    return messages;
}

static void a_channel_is_given_no_more_in_any_minute_than_it_takes(void **state)
{
    struct fixture *f = *state;
    int64_t sent_s[256];
    size_t n = 0;
    unsigned pages = 0;
    with_channels(f, slow, "0s bob");
    many_fire(f, 100);
    for (int64_t s = 0; s <= 300; s++) {
        at(f, s);
        for (unsigned k = count_taken(f, "mail", &pages); k > 0; k--) {
            sent_s[n] = s;
            assert_true(n < 20 || s - sent_s[n - 20] >= 60);
            n++;
        }
    }
    assert_true(n == 100 && pages == 100); /* each of them, in the end */
}

static void a_message_is_of_the_minute_that_its_outcome_is_of(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel one[] = { { "mail", 1, 1 }, { "robot", 0, 1 } };
    with_channels(f, one, "0s bob");
    many_fire(f, 2);
    const struct page *page = take(f);
    at(f, 61);
    assert_nothing_due(f); /* it may come in this very moment */
    at(f, 70);
    outcome(f, page->id, taken);
    at(f, 129);
    assert_nothing_due(f);
    at(f, 130);
    deliver(f);
}

static void half_of_a_minute_is_kept_for_what_comes_behind_a_burst(void **state)
{
    struct fixture *f = *state;
    unsigned pages = 0, messages = 0;
    with_channels(f, full, "0s bob");
    for (unsigned i = 1; i <= 25; i++) { /* one by one */
        FIRES(f, .host = i, .event = i);
        messages += count_taken(f, "mail", &pages);
    }
    assert_true(messages == 10 && pages == 10);
    at(f, 4);
    assert_int_equal(count_taken(f, "mail", &pages), 0);
    at(f, 6);
    assert_int_equal(count_taken(f, "mail", &pages), 1);
    assert_int_equal(pages, 25);
    for (unsigned i = 26; i <= 44; i++)
        FIRES(f, .host = i, .event = i);
    assert_int_equal(count_taken(f, "mail", &pages), 0);
    FIRES(f, .host = 45, .event = 45);
    assert_int_equal(count_taken(f, "mail", &pages), 1); /* full: there is nothing to wait for */
    assert_int_equal(pages, 45);
}

static void whom_nothing_was_written_to_waits_for_nobodys_burst(void **state)
{
    struct fixture *f = *state;
    unsigned pages = 0;
    with_channels(f, full, "0s bob; 3s lead");
    for (unsigned i = 1; i <= 12; i++) {
        FIRES(f, .host = i, .event = i);
        count_taken(f, "mail", &pages);
    }
    assert_int_equal(pages, 10);
    at(f, 3);
    tick(f);
    assert_int_equal(count_taken(f, "mail", &pages), 1);
    assert_int_equal(pages, 22); /* all twelve, to lead */
}

static void a_message_that_is_full_waits_for_no_other_address(void **state)
{
    struct fixture *f = *state;
    unsigned pages = 0;
    with_channels(f, full, "0s lead");
    FIRES(f);
    count_taken(f, "mail", &pages);
    set_people(f, "0s bob");
    for (unsigned i = 2; i <= 10; i++) {
        FIRES(f, .host = i, .event = i);
        count_taken(f, "mail", &pages);
    }
    assert_int_equal(pages, 10);
    set_people(f, "0s lead");
    FIRES(f, .host = 11, .event = 11); /* the most urgent, and not alone to wait */
    set_people(f, "0s bob");
    for (unsigned i = 12; i <= 30; i++)
        FIRES(f, .host = i, .event = i);
    assert_int_equal(count_taken(f, "mail", &pages), 0);
    FIRES(f, .host = 31, .event = 31);
    assert_int_equal(count_taken(f, "mail", &pages), 1);
    assert_int_equal(pages, 30);
}

static void rehearse_all_but_bob(struct fixture *f)
{
    static const char *const whom[] = { "alice", "lead", "manager" };
    const struct page_own own = {
        .tenant = SHOP, .event = SALE, .group = "rehearsal", .title = "the way", .crossed_us = f->now_us
    };
    uint64_t id;
    page_effects_clear(&f->out);
    assert_int_equal(pager_rehearse(f->pager, &own, whom, 3, f->now_us, &id, &f->out), 0);
    store(f);
}

static void the_rest_of_a_minute_is_not_for_what_is_less_urgent(void **state)
{
    struct fixture *f = *state;
    struct page_due due;
    unsigned pages = 0;
    with_channels(f, full, "0s bob");
    for (unsigned i = 1; i <= 12; i++) {
        FIRES(f, .host = i, .event = i);
        count_taken(f, "mail", &pages);
    }
    assert_int_equal(pages, 10);
    rehearse_all_but_bob(f);
    assert_int_equal(count_taken(f, "mail", &pages), 0); /* two pages to bob wait still */
    at(f, 6);
    take_message(f, &due);
    assert_true(due.n == 2 && strcmp(due.at[0]->contact, "bob") == 0);
    outcome(f, due.at[0]->id, taken);
    assert_int_equal(count_taken(f, "mail", &pages), 3); /* nothing else waits: whom nothing was written to */
}

static void a_message_that_is_no_page_is_given_none_of_the_second_half_of_a_minute(void **state)
{
    struct fixture *f = *state;
    unsigned pages = 0;
    with_channels(f, slow, "0s bob");
    many_fire(f, 9);
    assert_int_equal(count_taken(f, "mail", &pages), 9);
    assert_true(pager_take_turn(f->pager, "mail", f->now_us));
    assert_false(pager_take_turn(f->pager, "mail", f->now_us));
    FIRES(f, .host = 10, .event = 10);
    deliver(f);
    at(f, 60); /* nine of the minute are over */
    assert_true(pager_take_turn(f->pager, "mail", f->now_us));
    assert_true(pager_take_turn(f->pager, "robot", f->now_us)); /* it has no limit */
}

static void what_is_due_to_one_address_goes_together(void **state)
{
    struct fixture *f = *state;
    struct page_due due, again;
    with_channels(f, full, "0s bob");
    many_fire(f, 23);
    take_message(f, &due);
    assert_int_equal(due.n, 20);
    for (size_t i = 0; i < due.n; i++)
        assert_int_equal(due.at[i]->incident, i + 1); /* the most urgent first */
    take_message(f, &again);
    assert_int_equal(again.n, 3);
    outcome(f, due.at[0]->id, taken);
    assert_int_equal(f->out.n_pages, 20); /* one outcome counts for all */
    for (unsigned i = 1; i <= 20; i++)
        assert_int_equal(incident(f, i)->delivered_us, f->now_us);
    assert_int_equal(incident(f, 21)->delivered_us, 0);
}

static void a_message_of_other_pages_has_another_key(void **state)
{
    struct fixture *f = *state;
    struct page_due due, again;
    with_channels(f, full, "0s bob");
    many_fire(f, 2);
    take_message(f, &due);
    assert_int_equal(due.n, 2);
    assert_string_not_equal(due.key, due.at[0]->key);
    outcome(f, due.at[0]->id, down);
    at(f, 1);
    take_message(f, &again);
    assert_string_equal(again.key, due.key); /* the same message */
    outcome(f, again.at[0]->id, (struct page_outcome){ .status = 429, .retry_after_us = S });
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, 2, "bob", f->now_us, &f->out, NULL), 0);
    at(f, 5);
    take_message(f, &again);
    assert_int_equal(again.n, 1);
    assert_string_equal(again.key, again.at[0]->key);
}

static void what_was_acknowledged_before_its_message_went_goes_to_nobody(void **state)
{
    struct fixture *f = *state;
    struct page_due due;
    with_channels(f, full, "0s bob");
    many_fire(f, 3);
    take_message(f, &due);
    assert_true(due.n == 3 && due.limited);
    acknowledge(f, 1); /* that of the page that leads */
    assert_true(pager_still_due(f->pager, &due, f->now_us, &f->out));
    assert_int_equal(due.n, 2);
    assert_int_equal(due.at[0]->incident, 2);
    acknowledge(f, 3);
    assert_true(pager_still_due(f->pager, &due, f->now_us, &f->out));
    assert_int_equal(due.n, 1);
    assert_string_equal(due.key, due.at[0]->key);
    outcome(f, due.at[0]->id, taken);
    assert_int_equal(f->out.n_pages, 1);
    assert_true(incident(f, 2)->delivered_us > 0 && incident(f, 1)->delivered_us == 0);
    assert_nothing_due(f);
}

static void a_message_that_did_not_go_is_none_of_its_minute(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel one[] = { { "mail", 1, 1 }, { "robot", 0, 1 } };
    struct page_due due;
    with_channels(f, one, "0s bob");
    many_fire(f, 2);
    take_message(f, &due);
    assert_nothing_due(f);
    acknowledge(f, due.at[0]->incident);
    page_effects_clear(&f->out);
    assert_false(pager_still_due(f->pager, &due, f->now_us, &f->out));
    assert_true(f->out.n_pages == 1 && f->out.pages[0].state == PAGE_CANCELLED && f->out.pages[0].attempts == 0);
    take_message(f, &due);
    assert_int_equal(due.at[0]->incident, 2);
}

static void triggers_go_before_resolutions(void **state)
{
    struct fixture *f = *state;
    static const struct page_channel one[] = { { "mail", 1, 1 }, { "robot", 0, 1 } };
    with_channels(f, one, "0s bob");
    FIRES(f);
    deliver(f);
    RECOVERS(f);
    FIRES(f, .host = 2, .event = SALE);
    assert_nothing_due(f); /* the channel has had its message of this minute */
    at(f, 60);
    const struct page *page = take(f);
    assert_int_equal(page->incident, 2);
    outcome(f, page->id, taken);
    at(f, 120);
    assert_int_equal(take(f)->kind, PAGE_RESOLVE);
}

static void a_channel_that_asks_for_it_in_answer_to_a_test_is_left_alone(void **state)
{
    struct fixture *f = *state;
    const struct page_outcome asks = { .status = 429, .retry_after_us = 40 * S };
    with_channels(f, slow, "0s bob");
    assert_true(pager_take_turn(f->pager, "mail", f->now_us));
    pager_turn_answered(f->pager, "mail", &asks, f->now_us, &f->out);
    assert_false(pager_take_turn(f->pager, "mail", f->now_us));
    many_fire(f, 1);
    assert_nothing_due(f);
    at(f, 39);
    assert_nothing_due(f);
    at(f, 40);
    assert_int_equal(take(f)->incident, 1);
}

static void a_channel_that_asks_for_it_is_left_alone(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s bob");
    many_fire(f, 2);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 40 * S }), 40);
    assert_nothing_due(f); /* the other page waits, too */
    at(f, 39);
    assert_nothing_due(f);
    at(f, 40);
    deliver(f);
    deliver(f);
}

static void a_page_at_its_last_chance_goes_all_the_same(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s bob");
    FIRES(f);
    FIRES(f, .host = 2, .event = SALE);
    at(f, 400);
    fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S });
    at(f, 569);
    assert_nothing_due(f);
    at(f, 570);
    deliver(f);
}

static void the_last_chance_is_of_the_incidents_budget(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s bob");
    at(f, 400);
    FIRES(f, .crossed_s = 1);
    FIRES(f, .host = 2, .event = SALE, .crossed_s = 1);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S }), 171);
    at(f, 570);
    assert_nothing_due(f);
    at(f, 571);
    deliver(f);
    deliver(f);
}

static void a_page_whose_chance_has_not_come_holds_back_none(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s bob");
    FIRES(f);
    deliver(f);
    RECOVERS(f);
    at(f, 500);
    FIRES(f, .host = 2, .event = SALE);
    fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S });
    FIRES(f, .host = 3, .event = SALE + 1); /* more urgent than a resolution */
    at(f, 569);
    assert_nothing_due(f);
    at(f, 570);
    assert_int_equal(take(f)->kind, PAGE_RESOLVE);
    assert_nothing_due(f);
}

static void a_channel_that_is_down_spills_to_the_next_way(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    FIRES(f);
    fail_once(f, down);
    assert_string_equal(paged(f), "");
    FIRES(f, .host = 2, .event = SALE);
    assert_string_equal(paged(f), "alice/mail");
    fail_once(f, down); /* twice in a row: both of them */
    assert_string_equal(paged(f), "alice/robot alice/robot");
    const struct page *spill = &f->out.pages[f->out.n_pages - 1];
    assert_int_equal(spill->class, PAGE_SPILL);
    assert_string_equal(spill->text, "mail is down: no answer");
    assert_key(spill->key, spill->incident == 1 ? "1-trigger-1-0-" : "2-trigger-1-0-", "alice-robot");
    FIRES(f, .host = 3, .event = SALE + 1); /* at once, now that it is known */
    assert_string_equal(paged(f), "alice/mail alice/robot");
    at(f, 10);
    struct page_due due;
    unsigned told = 0;
    while (pager_take_due(f->pager, f->now_us, &due)) {
        told += due.at[0]->channel[0] == 'r';
        outcome(f, due.at[0]->id, due.at[0]->channel[0] == 'r' ? taken : down);
    }
    assert_int_equal(told, 3);
    assert_int_equal(incident(f, 1)->delivered_us, f->now_us);
    assert_int_equal(pager_count_queued(f->pager), 3); /* by mail they wait on */
}

static void what_never_left_says_nothing_of_its_channel(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    many_fire(f, 2);
    for (int64_t s = 0; s < 20; s += 10) {
        at(f, s);
        fail_once(f, (struct page_outcome){ .local = true, .error = "64 mails are under way already" });
        fail_once(f, (struct page_outcome){ .local = true, .error = "64 mails are under way already" });
        assert_string_equal(paged(f), "");
    }
}

static void a_channel_that_takes_one_again_is_up(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    many_fire(f, 2);
    fail_once(f, down);
    deliver(f);
    at(f, 1);
    fail_once(f, down); /* the second failure, not in a row */
    assert_string_equal(paged(f), "");
}

static void a_page_that_is_refused_for_good_spills_alone(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    many_fire(f, 2);
    fail_once(f, (struct page_outcome){ .permanent = true, .status = 550, .error = "no such mailbox" });
    assert_string_equal(paged(f), "alice/robot");
    assert_string_equal(f->out.pages[f->out.n_pages - 1].text, "mail refuses it: no such mailbox");
}

static void a_channel_that_is_to_be_left_alone_for_too_long_spills(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    many_fire(f, 2);
    fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S });
    assert_string_equal(paged(f), "alice/robot alice/robot");
    at(f, 60);
    FIRES(f, .host = 3, .event = 3);
    assert_string_equal(paged(f), "alice/mail"); /* its deadline is behind that */
}

static void a_page_that_waits_for_two_minutes_spills_once(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    many_fire(f, 70);
    unsigned pages = 0;
    count_taken(f, "mail", &pages);
    size_t spilled = 0;
    for (int64_t s = 1; s <= 180; s++) {
        at(f, s);
        tick(f);
        for (size_t i = 0; i < f->out.n_pages; i++)
            spilled += f->out.pages[i].class == PAGE_SPILL && f->out.pages[i].attempts == 0;
        count_taken(f, "mail", &pages);
    }
    assert_int_equal(pages, 70);
    assert_int_equal(spilled, 30); /* those that 20 a minute had left */
}

static void who_was_told_by_both_ways_hears_of_the_end_by_both(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    FIRES(f);
    fail_once(f, (struct page_outcome){ .permanent = true, .status = 550, .error = "no" });
    at(f, 60);
    deliver(f);
    deliver(f);
    RECOVERS(f);
    assert_int_equal(f->out.n_pages, 2);
    assert_string_not_equal(f->out.pages[0].channel, f->out.pages[1].channel);
    assert_true(f->out.pages[0].kind == PAGE_RESOLVE && f->out.pages[1].kind == PAGE_RESOLVE);
}

static void a_clock_set_back_holds_back_no_channel(void **state)
{
    struct fixture *f = *state;
    unsigned pages = 0;
    with_channels(f, slow, "0s bob");
    at(f, 7200);
    many_fire(f, 30);
    tick(f);
    count_taken(f, "mail", &pages);
    assert_int_equal(pages, 20);
    at(f, 0);
    tick(f);
    assert_int_equal(count_taken(f, "mail", &pages), 0);
    at(f, 60);
    assert_int_equal(count_taken(f, "mail", &pages), 10);
}

static void a_clock_set_back_puts_off_no_last_chance(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s bob");
    at(f, 7200);
    many_fire(f, 2);
    at(f, 7600);
    tick(f);
    fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 600 * S });
    at(f, 400);
    tick(f);
    at(f, 569);
    assert_nothing_due(f);
    at(f, 570);
    deliver(f);
    deliver(f);
}

static void probe(struct fixture *f, struct page_outcome o)
{
    page_effects_clear(&f->out);
    pager_channel_probed(f->pager, "mail", &o, f->now_us, &f->out);
    store(f);
}

static void a_channel_that_could_not_be_reached_twice_is_down_until_it_can(void **state)
{
    struct fixture *f = *state;
    with_channels(f, slow, "0s alice");
    FIRES(f);
    probe(f, down);
    assert_string_equal(paged(f), "");
    probe(f, down);
    assert_string_equal(paged(f), "alice/robot");
    assert_string_equal(f->out.pages[f->out.n_pages - 1].text, "mail is down: no answer");
    FIRES(f, .host = 2, .event = SALE);
    assert_string_equal(paged(f), "alice/mail alice/robot");
    probe(f, taken);
    FIRES(f, .host = 3, .event = SALE + 1);
    assert_string_equal(paged(f), "alice/mail");
    probe(f, down);
    while (pager_count_queued(f->pager) > 0) /* it takes one: nothing is down that does */
        deliver(f);
    probe(f, down);
    FIRES(f, .host = 4, .event = SALE + 2);
    assert_string_equal(paged(f), "alice/mail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_channel_is_given_no_more_in_any_minute_than_it_takes),
        TEST(a_message_is_of_the_minute_that_its_outcome_is_of),
        TEST(half_of_a_minute_is_kept_for_what_comes_behind_a_burst),
        TEST(whom_nothing_was_written_to_waits_for_nobodys_burst),
        TEST(a_message_that_is_full_waits_for_no_other_address),
        TEST(the_rest_of_a_minute_is_not_for_what_is_less_urgent),
        TEST(a_message_that_is_no_page_is_given_none_of_the_second_half_of_a_minute),
        TEST(what_is_due_to_one_address_goes_together),
        TEST(a_message_of_other_pages_has_another_key),
        TEST(what_was_acknowledged_before_its_message_went_goes_to_nobody),
        TEST(a_message_that_did_not_go_is_none_of_its_minute),
        TEST(triggers_go_before_resolutions),
        TEST(a_channel_that_asks_for_it_is_left_alone),
        TEST(a_channel_that_asks_for_it_in_answer_to_a_test_is_left_alone),
        TEST(a_page_at_its_last_chance_goes_all_the_same),
        TEST(the_last_chance_is_of_the_incidents_budget),
        TEST(a_page_whose_chance_has_not_come_holds_back_none),
        TEST(a_channel_that_is_down_spills_to_the_next_way),
        TEST(a_channel_that_could_not_be_reached_twice_is_down_until_it_can),
        TEST(what_never_left_says_nothing_of_its_channel),
        TEST(a_channel_that_takes_one_again_is_up),
        TEST(a_page_that_is_refused_for_good_spills_alone),
        TEST(a_channel_that_is_to_be_left_alone_for_too_long_spills),
        TEST(a_page_that_waits_for_two_minutes_spills_once),
        TEST(who_was_told_by_both_ways_hears_of_the_end_by_both),
        TEST(a_clock_set_back_holds_back_no_channel),
        TEST(a_clock_set_back_puts_off_no_last_chance),
    };
    return cmocka_run_group_tests_name("collector.page.lane", tests, NULL, NULL);
}

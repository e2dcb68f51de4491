#include "collector/page/page_fixture.h"

static const struct page_channel one_a_minute[] = { { "group", 1, 5 } };

/* bob is paged by a channel of his own, the room hears by another; its messages are one a minute. */
static void set_room(struct fixture *f)
{
    const struct page_contact contacts[] = { machine("bob", 0), machine("group", SHOP) };
    struct page_contact both[2];
    memcpy(both, contacts, sizeof both);
    both[0].everything = both[1].everything = false;
    both[1].hears = true;
    const struct page_ways ways = { .n_contacts = 2, .contacts = both, .n_channels = 1, .channels = one_a_minute };
    page_effects_clear(&f->out);
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    store(f);
}

static void say(struct fixture *f, uint64_t tenant, const char *text)
{
    page_effects_clear(&f->out);
    const struct page_said said = { .in = { text, "中文" } };
    assert_int_equal(pager_chatter(f->pager, tenant, &said, f->now_us, &f->out), 0);
    store(f);
}

static void chatter_goes_to_who_hears_the_tenant_and_is_not_urgent(void **state)
{
    struct fixture *f = *state;
    set_room(f);
    say(f, 2, "of another tenant");
    assert_int_equal(f->out.n_pages, 0);
    say(f, SHOP, "sale is live");
    assert_true(f->out.n_pages == 1 && !f->out.urgent && f->out.n_incidents == 0);
    const struct page *page = take(f);
    assert_true(page->kind == PAGE_CHATTER && page->incident == 0);
    assert_string_equal(page->text, "sale is live");
    assert_string_equal(page->contact, "group");
}

static void who_hears_is_told_in_its_language(void **state)
{
    struct fixture *f = *state;
    struct page_contact rooms[] = { machine("group", SHOP), machine("qun", SHOP) };
    for (int i = 0; i < 2; i++) {
        rooms[i].everything = false;
        rooms[i].hears = true;
        rooms[i].language = i == 0 ? LANGUAGE_EN : LANGUAGE_ZH;
    }
    const struct page_ways ways = { .n_contacts = 2, .contacts = rooms };
    assert_int_equal(pager_set_ways(f->pager, &ways, f->now_us, &f->out), 0);
    say(f, SHOP, "sale is live");
    assert_int_equal(f->out.n_pages, 2);
    assert_string_equal(f->out.pages[0].text, "sale is live");
    assert_string_equal(f->out.pages[1].text, "中文");
    page_effects_clear(&f->out);
    FIRES(f);
    at(f, 300);
    tick(f);
    assert_int_equal(f->out.n_pages, 2);
    assert_non_null(strstr(f->out.pages[0].text, "50 % of its ten minutes are gone"));
    assert_non_null(strstr(f->out.pages[1].text, "十分钟时限已过去 50 %"));
}

static void chatter_waits_behind_pages_and_goes_together(void **state)
{
    struct fixture *f = *state;
    struct page_due due;
    set_room(f);
    for (int i = 0; i < 7; i++)
        say(f, SHOP, "round kept");
    FIRES(f);
    assert_string_equal(take(f)->contact, "bob");
    const struct page *page = take(f);
    assert_int_equal(page->kind, PAGE_TRIGGER);
    outcome(f, page->id, (struct page_outcome){ .delivered = true });
    assert_nothing_due(f);
    at(f, 60);
    assert_true(pager_take_due(f->pager, f->now_us, &due) && due.n == 5 && due.at[0]->kind == PAGE_CHATTER);
    outcome(f, due.at[0]->id, (struct page_outcome){ .delivered = true });
    at(f, 120);
    assert_true(pager_take_due(f->pager, f->now_us, &due) && due.n == 2);
}

static void chatter_that_has_not_gone_out_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    set_room(f);
    say(f, SHOP, "sale is live");
    struct page row = f->out.pages[0];
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_page(f->pager, &row), 0);
    set_room(f);
    assert_int_equal(f->out.n_pages, 0);
    const struct page *page = take(f);
    assert_true(page->id == row.id && page->possible_copy);
    outcome(f, row.id, (struct page_outcome){ .delivered = true });
    pager_forget(f->pager, f->now_us + 1);
    assert_int_equal(pager_count_queued(f->pager), 0);
}

static void chatter_to_a_contact_that_is_gone_is_cancelled(void **state)
{
    struct fixture *f = *state;
    set_room(f);
    say(f, SHOP, "sale is live");
    page_effects_clear(&f->out);
    set_contacts(f, 1, (const char *[]){ "ops" });
    assert_true(f->out.n_pages == 1 && f->out.pages[0].state == PAGE_CANCELLED);
}

static void a_budget_that_runs_out_is_warned_of_twice_on_record_and_in_the_room(void **state)
{
    struct fixture *f = *state;
    set_room(f);
    FIRES(f);
    for (int64_t s = 1; s <= 600; s++) {
        at(f, s);
        tick(f);
        assert_int_equal(f->out.n_steps, s == 300 || s == 480);
        if (s != 300 && s != 480)
            continue;
        assert_int_equal(f->out.steps[0].step, STEP_WARNED);
        assert_string_equal(f->out.steps[0].text,
                            s == 300 ? "50 % of its ten minutes are gone" : "80 % of its ten minutes are gone");
        assert_true(f->out.n_incidents == 1 && f->out.n_pages == 1 && f->out.pages[0].kind == PAGE_CHATTER);
    }
}

static void what_is_acknowledged_or_found_too_late_is_not_warned_of(void **state)
{
    struct fixture *f = *state;
    set_room(f);
    FIRES(f);
    acknowledge(f, 1);
    at(f, 2000);
    FIRES(f, .host = 2, .event = SALE, .crossed_s = 100);
    for (int64_t s = 2000; s <= 2500; s++) {
        at(f, s);
        tick(f);
        assert_int_equal(f->out.n_steps, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chatter_goes_to_who_hears_the_tenant_and_is_not_urgent),
        TEST(who_hears_is_told_in_its_language),
        TEST(chatter_waits_behind_pages_and_goes_together),
        TEST(chatter_that_has_not_gone_out_outlives_the_process),
        TEST(chatter_to_a_contact_that_is_gone_is_cancelled),
        TEST(a_budget_that_runs_out_is_warned_of_twice_on_record_and_in_the_room),
        TEST(what_is_acknowledged_or_found_too_late_is_not_warned_of),
    };
    return cmocka_run_group_tests_name("collector.page.chatter", tests, NULL, NULL);
}

#include "collector/page/page_fixture.h"

static uint64_t beat(struct fixture *f)
{
    uint64_t page = 0;
    page_effects_clear(&f->out);
    assert_int_equal(pager_beat(f->pager, SHOP, f->now_us, &page, &f->out), 0);
    return page;
}

static void a_beat_goes_when_it_is_on_disk_and_by_the_loopback(void **state)
{
    struct fixture *f = *state;
    uint64_t id = beat(f);
    assert_true(f->out.urgent && f->out.n_pages == 1 && f->out.n_incidents == 0 && f->out.n_steps == 0);
    assert_nothing_due(f);
    store(f);
    const struct page *page = take(f);
    assert_true(page->id == id && page->kind == PAGE_BEAT && page->incident == 0 && page->tenant == SHOP);
    assert_string_equal(page->channel, PAGE_LOOPBACK);
    assert_string_equal(page->contact, PAGE_LOOPBACK);
    outcome(f, id, (struct page_outcome){ .delivered = true });
    assert_int_equal(f->out.pages[0].state, PAGE_DELIVERED);
    assert_nothing_due(f);
}

static void a_beat_is_in_no_count_of_pages(void **state)
{
    struct fixture *f = *state;
    unsigned queued;
    beat(f);
    store(f);
    assert_int_equal(pager_count_queued(f->pager), 0);
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), 0);
    assert_int_equal(queued, 0);
}

static void a_beat_that_is_waited_for_no_more_is_cancelled(void **state)
{
    struct fixture *f = *state;
    uint64_t id = beat(f);
    store(f);
    page_effects_clear(&f->out);
    pager_beat_ends(f->pager, id, f->now_us, &f->out);
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_nothing_due(f);
    FIRES(f); /* no other page is ended by it */
    page_effects_clear(&f->out);
    pager_beat_ends(f->pager, id + 1, f->now_us, &f->out);
    assert_int_equal(f->out.n_pages, 0);
    deliver(f);
}

static void a_beat_that_was_queued_when_the_collector_stopped_goes_and_ends(void **state)
{
    struct fixture *f = *state;
    uint64_t id = beat(f);
    struct page row = f->out.pages[0];
    page_effects_clear(&f->out);
    pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_page(f->pager, &row), 0);
    assert_int_equal(take(f)->id, id);
    outcome(f, id, (struct page_outcome){ .delivered = true });
    assert_int_equal(f->out.pages[0].state, PAGE_DELIVERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_beat_goes_when_it_is_on_disk_and_by_the_loopback),
        TEST(a_beat_is_in_no_count_of_pages),
        TEST(a_beat_that_is_waited_for_no_more_is_cancelled),
        TEST(a_beat_that_was_queued_when_the_collector_stopped_goes_and_ends),
    };
    return cmocka_run_group_tests_name("collector.page.beat", tests, NULL, NULL);
}

#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 64 * 1024 };

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, LIMIT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    unsigned char *before = NULL;
    for (size_t size = 1; size < 300; size++) {
        unsigned char *block = arena_alloc(&arena, 1, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, size);
        if (before)
            assert_int_equal(before[size - 2], 0xff);
        before = block;
    }
}

static void blocks_stay_where_they_are_while_the_arena_grows(void **state)
{
    (void)state;
    char *text = arena_text(&arena, "first", 5);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&arena, 1, 48));
    assert_string_equal(text, "first");
}

static void a_text_is_copied_and_terminated(void **state)
{
    (void)state;
    assert_string_equal(arena_text(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_text(&arena, "", 0), "");
    assert_string_equal(arena_text(&arena, NULL, 0), "");
    assert_null(arena_text(&arena, "a", SIZE_MAX));
}

static void room_is_taken_as_blocks_are_but_not_zeroed_again(void **state)
{
    (void)state;
    unsigned char *room = arena_room(&arena, 2, LIMIT / 2);
    assert_non_null(room);
    assert_int_equal((uintptr_t)room % alignof(max_align_t), 0);
    memset(room, 0xff, LIMIT);
    assert_null(arena_room(&arena, 1, 1));
    arena_reset(&arena);
    assert_null(arena_room(&arena, SIZE_MAX / 2, 3));
    assert_ptr_equal(arena_room(&arena, 1, 1), room);
    assert_int_equal(*room, 0xff);
}

static void a_product_that_overflows_gets_nothing(void **state)
{
    (void)state;
    assert_null(arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(&arena, 1, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    assert_non_null(arena_alloc(&arena, 1, 1));
}

static void the_limit_can_be_reached_and_not_passed(void **state)
{
    (void)state;
    assert_null(arena_alloc(&arena, 1, LIMIT + 1));
    for (size_t left = LIMIT; left > 0; left -= 16)
        assert_non_null(arena_alloc(&arena, 1, 16));
    assert_null(arena_alloc(&arena, 1, 1));
    assert_non_null(arena_alloc(&arena, 0, 1));
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 1, LIMIT));
    assert_null(arena_alloc(&arena, 1, 1));
}

/* A chunk kept from an earlier round once counted against the next one's limit. */
static void what_was_served_before_a_reset_changes_no_answer(void **state)
{
    (void)state;
    static const size_t kept[] = { 1, 5000, LIMIT / 2, LIMIT - 4096, LIMIT };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        arena_reset(&arena);
        assert_non_null(arena_alloc(&arena, 1, kept[i]));
        arena_reset(&arena);
        assert_non_null(arena_alloc(&arena, 1, 16));
        assert_non_null(arena_alloc(&arena, 1, LIMIT / 2));
        assert_non_null(arena_alloc(&arena, 1, LIMIT / 2 - 16));
        assert_null(arena_alloc(&arena, 1, 1));
    }
}

static void without_a_limit_to_spend_there_is_nothing(void **state)
{
    (void)state;
    struct arena none;
    arena_init(&none, 0);
    assert_null(arena_alloc(&none, 1, 1));
    arena_done(&none);
}

static void after_done_it_serves_again(void **state)
{
    (void)state;
    assert_non_null(arena_alloc(&arena, 1, LIMIT));
    arena_done(&arena);
    arena_done(&arena);
    assert_string_equal(arena_text(&arena, "again", 5), "again");
    arena_reset(&arena);
    arena_reset(&arena);
}

/* What is freed may not be looked at, so malloc()'s own free() does it: the linker puts this in its place. */
static const void *watched;
static bool was_zero;

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
    const unsigned char *at = watched;
    if (memory && at && at > (unsigned char *)memory && at < (unsigned char *)memory + 4096) {
        was_zero = true;
        for (size_t i = 0; i < 32; i++)
            was_zero = was_zero && at[i] == 0;
        watched = NULL;
    }
    __real_free(memory);
}

static void what_is_wiped_is_gone_before_its_memory_is_given_back(void **state)
{
    (void)state;
    for (int wiped = 0; wiped < 2; wiped++) {
        char *secret = arena_text(&arena, "a secret of thirty-two characters", 33);
        assert_non_null(secret);
        watched = secret;
        (wiped ? arena_wipe : arena_done)(&arena);
        assert_null(watched); /* it was given back */
        assert_int_equal(was_zero, wiped);
    }
    assert_non_null(arena_alloc(&arena, 1, 1)); /* it serves again */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_zeroed_aligned_and_apart),
        TEST(blocks_stay_where_they_are_while_the_arena_grows),
        TEST(a_text_is_copied_and_terminated),
        TEST(room_is_taken_as_blocks_are_but_not_zeroed_again),
        TEST(a_product_that_overflows_gets_nothing),
        TEST(the_limit_can_be_reached_and_not_passed),
        TEST(what_was_served_before_a_reset_changes_no_answer),
        TEST(without_a_limit_to_spend_there_is_nothing),
        TEST(after_done_it_serves_again),
        TEST(what_is_wiped_is_gone_before_its_memory_is_given_back),
    };
    return cmocka_run_group_tests_name("base.arena", tests, NULL, NULL);
}

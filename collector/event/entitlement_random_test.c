/* Any order of requests. */
#include "collector/event/book_fixture.h"

#include <errno.h>
#include <string.h>

#include "collector/event/calendar.h"

enum { EVENTS = 40, STEPS = 1500 };

struct request {
    enum { NOT_ASKED, PENDING, ACCEPTED, CANCELLED, BEGUN } state;
    int64_t first;
    int days;
};

struct game {
    struct book *book;
    uint32_t dice;
    struct request requests[EVENTS];
    uint64_t last_contract, last_pack;
    unsigned accepted, refused, returned, locked;
};

static unsigned roll(struct game *game, unsigned sides)
{
    game->dice = game->dice * 1664525U + 1013904223U;
    return (game->dice >> 8) % sides;
}

static int64_t some_day(struct game *game)
{
    return number("2026-01-01") + roll(game, 3 * 365);
}

static void agree(struct game *game)
{
    static const char *const names[] = { "poor", "small", "large" };
    char day[CALENDAR_DAY_TEXT];
    struct book *book = game->book;
    struct contract row = a_contract(0, names[roll(game, 3)], "2026-01-01", (int)roll(game, 4));
    if (book->n_contracts > 0 && roll(game, 2)) {
        const struct contract *was = &book->contracts[roll(game, (unsigned)book->n_contracts)];
        row.id = was->id;
        memcpy(row.first_day, was->first_day, sizeof row.first_day);
        row.locked_us = was->locked_us;
    } else {
        row.id = game->last_contract + 1;
        memcpy(row.first_day, calendar_text(day, some_day(game)), sizeof row.first_day);
    }
    if (row.years == 0 && row.id > game->last_contract)
        return;
    if (book_check_contract(book, &plans, &row, NULL) == 0) {
        assert_int_equal(book_put_contract(book, &row, NULL), 0);
        if (row.id > game->last_contract)
            game->last_contract = row.id;
    }
}

static void buy(struct game *game)
{
    struct pack row = { .id = game->last_pack + 1, .days = (int)roll(game, 3) + 1 };
    row.kind = (enum grant)roll(game, GRANT_COUNT);
    int64_t from = some_day(game);
    calendar_text(row.from_day, from);
    calendar_text(row.to_day, from + roll(game, 200));
    if (game->last_pack < 30 && book_check_pack(game->book, &row, NULL) == 0) {
        assert_int_equal(book_put_pack(game->book, &row, NULL), 0);
        game->last_pack++;
    }
}

static void ask(struct game *game, struct request *request)
{
    if (request->state != NOT_ASKED && request->state != CANCELLED)
        return;
    *request = (struct request){ PENDING, some_day(game), (int)roll(game, 4) + 1 };
    const struct contract *contract = book_contract(game->book, request->first);
    if (contract) {
        lock(game->book, contract->id);
        game->locked++;
    }
}

static void accept(struct game *game, struct request *request)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    uint64_t id = (uint64_t)(request - game->requests) + 1;
    struct want want = { GRANT_ASSURANCE, id, request->first, request->days, NOW_US, "li" };
    if (request->state == BEGUN || request->state == CANCELLED || request->state == NOT_ASKED)
        return;
    int before = book_left(game->book, &plans, GRANT_ASSURANCE, request->first);
    int rc = book_take(game->book, &plans, &want, draws, &n, NULL);
    if (request->state == ACCEPTED) {
        assert_int_equal(rc, -EPERM);
        return;
    }
    assert_int_equal(rc == 0, before >= request->days);
    request->state = rc == 0 ? ACCEPTED : PENDING;
    game->accepted += rc == 0;
    game->refused += rc != 0;
}

static void advise(struct game *game)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    struct want want = { GRANT_ADVICE, 0, some_day(game), 1, NOW_US, "li" };
    const struct contract *contract = book_contract(game->book, want.first_day);
    if (contract)
        lock(game->book, contract->id);
    book_take(game->book, &plans, &want, draws, &n, NULL);
}

static void cancel(struct game *game, struct request *request)
{
    struct draw back[TAKES_MAX];
    size_t n = 0;
    int days = 0;
    if (request->state != PENDING && request->state != ACCEPTED)
        return;
    book_give_back(game->book, (uint64_t)(request - game->requests) + 1, 0, NOW_US, "li", back, &n);
    for (size_t i = 0; i < n; i++)
        days += back[i].days;
    assert_int_equal(days, request->state == ACCEPTED ? request->days : 0);
    request->state = CANCELLED;
    game->returned += days > 0;
}

/* Counted here by other ways than the book's own: by rows, not by years. */
static void check(const struct game *game)
{
    const struct book *book = game->book;
    for (size_t i = 0; i < book->n_contracts; i++) {
        const struct contract *contract = &book->contracts[i];
        for (int year = 1; year <= contract->years; year++) {
            for (int kind = 0; kind < GRANT_COUNT; kind++) {
                struct balance b;
                int taken = 0;
                assert_int_equal(book_balance_of_year(book, &plans, contract, (enum grant)kind, year, &b, NULL), 0);
                for (size_t k = 0; k < book->n_draws; k++) {
                    const struct draw *draw = &book->draws[k];
                    int64_t day = number(draw->first_day);
                    bool of_it =
                        draw->contract == contract->id && (int)draw->kind == kind && day >= b.first && day <= b.last;
                    taken += of_it && draw->state == DRAW_TAKEN ? draw->days : 0;
                }
                assert_true(taken <= b.granted && b.left >= 0 && b.taken == taken && b.left == b.granted - taken);
            }
        }
    }
    int drawn[EVENTS + 1] = { 0 };
    for (size_t i = 0; i < book->n_packs; i++) {
        int taken = 0;
        for (size_t k = 0; k < book->n_draws; k++)
            if (book->draws[k].pack == book->packs[i].id && book->draws[k].state == DRAW_TAKEN)
                taken += book->draws[k].days;
        assert_true(taken <= book->packs[i].days &&
                    book_pack_left(book, &book->packs[i]) == book->packs[i].days - taken);
    }
    for (size_t k = 0; k < book->n_draws; k++)
        if (book->draws[k].state == DRAW_TAKEN)
            drawn[book->draws[k].event] += book->draws[k].days;
    for (size_t i = 0; i < EVENTS; i++) {
        const struct request *request = &game->requests[i];
        bool holds = request->state == ACCEPTED || request->state == BEGUN;
        assert_int_equal(drawn[i + 1], holds ? request->days : 0);
    }
    /* A contract that days were drawn of is still there. */
    for (size_t k = 0; k < book->n_draws; k++) {
        bool there = book->draws[k].contract == 0;
        for (size_t i = 0; i < book->n_contracts; i++)
            there = there || book->contracts[i].id == book->draws[k].contract;
        assert_true(there);
    }
}

static void whatever_comes_in_whichever_order_nothing_is_drawn_twice_or_without_cover(void **state)
{
    struct book *book = *state;
    unsigned accepted = 0, refused = 0, returned = 0;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        struct game game = { .book = book, .dice = seed };
        for (int step = 0; step < STEPS; step++) {
            struct request *request = &game.requests[roll(&game, EVENTS)];
            switch (roll(&game, 9)) {
            case 0:
                agree(&game);
                break;
            case 1:
                buy(&game);
                break;
            case 2:
                advise(&game);
                break;
            case 3:
                cancel(&game, request);
                break;
            case 4:
                if (request->state == ACCEPTED && roll(&game, 8) == 0)
                    request->state = BEGUN; /* its days are used: nothing gives them back */
                break;
            case 5:
            case 6:
                ask(&game, request);
                break;
            default:
                accept(&game, request);
            }
            check(&game);
        }
        accepted += game.accepted;
        refused += game.refused;
        returned += game.returned;
        book_done(book);
        book->tenant = 7;
    }
    assert_true(accepted > 100 && refused > 100 && returned > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOOK_TEST(whatever_comes_in_whichever_order_nothing_is_drawn_twice_or_without_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is left is never kept: it is counted anew from the draws each time, so no order of requests, and no crash
 * between two rows, can make it differ from them. A book is small (a few draws a year), so counting costs nothing. */
#include "collector/event/book.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event/calendar.h"

static const char *const draw_states[DRAW_STATE_COUNT] = { [DRAW_TAKEN] = "taken", [DRAW_RETURNED] = "returned" };

const char *draw_state_name(enum draw_state state)
{
    return draw_states[state];
}

/* ---- rows ---- */

void book_done(struct book *book)
{
    free(book->contracts);
    free(book->packs);
    free(book->draws);
    *book = (struct book){ 0 };
}

_Static_assert(offsetof(struct contract, id) == 0 && offsetof(struct pack, id) == 0 && offsetof(struct draw, id) == 0,
               "place_of() finds a row's id at its beginning");

/* Where the first row of an id not below `id` stands. */
static size_t index_of(const void *rows, size_t n, size_t size, uint64_t id)
{
    size_t at = n; /* new rows come last */
    for (uint64_t before; at > 0; at--) {
        memcpy(&before, (const char *)rows + (at - 1) * size, sizeof before);
        if (before < id)
            break;
    }
    return at;
}

/* Puts a row in its place, or in that of the one of its id. Returns the rows, perhaps elsewhere; *ret_rc: 0, -ENOSPC,
 * -ENOMEM. */
static void *put_row(void *rows, size_t *n, size_t size, size_t most, const void *row, int *ret_rc)
{
    uint64_t id, there = 0;
    memcpy(&id, row, sizeof id);
    size_t at = index_of(rows, *n, size, id);
    if (at < *n)
        memcpy(&there, (char *)rows + at * size, sizeof there);
    *ret_rc = 0;
    if (there != id) {
        void *grown = *n < most ? realloc(rows, (*n + 1) * size) : NULL;
        if (!grown) {
            *ret_rc = *n < most ? -ENOMEM : -ENOSPC;
            return rows;
        }
        rows = grown;
        memmove((char *)rows + (at + 1) * size, (char *)rows + at * size, (*n - at) * size);
        ++*n;
    }
    memcpy((char *)rows + at * size, row, size);
    return rows;
}

static int put_failed(struct err *err, int rc, const char *what, size_t most)
{
    if (rc == -ENOSPC)
        return err_set(err, rc, "entitlement: a tenant has %zu %s at most", most, what);
    return rc < 0 ? err_set(err, rc, "entitlement: out of memory") : 0;
}

static int64_t number_of(const char *day)
{
    int64_t number = -1;
    int rc = calendar_number(day, &number, NULL);
    assert(rc == 0); /* rows come in by book_put_...() */
    (void)rc;
    return number;
}

static bool is_day(const char *day)
{
    int64_t number;
    return calendar_number(day, &number, NULL) == 0;
}

int64_t contract_first(const struct contract *contract)
{
    return number_of(contract->first_day);
}

int64_t contract_last(const struct contract *contract)
{
    return calendar_years_on(contract_first(contract), contract->years) - 1;
}

const struct contract *book_overlapped(const struct book *book, const struct contract *row)
{
    for (size_t i = 0; i < book->n_contracts; i++) {
        const struct contract *other = &book->contracts[i];
        if (other->id != row->id && contract_first(other) <= contract_last(row) &&
            contract_first(row) <= contract_last(other))
            return other;
    }
    return NULL;
}

static void drop_contract(struct book *book, uint64_t id)
{
    size_t at = index_of(book->contracts, book->n_contracts, sizeof *book->contracts, id);
    if (at == book->n_contracts || book->contracts[at].id != id)
        return;
    book->n_contracts--;
    memmove(&book->contracts[at], &book->contracts[at + 1], (book->n_contracts - at) * sizeof *book->contracts);
}

int book_put_contract(struct book *book, const struct contract *row, struct err *err)
{
    int rc;
    if (row->years == 0) {
        drop_contract(book, row->id);
        return 0;
    }
    if (row->id == 0 || !is_day(row->first_day) || row->years < 0 || row->years > CONTRACT_YEARS_MAX ||
        book_overlapped(book, row))
        return err_set(err, -EBADMSG, "entitlement: contract %llu makes no sense", (unsigned long long)row->id);
    book->contracts = put_row(book->contracts, &book->n_contracts, sizeof *book->contracts, CONTRACTS_MAX, row, &rc);
    return put_failed(err, rc, "contracts", CONTRACTS_MAX);
}

int book_put_pack(struct book *book, const struct pack *row, struct err *err)
{
    int rc;
    if (row->id == 0 || !is_day(row->from_day) || !is_day(row->to_day) || row->days < 1)
        return err_set(err, -EBADMSG, "entitlement: pack %llu makes no sense", (unsigned long long)row->id);
    book->packs = put_row(book->packs, &book->n_packs, sizeof *book->packs, PACKS_MAX, row, &rc);
    return put_failed(err, rc, "packs", PACKS_MAX);
}

int book_put_draw(struct book *book, const struct draw *row, struct err *err)
{
    int rc;
    if (row->id == 0 || !is_day(row->first_day) || row->days < 1 || (row->contract == 0) == (row->pack == 0))
        return err_set(err, -EBADMSG, "entitlement: draw %llu makes no sense", (unsigned long long)row->id);
    book->draws = put_row(book->draws, &book->n_draws, sizeof *book->draws, DRAWS_MAX, row, &rc);
    return put_failed(err, rc, "draws", DRAWS_MAX);
}

const struct contract *book_contract(const struct book *book, int64_t day)
{
    for (size_t i = 0; i < book->n_contracts; i++)
        if (contract_first(&book->contracts[i]) <= day && day <= contract_last(&book->contracts[i]))
            return &book->contracts[i];
    return NULL;
}

const struct contract *book_contract_at(const struct book *book, int64_t at_us)
{
    const struct contract *before = NULL, *after = NULL;
    for (size_t i = 0; i < book->n_contracts; i++) {
        const struct contract *contract = &book->contracts[i];
        char day[CALENDAR_DAY_TEXT];
        if (calendar_day_of(contract->zone, at_us, day, NULL) < 0)
            continue;
        if (contract_first(contract) > number_of(day)) {
            if (!after || contract_first(contract) < contract_first(after))
                after = contract;
        } else if (!before || contract_first(contract) > contract_first(before)) {
            before = contract;
        }
    }
    return before ? before : after;
}

/* ---- balance ---- */

static int taken_of(const struct book *book, const struct contract *contract, enum grant kind, int64_t first,
                    int64_t last)
{
    int taken = 0;
    for (size_t i = 0; i < book->n_draws; i++) {
        const struct draw *draw = &book->draws[i];
        if (draw->state == DRAW_TAKEN && draw->kind == kind && draw->contract == contract->id &&
            number_of(draw->first_day) >= first && number_of(draw->first_day) <= last)
            taken += draw->days;
    }
    return taken;
}

int contract_version(const struct plans *plans, const struct contract *contract, int64_t day,
                     const struct plan_version **ret, struct err *err)
{
    char text[CALENDAR_DAY_TEXT];
    const struct plan *plan = plans_find(plans, contract->plan);
    if (!plan)
        return err_set(err, -ENOENT, "entitlement: there is no plan %s; warroom plan list shows them", contract->plan);
    *ret = plan_on(plan, day);
    if (!*ret)
        return err_set(err, -ENOENT, "entitlement: plan %s holds from %s on", plan->name,
                       calendar_text(text, plan->versions[0].from));
    return 0;
}

int book_balance_of_year(const struct book *book, const struct plans *plans, const struct contract *contract,
                         enum grant kind, int year, struct balance *ret, struct err *err)
{
    const struct plan_version *version = NULL;
    struct balance balance = { .year = year };
    balance.first = calendar_years_on(contract_first(contract), year - 1);
    balance.last = calendar_years_on(contract_first(contract), year) - 1;
    int rc = contract_version(plans, contract, balance.first, &version, err);
    if (rc < 0)
        return rc;
    assert(version);
    balance.granted = version->days[kind];
    balance.taken = taken_of(book, contract, kind, balance.first, balance.last);
    balance.left = balance.taken < balance.granted ? balance.granted - balance.taken : 0;
    *ret = balance;
    return 0;
}

int book_balance(const struct book *book, const struct plans *plans, const struct contract *contract, enum grant kind,
                 int64_t day, struct balance *ret, struct err *err)
{
    char text[CALENDAR_DAY_TEXT];
    for (int year = 1; year <= contract->years; year++) {
        int64_t begin = calendar_years_on(contract_first(contract), year - 1);
        int64_t next = calendar_years_on(contract_first(contract), year);
        if (day >= begin && day < next)
            return book_balance_of_year(book, plans, contract, kind, year, ret, err);
    }
    return err_set(err, -ENOENT, "entitlement: %s is not within the contract", calendar_text(text, day));
}

int book_pack_left(const struct book *book, const struct pack *pack)
{
    int left = pack->days;
    for (size_t i = 0; i < book->n_draws; i++)
        if (book->draws[i].state == DRAW_TAKEN && book->draws[i].pack == pack->id)
            left -= book->draws[i].days;
    return left > 0 ? left : 0;
}

int book_plan_left(const struct book *book, const struct plans *plans, const struct contract *contract, enum grant kind,
                   int64_t day)
{
    struct balance balance = { 0 };
    return contract && book_balance(book, plans, contract, kind, day, &balance, NULL) == 0 ? balance.left : 0;
}

bool pack_is_good(const struct pack *pack, enum grant kind, int64_t day)
{
    return pack->kind == kind && number_of(pack->from_day) <= day && day <= number_of(pack->to_day);
}

int book_left(const struct book *book, const struct plans *plans, enum grant kind, int64_t day)
{
    int left = book_plan_left(book, plans, book_contract(book, day), kind, day);
    for (size_t i = 0; i < book->n_packs; i++)
        if (pack_is_good(&book->packs[i], kind, day))
            left += book_pack_left(book, &book->packs[i]);
    return left;
}

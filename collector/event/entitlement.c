#include "collector/event/entitlement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/event/calendar.h"

/* ---- draws ---- */

struct taking {
    const struct want *want;
    uint64_t tenant;
    int missing;
    struct draw *draws;
    size_t n;
};

static void take_from(struct taking *taking, uint64_t contract, uint64_t pack, int left)
{
    int days = left < taking->missing ? left : taking->missing;
    if (days == 0 || taking->n == TAKES_MAX)
        return;
    struct draw *draw = &taking->draws[taking->n++];
    *draw = (struct draw){ .tenant = taking->tenant,
                           .kind = taking->want->kind,
                           .event = taking->want->event,
                           .contract = contract,
                           .pack = pack,
                           .days = days,
                           .at_us = taking->want->now_us };
    calendar_text(draw->first_day, taking->want->first_day);
    snprintf(draw->by, sizeof draw->by, "%s", taking->want->by);
    taking->missing -= days;
}

static bool is_among(const struct taking *taking, uint64_t pack)
{
    for (size_t i = 0; i < taking->n; i++)
        if (taking->draws[i].pack == pack)
            return true;
    return false;
}

/* The next pack to take from: of those that have something left the one that ends first. */
static const struct pack *next_pack(const struct book *book, const struct taking *taking)
{
    const struct pack *found = NULL;
    for (size_t i = 0; i < book->n_packs; i++) {
        const struct pack *pack = &book->packs[i];
        if (!pack_is_good(pack, taking->want->kind, taking->want->first_day) || is_among(taking, pack->id) ||
            book_pack_left(book, pack) == 0)
            continue;
        if (!found || strcmp(pack->to_day, found->to_day) < 0)
            found = pack;
    }
    return found;
}

static int not_enough(const struct book *book, const struct plans *plans, const struct want *want, struct err *err)
{
    char day[CALENDAR_DAY_TEXT], last[CALENDAR_DAY_TEXT];
    struct balance balance;
    const struct contract *contract = book_contract(book, want->first_day);
    const char *what = grant_name(want->kind);
    int packs = book_left(book, plans, want->kind, want->first_day) -
                book_plan_left(book, plans, contract, want->kind, want->first_day);
    calendar_text(day, want->first_day);
    if (!contract)
        return err_set(err, -EPERM, "entitlement: no contract covers %s; days of %s: wanted %d, packs have %d", day,
                       what, want->days, packs);
    int rc = book_balance(book, plans, contract, want->kind, want->first_day, &balance, err);
    if (rc < 0)
        return rc;
    return err_set(
        err, -EPERM,
        "entitlement: days of %s from %s on: wanted %d, left %d: plan %s grants %d in the contract year to %s (%d"
        " taken), packs have %d; warroom entitlement buy adds days",
        what, day, want->days, balance.left + packs, contract->plan, balance.granted, calendar_text(last, balance.last),
        balance.taken, packs);
}

static int check_want(const struct book *book, const struct want *want, struct err *err)
{
    if (want->days < 1 || want->days > EVENT_DAYS_MAX)
        return err_set(err, -EINVAL, "entitlement: %d days, want 1..%d", want->days, EVENT_DAYS_MAX);
    for (size_t i = 0; want->event != 0 && i < book->n_draws; i++)
        if (book->draws[i].event == want->event && book->draws[i].state == DRAW_TAKEN)
            return err_set(err, -EPERM, "entitlement: this event has drawn its days already");
    return 0;
}

static int keep_draws(struct book *book, struct taking *taking, struct err *err)
{
    uint64_t id = book->n_draws > 0 ? book->draws[book->n_draws - 1].id : 0;
    size_t before = book->n_draws;
    for (size_t i = 0; i < taking->n; i++) {
        taking->draws[i].id = ++id;
        int rc = book_put_draw(book, &taking->draws[i], err);
        if (rc < 0) {
            book->n_draws = before; /* the whole of it or nothing */
            return rc;
        }
    }
    return 0;
}

int book_take(struct book *book, const struct plans *plans, const struct want *want, struct draw ret[TAKES_MAX],
              size_t *ret_n, struct err *err)
{
    struct taking taking = { .want = want, .tenant = book->tenant, .missing = want->days, .draws = ret };
    int rc = check_want(book, want, err);
    if (rc < 0)
        return rc;
    const struct contract *contract = book_contract(book, want->first_day);
    if (contract)
        take_from(&taking, contract->id, 0, book_plan_left(book, plans, contract, want->kind, want->first_day));
    for (const struct pack *pack; taking.missing > 0 && (pack = next_pack(book, &taking));)
        take_from(&taking, 0, pack->id, book_pack_left(book, pack));
    if (taking.missing > 0)
        return not_enough(book, plans, want, err);
    rc = keep_draws(book, &taking, err);
    if (rc == 0)
        *ret_n = taking.n;
    return rc;
}

void book_give_back(struct book *book, uint64_t event, uint64_t id, int64_t now_us, const char *by,
                    struct draw ret[TAKES_MAX], size_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < book->n_draws && *ret_n < TAKES_MAX; i++) {
        struct draw *draw = &book->draws[i];
        if (draw->state != DRAW_TAKEN || draw->event != event || (event == 0 && draw->id != id))
            continue;
        draw->state = DRAW_RETURNED;
        draw->at_us = now_us;
        snprintf(draw->by, sizeof draw->by, "%s", by);
        ret[(*ret_n)++] = *draw;
    }
}

/* ---- what may be agreed ---- */

static const struct contract *find_contract(const struct book *book, uint64_t id)
{
    for (size_t i = 0; i < book->n_contracts; i++)
        if (book->contracts[i].id == id)
            return &book->contracts[i];
    return NULL;
}

static int check_lock(const struct plans *plans, const struct contract *was, const struct contract *row,
                      struct err *err)
{
    char locked[CALENDAR_DAY_TEXT], last[CALENDAR_DAY_TEXT];
    const struct plan *before = plans_find(plans, was->plan);
    const struct plan *after = plans_find(plans, row->plan);
    const char *what = NULL;
    if (row->years == 0)
        what = "cancelled";
    else if (strcmp(was->plan, row->plan) != 0 && !(before && after && after->rank >= before->rank))
        what = "downgraded";
    else if (row->years < was->years)
        what = "shortened";
    else if (strcmp(was->first_day, row->first_day) != 0 || strcmp(was->zone, row->zone) != 0)
        what = "moved";
    if (was->locked_us == 0 || !what)
        return 0;
    if (calendar_day_of(was->zone, was->locked_us, locked, NULL) < 0)
        snprintf(locked, sizeof locked, "-");
    return err_set(err, -EPERM,
                   "entitlement: the contract cannot be %s: days of it were requested on %s, so it holds for its term,"
                   " to the end of %s",
                   what, locked, calendar_text(last, contract_last(was)));
}

static int check_terms(const struct plans *plans, const struct contract *row, struct err *err)
{
    int64_t start_us, end_us;
    const struct plan_version *version;
    const struct plan *plan = plans_find(plans, row->plan);
    int rc = calendar_days(row->zone, row->first_day, 1, &start_us, &end_us, err);
    if (rc < 0)
        return rc;
    if (row->years < 1 || row->years > CONTRACT_YEARS_MAX)
        return err_set(err, -EINVAL, "entitlement: a contract of %d years, want 1..%d", row->years, CONTRACT_YEARS_MAX);
    if (plan && plan->drill)
        return err_set(err, -EINVAL, "entitlement: plan %s is for exercises: warroom event create --drill", plan->name);
    return contract_version(plans, row, contract_first(row), &version, err);
}

static int check_cover(const struct book *book, const struct plans *plans, const struct contract *row, struct err *err)
{
    char last[CALENDAR_DAY_TEXT];
    for (int year = 1; year <= row->years; year++) {
        for (int kind = 0; kind < GRANT_COUNT; kind++) {
            struct balance balance;
            int rc = book_balance_of_year(book, plans, row, (enum grant)kind, year, &balance, err);
            if (rc < 0)
                return rc;
            if (balance.taken > balance.granted)
                return err_set(err, -EPERM,
                               "entitlement: days of %s in the contract year to %s: drawn %d, plan %s grants %d",
                               grant_name((enum grant)kind), calendar_text(last, balance.last), balance.taken,
                               row->plan, balance.granted);
        }
    }
    return 0;
}

int book_check_contract(const struct book *book, const struct plans *plans, const struct contract *row, struct err *err)
{
    char first[CALENDAR_DAY_TEXT], last[CALENDAR_DAY_TEXT];
    const struct contract *was = find_contract(book, row->id);
    int rc = was ? check_lock(plans, was, row, err) : 0;
    if (rc < 0 || (was && row->years == 0))
        return rc;
    rc = check_terms(plans, row, err);
    if (rc < 0)
        return rc;
    const struct contract *other = book_overlapped(book, row);
    if (other)
        return err_set(err, -EEXIST,
                       "entitlement: the contract would overlap one of plan %s from %s to %s: change that one by its"
                       " first day, or begin behind it",
                       other->plan, calendar_text(first, contract_first(other)),
                       calendar_text(last, contract_last(other)));
    return check_cover(book, plans, row, err);
}

int book_check_pack(const struct book *book, const struct pack *row, struct err *err)
{
    int64_t from = 0, to = 0;
    int rc = calendar_number(row->from_day, &from, err);
    if (rc == 0)
        rc = calendar_number(row->to_day, &to, err);
    if (rc < 0)
        return rc;
    if (row->days < 1 || row->days > PACK_DAYS_MAX)
        return err_set(err, -EINVAL, "entitlement: a pack of %d days, want 1..%d", row->days, PACK_DAYS_MAX);
    if (to < from)
        return err_set(err, -EINVAL, "entitlement: a pack good to %s, before it begins on %s", row->to_day,
                       row->from_day);
    if (book->n_contracts == 0)
        return err_set(err, -EPERM,
                       "entitlement: this tenant has no contract a pack could add to: warroom tenant set has them");
    return 0;
}

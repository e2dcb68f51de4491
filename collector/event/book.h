/* collector/event/book.h - what a tenant has: contracts, purchased packs, and what was drawn from both. Pure.
 *
 * Shape    a book a tenant; its rows are kept by the store and put back at start. Contracts do not overlap; each is for
 *          whole years from its first day, in its zone and by its calendar of working days
 * Year     a contract year goes from the contract's first day to the day before its anniversary. It grants the days of
 *          the plan's version that is good on its first day; what is not drawn in it is gone
 * Balance  what is granted less what is drawn, counted anew each time. When a plan's file grants less than is drawn
 *          already, what is left is 0
 * Days     as texts in rows, as numbers in calls: calendar.h
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/event/calendar.h"
#include "collector/event/event.h"
#include "collector/event/holidays.h"
#include "collector/event/plan.h"

enum { CONTRACT_YEARS_MAX = 10, CONTRACTS_MAX = 64, PACKS_MAX = 1024, DRAWS_MAX = 8192 };

/* ---- rows: ids are of the tenant, from 1 ---- */

struct contract {
    uint64_t id;
    uint64_t tenant;
    char plan[PLAN_NAME_MAX + 1];
    char first_day[CALENDAR_DAY_TEXT];
    int years; /* 0: cancelled, the row goes */
    char zone[EVENT_ZONE_MAX + 1];
    char calendar[HOLIDAYS_NAME_MAX + 1];
    int64_t set_us; /* last changed */
    char set_by[64];
    int64_t locked_us; /* 0: it is not */
};

struct pack { /* purchased days */
    uint64_t id;
    uint64_t tenant;
    enum grant kind;
    int days;
    char from_day[CALENDAR_DAY_TEXT]; /* good for what begins on these days, both included */
    char to_day[CALENDAR_DAY_TEXT];
    int64_t bought_us;
    char bought_by[64];
};

enum draw_state { DRAW_TAKEN, DRAW_RETURNED, DRAW_STATE_COUNT };

struct draw { /* days from one source; an event may have several */
    uint64_t id;
    uint64_t tenant;
    enum grant kind;
    uint64_t event;                    /* 0: advice */
    uint64_t contract;                 /* 0: of a pack */
    uint64_t pack;                     /* 0: of a contract */
    char first_day[CALENDAR_DAY_TEXT]; /* of what it is for, in the contract's zone */
    int days;
    enum draw_state state;
    int64_t at_us; /* of its state */
    char by[64];
};

/* "taken", "returned". */
const char *draw_state_name(enum draw_state state);

/* ---- the book ---- */

struct book { /* of a tenant; otherwise {0} is an empty one; rows by id, ascending */
    uint64_t tenant;
    size_t n_contracts, n_packs, n_draws;
    struct contract *contracts; /* owned, as the next two */
    struct pack *packs;
    struct draw *draws;
};
void book_done(struct book *book);

/* Copies a row in, in the place of the one of its id; how rows come back at start. A contract of 0 years goes.
 * -EBADMSG: its days are none, or it overlaps another contract. */
int book_put_contract(struct book *book, const struct contract *row, struct err *err);
int book_put_pack(struct book *book, const struct pack *row, struct err *err);
int book_put_draw(struct book *book, const struct draw *row, struct err *err);

/* The contract on `day`. NULL: there is none. */
const struct contract *book_contract(const struct book *book, int64_t day);
/* The one in whose zone the tenant's days are at `at_us`: in force then, else the last one before, else the first one
 * after. NULL: there never was one. */
const struct contract *book_contract_at(const struct book *book, int64_t at_us);
int64_t contract_first(const struct contract *contract);
int64_t contract_last(const struct contract *contract); /* day */
/* Another contract whose term has a day in common with this one's. NULL: none. */
const struct contract *book_overlapped(const struct book *book, const struct contract *row);
/* The version of its plan that is good on `day`. -ENOENT: no such plan, or none yet. */
int contract_version(const struct plans *plans, const struct contract *contract, int64_t day,
                     const struct plan_version **ret, struct err *err);

struct balance {         /* of a contract year and a kind */
    int year;            /* from 1 */
    int64_t first, last; /* day */
    int granted, taken, left;
};
/* Of year 1.. of a contract that may be as it is in the book, or as it is to become. -ENOENT: as contract_version(). */
int book_balance_of_year(const struct book *book, const struct plans *plans, const struct contract *contract,
                         enum grant kind, int year, struct balance *ret, struct err *err);
/* Of the year that `day` lies in. -ENOENT: likewise, or the contract has no such day. */
int book_balance(const struct book *book, const struct plans *plans, const struct contract *contract, enum grant kind,
                 int64_t day, struct balance *ret, struct err *err);
/* What is left of it, 0 without a contract. */
int book_plan_left(const struct book *book, const struct plans *plans, const struct contract *contract, enum grant kind,
                   int64_t day);
int book_pack_left(const struct book *book, const struct pack *pack);
/* Whether it may be drawn from for something whose first day is `day`. */
bool pack_is_good(const struct pack *pack, enum grant kind, int64_t day);
/* What could be drawn for something whose first day is `day`: plan and packs. */
int book_left(const struct book *book, const struct plans *plans, enum grant kind, int64_t day);

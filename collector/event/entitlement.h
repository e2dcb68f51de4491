/* collector/event/entitlement.h - what a tenant may draw: contracts, purchased packs, and the draws from both. Pure.
 *
 * Shape    a book a tenant; its rows are kept by the store and put back at start. Contracts do not overlap; each is for
 *          whole years from its first day, in its zone and by its calendar of working days
 * Year     a contract year goes from the contract's first day to the day before its anniversary. It grants the days of
 *          the plan's version that is good on its first day; what is not drawn in it is gone
 * Draw     whole days. All days of an event are drawn from the contract year its first day lies in, also when it reaches
 *          over the year's end; from packs that are good on that first day what the plan does not cover, the pack that
 *          ends first before the others. Draws are taken when an event is accepted (advice: when it is asked for) and
 *          given back only when it is cancelled before it begins
 * Balance  taking checks and takes at once, so it is never below 0, whatever comes in whichever order. When a plan's file
 *          grants less than is drawn already, what is left is 0
 * Lock     from the first request for a day of it on a contract is locked, and stays so: it can be neither cancelled
 *          nor made less (a lower plan, fewer years, another first day or zone) before its term is over
 * Days     as texts in rows, as numbers in calls: calendar.h
 * Errors   -EPERM: not by contract, the text has the reason and the day from which on it would be; -EINVAL: a value;
 *          -ENOENT, -ENOSPC, -ENOMEM
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

enum { CONTRACT_YEARS_MAX = 10, CONTRACTS_MAX = 64, PACKS_MAX = 1024, DRAWS_MAX = 8192, PACK_DAYS_MAX = 366 };
enum { TAKES_MAX = 32 /* sources of one take */ };

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

struct book { /* {0} is an empty one; rows by id, ascending */
    size_t n_contracts, n_packs, n_draws;
    struct contract *contracts; /* owned, as the next two */
    struct pack *packs;
    struct draw *draws;
};
void book_done(struct book *book);

/* Copies a row in, in the place of the one of its id; how rows come back at start. A contract of 0 years goes. -EBADMSG:
 * its days are none, or it overlaps another contract. */
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

struct balance {         /* of a contract year and a kind */
    int year;            /* from 1 */
    int64_t first, last; /* day */
    int granted, taken, left;
};
/* -ENOENT: no such day in the contract; no plan of that name, or no version of it then. */
int book_balance(const struct book *book, const struct plans *plans, const struct contract *contract, enum grant kind,
                 int64_t day, struct balance *ret, struct err *err);
int book_pack_left(const struct book *book, const struct pack *pack);
/* What could be drawn for something whose first day is `day`: plan and packs. */
int book_left(const struct book *book, const struct plans *plans, enum grant kind, int64_t day);

struct want {
    enum grant kind;
    uint64_t event; /* 0: advice */
    int64_t first_day;
    int days;
    int64_t now_us;
    const char *by;
};
/* Draws the whole of it or nothing. On 0 the book has the draws, `ret` copies of them. -EPERM: not enough, or the event
 * has drawn already. */
int book_take(struct book *book, const struct plans *plans, const struct want *want, struct draw ret[TAKES_MAX],
              size_t *ret_n, struct err *err);
/* Gives back all that the event has drawn (or, with event 0, the one draw `id`). The caller knows that it has not begun.
 * *ret_n 0: it has drawn nothing. */
void book_give_back(struct book *book, uint64_t event, uint64_t id, int64_t now_us, const char *by,
                    struct draw ret[TAKES_MAX], size_t *ret_n);

/* Whether this contract (id 0: a new one; years 0: cancelled) may stand in the book as it is: plan, zone and term make
 * sense, nothing overlaps, the lock holds, nothing drawn is left without cover. Changes nothing. */
int book_check_contract(const struct book *book, const struct plans *plans, const struct contract *row,
                        struct err *err);
int book_check_pack(const struct book *book, const struct pack *row, struct err *err);

/* ---- lead times ---- */

struct lead {
    int working_days;        /* wanted ahead */
    int64_t asked, first;    /* days */
    int64_t earliest;        /* that would be in time; 0: not to be told, the calendar does not reach so far */
    bool late;               /* also when it cannot be told */
    char text[ERR_TEXT_MAX]; /* in words */
};
/* For something on `first` that is asked for on `asked`. `holidays` NULL: none of that name is known. */
void lead_check(const struct holidays *holidays, int working_days, int64_t asked, int64_t first, struct lead *ret);

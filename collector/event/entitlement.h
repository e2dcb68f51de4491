/* collector/event/entitlement.h - what a tenant may draw, and what may be agreed with it. Pure.
 *
 * Draw     whole days. All days of an event are drawn from the contract year its first day lies in, also when it
 *          reaches over the year's end; from packs that are good on that first day what the plan does not cover, the
 *          pack that ends first before the others. Draws are taken when an event is accepted (advice: when it is asked
 *          for) and given back only when it is cancelled before it begins
 * Balance  taking checks and takes at once, so it is never below 0, whatever comes in whichever order
 * Lock     from the first request for a day of it on a contract is locked, and stays so: it can be neither cancelled
 *          nor made less (a lower plan, fewer years, another zone) before its term is over
 * Errors   -EPERM: not by contract, the text has the reason and the day from which on it would be; -EINVAL: a value;
 *          -EEXIST: it is agreed otherwise; -ENOENT, -ENOSPC, -ENOMEM
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include "collector/event/book.h"

enum { TAKES_MAX = 32 /* sources of one take */, PACK_DAYS_MAX = 366 };

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
/* Gives back all that the event has drawn (or, with event 0, the one draw `id`). The caller knows that it has not
 * begun. *ret_n 0: it has drawn nothing. */
void book_give_back(struct book *book, uint64_t event, uint64_t id, int64_t now_us, const char *by,
                    struct draw ret[TAKES_MAX], size_t *ret_n);

/* Whether this contract (id 0: a new one; years 0: cancelled) may stand in the book as it is: plan, zone and term make
 * sense, nothing overlaps, the lock holds, nothing drawn is left without cover. Changes nothing. */
int book_check_contract(const struct book *book, const struct plans *plans, const struct contract *row,
                        struct err *err);
int book_check_pack(const struct book *book, const struct pack *row, struct err *err);

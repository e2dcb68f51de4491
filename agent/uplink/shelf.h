/* agent/uplink/shelf.h - the spool as the loop sees it: rounds of work for the disk, one at a time.
 *
 * Shape    a round writes what the queue holds and the disk does not, marks what is done, and when asked picks the
 *          oldest ticks as a parcel; it is started with each tick. What came of it is told on the loop
 * Failing  a disk that says no, or nothing, holds nobody up: ticks stay in the queue, as if there were no spool, and it
 *          is tried again every SHELF_RETRY_US. Said once, and when it is over
 * Owner    the queue is borrowed for as long as the shelf is open
 * Threads  all calls and callbacks on the loop's thread; the disk on a worker of its own
 */
#pragma once
#include <uv.h>

#include "agent/spool/spool.h"
#include "agent/uplink/queue.h"
#include "base/clock.h"
#include "base/log.h"

#define SHELF_RETRY_US INT64_C(5000000)
#define SHELF_HANGS_US INT64_C(5000000)

enum { SHELF_KNOWN_MAX = 16, SHELF_CLOSE_MS = 500 };

struct shelf; /* opaque */

struct shelf_handlers {
    void (*on_round)(void *user, bool opened); /* one is over; `opened`: the first since the spool could be opened */
    void (*on_dropped)(void *user, const struct dropped *dropped); /* the spool's own: to be declared */
    void *user;
};

struct shelf_figures {
    uint64_t older; /* ticks to be delivered that the queue does not hold */
    uint64_t lost;  /* ticks that gave way in the spool so far */
    uint64_t bytes; /* on disk */
    bool readable;  /* parcels can be had */
};

/* `config` as spool_open() wants it; its texts are copied. The spool is opened by the first round. */
int shelf_open(struct shelf **ret_shelf, uv_loop_t *loop, const struct spool_config *config, struct queue *queue,
               struct shelf_handlers handlers, const struct clock *clock, const struct log *log, struct err *err);

/* Starts a round, unless one is under way. */
void shelf_kick(struct shelf *shelf);

/* To be marked with the next round. */
void shelf_done(struct shelf *shelf, const struct run_id *run, uint64_t first, uint64_t last);
void shelf_dropped(struct shelf *shelf, const struct dropped *dropped);
void shelf_declared(struct shelf *shelf, const struct dropped *dropped);

/* Has the next parcel made, unless there is one; `known` as spool_pick() wants it, SHELF_KNOWN_MAX at most. */
void shelf_want(struct shelf *shelf, const struct table_hash *known, size_t n_known);
bool shelf_has_parcel(const struct shelf *shelf);
/* The caller owns it, or gives it back for the next time. */
struct spool_parcel *shelf_take_parcel(struct shelf *shelf);
void shelf_give_back(struct shelf *shelf, struct spool_parcel *parcel);

struct shelf_figures shelf_figures(const struct shelf *shelf);

/* Writes and syncs what is left, then calls `done`; never when the disk hangs. */
void shelf_leave(struct shelf *shelf, void (*done)(void *user), void *user);

/* Waits SHELF_CLOSE_MS at most for a disk that hangs; then it is left behind. The loop must run until its handles are
 * gone. NULL is fine. Always returns NULL. */
struct shelf *shelf_close(struct shelf *shelf);

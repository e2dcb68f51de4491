/* collector/store/upkeep/fsck.h - is what the files of a collector that is not running hold whole, and all there.
 *
 * Shape    SQLite's own check of each file; every row that has a checksum is read to its last value; rows that name
 *          each other are compared; and each tick that an interval says is stored must be in exactly one row, unless
 *          its time to be kept is over. A ledger must be what its head in the registry says was signed, or go on from
 *          there. A finding is a line that names the row: host, time, what in it
 * Disk     files are opened for reading, their WAL is read with them; the lock is held meanwhile
 * Threads  one caller; waits for the disk
 */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "collector/store/store.h"

struct fsck_report {
    uint64_t findings;
    uint64_t files;
    uint64_t rows;  /* batches, blocks, minutes, sketches */
    uint64_t ticks; /* in batches and blocks */
};

struct fsck_order { /* borrowed */
    const char *dir;
    const char *tenant; /* name or number; "all": every file, the registry too */
    int64_t now_us;
    struct store_retention retention;
    void (*say)(void *user, const char *line); /* a finding */
    void *user;
    const struct ledger_public *signer; /* whose the heads of ledgers are to be; NULL: whoever they say */
};

/* 0 also when there are findings. -EBUSY: a collector is running; -ENOENT: there is no such folder or tenant. */
int fsck_run(const struct fsck_order *order, struct fsck_report *ret, struct err *err);

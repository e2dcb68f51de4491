#include "collector/store/read/inbox.h"

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/decoder.h"
#include "collector/store/schema.h"

enum { EMPTY_SLOTS_MAX = 64 }; /* looked at one by one */

struct search {
    struct inbox *inbox;
    int64_t from_us;
    int64_t to_us;
    int (*fn)(void *user, sqlite3_stmt *row, struct err *err);
    void *user;
};

int inbox_init(struct inbox *inbox, struct reading *reading, struct err *err)
{
    *inbox = (struct inbox){ .reading = reading };
    int rc = db_prepare(reading->db,
                        "SELECT interval.run, first_us, last_us, span_us FROM run JOIN interval ON interval.run ="
                        " run.id WHERE host = ?1 AND last_us >= ?2 AND first_us < ?3 ORDER BY interval.run, first_us",
                        &inbox->intervals, err);
    if (rc == 0)
        rc = db_prepare(reading->db, "SELECT " INBOX_COLUMNS " FROM batch WHERE slot = ? AND run = ?", &inbox->batches,
                        err);
    if (rc == 0)
        rc = db_prepare(reading->db, "SELECT slot FROM batch WHERE slot BETWEEN ? AND ? ORDER BY slot LIMIT 1",
                        &inbox->filled, err);
    return rc;
}

void inbox_done(struct inbox *inbox)
{
    sqlite3_finalize(inbox->intervals);
    sqlite3_finalize(inbox->batches);
    sqlite3_finalize(inbox->filled);
}

static int read_slot(const struct search *search, int64_t run, int64_t slot, bool *ret_empty, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = search->inbox->batches;
    sqlite3_bind_int64(stmt, 1, slot);
    sqlite3_bind_int64(stmt, 2, run);
    int rc;
    *ret_empty = true;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        *ret_empty = false;
        bool apart = sqlite3_column_int64(stmt, DECODER_LAST_US) < search->from_us ||
                     sqlite3_column_int64(stmt, DECODER_FIRST_US) >= search->to_us;
        rc = apart ? 0 : search->fn(search->user, stmt, err);
        if (rc == 0)
            rc = reading_check(search->inbox->reading, err);
        if (rc < 0)
            return rc;
    }
    search->inbox->reading->left -= READING_ROW / 4;
    return rc;
}

/* `last` + 1 when there is none before. */
static int next_filled(const struct search *search, int64_t slot, int64_t last, int64_t *ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = search->inbox->filled;
    sqlite3_bind_int64(stmt, 1, slot);
    sqlite3_bind_int64(stmt, 2, last);
    int rc = db_step(stmt, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : last + 1;
    return 0;
}

/* *slot becomes the first one behind them. */
static int read_slots(const struct search *search, int64_t run, int64_t *slot, int64_t last, struct err *err)
{
    int empty = 0;
    if (*slot > last) /* an interval within the time of another: read with that one */
        return 0;
    int rc = next_filled(search, *slot, last, slot, err);
    while (rc == 0 && *slot <= last) {
        bool is_empty;
        rc = read_slot(search, run, *slot, &is_empty, err);
        ++*slot;
        empty = is_empty ? empty + 1 : 0;
        if (rc == 0 && empty == EMPTY_SLOTS_MAX) {
            empty = 0;
            rc = next_filled(search, *slot, last, slot, err);
        }
        if (rc == 0)
            rc = reading_check(search->inbox->reading, err);
    }
    return rc;
}

int inbox_host(struct inbox *inbox, uint64_t host, int64_t from_us, int64_t to_us,
               int (*fn)(void *user, sqlite3_stmt *row, struct err *err), void *user, struct err *err)
{
    struct search search = { inbox, from_us, to_us, fn, user };
    AUTO(db_auto_reset) sqlite3_stmt *stmt = inbox->intervals;
    sqlite3_bind_int64(stmt, 1, (int64_t)host);
    sqlite3_bind_int64(stmt, 2, from_us);
    sqlite3_bind_int64(stmt, 3, to_us);
    int64_t run_before = 0;
    int64_t next = 0; /* slots of this run below it are done */
    int rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        int64_t run = sqlite3_column_int64(stmt, 0);
        int64_t span_us = reading_earlier(sqlite3_column_int64(stmt, 3), STORE_SPAN_MAX_US);
        int64_t first_us = reading_later(sqlite3_column_int64(stmt, 1), from_us - span_us);
        int64_t last = reading_earlier(sqlite3_column_int64(stmt, 2), to_us - 1) / STORE_SLOT_US;
        if (run != run_before)
            next = 0;
        run_before = run;
        next = reading_later(next, first_us / STORE_SLOT_US);
        rc = read_slots(&search, run, &next, last, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

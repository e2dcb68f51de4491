/* collector/store/read/reader.h - reads, one after the other on a thread of their own.
 *
 * Shape    a read is done in turns, each over one transaction, so no read keeps the WAL long. The file of the latest
 *          turn stays open for the next, but without pages in memory: one that was put right is seen at once. Between
 *          two turns of a long read others have theirs
 * Limits   READER_WAITING_MAX reads at a time: past it -EAGAIN; READER_MEMORY bytes an answer
 * Threads  the loop's; answers are given on the loop
 */
#pragma once
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/work.h"
#include "collector/store/read/reading.h"

enum {
    READER_WAITING_MAX = 256,
    READER_INCIDENTS_MAX = 10000,
    READER_MEMORY = 160 << 20,
    READER_ROW_MEMORY = 96 << 20
};
/* A read that is on its way when the oldest samples go must not miss them. */
#define READER_SPARE_US (10 * READING_MINUTE_US)

struct reader; /* opaque */
struct sqlite3;

/* Clock and log are borrowed. */
int reader_open(struct reader **ret_reader, uv_loop_t *loop, const struct clock *clock, const struct log *log,
                struct err *err);
/* How long samples are kept: older ones are read from their minutes. */
void reader_keep(struct reader *reader, int64_t samples_us);
/* Closes the file it keeps open, when nothing was asked since the last time. */
void reader_rest(struct reader *reader);
/* `fn` is told of each read that found the file of a tenant damaged, before its answer is given. */
void reader_tell_damage(struct reader *reader, void (*fn)(void *user, uint64_t tenant, const struct err *err),
                        void *user);
/* Answers what waits, cutting long reads short. The loop must run once more. Always returns NULL; NULL is fine. A read
 * that has not come back from the disk within `wait_ms` is left behind, and answered with -ECANCELED like those behind
 * it. */
struct reader *reader_close(struct reader *reader, uint64_t wait_ms);

struct read { /* begins the struct of a kind of read, which is malloced */
    /* On the reader's thread, a turn; not called for a file that does not exist yet: it has nothing in it. */
    int (*answer)(struct read *read, struct reading *reading, struct err *err);
    /* On the loop, once, then it is freed; `err` NULL when it went well. */
    void (*tell)(struct read *read, const struct err *err);
    struct arena arena; /* the reader's, from here on */
    struct job job;
    struct read *next;
    struct read **link; /* what points to it */
    struct reader *reader;
    uint64_t tenant;
    char *path;
    int64_t now_us;
    int64_t keep_us;
    uint64_t unreadable;
    int rc;
    struct err err;
};

/* Hands over `read`, on failure too: it is freed then. `path`, always the same of a tenant, is copied. */
int reader_take(struct reader *reader, const char *path, uint64_t tenant, struct read *read, struct err *err);

/* Opens a file for reading here and now. DB_EMPTY: there is nothing in it, and no *ret_db. */
enum reader_answer { DB_EMPTY = 1 };
int reader_file(struct sqlite3 **ret_db, const char *path, uint64_t tenant, struct err *err);

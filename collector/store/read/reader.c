#include "collector/store/read/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/schema.h"

enum { SPARE_MEMORY = 8 << 20 };

struct reader {
    struct worker *worker;
    const struct clock *clock;
    const struct log *log;
    size_t waiting;
    struct read *reads; /* all that wait, in no order */
    atomic_bool stop;
    void (*damaged)(void *user, uint64_t tenant, const struct err *err);
    void *user;
    int64_t keep_us;           /* samples of so long ago are still there */
    struct block_coder *coder; /* the thread's, made by the first read */
    sqlite3 *kept;             /* the thread's, without a transaction: the file of the latest turn; NULL: none */
    uint64_t kept_tenant;
    bool asked;      /* since the last reader_rest() */
    struct job rest; /* lets go of it... */
    bool resting;
    struct job last;    /* ...and so does this, when closing */
    struct arena rows;  /* the thread's: what a read needs for the row in hand */
    struct arena spare; /* of an answer given; memory that is new costs more than what is done with it */
};

static struct read *read_of(struct job *job)
{
    return (void *)((char *)job - offsetof(struct read, job));
}

int reader_file(sqlite3 **ret_db, const char *path, uint64_t tenant, struct err *err)
{
    AUTO(db_auto_close) sqlite3 *db = NULL;
    int rc = db_open(&db, path, DB_READ, err);
    if (rc == -ENOENT)
        return DB_EMPTY;
    if (rc == 0)
        rc = schema_check(db, STORE_TENANT, tenant, err);
    if (rc != 0)
        return rc == SCHEMA_EMPTY ? DB_EMPTY : rc;
    *ret_db = TAKE(db);
    return 0;
}

static void let_go(struct reader *reader)
{
    db_close(TAKE(reader->kept));
}

/* Whether what is at its path is still the file that was opened. */
static bool is_there(sqlite3 *db)
{
    int moved = 1;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && !moved;
}

/* Opening a file takes half a millisecond, so the one of the turn before is looked through again instead. As
 * reader_file(). */
static int begin_turn(struct reader *reader, const struct read *read, struct err *err)
{
    if (reader->kept && (reader->kept_tenant != read->tenant || !is_there(reader->kept)))
        let_go(reader);
    int rc = reader->kept ? schema_check(reader->kept, STORE_TENANT, read->tenant, err)
                          : reader_file(&reader->kept, read->path, read->tenant, err);
    reader->kept_tenant = read->tenant;
    if (rc == 0)
        rc = db_exec(reader->kept, "BEGIN", err); /* one view of the file */
    return rc;
}

/* What is read by the next turn is read from the disk, and of a file that is in doubt nothing is kept. */
static void end_turn(struct reader *reader, int rc)
{
    if (rc < 0 || db_exec(reader->kept, "COMMIT", NULL) < 0)
        let_go(reader);
    else
        sqlite3_db_release_memory(reader->kept);
}

static int answer(struct read *read, struct err *err)
{
    struct reader *reader = read->reader;
    struct reading reading = {
        .db = reader->kept,
        .stop = &reader->stop,
        .arena = &read->arena,
        .rows = &reader->rows,
        .now_us = read->now_us,
        .raw_from_us = reading_floor(reading_later(read->now_us - read->keep_us, 0), READING_MINUTE_US),
        .left = READING_TURN,
    };
    int rc = reader->coder ? 0 : block_coder_new(&reader->coder, err);
    reading.coder = reader->coder;
    if (rc == 0)
        rc = read->answer(read, &reading, err);
    read->unreadable += reading.unreadable;
    return rc;
}

static int take_turn(struct read *read, struct err *err)
{
    struct reader *reader = read->reader;
    if (atomic_load(&reader->stop))
        return err_set(err, -ECANCELED, "store: closing");
    int rc = begin_turn(reader, read, err);
    if (rc != 0) {
        let_go(reader);
        return rc < 0 ? rc : 0;
    }
    rc = answer(read, err);
    end_turn(reader, rc);
    return rc;
}

static void run(struct job *job)
{
    struct read *read = read_of(job);
    read->rc = take_turn(read, &read->err);
}

static void run_rest(struct job *job)
{
    let_go((void *)((char *)job - offsetof(struct reader, rest)));
}

static void rest_done(struct job *job)
{
    struct reader *reader = (void *)((char *)job - offsetof(struct reader, rest));
    reader->resting = false;
}

static void run_last(struct job *job)
{
    let_go((void *)((char *)job - offsetof(struct reader, last)));
}

static void last_done(struct job *job)
{
    (void)job;
}

void reader_rest(struct reader *reader)
{
    bool idle = !reader->asked && reader->waiting == 0 && !reader->resting;
    reader->asked = false;
    if (!idle || !reader->kept) /* the thread has nothing to do: what is its may be looked at */
        return;
    reader->resting = true;
    worker_submit(reader->worker, &reader->rest);
}

static void put_in(struct reader *reader, struct read *read)
{
    read->next = reader->reads;
    read->link = &reader->reads;
    if (read->next)
        read->next->link = &read->next;
    reader->reads = read;
    reader->waiting++;
}

static void take_out(struct read *read)
{
    *read->link = read->next;
    if (read->next)
        read->next->link = read->link;
    read->reader->waiting--;
}

static void free_read(struct read *read)
{
    arena_done(&read->arena);
    free(read->path);
    free(read);
}

static void keep_spare(struct read *read)
{
    struct reader *reader = read->reader;
    if (reader->spare.chunks || read->arena.taken_bytes > SPARE_MEMORY)
        return;
    reader->spare = read->arena;
    arena_reset(&reader->spare);
    arena_init(&read->arena, READER_MEMORY);
}

static void done(struct job *job)
{
    struct read *read = read_of(job);
    if (read->rc == READING_MORE) { /* behind those that wait */
        worker_submit(read->reader->worker, &read->job);
        return;
    }
    take_out(read);
    if (read->unreadable > 0)
        log_event(read->reader->log, LOG_WARN, "store_rows_unreadable", KV_COUNT("tenant", read->tenant),
                  KV_COUNT("rows", read->unreadable));
    if (read->rc == -EBADMSG && read->reader->damaged)
        read->reader->damaged(read->reader->user, read->tenant, &read->err);
    read->tell(read, read->rc < 0 ? &read->err : NULL);
    keep_spare(read);
    free_read(read);
}

void reader_tell_damage(struct reader *reader, void (*fn)(void *user, uint64_t tenant, const struct err *err),
                        void *user)
{
    reader->damaged = fn;
    reader->user = user;
}

int reader_open(struct reader **ret_reader, uv_loop_t *loop, const struct clock *clock, const struct log *log,
                struct err *err)
{
    AUTO(auto_free) struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, -ENOMEM, "store: out of memory");
    reader->clock = clock;
    arena_init(&reader->rows, READER_ROW_MEMORY);
    arena_init(&reader->spare, READER_MEMORY);
    reader->log = log;
    reader->rest = (struct job){ .run = run_rest, .done = rest_done };
    reader->last = (struct job){ .run = run_last, .done = last_done };
    reader_keep(reader, STORE_RETENTION.samples_us);
    int rc = worker_open(&reader->worker, loop, "store-read", err);
    if (rc == 0)
        *ret_reader = TAKE(reader);
    return rc;
}

void reader_keep(struct reader *reader, int64_t samples_us)
{
    reader->keep_us = samples_us - READER_SPARE_US;
}

/* Their memory stays: one of them is the thread's for as long as it is on the disk. */
static void leave(struct reader *reader)
{
    struct err err;
    err_set(&err, -ECANCELED, "store: closing, and the disk does not answer");
    for (struct read *read = reader->reads; read; read = read->next)
        read->tell(read, &err);
}

struct reader *reader_close(struct reader *reader, uint64_t wait_ms)
{
    if (!reader)
        return NULL;
    atomic_store(&reader->stop, true);
    worker_submit(reader->worker, &reader->last);
    if (worker_close_within(reader->worker, wait_ms)) {
        block_coder_free(reader->coder);
        arena_done(&reader->rows);
        arena_done(&reader->spare);
        free(reader);
    } else {
        leave(reader);
    }
    return NULL;
}

int reader_take(struct reader *reader, const char *path, uint64_t tenant, struct read *read, struct err *err)
{
    read->arena = reader->spare;
    arena_init(&reader->spare, READER_MEMORY);
    read->path = reader->waiting < READER_WAITING_MAX ? strdup(path) : NULL;
    if (!read->path) {
        bool full = reader->waiting == READER_WAITING_MAX;
        free_read(read);
        return full ? err_set(err, -EAGAIN, "store: %d reads are waiting already: try again", READER_WAITING_MAX)
                    : err_set(err, -ENOMEM, "store: out of memory");
    }
    read->job = (struct job){ .run = run, .done = done };
    read->reader = reader;
    read->tenant = tenant;
    read->now_us = clock_wall_us(reader->clock);
    read->keep_us = reader->keep_us;
    reader->asked = true;
    put_in(reader, read);
    worker_submit(reader->worker, &read->job);
    return 0;
}

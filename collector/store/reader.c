#include "collector/store/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/work.h"
#include "collector/store/db.h"
#include "collector/store/query.h"
#include "collector/store/schema.h"

enum { ANSWER_MEMORY = 256 << 20 };

struct reader {
    struct worker *worker;
    const struct log *log;
    size_t waiting;
    struct read *reads; /* all that wait, in no order */
    atomic_bool stop;
};

enum read_kind { READ_SERIES, READ_INCIDENTS, READ_INCIDENT };

struct read {
    struct job job;
    struct read *next;
    struct read **link; /* what points to it */
    struct reader *reader;
    enum read_kind kind;
    uint64_t tenant;
    char *path;
    void *user;
    struct arena arena;
    int rc;
    struct err err;
    union {
        struct {
            struct store_query query;
            struct store_result result;
            uint64_t unreadable;
            void (*fn)(void *user, const struct store_result *result, const struct err *err);
        } series;
        struct {
            uint64_t below;
            size_t most;
            struct store_incidents result;
            void (*fn)(void *user, const struct store_incidents *result, const struct err *err);
        } incidents;
        struct {
            uint64_t id;
            struct store_incident_detail result;
            void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err);
        } incident;
    };
};

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

static int answer(struct read *read, sqlite3 *db)
{
    switch (read->kind) {
    case READ_SERIES:
        return query_series(db, &read->series.query, &read->reader->stop, &read->arena, &read->series.result,
                            &read->series.unreadable, &read->err);
    case READ_INCIDENTS:
        return query_incidents(db, read->incidents.below, read->incidents.most, &read->arena, &read->incidents.result,
                               &read->err);
    case READ_INCIDENT:
        return query_incident(db, read->incident.id, &read->arena, &read->incident.result, &read->err);
    }
    return 0;
}

static void run(struct job *job)
{
    struct read *read = (struct read *)job; /* its first member */
    if (atomic_load(&read->reader->stop)) {
        read->rc = err_set(&read->err, -ECANCELED, "store: closing");
        return;
    }
    AUTO(db_auto_close) sqlite3 *db = NULL;
    read->rc = reader_file(&db, read->path, read->tenant, &read->err);
    if (read->rc == 0)
        read->rc = answer(read, db);
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

static void tell(const struct read *read, const struct err *err)
{
    switch (read->kind) {
    case READ_SERIES:
        read->series.fn(read->user, err ? NULL : &read->series.result, err);
        break;
    case READ_INCIDENTS:
        read->incidents.fn(read->user, err ? NULL : &read->incidents.result, err);
        break;
    case READ_INCIDENT:
        read->incident.fn(read->user, err ? NULL : &read->incident.result, err);
        break;
    }
}

static void free_read(struct read *read)
{
    arena_done(&read->arena);
    free(read->path);
    free(read);
}

static void done(struct job *job)
{
    struct read *read = (struct read *)job;
    take_out(read);
    if (read->kind == READ_SERIES && read->series.unreadable > 0)
        log_event(read->reader->log, LOG_WARN, "store_rows_unreadable", KV_COUNT("tenant", read->tenant),
                  KV_COUNT("rows", read->series.unreadable));
    tell(read, read->rc < 0 ? &read->err : NULL);
    free_read(read);
}

int reader_open(struct reader **ret_reader, uv_loop_t *loop, const struct log *log, struct err *err)
{
    AUTO(auto_free) struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, -ENOMEM, "store: out of memory");
    reader->log = log;
    int rc = worker_open(&reader->worker, loop, "store-read", err);
    if (rc == 0)
        *ret_reader = TAKE(reader);
    return rc;
}

/* Their memory stays: one of them is the thread's for as long as it is on the disk. */
static void leave(struct reader *reader)
{
    struct err err;
    err_set(&err, -ECANCELED, "store: closing, and the disk does not answer");
    for (const struct read *read = reader->reads; read; read = read->next)
        tell(read, &err);
}

struct reader *reader_close(struct reader *reader, uint64_t wait_ms)
{
    if (!reader)
        return NULL;
    atomic_store(&reader->stop, true);
    if (worker_close_within(reader->worker, wait_ms))
        free(reader);
    else
        leave(reader);
    return NULL;
}

static int make(struct reader *reader, enum read_kind kind, const char *path, uint64_t tenant, void *user,
                struct read **ret, struct err *err)
{
    if (reader->waiting == READER_WAITING_MAX)
        return err_set(err, -EAGAIN, "store: %d reads are waiting already: try again", READER_WAITING_MAX);
    struct read *read = calloc(1, sizeof *read);
    char *copy = strdup(path);
    if (!read || !copy) {
        free(read);
        free(copy);
        return err_set(err, -ENOMEM, "store: out of memory");
    }
    read->job = (struct job){ .run = run, .done = done };
    read->reader = reader;
    read->kind = kind;
    read->tenant = tenant;
    read->path = copy;
    read->user = user;
    arena_init(&read->arena, ANSWER_MEMORY);
    *ret = read;
    return 0;
}

static void submit(struct reader *reader, struct read *read)
{
    put_in(reader, read);
    worker_submit(reader->worker, &read->job);
}

int reader_series(struct reader *reader, const char *path, const struct store_query *query,
                  void (*fn)(void *user, const struct store_result *result, const struct err *err), void *user,
                  struct err *err)
{
    if (query->points < 1 || query->points > STORE_POINTS_MAX)
        return err_set(err, -EINVAL, "store: %zu points asked for, want 1..%d", query->points, STORE_POINTS_MAX);
    if (query->from_us < 0 || query->from_us >= query->to_us)
        return err_set(err, -EINVAL, "store: the time range ends before it begins");
    struct read *read = NULL;
    int rc = make(reader, READ_SERIES, path, query->tenant, user, &read, err);
    if (!read)
        return rc;
    read->series.query = *query;
    read->series.fn = fn;
    submit(reader, read);
    return 0;
}

int reader_incidents(struct reader *reader, const char *path, uint64_t tenant, uint64_t below, size_t most,
                     void (*fn)(void *user, const struct store_incidents *result, const struct err *err), void *user,
                     struct err *err)
{
    struct read *read = NULL;
    int rc = make(reader, READ_INCIDENTS, path, tenant, user, &read, err);
    if (!read)
        return rc;
    read->incidents.below = below;
    read->incidents.most = most < READER_INCIDENTS_MAX ? most : READER_INCIDENTS_MAX;
    read->incidents.fn = fn;
    submit(reader, read);
    return 0;
}

int reader_incident(struct reader *reader, const char *path, uint64_t tenant, uint64_t id,
                    void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err),
                    void *user, struct err *err)
{
    struct read *read = NULL;
    int rc = make(reader, READ_INCIDENT, path, tenant, user, &read, err);
    if (!read)
        return rc;
    read->incident.id = id;
    read->incident.fn = fn;
    submit(reader, read);
    return 0;
}

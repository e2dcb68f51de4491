/* What is stored of one run: where an import goes on. */
#include "collector/store/read/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"

struct run_lookup {
    struct read read;
    uint64_t host;
    struct run_id run;
    struct store_run result;
    void (*fn)(void *user, const struct store_run *result, const struct err *err);
    void *user;
};

bool store_run_is_imported(const struct run_id *run)
{
    return memcmp(run->bytes, STORE_IMPORT_MARK, sizeof STORE_IMPORT_MARK - 1) == 0;
}

static int answer_run(struct read *read, struct reading *reading, struct err *err)
{
    struct run_lookup *lookup = (struct run_lookup *)read; /* its first member */
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(reading->db,
                        "SELECT last, last_us FROM run JOIN interval ON interval.run = run.id"
                        " WHERE host = ? AND run.run = ? AND first = 1",
                        &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)lookup->host);
    sqlite3_bind_blob(stmt, 2, lookup->run.bytes, RUN_BYTES, SQLITE_STATIC);
    rc = db_step(stmt, err);
    if (rc == DB_ROW)
        lookup->result = (struct store_run){ (uint64_t)sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1) };
    return rc < 0 ? rc : 0;
}

static void tell_run(struct read *read, const struct err *err)
{
    struct run_lookup *lookup = (struct run_lookup *)read;
    lookup->fn(lookup->user, err ? NULL : &lookup->result, err);
}

int lookup_run(struct reader *reader, const char *path, uint64_t tenant, uint64_t host, const struct run_id *run,
               void (*fn)(void *user, const struct store_run *result, const struct err *err), void *user,
               struct err *err)
{
    struct run_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return err_set(err, -ENOMEM, "store: out of memory");
    lookup->read = (struct read){ .answer = answer_run, .tell = tell_run };
    lookup->host = host;
    lookup->run = *run;
    lookup->fn = fn;
    lookup->user = user;
    return reader_take(reader, path, tenant, &lookup->read, err);
}

#include "collector/store/upkeep/backup_heads.h"

#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/rows.h"

static int read_rows(struct backup_heads *heads, sqlite3 *db, struct err *err)
{
    char sql[ROW_SQL_MAX];
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(db, row_select_sql(ROW_LEDGER_HEAD, "ORDER BY tenant", sql), &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        struct store_head *grown = realloc(heads->at, (heads->n + 1) * sizeof *grown);
        if (!grown)
            return err_set(err, -ENOMEM, "backup: out of memory");
        heads->at = grown;
        rc = row_load(ROW_LEDGER_HEAD, stmt, &heads->at[heads->n++], err);
    }
    return rc;
}

int backup_heads_read(struct backup_heads *ret, const char *path, struct err *err)
{
    AUTO(backup_heads_done) struct backup_heads heads = { .n = 0 };
    AUTO(db_auto_close) sqlite3 *db = NULL;
    int rc = db_open(&db, path, DB_READ, err);
    if (rc == 0)
        rc = read_rows(&heads, db, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    *ret = heads;
    heads = (struct backup_heads){ .n = 0 };
    return 0;
}

void backup_heads_done(struct backup_heads *heads)
{
    free(heads->at);
    *heads = (struct backup_heads){ .n = 0 };
}

int backup_heads_write(const struct backup_heads *heads, sqlite3 *copy, struct err *err)
{
    char sql[ROW_SQL_MAX];
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_exec(copy, "DELETE FROM ledger_head", err);
    if (rc == 0)
        rc = db_prepare(copy, row_put_sql(ROW_LEDGER_HEAD, sql), &stmt, err);
    for (size_t i = 0; rc == 0 && i < heads->n; i++) {
        row_bind(ROW_LEDGER_HEAD, stmt, &heads->at[i]);
        rc = db_run(stmt, err);
    }
    return rc;
}

/* collector/store/db.h - one connection to one SQLite file, and SQLite's codes turned into ours.
 *
 * Shape    WAL, synchronous=FULL, no checkpoint of its own: commits must not pay for one; file_checkpoint()
 *          makes them, on a thread of its own
 * Threads  a connection is one caller's at a time, whichever thread that is
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum db_mode { DB_WRITE, DB_WRITE_OLD, DB_COPY, DB_READ };

/* DB_WRITE creates the file (0600); the others are -ENOENT when there is none. DB_COPY is for checkpoints alone, made
 * anew for each: it asks for nothing that has SQLite read the schema, and flushes as SQLite does unless told
 * otherwise, which is FULL. On 0 the caller owns *ret_db. */
int db_open(sqlite3 **ret_db, const char *path, enum db_mode mode, struct err *err);
/* Always returns NULL; NULL is fine. Its statements must be finalized. */
sqlite3 *db_close(sqlite3 *db);

/* What the last call on `db` said, as -errno, with "store: FILE: " and SQLite's own words in `err`. */
int db_error(sqlite3 *db, struct err *err);

/* What a code of SQLite's is as -errno. */
int db_errno(int code);

int db_exec(sqlite3 *db, const char *sql, struct err *err);
/* The one number a statement yields; 0 when it yields no row or NULL. */
int db_number(sqlite3 *db, const char *sql, int64_t *ret, struct err *err);
int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct err *err);

enum db_answer { DB_ROW = 1 }; /* positive: there is a row */
/* DB_ROW, 0 at the end, or a failure; the last two reset the statement. */
int db_step(sqlite3_stmt *stmt, struct err *err);
/* Runs a statement that yields nothing. */
int db_run(sqlite3_stmt *stmt, struct err *err);

/* Whether the column is this very text, and nothing else that reads like it; this very whole number. */
bool db_is_text(sqlite3_stmt *stmt, int column, const char *text);
bool db_is_number(sqlite3_stmt *stmt, int column, int64_t number);

/* For AUTO. */
void db_auto_close(sqlite3 **db);
void db_auto_finalize(sqlite3_stmt **stmt);
void db_auto_reset(sqlite3_stmt **stmt); /* a statement that is kept */

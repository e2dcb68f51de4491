/* collector/store/rows.h - the rows that are kept as whole structs: tables that say which column is which field.
 *
 * Shape    one description a kind serves writing, reading, deleting and the key by which a later write of the same row
 *          replaces an earlier one in a group
 * Values   states and severities are stored by name: the order of an enum is no file format. NaN is NULL
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum row_kind {
    ROW_TENANT,
    ROW_HOST,
    ROW_HOST_KEY,
    ROW_TOKEN,
    ROW_ALERT,
    ROW_EVENT,
    ROW_EVENT_DOCUMENT,
    ROW_GATE,
    ROW_INCIDENT,
    ROW_INCIDENT_ALERT,
    ROW_PAGE,
    ROW_CONTRACT,
    ROW_PACK,
    ROW_DRAW,
    ROW_SILENCE,
    ROW_NOTICE,
    ROW_REHEARSAL,
    ROW_CAPACITY_CHECK,
    ROW_CAPACITY_PIECE,
    ROW_CAPACITY_SPAN,
    ROW_LEDGER_HEAD,
    ROW_ROTA_OVERRIDE,
    ROW_KIND_COUNT
};
enum { ROW_KEY_MAX = 512, ROW_SQL_MAX = 1536 };

/* Of the struct that is the row. */
size_t row_size(enum row_kind kind);

/* What identifies the row among its kind. Returns its length. */
size_t row_key(enum row_kind kind, const void *row, uint8_t key[ROW_KEY_MAX]);

/* SQL texts; `where` may be "". Return `sql`. */
const char *row_put_sql(enum row_kind kind, char sql[ROW_SQL_MAX]);
const char *row_delete_sql(enum row_kind kind, char sql[ROW_SQL_MAX]);
const char *row_select_sql(enum row_kind kind, const char *where, char sql[ROW_SQL_MAX]);

/* Whether the row says that it is to be deleted: an alert that is ok, an invitation that is used up... */
bool row_is_gone(enum row_kind kind, const void *row);

/* Binds all columns, or the key's alone for a delete. The row is borrowed until the statement is reset. */
void row_bind(enum row_kind kind, sqlite3_stmt *stmt, const void *row);
void row_bind_key(enum row_kind kind, sqlite3_stmt *stmt, const void *row);

/* Fills the struct from the row a row_select_sql() statement stands on. -EBADMSG: a value that is none; *ret is then
 * undefined. */
int row_load(enum row_kind kind, sqlite3_stmt *stmt, void *ret, struct err *err);

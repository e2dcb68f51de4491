#include "collector/store/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/wal_vfs.h"

enum {
    BUSY_MS = 200,            /* somebody's sqlite3(1) may hold the file for a moment */
    WAL_KEPT_BYTES = 64 << 20 /* a WAL that grew beyond it is cut back when it starts anew */
};

/* SQLite's codes clash with errno's: they stop here. */
int db_errno(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

static const char *file_name(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");
    if (!path || !*path)
        return "a file";
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the system said when a call on the file behind it failed last; 0: none has. */
static int last_errno(sqlite3_file *file)
{
    int number = 0;
    if (file && file->pMethods)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

/* SQLite says "disk I/O error" of a disk that became read-only as well: the system knows better. */
static int better_errno(sqlite3 *db, int code)
{
    sqlite3_file *files[2] = { NULL, NULL };
    int rc = db_errno(code);
    if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN)
        return rc;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &files[0]);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &files[1]); /* the WAL, where there is one */
    const int said[] = { last_errno(files[0]), last_errno(files[1]), sqlite3_system_errno(db) };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (said[i] == ENOSPC || said[i] == EDQUOT || said[i] == EROFS)
            rc = -said[i];
    return rc;
}

int db_error(sqlite3 *db, struct err *err)
{
    int code = sqlite3_extended_errcode(db);
    return err_set(err, better_errno(db, code), "store: %s: %s (SQLite %d)", file_name(db), sqlite3_errmsg(db), code);
}

/* Made here rather than by SQLite for its mode; the WAL takes its mode from it. O_EXCL because closing a descriptor of
 * a file drops every POSIX lock this process holds on it: it must be one nobody has open. */
static int make_file(const char *path, struct err *err)
{
    AUTO(auto_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_sys(err, -errno, "store: cannot create %s", path);
    return 0;
}

/* Of a file that is still empty: later it would take a VACUUM, and asking for it a write. */
static int set_form(sqlite3 *db, struct err *err)
{
    int64_t pages;
    int rc = db_number(db, "PRAGMA page_count", &pages, err);
    if (rc < 0 || pages > 0)
        return rc;
    return db_exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL", err);
}

static int set_up(sqlite3 *db, enum db_mode mode, struct err *err)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MS);
    if (mode == DB_COPY)
        return 0;
    int rc = db_exec(db, "PRAGMA temp_store=MEMORY", err);
    if (rc < 0 || mode == DB_READ)
        return rc;
    rc = set_form(db, err);
    /* What a group of the packer's touches mostly fits, and a larger one may take 16 MiB: pages that have to leave
     * memory within a transaction go to the WAL more than once. Debian's SQLite, unless told not to, writes zeros over
     * what is deleted; the inbox is deleted all the time. */
    if (rc == 0)
        rc = db_exec(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-2048; PRAGMA cache_spill=4096;"
            "PRAGMA secure_delete=OFF",
            err);
    if (rc < 0)
        return rc;
    sqlite3_wal_autocheckpoint(db, 0);
    char sql[64];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA journal_size_limit=%d", WAL_KEPT_BYTES);
    return db_exec(db, sql, err);
}

int db_open(sqlite3 **ret_db, const char *path, enum db_mode mode, struct err *err)
{
    assert(ret_db && path);
    if (mode != DB_WRITE && access(path, F_OK) < 0)
        return err_sys(err, -errno, "store: cannot open %s", path);
    int rc = mode == DB_WRITE ? make_file(path, err) : 0;
    if (rc < 0)
        return rc;
    int flags = mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    AUTO(db_auto_close) sqlite3 *db = NULL;
    const char *vfs = mode == DB_READ ? NULL : wal_vfs_name();
    if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK)
        return db ? db_error(db, err) : err_set(err, -ENOMEM, "store: out of memory");
    rc = set_up(db, mode, err);
    if (rc < 0)
        return rc;
    *ret_db = TAKE(db);
    return 0;
}

sqlite3 *db_close(sqlite3 *db)
{
    int rc = sqlite3_close(db);
    assert(rc == SQLITE_OK); /* otherwise a statement was left open */
    (void)rc;
    return NULL;
}

int db_exec(sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db, err);
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL) != SQLITE_OK)
        return db_error(db, err);
    return 0;
}

int db_step(sqlite3_stmt *stmt, struct err *err)
{
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return DB_ROW;
    int rc = code == SQLITE_DONE ? 0 : db_error(sqlite3_db_handle(stmt), err);
    sqlite3_reset(stmt);
    return rc;
}

int db_run(sqlite3_stmt *stmt, struct err *err)
{
    int rc = db_step(stmt, err);
    assert(rc <= 0);
    return rc;
}

int db_number(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(db, sql, &stmt, err);
    if (rc < 0)
        return rc;
    rc = db_step(stmt, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    return 0;
}

bool db_is_text(sqlite3_stmt *stmt, int column, const char *text)
{
    size_t len = strlen(text);
    return sqlite3_column_type(stmt, column) == SQLITE_TEXT && (size_t)sqlite3_column_bytes(stmt, column) == len &&
           memcmp(sqlite3_column_text(stmt, column), text, len) == 0;
}

bool db_is_number(sqlite3_stmt *stmt, int column, int64_t number)
{
    return sqlite3_column_type(stmt, column) == SQLITE_INTEGER && sqlite3_column_int64(stmt, column) == number;
}

void db_auto_close(sqlite3 **db)
{
    if (*db)
        db_close(*db);
}

void db_auto_finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

void db_auto_reset(sqlite3_stmt **stmt)
{
    sqlite3_reset(*stmt);
}

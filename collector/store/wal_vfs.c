#include "collector/store/wal_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 << 10 };

/* SQLite gives room for both: the file underneath lies behind ours. */
struct wal_file {
    sqlite3_file base;
    uint8_t *piece;   /* owned; NULL until something is written */
    size_t n;         /* bytes of it that wait... */
    sqlite3_int64 at; /* ...to be written here */
};

struct wal_vfs {
    sqlite3_vfs base; /* first: SQLite hands it back */
    sqlite3_vfs *under;
    bool registered;
};

/* SQLite knows its VFSes by name, in the whole process. */
static struct wal_vfs ours;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)file;
}

static sqlite3_file *under(sqlite3_file *file)
{
    return (sqlite3_file *)(wal_of(file) + 1);
}

/* What could not be written is forgotten: the transaction fails, and the next one begins where it began. */
static int put_down(sqlite3_file *file)
{
    struct wal_file *wal = wal_of(file);
    size_t n = wal->n;
    wal->n = 0;
    return n == 0 ? SQLITE_OK : under(file)->pMethods->xWrite(under(file), wal->piece, (int)n, wal->at);
}

static int on_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct wal_file *wal = wal_of(file);
    bool follows = wal->n > 0 && at == wal->at + (sqlite3_int64)wal->n && wal->n + (size_t)n <= PIECE_BYTES;
    int rc = follows ? SQLITE_OK : put_down(file);
    if (rc != SQLITE_OK)
        return rc;
    if (!wal->piece)
        wal->piece = malloc(PIECE_BYTES);
    if (!wal->piece || n > PIECE_BYTES)
        return under(file)->pMethods->xWrite(under(file), bytes, n, at);
    if (wal->n == 0)
        wal->at = at;
    memcpy(wal->piece + wal->n, bytes, (size_t)n);
    wal->n += (size_t)n;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *ret, int n, sqlite3_int64 at)
{
    int rc = put_down(file);
    return rc == SQLITE_OK ? under(file)->pMethods->xRead(under(file), ret, n, at) : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = put_down(file);
    return rc == SQLITE_OK ? under(file)->pMethods->xTruncate(under(file), size) : rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
    int rc = put_down(file);
    return rc == SQLITE_OK ? under(file)->pMethods->xSync(under(file), flags) : rc;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    int rc = put_down(file);
    return rc == SQLITE_OK ? under(file)->pMethods->xFileSize(under(file), ret) : rc;
}

/* What waits now was never committed. */
static int on_close(sqlite3_file *file)
{
    free(wal_of(file)->piece);
    return under(file)->pMethods->xClose(under(file));
}

static int on_lock(sqlite3_file *file, int level)
{
    return under(file)->pMethods->xLock(under(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return under(file)->pMethods->xUnlock(under(file), level);
}

static int on_check(sqlite3_file *file, int *ret_held)
{
    return under(file)->pMethods->xCheckReservedLock(under(file), ret_held);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    return under(file)->pMethods->xFileControl(under(file), op, arg);
}

static int on_sector(sqlite3_file *file)
{
    return under(file)->pMethods->xSectorSize(under(file));
}

static int on_device(sqlite3_file *file)
{
    return under(file)->pMethods->xDeviceCharacteristics(under(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* the shared memory is the database file's */
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    sqlite3_vfs *below = ((struct wal_vfs *)vfs)->under;
    if (!(flags & SQLITE_OPEN_WAL))
        return below->xOpen(below, name, file, flags, ret_flags);
    memset(wal_of(file), 0, sizeof(struct wal_file));
    int rc = below->xOpen(below, name, under(file), flags, ret_flags);
    if (rc == SQLITE_OK)
        file->pMethods = &methods;
    return rc;
}

static void set_up(void)
{
    sqlite3_vfs *below = sqlite3_vfs_find(NULL);
    if (!below)
        return;
    ours.base = *below; /* all but opening a file is done as it does it */
    ours.base.szOsFile += (int)sizeof(struct wal_file);
    ours.base.pNext = NULL;
    ours.base.zName = "warroom";
    ours.base.xOpen = on_open;
    ours.under = below;
    ours.registered = sqlite3_vfs_register(&ours.base, 0) == SQLITE_OK;
}

const char *wal_vfs_name(void)
{
    pthread_once(&once, set_up);
    return ours.registered ? ours.base.zName : NULL;
}

#include "collector/store/faulty_vfs_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* SQLite gives room for both: the real file lies behind ours. */
struct faulty_file {
    sqlite3_file base;
    const char *name; /* SQLite's, as long as the file is open */
    bool is_wal;
};

static _Atomic(const char *) faulty_part;
static atomic_int faulty_how;
static atomic_int wal_syncs;
static atomic_int changes;
static atomic_int once_left; /* 0: it has happened */
static atomic_int once_how;
static atomic_int hanging;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static sqlite3_file *real(sqlite3_file *file)
{
    return (sqlite3_file *)((struct faulty_file *)file + 1);
}

static bool fails(sqlite3_file *file, enum faulty how)
{
    const struct faulty_file *ours = (struct faulty_file *)file;
    const char *part = atomic_load(&faulty_part);
    return atomic_load(&faulty_how) == (int)how && ours->name && part && strstr(ours->name, part);
}

static struct faulty_plan plan;
static long counts[FAULTY_OP_COUNT];
static bool has_failed;
static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;

/* Counts an operation: true when it is to fail. */
static bool is_up(enum faulty_op op)
{
    pthread_mutex_lock(&plan_lock);
    long at = ++counts[op];
    bool up = plan.n > 0 && plan.op == op && (at == plan.n || (plan.lasting && at > plan.n));
    has_failed = has_failed || up;
    pthread_mutex_unlock(&plan_lock);
    return up;
}

static bool fails_now(sqlite3_file *file)
{
    const struct faulty_file *ours = (struct faulty_file *)file;
    const char *part = atomic_load(&faulty_part);
    atomic_fetch_add(&changes, 1);
    if (atomic_load(&once_left) == 0 || !ours->name || !part || !strstr(ours->name, part))
        return false;
    if (atomic_fetch_sub(&once_left, 1) > 1)
        return false;
    if (atomic_load(&once_how) == FAULTY_KILL)
        raise(SIGKILL);
    return true;
}

static void hang(sqlite3_file *file, enum faulty how)
{
    pthread_mutex_lock(&lock);
    while (fails(file, how)) {
        hanging++;
        pthread_cond_wait(&changed, &lock);
        hanging--;
    }
    pthread_mutex_unlock(&lock);
}

static int on_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int on_read(sqlite3_file *file, void *buffer, int n, sqlite3_int64 at)
{
    if (is_up(FAULTY_OP_READ))
        return plan.code;
    hang(file, FAULTY_HANG_READ);
    return real(file)->pMethods->xRead(real(file), buffer, n, at);
}

static int on_write(sqlite3_file *file, const void *buffer, int n, sqlite3_int64 at)
{
    if (is_up(FAULTY_OP_WRITE)) {
        if (plan.half)
            real(file)->pMethods->xWrite(real(file), buffer, n / 2, at);
        return plan.code;
    }
    if (fails(file, FAULTY_FULL))
        return SQLITE_FULL;
    if (fails(file, FAULTY_READ_ONLY))
        return SQLITE_READONLY;
    if (fails(file, FAULTY_CORRUPT))
        return SQLITE_CORRUPT;
    if (fails(file, FAULTY_WRITE) || fails_now(file))
        return SQLITE_IOERR_WRITE;
    return real(file)->pMethods->xWrite(real(file), buffer, n, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (is_up(FAULTY_OP_TRUNCATE))
        return plan.code;
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    if (is_up(FAULTY_OP_SYNC))
        return plan.code;
    if (fails(file, FAULTY_SYNC) || fails_now(file))
        return SQLITE_IOERR_FSYNC;
    hang(file, FAULTY_HANG);
    if (((struct faulty_file *)file)->is_wal)
        atomic_fetch_add(&wal_syncs, 1);
    return real(file)->pMethods->xSync(real(file), flags);
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int on_lock(sqlite3_file *file, int level)
{
    if (is_up(FAULTY_OP_LOCK))
        return plan.code;
    return real(file)->pMethods->xLock(real(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int on_check(sqlite3_file *file, int *held)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), held);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int on_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int on_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    if (is_up(FAULTY_OP_SHM_MAP))
        return plan.code;
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
    bool takes = flags & SQLITE_SHM_LOCK; /* giving back cannot fail: nobody looks */
    if (takes && is_up(FAULTY_OP_SHM_LOCK))
        return plan.code;
    return real(file)->pMethods->xShmLock(real(file), at, n, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no xFetch: nothing is mapped behind our back */
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
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    sqlite3_vfs *unix_vfs = vfs->pAppData;
    struct faulty_file *ours = (struct faulty_file *)file;
    memset(ours, 0, sizeof *ours);
    ours->name = name;
    ours->is_wal = flags & SQLITE_OPEN_WAL;
    if (is_up(FAULTY_OP_OPEN))
        return plan.code;
    int rc = unix_vfs->xOpen(unix_vfs, name, real(file), flags, ret_flags);
    file->pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    sqlite3_vfs *unix_vfs = vfs->pAppData;
    return is_up(FAULTY_OP_DELETE) ? plan.code : unix_vfs->xDelete(unix_vfs, name, sync_folder);
}

void faulty_vfs_install(void)
{
    static sqlite3_vfs vfs;
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    vfs = *unix_vfs;
    vfs.szOsFile = unix_vfs->szOsFile + (int)sizeof(struct faulty_file);
    vfs.zName = "faulty";
    vfs.pNext = NULL;
    vfs.pAppData = unix_vfs;
    vfs.xOpen = on_open;
    vfs.xDelete = on_delete;
    sqlite3_vfs_register(&vfs, 1);
}

void faulty_vfs_set(enum faulty how, const char *part)
{
    pthread_mutex_lock(&lock);
    atomic_store(&faulty_part, part);
    atomic_store(&faulty_how, (int)how);
    atomic_store(&once_left, 0);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void faulty_vfs_once(enum faulty_once how, const char *part, int n)
{
    atomic_store(&faulty_how, FAULTY_NOTHING);
    atomic_store(&faulty_part, part);
    atomic_store(&once_how, (int)how);
    atomic_store(&once_left, n);
}

int faulty_vfs_changes(void)
{
    return atomic_load(&changes);
}

bool faulty_vfs_is_hanging(void)
{
    return atomic_load(&hanging) > 0;
}

int faulty_vfs_wal_syncs(void)
{
    return atomic_load(&wal_syncs);
}

void faulty_vfs_plan(const struct faulty_plan *to)
{
    pthread_mutex_lock(&plan_lock);
    plan = *to;
    memset(counts, 0, sizeof counts);
    has_failed = false;
    pthread_mutex_unlock(&plan_lock);
}

long faulty_vfs_count(enum faulty_op op)
{
    pthread_mutex_lock(&plan_lock);
    long n = counts[op];
    pthread_mutex_unlock(&plan_lock);
    return n;
}

bool faulty_vfs_has_failed(void)
{
    pthread_mutex_lock(&plan_lock);
    bool failed = has_failed;
    pthread_mutex_unlock(&plan_lock);
    return failed;
}

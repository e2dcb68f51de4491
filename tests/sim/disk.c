/* Each open file keeps the pre-images of what was written since its last flush: undone from the last to some random
 * one, that is what a power cut leaves. Files of a process that is dead fail in everything that would change them; they
 * are closed like any others. */
#include "tests/sim/disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"
#include "utlist.h"

enum { SECTOR = 512 };

struct undo { /* one write or truncation since the last flush */
    struct undo *next;
    sqlite3_int64 at;
    sqlite3_int64 size_before; /* of the file */
    size_t had;                /* bytes there were at `at` */
    size_t len;                /* written there; 0: it was cut to `at` */
    uint8_t bytes[];
};

/* SQLite gives room for both: the real file lies behind ours. */
struct file {
    sqlite3_file base;
    const char *name; /* within its path; SQLite's, as long as the file is open */
    unsigned life;
    struct undo *undos; /* the last one first */
    struct file *next, *prev;
};

static struct {
    struct {
        const char *name;
        enum disk_fault fault;
    } parts[DISK_PARTS];
    struct file *files;
    struct process *owner;    /* of the life that goes on... */
    unsigned life, dead_life; /* ...its number, and that of the last one that has ended */
    uint64_t writes_left;     /* 0: no end in sight */
} disk;

static sqlite3_file *real(sqlite3_file *file)
{
    return (sqlite3_file *)((struct file *)file + 1);
}

static bool is_dead(const sqlite3_file *file)
{
    return ((const struct file *)file)->life <= disk.dead_life;
}

static enum disk_fault fault_of(const char *name)
{
    for (int i = 0; i < DISK_PARTS; i++)
        if (disk.parts[i].name && name && strncmp(name, disk.parts[i].name, strlen(disk.parts[i].name)) == 0)
            return disk.parts[i].fault;
    return DISK_WELL;
}

static bool has(const sqlite3_file *file, enum disk_fault fault)
{
    return fault_of(((const struct file *)file)->name) == fault;
}

/* ---- what a power cut takes back ---- */

static void forget_undos(struct file *file)
{
    struct undo *undo, *next;
    LL_FOREACH_SAFE(file->undos, undo, next)
    free(undo);
    file->undos = NULL;
}

static void note_undo(struct file *file, size_t len, sqlite3_int64 at)
{
    sqlite3_int64 size = 0;
    sqlite3_file *under = real(&file->base);
    under->pMethods->xFileSize(under, &size);
    size_t keep = len > 0 ? len : size > at ? (size_t)(size - at) : 0;
    size_t had = at >= size ? 0 : (size_t)(size - at) < keep ? (size_t)(size - at) : keep;
    struct undo *undo = malloc(sizeof *undo + had);
    if (!undo)
        world_fail("out of memory");
    *undo = (struct undo){ .at = at, .size_before = size, .had = had, .len = len };
    if (had > 0)
        under->pMethods->xRead(under, undo->bytes, (int)had, at);
    LL_PREPEND(file->undos, undo);
}

/* All of it but its first `kept` bytes. */
static void take_back(struct file *file, const struct undo *undo, size_t kept)
{
    sqlite3_file *under = real(&file->base);
    if (kept < undo->had)
        under->pMethods->xWrite(under, undo->bytes + kept, (int)(undo->had - kept), undo->at + (sqlite3_int64)kept);
    sqlite3_int64 end = undo->at + (sqlite3_int64)kept;
    under->pMethods->xTruncate(under, end > undo->size_before ? end : undo->size_before);
}

static void cut_power_of(struct file *file)
{
    struct undo *undo;
    int n = 0;
    LL_COUNT(file->undos, undo, n);
    int64_t lost = n > 0 ? dice_between(world_dice(), 0, n) : 0;
    LL_FOREACH(file->undos, undo)
    {
        if (lost-- == 0)
            break;
        size_t torn = lost == 0 ? (size_t)dice_between(world_dice(), 0, (int64_t)(undo->len / SECTOR)) * SECTOR : 0;
        take_back(file, undo, torn);
    }
    forget_undos(file);
}

void disk_die(void)
{
    disk.dead_life = disk.life;
    disk.writes_left = 0;
    disk.owner->dead = true;
}

void disk_cut_power(void)
{
    struct file *file;
    disk_die();
    DL_FOREACH(disk.files, file)
    if (file->life == disk.dead_life)
        cut_power_of(file);
}

void disk_die_at_write(uint64_t n)
{
    disk.writes_left = n;
}

void disk_revive(struct process *owner)
{
    disk.owner = owner;
    disk.life++;
}

/* ---- the file ---- */

static int on_close(sqlite3_file *file)
{
    forget_undos((struct file *)file);
    DL_DELETE(disk.files, (struct file *)file);
    return real(file)->pMethods->xClose(real(file));
}

static int on_read(sqlite3_file *file, void *buffer, int n, sqlite3_int64 at)
{
    if (has(file, DISK_READ) && !is_dead(file))
        return SQLITE_IOERR_READ;
    return real(file)->pMethods->xRead(real(file), buffer, n, at);
}

static bool dies_now(void)
{
    if (disk.writes_left == 0 || --disk.writes_left > 0)
        return false;
    disk_die();
    return true;
}

static int on_write(sqlite3_file *file, const void *buffer, int n, sqlite3_int64 at)
{
    if (is_dead(file) || has(file, DISK_WRITE) || dies_now())
        return SQLITE_IOERR_WRITE;
    if (has(file, DISK_FULL))
        return SQLITE_FULL;
    note_undo((struct file *)file, (size_t)n, at);
    return real(file)->pMethods->xWrite(real(file), buffer, n, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (is_dead(file) || has(file, DISK_WRITE))
        return SQLITE_IOERR_TRUNCATE;
    note_undo((struct file *)file, 0, size);
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    if (is_dead(file) || has(file, DISK_SYNC))
        return SQLITE_IOERR_FSYNC;
    forget_undos((struct file *)file);
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

/* The last connection to go would copy the WAL into the file and delete it: a dead one does not. */
static int on_lock(sqlite3_file *file, int level)
{
    if (is_dead(file) && level >= SQLITE_LOCK_EXCLUSIVE)
        return SQLITE_BUSY;
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
    if (op == SQLITE_FCNTL_HAS_MOVED) { /* nobody does that here, and asking the system takes its time */
        *(int *)arg = 0;
        return SQLITE_OK;
    }
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
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
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

/* ---- the VFS ---- */

static sqlite3_vfs *under(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct file *ours = (struct file *)file;
    memset(ours, 0, sizeof *ours);
    const char *slash = path ? strrchr(path, '/') : NULL;
    ours->name = slash ? slash + 1 : path;
    ours->life = disk.life;
    int rc = under(vfs)->xOpen(under(vfs), path, real(file), flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc;
    file->pMethods = &methods;
    DL_APPEND(disk.files, ours);
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    if (disk.dead_life == disk.life)
        return SQLITE_IOERR_DELETE;
    return under(vfs)->xDelete(under(vfs), path, sync_folder);
}

static int on_random(sqlite3_vfs *vfs, int n, char *buffer)
{
    (void)vfs;
    for (int i = 0; i < n; i++)
        buffer[i] = (char)dice_bits(world_dice());
    return n;
}

/* Nobody else could let go of a lock meanwhile. */
static int on_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

/* All connections are this process's: SQLite itself keeps them apart, and no other process is to be kept out. */
static int without_locks(int fd, int op, ...)
{
    va_list more;
    va_start(more, op);
    void *arg = va_arg(more, void *);
    va_end(more);
    return op == F_SETLK || op == F_SETLKW ? 0 : fcntl(fd, op, arg);
}

void disk_install(void)
{
    static sqlite3_vfs vfs;
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    unix_vfs->xSetSystemCall(unix_vfs, "fcntl", (sqlite3_syscall_ptr)without_locks);
    vfs = *unix_vfs;
    vfs.szOsFile = unix_vfs->szOsFile + (int)sizeof(struct file);
    vfs.zName = "sim";
    vfs.pNext = NULL;
    vfs.pAppData = unix_vfs;
    vfs.xOpen = on_open;
    vfs.xDelete = on_delete;
    vfs.xRandomness = on_random;
    vfs.xSleep = on_sleep;
    sqlite3_vfs_register(&vfs, 1);
}

/* ---- faults ---- */

void disk_set(const char *name, enum disk_fault fault)
{
    int at = 0;
    while (disk.parts[at].name && strcmp(disk.parts[at].name, name) != 0)
        if (++at == DISK_PARTS)
            world_fail("more names of files than the disk knows");
    disk.parts[at].name = name;
    disk.parts[at].fault = fault;
}

bool disk_fails(void)
{
    for (int i = 0; i < DISK_PARTS; i++)
        if (disk.parts[i].fault >= DISK_WRITE && disk.parts[i].fault <= DISK_READ)
            return true;
    return false;
}

/* Workers are named as their files are. */
int64_t disk_wait_us(const char *worker, bool before)
{
    if (fault_of(worker) == DISK_SLOW)
        return dice_between(world_dice(), 20 * US_PER_MS, 3 * US_PER_S);
    return dice_between(world_dice(), 0, before ? 3 * US_PER_MS : 2 * US_PER_MS);
}

bool disk_hangs(const char *worker)
{
    return fault_of(worker) == DISK_HANG;
}

#include "collector/store/upkeep/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/work.h"
#include "collector/store/db.h"
#include "collector/store/upkeep/backup_folder.h"
#include "collector/store/upkeep/backup_heads.h"

enum {
    STEP_PAGES = 256, /* 1 MiB */
    FLUSH_STEPS = 8,  /* between flushes of what was copied */
    SLICE_MS = 400,   /* of a job: then the loop hears how far it is */
    NICENESS = 10
};

struct backup {
    struct job job;
    struct worker *worker;
    struct backup **owner;
    void (*fn)(void *user, const struct store_backup *state, const struct err *err);
    void *user;
    struct store_backup state;
    struct backup_folder folder;
    size_t n;
    char **paths;  /* owned */
    bool registry; /* the last of them is */
    atomic_bool stop;
    bool closing; /* whoever has started it is closing: `done` starts nothing more */

    /* the thread's while a slice runs */
    size_t at; /* the file in hand */
    bool begun;
    struct backup_heads heads; /* as they were then */
    sqlite3 *from, *to;        /* NULL: between two files */
    sqlite3_backup *copy;
    int to_fd;
    unsigned steps;
    uint64_t before; /* bytes of the files that are done */
    int rc;
    struct err err;
};

/* ---- one file ---- */

static void close_file(struct backup *backup)
{
    if (backup->copy)
        sqlite3_backup_finish(backup->copy);
    backup->copy = NULL;
    backup->to = db_close(backup->to);
    backup->from = db_close(backup->from);
    auto_close(&backup->to_fd);
    backup->to_fd = -1;
}

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* SQLite opens by name: what it opened must be what was made, not what somebody has put in its place since. */
static int check_same(const struct backup *backup, const char *path, struct err *err)
{
    struct stat made, named;
    int moved = 1;
    int code = sqlite3_file_control(backup->to, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (fstat(backup->to_fd, &made) < 0 || lstat(path, &named) < 0)
        return err_sys(err, -errno, "backup: cannot look at %s", path);
    if (code != SQLITE_OK || moved || made.st_dev != named.st_dev || made.st_ino != named.st_ino)
        return err_set(err, -EPERM, "backup: %s was replaced while it was opened", path);
    return 0;
}

/* The copy is nobody else's, so it needs no journal: until its folder has a name it is nothing. */
static int open_copy(struct backup *backup, const char *name, struct err *err)
{
    AUTO(auto_free) char *path = NULL;
    AUTO(auto_free) char *folder = realpath(backup->folder.partial, NULL); /* SQLite refuses links further up too */
    if (!folder)
        return err_sys(err, -errno, "backup: cannot find %s", backup->folder.partial);
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return err_set(err, -ENOMEM, "backup: out of memory");
    backup->to_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (backup->to_fd < 0)
        return err_sys(err, -errno, "backup: cannot make %s", path);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, &backup->to, flags, NULL) != SQLITE_OK)
        return backup->to ? db_error(backup->to, err) : err_set(err, -ENOMEM, "backup: out of memory");
    sqlite3_extended_result_codes(backup->to, 1);
    int rc = check_same(backup, path, err);
    return rc < 0 ? rc : db_exec(backup->to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
}

/* 0 with nothing open: the file does not exist, because nothing was written for that tenant yet. */
static int open_file(struct backup *backup, struct err *err)
{
    int64_t ignored;
    const char *path = backup->paths[backup->at];
    int rc = db_open(&backup->from, path, DB_READ, err);
    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        rc = db_exec(backup->from, "BEGIN", err); /* see backup.h */
    if (rc == 0)
        rc = db_number(backup->from, "SELECT count(*) FROM sqlite_master", &ignored, err);
    if (rc == 0)
        rc = open_copy(backup, name_of(path), err);
    if (rc < 0)
        return rc;
    backup->copy = sqlite3_backup_init(backup->to, "main", backup->from, "main");
    return backup->copy ? 0 : db_error(backup->to, err);
}

static int flush(const struct backup *backup, struct err *err)
{
    return fsync(backup->to_fd) < 0
               ? err_sys(err, -errno, "backup: cannot flush %s", name_of(backup->paths[backup->at]))
               : 0;
}

static uint64_t copied(const struct backup *backup)
{
    int pages = sqlite3_backup_pagecount(backup->copy) - sqlite3_backup_remaining(backup->copy);
    return (uint64_t)pages * 4096;
}

static int end_file(struct backup *backup, struct err *err)
{
    struct stat file = { .st_size = 0 };
    int code = sqlite3_backup_finish(TAKE(backup->copy));
    int rc = code == SQLITE_OK ? 0 : db_error(backup->to, err);
    if (rc == 0 && backup->registry && backup->at + 1 == backup->n)
        rc = backup_heads_write(&backup->heads, backup->to, err);
    backup->to = db_close(backup->to); /* writes nothing any more, but closes what it had open */
    if (rc == 0)
        rc = flush(backup, err);
    if (rc == 0 && fstat(backup->to_fd, &file) < 0)
        rc = err_sys(err, -errno, "backup: cannot look at the copy");
    if (rc < 0)
        return rc;
    backup->before += (uint64_t)file.st_size;
    backup->state.bytes = backup->before;
    backup->state.files++;
    backup->at++;
    close_file(backup);
    return 0;
}

static int step(struct backup *backup, struct err *err)
{
    int code = sqlite3_backup_step(backup->copy, STEP_PAGES);
    if (code == SQLITE_DONE)
        return end_file(backup, err);
    if (code != SQLITE_OK) /* also when the source is damaged, or the disk under the copy full */
        return err_set(err, db_errno(code), "backup: cannot copy %s: %s", name_of(backup->paths[backup->at]),
                       sqlite3_errstr(code));
    backup->state.bytes = backup->before + copied(backup);
    return ++backup->steps % FLUSH_STEPS == 0 ? flush(backup, err) : 0;
}

/* ---- slices ---- */

static void measure(struct backup *backup)
{
    for (size_t i = 0; i < backup->n; i++) {
        struct stat file;
        if (stat(backup->paths[i], &file) == 0) {
            backup->state.n_bytes += (uint64_t)file.st_size;
            backup->state.n_files++;
        }
    }
}

static int begin(struct backup *backup, struct err *err)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* this thread alone, on Linux */
    measure(backup);
    backup->begun = true;
    int rc = backup->registry ? backup_heads_read(&backup->heads, backup->paths[backup->n - 1], err) : 0;
    return rc < 0 ? rc : backup_folder_make(&backup->folder, backup->state.n_bytes, err);
}

static int go_on(struct backup *backup, struct err *err)
{
    int rc = backup->begun ? 0 : begin(backup, err);
    for (uint64_t until = uv_hrtime() + SLICE_MS * (uint64_t)NS_PER_MS; rc == 0 && uv_hrtime() < until;) {
        if (atomic_load(&backup->stop))
            return err_set(err, -ECANCELED, "backup: the collector is stopping");
        if (backup->copy) {
            rc = step(backup, err);
        } else if (backup->at < backup->n) {
            rc = open_file(backup, err);
            backup->at += rc == 0 && !backup->copy;
        } else {
            rc = backup_folder_commit(&backup->folder, err);
            backup->state.done = rc == 0;
            return rc;
        }
    }
    return rc;
}

static void run_slice(struct job *job)
{
    struct backup *backup = (struct backup *)job; /* its first member */
    backup->rc = go_on(backup, &backup->err);
    if (backup->rc < 0) {
        close_file(backup);
        backup_folder_done(&backup->folder);
    }
}

static void free_backup(struct backup *backup)
{
    close_file(backup);
    backup_folder_done(&backup->folder);
    for (size_t i = 0; i < backup->n; i++)
        free(backup->paths[i]);
    free(backup->paths);
    backup_heads_done(&backup->heads);
    free(backup);
}

/* The worker goes first: its thread has nothing more to do. */
static void end(struct backup *backup, const struct err *err)
{
    *backup->owner = NULL;
    backup->fn(backup->user, err ? NULL : &backup->state, err);
    if (!backup->closing)
        worker_close(backup->worker);
    free_backup(backup);
}

static void slice_done(struct job *job)
{
    struct backup *backup = (struct backup *)job;
    backup->state.path = backup->folder.path;
    if (backup->rc < 0 || backup->state.done) {
        end(backup, backup->rc < 0 ? &backup->err : NULL);
        return;
    }
    backup->fn(backup->user, &backup->state, NULL);
    worker_submit(backup->worker, &backup->job);
}

/* ---- life ---- */

static void auto_free_backup(struct backup **backup)
{
    if (*backup)
        free_backup(*backup);
}

int backup_start(uv_loop_t *loop, const struct backup_order *order, struct err *err)
{
    AUTO(auto_free_backup) struct backup *backup = calloc(1, sizeof *backup);
    if (!backup)
        return err_set(err, -ENOMEM, "backup: out of memory");
    backup->to_fd = -1;
    backup->job = (struct job){ .run = run_slice, .done = slice_done };
    backup->fn = order->fn;
    backup->user = order->user;
    backup->owner = order->owner;
    backup->registry = order->registry;
    backup->paths = calloc(order->n, sizeof *backup->paths);
    for (; backup->paths && backup->n < order->n; backup->n++)
        if (!(backup->paths[backup->n] = strdup(order->paths[backup->n])))
            break;
    if (!backup->paths || backup->n < order->n)
        return err_set(err, -ENOMEM, "backup: out of memory");
    int rc = backup_folder_name(&backup->folder, order->dir, order->now_us, err);
    if (rc == 0)
        rc = worker_open(&backup->worker, loop, "store-backup", err);
    if (rc < 0)
        return rc;
    worker_submit(backup->worker, &backup->job);
    *order->owner = TAKE(backup);
    return 0;
}

struct backup *backup_stop(struct backup *backup, uint64_t wait_ms)
{
    if (!backup)
        return NULL;
    struct worker *worker = backup->worker;
    void (*fn)(void *user, const struct store_backup *state, const struct err *err) = backup->fn;
    void *user = backup->user;
    backup->closing = true;
    atomic_store(&backup->stop, true);
    if (!worker_close_within(worker, wait_ms)) { /* on a disk that hangs: it keeps its memory */
        struct err err;
        err_set(&err, -ECANCELED, "backup: the disk does not answer");
        fn(user, NULL, &err);
    }
    return NULL;
}

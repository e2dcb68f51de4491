#include "collector/store/file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/load.h"
#include "collector/store/schema.h"

enum {
    WAL_RESTART_PAGES = 16384, /* 64 MiB: then the writer itself lets the WAL start anew */
    CHECKPOINT_PASSES = 3,     /* the second finds little left, so the WAL often ends up wholly copied */
    ASLEEP_US = US_PER_S,      /* between two looks at an attempt, which are due each STORE_RETRY_US */
    COPY_GROUPS = 32           /* commits that are worth a checkpoint... */
};
#define COPY_US (30 * US_PER_S) /* ...or one as old */

struct file {
    const struct file_home *home;
    char *path;
    const char *name;        /* within path */
    struct worker *worker;   /* NULL until the first group */
    uv_timer_t timer;        /* until the gathering group closes, until the next attempt at the front, or until the
                                next look at one that is under way */
    struct group *gathering; /* NULL until something is put */
    uint64_t opened_ms;      /* when it got its first operation */
    bool opened;
    bool hurried;
    struct group *front; /* closed: being written, or waiting for its next attempt; NULL: the writer is free */
    struct group *spare;
    bool closing;

    bool failing; /* since... */
    int64_t failing_since_us;
    bool fault;               /* declared */
    enum store_trouble cause; /* of the last fault, as it was when it was declared */
    int64_t fault_ended_us;
    bool unread;           /* it could not be read at start */
    bool slow;             /* the attempt under way */
    int64_t slow_since_us; /* from the first to the last slow commit, with less than STORE_CALM_US between any two */
    int64_t slow_until_us;
    bool doubted; /* whoever read it found it damaged: the next attempt shall prove that it is not */

    struct job write; /* while `writing`, these are the writer's */
    bool writing;
    int64_t attempted_us;
    int64_t looked_us; /* last, at the attempt under way */
    struct writer writer;
    bool restart_wal;
    bool prove;
    int write_rc;
    struct err write_err;
    struct written written;

    struct job rest; /* the same as shut, but the file goes on */
    bool resting;
    uint64_t stored;        /* ticks */
    int64_t settled_us;     /* the last write */
    int64_t passed_over_us; /* monotonic: when that was last told; 0: never */

    struct job shut; /* the worker's last */
    bool last_try;   /* closing: the write under way is not tried again */
    bool gave_up;    /* closing: it failed */

    struct job copy; /* while `copying`, these are the checkpoint's */
    bool copying;
    int copy_rc;
    int wal_pages;
    struct err copy_err;

    unsigned uncopied;               /* commits since the last checkpoint began... */
    int64_t copied_us;               /* ...which was then */
    bool copy_failed;                /* told once */
    enum store_trouble copy_trouble; /* of the last one, when it failed */
    bool wal_is_long;
};

static void arm(struct file *file);
static void attempt(struct file *file);
static void look_at_attempt(struct file *file);
static void written_while_closing(struct file *file);

/* ---- groups ---- */

struct group *file_gathering(struct file *file)
{
    if (!file->gathering) {
        file->gathering = file->spare ? TAKE(file->spare) : group_new();
        file->opened = false;
        file->hurried = false;
    }
    return file->gathering;
}

static void recycle(struct file *file, struct group *group)
{
    group_clear(group);
    if (file->spare)
        group_free(group);
    else
        file->spare = group;
}

/* The front is done with: its memory goes first, then its callbacks are told, for they may write anew. */
static void settle_front(struct file *file, int rc)
{
    struct group *group = TAKE(file->front);
    group_clear(group);
    group_settle(group, rc);
    recycle(file, group);
    arm(file);
}

static void close_gathering(struct file *file)
{
    assert(!file->front && file->gathering);
    file->front = TAKE(file->gathering);
}

static bool nothing_gathered(const struct file *file)
{
    return !file->gathering || group_is_empty(file->gathering);
}

/* ---- timing ---- */

static uint64_t wait_ms(const struct file *file)
{
    if (file->hurried || !file->opened) /* callbacks alone wait for nobody */
        return 0;
    uint64_t due = file->opened_ms + STORE_GATHER_US / US_PER_MS;
    uint64_t now = uv_now(file->home->loop);
    return due > now ? due - now : 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct file *file = timer->data;
    if (file->writing) {
        look_at_attempt(file);
        return;
    }
    if (!file->front) {
        if (nothing_gathered(file))
            return;
        if (wait_ms(file) > 0) { /* an operation joined a group that had only callbacks */
            arm(file);
            return;
        }
        close_gathering(file);
    }
    attempt(file);
}

/* A group never closes within the call that filled it, however urgent: what the caller does next still belongs to
 * it. */
static void arm(struct file *file)
{
    if (file->front || file->closing || nothing_gathered(file))
        return;
    uv_timer_start(&file->timer, on_timer, wait_ms(file), 0);
}

void file_touched(struct file *file)
{
    if (!file->opened) {
        file->opened = true;
        file->opened_ms = uv_now(file->home->loop);
        arm(file);
    }
}

int file_then(struct file *file, void (*fn)(void *user, int rc), void *user)
{
    struct group *group = file_gathering(file);
    int rc = group ? group_then(group, fn, user) : -ENOMEM;
    if (rc == 0 && !file->opened)
        arm(file);
    return rc;
}

void file_hurry(struct file *file)
{
    if (nothing_gathered(file))
        return;
    file->hurried = true;
    arm(file);
}

/* ---- attempts ---- */

/* Said once an hour: whoever declares so much goes on declaring. */
static void tell_passed_over(struct file *file)
{
    int64_t now = clock_mono_us(file->home->clock);
    if (file->written.passed_over == 0 || (file->passed_over_us != 0 && now - file->passed_over_us < 3600 * US_PER_S))
        return;
    file->passed_over_us = now;
    log_event(file->home->log, LOG_WARN, "declarations_passed_over", KV_TEXT("file", file->name),
              KV_COUNT("declarations", file->written.passed_over));
}

static void count_written(struct file *file)
{
    struct store_counts *counts = file->home->counts;
    counts->groups++;
    counts->ticks += file->written.ticks;
    counts->samples += file->written.samples;
    counts->bytes += file->written.bytes;
    file->stored += file->written.ticks;
    file->settled_us = clock_mono_us(file->home->clock);
    took_add(file->home->took, file->settled_us - file->attempted_us);
    tell_passed_over(file);
}

static void tell_ledger(const struct file *file)
{
    if (file->writer.kind == STORE_TENANT)
        file->home->ledger(file->home->user, file->writer.tenant, &file->written.ledger, file->written.ledger_state);
}

static void succeeded(struct file *file)
{
    count_written(file);
    tell_ledger(file);
    file->uncopied++;
    if (file->fault) {
        file->fault_ended_us = clock_mono_us(file->home->clock);
        int64_t lasted_us = file->fault_ended_us - file->failing_since_us;
        log_event(file->home->log, LOG_WARN, "store_fault_ended", KV_TEXT("file", file->name),
                  KV_REAL("seconds", (double)lasted_us / (double)US_PER_S));
    }
    file->fault = false;
    file->failing = false;
    settle_front(file, 0);
}

static enum store_trouble trouble_of(int rc)
{
    switch (rc) {
    case -ENOSPC:
    case -EDQUOT:
        return STORE_FULL;
    case -EROFS:
    case -EACCES:
        return STORE_READ_ONLY;
    case -ETIMEDOUT:
        return STORE_HANGS;
    case -EBADMSG:
    case -ENOENT:
        return STORE_DAMAGED;
    default:
        return STORE_FAILS;
    }
}

/* A front that is being written is the writer's: its batches stay until the attempt has failed. */
static void declare_fault(struct file *file, int rc, const char *why)
{
    file->cause = trouble_of(rc);
    uint64_t ticks = file->writing ? 0 : group_drop_batches(file->front);
    if (file->gathering) {
        ticks += group_drop_batches(file->gathering);
        file->opened = group_first(file->gathering); /* left empty, it is opened anew by what joins it */
    }
    file->fault = true;
    log_event(file->home->log, LOG_ERROR, "store_fault_declared", KV_TEXT("file", file->name),
              KV_COUNT("dropped_ticks", ticks), KV_TEXT("error", why));
}

/* What has gathered meanwhile goes with the front; without memory for that it goes later. */
static void absorb_gathering(struct file *file)
{
    if (file->gathering && group_absorb(file->front, file->gathering) == 0)
        recycle(file, TAKE(file->gathering));
}

/* Those of the front first. What they write gathers. */
static void answer_waiting(struct file *file, int rc)
{
    group_settle(file->front, rc);
    if (file->gathering)
        group_settle(file->gathering, rc);
}

static bool is_fault_due(const struct file *file)
{
    return clock_mono_us(file->home->clock) - file->failing_since_us >= STORE_FAULT_US;
}

static void failed(struct file *file, int rc, const struct err *err)
{
    file->home->counts->failed++;
    uv_timer_start(&file->timer, on_timer, STORE_RETRY_US / US_PER_MS, 0);
    if (!file->failing) {
        file->failing = true;
        file->failing_since_us = clock_mono_us(file->home->clock);
        log_event(file->home->log, LOG_WARN, "store_retry", KV_TEXT("file", file->name), KV_TEXT("error", err->text));
    }
    if (file->fault) {
        group_drop_batches(file->front); /* it has some when the fault was declared while it was being written */
        group_settle(file->front, rc);
    } else if (is_fault_due(file)) {
        declare_fault(file, rc, err->text);
        answer_waiting(file, rc); /* in both groups: both have lost their batches */
    }
}

/* Once is life; again and again is a disk that people should hear of. Noted while it lasts: a look at it is real
 * time that passed, whatever the clock has jumped by meanwhile. */
static void note_slow(struct file *file)
{
    int64_t now_us = clock_mono_us(file->home->clock);
    if (now_us - file->attempted_us < STORE_SLOW_US)
        return;
    if (!file->slow)
        file->home->counts->slow++;
    file->slow = true;
    if (file->slow_until_us == 0 || now_us - file->slow_until_us >= STORE_CALM_US)
        file->slow_since_us = now_us;
    file->slow_until_us = now_us;
}

/* Between two looks we stood still ourselves, stopped or on a machine that slept: it tells nothing of the disk. */
static bool was_asleep(struct file *file)
{
    int64_t before_us = file->looked_us;
    file->looked_us = clock_mono_us(file->home->clock);
    return file->looked_us - before_us >= ASLEEP_US;
}

/* A disk that hangs fails no attempt. What waits for the writes must go on all the same. */
static void look_at_attempt(struct file *file)
{
    uv_timer_start(&file->timer, on_timer, STORE_RETRY_US / US_PER_MS, 0);
    if (was_asleep(file))
        return; /* the next look tells */
    note_slow(file);
    if (!file->failing && clock_mono_us(file->home->clock) - file->attempted_us >= STORE_FAULT_US) {
        file->failing = true;
        file->failing_since_us = file->attempted_us;
    }
    if (!file->fault && file->failing && is_fault_due(file))
        declare_fault(file, -ETIMEDOUT, "the disk does not answer");
    if (file->fault)
        answer_waiting(file, -ETIMEDOUT);
}

static void run_write(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, write));
    if (file->prove)
        writer_doubt(&file->writer);
    if (file->restart_wal)
        writer_restart_wal(&file->writer);
    file->write_rc = writer_write(&file->writer, file->front, &file->written, &file->write_err);
}

static void write_done(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, write));
    file->writing = false;
    uv_timer_stop(&file->timer);
    if (file->closing)
        written_while_closing(file);
    else if (file->write_rc == 0)
        succeeded(file);
    else
        failed(file, file->write_rc, &file->write_err);
}

static void attempt(struct file *file)
{
    assert(file->front && !file->writing);
    if (file->fault) {
        absorb_gathering(file);
        /* Says when the fault ended, and gives an empty front something to try the disk with. */
        group_put_mark(file->front, "recovered_us", clock_wall_us(file->home->clock));
    }
    if (!group_first(file->front)) {
        settle_front(file, 0);
        return;
    }
    struct err err;
    int rc = file->worker ? 0 : worker_open(&file->worker, file->home->loop, file->name, &err);
    if (rc < 0) {
        failed(file, rc, &err);
        return;
    }
    file->writing = true;
    file->restart_wal = file->wal_is_long;
    file->wal_is_long = false;
    file->prove = file->doubted;
    file->doubted = false;
    file->slow = false;
    file->attempted_us = file->looked_us = clock_mono_us(file->home->clock);
    uv_timer_start(&file->timer, on_timer, STORE_RETRY_US / US_PER_MS, 0);
    worker_submit(file->worker, &file->write);
}

/* ---- rest ---- */

static bool cannot_rest(const struct file *file)
{
    return !file->worker || file->resting || file->writing || file->front || !nothing_gathered(file) || file->closing;
}

static void run_rest(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, rest));
    writer_close(&file->writer);
}

/* A write that came meanwhile is behind this on the worker, and has opened the file again. */
static void rest_done(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, rest));
    file->resting = false;
    if (!file->writing && !file->closing)
        file->worker = worker_close(file->worker);
}

void file_rest(struct file *file, int64_t idle_us)
{
    if (cannot_rest(file) || file->failing || file->copying || file->uncopied > 0 ||
        clock_mono_us(file->home->clock) - file->settled_us < idle_us)
        return;
    file->resting = true;
    worker_submit(file->worker, &file->rest);
}

static void run_shut(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, shut));
    writer_close(&file->writer);
}

static void shut_done(struct job *job)
{
    (void)job;
}

/* ---- checkpoints ---- */

static void run_copy(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, copy));
    AUTO(db_auto_close) sqlite3 *db = NULL;
    int64_t ignored;
    file->wal_pages = 0;
    file->copy_rc = db_open(&db, file->path, DB_COPY, &file->copy_err);
    if (file->copy_rc == 0) /* a connection looks at the WAL with its first read, not before */
        file->copy_rc = db_number(db, "PRAGMA schema_version", &ignored, &file->copy_err);
    int copied = -1;
    for (int i = 0; file->copy_rc == 0 && i < CHECKPOINT_PASSES && copied != file->wal_pages; i++) {
        int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &file->wal_pages, &copied);
        if (code != SQLITE_OK && code != SQLITE_BUSY)
            file->copy_rc = db_error(db, &file->copy_err);
    }
}

static void copy_done(struct job *job)
{
    struct file *file = (struct file *)(void *)((char *)job - offsetof(struct file, copy));
    file->copying = false;
    if (file->copy_rc < 0 && !file->copy_failed)
        log_event(file->home->log, LOG_WARN, "store_checkpoint_failed", KV_TEXT("file", file->name),
                  KV_TEXT("error", file->copy_err.text));
    file->copy_failed = file->copy_rc < 0;
    file->copy_trouble = file->copy_failed ? trouble_of(file->copy_rc) : STORE_WELL;
    if (file->copy_rc == -EBADMSG)
        file_doubt(file, &file->copy_err);
    file->wal_is_long = file->wal_pages > WAL_RESTART_PAGES;
    if (file->copy_rc < 0)
        file->uncopied += COPY_GROUPS;
}

void file_checkpoint(struct file *file, struct worker *worker)
{
    int64_t now_us = clock_mono_us(file->home->clock);
    if (file->copying || file->uncopied == 0 || (file->uncopied < COPY_GROUPS && now_us - file->copied_us < COPY_US))
        return;
    file->copying = true;
    file->uncopied = 0;
    file->copied_us = now_us;
    worker_submit(worker, &file->copy);
}

/* ---- opening and closing ---- */

int file_open(struct file **ret_file, const struct file_home *home, enum store_file kind, uint64_t tenant,
              struct err *err)
{
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return err_set(err, -ENOMEM, "store: out of memory");
    int len = kind == STORE_REGISTRY ? asprintf(&file->path, "%s/registry.db", home->dir)
                                     : asprintf(&file->path, "%s/tenant-%" PRIu64 ".db", home->dir, tenant);
    if (len < 0) {
        free(file);
        return err_set(err, -ENOMEM, "store: out of memory");
    }
    file->home = home;
    file->name = file->path + strlen(home->dir) + 1;
    file->writer = (struct writer){ .path = file->path, .kind = kind, .tenant = tenant };
    file->write = (struct job){ .run = run_write, .done = write_done };
    file->rest = (struct job){ .run = run_rest, .done = rest_done };
    file->shut = (struct job){ .run = run_shut, .done = shut_done };
    file->copy = (struct job){ .run = run_copy, .done = copy_done };
    uv_timer_init(home->loop, &file->timer);
    file->timer.data = file;
    *ret_file = file;
    return 0;
}

void file_vouch(struct file *file, const struct chain_end *end, bool misses)
{
    file->writer.chain.vouched = *end;
    file->writer.chain.misses = misses;
}

int file_prepare(struct file *file, struct err *err)
{
    return writer_open(&file->writer, err);
}

int file_read(struct file *file, const struct store_loader *loader, struct store_marks *marks, struct err *err)
{
    int rc = file_prepare(file, err);
    if (rc == 0)
        rc = schema_let_shrink(file->writer.db, err);
    if (rc == 0)
        rc = load_file(file->writer.db, file->writer.kind, file->writer.tenant, loader, marks, err);
    return rc;
}

/* What was written in an earlier life, and signed or not. */
static void look_at_ledger(struct file *file)
{
    int rc = writer_know_ledger(&file->writer, &file->written, NULL);
    if (rc == -EBADMSG)
        file->written.ledger_state = CHAIN_BROKEN;
    tell_ledger(file);
}

int file_load(struct file *file, const struct store_loader *loader, struct store_marks *marks, struct err *err)
{
    assert(!file->front && nothing_gathered(file));
    struct err why = { 0 };
    int rc = file_read(file, loader, marks, &why);
    if (rc == 0)
        look_at_ledger(file);
    writer_close(&file->writer);
    if (rc == 0)
        return 0;
    file->writer.unproven = true;
    file->unread = true;
    if (!file_gathering(file))
        return err_set(err, -ENOMEM, "store: out of memory");
    close_gathering(file);
    file->failing = true;
    file->failing_since_us = clock_mono_us(file->home->clock);
    declare_fault(file, rc, why.text);
    uv_timer_start(&file->timer, on_timer, STORE_RETRY_US / US_PER_MS, 0);
    return err_set(err, rc, "%s", why.text);
}

static void give_up(struct file *file, int rc, const struct err *err)
{
    absorb_gathering(file);
    log_event(file->home->log, LOG_ERROR, "store_lost", KV_TEXT("file", file->name),
              KV_COUNT("bytes", group_bytes(file->front)), KV_TEXT("error", err->text));
    settle_front(file, rc);
}

/* Without a worker: nothing is left, or there is no thread to be had. */
static void flush(struct file *file)
{
    while (file->front || !nothing_gathered(file)) {
        if (!file->front)
            close_gathering(file);
        if (file->fault)
            absorb_gathering(file);
        struct err err;
        int rc = group_first(file->front) ? writer_write(&file->writer, file->front, &file->written, &err) : 0;
        if (rc < 0) {
            give_up(file, rc, &err);
            break;
        }
        succeeded(file);
    }
    writer_close(&file->writer);
}

/* The next write of those that are left, or else the end of the connection: either may wait for the disk, so the worker
 * does it. */
static void go_on_closing(struct file *file)
{
    if (file->front && file->fault)
        absorb_gathering(file);
    while (!file->gave_up && (file->front || !nothing_gathered(file))) {
        if (!file->front)
            close_gathering(file);
        if (group_first(file->front)) {
            file->writing = true;
            file->last_try = true;
            worker_submit(file->worker, &file->write);
            return;
        }
        settle_front(file, 0);
    }
    worker_submit(file->worker, &file->shut);
}

static void written_while_closing(struct file *file)
{
    if (file->write_rc == 0) {
        file->last_try = false;
        succeeded(file);
    } else if (file->last_try) {
        file->gave_up = true;
        give_up(file, file->write_rc, &file->write_err);
    }
    go_on_closing(file);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_left(uv_handle_t *handle)
{
    (void)handle; /* its file is the worker's, that may yet come back from the disk */
}

static void answer_the_rest(struct file *file, int rc)
{
    file->gave_up = true; /* what a callback writes now is lost, too */
    if (file->front)
        group_settle(file->front, rc);
    if (file->gathering)
        group_settle(file->gathering, rc);
}

static void leave(struct file *file)
{
    uint64_t bytes = file->front ? group_bytes(file->front) : 0;
    bytes += file->gathering ? group_bytes(file->gathering) : 0;
    log_event(file->home->log, LOG_ERROR, "store_lost", KV_TEXT("file", file->name), KV_COUNT("bytes", bytes),
              KV_TEXT("error", "the disk does not answer"));
    answer_the_rest(file, -ETIMEDOUT);
    uv_close((uv_handle_t *)&file->timer, on_left);
}

static bool close_worker(struct file *file, uint64_t wait_ms)
{
    struct err err;
    bool done = !file->front && nothing_gathered(file);
    if (!file->worker && (done || worker_open(&file->worker, file->home->loop, file->name, &err) < 0))
        flush(file);
    if (!file->worker)
        return true;
    if (!file->writing)
        go_on_closing(file);
    return worker_close_within(file->worker, wait_ms);
}

bool file_close(struct file *file, uint64_t wait_ms)
{
    if (!file)
        return true;
    file->closing = true;
    uv_timer_stop(&file->timer);
    if (!close_worker(file, wait_ms)) {
        leave(file);
        return false;
    }
    answer_the_rest(file, -ECANCELED);
    group_free(file->gathering);
    group_free(file->spare);
    if (!file->copying) /* else the thread that makes checkpoints hangs in it, and was left behind */
        free(file->path);
    uv_close((uv_handle_t *)&file->timer, file->copying ? on_left : on_closed);
    return true;
}

void file_doubt(struct file *file, const struct err *why)
{
    if (!file->doubted && !file->failing)
        log_event(file->home->log, LOG_ERROR, "store_file_damaged", KV_TEXT("file", file->name),
                  KV_TEXT("error", why->text));
    file->doubted = true;
}

uint64_t file_stored(const struct file *file)
{
    return file->stored;
}

bool file_wants_start(const struct file *file)
{
    return file->unread && !file->failing;
}

bool file_in_fault(const struct file *file)
{
    return file->fault;
}

enum store_trouble file_trouble(const struct file *file)
{
    int64_t now_us = clock_mono_us(file->home->clock);
    bool ended_lately = file->fault_ended_us != 0 && now_us - file->fault_ended_us < STORE_CALM_US;
    if (file->fault || ended_lately)
        return file->cause;
    if (file->copy_failed)
        return file->copy_trouble;
    bool slow = file->slow_until_us != 0 && now_us - file->slow_until_us < STORE_CALM_US;
    return slow && file->slow_until_us - file->slow_since_us >= STORE_SLOW_FOR_US ? STORE_SLOW : STORE_WELL;
}

const char *file_path(const struct file *file)
{
    return file->path;
}

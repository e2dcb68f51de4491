/* Files that are due wait in a queue; the thread takes one turn after the other. A turn's ops are put into the file's
 * groups one by one: the next when the one before is on disk. Meanwhile the thread is at other files. */
#include "collector/store/pack/pack.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/work.h"
#include "collector/store/pack/turn.h"

enum { NICE = 10 };
enum {
    KEEP_TURNS = 10, /* each so many begins with what expires: there may always be other work */
    MANY_TICKS = 256
};
#define FAILED_US (5 * PACK_MINUTE_US) /* until a file in which a turn failed is looked at again */

struct packed_file {
    struct packed_file *next;   /* all of them */
    struct packed_file *behind; /* in the queue */
    struct packer *packer;
    struct file *file;
    uint64_t tenant;
    struct pack_state state; /* the thread's while it is at it */
    bool keep_anew;          /* it may be less than before that is kept */
    bool open_anew;          /* another file may stand in its place: what is open is not used again */
    bool gave_up;            /* its ops fell with a fault, and none was made since */
    bool busy;               /* queued, at its turn, or its ops are being written */
    int64_t next_us;         /* by the wall clock: then something is due */
    int64_t looked_us;       /* likewise: its inbox */
    uint64_t looked_ticks;   /* stored by then */
    int64_t failed_us;       /* monotonic; 0: it did not */
    unsigned turns, failures;
    size_t n_ops, next_op;
    struct pack_op **ops;
};

struct waiter {
    struct waiter *next;
    void (*fn)(void *user, int rc);
    void *user;
};

struct packer {
    const struct clock *clock;
    const struct log *log;
    struct worker *worker;
    uv_timer_t timer;
    struct packed_file *files;
    struct packed_file *first, **end; /* the queue */
    size_t n_busy;
    struct store_retention retention;
    struct waiter *waiters;
    int waiters_rc;
    bool stopped;
    bool left; /* its thread hangs on the disk: what that holds is not freed */
    struct job job;
    struct packed_file *at; /* whose turn it is; NULL: nobody's */
    struct pack_turn turn;  /* the thread's meanwhile */
    struct pack_tools tools;
    bool polite;
};

static void go_on(struct packer *packer);

/* ---- the queue ---- */

static void queue(struct packed_file *file)
{
    struct packer *packer = file->packer;
    if (!file->busy) {
        file->busy = true;
        packer->n_busy++;
    }
    file->behind = NULL;
    *packer->end = file;
    packer->end = &file->behind;
    go_on(packer);
}

static void tell_waiters(struct packer *packer, int rc)
{
    struct waiter *waiter = packer->waiters;
    packer->waiters = NULL;
    while (waiter) {
        struct waiter *next = waiter->next;
        waiter->fn(waiter->user, rc);
        free(waiter);
        waiter = next;
    }
}

static void rest(struct packed_file *file, int rc)
{
    struct packer *packer = file->packer;
    file->busy = false;
    packer->n_busy--;
    if (rc < 0)
        packer->waiters_rc = rc;
    if (packer->n_busy == 0 && !packer->stopped)
        tell_waiters(packer, packer->waiters_rc);
}

/* ---- what a turn found, to the file's groups ---- */

static void release_ops(struct packed_file *file)
{
    for (size_t i = file->next_op; i < file->n_ops; i++)
        pack_op_release(file->ops[i]);
    free(file->ops);
    file->ops = NULL;
    file->n_ops = file->next_op = 0;
}

/* All of it is found again. */
static void give_up(struct packed_file *file, int rc)
{
    release_ops(file);
    pack_state_done(&file->state);
    file->next_us = 0;
    file->looked_us = 0;
    file->open_anew = true;
    rest(file, rc);
}

static void fail(struct packed_file *file, int rc, const char *why)
{
    struct packer *packer = file->packer;
    log_event(packer->log, LOG_WARN, "store_pack_failed", KV_COUNT("tenant", file->tenant), KV_TEXT("error", why));
    file->failed_us = clock_mono_us(packer->clock);
    file->failures++;
    give_up(file, rc);
}

/* Where the last one failed the next begins behind it: what cannot be done does not hold up the other stages. */
static enum pack_stage first_stage(struct packed_file *file)
{
    file->turns++;
    return file->turns % KEEP_TURNS == 0 ? PACK_KEEP : (enum pack_stage)(file->failures % PACK_STAGE_COUNT);
}

static void settled(struct packed_file *file)
{
    struct packer *packer = file->packer;
    release_ops(file);
    file->gave_up = false;
    file->failed_us = 0;
    if (file->next_us <= clock_wall_us(packer->clock))
        queue(file);
    else
        rest(file, 0);
}

static void on_told(void *user, int rc);

static void put_next(struct packed_file *file)
{
    if (file->next_op == file->n_ops) {
        settled(file);
        return;
    }
    if (file_in_fault(file->file)) {
        give_up(file, -EIO);
        return;
    }
    struct group *group = file_gathering(file->file);
    if (!group || group_add_pack(group, file->ops[file->next_op]) < 0 ||
        file_then(file->file, on_told, file) < 0) { /* in the last case it is written, and found to be wrong or done */
        give_up(file, -ENOMEM);
        return;
    }
    file_touched(file->file);
    if (file->packer->waiters)
        file_hurry(file->file);
}

/* In a fault the op is dropped, or, when the disk hangs, may still be made: the state of the file is looked at anew
 * when the fault has ended. */
static void on_told(void *user, int rc)
{
    struct packed_file *file = user;
    if (file->packer->stopped)
        return;
    if (rc < 0) {
        if (file->gave_up) /* twice: what the ops touch may be what the disk cannot read */
            file->failed_us = clock_mono_us(file->packer->clock);
        file->gave_up = true;
        give_up(file, rc);
        return;
    }
    struct pack_op *op = file->ops[file->next_op];
    if (op->refused) {
        fail(file, -EBADMSG, op->which);
        return;
    }
    pack_op_release(op);
    file->next_op++;
    put_next(file);
}

/* ---- turns ---- */

/* Politer than whoever serves agents; it is none of our business when the system will not have it. */
static void be_polite(struct packer *packer)
{
    const struct sched_param param = { .sched_priority = 0 };
    sched_setscheduler(0, SCHED_BATCH, &param);
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    packer->polite = true;
}

static void run_turn(struct job *job)
{
    struct packer *packer = (struct packer *)(void *)((char *)job - offsetof(struct packer, job));
    if (!packer->polite)
        be_polite(packer);
    pack_turn(&packer->turn);
}

static void turn_done(struct job *job)
{
    struct packer *packer = (struct packer *)(void *)((char *)job - offsetof(struct packer, job));
    struct packed_file *file = packer->at;
    struct pack_turn *turn = &packer->turn;
    packer->at = NULL;
    if (packer->stopped) {
        pack_turn_done(turn);
        return;
    }
    if (turn->unreadable > 0)
        log_event(packer->log, LOG_WARN, "store_rows_unreadable", KV_COUNT("tenant", file->tenant),
                  KV_COUNT("rows", turn->unreadable));
    if (turn->n_put_off > 0)
        log_event(packer->log, LOG_WARN, "store_pack_put_off", KV_COUNT("tenant", file->tenant),
                  KV_COUNT("units", turn->n_put_off), KV_TEXT("error", turn->put_off_err.text));
    if (turn->damaged)
        file_doubt(file->file, &turn->err);
    if (turn->rc < 0) {
        pack_turn_done(turn);
        fail(file, turn->rc, turn->err.text);
    } else {
        file->next_us = turn->next_us;
        file->ops = TAKE(turn->ops);
        file->n_ops = turn->n_ops;
        turn->n_ops = 0;
        pack_turn_done(turn);
        put_next(file);
    }
    go_on(packer);
}

static bool is_time_to_look(const struct packed_file *file, int64_t now_us)
{
    int64_t since_us = now_us - file->looked_us;
    uint64_t stored = file_stored(file->file) - file->looked_ticks;
    int64_t wait_us = stored >= MANY_TICKS ? PACK_LOOK_US : PACK_LOOK_FEW_US;
    return stored > 0 && (file->packer->waiters || since_us >= wait_us || since_us < 0);
}

static void go_on(struct packer *packer)
{
    if (packer->at || !packer->first || packer->stopped)
        return;
    struct packed_file *file = packer->first;
    packer->first = file->behind;
    if (!packer->first)
        packer->end = &packer->first;
    packer->at = file;
    int64_t now_us = clock_wall_us(packer->clock);
    if (file->keep_anew)
        file->state.keep_us = 0;
    file->keep_anew = false;
    packer->turn = (struct pack_turn){
        .tools = &packer->tools,
        .state = &file->state,
        .path = file_path(file->file),
        .tenant = file->tenant,
        .now_us = now_us,
        .retention = packer->retention,
        .first = first_stage(file),
        .written = is_time_to_look(file, now_us),
        .at_once = packer->waiters,
        .open_anew = file->open_anew,
    };
    file->open_anew = false;
    if (packer->turn.written) {
        file->looked_us = now_us;
        file->looked_ticks = file_stored(file->file);
    }
    worker_submit(packer->worker, &packer->job);
}

static bool is_due(const struct packed_file *file, int64_t now_us)
{
    if (file->busy || file_in_fault(file->file))
        return false;
    if (file->failed_us && clock_mono_us(file->packer->clock) - file->failed_us < FAILED_US)
        return false;
    return file->keep_anew || file->next_us <= now_us || is_time_to_look(file, now_us);
}

static void on_timer(uv_timer_t *timer)
{
    struct packer *packer = timer->data;
    int64_t now_us = clock_wall_us(packer->clock);
    for (struct packed_file *file = packer->files; file; file = file->next)
        if (is_due(file, now_us))
            queue(file);
    if (packer->n_busy == 0)
        tell_waiters(packer, packer->waiters_rc);
}

int packer_run(struct packer *packer, void (*fn)(void *user, int rc), void *user)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter)
        return -ENOMEM;
    *waiter = (struct waiter){ packer->waiters, fn, user };
    packer->waiters = waiter;
    packer->waiters_rc = 0;
    for (struct packed_file *file = packer->files; file; file = file->next) {
        if (file_in_fault(file->file))
            packer->waiters_rc = -EIO;
        else if (!file->busy)
            queue(file);
    }
    if (packer->n_busy == 0)
        uv_timer_start(&packer->timer, on_timer, 0, PACK_LOOK_US / US_PER_MS);
    return 0;
}

/* ---- opening and closing ---- */

static void auto_packer(struct packer **packer)
{
    if (*packer)
        pack_tools_done(&(*packer)->tools);
    free(*packer);
}

int packer_open(struct packer **ret_packer, uv_loop_t *loop, const struct clock *clock, const struct log *log,
                struct err *err)
{
    AUTO(auto_packer) struct packer *packer = calloc(1, sizeof *packer);
    if (!packer)
        return err_set(err, -ENOMEM, "store: out of memory");
    packer->clock = clock;
    packer->log = log;
    packer->end = &packer->first;
    packer->retention = STORE_RETENTION;
    packer->job = (struct job){ .run = run_turn, .done = turn_done };
    int rc = pack_tools_init(&packer->tools, err);
    if (rc == 0)
        rc = worker_open(&packer->worker, loop, "store-pack", err);
    if (rc < 0)
        return rc;
    uv_timer_init(loop, &packer->timer);
    packer->timer.data = packer;
    uv_timer_start(&packer->timer, on_timer, PACK_LOOK_US / US_PER_MS, PACK_LOOK_US / US_PER_MS);
    *ret_packer = TAKE(packer);
    return 0;
}

void packer_stop(struct packer *packer, uint64_t wait_ms)
{
    if (!packer)
        return;
    packer->stopped = true;
    uv_timer_stop(&packer->timer);
    packer->left = !worker_close_within(packer->worker, wait_ms);
    if (!packer->left)
        pack_tools_leave(&packer->tools);
    tell_waiters(packer, -ECANCELED);
}

static void on_closed(uv_handle_t *handle)
{
    struct packer *packer = handle->data;
    if (packer->left)
        return;
    struct packed_file *next;
    for (struct packed_file *file = packer->files; file; file = next) {
        next = file->next;
        release_ops(file);
        pack_state_done(&file->state);
        free(file);
    }
    auto_packer(&packer);
}

struct packer *packer_free(struct packer *packer)
{
    if (packer) {
        assert(packer->stopped);
        uv_close((uv_handle_t *)&packer->timer, on_closed);
    }
    return NULL;
}

void packer_keep(struct packer *packer, const struct store_retention *retention)
{
    packer->retention = *retention;
    for (struct packed_file *file = packer->files; file; file = file->next)
        file->keep_anew = true;
}

int packer_add(struct packer *packer, struct file *file, uint64_t tenant, struct err *err)
{
    struct packed_file *packed = calloc(1, sizeof *packed);
    if (!packed)
        return err_set(err, -ENOMEM, "store: out of memory");
    packed->packer = packer;
    packed->file = file;
    packed->tenant = tenant;
    packed->next = packer->files;
    packer->files = packed;
    return 0;
}

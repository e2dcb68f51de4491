/* One round is in flight at most, and it owns everything it touches: copies of the ticks and their tables, the spool
 * itself. So a disk that hangs keeps one round, and the loop goes on without it. */
#include "agent/uplink/shelf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/work.h"

enum {
    ROUND_TICKS = 128,          /* records of a round */
    ROUND_BYTES = 128 << 10,    /* of them, but for the last */
    ROUND_BYTES_KEPT = 8 << 10, /* of its buffer, between rounds */
    ROUND_MARKS = 128,
    SYNC_LEAST_US = 100000,
};

struct put {
    uint64_t first;
    uint32_t n_ticks;
    struct table_hash hash;
    size_t at, len; /* in the round's bytes */
    size_t table_at, table_len;
};

struct mark {
    enum spool_kind kind;
    struct dropped what;
};

struct round {
    struct job job; /* first: its callbacks get the round back from it */
    struct shelf *shelf;
    struct spool_time now;
    struct put puts[ROUND_TICKS];
    size_t n_puts;
    uint8_t *bytes;
    size_t len, room;
    struct mark marks[ROUND_MARKS];
    size_t n_marks;
    bool pick;
    uint64_t before;
    struct table_hash known[SHELF_KNOWN_MAX];
    size_t n_known;
    bool tried; /* to write, not only to read */
    bool leave;
    bool close;

    int rc; /* of writing */
    struct err err;
    int pick_rc;
    struct err pick_err;
    struct spool_figures figures;
    uint64_t older;
    struct dropped dropped[SPOOL_DROPS_MAX];
    size_t n_dropped;
    struct spool_parcel *parcel;
};

struct shelf {
    uv_timer_t timer;
    struct worker *worker;
    struct spool *spool; /* the round's while one is in flight */
    struct spool_config config;
    bool opening;       /* it could not be opened... */
    int64_t opening_us; /* ...since then */
    char *directory;
    struct queue *queue;
    struct shelf_handlers handlers;
    const struct clock *clock;
    const struct log *log;
    struct round round;
    bool in_flight;
    int64_t started_us;             /* the round in flight */
    struct mark marks[ROUND_MARKS]; /* for the next round */
    size_t n_marks;
    struct spool_parcel *ready;
    bool want;
    struct table_hash known[SHELF_KNOWN_MAX];
    size_t n_known;
    struct spool_figures figures; /* of the last round */
    uint64_t older;
    uint64_t lost_before; /* by spools that were opened before this one */
    int64_t retry_us;     /* while failing: writes */
    int64_t read_us;      /* not before */
    bool failing, hanging;
    bool was_open;
    void (*on_left)(void *user);
    void *left_user;
    bool leaving;
    bool closing, closed;
};

/* ---- on the worker ---- */

static void apply_marks(struct spool *spool, const struct round *round)
{
    for (size_t i = 0; i < round->n_marks; i++) {
        const struct dropped *what = &round->marks[i].what;
        if (round->marks[i].kind == SPOOL_DONE)
            spool_done(spool, &what->run, what->first, what->last);
        else if (round->marks[i].kind == SPOOL_DROPPED)
            spool_dropped(spool, what);
        else
            spool_declared(spool, what);
    }
}

static int put_ticks(struct spool *spool, struct round *round)
{
    int rc = 0;
    for (size_t i = 0; i < round->n_puts && rc == 0; i++) {
        const struct put *put = &round->puts[i];
        struct spool_ticks ticks = {
            .first = put->first,
            .n_ticks = put->n_ticks,
            .mono_us = round->now.mono_us,
            .wall_us = round->now.wall_us,
            .batch = { round->bytes + put->at, put->len },
        };
        struct bytes table = { round->bytes + put->table_at, put->table_len };
        rc = spool_put(spool, &ticks, &put->hash, &table, &round->err);
    }
    return rc;
}

static void look(struct spool *spool, struct round *round)
{
    /* Also where writing fails: what is delivered makes room. */
    if (round->pick)
        round->pick_rc = spool_pick(spool, &round->now, round->before, round->known, round->n_known, &round->parcel,
                                    &round->pick_err);
    round->figures = spool_figures(spool);
    round->older = spool_waiting(spool, round->before);
    round->n_dropped = spool_take_dropped(spool, round->dropped);
}

/* What an earlier life left and cannot be read at the moment must not be given up for that: only after a while is the
 * spool opened without. Until then ticks wait in the queue. */
static int open_spool(struct shelf *shelf, struct round *round)
{
    int rc = spool_open(&shelf->spool, &shelf->config, &round->err);
    if (rc < 0 && !shelf->opening)
        shelf->opening_us = round->now.mono_us;
    shelf->opening = rc < 0;
    shelf->config.despite_errors = rc < 0 && round->now.mono_us - shelf->opening_us >= SPOOL_PATIENCE_US;
    return rc;
}

static void run_round(struct job *job)
{
    struct round *round = (struct round *)job;
    struct shelf *shelf = round->shelf;
    if (round->close) {
        shelf->spool = spool_close(shelf->spool);
        return;
    }
    if (!shelf->spool)
        round->rc = open_spool(shelf, round);
    if (!shelf->spool)
        return;
    apply_marks(shelf->spool, round);
    round->rc = put_ticks(shelf->spool, round);
    if (round->rc == 0)
        round->rc = spool_write(shelf->spool, &round->now, &round->err);
    if (round->rc == 0 && round->leave)
        round->rc = spool_sync(shelf->spool, &round->now, &round->err);
    look(shelf->spool, round);
    if (round->rc == -ESTALE)
        shelf->spool = spool_close(shelf->spool);
}

/* ---- a round's beginning ---- */

static uint8_t *room_for(struct round *round, size_t len)
{
    if (round->len + len > round->room) {
        uint8_t *more = realloc(round->bytes, round->len + len);
        if (!more)
            return NULL;
        round->bytes = more;
        round->room = round->len + len;
    }
    return round->bytes + round->len;
}

static bool add_table(struct round *round, struct put *put, const struct table *table)
{
    put->hash = table->series.hash;
    put->table_len = table->len;
    if (round->n_puts > 0 && memcmp(&put[-1].hash, &put->hash, sizeof put->hash) == 0) {
        put->table_at = put[-1].table_at;
        return true;
    }
    uint8_t *at = room_for(round, table->len);
    if (!at)
        return false;
    memcpy(at, table->bytes, table->len);
    put->table_at = round->len;
    round->len += table->len;
    return true;
}

static bool add_put(struct shelf *shelf, uint64_t *after)
{
    struct round *round = &shelf->round;
    if (round->n_puts == ROUND_TICKS || round->len >= ROUND_BYTES)
        return false;
    size_t size = queue_next_size(shelf->queue, *after);
    uint8_t *at = size > 0 ? room_for(round, size) : NULL;
    struct put *put = &round->puts[round->n_puts];
    const struct table *table;
    if (!at || queue_next(shelf->queue, *after, at, size, &put->len, &put->first, &put->n_ticks, &table) < 0)
        return false;
    put->at = round->len;
    round->len += put->len;
    if (!add_table(round, put, table))
        return false;
    *after = put->first + put->n_ticks - 1;
    round->n_puts++;
    return true;
}

static void fill_round(struct shelf *shelf, int64_t now_us)
{
    struct round *round = &shelf->round;
    round->now = (struct spool_time){ now_us, clock_wall_us(shelf->clock) };
    round->n_puts = round->len = 0;
    round->rc = round->pick_rc = 0;
    round->n_dropped = 0;
    round->parcel = NULL;
    round->older = 0;
    round->figures = (struct spool_figures){ .bytes = 0 };
    uint64_t after = shelf->figures.written;
    round->tried = !shelf->failing || now_us >= shelf->retry_us || shelf->leaving;
    if (round->tried)
        while (add_put(shelf, &after))
            ;
    memcpy(round->marks, shelf->marks, shelf->n_marks * sizeof *shelf->marks);
    round->n_marks = shelf->n_marks;
    shelf->n_marks = 0;
    round->before = queue_oldest(shelf->queue);
    round->pick = shelf->want && !shelf->ready && now_us >= shelf->read_us;
    memcpy(round->known, shelf->known, shelf->n_known * sizeof *shelf->known);
    round->n_known = shelf->n_known;
    round->leave = shelf->leaving;
}

static void note_hang(struct shelf *shelf, int64_t now_us)
{
    if (shelf->hanging || now_us - shelf->started_us < SHELF_HANGS_US)
        return;
    shelf->hanging = true;
    log_event(shelf->log, LOG_WARN, "spool_hangs", KV_TEXT("directory", shelf->directory));
}

void shelf_kick(struct shelf *shelf)
{
    int64_t now_us = clock_mono_us(shelf->clock);
    if (shelf->in_flight) {
        note_hang(shelf, now_us);
        return;
    }
    if (shelf->closing || (shelf->failing && !shelf->was_open && now_us < shelf->retry_us && !shelf->leaving))
        return;
    fill_round(shelf, now_us);
    shelf->in_flight = true;
    shelf->started_us = now_us;
    worker_submit(shelf->worker, &shelf->round.job);
}

/* ---- its end ---- */

static void note_well(struct shelf *shelf)
{
    if (shelf->failing || shelf->hanging)
        log_event(shelf->log, LOG_INFO, "spool_well", KV_TEXT("directory", shelf->directory));
    shelf->failing = shelf->hanging = false;
}

static void note_failure(struct shelf *shelf, const struct round *round)
{
    if (!shelf->failing)
        log_event(shelf->log, LOG_WARN, "spool_failing", KV_TEXT("error", round->err.text));
    shelf->failing = true;
    shelf->retry_us = clock_mono_us(shelf->clock) + SHELF_RETRY_US;
}

static void note_pick(struct shelf *shelf, const struct round *round)
{
    if (round->pick_rc >= 0)
        return;
    log_event(shelf->log, LOG_WARN, "spool_not_read", KV_TEXT("error", round->pick_err.text));
    shelf->read_us = clock_mono_us(shelf->clock) + SHELF_RETRY_US;
}

static void say_opened(const struct shelf *shelf, const struct spool_figures *figures)
{
    log_event(shelf->log, LOG_INFO, "spool_opened", KV_TEXT("directory", shelf->directory),
              KV_COUNT("ticks", figures->waiting), KV_COUNT("bytes", figures->bytes));
    if (figures->strange > 0 || figures->unopened > 0)
        log_event(shelf->log, LOG_WARN, "spool_strange", KV_TEXT("directory", shelf->directory),
                  KV_COUNT("segments", figures->strange), KV_COUNT("of_another_host", figures->foreign),
                  KV_COUNT("unopened", figures->unopened));
    if (figures->broken > 0)
        log_event(shelf->log, LOG_WARN, "spool_broken", KV_TEXT("directory", shelf->directory),
                  KV_COUNT("bytes", figures->broken));
}

static void say_gave_way(const struct shelf *shelf, const struct spool_figures *now)
{
    const struct spool_figures *was = &shelf->figures;
    if (now->gave_way > was->gave_way)
        log_event(shelf->log, LOG_WARN, "spool_gave_way", KV_COUNT("ticks", now->gave_way - was->gave_way),
                  KV_COUNT("bytes", now->bytes));
    if (now->unreadable > was->unreadable)
        log_event(shelf->log, LOG_WARN, "spool_unreadable", KV_COUNT("ticks", now->unreadable - was->unreadable));
}

/* What the disk has the queue need not keep. Returns how many ticks it let go of. */
static uint64_t let_go_of(struct shelf *shelf, uint64_t written)
{
    struct queue_counts before = queue_counts(shelf->queue);
    queue_spooled(shelf->queue, written);
    struct queue_counts after = queue_counts(shelf->queue);
    return before.ticks - after.ticks - (after.dropped - before.dropped);
}

/* Returns whether the spool was opened in it. */
static bool take_figures(struct shelf *shelf, const struct round *round)
{
    bool opened = shelf->spool && !shelf->was_open;
    if (opened)
        say_opened(shelf, &round->figures);
    say_gave_way(shelf, &round->figures);
    if (!shelf->spool && shelf->was_open)
        shelf->lost_before += round->figures.gave_way;
    shelf->was_open = shelf->spool != NULL;
    shelf->figures = shelf->spool ? round->figures : (struct spool_figures){ .bytes = 0 };
    uint64_t let_go = let_go_of(shelf, shelf->figures.written);
    shelf->older = shelf->spool ? round->older + let_go : 0;
    return opened;
}

static void shrink(struct round *round)
{
    if (round->room > ROUND_BYTES_KEPT) {
        free(TAKE(round->bytes));
        round->room = 0;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct shelf *shelf = timer->data;
    if (shelf->older > 0 || queue_counts(shelf->queue).ticks > 0) /* else all was delivered meanwhile */
        shelf_kick(shelf);
}

/* What is not delivered by then wants to be synced. */
static void arm(struct shelf *shelf)
{
    if (shelf->figures.unsynced_us == 0) {
        uv_timer_stop(&shelf->timer);
        return;
    }
    int64_t due_us = shelf->failing ? shelf->retry_us : shelf->figures.unsynced_us + SPOOL_SYNC_US;
    int64_t wait_us = due_us - clock_mono_us(shelf->clock);
    wait_us = wait_us > SYNC_LEAST_US ? wait_us : SYNC_LEAST_US;
    uv_timer_start(&shelf->timer, on_timer, (uint64_t)(wait_us / US_PER_MS) + 1, 0);
}

/* Something is left that the next tick need not be waited for with. */
static bool has_more(const struct shelf *shelf)
{
    if (!shelf->was_open)
        return false;
    bool wanted = shelf->want && !shelf->ready && shelf->older > 0 && clock_mono_us(shelf->clock) >= shelf->read_us;
    return wanted || (!shelf->failing && queue_next_size(shelf->queue, shelf->figures.written) > 0);
}

static void finish_leaving(struct shelf *shelf)
{
    void (*done)(void *user) = TAKE(shelf->on_left);
    shelf->leaving = false;
    if (done)
        done(shelf->left_user);
}

static void submit_close(struct shelf *shelf)
{
    shelf->closed = true;
    shelf->round.close = true;
    worker_submit(shelf->worker, &shelf->round.job);
}

static void on_round(struct job *job)
{
    struct round *round = (struct round *)job;
    struct shelf *shelf = round->shelf;
    shrink(round);
    shelf->in_flight = false;
    if (shelf->closing) {
        spool_parcel_free(TAKE(round->parcel));
        if (!shelf->closed)
            submit_close(shelf);
        return;
    }
    if (round->tried && round->rc < 0)
        note_failure(shelf, round);
    else if (round->tried)
        note_well(shelf);
    note_pick(shelf, round);
    bool opened = take_figures(shelf, round);
    for (size_t i = 0; i < round->n_dropped; i++)
        shelf->handlers.on_dropped(shelf->handlers.user, &round->dropped[i]);
    shelf->ready = shelf->ready ? shelf->ready : TAKE(round->parcel);
    arm(shelf);
    bool left = round->leave;
    shelf->handlers.on_round(shelf->handlers.user, opened);
    if (left)
        finish_leaving(shelf);
    else if (has_more(shelf) || shelf->leaving)
        shelf_kick(shelf);
}

/* ---- the contract ---- */

static struct mark *next_mark(struct shelf *shelf, enum spool_kind kind, const struct run_id *run, uint64_t first,
                              uint64_t last)
{
    struct mark *mark = shelf->n_marks > 0 ? &shelf->marks[shelf->n_marks - 1] : NULL;
    if (mark && kind == SPOOL_DONE && mark->kind == kind && memcmp(&mark->what.run, run, sizeof *run) == 0 &&
        first <= mark->what.last + 1 && last + 1 >= mark->what.first) {
        mark->what.first = first < mark->what.first ? first : mark->what.first;
        mark->what.last = last > mark->what.last ? last : mark->what.last;
        return NULL;
    }
    /* While no round comes through: what is not marked is delivered twice at worst. */
    return shelf->n_marks < ROUND_MARKS ? &shelf->marks[shelf->n_marks++] : NULL;
}

static void add_mark(struct shelf *shelf, enum spool_kind kind, const struct dropped *what)
{
    struct mark *mark = next_mark(shelf, kind, &what->run, what->first, what->last);
    if (mark)
        *mark = (struct mark){ kind, *what };
}

void shelf_done(struct shelf *shelf, const struct run_id *run, uint64_t first, uint64_t last)
{
    first = first > 0 ? first : 1;
    if (first > last) /* the collector's word */
        return;
    struct dropped what = { .run = *run, .first = first, .last = last };
    add_mark(shelf, SPOOL_DONE, &what);
}

void shelf_dropped(struct shelf *shelf, const struct dropped *dropped)
{
    add_mark(shelf, SPOOL_DROPPED, dropped);
}

void shelf_declared(struct shelf *shelf, const struct dropped *dropped)
{
    add_mark(shelf, SPOOL_DECLARED, dropped);
}

void shelf_want(struct shelf *shelf, const struct table_hash *known, size_t n_known)
{
    assert(n_known <= SHELF_KNOWN_MAX);
    if (shelf->ready || (shelf->want && shelf->in_flight))
        return;
    memcpy(shelf->known, known, n_known * sizeof *known);
    shelf->n_known = n_known;
    shelf->want = true;
    shelf_kick(shelf);
}

bool shelf_has_parcel(const struct shelf *shelf)
{
    return shelf->ready;
}

struct spool_parcel *shelf_take_parcel(struct shelf *shelf)
{
    shelf->want = false;
    return TAKE(shelf->ready);
}

void shelf_give_back(struct shelf *shelf, struct spool_parcel *parcel)
{
    if (shelf->ready)
        spool_parcel_free(parcel);
    else
        shelf->ready = parcel;
}

struct shelf_figures shelf_figures(const struct shelf *shelf)
{
    bool hangs = shelf->in_flight && clock_mono_us(shelf->clock) - shelf->started_us >= SHELF_HANGS_US;
    return (struct shelf_figures){
        .older = shelf->older,
        .lost = shelf->lost_before + shelf->figures.gave_way,
        .bytes = shelf->figures.bytes,
        .readable = shelf->was_open && !hangs && clock_mono_us(shelf->clock) >= shelf->read_us,
    };
}

void shelf_leave(struct shelf *shelf, void (*done)(void *user), void *user)
{
    shelf->on_left = done;
    shelf->left_user = user;
    shelf->leaving = true;
    shelf_kick(shelf);
}

static void shelf_free(struct shelf *shelf)
{
    free(shelf->round.bytes);
    free(shelf->directory);
    free(shelf);
}

int shelf_open(struct shelf **ret_shelf, uv_loop_t *loop, const struct spool_config *config, struct queue *queue,
               struct shelf_handlers handlers, const struct clock *clock, const struct log *log, struct err *err)
{
    assert(ret_shelf && loop && config && queue && handlers.on_round && handlers.on_dropped && clock);
    struct shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf)
        return err_set(err, -ENOMEM, "uplink: out of memory for the spool");
    shelf->directory = strdup(config->directory);
    shelf->config = *config;
    shelf->config.directory = shelf->directory;
    shelf->queue = queue;
    shelf->handlers = handlers;
    shelf->clock = clock;
    shelf->log = log;
    shelf->round.job = (struct job){ .run = run_round, .done = on_round };
    shelf->round.shelf = shelf;
    int rc = shelf->directory ? worker_open(&shelf->worker, loop, "spool", err)
                              : err_set(err, -ENOMEM, "uplink: out of memory for the spool");
    if (rc < 0) {
        shelf_free(shelf);
        return rc;
    }
    uv_timer_init(loop, &shelf->timer); /* never fails */
    shelf->timer.data = shelf;
    *ret_shelf = shelf;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    shelf_free(handle->data);
}

struct shelf *shelf_close(struct shelf *shelf)
{
    if (!shelf)
        return NULL;
    shelf->closing = true;
    if (!shelf->in_flight)
        submit_close(shelf);
    /* What a round that hangs touches stays as it is until the process ends. */
    bool closed = worker_close_within(shelf->worker, SHELF_CLOSE_MS);
    shelf->ready = spool_parcel_free(shelf->ready);
    uv_close((uv_handle_t *)&shelf->timer, closed ? on_closed : NULL);
    return NULL;
}

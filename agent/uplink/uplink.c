/* The glue: the queue holds the ticks, the session decides what is said next, the link carries it, one timer wakes the
 * session when it wants to be asked again. uplink_pump() is the only place that asks anything; every event ends there.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/uplink/parts.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

/* ---- what we say ---- */

static int say_hello(struct uplink *uplink, struct err *err)
{
    const struct hello hello = {
        .host = uplink->host,
        .run = uplink->run,
        .mono_us = clock_mono_us(uplink->clock),
        .wall_us = clock_wall_us(uplink->clock),
        .version = WARROOM_VERSION,
        .hostname = uplink->hostname,
        .system = uplink->system,
    };
    session_asked(&uplink->session, SESSION_HELLO, hello.mono_us);
    int rc = secure_hello(&uplink->secure, &hello, &uplink->sent, err);
    return rc < 0 ? rc : link_client_ask(uplink->link, uplink->sent.bytes, uplink->sent.len, err);
}

/* ---- what goes next ---- */

static bool is_known(const struct uplink *uplink, const struct table_hash *hash)
{
    for (size_t i = 0; i < uplink->n_known; i++)
        if (memcmp(&uplink->known[i], hash, sizeof *hash) == 0)
            return true;
    return false;
}

/* Ticks on disk that are older than what the queue holds, and a disk that gives them back. */
static bool has_older(const struct uplink *uplink)
{
    if (!uplink->shelf)
        return false;
    struct shelf_figures shelf = shelf_figures(uplink->shelf);
    return shelf.readable && shelf.older > 0;
}

static bool has_backlog(const struct uplink *uplink)
{
    if (uplink->shelf && shelf_has_parcel(uplink->shelf))
        return true;
    return queue_has_any(uplink->queue) && !has_older(uplink);
}

static void fetch_older(struct uplink *uplink)
{
    if (uplink->session.state == SESSION_REPORTING && !uplink->late && has_older(uplink))
        shelf_want(uplink->shelf, uplink->known, uplink->n_known);
}

static int pick(struct uplink *uplink, enum session_step step, struct err *err)
{
    if (step == SESSION_AGAIN && uplink->late)
        return 0;
    if (step == SESSION_BACKLOG && uplink->shelf && shelf_has_parcel(uplink->shelf)) {
        uplink->late = shelf_take_parcel(uplink->shelf);
        return 0;
    }
    switch (step) {
    case SESSION_AGAIN:
        return queue_pick_again(uplink->queue, &uplink->parcel, err);
    case SESSION_LIVE:
        return queue_pick_live(uplink->queue, &uplink->parcel, err);
    default:
        return queue_pick_oldest(uplink->queue, &uplink->parcel, err);
    }
}

static void load_queued(const struct uplink *uplink, struct report *report)
{
    const struct parcel *parcel = &uplink->parcel;
    report->batch_bytes = (struct bytes){ parcel->bytes, parcel->len };
    report->highest = uplink->highest;
    report->has_table = !parcel->table->known;
    report->table_bytes = (struct bytes){ parcel->table->bytes, parcel->table->len };
}

static void load_late(const struct uplink *uplink, struct report *report)
{
    const struct spool_parcel *late = uplink->late;
    report->batch_bytes = (struct bytes){ late->bytes, late->len };
    report->highest = late->own ? uplink->highest : late->highest;
    report->same_boot = late->same_boot;
    report->has_table = !is_known(uplink, &late->hash);
    report->table_bytes = late->table;
}

/* Every way of saying something again seals it again: what was sealed once is never sent twice. */
static int report(struct uplink *uplink, enum session_step step, struct err *err)
{
    if (secure_is_over(&uplink->secure)) {
        uplink_take_back(uplink);
        session_renew(&uplink->session);
        return 0;
    }
    int rc = pick(uplink, step, err);
    if (rc < 0)
        return rc;
    struct session *session = &uplink->session;
    if (!uplink->late && uplink->parcel.n_ticks == 0) { /* what was to be sent again gave way meanwhile */
        session->in_flight = false;
        return 0;
    }
    int64_t now_us = clock_mono_us(uplink->clock);
    session_asked(session, step, now_us);
    struct request request = {
        .kind = REQUEST_REPORT,
        .report = {
            .policy_revision = uplink->policy.revision,
            .interval_us = uplink->policy.interval_us,
            .sent_us = session->sent_us,
            .answered_us = session->answered_us,
        },
    };
    if (uplink->late)
        load_late(uplink, &request.report);
    else
        load_queued(uplink, &request.report);
    uplink->had_table = request.report.has_table;
    declare_carry(&uplink->declare, &request.report);
    rc = secure_seal(&uplink->secure, &request, &uplink->sent, err);
    assert(rc <= 0); /* the session has counters left: we looked */
    return rc < 0 ? rc : link_client_ask(uplink->link, uplink->sent.bytes, uplink->sent.len, err);
}

void uplink_take_back(struct uplink *uplink)
{
    declare_back(&uplink->declare);
    if (uplink->late)
        shelf_give_back(uplink->shelf, TAKE(uplink->late));
    if (uplink->parcel.n_ticks > 0)
        queue_rewind(uplink->queue, uplink->parcel.first);
    parcel_done(&uplink->tables, &uplink->parcel);
}

static void redial(struct uplink *uplink)
{
    log_event(uplink->log, LOG_WARN, "uplink_silent", KV_TEXT("collector", link_client_address(uplink->link)),
              KV_INT("unanswered", SESSION_MISSES));
    uplink_take_back(uplink);
    uplink->unwelcome = 0;
    link_client_move_on(uplink->link);
}

void uplink_unwelcome(struct uplink *uplink)
{
    if (++uplink->unwelcome < SESSION_MISSES || uplink->n_addresses < 2)
        return;
    uplink->unwelcome = 0;
    link_client_move_on(uplink->link);
}

static void take_step(struct uplink *uplink, enum session_step step)
{
    struct err err;
    int rc = 0;
    if (step == SESSION_REDIAL)
        redial(uplink);
    else
        rc = step == SESSION_HELLO ? say_hello(uplink, &err) : report(uplink, step, &err);
    if (rc < 0) {
        /* Out of memory, in the end: the request counts as made and unanswered, and is made again in its time. */
        log_event(uplink->log, LOG_ERROR, "uplink_cannot_send", KV_TEXT("error", err.text));
        if (!uplink->session.in_flight)
            session_asked(&uplink->session, SESSION_HELLO, clock_mono_us(uplink->clock));
    }
}

static void on_timer(uv_timer_t *timer)
{
    uplink_pump(timer->data);
}

static void arm(struct uplink *uplink, int64_t wake_us, int64_t now_us)
{
    if (wake_us == SESSION_NEVER) {
        uv_timer_stop(&uplink->timer);
        return;
    }
    int64_t wait_ms = (wake_us - now_us + US_PER_MS - 1) / US_PER_MS;
    uv_timer_start(&uplink->timer, on_timer, (uint64_t)wait_ms, 0);
}

static void on_spooled(void *user);

/* `done` comes from the loop: it may close us, and must not from within the link's own call. */
static void on_drain_timer(uv_timer_t *timer)
{
    struct uplink *uplink = timer->data;
    if (uplink->shelf && !uplink->leaving) {
        uplink->leaving = true;
        uv_timer_start(timer, on_drain_timer, UPLINK_LEAVE_US / US_PER_MS, 0);
        shelf_leave(uplink->shelf, on_spooled, uplink);
        return;
    }
    void (*done)(void *user) = TAKE(uplink->on_drained);
    if (done)
        done(uplink->drain_user);
}

static void on_spooled(void *user)
{
    struct uplink *uplink = user;
    uv_timer_start(&uplink->drain_timer, on_drain_timer, 0, 0);
}

static void check_drained(struct uplink *uplink)
{
    if (uplink->on_drained && !uplink->leaving && !queue_has_any(uplink->queue))
        uv_timer_start(&uplink->drain_timer, on_drain_timer, 0, 0);
}

/* Not entered twice: link_client_move_on() may call on_down from within. */
void uplink_pump(struct uplink *uplink)
{
    if (uplink->pumping)
        return;
    uplink->pumping = true;
    fetch_older(uplink);
    for (;;) {
        int64_t now_us = clock_mono_us(uplink->clock);
        int64_t wake_us;
        enum session_step step = session_next(&uplink->session, now_us, queue_has_live(uplink->queue),
                                              has_backlog(uplink), uplink->on_drained != NULL, &wake_us);
        if (step == SESSION_WAIT) {
            arm(uplink, wake_us, now_us);
            break;
        }
        take_step(uplink, step);
    }
    uplink->pumping = false;
    check_drained(uplink);
}

/* ---- what will never come, and what is on disk ---- */

void uplink_drop(struct uplink *uplink, const struct run_id *run, uint64_t first, uint64_t last, enum drop_cause cause)
{
    struct dropped dropped = { .run = *run, .first = first, .last = last, .cause = cause };
    declare_add(&uplink->declare, &dropped);
    if (uplink->shelf)
        shelf_dropped(uplink->shelf, &dropped);
}

static void on_lost(void *user, uint64_t first, uint64_t last)
{
    struct uplink *uplink = user;
    uplink_drop(uplink, &uplink->run, first, last, DROP_OVERFLOW);
}

static void on_dropped(void *user, const struct dropped *dropped)
{
    struct uplink *uplink = user;
    declare_add(&uplink->declare, dropped);
}

void uplink_scatter(struct uplink *uplink)
{
    if (uplink_counts(uplink).queued > QUEUE_TICKS)
        session_scatter_backlog(&uplink->session, clock_mono_us(uplink->clock), UPLINK_SCATTER_US);
}

static void on_round(void *user, bool opened)
{
    struct uplink *uplink = user;
    if (opened && uplink->session.state == SESSION_REPORTING)
        uplink_scatter(uplink);
    uplink_pump(uplink);
}

/* ---- the contract ---- */

static void uplink_free(struct uplink *uplink)
{
    if (!uplink)
        return;
    queue_free(uplink->queue);
    spool_parcel_free(uplink->late);
    parcel_done(&uplink->tables, &uplink->parcel);
    tables_done(&uplink->tables);
    secure_done(&uplink->secure);
    free(uplink->hostname);
    free(uplink->system);
    free(uplink);
}

static void auto_uplink(struct uplink **uplink)
{
    uplink_free(*uplink);
}

static int draw_run(struct run_id *run)
{
    ssize_t got = getrandom(run->bytes, sizeof run->bytes, 0);
    return got == (ssize_t)sizeof run->bytes ? 0 : -errno;
}

static int prepare(struct uplink *uplink, const struct uplink_config *config, struct err *err)
{
    uplink->hostname = strdup(config->hostname);
    uplink->system = strdup(config->system);
    if (!uplink->hostname || !uplink->system)
        return err_set(err, -ENOMEM, "uplink: out of memory");
    secure_init(&uplink->secure, config->own, &config->collector);
    uplink->n_addresses = config->n_addresses;
    uplink->host = config->host;
    uplink->queue_bytes = config->queue_bytes;
    uplink->policy.interval_us = config->interval_us;
    int rc = draw_run(&uplink->run);
    if (rc < 0)
        return err_sys(err, rc, "uplink: no random bits for the run");
    uint64_t seed;
    memcpy(&seed, uplink->run.bytes, sizeof seed);
    session_init(&uplink->session, seed);
    return queue_new(&uplink->queue, &uplink->tables, config->queue_bytes, &uplink->run, on_lost, uplink, err);
}

static int open_shelf(struct uplink *uplink, const struct uplink_config *config, struct err *err)
{
    struct spool_config spool = {
        .directory = config->spool,
        .size_bytes = config->spool_bytes,
        .age_us = config->spool_age_us,
        .host = config->host,
        .boot = config->boot,
        .run = uplink->run,
    };
    struct shelf_handlers handlers = { on_round, on_dropped, uplink };
    int rc = shelf_open(&uplink->shelf, uplink->loop, &spool, uplink->queue, handlers, uplink->clock, uplink->log, err);
    if (rc == 0)
        shelf_kick(uplink->shelf);
    return rc;
}

int uplink_open(struct uplink **ret_uplink, uv_loop_t *loop, const struct uplink_config *config,
                void (*on_interval)(void *user, int64_t interval_us), void *user, const struct clock *clock,
                const struct log *log, struct err *err)
{
    assert(ret_uplink && loop && config && config->own && on_interval && clock);
    AUTO(auto_uplink) struct uplink *uplink = calloc(1, sizeof *uplink);
    if (!uplink)
        return err_set(err, -ENOMEM, "uplink: out of memory");
    uplink->loop = loop;
    uplink->clock = clock;
    uplink->log = log;
    uplink->on_interval = on_interval;
    uplink->user = user;
    int rc = prepare(uplink, config, err);
    if (rc < 0)
        return rc;
    struct link_client_handlers handlers = { uplink_hear_up, uplink_hear_down, uplink_hear_answer, uplink };
    rc = link_client_open(&uplink->link, loop, config->addresses, config->n_addresses, handlers, err);
    if (rc < 0)
        return rc;
    rc = config->spool ? open_shelf(uplink, config, err) : 0;
    if (rc < 0) {
        link_client_close(uplink->link);
        return rc;
    }
    uv_timer_init(loop, &uplink->timer); /* never fails */
    uv_timer_init(loop, &uplink->drain_timer);
    uplink->timer.data = uplink->drain_timer.data = uplink;
    uplink->handles = 2;
    *ret_uplink = TAKE(uplink);
    return 0;
}

static void note_overflow(struct uplink *uplink, uint64_t dropped_before)
{
    struct queue_counts queue = queue_counts(uplink->queue);
    if (queue.dropped == dropped_before || uplink->overflowing)
        return;
    uplink->overflowing = true;
    uplink->overflowed_from = dropped_before;
    log_event(uplink->log, LOG_WARN, "queue_overflow", KV_COUNT("ticks_held", queue.ticks),
              KV_COUNT("bytes", queue.bytes));
}

/* Said when it begins and when it is over: a host with too many devices has too many every second. */
static void note_left_out(struct uplink *uplink, const struct table *table, const struct readings *readings)
{
    size_t n = readings->dropped + (table->n_rows - table->series.n);
    if (n > 0 && !uplink->leaving_out)
        log_event(uplink->log, LOG_WARN, "series_left_out", KV_COUNT("series", n), KV_COUNT("kept", table->series.n));
    if (n == 0 && uplink->leaving_out)
        log_event(uplink->log, LOG_INFO, "series_left_out_over", KV_COUNT("kept", table->series.n));
    uplink->leaving_out = n > 0;
}

void uplink_push(struct uplink *uplink, const struct readings *readings, int64_t mono_us, int64_t wall_us)
{
    struct err err;
    struct table *table;
    uint64_t dropped_before = queue_counts(uplink->queue).dropped;
    uplink->highest++; /* a tick that cannot be queued leaves a gap in the numbers, as a dropped one does */
    int rc = tables_take(&uplink->tables, readings, &table, &err);
    if (rc == 0) {
        note_left_out(uplink, table, readings);
        rc = queue_push(uplink->queue, table, readings, uplink->highest, mono_us, wall_us, &err);
        tables_drop(&uplink->tables, table);
    }
    if (rc < 0) {
        uplink->counts.dropped++;
        uplink_drop(uplink, &uplink->run, uplink->highest, uplink->highest, DROP_OTHER);
        log_event(uplink->log, LOG_ERROR, "tick_lost", KV_TEXT("error", err.text));
    }
    note_overflow(uplink, dropped_before);
    uplink_pump(uplink); /* the network first: the disk may take its time */
    if (uplink->shelf)
        shelf_kick(uplink->shelf);
}

void uplink_drain(struct uplink *uplink, int64_t within_us, void (*done)(void *user), void *user)
{
    uplink->on_drained = done;
    uplink->drain_user = user;
    uv_timer_start(&uplink->drain_timer, on_drain_timer, (uint64_t)(within_us / US_PER_MS), 0);
    uplink_pump(uplink);
}

unsigned uplink_exercise(const struct uplink *uplink)
{
    return uplink->policy.exercise;
}

struct uplink_counts uplink_counts(const struct uplink *uplink)
{
    struct uplink_counts counts = uplink->counts;
    struct queue_counts queue = queue_counts(uplink->queue);
    counts.dropped += queue.dropped;
    counts.queued = queue.ticks;
    if (uplink->shelf) {
        struct shelf_figures shelf = shelf_figures(uplink->shelf);
        counts.dropped += shelf.lost;
        counts.queued += shelf.older;
        counts.spooled = shelf.older + queue.spooled;
    }
    return counts;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct uplink *uplink = handle->data;
    if (--uplink->handles == 0)
        uplink_free(uplink);
}

struct uplink *uplink_close(struct uplink *uplink)
{
    if (!uplink)
        return NULL;
    uplink->on_drained = NULL;
    secure_done(&uplink->secure); /* at once: the memory goes only when the loop has run */
    uplink->shelf = shelf_close(uplink->shelf);
    uplink->link = link_client_close(uplink->link);
    uv_close((uv_handle_t *)&uplink->timer, on_handle_closed);
    uv_close((uv_handle_t *)&uplink->drain_timer, on_handle_closed);
    return NULL;
}

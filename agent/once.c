#include "agent/once.h"

#include <assert.h>
#include <errno.h>

#include "agent/self.h"
#include "base/auto.h"

struct once {
    uv_loop_t loop;
    uv_timer_t timer;
    const struct clock *clock;
    struct reader *reader;
    struct prober *prober;
    struct self self;
    struct readings readings;
    bool interval_over;
};

static void auto_reader(struct reader **reader)
{
    *reader = reader_close(*reader);
}

static void take(struct once *once)
{
    const struct uplink_counts nothing = { .queued = 0 };
    readings_clear(&once->readings);
    reader_take(once->reader, &once->readings);
    self_take(&once->self, &nothing, EXERCISE_NONE, clock_mono_us(once->clock), &once->readings);
}

static void on_interval(uv_timer_t *timer)
{
    struct once *once = timer->data;
    take(once);
    once->interval_over = true;
}

/* Runs until both the interval and the first burst of every probe are over, and the loop is empty again. */
static void run(struct once *once)
{
    while (!once->interval_over || !prober_ready(once->prober))
        uv_run(&once->loop, UV_RUN_ONCE);
    prober_take(once->prober, &once->readings);
    once->prober = prober_close(once->prober);
    uv_close((uv_handle_t *)&once->timer, NULL);
    uv_run(&once->loop, UV_RUN_DEFAULT);
}

static int open_prober(struct once *once, const struct settings *settings, const struct log *log, struct err *err)
{
    struct probe_target targets[PROBE_TARGETS_MAX];
    size_t n = settings_targets(settings, targets);
    return prober_open(&once->prober, &once->loop, targets, n, once->clock, log, err);
}

static int read_twice(struct once *once, const struct settings *settings, const struct log *log, struct err *err)
{
    int rc = uv_loop_init(&once->loop);
    if (rc < 0)
        return err_sys(err, rc, "agent: no event loop");
    take(once); /* so that the next one has something to be compared with */
    rc = open_prober(once, settings, log, err);
    if (rc == 0) {
        uv_timer_init(&once->loop, &once->timer); /* never fails */
        once->timer.data = once;
        uv_timer_start(&once->timer, on_interval, ONCE_INTERVAL_US / US_PER_MS, 0);
        run(once);
    }
    rc = uv_loop_close(&once->loop) == 0 ? rc : -EBUSY;
    assert(rc != -EBUSY); /* a handle was left open */
    return rc;
}

static int finish(FILE *out, struct err *err)
{
    if (fflush(out) != 0 || ferror(out))
        return err_set(err, -EIO, "agent: cannot write the output");
    return 0;
}

static void once_done(struct once *once)
{
    once->reader = reader_close(once->reader);
    self_done(&once->self);
    readings_done(&once->readings);
}

int once_readings(FILE *out, const struct settings *settings, enum print_format format, const struct clock *clock,
                  const struct log *log, struct err *err)
{
    static const struct once zeros; /* too large for a literal on the stack to be worth it */
    AUTO(once_done) struct once once = zeros;
    const struct roots roots = { settings->procfs, settings->sysfs, settings->rootfs };
    once.clock = clock;
    self_init(&once.self);
    int rc = reader_open(&once.reader, &roots, clock, log, err);
    if (rc == 0)
        rc = read_twice(&once, settings, log, err);
    if (rc < 0)
        return rc;
    print_readings(out, &once.readings, format, (struct print_about){ clock_wall_us(clock), ONCE_INTERVAL_US });
    return finish(out, err);
}

int once_raw(FILE *out, const struct settings *settings, const struct clock *clock, const struct log *log,
             struct err *err)
{
    AUTO(auto_reader) struct reader *reader = NULL;
    const struct roots roots = { settings->procfs, settings->sysfs, settings->rootfs };
    int rc = reader_open(&reader, &roots, clock, log, err);
    if (rc < 0)
        return rc;
    reader_raw(reader, print_raw, out);
    return finish(out, err);
}

/* warroom-swarm: many agents in one process, to see what a collector's work costs.
 *
 * Three phases on one loop. Joining: a limited number at a time connects, joins by its tenant's invitation and sends
 * a first report with its table. Warming: batches fall due at an even rate, in turn over the members. Measuring:
 * the same, counted. The rate is of batches due, whether or not the collector keeps up; a batch that had to wait
 * for the one before it is counted from when it was due, so that a slow collector cannot hide by slowing the load
 * down. Prints one JSON object.
 *
 * With --returns it goes on: it waits until the collector goes away, lets members come back to it as agents do while
 * their ticks fall due all the same, and when all that fell due is stored prints a second object. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/scan.h"
#include "proto/codec/codec.h"
#include "proto/link/address.h"
#include "tests/bench/arguments.h"
#include "tests/bench/enrol.h"
#include "tests/bench/member.h"

enum { JOINING_AT_ONCE = 256, SHAPE_ARENA_BYTES = 1 << 20, MEMBERS_MAX = 20000, PATIENCE_S = 300 };

struct options {
    const char *connect, *control;
    unsigned pid, members, tenants, columns, rate, warm_s, seconds, backlog_ms;
    bool returns;
};

enum phase { JOINING, WARMING, MEASURING, WAITING, AWAY, RETURNING, ENDING };

struct swarm {
    const struct options *options;
    uv_loop_t loop;
    uv_timer_t pace;
    struct sample_shape shape;
    struct arena arena;
    struct crew crew;
    struct member *members;
    struct invite *invites; /* one a tenant */
    unsigned started;
    enum phase phase;
    int64_t phase_ns; /* when it began */
    int64_t due_ns;   /* of the next batch */
    uint64_t turn;    /* whose it is */
    uint64_t offered;
    double cpu_s; /* the collector's when measuring began */
    double away_s, returned_s, settled_s;
    bool done;
    bool measured;
    json_t *result;
};

/* ---- the collector's process ---- */

/* Processor time of all its threads, gone ones too. */
static double process_cpu_s(unsigned pid)
{
    clockid_t id;
    struct timespec at;
    if (clock_getcpuclockid((pid_t)pid, &id) != 0 || clock_gettime(id, &at) < 0)
        return 0;
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static uint64_t process_rss_bytes(unsigned pid)
{
    char text[128];
    uint64_t all, resident;
    snprintf(text, sizeof text, "/proc/%u/statm", pid);
    AUTO(auto_close) int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (len < 0)
        return 0;
    struct scan scan = scan_over(text, (size_t)len);
    bool good = scan_u64(&scan, &all);
    scan_blanks(&scan);
    return good && scan_u64(&scan, &resident) ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* ---- the result ---- */

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static json_t *latency_json(const struct latency *latency)
{
    return json_pack("{s:f, s:f, s:f}", "p50", ms(latency_percentile(latency, 50)), "p99",
                     ms(latency_percentile(latency, 99)), "max", ms(latency->longest_ns));
}

static void sum_up(struct swarm *swarm, int64_t now_ns)
{
    const struct options *options = swarm->options;
    const struct tally *tally = &swarm->crew.tally;
    double seconds = (double)(now_ns - swarm->phase_ns) / NS_PER_S;
    double cpu_s = process_cpu_s(options->pid) - swarm->cpu_s;
    uint64_t samples = tally->stored * options->columns;
    double offered = (double)swarm->offered / seconds;
    double served = (double)tally->stored / seconds;
    swarm->result = json_pack(
        "{s:i, s:i, s:i, s:f, s:f, s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:f, s:f}", /* */
        "connections", (int)options->members, "tenants", (int)options->tenants, "columns", (int)options->columns,
        "seconds", seconds, "offered_batches_per_s", offered, "served_batches_per_s", served, "kept_up",
        served >= offered * 0.99, "stored", (json_int_t)tally->stored, "busy", (json_int_t)tally->busy, "refused",
        (json_int_t)tally->refused, "failed", (json_int_t)tally->failed, "samples", (json_int_t)samples, "ack_ms",
        latency_json(&tally->from_sent), "due_to_ack_ms", latency_json(&tally->from_due), "sp_bytes_per_sample",
        samples ? (double)(swarm->crew.home.bytes_in + swarm->crew.home.bytes_out) / (double)samples : 0, "swarm_cpu_s",
        process_cpu_s((unsigned)getpid()));
    if (!swarm->result || options->pid == 0)
        return;
    json_object_set_new(swarm->result, "collector_cpu_s", json_real(cpu_s));
    json_object_set_new(swarm->result, "collector_cpu_share_of_a_core", json_real(cpu_s / seconds));
    json_object_set_new(swarm->result, "cpu_s_per_million_samples",
                        json_real(samples ? cpu_s / ((double)samples / 1e6) : 0));
    json_object_set_new(swarm->result, "collector_rss_kib",
                        json_integer((json_int_t)(process_rss_bytes(options->pid) / 1024)));
}

static void print_result(struct swarm *swarm)
{
    json_dumpf(swarm->result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(swarm->result);
    swarm->result = NULL;
    swarm->measured = true;
}

static void sum_up_return(struct swarm *swarm)
{
    const struct options *options = swarm->options;
    const struct tally *tally = &swarm->crew.tally;
    uint64_t ticks = 0;
    for (unsigned i = 0; i < options->members; i++)
        ticks += swarm->members[i].n;
    swarm->result =
        json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "away_s", swarm->away_s, "all_present_s",
                  swarm->returned_s, "all_stored_s", swarm->settled_s, "late_ticks", (json_int_t)tally->late, "batches",
                  (json_int_t)tally->stored, "busy", (json_int_t)tally->busy, "refused", (json_int_t)tally->refused,
                  "failed", (json_int_t)tally->failed, "ticks", (json_int_t)ticks, "live_ack_ms",
                  latency_json(&tally->from_sent), "live_due_to_ack_ms", latency_json(&tally->from_due));
}

/* ---- phases ---- */

static void end(struct swarm *swarm)
{
    if (swarm->done)
        return;
    swarm->done = true;
    for (unsigned i = 0; i < swarm->started; i++)
        member_stop(&swarm->members[i]);
    uv_close((uv_handle_t *)&swarm->pace, NULL);
}

static void enter(struct swarm *swarm, enum phase phase, int64_t now_ns)
{
    static const char *const names[] = { "joining", "warming up", "measuring",        "waiting for an outage",
                                         "away",    "returning",  "all have returned" };
    fprintf(stderr, "swarm: %s\n", names[phase]);
    swarm->phase = phase;
    swarm->phase_ns = now_ns;
    if (phase > RETURNING)
        return;
    memset(&swarm->crew.tally, 0, sizeof swarm->crew.tally);
    swarm->crew.home.bytes_in = swarm->crew.home.bytes_out = 0;
    swarm->offered = 0;
    swarm->cpu_s = process_cpu_s(swarm->options->pid);
}

static double in_phase_s(const struct swarm *swarm, int64_t now_ns)
{
    return (double)(now_ns - swarm->phase_ns) / NS_PER_S;
}

/* What comes after measuring. false: nothing more. */
static bool follow_the_outage(struct swarm *swarm, int64_t now_ns)
{
    const struct crew *crew = &swarm->crew;
    bool all = crew->present == swarm->options->members;
    if (in_phase_s(swarm, now_ns) > PATIENCE_S)
        return false;
    if (swarm->phase == WAITING && crew->present == 0) {
        enter(swarm, AWAY, now_ns);
    } else if (swarm->phase == AWAY && crew->present > 0) {
        swarm->away_s = in_phase_s(swarm, now_ns);
        enter(swarm, RETURNING, now_ns);
    } else if (swarm->phase == RETURNING && all) {
        if (swarm->returned_s == 0)
            swarm->returned_s = in_phase_s(swarm, now_ns);
        swarm->settled_s = in_phase_s(swarm, now_ns);
        if (crew->behind == 0)
            enter(swarm, ENDING, now_ns);
    }
    return true;
}

static bool is_all_stored(const struct swarm *swarm)
{
    for (unsigned i = 0; i < swarm->options->members; i++)
        if (!member_is_done(&swarm->members[i]))
            return false;
    return true;
}

/* false: this was it. */
static bool go_through(struct swarm *swarm, int64_t now_ns)
{
    const struct options *options = swarm->options;
    switch (swarm->phase) {
    case JOINING:
        return true;
    case WARMING:
        if (in_phase_s(swarm, now_ns) >= options->warm_s)
            enter(swarm, MEASURING, now_ns);
        return true;
    case MEASURING:
        if (in_phase_s(swarm, now_ns) < options->seconds)
            return true;
        sum_up(swarm, now_ns);
        print_result(swarm);
        if (options->returns)
            enter(swarm, WAITING, now_ns);
        return options->returns;
    case WAITING:
    case AWAY:
    case RETURNING:
        return follow_the_outage(swarm, now_ns);
    case ENDING:
        if (!is_all_stored(swarm))
            return in_phase_s(swarm, now_ns) <= PATIENCE_S;
        sum_up_return(swarm);
        print_result(swarm);
        return false;
    }
    return false;
}

static void on_pace(uv_timer_t *timer)
{
    struct swarm *swarm = timer->data;
    const struct options *options = swarm->options;
    int64_t now_ns = (int64_t)uv_hrtime();
    if (swarm->crew.tally.failed > 0 && (swarm->phase != MEASURING || swarm->crew.tally.failed == options->members)) {
        end(swarm); /* what does not begin well is not measured, nor what nobody is left of */
        return;
    }
    if (!go_through(swarm, now_ns)) {
        end(swarm);
        return;
    }
    if (swarm->phase == JOINING || swarm->phase == ENDING)
        return;
    for (; swarm->due_ns <= now_ns; swarm->due_ns += NS_PER_S / options->rate) {
        member_due(&swarm->members[swarm->turn++ % options->members], swarm->due_ns);
        swarm->offered++;
    }
}

static void start_next(struct swarm *swarm)
{
    struct member *member = &swarm->members[swarm->started];
    unsigned number = swarm->started++;
    member_start(member, &swarm->crew, &swarm->invites[number % swarm->options->tenants], number);
}

static void on_joined(struct crew *crew)
{
    struct swarm *swarm = crew->home.loop->data;
    if (swarm->started < swarm->options->members) {
        start_next(swarm);
    } else if (crew->joined == swarm->options->members) {
        swarm->due_ns = (int64_t)uv_hrtime();
        enter(swarm, WARMING, swarm->due_ns);
    }
}

/* ---- begin and end ---- */

static int prepare(struct swarm *swarm, struct err *err)
{
    const struct options *options = swarm->options;
    struct sockaddr_storage address;
    if (address_numeric(options->connect, &address) < 0 || address.ss_family != AF_INET)
        return err_set(err, -EINVAL, "--connect %s: want an IPv4 ADDRESS:PORT", options->connect);
    memcpy(&swarm->crew.home.address, &address, sizeof swarm->crew.home.address);
    swarm->members = calloc(options->members, sizeof *swarm->members);
    swarm->invites = calloc(options->tenants, sizeof *swarm->invites);
    if (!swarm->members || !swarm->invites)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = sample_shape_make(&swarm->shape, options->columns, &swarm->arena, err);
    if (rc < 0)
        return rc;
    return enrol_invite(options->control, options->tenants, options->members, &swarm->arena, swarm->invites, err);
}

static void run(struct swarm *swarm)
{
    const struct options *options = swarm->options;
    swarm->crew.home.loop = &swarm->loop;
    member_handlers(&swarm->crew.home);
    swarm->crew.returns = options->returns;
    swarm->crew.backlog_ns = options->backlog_ms * NS_PER_MS;
    swarm->crew.shape = &swarm->shape;
    swarm->crew.period_ns = NS_PER_S / options->rate * options->members;
    swarm->crew.on_joined = on_joined;
    uv_loop_init(&swarm->loop);
    swarm->loop.data = swarm;
    uv_timer_init(&swarm->loop, &swarm->pace);
    swarm->pace.data = swarm;
    uv_timer_start(&swarm->pace, on_pace, 1, 1);
    enter(swarm, JOINING, (int64_t)uv_hrtime());
    for (unsigned i = 0; i < options->members && i < JOINING_AT_ONCE; i++)
        start_next(swarm);
    uv_run(&swarm->loop, UV_RUN_DEFAULT);
    uv_loop_close(&swarm->loop);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'a':
        options->connect = arg;
        return 0;
    case 's':
        options->control = arg;
        return 0;
    case 'p':
        options->pid = (unsigned)arguments_number(arg, 1, 1 << 22, state);
        return 0;
    case 'n':
        options->members = (unsigned)arguments_number(arg, 1, MEMBERS_MAX, state);
        return 0;
    case 't':
        options->tenants = (unsigned)arguments_number(arg, 1, 1000, state);
        return 0;
    case 'c':
        options->columns = (unsigned)arguments_number(arg, 1, SERIES_MAX, state);
        return 0;
    case 'r':
        options->rate = (unsigned)arguments_number(arg, 1, 1000000, state);
        return 0;
    case 'w':
        options->warm_s = (unsigned)arguments_number(arg, 0, 3600, state);
        return 0;
    case 'd':
        options->seconds = (unsigned)arguments_number(arg, 1, 3600, state);
        return 0;
    case 'b':
        options->backlog_ms = (unsigned)arguments_number(arg, 0, 60000, state);
        return 0;
    case 'R':
        options->returns = true;
        return 0;
    default:
        return arguments_other(key, arg, state, options->connect && options->control, "--connect and --control");
    }
}

static struct options parse_options(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "connect", 'a', "ADDRESS:PORT", 0, "the collector's uplink", 0 },
        { "control", 's', "PATH", 0, "the collector's control socket", 0 },
        { "pid", 'p', "PID", 0, "the collector's process: also tell its processor time and memory", 0 },
        { "connections", 'n', "N", 0, "agents (default 1000)", 0 },
        { "tenants", 't', "N", 0, "tenants they belong to (default 1)", 0 },
        { "columns", 'c', "N", 0, "series of a batch (default 100)", 0 },
        { "rate", 'r', "N", 0, "batches a second of all together (default 10000)", 0 },
        { "warm", 'w', "S", 0, "seconds before measuring (default 3)", 0 },
        { "seconds", 'd', "S", 0, "seconds of measuring (default 20)", 0 },
        { "returns", 'R', NULL, 0, "then wait for an outage, and for the return of all", 0 },
        { "backlog-ms", 'b', "MS", 0, "from one message of backlog of an agent to the next (default 1000)", 0 },
        { 0 },
    };
    struct options options = {
        .members = 1000, .tenants = 1, .columns = 100, .rate = 10000, .warm_s = 3, .seconds = 20, .backlog_ms = 1000
    };
    arguments_parse(rows, parse_option,
                    "Loads a Warroom collector with many agents that send one tick a batch; prints one JSON object.",
                    argc, argv, &options);
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct err err;
    AUTO(auto_free) struct swarm *swarm = calloc(1, sizeof *swarm);
    if (!swarm)
        return 1;
    swarm->options = &options;
    arena_init(&swarm->arena, SHAPE_ARENA_BYTES);
    arena_init(&swarm->crew.home.arena, CODEC_ARENA_BYTES);
    line_raise_limit();
    if (prepare(swarm, &err) == 0)
        run(swarm);
    else
        fprintf(stderr, "swarm: %s\n", err.text);
    bool measured = swarm->measured && (!options.returns || swarm->phase == ENDING);
    for (unsigned i = 0; swarm->members && i < options.members; i++)
        member_free(&swarm->members[i]);
    arena_done(&swarm->crew.home.arena);
    arena_done(&swarm->arena);
    free(swarm->members);
    free(swarm->invites);
    return measured ? 0 : 1;
}

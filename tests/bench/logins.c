/* warroom-logins: what it costs a collector that agents come, and that they are there.
 *
 * All agents join by one invitation, each with a key of its own, and leave. Then, for a while each: *logins*, in which
 * agents in turn connect, shake hands, see that the answer is the collector's, and hang up; and *sessions*, in which
 * they send one report as well, which is what makes a session count, and hang up when it is stored. At last, when a
 * line comes on its input, all connect, shake hands, report once and stay, silent, until another line comes. Prints a
 * JSON object for each. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/address.h"
#include "tests/bench/arguments.h"
#include "tests/bench/enrol.h"
#include "tests/bench/latency.h"
#include "tests/bench/line.h"
#include "tests/bench/sample.h"

enum { ARENA_BYTES = 1 << 20, AGENTS_MAX = 20000, COMING_AT_ONCE = 64, BATCH_ROOM = 16 << 10 };

struct options {
    const char *connect, *control;
    unsigned pid, agents, columns, seconds;
};

enum phase { JOINING, LOGINS, SESSIONS, STAYING };

struct bench;

struct agent {
    struct bench *bench;
    struct line line;
    struct key_pair key;
    uint64_t host; /* 0: not joined yet */
    uint64_t n;    /* ticks reported */
    struct run_id run;
};

struct bench {
    struct options options;
    uv_loop_t loop;
    uv_timer_t until;
    struct line_home home;
    struct arena arena;
    struct invite invite;
    struct public_key collector;
    struct sample_shape shape;
    struct agent *agents;
    enum phase phase;
    bool over; /* the phase: nobody is sent any more */
    bool failed;
    unsigned turn;     /* whose it is; counts on in logins and sessions */
    unsigned underway; /* lines that are not idle, or are there to stay */
    unsigned arrived;  /* of the phase */
    struct latency latency;
};

static void fail(struct bench *bench, const struct agent *agent, const char *why)
{
    if (!bench->failed)
        fprintf(stderr, "logins: agent %zu, host %016" PRIx64 ": %s\n", (size_t)(agent - bench->agents), agent->host,
                why);
    bench->failed = true;
    uv_stop(&bench->loop);
}

static int64_t now_us(void)
{
    return (int64_t)uv_hrtime() / NS_PER_US;
}

/* ---- an agent ---- */

static void send_next(struct bench *bench)
{
    bool goes_round = bench->phase == LOGINS || bench->phase == SESSIONS;
    if (!goes_round && bench->turn == bench->options.agents)
        bench->over = true;
    if (bench->over || bench->failed)
        return;
    while (bench->agents[bench->turn % bench->options.agents].line.phase != LINE_IDLE) /* somebody is */
        bench->turn++;
    struct agent *agent = &bench->agents[bench->turn++ % bench->options.agents];
    bench->underway++;
    agent->line.sent_ns = 0;
    line_start(&agent->line);
}

static void on_open(struct line *line)
{
    struct agent *agent = line->user;
    struct clock clock = clock_system();
    char name[32];
    snprintf(name, sizeof name, "login-%05zu", (size_t)(agent - agent->bench->agents));
    line_hello(line, &(struct hello){ .host = agent->host,
                                      .run = agent->run,
                                      .mono_us = now_us(),
                                      .wall_us = clock_wall_us(&clock),
                                      .version = WARROOM_VERSION,
                                      .hostname = name,
                                      .system = "Linux",
                                      .token = { agent->bench->invite.token, agent->host == 0 ? TOKEN_BYTES : 0 } });
}

/* One tick of what does not move. */
static void send_report(struct agent *agent)
{
    const struct sample_shape *shape = &agent->bench->shape;
    uint8_t bytes[BATCH_ROOM];
    int64_t values[SERIES_MAX], mono_us = now_us();
    struct column columns[SERIES_MAX];
    struct clock clock = clock_system();
    int64_t wall_us = clock_wall_us(&clock);
    for (uint32_t i = 0; i < shape->table.n; i++) {
        values[i] = shape->ranges[i].least;
        columns[i] = (struct column){ .fixed = &values[i] };
    }
    const struct batch batch = { .run = agent->run,
                                 .first = ++agent->n,
                                 .n_ticks = 1,
                                 .n_columns = shape->table.n,
                                 .table = shape->table.hash,
                                 .mono_us = &mono_us,
                                 .wall_us = &wall_us,
                                 .columns = columns };
    struct report report = {
        .highest = agent->n, .has_table = true, .table_bytes = shape->table_bytes, .batch_bytes.at = bytes
    };
    if (codec_encode_batch(&batch, bytes, sizeof bytes, &report.batch_bytes.len, NULL) < 0)
        fail(agent->bench, agent, "a batch that cannot be encoded");
    else
        line_report(&agent->line, &report);
}

static void arrive(struct agent *agent)
{
    struct bench *bench = agent->bench;
    bench->arrived++;
    if (bench->phase == STAYING)
        send_next(bench);
    else
        line_reset(&agent->line);
    if (bench->phase == STAYING && bench->arrived == bench->options.agents)
        uv_stop(&bench->loop);
}

static void on_answer(struct line *line, const struct answer *answer)
{
    struct agent *agent = line->user;
    struct bench *bench = agent->bench;
    if (answer->kind == ANSWER_WELCOME) {
        latency_add(&bench->latency, (int64_t)uv_hrtime() - line->sent_ns);
        agent->host = answer->host;
        if (bench->phase == JOINING || bench->phase == LOGINS)
            arrive(agent);
        else
            send_report(agent);
    } else if (answer->kind == ANSWER_STORED) {
        arrive(agent);
    } else {
        fail(bench, agent, answer->kind == ANSWER_REFUSED ? answer->text : "the collector is busy");
    }
}

static void on_gone(struct line *line, const char *why)
{
    struct agent *agent = line->user;
    struct bench *bench = agent->bench;
    bench->underway--;
    if (why)
        fail(bench, agent, why);
    send_next(bench);
    if (bench->underway == 0)
        uv_stop(&bench->loop);
}

/* ---- phases ---- */

static double process_cpu_s(unsigned pid)
{
    clockid_t id;
    struct timespec at;
    if (clock_getcpuclockid((pid_t)pid, &id) != 0 || clock_gettime(id, &at) < 0)
        return 0;
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void on_until(uv_timer_t *until)
{
    struct bench *bench = until->data;
    bench->over = true;
}

/* Until all have come who come in this phase; a `seconds` of 0 is all agents once. */
static void go_through(struct bench *bench, enum phase phase, unsigned seconds)
{
    static const char *const names[] = { "joined", "logins", "sessions", "staying" };
    double cpu_s = process_cpu_s(bench->options.pid);
    int64_t began_ns = (int64_t)uv_hrtime();
    if (bench->failed)
        return;
    bench->phase = phase;
    bench->over = false;
    bench->turn = bench->arrived = 0;
    memset(&bench->latency, 0, sizeof bench->latency);
    if (seconds > 0)
        uv_timer_start(&bench->until, on_until, (uint64_t)seconds * 1000, 0);
    for (unsigned i = 0; i < COMING_AT_ONCE && i < bench->options.agents; i++)
        send_next(bench);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    if (bench->failed)
        return;
    cpu_s = process_cpu_s(bench->options.pid) - cpu_s; /* of a collector that was not exchanged meanwhile */
    printf("{\"what\": \"%s\", \"n\": %u, \"seconds\": %.3f, \"collector_cpu_s\": %.4f, \"per_cpu_s\": %.1f, "
           "\"answer_ms\": {\"p50\": %.3f, \"p99\": %.3f}}\n",
           names[phase], bench->arrived, (double)((int64_t)uv_hrtime() - began_ns) / NS_PER_S, cpu_s,
           cpu_s > 0 ? bench->arrived / cpu_s : 0, (double)latency_percentile(&bench->latency, 50) / NS_PER_MS,
           (double)latency_percentile(&bench->latency, 99) / NS_PER_MS);
    fflush(stdout);
}

static void wait_for_a_line(void)
{
    char text[64];
    if (!fgets(text, sizeof text, stdin))
        exit(1);
}

/* ---- begin and end ---- */

static int prepare(struct bench *bench, struct err *err)
{
    const struct options *options = &bench->options;
    struct sockaddr_storage address;
    if (address_numeric(options->connect, &address) < 0 || address.ss_family != AF_INET)
        return err_set(err, -EINVAL, "--connect %s: want an IPv4 ADDRESS:PORT", options->connect);
    memcpy(&bench->home.address, &address, sizeof bench->home.address);
    bench->home.loop = &bench->loop;
    bench->home.on_open = on_open;
    bench->home.on_answer = on_answer;
    bench->home.on_gone = on_gone;
    bench->agents = calloc(options->agents, sizeof *bench->agents);
    if (!bench->agents)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = sample_shape_make(&bench->shape, options->columns, &bench->arena, err);
    if (rc == 0)
        rc = enrol_invite(options->control, 1, options->agents, &bench->arena, &bench->invite, err);
    memcpy(bench->collector.bytes, bench->invite.collector, sizeof bench->collector.bytes);
    for (unsigned i = 0; rc == 0 && i < options->agents; i++) {
        struct agent *agent = &bench->agents[i];
        agent->bench = bench;
        agent->line.home = &bench->home;
        agent->line.user = agent;
        agent->line.own = &agent->key;
        agent->line.collector = &bench->collector;
        rc = key_pair_draw(&agent->key, err);
        if (rc == 0 && getrandom(&agent->run, sizeof agent->run, 0) != sizeof agent->run)
            rc = err_set(err, -errno, "no randomness");
    }
    return rc;
}

static void run(struct bench *bench)
{
    uv_loop_init(&bench->loop);
    uv_timer_init(&bench->loop, &bench->until);
    bench->until.data = bench;
    go_through(bench, JOINING, 0);
    go_through(bench, LOGINS, bench->options.seconds);
    go_through(bench, SESSIONS, bench->options.seconds);
    if (bench->failed)
        return;
    wait_for_a_line();
    go_through(bench, STAYING, 0);
    if (!bench->failed)
        wait_for_a_line();
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
        options->agents = (unsigned)arguments_number(arg, 1, AGENTS_MAX, state);
        return 0;
    case 'c':
        options->columns = (unsigned)arguments_number(arg, 1, SERIES_MAX, state);
        return 0;
    case 'd':
        options->seconds = (unsigned)arguments_number(arg, 1, 3600, state);
        return 0;
    default:
        return arguments_other(key, arg, state, options->connect && options->control && options->pid > 0,
                               "--connect, --control and --pid");
    }
}

static const struct argp_option rows[] = {
    { "connect", 'a', "ADDRESS:PORT", 0, "the collector's uplink", 0 },
    { "control", 's', "PATH", 0, "the collector's control socket", 0 },
    { "pid", 'p', "PID", 0, "the collector's process, whose processor time is told", 0 },
    { "agents", 'n', "N", 0, "agents (default 10000)", 0 },
    { "columns", 'c', "N", 0, "series of their reports (default 1)", 0 },
    { "seconds", 'd', "S", 0, "of logins, and again of sessions (default 10)", 0 },
    { 0 },
};

int main(int argc, char **argv)
{
    struct err err;
    AUTO(auto_free) struct bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return 1;
    bench->options = (struct options){ .agents = 10000, .columns = 1, .seconds = 10 };
    arguments_parse(rows, parse_option, "Lets many agents come to a Warroom collector, again and again, and then stay.",
                    argc, argv, &bench->options);
    arena_init(&bench->arena, ARENA_BYTES);
    arena_init(&bench->home.arena, CODEC_ARENA_BYTES);
    line_raise_limit();
    int rc = prepare(bench, &err);
    if (rc == 0)
        run(bench);
    else
        fprintf(stderr, "logins: %s\n", err.text);
    arena_done(&bench->home.arena);
    arena_done(&bench->arena);
    free(bench->agents); /* with their connections, which end with the process */
    return rc == 0 && !bench->failed ? 0 : 1;
}

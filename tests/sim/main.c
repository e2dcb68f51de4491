/* The simulation: the whole collector and the agents' uplinks in one process on virtual time (docs/simulation.md). */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scan.h"
#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/fate.h"
#include "tests/sim/files.h"
#include "tests/sim/folder.h"
#include "tests/sim/verdict.h"

#define HOUR_US       (3600 * US_PER_S)
#define SETTLE_US     (120 * US_PER_S)  /* before the first fault */
#define HEAL_US       (1200 * US_PER_S) /* behind the last */
#define IN_FLIGHT_US  (60 * US_PER_S)
#define START_WALL_US (INT64_C(1795400000) * US_PER_S)

struct options {
    uint64_t first_seed, last_seed;
    int64_t hours;
    unsigned hosts; /* 0: as the seed has it */
    const char *log;
    bool calm;  /* no faults */
    bool trace; /* reports in the log */
};

static struct sim_host hosts[HOSTS_MAX];
static size_t n_hosts;

static void look(void)
{
    if (room_bury())
        fate_room_died();
}

/* ---- one seed ---- */

static void people_the_world(const struct options *options, uint64_t seed, int log_fd, uint64_t *ret_calm)
{
    struct dice dice = dice_of(seed, 'p');
    int64_t end_us = options->hours * HOUR_US;
    n_hosts = options->hosts ? options->hosts : (size_t)dice_between(&dice, 3, HOSTS_MAX);
    uint64_t busy = room_add_tenant("busy");
    uint64_t calm = room_add_tenant("calm");
    for (unsigned i = 0; i < n_hosts; i++) {
        host_init(&hosts[i], i, seed, log_fd);
        hosts[i].tenant = i % 3 == 2 ? calm : busy;
        hosts[i].id = room_add_host(hosts[i].tenant, hosts[i].name, &hosts[i].keys.public_key);
        host_plan(&hosts[i], world_wall_of(end_us), (hosts[i].tenant == calm ? 120 : 30) * US_PER_S);
    }
    /* All of the run lies within the window: what changes at its ends is not what is looked at here. */
    room_do_event(room_add_event(busy, "sale", "UTC", 1 + end_us / (24 * HOUR_US) + 1), EVENT_START);
    *ret_calm = calm;
}

static void wait_until_drained(void)
{
    for (size_t i = 0; i < n_hosts; i++) {
        uint64_t queued = uplink_counts(hosts[i].uplink).queued;
        if (queued > 60)
            world_fail("%s still holds %" PRIu64 " ticks, long after the last fault", hosts[i].name, queued);
    }
}

static void live(const struct options *options, uint64_t seed, int log_fd)
{
    uint64_t calm;
    int64_t end_us = options->hours * HOUR_US;
    tap_set(check_tap());
    receiver_listen(check_took);
    check_begin(hosts, HOSTS_MAX);
    room_open();
    people_the_world(options, seed, log_fd, &calm);
    for (size_t i = 0; i < n_hosts; i++)
        host_open(&hosts[i]);
    if (!options->calm)
        fate_begin(seed, hosts, n_hosts, SETTLE_US, end_us - HEAL_US);
    while (world_now_us() < end_us) {
        int64_t next_us = world_now_us() + HOUR_US;
        world_run(next_us < end_us ? next_us : end_us, look);
        files_audit(hosts, n_hosts, 0);
    }
    wait_until_drained();
    struct files_counts files = files_audit(hosts, n_hosts, world_wall_us() - IN_FLIGHT_US);
    struct verdict verdict = verdict_of(hosts, n_hosts, calm);
    struct check_counts counts = check_counts();
    printf("seed %" PRIu64 ": %zu hosts, %zu faults, %" PRIu64 " reports; ticks: %" PRIu64 " stored (%" PRIu64
           " in blocks, %" PRIu64 " in minutes), %" PRIu64
           " declared dropped, at most %.3f s off; %zu of %zu spells judged, %zu incidents, %" PRIu64
           " pages, the slowest without a fault %.1f s\n",
           seed, n_hosts, fate_count(), counts.reports, files.ticks, files.packed, files.minuted, files.declared,
           (double)files.worst_us / 1e6, verdict.judged, verdict.spells, verdict.incidents, counts.pages,
           verdict.worst_s);
}

static void clear_up(const char *dir)
{
    for (size_t i = 0; i < n_hosts; i++)
        host_done(&hosts[i]);
    room_tear_down();
    check_end();
    fate_end();
    world_end();
    folder_remove(dir);
}

static int run_seed(const struct options *options, uint64_t seed)
{
    char dir[] = "/dev/shm/warroom-sim-XXXXXX"; /* memory: what a real disk takes is no part of this */
    static char replay[256];
    struct dice dice = dice_of(seed, 'd');
    snprintf(replay, sizeof replay, "%s --seed %" PRIu64 " --hours %" PRId64 " --log sim.log", program_invocation_name,
             seed, options->hours);
    int log_fd =
        open(options->log ? options->log : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0644);
    /* Names within it are the same each time, and so is the log. */
    if (log_fd < 0 || !mkdtemp(dir) || chdir(dir) < 0) {
        fprintf(stderr, "sim: cannot make %s: %s\n", log_fd < 0 ? options->log : dir, strerror(errno));
        return 1;
    }
    double began_s = world_real_seconds();
    world_begin(seed, START_WALL_US + dice_between(&dice, 0, 86400) * US_PER_S, replay);
    room_set_up("collector", log_fd, options->trace, check_watcher());
    live(options, seed, log_fd);
    clear_up(dir);
    close(log_fd);
    printf("seed %" PRIu64 ": %" PRId64 " h in %.1f s\n", seed, options->hours, world_real_seconds() - began_s);
    return 0;
}

/* Each in a process of its own: it may end it. */
static int run_seeds(const struct options *options)
{
    unsigned failed = 0;
    for (uint64_t seed = options->first_seed; seed <= options->last_seed; seed++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            exit(run_seed(options, seed));
        int status = 1;
        waitpid(child, &status, 0);
        failed += status != 0;
    }
    if (failed > 0)
        printf("%u of %" PRIu64 " seeds failed\n", failed, options->last_seed - options->first_seed + 1);
    return failed > 0;
}

/* ---- options ---- */

static uint64_t number(const char *text, size_t len, struct argp_state *state)
{
    uint64_t value;
    struct scan scan = scan_over(text, len);
    if (!scan_u64(&scan, &value) || !scan_done(&scan))
        argp_error(state, "not a number: %.*s", (int)len, text);
    return value;
}

static void take_seeds(struct options *options, const char *text, struct argp_state *state)
{
    const char *dots = strstr(text, "..");
    options->first_seed = number(text, dots ? (size_t)(dots - text) : strlen(text), state);
    options->last_seed = dots ? number(dots + 2, strlen(dots + 2), state) : options->first_seed;
}

static error_t take_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 's':
        take_seeds(options, arg, state);
        return 0;
    case 'h':
        options->hours = (int64_t)number(arg, strlen(arg), state);
        return 0;
    case 'n':
        options->hosts = (unsigned)number(arg, strlen(arg), state);
        if (options->hosts < 1 || options->hosts > HOSTS_MAX)
            argp_error(state, "1 to %d hosts", HOSTS_MAX);
        return 0;
    case 'l':
        options->log = arg;
        return 0;
    case 't':
        options->trace = true;
        return 0;
    case 'c':
        options->calm = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "seed", 's', "N[..M]", 0, "What decides everything; a range is run one after the other", 0 },
        { "hours", 'h', "N", 0, "Of virtual time", 0 },
        { "hosts", 'n', "N", 0, "Instead of as many as the seed wants", 0 },
        { "log", 'l', "FILE", 0, "What collector and agents log", 0 },
        { "trace", 't', NULL, 0, "Every report in it, too", 0 },
        { "calm", 'c', NULL, 0, "Without faults", 0 },
        { 0 },
    };
    const struct argp argp = { .options = rows, .parser = take_option, .doc = "The collector on virtual time." };
    struct options options = { .first_seed = 1, .last_seed = 1, .hours = 3 };
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return options.first_seed == options.last_seed ? run_seed(&options, options.first_seed) : run_seeds(&options);
}

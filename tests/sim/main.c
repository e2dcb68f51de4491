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
#include "tests/sim/clocks.h"
#include "tests/sim/fate.h"
#include "tests/sim/folder.h"
#include "tests/sim/plant.h"
#include "tests/sim/scenario.h"
#include "tests/sim/service.h"

struct options {
    const struct scenario *scenario;
    uint64_t first_seed, last_seed;
    int64_t hours;
    unsigned hosts; /* 0: as the seed has it */
    const char *log;
    const char *plant; /* NULL: no bug */
    bool calm;         /* no faults */
    bool trace;        /* reports in the log */
};

/* ---- one seed ---- */

static const struct scenario {
    const char *name;
    void (*play)(struct stage *stage);
    int64_t begins_us; /* wall... */
    int64_t spread_s;  /* ...or as much later, by the seed */
    struct room_watcher (*watcher)(void);
} scenarios[] = {
    { "faults", play_faults, INT64_C(1795400000) * US_PER_S, 86400, check_watcher },
    { "days", play_days, INT64_C(1795392000) * US_PER_S, 16 * 3600, check_watcher }, /* from 00:00 UTC on */
    { "event", play_event, INT64_C(1795435200) * US_PER_S, 0, check_watcher },       /* 20:00 in Shanghai */
    { "moves", play_moves, INT64_C(1795400000) * US_PER_S, 40 * 86400, moves_watcher },
};
enum { N_SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static void clear_up(struct stage *stage, const char *dir)
{
    room_tear_down(); /* its last answers are about ticks */
    for (size_t i = 0; i < stage->n_hosts; i++)
        host_done(&stage->hosts[i]);
    check_end();
    clocks_end();
    fate_end();
    service_end();
    world_end();
    folder_remove(dir);
}

static int run_seed(const struct options *options, uint64_t seed)
{
    static struct sim_host hosts[HOSTS_MAX];
    const struct scenario *scenario = options->scenario;
    char dir[] = "/dev/shm/warroom-sim-XXXXXX"; /* memory: what a real disk takes is no part of this */
    static char replay[256];
    struct dice dice = dice_of(seed, 'd');
    snprintf(replay, sizeof replay, "%s --seed %" PRIu64 " --hours %" PRId64 "%s%s%s --log sim.log %s",
             program_invocation_name, seed, options->hours, options->calm ? " --calm" : "",
             options->plant ? " --plant " : "", options->plant ? options->plant : "", scenario->name);
    int log_fd =
        open(options->log ? options->log : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0644);
    /* Names within it are the same each time, and so is the log. */
    if (log_fd < 0 || !mkdtemp(dir) || chdir(dir) < 0) {
        fprintf(stderr, "sim: cannot make %s: %s\n", log_fd < 0 ? options->log : dir, strerror(errno));
        return 1;
    }
    double began_s = world_real_seconds();
    struct stage stage = { .seed = seed,
                           .log_fd = log_fd,
                           .hours = options->hours,
                           .most_hosts = options->hosts,
                           .calm = options->calm,
                           .hosts = hosts };
    world_begin(seed, scenario->begins_us + dice_between(&dice, 0, scenario->spread_s) * US_PER_S, replay);
    room_set_up("collector", log_fd, options->trace, scenario->watcher());
    scenario->play(&stage);
    double hours = (double)world_now_us() / (3600.0 * US_PER_S);
    clear_up(&stage, dir);
    close(log_fd);
    printf("seed %" PRIu64 ": %.0f h in %.1f s\n", seed, hours, world_real_seconds() - began_s);
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

static const struct scenario *find_scenario(const char *name, struct argp_state *state)
{
    for (int i = 0; i < N_SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    argp_error(state, "there is no scenario %s", name);
    return NULL;
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
    case 'p':
        options->plant = arg;
        if (!plant_set(arg))
            argp_error(state, "there is no bug %s to plant", arg);
        return 0;
    case ARGP_KEY_ARG:
        options->scenario = find_scenario(arg, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "seed", 's', "N[..M]", 0, "What decides everything; a range is run one after the other", 0 },
        { "hours", 'h', "N", 0, "Of virtual time, of faults", 0 },
        { "hosts", 'n', "N", 0, "Instead of as many as the seed wants", 0 },
        { "log", 'l', "FILE", 0, "What collector and agents log", 0 },
        { "trace", 't', NULL, 0, "Every report in it, too", 0 },
        { "calm", 'c', NULL, 0, "Without faults", 0 },
        { "plant", 'p', PLANT_NAMES, 0, "With a bug that the run must find", 0 },
        { 0 },
    };
    const struct argp argp = { .options = rows,
                               .parser = take_option,
                               .args_doc = "[faults|days|event|moves]",
                               .doc = "The collector on virtual time." };
    struct options options = { .scenario = scenarios, .first_seed = 1, .last_seed = 1, .hours = 3 };
    setvbuf(stdout, NULL, _IOLBF, 0); /* a run may end anywhere */
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return options.first_seed == options.last_seed ? run_seed(&options, options.first_seed) : run_seeds(&options);
}

/* warroom-agent: reads this host and reports to the collector. This file is the command line, the signals and the
 * settings' lifetime; agent.c is the agent. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/join.h"
#include "agent/once.h"
#include "base/auto.h"
#include "base/notify.h"
#include "base/privilege.h"

enum { EXIT_USAGE = 2, SIGNALS = 4 };

enum { KEY_CHECK = 0x100, KEY_ONCE, KEY_RAW, KEY_FORMAT, KEY_PROCFS, KEY_SYSFS, KEY_ROOTFS, KEY_REPLACE };

struct options {
    const char *path; /* of the settings; NULL: not said */
    const char *procfs, *sysfs, *rootfs;
    bool check, once, raw;
    bool format_said;
    enum print_format format;
    bool join, replace;
    const char *invitation; /* NULL: none was given; "-": it comes by the standard input; borrowed from `line` */
    char line[INVITE_TEXT_MAX + 1];
};

static const struct argp_option argp_table[] = {
    { "config", 'c', "FILE", 0, "Read the settings from FILE (default " SETTINGS_PATH ")", 0 },
    { "check-config", KEY_CHECK, NULL, 0, "Say what is wrong with the settings, each fault with its line, and exit",
      0 },
    { "once", KEY_ONCE, NULL, 0, "Read this host once, print every series with its unit, and exit", 1 },
    { "format", KEY_FORMAT, "FORMAT", 0, "With --once: text (default), json or openmetrics", 1 },
    { "raw", KEY_RAW, NULL, 0, "With --once: the kernel's cumulative readings under node_exporter's names", 1 },
    { "procfs", KEY_PROCFS, "DIR", 0, "Read DIR instead of /proc", 2 },
    { "sysfs", KEY_SYSFS, "DIR", 0, "Read DIR instead of /sys", 2 },
    { "rootfs", KEY_ROOTFS, "DIR", 0, "Look for mount points below DIR", 2 },
    { "replace", KEY_REPLACE, NULL, 0, "With join: in the place of the identity this host has", 3 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static int parse_format(const char *text, enum print_format *ret)
{
    static const char *const names[] = { "text", "json", "openmetrics" };
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum print_format)i;
            return 0;
        }
    }
    return -EINVAL;
}

static void check_together(const struct options *options, struct argp_state *state)
{
    if (options->once && options->check)
        argp_error(state, "--once and --check-config exclude each other");
    if (options->raw && !options->once)
        argp_error(state, "--raw goes with --once");
    if (options->format_said && !options->once)
        argp_error(state, "--format goes with --once");
    if (options->format_said && options->raw)
        argp_error(state, "--raw has a format of its own");
}

static void check_join(const struct options *options, struct argp_state *state)
{
    if (options->join && !options->invitation)
        argp_error(state, "join wants an invitation, `wr1:...`, or - to read it from the standard input");
    if (options->join && (options->once || options->check))
        argp_error(state, "join goes without --once and --check-config");
    if (options->replace && !options->join)
        argp_error(state, "--replace goes with join");
}

/* An invitation is a secret: what the command line had of it is wiped, and no message of ours shows it, even if it
 * stands where it should not. */
static void take_word(struct options *options, char *word, struct argp_state *state)
{
    if (state->arg_num == 0 && strcmp(word, "join") == 0) {
        options->join = true;
        return;
    }
    if (state->arg_num == 1 && options->join) {
        snprintf(options->line, sizeof options->line, "%s", word);
        options->invitation = options->line;
        if (strcmp(word, "-") != 0)
            explicit_bzero(word, strlen(word));
        return;
    }
    if (strncmp(word, "wr1:", 4) == 0)
        argp_error(state, "an invitation goes with join, alone");
    else
        argp_error(state, "unexpected argument: %s", word);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'c':
        options->path = arg;
        return 0;
    case KEY_CHECK:
        options->check = true;
        return 0;
    case KEY_ONCE:
        options->once = true;
        return 0;
    case KEY_RAW:
        options->raw = true;
        return 0;
    case KEY_FORMAT:
        options->format_said = true;
        if (parse_format(arg, &options->format) < 0)
            argp_error(state, "--format %s: want text, json or openmetrics", arg);
        return 0;
    case KEY_PROCFS:
        options->procfs = arg;
        return 0;
    case KEY_SYSFS:
        options->sysfs = arg;
        return 0;
    case KEY_ROOTFS:
        options->rootfs = arg;
        return 0;
    case KEY_REPLACE:
        options->replace = true;
        return 0;
    case ARGP_KEY_ARG:
        take_word(options, arg, state);
        return 0;
    case ARGP_KEY_END:
        check_together(options, state);
        check_join(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "warroom-agent %s\n", WARROOM_VERSION);
}

static const char *path_of(const struct options *options)
{
    return options->path ? options->path : SETTINGS_PATH;
}

/* The command line wins. */
static void apply_options(struct settings *settings, const struct options *options)
{
    if (options->procfs)
        settings->procfs = options->procfs;
    if (options->sysfs)
        settings->sysfs = options->sysfs;
    if (options->rootfs)
        settings->rootfs = options->rootfs;
}

static int read_settings(const struct options *options, struct arena *arena, struct settings *ret,
                         struct config_faults *faults)
{
    *faults = (struct config_faults){ .n = 0 };
    int rc = settings_read(path_of(options), arena, ret, faults);
    if (rc == 0)
        apply_options(ret, options);
    return rc;
}

static void log_faults(const struct log *log, const struct config_faults *faults)
{
    for (size_t i = 0; i < config_faults_kept(faults); i++)
        log_event(log, LOG_ERROR, "config_fault", KV_TEXT("error", faults->at[i].text));
}

/* ---- --check-config, --once and join ---- */

static int check_config(const struct options *options)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SETTINGS_ARENA_BYTES);
    struct settings settings;
    struct config_faults faults;
    if (read_settings(options, &arena, &settings, &faults) < 0) {
        config_faults_print(&faults, stderr);
        return EXIT_FAILURE;
    }
    printf("%s: ok\n", path_of(options));
    return EXIT_SUCCESS;
}

/* Neither a look at the host nor joining needs settings; a file that was named, or that is there, is read for the
 * probes and for where the identity lies. */
static int settings_if_any(const struct options *options, struct arena *arena, struct settings *ret)
{
    *ret = settings_default();
    apply_options(ret, options);
    if (!options->path && access(SETTINGS_PATH, F_OK) != 0)
        return 0;
    struct config_faults faults;
    int rc = read_settings(options, arena, ret, &faults);
    if (rc < 0)
        config_faults_print(&faults, stderr);
    return rc;
}

static int once(const struct options *options, const struct clock *clock, const struct log *log)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SETTINGS_ARENA_BYTES);
    struct settings settings;
    if (settings_if_any(options, &arena, &settings) < 0)
        return EXIT_FAILURE;
    struct err err;
    int rc = options->raw ? once_raw(stdout, &settings, clock, log, &err)
                          : once_readings(stdout, &settings, options->format, clock, log, &err);
    if (rc < 0)
        fprintf(stderr, "warroom-agent: %s\n", err.text);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* One line, unbuffered: no copy of it stays behind. */
static void read_line(char *line, size_t room)
{
    size_t len = 0;
    if (isatty(STDIN_FILENO))
        fputs("The invitation (wr1:...): ", stderr);
    while (len + 1 < room && read(STDIN_FILENO, line + len, 1) == 1 && line[len] != '\n')
        len++;
    line[len] = '\0';
}

static int join_collector(struct options *options, const struct clock *clock)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SETTINGS_ARENA_BYTES);
    struct settings settings;
    if (settings_if_any(options, &arena, &settings) < 0)
        return EXIT_FAILURE;
    if (strcmp(options->invitation, "-") == 0)
        read_line(options->line, sizeof options->line);
    const struct join_config config = { settings.identity, options->replace, JOIN_WAIT_US, clock, stderr };
    struct joined joined;
    struct err err;
    /* What it leaves is the service's. */
    int rc = settings.user ? privilege_drop(settings.user, NULL, &err) : 0;
    if (rc == 0)
        rc = join(&config, options->line, strlen(options->line), &joined, &err);
    explicit_bzero(options->line, sizeof options->line);
    if (rc != 0) {
        fprintf(stderr, "warroom-agent: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("joined %s as %s of tenant %s (host %016" PRIx64 ")\n", joined.address, joined.name, joined.tenant,
           joined.host);
    return EXIT_SUCCESS;
}

/* ---- the agent ---- */

struct program {
    uv_loop_t loop;
    uv_signal_t signals[SIGNALS];
    const struct options *options;
    const struct clock *clock;
    struct log *log;
    struct agent *agent;
    struct notifier *notifier; /* NULL: nobody wants to hear */
    struct arena arenas[2];    /* the settings in force and, during a reload, the next ones */
    struct settings settings[2];
    int in_force;
    struct identity identity;
};

static void reload(struct program *program)
{
    int next = 1 - program->in_force;
    struct config_faults faults;
    arena_done(&program->arenas[next]);
    if (read_settings(program->options, &program->arenas[next], &program->settings[next], &faults) < 0) {
        log_faults(program->log, &faults);
        log_event(program->log, LOG_ERROR, "settings_kept", KV_TEXT("file", path_of(program->options)));
        return;
    }
    agent_reload(program->agent, &program->settings[next]);
    program->in_force = next;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    if (number == SIGHUP) {
        reload(program);
    } else {
        notifier_stopping(program->notifier);
        agent_leave(program->agent);
    }
}

/* They do not hold the loop: it ends when the agent has let go of it. */
static void watch_signals(struct program *program)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&program->signals[i]);
    }
}

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static int run_loop(struct program *program)
{
    struct err err;
    struct notify_settings manager = notify_settings_from_environment();
    int rc = notifier_open(&program->notifier, &program->loop, &manager, &err);
    if (rc == 0)
        rc = agent_open(&program->agent, &program->loop, &program->settings[0], &program->identity, program->clock,
                        program->log, &err);
    if (rc < 0) {
        log_event(program->log, LOG_ERROR, "agent_cannot_start", KV_TEXT("error", err.text));
    } else {
        watch_signals(program);
        notifier_ready(program->notifier);
        uv_run(&program->loop, UV_RUN_DEFAULT);
        if (uv_loop_alive(&program->loop)) /* a thread hangs in the kernel; only the process's end ends it */
            _exit(EXIT_SUCCESS);
        program->agent = agent_free(program->agent);
    }
    program->notifier = notifier_close(program->notifier);
    uv_walk(&program->loop, close_handle, NULL); /* the signals: all else was closed by its owner */
    uv_run(&program->loop, UV_RUN_DEFAULT);
    uv_loop_close(&program->loop);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int begin(struct program *program)
{
    struct config_faults faults;
    struct err err;
    if (read_settings(program->options, &program->arenas[0], &program->settings[0], &faults) < 0) {
        log_faults(program->log, &faults);
        return EXIT_FAILURE;
    }
    int rc = privilege_drop(program->settings[0].user, NULL, &err); /* it needs none, and nothing is open yet */
    if (rc == 0)
        rc = identity_read(&program->identity, program->settings[0].identity, &err);
    if (rc == 0 && uv_loop_init(&program->loop) < 0)
        rc = err_set(&err, -ENOMEM, "no event loop");
    if (rc < 0) {
        log_event(program->log, LOG_ERROR, "agent_cannot_start", KV_TEXT("error", err.text));
        return EXIT_FAILURE;
    }
    program->log->least = (enum log_level)program->settings[0].log_level;
    if (geteuid() == 0)
        log_event(program->log, LOG_WARN, "runs_as_root");
    return run_loop(program);
}

static int run(const struct options *options, const struct clock *clock, struct log *log)
{
    struct program program = { .options = options, .clock = clock, .log = log };
    for (int i = 0; i < 2; i++)
        arena_init(&program.arenas[i], SETTINGS_ARENA_BYTES);
    int status = begin(&program);
    identity_done(&program.identity);
    for (int i = 0; i < 2; i++)
        arena_done(&program.arenas[i]);
    return status;
}

/* The agent is a guest: one malloc arena instead of eight a CPU, and small stacks for nng's, libuv's and its own
 * threads. 256 KiB leave room for getaddrinfo(), which keeps its packets on the stack. */
static void stay_small(void)
{
    mallopt(M_ARENA_MAX, 1);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

int main(int argc, char **argv)
{
    const struct argp argp = {
        .options = argp_table,
        .parser = parse_option,
        .args_doc = "\njoin -\njoin INVITATION",
        .doc = "Reads this host's CPU, memory, disks, filesystems, network and connections, probes the configured "
               "targets, and reports to the Warroom collector.\v"
               "join: makes this host one of the collector's, by the line that `warroom host enroll` printed there. "
               "With - "
               "it is read from the standard input: that is better, it then stands in no shell's history.\n\n"
               "SIGTERM: deliver what is queued (5 s at most) and leave. SIGHUP: read the settings again.",
    };
    argp_program_version_hook = print_version;
    argp_err_exit_status = EXIT_USAGE;
    struct options options = { .path = NULL };
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.check)
        return check_config(&options);

    struct err err;
    if (privilege_hide(&err) < 0) {
        fprintf(stderr, "warroom-agent: %s\n", err.text);
        return EXIT_FAILURE;
    }
    stay_small();
    signal(SIGPIPE, SIG_IGN);
    struct clock clock = clock_system();
    if (options.join)
        return join_collector(&options, &clock);
    struct log log = { .fd = STDERR_FILENO, .least = options.once ? LOG_WARN : LOG_INFO, .clock = &clock };
    return options.once ? once(&options, &clock, &log) : run(&options, &clock, &log);
}

/* warroom-collector: reads its file, opens the collector and the console's sockets, runs the loop until it is told
 * to stop. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/notify.h"
#include "base/privilege.h"
#include "collector/bound.h"
#include "collector/collector.h"
#include "collector/control/control.h"
#include "collector/store/upkeep/fsck.h"
#include "proto/link/keys.h"
#include "proto/link/server.h"

struct options {
    const char *config;
    bool check;
    const char *fsck; /* a tenant, or "all"; NULL: run */
};

struct loaded_config { /* a config and the memory its texts live in */
    struct collector_config config;
    struct arena arena;
};

struct program {
    const struct options *options;
    uv_loop_t loop;
    struct clock clock;
    struct log log;
    struct loaded_config *loaded;
    struct collector *collector;
    struct control *control;
    struct notifier *notifier; /* NULL: nobody wants to hear */
    uv_signal_t signals[3];
    int uplink_fd; /* bound while we may; -1: none */
    bool again;    /* when it has ended, it is to start anew */
    bool put_off;  /* it was to, and could not: said already */
};

enum { CONFIG_ARENA_MAX = 4 << 20 };

const char *argp_program_version = "warroom-collector " WARROOM_VERSION;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'c':
        options->config = arg;
        return 0;
    case 'k':
        options->check = true;
        return 0;
    case 'f':
        options->fsck = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "takes no arguments, but %s was given", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct options parse_options(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "config", 'c', "FILE", 0, "configuration (default /etc/warroom/collector.yaml)", 0 },
        { "check-config", 'k', NULL, 0, "say what is wrong with the configuration and exit", 0 },
        { "fsck", 'f', "TENANT", 0,
          "with the collector stopped: check the tenant's file (or `all` files) to the last byte and exit", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = rows,
        .parser = parse_option,
        .doc = "Takes the streams of Warroom agents, keeps them, watches thresholds and pages people.",
    };
    struct options options = { .config = "/etc/warroom/collector.yaml" };
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return options;
}

static struct loaded_config *free_config(struct loaded_config *loaded)
{
    if (loaded) {
        arena_done(&loaded->arena);
        free(loaded);
    }
    return NULL;
}

static struct loaded_config *load_config(const char *path, struct config_faults *faults)
{
    struct loaded_config *loaded = calloc(1, sizeof *loaded);
    if (!loaded) {
        config_fault(faults, path, 0, "out of memory");
        return NULL;
    }
    arena_init(&loaded->arena, CONFIG_ARENA_MAX);
    if (collector_config_read(path, &loaded->config, &loaded->arena, faults) < 0)
        return free_config(loaded);
    return loaded;
}

static void reload(struct program *program)
{
    struct config_faults faults = { .n = 0 };
    struct err err;
    struct loaded_config *loaded = load_config(program->options->config, &faults);
    for (size_t i = 0; i < config_faults_kept(&faults); i++)
        log_event(&program->log, LOG_ERROR, "reload_refused", KV_TEXT("error", faults.at[i].text));
    if (!loaded)
        return;
    if (collector_reload(program->collector, &loaded->config, &err) < 0) {
        log_event(&program->log, LOG_ERROR, "reload_refused", KV_TEXT("error", err.text));
        free_config(loaded);
        return;
    }
    if (control_take_roles(program->control, &err) < 0)
        log_event(&program->log, LOG_ERROR, "roles_kept", KV_TEXT("error", err.text));
    free_config(program->loaded);
    program->loaded = loaded;
    log_event(&program->log, LOG_INFO, "reloaded", KV_COUNT("rules", loaded->config.n_rules),
              KV_COUNT("webhooks", loaded->config.webhooks.n), KV_COUNT("contacts", loaded->config.people.contacts.n));
}

static void leave_port(struct program *program)
{
    auto_close(&program->uplink_fd);
    program->uplink_fd = -1;
}

static void stop(struct program *program)
{
    log_event(&program->log, LOG_INFO, "collector_stopping");
    if (!program->again) {
        notifier_stopping(program->notifier);
        leave_port(program); /* so that nobody connects to what is ending */
    }
    program->control = control_close(program->control);
    program->collector = collector_close(program->collector);
    for (size_t i = 0; i < sizeof program->signals / sizeof program->signals[0]; i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    if (number == SIGHUP)
        reload(program);
    else if (program->collector)
        stop(program);
}

static void watch_signals(struct program *program)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that went is a return value, not a signal */
}

/* On the address that the file has now. */
static int could_listen(const struct program *program, const char *address, struct err *err)
{
    AUTO(auto_close) int fd = -1;
    return bound_is_to(program->uplink_fd, address) ? 0 : link_bind(address, &fd, err);
}

/* By now the file may be one that we may not read, or that has faults, or its address one that we may not have: going
 * on with a part is better than not coming back. */
static bool could_start(struct program *program)
{
    struct config_faults faults = { .n = 0 };
    struct loaded_config *loaded = load_config(program->options->config, &faults);
    struct err err;
    bool could = loaded && could_listen(program, loaded->config.listen, &err) == 0;
    if (!could && !program->put_off)
        log_event(&program->log, LOG_ERROR, "collector_start_put_off",
                  KV_TEXT("error", loaded ? err.text : faults.at[0].text));
    program->put_off = !could;
    free_config(loaded);
    return could;
}

static void start_anew(void *user)
{
    struct program *program = user;
    if (!could_start(program))
        return;
    log_event(&program->log, LOG_WARN, "collector_starts_anew");
    program->again = true;
    stop(program);
}

static void happened(void *user, const struct happening *happening)
{
    struct program *program = user;
    if (program->control)
        control_happened(program->control, happening);
}

/* A connection is a descriptor: take as many as the system lets us. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_program(struct program *program, struct err *err)
{
    const struct collector_config *config = &program->loaded->config;
    struct collector_listener listener = {
        .happened = happened, .start_anew = start_anew, .user = program, .uplink_fd = program->uplink_fd
    };
    int rc = collector_open(&program->collector, &program->loop, config, &program->clock, &program->log, listener, err);
    if (rc == 0)
        rc = control_open(&program->control, &program->loop, program->collector, &program->log, err);
    if (rc < 0) {
        program->collector = collector_close(program->collector);
        return rc;
    }
    watch_signals(program);
    return 0;
}

/* What only root can do, then no more root: before the first thread. */
static int take_and_drop(struct program *program, struct err *err)
{
    const struct collector_config *config = &program->loaded->config;
    int rc = bound_take(config->listen, &program->uplink_fd, err);
    if (rc == 0)
        rc = privilege_drop(config->user, config->console_group, err);
    if (rc == 0 && geteuid() == 0)
        log_event(&program->log, LOG_WARN, "runs_as_root");
    return rc;
}

static void say_started(const struct program *program)
{
    const struct collector_config *config = &program->loaded->config;
    struct collector_status status;
    collector_status(program->collector, &status);
    log_event(&program->log, LOG_INFO, "collector_started", KV_TEXT("version", WARROOM_VERSION),
              KV_TEXT("listen", config->listen), KV_INT("port", status.port), KV_TEXT("state", config->state));
    notifier_ready(program->notifier);
}

static void say_finding(void *user, const char *line)
{
    (void)user;
    puts(line);
}

/* NULL: there is none here that can be read; a backup has none. */
static const struct ledger_public *read_signer(const struct collector_config *config, struct ledger_key *key)
{
    AUTO(auto_free) char *path = collector_ledger_key_file(config);
    AUTO(key_pair_done) struct key_pair pair = { .secret = { 0 } };
    bool found = path && key_file_read(&pair, path, NULL) == 0 && ledger_key_of(key, pair.secret, NULL) == 0;
    return found ? &key->public_key : NULL;
}

/* Exit 0: sound; 1: damaged, or it could not be checked. */
static int check_files(const char *tenant, const struct program *program)
{
    AUTO(ledger_key_done) struct ledger_key key = { .secret = { 0 } };
    struct fsck_order order = { .dir = program->loaded->config.state,
                                .tenant = tenant,
                                .now_us = clock_wall_us(&program->clock),
                                .retention = store_retention_of(&program->loaded->config.retention),
                                .say = say_finding };
    struct fsck_report report;
    struct err err;
    /* As the collector's user: SQLite may leave files, and they must be that one's. */
    int rc = privilege_drop(program->loaded->config.user, NULL, &err);
    if (rc == 0)
        order.signer = read_signer(&program->loaded->config, &key);
    if (rc < 0 || fsck_run(&order, &report, &err) < 0) {
        fprintf(stderr, "warroom-collector: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("%" PRIu64 " files, %" PRIu64 " rows, %" PRIu64 " ticks: %" PRIu64 " findings\n", report.files, report.rows,
           report.ticks, report.findings);
    return report.findings ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* One that is not there yet is made at the start. */
static int check_key(const struct options *options, const struct collector_config *config, const char *path,
                     struct config_faults *faults)
{
    struct key_pair key;
    struct err err;
    int rc = key_file_read(&key, path, &err);
    if (rc == 0)
        key_pair_done(&key);
    if (rc == 0 || rc == -ENOENT)
        return 0;
    return config_fault(faults, options->config, config->key_line, "key: %s", err.text);
}

static int check_keys(const struct options *options, const struct collector_config *config,
                      struct config_faults *faults)
{
    AUTO(auto_free) char *ledger = collector_ledger_key_file(config);
    if (!ledger)
        return config_fault(faults, options->config, config->key_line, "out of memory");
    int rc = check_key(options, config, config->key, faults);
    int ledger_rc = check_key(options, config, ledger, faults);
    return rc < 0 ? rc : ledger_rc;
}

static int run(struct program *program, struct err *err)
{
    struct notify_settings manager = notify_settings_from_environment();
    uv_loop_init(&program->loop);
    int rc = notifier_open(&program->notifier, &program->loop, &manager, err);
    if (rc == 0)
        rc = open_program(program, err);
    if (rc == 0)
        say_started(program);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    program->notifier = notifier_close(program->notifier);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    uv_loop_close(&program->loop);
    return rc;
}

/* As the same process: whoever supervises it need not know. Returns only if it cannot be. */
static int execute_again(struct program *program, char **argv)
{
    struct err err;
    int rc = bound_hand_on(program->uplink_fd, &err);
    if (rc == 0) {
        execv("/proc/self/exe", argv);
        rc = err_sys(&err, -errno, "cannot execute itself again");
    }
    log_event(&program->log, LOG_ERROR, "collector_not_started", KV_TEXT("error", err.text));
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct config_faults faults = { .n = 0 };
    struct program program = { .options = &options, .clock = clock_system(), .uplink_fd = -1 };
    struct err err;
    if (privilege_hide(&err) < 0) {
        fprintf(stderr, "warroom-collector: %s\n", err.text);
        return EXIT_FAILURE;
    }
    program.loaded = load_config(options.config, &faults);
    if (!program.loaded) {
        config_faults_print(&faults, stderr);
        return EXIT_FAILURE;
    }
    if (options.check && check_keys(&options, &program.loaded->config, &faults) < 0) {
        config_faults_print(&faults, stderr);
        free_config(program.loaded);
        return EXIT_FAILURE;
    }
    if (options.check) {
        printf("%s: ok, %zu rules, %zu webhooks, %zu contacts\n", options.config, program.loaded->config.n_rules,
               program.loaded->config.webhooks.n, program.loaded->config.people.contacts.n);
        free_config(program.loaded);
        return EXIT_SUCCESS;
    }
    if (options.fsck) {
        int status = check_files(options.fsck, &program);
        free_config(program.loaded);
        return status;
    }
    program.log = (struct log){ .fd = STDERR_FILENO,
                                .least = (enum log_level)program.loaded->config.log_level,
                                .clock = &program.clock };
    raise_descriptor_limit();
    int rc = take_and_drop(&program, &err);
    if (rc == 0)
        rc = run(&program, &err);
    if (rc < 0)
        log_event(&program.log, LOG_ERROR, "collector_not_started", KV_TEXT("error", err.text));
    if (program.again)
        rc = execute_again(&program, argv);
    leave_port(&program);
    free_config(program.loaded);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

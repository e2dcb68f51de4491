#include "agent/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

struct fixture {
    struct arena arena;
    struct settings settings;
    struct config_faults faults;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, SETTINGS_ARENA_BYTES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static int parse(struct fixture *f, const char *text)
{
    return settings_parse("agent.yaml", text, strlen(text), &f->arena, &f->settings, &f->faults);
}

static void no_key_is_needed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{}"), 0);
    assert_string_equal(f->settings.identity, "/var/lib/warroom-agent/identity");
    assert_int_equal(f->settings.interval_us, 10 * US_PER_S);
    assert_int_equal(f->settings.queue_bytes, 8 << 20);
    assert_string_equal(f->settings.spool, "/var/lib/warroom-agent/spool");
    assert_int_equal(f->settings.spool_bytes, 256 << 20);
    assert_int_equal(f->settings.spool_age_us, 7 * 86400 * US_PER_S);
    assert_int_equal(f->settings.log_level, LOG_INFO);
    assert_int_equal(f->settings.probes.n, 0);
    assert_string_equal(f->settings.procfs, "/proc");
    assert_string_equal(f->settings.sysfs, "/sys");
    assert_string_equal(f->settings.rootfs, "/");
}

static void every_key_is_taken(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "identity: /i\ninterval: 1s\nqueue: 1048576\nlog_level: debug\nprocfs: /a\nsysfs: /b\n"
                              "rootfs: /c\nspool: /d\nspool_size: 1048576\nspool_age: 1h\nprobes:\n"
                              "  - name: db\n    address: db.example.com:5432\n    every: 5s\n    count: 3\n"
                              "    spacing: 100ms\n    timeout: 500ms\n"
                              "  - name: gateway\n    address: 192.0.2.1:443\n"),
                     0);
    struct probe_target targets[PROBE_TARGETS_MAX];
    assert_int_equal(settings_targets(&f->settings, targets), 2);
    assert_string_equal(targets[0].name, "db");
    assert_string_equal(targets[0].address, "db.example.com:5432");
    assert_int_equal(targets[0].every_us, 5 * US_PER_S);
    assert_int_equal(targets[0].count, 3);
    assert_int_equal(targets[0].spacing_us, 100 * US_PER_MS);
    assert_int_equal(targets[0].timeout_us, 500 * US_PER_MS);
    assert_int_equal(targets[1].every_us, 10 * US_PER_S);
    assert_int_equal(targets[1].count, 5);
    assert_int_equal(f->settings.interval_us, US_PER_S);
    assert_int_equal(f->settings.queue_bytes, 1 << 20);
    assert_int_equal(f->settings.log_level, LOG_DEBUG);
    assert_string_equal(f->settings.rootfs, "/c");
    assert_string_equal(f->settings.identity, "/i");
    assert_string_equal(f->settings.spool, "/d");
    assert_int_equal(f->settings.spool_bytes, 1 << 20);
    assert_int_equal(f->settings.spool_age_us, 3600 * US_PER_S);
}

static void keys_that_joining_took_the_place_of_are_told_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "interval: 1s\ncollector: 127.0.0.1:9740\nhost: \"00c0ffee00c0ffee\"\n"), -EINVAL);
    assert_int_equal(f->faults.n, 2);
    assert_string_equal(f->faults.at[0].text,
                        "agent.yaml:2: `collector` is learnt by `warroom-agent join` now: remove this line");
    assert_string_equal(f->faults.at[1].text,
                        "agent.yaml:3: `host` is learnt by `warroom-agent join` now: remove this line");
}

static void paths_are_absolute(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "spool: here\nidentity: there/identity\n"), -EINVAL);
    assert_int_equal(f->faults.n, 2);
    assert_string_equal(f->faults.at[0].text, "agent.yaml:2: identity: `there/identity` is no absolute path");
    assert_string_equal(f->faults.at[1].text, "agent.yaml:1: spool: `here` is no absolute path");
}

static void a_probe_that_cannot_be_kept_is_told_with_its_line(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "probes:\n"
                              "  - name: a\n    address: 192.0.2.1\n"
                              "  - name: b\n    address: 192.0.2.1:80\n    every: 1s\n"
                              "  - name: b\n    address: 192.0.2.2:80\n"),
                     -EINVAL);
    assert_int_equal(f->faults.n, 3);
    assert_non_null(strstr(f->faults.at[0].text, "agent.yaml:2: "));
    assert_non_null(strstr(f->faults.at[1].text, "agent.yaml:4: "));
    assert_non_null(strstr(f->faults.at[1].text, "longer than"));
    assert_non_null(strstr(f->faults.at[2].text, "agent.yaml:7: "));
    assert_non_null(strstr(f->faults.at[2].text, "line 4"));
}

static void faults_leave_the_settings_alone(void **state)
{
    struct fixture *f = *state;
    f->settings.queue_bytes = 7;
    assert_int_equal(parse(f, "queue: 1\n"), -EINVAL);
    assert_int_equal(parse(f, "spool: here\n"), -EINVAL);
    assert_int_equal(parse(f, "nonsense: 1\n"), -EINVAL);
    assert_int_equal(f->settings.queue_bytes, 7);
}

static void a_file_that_is_not_there_is_a_fault(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(settings_read("/nonexistent/agent.yaml", &f->arena, &f->settings, &f->faults), -EINVAL);
    assert_int_equal(f->faults.n, 1);
    assert_int_equal(f->faults.n_files, 1);
}

static void the_packaged_example_is_valid(void **state)
{
    struct fixture *f = *state;
    int rc = settings_read("packaging/agent.yaml", &f->arena, &f->settings, &f->faults);
    if (rc < 0)
        print_error("%s\n", f->faults.at[0].text);
    assert_int_equal(rc, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(no_key_is_needed),
        test(every_key_is_taken),
        test(keys_that_joining_took_the_place_of_are_told_so),
        test(paths_are_absolute),
        test(a_probe_that_cannot_be_kept_is_told_with_its_line),
        test(faults_leave_the_settings_alone),
        test(a_file_that_is_not_there_is_a_fault),
        test(the_packaged_example_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

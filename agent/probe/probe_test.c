#include "agent/probe/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    uv_loop_t loop;
    struct clock clock;
    struct prober *prober;
    struct readings readings;
    int listener;
    int fillers[8];
    char address[32];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->clock = clock_system();
    f->listener = -1;
    memset(f->fillers, -1, sizeof f->fillers);
    *state = f;
    return uv_loop_init(&f->loop);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* That the loop can be closed is the proof that no handle was left behind. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    f->prober = prober_close(f->prober);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    readings_done(&f->readings);
    close_if_open(f->listener);
    for (size_t i = 0; i < sizeof f->fillers / sizeof *f->fillers; i++)
        close_if_open(f->fillers[i]);
    free(f);
    return rc;
}

static void listen_on_loopback(struct fixture *f, int backlog)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(f->listener >= 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&in, &len), 0);
    snprintf(f->address, sizeof f->address, "127.0.0.1:%u", ntohs(in.sin_port));
    if (backlog >= 0)
        assert_int_equal(listen(f->listener, backlog), 0);
}

/* With its accept queue full a Linux listener lets SYNs fall: a host that does not answer, without leaving loopback. */
static void fill_the_backlog(struct fixture *f)
{
    struct sockaddr_in in;
    socklen_t len = sizeof in;
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&in, &len), 0);
    for (size_t i = 0; i < sizeof f->fillers / sizeof *f->fillers; i++) {
        f->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int rc = connect(f->fillers[i], (struct sockaddr *)&in, sizeof in);
        assert_true(rc == 0 || errno == EINPROGRESS);
    }
}

static struct probe_target target_at(const char *address)
{
    return (struct probe_target){
        .name = "shop",
        .address = address,
        .every_us = 3600 * US_PER_S,
        .count = 3,
        .spacing_us = US_PER_MS,
        .timeout_us = 5 * US_PER_S,
    };
}

static void open_prober(struct fixture *f, const struct probe_target *targets, size_t n)
{
    assert_int_equal(prober_open(&f->prober, &f->loop, targets, n, &f->clock, NULL, NULL), 0);
}

static void run_until_ready(struct fixture *f)
{
    while (!prober_ready(f->prober))
        uv_run(&f->loop, UV_RUN_ONCE);
}

static double taken(struct fixture *f, enum metric_id metric)
{
    readings_clear(&f->readings);
    prober_take(f->prober, &f->readings);
    for (size_t i = 0; i < f->readings.n; i++)
        if (f->readings.at[i].metric == metric)
            return f->readings.at[i].value;
    fail_msg("no such series");
    return 0;
}

static void an_open_port_answers_every_attempt(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 16);
    struct probe_target target = target_at(f->address);
    open_prober(f, &target, 1);
    run_until_ready(f);
    assert_true(taken(f, METRIC_PROBE_LOSS) == 0);
    assert_true(taken(f, METRIC_PROBE_ATTEMPTS) == 3);
    assert_true(taken(f, METRIC_PROBE_LATENCY) > 0);
    assert_true(taken(f, METRIC_PROBE_LATENCY_MAX) >= taken(f, METRIC_PROBE_LATENCY));
}

static void a_closed_port_is_a_loss_of_one_and_has_no_latency(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, -1); /* bound, so nobody else gets it, and not listening */
    struct probe_target target = target_at(f->address);
    open_prober(f, &target, 1);
    run_until_ready(f);
    assert_true(taken(f, METRIC_PROBE_LOSS) == 1);
    assert_true(isnan(taken(f, METRIC_PROBE_LATENCY)));
    assert_true(isnan(taken(f, METRIC_PROBE_LATENCY_MAX)));
    assert_true(taken(f, METRIC_PROBE_ATTEMPTS) == 3);
}

static void a_host_that_does_not_answer_is_given_up_at_its_timeout(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 0);
    fill_the_backlog(f);
    struct probe_target target = target_at(f->address);
    target.timeout_us = 20 * US_PER_MS;
    open_prober(f, &target, 1);
    run_until_ready(f);
    assert_true(taken(f, METRIC_PROBE_LOSS) == 1);
    assert_true(isnan(taken(f, METRIC_PROBE_LATENCY)));
}

static void before_the_first_burst_is_over_every_series_is_there_without_a_value(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 16);
    struct probe_target target = target_at(f->address);
    open_prober(f, &target, 1);
    assert_false(prober_ready(f->prober));
    prober_take(f->prober, &f->readings);
    assert_int_equal(f->readings.n, 4);
    for (size_t i = 0; i < f->readings.n; i++) {
        assert_true(isnan(f->readings.at[i].value));
        assert_string_equal(readings_instance(&f->readings, i), "shop");
    }
}

static void a_name_is_looked_up(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 16);
    char address[48];
    snprintf(address, sizeof address, "localhost:%s", strchr(f->address, ':') + 1);
    struct probe_target target = target_at(address);
    open_prober(f, &target, 1);
    run_until_ready(f);
    assert_true(taken(f, METRIC_PROBE_ATTEMPTS) == 3);
}

static void a_name_nobody_knows_is_a_lost_burst(void **state)
{
    struct fixture *f = *state;
    struct probe_target target = target_at("no-such-name.invalid:80"); /* RFC 2606: never resolves */
    open_prober(f, &target, 1);
    run_until_ready(f);
    assert_true(taken(f, METRIC_PROBE_LOSS) == 1);
    assert_true(isnan(taken(f, METRIC_PROBE_LATENCY)));
    assert_true(taken(f, METRIC_PROBE_ATTEMPTS) == 3);
}

static void bursts_come_round_again(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 64);
    struct probe_target target = target_at(f->address);
    target.count = 2;
    target.timeout_us = 10 * US_PER_MS;
    target.every_us = 20 * US_PER_MS;
    open_prober(f, &target, 1);
    while (taken(f, METRIC_PROBE_LOSS) != 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    close(f->listener);
    f->listener = -1;
    while (taken(f, METRIC_PROBE_LOSS) != 1)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void closing_in_the_middle_of_a_burst_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 0);
    fill_the_backlog(f);
    struct probe_target targets[2] = { target_at(f->address), target_at("no-such-name.invalid:80") };
    open_prober(f, targets, 2);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(prober_ready(f->prober));
}

static void many_targets_are_probed_at_once(void **state)
{
    struct fixture *f = *state;
    listen_on_loopback(f, 1024);
    struct probe_target targets[PROBE_TARGETS_MAX];
    for (size_t i = 0; i < PROBE_TARGETS_MAX; i++)
        targets[i] = target_at(f->address);
    open_prober(f, targets, PROBE_TARGETS_MAX);
    run_until_ready(f);
    prober_take(f->prober, &f->readings);
    assert_int_equal(f->readings.n, 4 * PROBE_TARGETS_MAX);
}

static void targets_that_cannot_be_kept_are_refused(void **state)
{
    struct fixture *f = *state;
    enum { WRONG = 9 };
    struct probe_target wrong[WRONG];
    for (size_t i = 0; i < WRONG; i++)
        wrong[i] = target_at("127.0.0.1:80");
    wrong[0].address = "127.0.0.1";
    wrong[1].count = 0;
    wrong[2].count = PROBE_COUNT_MAX + 1;
    wrong[3].every_us = wrong[3].timeout_us; /* two spacings too short */
    wrong[4].timeout_us = 0;
    wrong[5].spacing_us = -1;
    wrong[6].address = "127.0.0.1:0";
    wrong[7].address = "[fe80]:80";
    wrong[8].address = "2001:db8::7:80";
    for (size_t i = 0; i < WRONG; i++) {
        struct err err = { .code = 0 };
        assert_int_equal(probe_target_check(&wrong[i], NULL), -EINVAL);
        assert_int_equal(prober_open(&f->prober, &f->loop, &wrong[i], 1, &f->clock, NULL, &err), -EINVAL);
        assert_null(f->prober);
        assert_int_equal(err.code, -EINVAL);
    }
    struct probe_target many[PROBE_TARGETS_MAX + 1];
    for (size_t i = 0; i <= PROBE_TARGETS_MAX; i++)
        many[i] = target_at("127.0.0.1:80");
    assert_int_equal(prober_open(&f->prober, &f->loop, many, PROBE_TARGETS_MAX + 1, &f->clock, NULL, NULL), -EINVAL);
}

static void without_targets_there_is_nothing_to_wait_for(void **state)
{
    struct fixture *f = *state;
    open_prober(f, NULL, 0);
    assert_true(prober_ready(f->prober));
    prober_take(f->prober, &f->readings);
    assert_int_equal(f->readings.n, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_open_port_answers_every_attempt),
        test(a_closed_port_is_a_loss_of_one_and_has_no_latency),
        test(a_host_that_does_not_answer_is_given_up_at_its_timeout),
        test(before_the_first_burst_is_over_every_series_is_there_without_a_value),
        test(a_name_is_looked_up),
        test(a_name_nobody_knows_is_a_lost_burst),
        test(bursts_come_round_again),
        test(closing_in_the_middle_of_a_burst_leaves_nothing_behind),
        test(many_targets_are_probed_at_once),
        test(targets_that_cannot_be_kept_are_refused),
        test(without_targets_there_is_nothing_to_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

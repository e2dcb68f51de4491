/* The uplink against a listening link and the real codec, over loopback: the collector here is a script. */
#include "agent/uplink/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "proto/codec/codec.h"
#include "proto/link/server.h"

enum { REPORTS_MAX = 64 };

struct seen { /* one report as it came */
    uint64_t first, highest, revision;
    uint32_t n_ticks;
    uint64_t counter;
    bool has_table;
    struct run_id run;
    int64_t interval_us, sent_us, answered_us;
};

struct collector {
    struct link_server *server;
    struct link_peer *peer;
    uint64_t out; /* counter of our sealed answers */
    unsigned hellos;
    unsigned n;
    struct seen reports[REPORTS_MAX];
    struct answer welcome;
    struct answer script[REPORTS_MAX]; /* for reports; kind STORED with last 0: stores what came */
    enum envelope_kind kinds[REPORTS_MAX];
    unsigned silent_from, silent_to; /* reports that get no answer */
    bool garbage;                    /* answers nonsense instead, once */
    uint64_t host;
};

struct fixture {
    uv_loop_t loop;
    struct clock_fake fake;
    struct clock clock;
    struct log log;
    struct arena arena;
    struct collector collector;
    struct uplink *uplink;
    struct readings readings;
    int64_t interval_us;
    unsigned drained;
};

static void say(struct fixture *f, struct link_peer *peer, uint32_t ticket, enum envelope_kind kind,
                const struct answer *answer)
{
    uint8_t inner[4096], outer[4096];
    size_t len = 0;
    if (answer)
        assert_int_equal(codec_encode_answer(answer, inner, sizeof inner, &len, NULL), 0);
    struct envelope envelope = { .kind = kind, .inner = { inner, len } };
    if (kind == ENVELOPE_SEALED)
        envelope.counter = f->collector.out++;
    assert_int_equal(codec_encode_envelope(&envelope, outer, sizeof outer, &len, NULL), 0);
    link_peer_answer(peer, ticket, outer, len);
}

static void hear_hello(struct fixture *f, struct link_peer *peer, uint32_t ticket, const struct hello *hello)
{
    struct collector *c = &f->collector;
    c->hellos++;
    c->out = 0;
    c->host = hello->host;
    assert_string_equal(hello->hostname, "web-1");
    say(f, peer, ticket, ENVELOPE_HANDSHAKE, &c->welcome);
}

static void hear_report(struct fixture *f, struct link_peer *peer, uint32_t ticket, const struct report *report,
                        uint64_t counter)
{
    struct collector *c = &f->collector;
    assert_true(c->n < REPORTS_MAX);
    unsigned i = c->n++;
    const struct batch *batch = &report->batch;
    c->reports[i] = (struct seen){
        .first = batch->first,
        .n_ticks = batch->n_ticks,
        .highest = report->highest,
        .revision = report->policy_revision,
        .counter = counter,
        .has_table = report->has_table,
        .run = batch->run,
        .interval_us = report->interval_us,
        .sent_us = report->sent_us,
        .answered_us = report->answered_us,
    };
    if (i >= c->silent_from && i < c->silent_to)
        return;
    if (c->kinds[i] == ENVELOPE_NO_SESSION) {
        say(f, peer, ticket, ENVELOPE_NO_SESSION, NULL);
        return;
    }
    if (c->garbage) {
        c->garbage = false;
        link_peer_answer(peer, ticket, (const uint8_t *)"\xff\xff\xff", 3);
        return;
    }
    struct answer answer = c->script[i];
    if (answer.kind == ANSWER_STORED && answer.last == 0) {
        answer.first = batch->first;
        answer.last = batch->first + batch->n_ticks - 1;
    }
    say(f, peer, ticket, ENVELOPE_SEALED, &answer);
}

static void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct fixture *f = user;
    struct envelope envelope;
    struct request request;
    arena_reset(&f->arena);
    assert_int_equal(codec_decode_envelope(bytes, len, &envelope, NULL), 0);
    assert_int_equal(codec_decode_request(envelope.inner.at, envelope.inner.len, &f->arena, &request, NULL), 0);
    if (request.kind == REQUEST_HELLO)
        hear_hello(f, peer, ticket, &request.hello);
    else
        hear_report(f, peer, ticket, &request.report, envelope.counter);
}

static void on_open(void *user, struct link_peer *peer)
{
    ((struct fixture *)user)->collector.peer = peer;
}

static void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    (void)why;
    struct fixture *f = user;
    if (f->collector.peer == peer)
        f->collector.peer = NULL;
}

static void on_interval(void *user, int64_t interval_us)
{
    ((struct fixture *)user)->interval_us = interval_us;
}

static void on_drained(void *user)
{
    ((struct fixture *)user)->drained++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->fake = (struct clock_fake){ .mono_ns = 100 * NS_PER_S, .wall_ns = 1790000000 * NS_PER_S };
    f->clock = clock_of_fake(&f->fake);
    f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .least = LOG_INFO, .clock = &f->clock };
    f->collector.welcome = (struct answer){ .kind = ANSWER_WELCOME, .text = "", .policy = { 7, US_PER_S } };
    for (size_t i = 0; i < REPORTS_MAX; i++) {
        f->collector.script[i] = (struct answer){ .kind = ANSWER_STORED, .text = "" };
        f->collector.kinds[i] = ENVELOPE_SEALED;
    }
    arena_init(&f->arena, CODEC_ARENA_BYTES);
    return uv_loop_init(&f->loop);
}

static void open_both(struct fixture *f, size_t queue_bytes)
{
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    assert_int_equal(
        link_server_open(&f->collector.server, &f->loop, "127.0.0.1:0", link_limits_default(), handlers, NULL), 0);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", link_server_port(f->collector.server));
    struct uplink_config config = {
        .collector = address,
        .host = 0xc0ffee,
        .interval_us = 10 * US_PER_S,
        .queue_bytes = queue_bytes,
        .hostname = "web-1",
        .system = "Linux",
    };
    assert_int_equal(uplink_open(&f->uplink, &f->loop, &config, on_interval, f, &f->clock, &f->log, NULL), 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->uplink = uplink_close(f->uplink);
    f->collector.server = link_server_close(f->collector.server);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    readings_done(&f->readings);
    arena_done(&f->arena);
    close(f->log.fd);
    free(f);
    return rc;
}

static void push(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        clock_fake_pass(&f->fake, NS_PER_S);
        readings_clear(&f->readings);
        readings_add(&f->readings, METRIC_CPU_UTILIZATION, "", 0.5);
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, "vda", i);
        uplink_push(f->uplink, &f->readings, clock_mono_us(&f->clock), clock_wall_us(&f->clock));
    }
}

/* Lets virtual time go with the loop's rounds, so that back-offs pass without being waited for. */
static void run_until(struct fixture *f, bool (*reached)(const struct fixture *f))
{
    while (!reached(f)) {
        uv_run(&f->loop, UV_RUN_ONCE);
        clock_fake_pass(&f->fake, 100 * NS_PER_MS);
    }
}

/* In a session: the welcome's policy has come. */
static bool is_reporting(const struct fixture *f)
{
    return f->interval_us > 0;
}

static bool is_empty(const struct fixture *f)
{
    return uplink_counts(f->uplink).queued == 0;
}

static bool has_a_report(const struct fixture *f)
{
    return f->collector.n > 0;
}

static bool has_two_reports(const struct fixture *f)
{
    return f->collector.n > 1;
}

static bool has_three_reports(const struct fixture *f)
{
    return f->collector.n > 2;
}

static bool has_two_hellos(const struct fixture *f)
{
    return f->collector.hellos == 2;
}

static bool is_drained(const struct fixture *f)
{
    return f->drained > 0;
}

static size_t times_logged(const struct fixture *f, const char *words)
{
    char text[16384];
    ssize_t len = pread(f->log.fd, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

static void assert_report(const struct fixture *f, unsigned i, uint64_t first, uint32_t n_ticks, bool has_table)
{
    assert_true(f->collector.n > i);
    assert_int_equal(f->collector.reports[i].first, first);
    assert_int_equal(f->collector.reports[i].n_ticks, n_ticks);
    assert_int_equal(f->collector.reports[i].has_table, has_table);
}

static void what_is_stored_leaves_the_queue_and_the_table_goes_but_once(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    push(f, 1);
    run_until(f, is_empty);
    assert_true(f->collector.host == 0xc0ffee);
    assert_int_equal(f->collector.hellos, 1);
    assert_report(f, 0, 1, 1, true);
    assert_report(f, 1, 2, 1, false);
    assert_int_equal(f->collector.reports[0].counter, 0);
    assert_int_equal(f->collector.reports[1].counter, 1);
    assert_int_equal(f->collector.reports[1].highest, 2);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.stored, 2);
    assert_int_equal(counts.dropped + counts.refused, 0);
}

static void the_policy_of_the_welcome_changes_the_interval_and_is_confirmed(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->interval_us, US_PER_S);
    assert_int_equal(f->collector.reports[0].revision, 7);
    assert_int_equal(f->collector.reports[0].interval_us, US_PER_S);
}

static void an_interval_no_timer_should_have_is_not_taken(void **state)
{
    struct fixture *f = *state;
    f->collector.welcome.policy.interval_us = 1;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->interval_us, 0);
    assert_int_equal(f->collector.reports[0].revision, 0);
    assert_int_equal(f->collector.reports[0].interval_us, 10 * US_PER_S);
}

static void a_report_carries_the_stamps_of_the_exchange_before_it(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 1);
    run_until(f, is_empty);
    const struct seen *report = &f->collector.reports[0];
    assert_true(report->sent_us > 0);
    assert_true(report->answered_us >= report->sent_us);
}

static void a_refused_batch_is_dropped_and_the_next_one_goes(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_LIMIT, .text = "no" };
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 3);
    run_until(f, is_empty);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.refused, f->collector.reports[0].n_ticks);
    assert_int_equal(counts.refused + counts.stored, 3);
}

static void an_overlap_is_cut_out_and_the_rest_sent(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] =
        (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_OVERLAP, .first = 1, .last = 3, .text = "" };
    open_both(f, 8 << 20);
    push(f, 5);
    run_until(f, is_empty);
    assert_report(f, 0, 1, 5, true);
    assert_report(f, 1, 4, 2, true);
    assert_int_equal(uplink_counts(f->uplink).stored, 5);
    assert_int_equal(uplink_counts(f->uplink).refused, 0);
}

static void an_overlap_with_nothing_we_hold_does_not_go_round_for_ever(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] =
        (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_OVERLAP, .first = 90, .last = 99, .text = "" };
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, is_empty);
    assert_int_equal(f->collector.n, 1);
    assert_int_equal(uplink_counts(f->uplink).refused, 2);
}

static void a_collector_without_the_table_gets_it_again(void **state)
{
    struct fixture *f = *state;
    f->collector.script[1] = (struct answer){ .kind = ANSWER_NO_TABLE, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    push(f, 1);
    run_until(f, is_empty);
    assert_report(f, 1, 2, 1, false);
    assert_report(f, 2, 2, 1, true);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void a_lost_session_is_opened_again_and_nothing_is_lost_with_it(void **state)
{
    struct fixture *f = *state;
    f->collector.kinds[0] = ENVELOPE_NO_SESSION;
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_report(f, 1, 1, 2, true);
    assert_int_equal(f->collector.reports[1].counter, 0); /* counters begin anew */
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void a_host_the_collector_does_not_know_keeps_its_ticks_and_asks_again(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_UNKNOWN_HOST, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
    assert_int_equal(f->collector.hellos, 2);
}

static void a_busy_collector_gets_the_same_ticks_later(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_BUSY, .retry_us = 50 * US_PER_MS, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.n, 2);
    assert_report(f, 1, 1, 1, true);
}

static void without_an_answer_the_same_ticks_go_again_under_the_next_counter(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 1;
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1); /* what happens makes it look at the clock */
    run_until(f, has_two_reports);
    assert_report(f, 1, 1, 2, true);
    assert_int_equal(f->collector.reports[1].counter, 1);
    assert_int_equal(f->collector.reports[1].sent_us, 0); /* the exchange before had no answer */
    run_until(f, is_empty);
    assert_report(f, 2, 3, 1, false);
}

static void after_three_silences_it_dials_anew(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 3;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, has_two_reports);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, has_three_reports);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_int_equal(uplink_counts(f->uplink).stored, 4);
}

static void a_broken_connection_is_made_again_and_the_ticks_sent_in_order(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 1;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    link_peer_close(f->collector.peer);
    push(f, 3);
    run_until(f, has_two_hellos);
    run_until(f, is_empty);
    const struct seen *last = &f->collector.reports[f->collector.n - 1];
    assert_int_equal(last->first + last->n_ticks - 1, 4);
    assert_memory_equal(&last->run, &f->collector.reports[0].run, sizeof last->run);
    assert_int_equal(uplink_counts(f->uplink).stored, 4);
}

/* A tick of as many series, with names so long that not all of a full one fit in a table. */
static void push_wide(struct fixture *f, int n_series)
{
    clock_fake_pass(&f->fake, NS_PER_S);
    readings_clear(&f->readings);
    for (int i = 0; i < n_series; i++) {
        char name[128];
        snprintf(name, sizeof name, "disk-%0100d", i);
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, name, i);
    }
    uplink_push(f->uplink, &f->readings, clock_mono_us(&f->clock), clock_wall_us(&f->clock));
}

static void series_that_do_not_fit_are_said_once_until_they_fit_again(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push_wide(f, 10);
    assert_int_equal(times_logged(f, "event=series_left_out"), 0);
    push_wide(f, SERIES_MAX); /* the table is cut */
    push_wide(f, SERIES_MAX + 7);
    assert_int_equal(times_logged(f, "event=series_left_out"), 1);
    push_wide(f, 10);
    assert_int_equal(times_logged(f, "event=series_left_out_over kept=10"), 1);
    push_wide(f, SERIES_MAX + 7);
    assert_int_equal(times_logged(f, "event=series_left_out series="), 2);
    assert_int_equal(times_logged(f, "event=series_left_out_over"), 1);
}

static void nonsense_for_an_answer_moves_nothing(void **state)
{
    struct fixture *f = *state;
    f->collector.garbage = true;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(uplink_counts(f->uplink).queued, 1);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void after_an_outage_the_newest_come_first_and_all_arrive(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 200);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f); /* the same order, without the backlog's pace */
    run_until(f, is_empty);
    assert_report(f, 0, 141, 60, true);
    assert_report(f, 1, 1, 60, false);
    assert_report(f, 2, 61, 60, false);
    assert_report(f, 3, 121, 20, false);
    assert_int_equal(uplink_counts(f->uplink).stored, 200);
}

static void a_full_queue_lets_the_oldest_go_and_counts_them(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 10);
    push(f, 3000);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_true(counts.dropped > 0);
    assert_int_equal(counts.dropped + counts.queued, 3000);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored + counts.dropped, 3000);
}

static void draining_ends_when_all_is_stored(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 130);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f);
    assert_int_equal(f->drained, 0);
    run_until(f, is_drained);
    assert_int_equal(uplink_counts(f->uplink).queued, 0);
    for (int i = 0; i < 10; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->drained, 1);
}

static void draining_ends_in_time_when_nobody_stores(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = REPORTS_MAX;
    open_both(f, 8 << 20);
    push(f, 1);
    uplink_drain(f->uplink, 20 * US_PER_MS, on_drained, f);
    run_until(f, is_drained);
    assert_int_equal(uplink_counts(f->uplink).queued, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_is_stored_leaves_the_queue_and_the_table_goes_but_once),
        test(the_policy_of_the_welcome_changes_the_interval_and_is_confirmed),
        test(an_interval_no_timer_should_have_is_not_taken),
        test(a_report_carries_the_stamps_of_the_exchange_before_it),
        test(a_refused_batch_is_dropped_and_the_next_one_goes),
        test(an_overlap_is_cut_out_and_the_rest_sent),
        test(an_overlap_with_nothing_we_hold_does_not_go_round_for_ever),
        test(a_collector_without_the_table_gets_it_again),
        test(a_lost_session_is_opened_again_and_nothing_is_lost_with_it),
        test(a_host_the_collector_does_not_know_keeps_its_ticks_and_asks_again),
        test(a_busy_collector_gets_the_same_ticks_later),
        test(without_an_answer_the_same_ticks_go_again_under_the_next_counter),
        test(after_three_silences_it_dials_anew),
        test(a_broken_connection_is_made_again_and_the_ticks_sent_in_order),
        test(series_that_do_not_fit_are_said_once_until_they_fit_again),
        test(nonsense_for_an_answer_moves_nothing),
        test(after_an_outage_the_newest_come_first_and_all_arrive),
        test(a_full_queue_lets_the_oldest_go_and_counts_them),
        test(draining_ends_when_all_is_stored),
        test(draining_ends_in_time_when_nobody_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

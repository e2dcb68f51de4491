/* History from elsewhere: checked as an agent's ticks are, kept once, judged never. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <string.h>

#include "proto/codec/codec.h"

struct offer {      /* what a test says of a batch; zeros stand for what follows in brackets */
    uint64_t host;  /* [web-1] */
    uint64_t first; /* [1] */
    uint32_t n;     /* [1] */
    int64_t age_s;  /* of the last tick */
    int64_t step_s; /* [1] */
    double cpu;
    const char *metric; /* [CPU] */
    const char *unit;   /* ["1"] */
    uint8_t source;
    bool other_run, other_table, two_clocks, cut_bytes;
};

struct outcome {
    bool done;
    int rc;
    char text[ERR_TEXT_MAX];
    struct collector_imported result;
};

static void on_imported(void *user, const struct collector_imported *result, const struct err *err)
{
    struct outcome *outcome = user;
    outcome->done = true;
    outcome->rc = err ? err->code : 0;
    snprintf(outcome->text, sizeof outcome->text, "%s", err ? err->text : "");
    if (result)
        outcome->result = *result;
}

static int64_t now(const struct fixture *f)
{
    return clock_wall_us(&f->clock);
}

static struct import_source source_of(uint8_t n)
{
    return (struct import_source){ { 'f', 'i', 'l', 'e', n } };
}

static void finish(struct fixture *f, struct outcome *outcome, int rc)
{
    if (rc < 0) {
        outcome->done = true;
        outcome->rc = rc;
        snprintf(outcome->text, sizeof outcome->text, "%s", f->err.text);
    }
    RUN_UNTIL(f, outcome->done);
}

/* How far the source is. */
static struct outcome asked(struct fixture *f, uint8_t source)
{
    struct outcome outcome = { .done = false };
    struct import_batch import = { .host = f->host, .source = source_of(source) };
    finish(f, &outcome, collector_import(f->collector, &import, on_imported, &outcome, &f->err));
    return outcome;
}

struct packed {
    struct import_batch import;
    uint8_t table[1024];
    uint8_t batch[BATCH_MAX];
};

static void fill_times(const struct fixture *f, const struct offer *offer, int64_t *mono_us, int64_t *wall_us)
{
    int64_t step_us = (offer->step_s ? offer->step_s : 1) * US_PER_S;
    int64_t last_us = now(f) - offer->age_s * US_PER_S;
    for (uint32_t i = 0; i < offer->n; i++) {
        wall_us[i] = last_us - (offer->n - 1 - i) * step_us;
        mono_us[i] = wall_us[i] - wall_us[0] + (int64_t)offer->first * step_us;
        wall_us[i] += offer->two_clocks && i > 0 ? 1 : 0;
    }
}

static void encode(struct fixture *f, struct offer offer, struct packed *ret)
{
    static int64_t mono_us[TICKS_MAX], wall_us[TICKS_MAX];
    static double values[TICKS_MAX];
    offer.first = offer.first ? offer.first : 1;
    offer.n = offer.n ? offer.n : 1;
    const struct series series = { offer.metric ? offer.metric : CPU, "", offer.unit ? offer.unit : "1", -4 };
    struct series_table table = { .n = 1, .at = &series };
    struct column column = { .real = true, .values = values };
    size_t table_len, batch_len;
    assert_int_equal(codec_encode_table(&table, ret->table, sizeof ret->table, &table_len, &f->err), 0);
    fill_times(f, &offer, mono_us, wall_us);
    for (uint32_t i = 0; i < offer.n; i++)
        values[i] = offer.cpu;
    struct batch batch = { .run = asked(f, offer.source).result.run,
                           .first = offer.first,
                           .n_ticks = offer.n,
                           .n_columns = 1,
                           .table = codec_table_hash(ret->table, table_len),
                           .mono_us = mono_us,
                           .wall_us = wall_us,
                           .columns = &column };
    batch.run.bytes[15] ^= offer.other_run;
    batch.table.bytes[3] ^= offer.other_table;
    assert_int_equal(codec_encode_batch(&batch, ret->batch, sizeof ret->batch, &batch_len, &f->err), 0);
    ret->import = (struct import_batch){ .host = offer.host ? offer.host : f->host,
                                         .source = source_of(offer.source),
                                         .table = { ret->table, table_len },
                                         .batch = { ret->batch, batch_len - offer.cut_bytes } };
}

static struct outcome import(struct fixture *f, struct offer offer)
{
    static struct packed packed;
    struct outcome outcome = { .done = false };
    encode(f, offer, &packed);
    finish(f, &outcome, collector_import(f->collector, &packed.import, on_imported, &outcome, &f->err));
    return outcome;
}
#define IMPORT(f, ...) import((f), (struct offer){ __VA_ARGS__ })

static void ticks_are_kept_once_and_counted_from_the_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(asked(f, 1).result.stored, 0);
    struct outcome outcome = IMPORT(f, .source = 1, .n = 100, .age_s = 1000);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.result.stored, 100);
    assert_false(outcome.result.had);
    assert_int_equal(outcome.result.stored_us, now(f) - 1000 * US_PER_S);
    uint64_t ticks = status_of(f).store.ticks;
    outcome = IMPORT(f, .source = 1, .n = 100, .age_s = 1000);
    assert_true(outcome.result.had);
    assert_int_equal(status_of(f).store.ticks, ticks);
    assert_int_equal(IMPORT(f, .source = 1, .first = 101, .n = 10, .age_s = 990).result.stored, 110);
    assert_int_equal(asked(f, 1).result.stored, 110);
    assert_int_equal(asked(f, 2).result.stored, 0); /* another file is another run */
    restart_collector(f);
    assert_int_equal(asked(f, 1).result.stored, 110);
}

static void a_run_is_of_its_host_and_its_source(void **state)
{
    struct fixture *f = *state;
    struct run_id one = asked(f, 1).result.run;
    struct run_id again = asked(f, 1).result.run;
    struct run_id other = asked(f, 2).result.run;
    assert_true(store_run_is_imported(&one));
    assert_memory_equal(&one, &again, sizeof one);
    assert_memory_not_equal(&one, &other, sizeof one);
    f->host = add_host(f, f->tenant, "web-2");
    other = asked(f, 1).result.run;
    assert_memory_not_equal(&one, &other, sizeof one);
}

static void only_the_next_batch_is_taken(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(IMPORT(f, .first = 2).rc, -EPERM);
    assert_int_equal(IMPORT(f, .n = 10, .age_s = 100).rc, 0);
    assert_int_equal(IMPORT(f, .first = 12, .age_s = 10).rc, -EPERM);
    struct outcome outcome = IMPORT(f, .first = 6, .n = 10, .age_s = 10); /* half of it is stored */
    assert_int_equal(outcome.rc, -EPERM);
    assert_non_null(strstr(outcome.text, "tick 11 is to be next, not 6"));
    outcome = IMPORT(f, .first = 11, .n = 10, .age_s = 105); /* goes back in time */
    assert_int_equal(outcome.rc, -EPERM);
    assert_int_equal(asked(f, 0).result.stored, 10);
}

static void what_is_not_whole_is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct offer offer;
        const char *why;
    } cases[] = {
        { { .cut_bytes = true }, "import: " },
        { { .other_run = true }, "of another run" },
        { { .other_table = true }, "not of its table" },
        { { .two_clocks = true, .n = 2 }, "two clocks" },
        { { .age_s = -3700 }, "lie in the future" },
        { { .age_s = 1000000000 }, "before the year 2000" },
        { { .n = 2, .step_s = 86401 }, "more than a day" },
        { { .unit = "%" }, "is in 1, not in %" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome outcome = import(f, cases[i].offer);
        assert_int_equal(outcome.rc, -EINVAL);
        if (!strstr(outcome.text, cases[i].why))
            fail_msg("%s", outcome.text);
    }
    assert_int_equal(status_of(f).store.ticks, 0);
    assert_int_equal(IMPORT(f, .metric = "anything else", .unit = "furlong").rc, 0);
    assert_int_equal(IMPORT(f, .host = 77).rc, -ENOENT);
}

static void one_import_into_a_host_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct outcome one = { .done = false }, two = { .done = false };
    struct import_batch first = { .host = f->host, .source = source_of(1) };
    struct import_batch second = { .host = f->host, .source = source_of(2) };
    struct import_batch elsewhere = { .host = add_host(f, f->tenant, "web-2"), .source = source_of(1) };
    assert_int_equal(collector_import(f->collector, &first, on_imported, &one, &f->err), 0);
    assert_int_equal(collector_import(f->collector, &second, on_imported, &two, &f->err), -EAGAIN);
    assert_int_equal(collector_import(f->collector, &elsewhere, on_imported, &two, &f->err), 0);
    RUN_UNTIL(f, one.done && two.done);
    assert_int_equal(asked(f, 2).rc, 0);
}

static void the_past_is_not_judged_and_the_host_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct host_view before, after;
    add_rule(f, "cpu-full", CPU, 0.9, 0);
    restart_collector(f);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = 0.1), 1, 1);
    collector_host_view(f->collector, f->host, &before);
    assert_int_equal(IMPORT(f, .n = 60, .cpu = 1.0).rc, 0); /* up to this very second */
    collector_host_view(f->collector, f->host, &after);
    assert_int_equal(after.last_tick_us, before.last_tick_us);
    assert_true(after.cpu == before.cpu);
    assert_int_equal(after.firing, 0);
    assert_int_equal(count_alerts(f, ALERT_FIRING), 0);
    restart_collector(f); /* nor when stored ticks are judged again */
    collector_host_view(f->collector, f->host, &after);
    assert_int_equal(after.last_tick_us, before.last_tick_us);
    assert_int_equal(status_of(f).firing + status_of(f).pending, 0);
    pass(f, 1);
    assert_int_equal(count_alerts(f, ALERT_FIRING), 0);
}

static void an_import_alone_does_not_make_a_host_report(void **state)
{
    struct fixture *f = *state;
    struct host_view view;
    assert_int_equal(IMPORT(f, .n = 60).rc, 0);
    restart_collector(f);
    pass(f, 120);
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.presence, HOST_NEVER);
    assert_int_equal(view.last_tick_us, 0);
}

static void a_broken_disk_is_said_and_the_import_goes_on_later(void **state)
{
    struct fixture *f = *state;
    static struct packed packed;
    struct outcome outcome = { .done = false };
    assert_int_equal(IMPORT(f, .n = 5, .age_s = 100).rc, 0);
    encode(f, (struct offer){ .first = 6, .n = 5, .age_s = 50 }, &packed);
    break_disk();
    assert_int_equal(collector_import(f->collector, &packed.import, on_imported, &outcome, &f->err), 0);
    run_until_declared(f);
    RUN_UNTIL(f, outcome.done);
    assert_int_equal(outcome.rc, -EIO);
    outcome = (struct outcome){ .done = false };
    finish(f, &outcome, collector_import(f->collector, &packed.import, on_imported, &outcome, &f->err));
    assert_int_equal(outcome.rc, -EIO);
    heal_disk();
    run_until_recovered(f);
    assert_int_equal(asked(f, 0).result.stored, 5);
    assert_int_equal(IMPORT(f, .first = 6, .n = 5, .age_s = 50).result.stored, 10);
}

static void many_files_do_not_push_out_the_agents_runs(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 5), 1, 5);
    for (uint8_t i = 0; i < 70; i++)
        assert_int_equal(IMPORT(f, .source = i, .n = 1, .age_s = 1000 + i).rc, 0);
    restart_collector(f);
    agent = join_agent(f, f->host, 1);
    uint64_t ticks = status_of(f).store.ticks;
    assert_stored(REPORT(agent, .first = 1, .n = 5), 1, 5); /* known to be stored */
    assert_int_equal(status_of(f).store.ticks, ticks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(ticks_are_kept_once_and_counted_from_the_first),
        COLLECTOR_TEST(a_run_is_of_its_host_and_its_source),
        COLLECTOR_TEST(only_the_next_batch_is_taken),
        COLLECTOR_TEST(what_is_not_whole_is_refused),
        COLLECTOR_TEST(one_import_into_a_host_at_a_time),
        COLLECTOR_TEST(the_past_is_not_judged_and_the_host_stays_as_it_is),
        COLLECTOR_TEST(an_import_alone_does_not_make_a_host_report),
        COLLECTOR_TEST(a_broken_disk_is_said_and_the_import_goes_on_later),
        COLLECTOR_TEST(many_files_do_not_push_out_the_agents_runs),
    };
    faulty_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

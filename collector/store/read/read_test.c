/* Reads over every stage a tick goes through, held against the ticks themselves. */
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/read/stages_fixture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/ask.h"
#include "collector/store/db.h"
#include "collector/store/read/query.h"
#include "collector/store/read/reader.h"

enum { HOST = 5, DAYS = 12, CHUNK = 60, KNOWN_MAX = 80000, ROUNDS_MAX = 400, POINTS_KEPT = 4096 };
#define DAY_US    (86400 * US_PER_S)
#define MINUTE_US (60 * US_PER_S)
#define NOW_US    ANCHOR_US /* of the fixture's clock */
#define TODAY_US  (NOW_US - NOW_US % DAY_US)
#define RAW_US    (NOW_US - 7 * DAY_US)

/* ---- what is there ---- */

struct known {
    int64_t at_us;
    uint64_t number;
};

struct round { /* ticks that go the same way */
    struct staged ticks;
    int stage; /* 0 inbox, 1..3 a block of level 0..2, 4 expired but for its rollups */
    uint64_t numbers[8 * CHUNK];
};

struct world {
    uint64_t random;
    size_t n_rounds;
    struct round rounds[ROUNDS_MAX];
    size_t n;
    struct known at[KNOWN_MAX];
};

static struct world world; /* large */

static uint32_t any(uint32_t below) /* xorshift64* */
{
    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;
    return (uint32_t)((world.random * UINT64_C(2685821657736338717)) >> 33) % below;
}

static int64_t at_us(const struct staged *ticks, uint32_t i)
{
    return ticks->anchor_us + (int64_t)ticks->numbers[i] * ticks->apart_us;
}

/* Some chunks of a run from `number` on, with holes between. */
static void plan_round(struct fixture *f, const struct staged *of, uint64_t *number)
{
    struct round *round = &world.rounds[world.n_rounds++];
    bool coarse = of->apart_us == MINUTE_US;
    round->ticks = *of;
    round->ticks.numbers = round->numbers;
    for (uint32_t chunks = 1 + any(coarse ? 2 : 8); chunks > 0; chunks--) {
        struct packed packed;
        pack_apart(&packed, 0, of->host, of->run, *number, CHUNK, of->anchor_us, of->apart_us);
        assert_int_equal(store_batch(f->store, &packed.row, &f->err), 0);
        for (uint32_t i = 0; i < CHUNK; i++)
            round->numbers[round->ticks.n++] = (*number)++;
        *number += coarse || any(3) ? 0 : any(500);
    }
    int64_t last_us = at_us(&round->ticks, round->ticks.n - 1);
    round->stage = (int)any(5);
    if (round->stage == 4 && (coarse || last_us >= RAW_US))
        round->stage = 3;
    for (uint32_t i = 0; i < round->ticks.n; i++)
        world.at[world.n++] = (struct known){ at_us(&round->ticks, i), round->numbers[i] };
}

/* Where something may go wrong. */
static int64_t near_a_tick(void)
{
    return world.at[any((uint32_t)world.n)].at_us + any(3000000) - 1500000;
}

/* Days of ticks each second, one of them of ticks each minute; the newest ends before now. */
static void plan(struct fixture *f, uint64_t host)
{
    for (int day = 0; day < DAYS; day++) {
        int64_t late_us = day == DAYS - 1 ? 0 : any(20000) * US_PER_S;
        struct staged of = { .host = host,
                             .run = (uint8_t)(day + 1),
                             .anchor_us = TODAY_US - (DAYS - 1 - day) * DAY_US + late_us,
                             .apart_us = day == 3 ? MINUTE_US : US_PER_S };
        uint64_t number = 1;
        do
            plan_round(f, &of, &number);
        while (number < (day == 3 ? 400 : 3000));
    }
}

static void carry_out(struct fixture *f)
{
    struct stages stages;
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    close_store(f);
    stages_open(&stages, f);
    for (size_t i = 0; i < world.n_rounds; i++) {
        const struct round *round = &world.rounds[i];
        if (round->stage > 0)
            stages_take(&stages, &round->ticks);
        if (round->stage == 4)
            stages_roll(&stages, &round->ticks);
        else if (round->stage > 0)
            stages_block(&stages, &round->ticks, round->stage - 1);
    }
    stages_close(&stages);
    open_store(f);
}

static void make_world(struct fixture *f, uint64_t seed)
{
    memset(&world, 0, sizeof world);
    world.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    plan(f, HOST);
    carry_out(f);
}

/* ---- series ---- */

struct series_copy {
    bool done;
    int rc;
    size_t n; /* of the first series */
    bool quantiles;
    struct store_result result;
    struct store_point points[POINTS_KEPT];
    struct store_quantiles spread[POINTS_KEPT];
};

static void on_series(void *user, const struct store_result *result, const struct err *err)
{
    struct series_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    if (!result)
        return;
    copy->result = *result;
    copy->n = result->n ? result->series[0].n : 0;
    assert_true(copy->n <= POINTS_KEPT);
    copy->quantiles = result->n && result->series[0].quantiles;
    if (copy->n)
        memcpy(copy->points, result->series[0].points, copy->n * sizeof copy->points[0]);
    if (copy->quantiles)
        memcpy(copy->spread, result->series[0].quantiles, copy->n * sizeof copy->spread[0]);
}

static const struct series_copy *ask(struct fixture *f, const struct store_query *query)
{
    static struct series_copy copy;
    memset(&copy, 0, sizeof copy);
    if (store_query(f->store, query, on_series, &copy, &f->err) < 0)
        fail_msg("%s", f->err.text);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return &copy;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The values of ticks in [from, to), which are their numbers, sorted. */
static size_t values_within(int64_t from_us, int64_t to_us, double *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < world.n; i++)
        if (world.at[i].at_us >= from_us && world.at[i].at_us < to_us)
            ret[n++] = (double)world.at[i].number;
    qsort(ret, n, sizeof *ret, by_value);
    return n;
}

static double nearest_rank(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return sorted[rank ? rank - 1 : 0];
}

static void assert_near(double got, double want, double share)
{
    if (!(fabs(got - want) <= share * fabs(want) + 1e-9))
        fail_msg("%.17g instead of %.17g", got, want);
}

static void check_point(const struct store_point *point, const struct store_quantiles *spread, int64_t from_us,
                        int64_t to_us)
{
    static double values[KNOWN_MAX];
    size_t n = values_within(from_us, to_us, values);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    assert_int_equal(point->count, n);
    assert_true(point->min == values[0] && point->max == values[n - 1]);
    assert_near(point->mean, sum / (double)n, 1e-12);
    if (spread) {
        assert_near(spread->p95, nearest_rank(values, n, 0.95), 0.0101);
        assert_near(spread->p99, nearest_rank(values, n, 0.99), 0.0101);
    }
}

/* Every step that has ticks is a point, and no other is. */
static void check_steps(struct fixture *f, int64_t from_us, int64_t to_us, int64_t step_us, bool quantiles)
{
    struct store_query query = { .host = HOST,
                                 .from_us = from_us,
                                 .to_us = to_us,
                                 .step_us = step_us,
                                 .quantiles = quantiles,
                                 .metric = "cpu",
                                 .instance = "*" };
    const struct series_copy *got = ask(f, &query);
    assert_int_equal(got->quantiles, quantiles && got->n > 0);
    size_t seen = 0;
    for (size_t i = 0; i < got->n; i++) {
        int64_t begin_us = got->points[i].at_us;
        assert_true(begin_us % step_us == 0 && (i == 0 || begin_us > got->points[i - 1].at_us));
        int64_t end_us = begin_us + step_us < to_us ? begin_us + step_us : to_us;
        check_point(&got->points[i], quantiles ? &got->spread[i] : NULL, begin_us > from_us ? begin_us : from_us,
                    end_us);
        seen += got->points[i].count;
    }
    static double values[KNOWN_MAX];
    assert_int_equal(seen, values_within(from_us, to_us, values));
}

static void each_tick_is_counted_once_wherever_it_lies(void **state)
{
    struct fixture *f = *state;
    static const int64_t steps_s[] = { 60, 300, 3600, 86400, 7 * 86400 };
    make_world(f, 1);
    for (int i = 0; i < 60; i++) {
        int64_t step_us = steps_s[any(5)] * US_PER_S;
        int64_t from_us = near_a_tick() / MINUTE_US * MINUTE_US;
        int64_t to_us = from_us + (1 + (int64_t)any(DAYS * 1440)) * MINUTE_US;
        if ((to_us - from_us) / step_us < POINTS_KEPT - 2)
            check_steps(f, from_us, to_us, step_us, false);
    }
}

/* Each id to the second as far from its day's end as it was from the day's start. */
static void turn_ids_round(struct fixture *f)
{
    static const char *const tables[] = { "block", "minute", "sketch" };
    struct stages stages;
    close_store(f);
    stages_open(&stages, f);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        stages_sql(&stages,
                   "UPDATE %s SET id = -((id >> 39 << 39) + (id & 63) + (((first_us / 86400000000 + 1) * 86400 - 1"
                   " - first_us / 1000000 %% 86400) << 6)); UPDATE %s SET id = -id",
                   tables[i], tables[i]);
    stages_close(&stages);
    open_store(f);
}

static void rows_whose_second_was_full_are_found_anywhere_in_their_day(void **state)
{
    struct fixture *f = *state;
    make_world(f, 1);
    turn_ids_round(f);
    for (int i = 0; i < 60; i++) {
        int64_t from_us = near_a_tick() / MINUTE_US * MINUTE_US;
        check_steps(f, from_us, from_us + (1 + (int64_t)any(200)) * MINUTE_US, MINUTE_US, false);
    }
}

static void samples_that_are_there_are_cut_to_the_microsecond(void **state)
{
    struct fixture *f = *state;
    make_world(f, 2);
    for (int i = 0; i < 120; i++) {
        int64_t from_us = near_a_tick();
        if (from_us < RAW_US + 20 * MINUTE_US)
            continue;
        int64_t to_us = near_a_tick();
        if (to_us <= from_us)
            to_us = from_us + 1 + (int64_t)any(2 * 86400) * US_PER_S + any(1000000);
        int64_t step_us = (1 + (int64_t)any(600)) * US_PER_S;
        if ((to_us - from_us) / step_us < POINTS_KEPT - 2)
            check_steps(f, from_us, to_us, step_us, i % 2);
        check_steps(f, from_us, to_us, 6 * 3600 * US_PER_S,
                    i % 2); /* wide ones come from minutes but for their edges */
    }
}

static void more_points_than_asked_for_become_steps_of_whole_minutes_in_a_wide_range(void **state)
{
    struct fixture *f = *state;
    make_world(f, 3);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .points = 100,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *got = ask(f, &query);
    assert_true(got->result.minutes);
    assert_int_equal(got->result.step_us % MINUTE_US, 0);
    assert_true(got->n <= 100);
    for (size_t i = 0; i < got->n; i++) {
        int64_t begin_us = got->points[i].at_us;
        check_point(&got->points[i], NULL, begin_us, begin_us + got->result.step_us);
    }
}

/* Their quantiles are not known any more, nor made up. */
static void quantiles_of_steps_whose_samples_are_gone_are_none(void **state)
{
    struct fixture *f = *state;
    make_world(f, 4);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .step_us = 3600 * US_PER_S,
                                 .quantiles = true,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *got = ask(f, &query);
    size_t none = 0;
    for (size_t i = 0; i < got->n; i++) {
        bool gone = isnan(got->spread[i].p95);
        none += gone;
        check_point(&got->points[i], gone ? NULL : &got->spread[i], got->points[i].at_us,
                    got->points[i].at_us + query.step_us);
        assert_true(!gone || got->points[i].at_us < RAW_US + 3600 * US_PER_S);
    }
    assert_true(none > 0 && none < got->n);
}

/* ---- spread ---- */

struct spread_copy {
    bool done;
    int rc;
    size_t n, n_series;
    int64_t from_us, to_us;
    struct store_spread_row rows[8];
};

static void on_spread(void *user, const struct store_spread *result, const struct err *err)
{
    struct spread_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    if (copy->n == 0)
        return;
    copy->from_us = result->hosts[0].from_us;
    copy->to_us = result->hosts[0].to_us;
    copy->n_series = result->hosts[0].n;
    memcpy(copy->rows, result->hosts[0].series, copy->n_series * sizeof copy->rows[0]);
}

static struct spread_copy spread(struct fixture *f, const char *metric, int64_t from_us, int64_t to_us)
{
    static const uint64_t hosts[] = { HOST };
    struct store_spread_query query = { .hosts = { .n = 1, .at = hosts, .rows = 100 },
                                        .from_us = from_us,
                                        .to_us = to_us };
    snprintf(query.filter.metric, sizeof query.filter.metric, "%s", metric);
    strcpy(query.filter.instance, "*");
    struct spread_copy copy = { .done = false };
    assert_int_equal(store_spread(f->store, &query, on_spread, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static void check_spread(const struct store_spread_row *row, int64_t from_us, int64_t to_us)
{
    static double values[KNOWN_MAX];
    size_t n = values_within(from_us, to_us, values);
    assert_int_equal(row->count, n);
    assert_true(row->min == values[0] && row->max == values[n - 1]);
    assert_near(row->p50, nearest_rank(values, n, 0.5), 0.0101);
    assert_near(row->p90, nearest_rank(values, n, 0.9), 0.0101);
    assert_near(row->p95, nearest_rank(values, n, 0.95), 0.0101);
    assert_near(row->p99, nearest_rank(values, n, 0.99), 0.0101);
}

static void quantiles_of_whole_days_are_those_of_their_ticks(void **state)
{
    struct fixture *f = *state;
    make_world(f, 5);
    for (int i = 0; i < 40; i++) {
        int64_t from_us = TODAY_US - (int64_t)any(DAYS) * DAY_US;
        int64_t to_us = from_us + (1 + (int64_t)any(DAYS)) * DAY_US;
        struct spread_copy got = spread(f, "cpu", from_us, to_us);
        assert_int_equal(got.n_series, 1);
        assert_true(got.from_us == from_us && got.to_us == to_us);
        check_spread(&got.rows[0], from_us, to_us);
    }
    assert_int_equal(spread(f, "*", TODAY_US - DAY_US, NOW_US).n_series, 3);
}

static void a_part_of_a_day_is_read_from_its_samples_or_rounded_to_the_day_and_that_is_said(void **state)
{
    struct fixture *f = *state;
    make_world(f, 6);
    int64_t young_us = TODAY_US - 5 * DAY_US + 8000 * US_PER_S + 1;
    struct spread_copy got = spread(f, "cpu", young_us, NOW_US);
    assert_true(got.from_us == young_us && got.to_us == NOW_US);
    check_spread(&got.rows[0], young_us, NOW_US);
    int64_t old_us = TODAY_US - 10 * DAY_US + 9000 * US_PER_S;
    got = spread(f, "cpu", old_us, young_us);
    assert_true(got.from_us == TODAY_US - 10 * DAY_US && got.to_us == young_us);
    check_spread(&got.rows[0], got.from_us, got.to_us);
    got = spread(f, "cpu", old_us, old_us + 60 * US_PER_S);
    assert_int_equal(got.to_us - got.from_us, DAY_US);
}

/* ---- latest ---- */

struct latest_copy {
    bool done;
    int rc;
    size_t n;
    struct {
        uint64_t host;
        size_t n;
        int64_t at_us[8];
        double values[8];
        char metrics[8][32];
    } hosts[4];
};

static void on_latest(void *user, const struct store_latest *result, const struct err *err)
{
    struct latest_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    for (size_t i = 0; i < copy->n; i++) {
        copy->hosts[i].host = result->hosts[i].host;
        copy->hosts[i].n = result->hosts[i].n;
        for (size_t k = 0; k < result->hosts[i].n; k++) {
            const struct store_last *row = &result->hosts[i].series[k];
            copy->hosts[i].at_us[k] = row->at_us;
            copy->hosts[i].values[k] = row->value;
            snprintf(copy->hosts[i].metrics[k], sizeof copy->hosts[i].metrics[k], "%s/%s", row->metric, row->instance);
        }
    }
}

static struct latest_copy latest(struct fixture *f, const uint64_t *hosts, size_t n, const char *metric, size_t rows)
{
    struct store_latest_query query = { .hosts = { .n = n, .at = hosts, .rows = rows } };
    snprintf(query.filter.metric, sizeof query.filter.metric, "%s", metric);
    strcpy(query.filter.instance, "*");
    struct latest_copy copy = { .done = false };
    assert_int_equal(store_latest(f->store, &query, on_latest, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static void the_last_value_of_each_series_is_found_in_every_stage(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5, 6, 7, 8 };
    uint64_t numbers[CHUNK];
    for (uint64_t host = 5; host <= 7; host++)
        assert_int_equal(put_batch(f, 0, host, 1, 1, CHUNK), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    close_store(f);
    struct stages stages;
    stages_open(&stages, f);
    for (uint64_t i = 0; i < CHUNK; i++)
        numbers[i] = i + 1;
    struct staged ticks = {
        .host = 6, .run = 1, .n = CHUNK, .numbers = numbers, .anchor_us = ANCHOR_US, .apart_us = US_PER_S
    };
    stages_take(&stages, &ticks);
    stages_block(&stages, &ticks, 0);
    ticks.host = 7;
    stages_take(&stages, &ticks);
    stages_block(&stages, &ticks, 2);
    stages_close(&stages);
    open_store(f);
    struct latest_copy got = latest(f, hosts, 4, "*", 100);
    assert_int_equal(got.n, 4);
    assert_int_equal(got.hosts[3].n, 0); /* nobody has ever heard of it */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(got.hosts[i].host, 5 + i);
        assert_int_equal(got.hosts[i].n, 3);
        assert_string_equal(got.hosts[i].metrics[2], "disk.read/vdb");
        assert_true(got.hosts[i].values[0] == 60 && got.hosts[i].values[1] == 120 && got.hosts[i].values[2] == 7);
        assert_int_equal(got.hosts[i].at_us[2], ANCHOR_US + 60 * US_PER_S);
    }
    assert_int_equal(latest(f, hosts, 3, "disk.*", 100).hosts[0].n, 2);
    got = latest(f, hosts, 4, "*", 4); /* the second host makes it full */
    assert_int_equal(got.n, 2);
}

static void a_series_without_a_value_in_the_last_tick_has_its_last_one(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5 };
    for (uint64_t tick = 1; tick <= 11; tick++)
        assert_int_equal(put_batch(f, 0, 5, 1, tick, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct latest_copy got = latest(f, hosts, 1, "*", 100);
    assert_int_equal(got.hosts[0].n, 3);
    assert_int_equal(got.hosts[0].at_us[0], ANCHOR_US + 11 * US_PER_S);
    assert_int_equal(got.hosts[0].at_us[2], ANCHOR_US + 8 * US_PER_S);
}

/* ---- top ---- */

struct top_copy {
    bool done;
    int rc;
    size_t n;
    struct store_top_row rows[4];
};

static void on_top(void *user, const struct store_top *result, const struct err *err)
{
    struct top_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    for (size_t i = 0; i < copy->n; i++)
        copy->rows[i] = result->rows[i];
}

static struct top_copy top(struct fixture *f, const char *metric, enum store_top_by by, size_t most)
{
    static const uint64_t hosts[] = { 4, 5, 6, 7 };
    struct store_top_query query = {
        .hosts = { .n = 4, .at = hosts, .rows = 1 }, .from_us = NOW_US, .to_us = NOW_US + DAY_US, .by = by, .most = most
    };
    snprintf(query.filter.metric, sizeof query.filter.metric, "%s", metric);
    strcpy(query.filter.instance, "*");
    struct top_copy copy = { .done = false };
    assert_int_equal(store_top(f->store, &query, on_top, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static void the_highest_hosts_come_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 101, 100), 0); /* 101..200 */
    assert_int_equal(put_batch(f, 0, 6, 1, 1, 250), 0);   /* 1..250: its mean is lower, its highest higher */
    assert_int_equal(put_batch(f, 0, 7, 1, 1, 50), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct top_copy got = top(f, "cpu", STORE_TOP_MEAN, 4);
    assert_int_equal(got.n, 3); /* the fourth has no samples */
    assert_true(got.rows[0].host == 5 && got.rows[0].value == 150.5);
    assert_true(got.rows[1].host == 6 && got.rows[1].value == 125.5);
    got = top(f, "cpu", STORE_TOP_MAX_VALUE, 2);
    assert_int_equal(got.n, 2);
    assert_true(got.rows[0].host == 6 && got.rows[0].value == 250 && got.rows[1].value == 200);
    got = top(f, "cpu", STORE_TOP_P95, 1);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.rows[0].host, 6);
    assert_near(got.rows[0].value, 238, 0.0101);
    got = top(f, "disk.read", STORE_TOP_MAX_VALUE, 1);
    assert_string_equal(got.rows[0].instance, "vda"); /* of its series the highest */
    assert_true(got.rows[0].value == 500);
}

/* ---- coverage ---- */

struct coverage_copy {
    bool done;
    int rc;
    int64_t to_us, covered_us, longest_us;
    bool minutes;
    size_t n, n_gaps;
    struct store_gap gaps[64];
};

static void on_coverage(void *user, const struct store_coverage *result, const struct err *err)
{
    struct coverage_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    if (!result)
        return;
    const struct store_host_coverage *host = &result->hosts[0];
    copy->to_us = result->to_us;
    copy->covered_us = host->covered_us;
    copy->longest_us = host->longest_us;
    copy->minutes = host->minutes;
    copy->n_gaps = host->n_gaps;
    copy->n = host->n < 64 ? host->n : 64;
    if (copy->n)
        memcpy(copy->gaps, host->gaps, copy->n * sizeof copy->gaps[0]);
}

static struct coverage_copy cover(struct fixture *f, int64_t from_us, int64_t to_us)
{
    static const uint64_t hosts[] = { HOST };
    struct store_coverage_query query = { .hosts = { .n = 1, .at = hosts, .rows = 100 },
                                          .from_us = from_us,
                                          .to_us = to_us };
    struct coverage_copy copy = { .done = false };
    assert_int_equal(store_coverage(f->store, &query, on_coverage, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static int by_time(const void *a, const void *b)
{
    int64_t left = ((const struct known *)a)->at_us;
    int64_t right = ((const struct known *)b)->at_us;
    return (left > right) - (left < right);
}

/* In a day of ticks each second everything but its holes is covered, wherever the ticks lie. */
static void coverage_finds_each_hole_of_a_day(void **state)
{
    struct fixture *f = *state;
    make_world(f, 7);
    qsort(world.at, world.n, sizeof world.at[0], by_time);
    for (int day = DAYS - 7; day < DAYS - 1; day++) {
        int64_t from_us = TODAY_US - (DAYS - 1 - day) * DAY_US;
        int64_t covered_us = 0;
        size_t holes = 1; /* behind the last tick */
        int64_t before_us = 0;
        for (size_t i = 0; i < world.n; i++) {
            if (world.at[i].at_us < from_us || world.at[i].at_us >= from_us + DAY_US)
                continue;
            covered_us += US_PER_S;
            holes += world.at[i].at_us != before_us + US_PER_S;
            before_us = world.at[i].at_us;
        }
        struct coverage_copy got = cover(f, from_us, from_us + DAY_US);
        assert_int_equal(got.covered_us, covered_us);
        assert_false(got.minutes);
        assert_int_equal(got.n_gaps, holes);
        assert_string_equal(got.gaps[0].cause, "agent-down");
        assert_string_equal(got.gaps[got.n - 1].cause, "agent-down");
        assert_int_equal(got.gaps[got.n - 1].to_us, from_us + DAY_US);
        for (size_t i = 1; i + 1 < got.n; i++)
            assert_string_equal(got.gaps[i].cause, "link-down");
    }
}

static void where_samples_are_gone_coverage_is_told_by_the_minute(void **state)
{
    struct fixture *f = *state;
    make_world(f, 8);
    int64_t from_us = TODAY_US - (DAYS - 1) * DAY_US; /* the first day of all */
    struct coverage_copy got = cover(f, from_us - DAY_US, from_us + DAY_US);
    int64_t first_us = INT64_MAX;
    bool seen[1440] = { false };
    int64_t minutes = 0;
    for (size_t i = 0; i < world.n; i++) {
        if (world.at[i].at_us >= from_us + DAY_US)
            continue;
        first_us = world.at[i].at_us < first_us ? world.at[i].at_us : first_us;
        bool *minute = &seen[(world.at[i].at_us - from_us) / MINUTE_US];
        minutes += !*minute;
        *minute = true;
    }
    assert_true(got.minutes);
    assert_string_equal(got.gaps[0].cause, "before-first");
    assert_int_equal(got.gaps[0].from_us, from_us - DAY_US);
    assert_true(got.gaps[0].to_us <= first_us && got.gaps[0].to_us > first_us - MINUTE_US);
    assert_true(got.covered_us <= minutes * MINUTE_US && got.covered_us > (minutes - 30) * MINUTE_US);
    assert_string_equal(got.gaps[got.n - 1].cause, "agent-down");
}

static void what_was_never_heard_of_is_not_covered_and_the_future_is_not_judged(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 9, 1, 1, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct coverage_copy got = cover(f, NOW_US - DAY_US, NOW_US + DAY_US);
    assert_int_equal(got.to_us, NOW_US);
    assert_int_equal(got.covered_us, 0);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.gaps[0].cause, "before-first");
}

static void what_an_agent_gave_up_is_told_with_its_cause(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, HOST, 1, 1, 60), 0);
    assert_int_equal(put_batch(f, 0, HOST, 1, 101, 60), 0);
    struct store_dropped dropped = { .host = HOST, .dropped = { run_of(1), 61, 80, DROP_OVERFLOW } };
    assert_int_equal(store_put_dropped(f->store, 0, &dropped), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    struct coverage_copy got = cover(f, ANCHOR_US + US_PER_S, ANCHOR_US + 161 * US_PER_S);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.gaps[0].cause, "overflow");
    assert_int_equal(got.gaps[0].to_us - got.gaps[0].from_us, 20 * US_PER_S);
    assert_string_equal(got.gaps[1].cause, "link-down");
    assert_int_equal(got.longest_us, 20 * US_PER_S);
    assert_int_equal(got.covered_us, 120 * US_PER_S);
}

struct two_hosts {
    bool done;
    int rc;
    size_t n;
    bool too_much[2];
    int64_t covered_us[2];
};

static void on_two_hosts(void *user, const struct store_coverage *result, const struct err *err)
{
    struct two_hosts *two = user;
    two->done = true;
    two->rc = err ? err->code : 0;
    for (size_t i = 0; result && i < result->n && i < 2; i++) {
        two->n++;
        two->too_much[i] = result->hosts[i].too_much;
        two->covered_us[i] = result->hosts[i].covered_us;
    }
}

static void a_host_of_which_too_much_is_known_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { HOST, HOST + 1 };
    struct store_coverage_query query = { .hosts = { .n = 2, .at = hosts, .rows = 100 },
                                          .from_us = ANCHOR_US + US_PER_S,
                                          .to_us = ANCHOR_US + 61 * US_PER_S };
    struct two_hosts two = { .done = false };
    assert_int_equal(put_batch(f, 0, HOST, 1, 1, 60), 0);
    assert_int_equal(put_batch(f, 0, HOST + 1, 2, 1, 60), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    {
        AUTO(db_auto_close) sqlite3 *db = NULL;
        assert_int_equal(db_open(&db, path_in(f, "tenant-0.db"), DB_WRITE, &f->err), 0);
        assert_int_equal(db_exec(db,
                                 "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500000)"
                                 " INSERT INTO clock_step (run, at_us, step_us) SELECT run.id, n, 1 FROM n, run"
                                 " WHERE host = 5",
                                 &f->err),
                         0);
    }
    assert_int_equal(store_coverage(f->store, &query, on_two_hosts, &two, &f->err), 0);
    run_until(f, &two.done);
    assert_int_equal(two.rc, 0);
    assert_int_equal(two.n, 2);
    assert_true(two.too_much[0] && !two.too_much[1]);
    assert_int_equal(two.covered_us[0], 0);
    assert_int_equal(two.covered_us[1], 60 * US_PER_S);
}

/* ---- replay ---- */

struct replayed {
    size_t n;
    int64_t last_us;
    uint64_t sum;
};

static void on_replayed(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                        const int64_t *at_us_)
{
    struct replayed *replayed = user;
    assert_int_equal(host, HOST);
    assert_true(at_us_[0] >= replayed->last_us); /* oldest first */
    replayed->last_us = at_us_[0];
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        replayed->n++;
        replayed->sum += (uint64_t)batch_value(batch, table, 0, i);
    }
}

static void ticks_in_blocks_are_replayed_with_those_in_the_inbox(void **state)
{
    struct fixture *f = *state;
    make_world(f, 9);
    for (int i = 0; i < 20; i++) {
        int64_t from_us = near_a_tick();
        size_t n = 0;
        uint64_t sum = 0;
        if (from_us < RAW_US)
            continue;
        for (size_t k = 0; k < world.n; k++) {
            bool in = world.at[k].at_us >= from_us;
            n += in;
            sum += in ? world.at[k].number : 0;
        }
        struct replayed got = { .n = 0 };
        assert_int_equal(store_replay(f->store, 0, from_us, on_replayed, &got, &f->err), 0);
        assert_int_equal(got.n, n);
        assert_int_equal(got.sum, sum);
    }
}

/* ---- turns ---- */

struct turns { /* a read whose every turn ends as soon as it may, each with a view of the file of its own */
    struct fixture *f;
    struct block_coder *coder;
    struct arena arena, rows;
    atomic_bool stop;
};

static struct reading turn(struct turns *turns, struct sqlite3 **ret_db)
{
    assert_int_equal(reader_file(ret_db, path_in(turns->f, "tenant-0.db"), 0, NULL), 0);
    return (struct reading){ .db = *ret_db,
                             .coder = turns->coder,
                             .stop = &turns->stop,
                             .arena = &turns->arena,
                             .rows = &turns->rows,
                             .now_us = NOW_US,
                             .raw_from_us = RAW_US / MINUTE_US * MINUTE_US + 10 * MINUTE_US,
                             .left = -1 };
}

static void turns_begin(struct turns *turns, struct fixture *f)
{
    *turns = (struct turns){ .f = f };
    assert_int_equal(block_coder_new(&turns->coder, NULL), 0);
    arena_init(&turns->arena, READER_MEMORY);
    arena_init(&turns->rows, READER_ROW_MEMORY);
}

static void turns_end(struct turns *turns)
{
    block_coder_free(turns->coder);
    arena_done(&turns->arena);
    arena_done(&turns->rows);
}

static bool is_same_point(const struct store_point *a, const struct store_point *b)
{
    return a->at_us == b->at_us && a->min == b->min && a->mean == b->mean && a->max == b->max && a->count == b->count;
}

static void a_read_in_many_turns_is_the_same(void **state)
{
    struct fixture *f = *state;
    make_world(f, 11);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .points = 1000,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *want = ask(f, &query);
    struct turns turns;
    struct series_state *series = NULL;
    struct store_result result = { .n = 0 };
    int rc = READING_MORE;
    int n = 0;
    turns_begin(&turns, f);
    for (; rc == READING_MORE; n++) {
        struct sqlite3 *db;
        struct reading reading = turn(&turns, &db);
        rc = query_series(&reading, &query, &series, &result, NULL);
        db_close(db);
    }
    assert_int_equal(rc, 0);
    assert_true(n >= DAYS);
    assert_int_equal(result.series[0].n, want->n);
    for (size_t i = 0; i < want->n; i++)
        assert_true(is_same_point(&result.series[0].points[i], &want->points[i]));
    turns_end(&turns);
}

static void hosts_of_a_long_read_are_told_once(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5, 6, 7 };
    for (uint64_t host = 5; host <= 7; host++)
        assert_int_equal(put_batch(f, 0, host, 1, 1, CHUNK), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct store_hosts all = { .n = 3, .at = hosts, .rows = 100 };
    struct store_filter any_series = { "*", "*" };
    struct store_latest_query latest_query = { all, any_series };
    struct store_spread_query spread_query = { all, any_series, NOW_US, NOW_US + DAY_US };
    struct store_coverage_query coverage_query = { all, NOW_US, NOW_US + DAY_US };
    struct latest_state *latest_state = NULL;
    struct spread_state *spread_state = NULL;
    struct coverage_state *coverage_state = NULL;
    struct store_latest last = { .n = 0 };
    struct store_spread spread_ = { .n = 0 };
    struct store_coverage covered = { .n = 0 };
    struct turns turns;
    turns_begin(&turns, f);
    for (size_t i = 1; i <= 3; i++) { /* a host a turn */
        struct sqlite3 *db;
        struct reading reading = turn(&turns, &db);
        int rc = i < 3 ? READING_MORE : 0;
        assert_int_equal(query_latest(&reading, &latest_query, &latest_state, &last, NULL), rc);
        assert_int_equal(query_spread(&reading, &spread_query, &spread_state, &spread_, NULL), rc);
        assert_true(last.n == i && last.hosts[i - 1].host == hosts[i - 1] && last.hosts[i - 1].n == 3);
        assert_true(spread_.n == i && spread_.hosts[i - 1].host == hosts[i - 1] && spread_.hosts[i - 1].n == 3);
        reading.left = 1;
        while (query_coverage(&reading, &coverage_query, &coverage_state, &covered, NULL) == READING_MORE)
            reading.left = 1;
        db_close(db);
    }
    assert_int_equal(covered.n, 3);
    turns_end(&turns);
}

struct waiting_read {
    struct read read;
    int turns;
    bool *done;
};

static int answer_in_turns(struct read *read, struct reading *reading, struct err *err)
{
    (void)reading;
    (void)err;
    struct waiting_read *of = (struct waiting_read *)read;
    return of->turns-- > 0 ? READING_MORE : 0;
}

static void tell_done(struct read *read, const struct err *err)
{
    struct waiting_read *of = (struct waiting_read *)read;
    *of->done = !err;
}

static void put_read(struct fixture *f, struct reader *reader, int turns, bool *done)
{
    struct waiting_read *of = calloc(1, sizeof *of);
    assert_non_null(of);
    *of = (struct waiting_read){ { .answer = answer_in_turns, .tell = tell_done }, turns, done };
    assert_int_equal(reader_take(reader, path_in(f, "tenant-0.db"), 0, &of->read, &f->err), 0);
}

static void a_short_read_does_not_wait_for_a_long_one(void **state)
{
    struct fixture *f = *state;
    struct reader *reader;
    bool long_done = false;
    bool short_done = false;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(reader_open(&reader, &f->loop, &f->clock, &f->log, &f->err), 0);
    put_read(f, reader, 5, &long_done);
    put_read(f, reader, 0, &short_done);
    run_until(f, &short_done);
    assert_false(long_done);
    run_until(f, &long_done);
    put_read(f, reader, 1000000, &long_done); /* closing cuts it short */
    long_done = true;
    reader_close(reader, 10000);
    assert_false(long_done);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* ---- damage ---- */

static void a_damaged_block_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    make_world(f, 10);
    struct stages stages;
    close_store(f);
    stages_open(&stages, f);
    stages_sql(&stages, "UPDATE block SET bytes = substr(bytes, 1, length(bytes) - 9) || zeroblob(9)"
                        " WHERE id = (SELECT max(id) FROM block WHERE coarse = 0)");
    stages_sql(&stages, "UPDATE sketch SET bytes = x'ff' WHERE id = (SELECT max(id) FROM sketch)");
    stages_sql(&stages, "UPDATE minute SET series_table = 77 WHERE id = (SELECT max(id) FROM minute)");
    stages_close(&stages);
    open_store(f);
    static double values[KNOWN_MAX];
    struct store_query query = { .host = HOST,
                                 .from_us = RAW_US + DAY_US,
                                 .to_us = NOW_US,
                                 .points = 1,
                                 .quantiles = true,
                                 .metric = "cpu",
                                 .instance = "" };
    size_t n = values_within(query.from_us, query.to_us, values);
    const struct series_copy *got = ask(f, &query);
    assert_true(got->points[0].count < n && got->points[0].count > n / 2);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=0"));
    assert_true(spread(f, "cpu", TODAY_US - 3 * DAY_US, TODAY_US + DAY_US).rows[0].count > 0);
    query.quantiles = false;
    assert_true(ask(f, &query)->points[0].count > 0);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(each_tick_is_counted_once_wherever_it_lies),
        STORE_TEST(rows_whose_second_was_full_are_found_anywhere_in_their_day),
        STORE_TEST(samples_that_are_there_are_cut_to_the_microsecond),
        STORE_TEST(more_points_than_asked_for_become_steps_of_whole_minutes_in_a_wide_range),
        STORE_TEST(quantiles_of_steps_whose_samples_are_gone_are_none),
        STORE_TEST(quantiles_of_whole_days_are_those_of_their_ticks),
        STORE_TEST(the_last_value_of_each_series_is_found_in_every_stage),
        STORE_TEST(a_series_without_a_value_in_the_last_tick_has_its_last_one),
        STORE_TEST(the_highest_hosts_come_first),
        STORE_TEST(coverage_finds_each_hole_of_a_day),
        STORE_TEST(where_samples_are_gone_coverage_is_told_by_the_minute),
        STORE_TEST(what_was_never_heard_of_is_not_covered_and_the_future_is_not_judged),
        STORE_TEST(what_an_agent_gave_up_is_told_with_its_cause),
        STORE_TEST(a_host_of_which_too_much_is_known_does_not_hide_the_others),
        STORE_TEST(ticks_in_blocks_are_replayed_with_those_in_the_inbox),
        STORE_TEST(a_read_in_many_turns_is_the_same),
        STORE_TEST(hosts_of_a_long_read_are_told_once),
        STORE_TEST(a_short_read_does_not_wait_for_a_long_one),
        STORE_TEST(a_damaged_block_does_not_hide_the_others),
        STORE_TEST(a_part_of_a_day_is_read_from_its_samples_or_rounded_to_the_day_and_that_is_said),
    };
    return cmocka_run_group_tests_name("collector.store.read", tests, NULL, NULL);
}

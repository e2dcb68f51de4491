#include "collector/store/read/past_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS_MAX = 400 };

struct round { /* ticks that go the same way */
    struct staged ticks;
    int stage; /* 0 inbox, 1..3 a block of level 0..2, 4 expired but for its rollups */
    uint64_t numbers[8 * CHUNK];
};

struct past past;
static struct {
    uint64_t random;
    size_t n;
    struct round at[ROUNDS_MAX];
} rounds;

uint32_t any(uint32_t below) /* xorshift64* */
{
    rounds.random ^= rounds.random >> 12;
    rounds.random ^= rounds.random << 25;
    rounds.random ^= rounds.random >> 27;
    return (uint32_t)((rounds.random * UINT64_C(2685821657736338717)) >> 33) % below;
}

static int64_t at_us(const struct staged *ticks, uint32_t i)
{
    return ticks->anchor_us + (int64_t)ticks->numbers[i] * ticks->apart_us;
}

/* Some chunks of a run from `number` on, with holes between. */
static void plan_round(struct fixture *f, const struct staged *of, uint64_t *number)
{
    struct round *round = &rounds.at[rounds.n++];
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
        past.at[past.n++] = (struct known){ at_us(&round->ticks, i), round->numbers[i] };
}

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
    for (size_t i = 0; i < rounds.n; i++) {
        const struct round *round = &rounds.at[i];
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

void make_past(struct fixture *f, uint64_t seed)
{
    memset(&past, 0, sizeof past);
    memset(&rounds, 0, sizeof rounds);
    rounds.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    plan(f, HOST);
    carry_out(f);
}

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

const struct series_copy *ask(struct fixture *f, const struct store_query *query)
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

size_t values_within(int64_t from_us, int64_t to_us, double *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < past.n; i++)
        if (past.at[i].at_us >= from_us && past.at[i].at_us < to_us)
            ret[n++] = (double)past.at[i].number;
    qsort(ret, n, sizeof *ret, by_value);
    return n;
}

double nearest_rank(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return sorted[rank ? rank - 1 : 0];
}

void assert_near(double got, double want, double share)
{
    if (!(fabs(got - want) <= share * fabs(want) + 1e-9))
        fail_msg("%.17g instead of %.17g", got, want);
}

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

struct spread_copy spread(struct fixture *f, const char *metric, int64_t from_us, int64_t to_us)
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

/* Days of ticks in every stage a tick goes through, and what is read of them. */
#pragma once
#include "collector/store/read/stages_fixture.h"

#include "collector/store/ask.h"

enum { HOST = 5, DAYS = 12, CHUNK = 60, KNOWN_MAX = 80000, POINTS_KEPT = 4096 };
#define DAY_US    (86400 * US_PER_S)
#define MINUTE_US (60 * US_PER_S)
#define NOW_US    ANCHOR_US /* of the fixture's clock */
#define TODAY_US  (NOW_US - NOW_US % DAY_US)
#define RAW_US    (NOW_US - 7 * DAY_US)

struct known {
    int64_t at_us;
    uint64_t number;
};

extern struct past { /* large */
    size_t n;
    struct known at[KNOWN_MAX];
} past;

struct series_copy {
    bool done;
    int rc;
    size_t n; /* of the first series */
    bool quantiles;
    struct store_result result;
    struct store_point points[POINTS_KEPT];
    struct store_quantiles spread[POINTS_KEPT];
};

struct spread_copy {
    bool done;
    int rc;
    size_t n, n_series;
    int64_t from_us, to_us;
    struct store_spread_row rows[8];
};

uint32_t any(uint32_t below);
/* Days of ticks each second, one of them of ticks each minute; the newest ends before now. */
void make_past(struct fixture *f, uint64_t seed);
const struct series_copy *ask(struct fixture *f, const struct store_query *query);
/* The values of ticks in [from, to), which are their numbers, sorted. */
size_t values_within(int64_t from_us, int64_t to_us, double *ret);
double nearest_rank(const double *sorted, size_t n, double q);
void assert_near(double got, double want, double share);
struct spread_copy spread(struct fixture *f, const char *metric, int64_t from_us, int64_t to_us);

/* collector/store/ask.h - reads over hosts of a tenant: latest values, quantiles, the highest, coverage, a course.
 *
 * Shape    hosts are named one by one and answered in that order. An answer is bounded: it may end before the last
 *          host, then the rest is asked for anew. Long ones are done in turns, between which other reads have theirs
 * Callbacks as with store_query()
 */
#pragma once
#include "collector/store/store.h"

enum { STORE_HOSTS_MAX = 20000, STORE_ROWS_MAX = 8192, STORE_TOP_MAX = 1000, STORE_GAPS_MAX = 1000 };

struct store_hosts {
    uint64_t tenant;
    size_t n;           /* 1..STORE_HOSTS_MAX */
    const uint64_t *at; /* copied */
    size_t rows; /* once the answer has so many rows (series, gaps) no further host joins; STORE_ROWS_MAX at most */
};

struct store_filter { /* globs */
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1];
};

/* ---- the last value of each series: of the minute that ends with the host's newest tick ---- */

struct store_latest_query {
    struct store_hosts hosts;
    struct store_filter filter;
};

struct store_last {
    const char *metric, *instance, *unit;
    int64_t at_us;
    double value;
};

struct store_host_latest {
    uint64_t host;
    size_t n;
    const struct store_last *series;
};

struct store_latest {
    size_t n; /* hosts answered, of those asked for; see store_hosts.rows */
    const struct store_host_latest *hosts;
};

int store_latest(struct store *store, const struct store_latest_query *query,
                 void (*fn)(void *user, const struct store_latest *result, const struct err *err), void *user,
                 struct err *err);

/* ---- how values are spread over a range: quantiles, within 1 % ---- */

struct store_spread_query {
    struct store_hosts hosts;
    struct store_filter filter;
    int64_t from_us; /* [from, to) */
    int64_t to_us;
};

struct store_spread_row {
    const char *metric, *instance, *unit;
    uint64_t count;
    double min, max, p50, p90, p95, p99;
};

struct store_host_spread {
    uint64_t host;
    int64_t from_us; /* as answered: where the samples of a part of a day are gone, its whole day (UTC) stands for it */
    int64_t to_us;
    size_t n;
    const struct store_spread_row *series;
};

struct store_spread {
    size_t n; /* as with store_latest() */
    const struct store_host_spread *hosts;
};

int store_spread(struct store *store, const struct store_spread_query *query,
                 void (*fn)(void *user, const struct store_spread *result, const struct err *err), void *user,
                 struct err *err);

/* ---- the hosts on which a metric was highest; of several series of a host its highest ---- */

enum store_top_by { STORE_TOP_MEAN, STORE_TOP_MAX_VALUE, STORE_TOP_P95 };

struct store_top_query {
    struct store_hosts hosts;
    struct store_filter filter;
    int64_t from_us;
    int64_t to_us;
    enum store_top_by by;
    size_t most; /* 1..STORE_TOP_MAX */
};

struct store_top_row {
    uint64_t host;
    char instance[INSTANCE_MAX + 1];
    char unit[SERIES_UNIT_MAX + 1];
    double value;
};

struct store_top {
    size_t n; /* highest first */
    const struct store_top_row *rows;
    int64_t from_us; /* as answered, see struct store_host_spread */
    int64_t to_us;
};

int store_top(struct store *store, const struct store_top_query *query,
              void (*fn)(void *user, const struct store_top *result, const struct err *err), void *user,
              struct err *err);

/* ---- which seconds have data ---- */

struct store_coverage_query {
    struct store_hosts hosts;
    int64_t from_us;
    int64_t to_us; /* what lies in the future is not judged */
};

struct store_gap {
    int64_t from_us;
    int64_t to_us;
    const char *cause; /* constant: see coverage.h */
};

struct store_host_coverage {
    uint64_t host;
    int64_t covered_us;
    bool minutes;  /* some of it was judged by minutes: the samples are gone */
    bool too_much; /* is known of this host to be judged: the rest is zero */
    size_t n_gaps; /* all */
    int64_t longest_us;
    size_t n;                     /* told: STORE_GAPS_MAX at most */
    const struct store_gap *gaps; /* by time */
};

struct store_coverage {
    int64_t from_us;
    int64_t to_us; /* as judged */
    size_t n;      /* as with store_latest() */
    const struct store_host_coverage *hosts;
};

int store_coverage(struct store *store, const struct store_coverage_query *query,
                   void (*fn)(void *user, const struct store_coverage *result, const struct err *err), void *user,
                   struct err *err);

/* ---- the course of a host: each series on even steps ---- */

enum { STORE_COURSE_METRICS_MAX = 40, STORE_COURSE_SERIES_MAX = 256 };
#define STORE_COURSE_MAX_US (INT64_C(60) * 86400 * US_PER_S)

struct store_course_query {
    uint64_t tenant;
    uint64_t host;
    int64_t from_us; /* [from, to): multiples of step_us, STORE_COURSE_MAX_US apart at most */
    int64_t to_us;
    int64_t step_us; /* whole minutes */
    size_t n_metrics;
    char metrics[STORE_COURSE_METRICS_MAX][METRIC_KEY_MAX + 1]; /* as they are: no globs */
};

struct store_course_series {
    const char *metric, *instance, *unit;
    float *max; /* of each step: the highest, and the mean of all samples in it; NaN: there is none */
    float *mean;
};

struct store_course {
    size_t n_steps;
    size_t n; /* series that have a value in the range, as they are met */
    const struct store_course_series *series;
    bool truncated; /* there are more: what is answered is STORE_COURSE_SERIES_MAX series, and 64 MiB at most */
};

/* From minutes where they are, else from samples. */
int store_course(struct store *store, const struct store_course_query *query,
                 void (*fn)(void *user, const struct store_course *result, const struct err *err), void *user,
                 struct err *err);

/* ---- the document of a capacity check ---- */

struct store_capacity {
    size_t n; /* pieces from `offset` on, CAPACITY_PIECES_A_READ at most */
    const struct capacity_piece *pieces;
};
int store_capacity(struct store *store, uint64_t tenant, uint64_t event, int version, int64_t offset,
                   void (*fn)(void *user, const struct store_capacity *result, const struct err *err), void *user,
                   struct err *err);

/* warroom-ask: how long the store takes to answer what a chart and a capacity check ask, from the call to the answer on
 * the loop, the file's pages warm.
 *
 *   warroom-ask DIR TENANT FROM_US TO_US series HOST METRIC...   each metric of one host over the range, ROUNDS times
 *   warroom-ask DIR TENANT FROM_US TO_US spread HOST...          p95 of every series of all hosts, a few times
 *
 * DIR is that of a collector that has ended. Prints one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scan.h"
#include "collector/store/ask.h"
#include "collector/store/store.h"

enum { ROUNDS = 20, SPREADS = 10, POINTS = STORE_POINTS_MAX, HOSTS_MAX = 1000 };

struct asking {
    uv_loop_t *loop;
    struct store *store;
    uint64_t tenant;
    int64_t from_us, to_us;
    bool done, failed;
    uint64_t rows;   /* points, or series, of the answer in hand */
    uint64_t values; /* samples behind them */
};

static uint64_t number(const char *text)
{
    struct scan scan = scan_over(text, strlen(text));
    uint64_t value = 0;
    if (!scan_u64(&scan, &value) || !scan_done(&scan)) {
        fprintf(stderr, "ask: %s is no number\n", text);
        exit(2);
    }
    return value;
}

static uint64_t host_id(const char *text)
{
    struct scan scan = scan_over(text, strlen(text));
    uint64_t value = 0;
    if (!scan_hex64(&scan, &value) || !scan_done(&scan)) {
        fprintf(stderr, "ask: %s is no host's id\n", text);
        exit(2);
    }
    return value;
}

static void end(struct asking *asking, const struct err *err)
{
    if (err)
        fprintf(stderr, "ask: %s\n", err->text);
    asking->failed = asking->failed || err;
    asking->done = true;
}

static void on_series(void *user, const struct store_result *result, const struct err *err)
{
    struct asking *asking = user;
    asking->rows = asking->values = 0;
    for (size_t i = 0; result && i < result->n; i++)
        for (size_t k = 0; k < result->series[i].n; k++) {
            asking->rows++;
            asking->values += result->series[i].points[k].count;
        }
    end(asking, err);
}

static void on_spread(void *user, const struct store_spread *result, const struct err *err)
{
    struct asking *asking = user;
    asking->rows = asking->values = 0;
    for (size_t i = 0; result && i < result->n; i++)
        for (size_t k = 0; k < result->hosts[i].n; k++) {
            asking->rows++;
            asking->values += result->hosts[i].series[k].count;
        }
    end(asking, err);
}

struct took {
    double ms;
    double cpu_ms; /* of all threads: what is left of it on a host that is busy with something else */
};

static double cpu_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static struct took began(void)
{
    return (struct took){ (double)uv_hrtime() / NS_PER_MS, cpu_ms() };
}

static struct took wait_for_answer(struct asking *asking, int rc, struct took from, const struct err *err)
{
    if (rc < 0)
        end(asking, err);
    while (!asking->done)
        uv_run(asking->loop, UV_RUN_ONCE);
    asking->done = false;
    return (struct took){ (double)uv_hrtime() / NS_PER_MS - from.ms, cpu_ms() - from.cpu_ms };
}

static struct took ask_series(struct asking *asking, uint64_t host, const char *metric)
{
    struct err err;
    struct store_query query = {
        .tenant = asking->tenant,
        .host = host,
        .instance = "*",
        .from_us = asking->from_us,
        .to_us = asking->to_us,
        .points = POINTS,
    };
    snprintf(query.metric, sizeof query.metric, "%s", metric);
    struct took from = began();
    return wait_for_answer(asking, store_query(asking->store, &query, on_series, asking, &err), from, &err);
}

static struct took ask_spread(struct asking *asking, const uint64_t *hosts, size_t n)
{
    struct err err;
    const struct store_spread_query query = {
        .hosts = { .tenant = asking->tenant, .n = n, .at = hosts, .rows = STORE_ROWS_MAX },
        .filter = { .metric = "*", .instance = "*" },
        .from_us = asking->from_us,
        .to_us = asking->to_us,
    };
    struct took from = began();
    return wait_for_answer(asking, store_spread(asking->store, &query, on_spread, asking, &err), from, &err);
}

static int by_ms(const void *a, const void *b)
{
    double left = ((const struct took *)a)->ms;
    double right = ((const struct took *)b)->ms;
    return (left > right) - (left < right);
}

static int by_cpu_ms(const void *a, const void *b)
{
    double left = ((const struct took *)a)->cpu_ms;
    double right = ((const struct took *)b)->cpu_ms;
    return (left > right) - (left < right);
}

static void tell(const struct asking *asking, struct took *took, size_t n)
{
    qsort(took, n, sizeof *took, by_cpu_ms);
    double median_cpu_ms = took[n / 2].cpu_ms;
    qsort(took, n, sizeof *took, by_ms);
    printf("{\"asked\": %zu, \"median_ms\": %.3f, \"max_ms\": %.3f, \"median_cpu_ms\": %.3f, \"rows\": %" PRIu64
           ", \"values\": %" PRIu64 "}\n",
           n, took[n / 2].ms, took[n - 1].ms, median_cpu_ms, asking->rows, asking->values);
}

static void ask_all_series(struct asking *asking, uint64_t host, char **metrics, size_t n)
{
    AUTO(auto_free) struct took *took = calloc(n * ROUNDS + 1, sizeof *took);
    size_t asked = 0;
    for (size_t i = 0; i < n && took; i++)
        ask_series(asking, host, metrics[i]); /* warms the pages */
    for (size_t i = 0; i < n * ROUNDS && took && !asking->failed; i++)
        took[asked++] = ask_series(asking, host, metrics[i % n]);
    if (asked > 0 && !asking->failed)
        tell(asking, took, asked);
}

static void ask_all_spreads(struct asking *asking, char **texts, size_t n)
{
    uint64_t hosts[HOSTS_MAX];
    struct took took[SPREADS];
    for (size_t i = 0; i < n; i++)
        hosts[i] = host_id(texts[i]);
    ask_spread(asking, hosts, n); /* warms the pages */
    for (size_t i = 0; i < SPREADS && !asking->failed; i++)
        took[i] = ask_spread(asking, hosts, n);
    if (!asking->failed)
        tell(asking, took, SPREADS);
}

int main(int argc, char **argv)
{
    bool series = argc > 7 && strcmp(argv[5], "series") == 0;
    bool spread = argc > 6 && argc - 6 <= HOSTS_MAX && strcmp(argv[5], "spread") == 0;
    if (!series && !spread) {
        fprintf(stderr, "usage: warroom-ask DIR TENANT FROM_US TO_US series HOST METRIC... | spread HOST...\n");
        return 2;
    }
    struct clock clock = clock_system();
    struct log log = { .fd = 2, .clock = &clock };
    struct err err;
    struct asking asking = { .loop = uv_default_loop(),
                             .tenant = number(argv[2]),
                             .from_us = (int64_t)number(argv[3]),
                             .to_us = (int64_t)number(argv[4]) };
    if (store_open(&asking.store, asking.loop, argv[1], &clock, &log, &err) < 0) {
        fprintf(stderr, "ask: %s\n", err.text);
        return 1;
    }
    if (series)
        ask_all_series(&asking, host_id(argv[6]), argv + 7, (size_t)(argc - 7));
    else
        ask_all_spreads(&asking, argv + 6, (size_t)(argc - 6));
    store_close(asking.store);
    uv_run(asking.loop, UV_RUN_DEFAULT);
    return asking.failed ? 1 : 0;
}

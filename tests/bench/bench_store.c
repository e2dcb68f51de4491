/* tests/bench/bench_store.c - what it costs the collector to store batches: CPU of each thread, and the time from
 * store_hurry() to the answer.
 *
 *   bench_store DIR [HOSTS [ROWS_A_GROUP [GROUPS [PAUSE_MS]]]]
 *
 * Rows are batches of one tick, 400-800 bytes of what does not matter; each group takes the next hosts in turn.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/store.h"
#include "proto/codec/codec.h"

enum { BATCH_LEAST = 400, BATCH_MOST = 800 };

struct bench {
    struct store *store;
    struct clock clock;
    uint64_t hosts;
    uint64_t rows; /* a group */
    uint64_t groups;
    unsigned pause_ms;
    uint64_t host; /* next */
    uint64_t tick;
    uint8_t table[256];
    size_t table_len;
    uv_timer_t pause;
    uint64_t n;
    int64_t asked_ns;
    int64_t *took_ns;
};

static void next_group(struct bench *bench);

static void on_pause(uv_timer_t *pause)
{
    next_group(pause->data);
}

static void on_stored(void *user, int rc)
{
    struct bench *bench = user;
    if (rc < 0) {
        fprintf(stderr, "bench_store: a group failed: %d\n", rc);
        exit(1);
    }
    bench->took_ns[bench->n++] = clock_mono_ns(&bench->clock) - bench->asked_ns;
    if (bench->n < bench->groups)
        uv_timer_start(&bench->pause, on_pause, bench->pause_ms, 0);
    else
        uv_stop(bench->pause.loop);
}

static void put_row(struct bench *bench)
{
    static const uint8_t bytes[BATCH_MOST] = { 0 };
    if (++bench->host > bench->hosts) {
        bench->host = 1;
        bench->tick++;
    }
    struct store_batch batch = {
        .tenant = 1,
        .host = bench->host * UINT64_C(0x9e3779b97f4a7c15) >> 1,
        .first = bench->tick,
        .n_ticks = 1,
        .anchor_us = INT64_C(1795400000000000),
        .first_us = INT64_C(1795400000000000) + (int64_t)bench->tick * US_PER_S,
        .last_us = INT64_C(1795400000000000) + (int64_t)bench->tick * US_PER_S,
        .table_bytes = { bench->table, bench->table_len },
        .batch_bytes = { bytes, BATCH_LEAST + (size_t)rand() % (BATCH_MOST - BATCH_LEAST) },
    };
    struct err err;
    if (store_batch(bench->store, &batch, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static void next_group(struct bench *bench)
{
    bench->asked_ns = clock_mono_ns(&bench->clock);
    for (uint64_t i = 0; i < bench->rows; i++)
        put_row(bench);
    store_then(bench->store, STORE_TENANT, 1, on_stored, bench);
    store_hurry(bench->store, STORE_TENANT, 1);
}

/* Nanoseconds on a CPU, the first number of /proc/self/task/TID/schedstat; see sched-stats.rst. */
static void print_threads(const struct bench *bench)
{
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char path[300];
        char name[32] = "";
        uint64_t ns = 0;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        AUTO(auto_fclose) FILE *comm = fopen(path, "re");
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", entry->d_name);
        AUTO(auto_fclose) FILE *stat = fopen(path, "re");
        if (!comm || !stat || fscanf(comm, "%31s", name) != 1 || fscanf(stat, "%" SCNu64, &ns) != 1)
            continue;
        printf("%-16s %7.2f us a row\n", name, (double)ns / 1e3 / (double)(bench->rows * bench->groups));
    }
    if (tasks)
        closedir(tasks);
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t argument(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_store DIR [HOSTS [ROWS_A_GROUP [GROUPS [PAUSE_MS]]]]\n");
        return 2;
    }
    struct bench bench = {
        .clock = clock_system(),
        .hosts = argument(argc, argv, 2, 10000),
        .rows = argument(argc, argv, 3, 200),
        .groups = argument(argc, argv, 4, 1000),
        .pause_ms = (unsigned)argument(argc, argv, 5, 0),
        .tick = 1,
    };
    static const struct series series = { "system.cpu.utilization", "", "1", -4 };
    struct series_table table = { .n = 1, .at = &series };
    struct log log = { .fd = 2, .clock = &bench.clock };
    struct err err;
    uv_loop_t *loop = uv_default_loop();
    bench.took_ns = calloc(bench.groups, sizeof *bench.took_ns);
    if (!bench.took_ns || codec_encode_table(&table, bench.table, sizeof bench.table, &bench.table_len, &err) < 0 ||
        store_open(&bench.store, loop, argv[1], &bench.clock, &log, &err) < 0) {
        fprintf(stderr, "%s\n", bench.took_ns ? err.text : "out of memory");
        return 1;
    }
    uv_timer_init(loop, &bench.pause);
    bench.pause.data = &bench;
    next_group(&bench);
    int64_t began_ns = clock_mono_ns(&bench.clock);
    uv_run(loop, UV_RUN_DEFAULT);
    double seconds = (double)(clock_mono_ns(&bench.clock) - began_ns) / 1e9;
    printf("%" PRIu64 " hosts, %" PRIu64 " groups of %" PRIu64 " rows in %.2f s: %.0f rows/s\n", bench.hosts,
           bench.groups, bench.rows, seconds, (double)(bench.rows * bench.groups) / seconds);
    print_threads(&bench);
    qsort(bench.took_ns, bench.groups, sizeof *bench.took_ns, by_size);
    const int64_t *took_ns = bench.took_ns;
    int64_t median_ns = took_ns[bench.groups / 2];
    int64_t p99_ns = took_ns[bench.groups * 99 / 100];
    printf("group p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", (double)median_ns / 1e6, (double)p99_ns / 1e6,
           (double)took_ns[bench.groups - 1] / 1e6);
    store_close(bench.store);
    uv_close((uv_handle_t *)&bench.pause, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    free(bench.took_ns);
    return 0;
}

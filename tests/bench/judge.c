/* warroom-judge: what judging costs, as code: one host, a tick each second, every rule meets every series.
 *
 * warroom-judge KIND SERIES RULES TICKS; KIND is level, rate, fraction, ratio, absence, or mixed: all of them by turns.
 * Values wander below the thresholds, and one series in a hundred above them for a part of the time, so that alerts
 * come and go. Prints one JSON object; ns are of this thread's processor time, a sample and rule. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "collector/watch/watch.h"

enum { BATCH = 256, SERIES_ROOM = SERIES_MAX - 1 };
#define T0    (INT64_C(1795400000) * US_PER_S)
#define HOST  UINT64_C(0x51)
#define VALUE "probe.loss"
#define PER   "system.cpu.logical.count"

static const char *const kinds[] = { "level", "rate", "fraction", "ratio", "absence", "mixed" };
enum { KIND_MIXED = CONDITION_COUNT, KIND_COUNT };

struct bench {
    uint32_t n_series, n_rules, n_ticks;
    char names[SERIES_ROOM][16];
    struct series series[SERIES_MAX];
    struct series_table table;
    int64_t values[SERIES_MAX][BATCH];
    struct column columns[SERIES_MAX];
    struct rule rules[RULES_MAX];
    struct watch *watch;
    struct transitions out;
    uint64_t transitions;
    uint64_t seed;
};

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "judge: %s: %d\n", what, rc);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return at.tv_sec * NS_PER_S + at.tv_nsec;
}

static uint64_t next_random(struct bench *bench)
{
    bench->seed ^= bench->seed << 13;
    bench->seed ^= bench->seed >> 7;
    bench->seed ^= bench->seed << 17;
    return bench->seed;
}

static void make_table(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->n_series; i++) {
        snprintf(bench->names[i], sizeof bench->names[i], "target-%" PRIu32, i);
        bench->series[i] = (struct series){ VALUE, bench->names[i], "1", -4 };
    }
    bench->series[bench->n_series] = (struct series){ PER, "", "{cpu}", 0 };
    bench->table = (struct series_table){ .hash = { { 1 } }, .n = bench->n_series + 1, .at = bench->series };
    for (uint32_t c = 0; c < bench->table.n; c++)
        bench->columns[c] = (struct column){ .real = false, .fixed = bench->values[c] };
}

static struct rule make_rule(unsigned kind, unsigned i)
{
    struct rule rule = { .instance = "*",
                         .summary = "bad",
                         .threshold = 0.8 + 0.01 * i,
                         .clear = 0.6,
                         .limit = -1,
                         .hold_us = 30 * US_PER_S,
                         .severity = SEVERITY_WARNING,
                         .in_force = IN_FORCE_ALWAYS,
                         .condition = (enum condition)(kind == KIND_MIXED ? i % CONDITION_COUNT : kind),
                         .at_most_us = -1 };
    snprintf(rule.name, sizeof rule.name, "rule-%u", i);
    snprintf(rule.metric, sizeof rule.metric, VALUE);
    if (rule.condition == CONDITION_RATE)
        rule.threshold = 0.01, rule.clear = 0, rule.span_us = 60 * US_PER_S;
    if (rule.condition == CONDITION_FRACTION)
        rule.hold_us = 0, rule.span_us = 60 * US_PER_S, rule.at_least_us = 50 * US_PER_S;
    if (rule.condition == CONDITION_RATIO)
        snprintf(rule.per, sizeof rule.per, PER);
    return rule;
}

static void fill(struct bench *bench, uint32_t from)
{
    for (uint32_t c = 0; c < bench->n_series; c++) {
        for (uint32_t t = 0; t < BATCH; t++) {
            bool high = c % 100 == 7 && (from + t) / 120 % 4 == 0;
            bench->values[c][t] = (high ? 9300 : 1000) + (int64_t)(next_random(bench) % 500);
        }
    }
    for (uint32_t t = 0; t < BATCH; t++)
        bench->values[bench->n_series][t] = 1;
}

/* A tick a call, as an agent in a window sends them. */
static int64_t judge(struct bench *bench, uint32_t from)
{
    struct column columns[SERIES_MAX];
    struct watched *host = watch_host(bench->watch, HOST);
    int64_t began = cpu_ns();
    for (uint32_t t = 0; t < BATCH; t++) {
        int64_t at_us = T0 + (int64_t)(from + t) * US_PER_S;
        for (uint32_t c = 0; c < bench->table.n; c++)
            columns[c] = (struct column){ .real = false, .fixed = bench->columns[c].fixed + t };
        struct batch batch = {
            .n_ticks = 1, .n_columns = bench->table.n, .table = bench->table.hash, .columns = columns
        };
        must(watch_judge(bench->watch, host, &bench->table, &batch, &at_us, at_us, &bench->out), "judge");
        bench->transitions += bench->out.n;
        transitions_clear(&bench->out);
    }
    return cpu_ns() - began;
}

static unsigned kind_of(const char *name)
{
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i], name) == 0)
            return i;
    must(-1, "no such kind");
    return 0;
}

int main(int argc, char **argv)
{
    static const double no_limits[LIMIT_COUNT];
    AUTO(auto_free) struct bench *bench = calloc(1, sizeof *bench);
    if (argc != 5 || !bench)
        must(-1, "usage: warroom-judge KIND SERIES RULES TICKS");
    unsigned kind = kind_of(argv[1]);
    bench->seed = 88172645463325252;
    bench->n_series = (uint32_t)strtoul(argv[2], NULL, 10);
    bench->n_rules = (uint32_t)strtoul(argv[3], NULL, 10);
    bench->n_ticks = (uint32_t)strtoul(argv[4], NULL, 10);
    must(bench->n_series < SERIES_ROOM && bench->n_rules <= RULES_MAX ? 0 : -1, "too many series or rules");
    make_table(bench);
    for (unsigned i = 0; i < bench->n_rules; i++)
        bench->rules[i] = make_rule(kind, i);
    must(watch_new(&bench->watch, bench->rules, bench->n_rules, NULL), "rules");
    must(watch_set_host(bench->watch, HOST, IN_FORCE_NO_EVENT, no_limits, US_PER_S, T0, &bench->out), "host");
    int64_t spent = 0;
    uint32_t n = 0;
    for (; n < bench->n_ticks; n += BATCH) {
        fill(bench, n);
        spent += judge(bench, n);
    }
    double each = (double)spent / n / bench->n_series / bench->n_rules;
    printf("{\"kind\": \"%s\", \"series\": %" PRIu32 ", \"rules\": %" PRIu32 ", \"ticks\": %" PRIu32
           ", \"transitions\": %" PRIu64 ", \"ns_per_sample_and_rule\": %.3f}\n",
           argv[1], bench->n_series, bench->n_rules, n, bench->transitions, each);
    watch_free(bench->watch);
    transitions_done(&bench->out);
    return 0;
}

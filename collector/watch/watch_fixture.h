/* collector/watch/watch_fixture.h - what the tests of the watch share: one host, two rules, time in seconds from T0. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "collector/watch/watch.h"

#define S       US_PER_S
#define T0      (INT64_C(1795400000) * S) /* where the tests' time begins */
#define HOST    UINT64_C(0x51)
#define CPU     "system.cpu.utilization"
#define LOSS    "probe.loss"
#define READ    "system.disk.io.rate{direction=read}"
#define EGRESS  "system.network.io.rate{direction=transmit}"
#define FREE    "system.memory.linux.available"
#define ABSENT  NAN
#define IN_LIVE IN_FORCE(EVENT_LIVE)
enum { TICKS_ROOM = 512, COLUMNS_ROOM = 8 };

struct fixture {
    struct watch *watch;
    struct transitions out;
    const struct series_table *table;
    int64_t now_us;
};

extern const double no_limits[LIMIT_COUNT];
extern const struct series_table both; /* cpu holds for 30 s, loss fires at once */
extern const struct series_table cpu_only;

struct rule rule_of(const char *name, const char *metric, double above, double clear, int64_t hold_s);
int setup(void **state);
/* One rule, and the table of what is fed. */
int setup_rule(void **state, const struct rule *rule, const struct series_table *table);
int teardown(void **state);
/* One tick of plain doubles, a value a column, judged as it is taken. */
int feed_at(struct fixture *f, double at_s, double now_s, const double *values);
/* Of a table of one series. */
void feed_one(struct fixture *f, double at_s, double value);
void feed(struct fixture *f, double at_s, double cpu, double loss);
void feed_late(struct fixture *f, double at_s, double now_s, double cpu, double loss);
void tick(struct fixture *f, double now_s);
void tick_through(struct fixture *f, int from_s, int to_s);
void set_host(struct fixture *f, unsigned in_force, int64_t interval_s);
const struct transition *last(const struct fixture *f);
const struct transition *last_of(const struct fixture *f, const char *rule);
void assert_change(const struct transition *t, const char *rule, enum alert_state from, enum alert_state to);
int64_t crossed_s(const struct transition *t);
size_t said(const struct fixture *f);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

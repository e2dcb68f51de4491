/* A spool in a folder of its own, under a disk that says no when it is told to. */
#pragma once
#include "agent/spool/spool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/folder_fixture.h"
#include "proto/codec/codec.h"

enum { SERIES = 3, DAY_S = 86400 };

struct table {
    struct series_table series;
    struct series at[SERIES_MAX];
    uint8_t bytes[48 << 10];
    size_t len;
};

struct fixture {
    char folder[64];
    char directory[80]; /* in it */
    struct spool_config config;
    struct spool *spool;
    struct spool_time now;
    int64_t tick_us; /* from one tick to the next */
    struct table table, other;
    struct arena arena;
    struct spool_parcel *parcel;
};

extern struct bad_disk {
    int open, read, write; /* errno; 0: all is well */
    off_t bad;             /* reads fail that reach this byte */
    bool die;              /* with the next file that is removed */
} disk;

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

void make_table(struct table *table, uint32_t n, const char *instance);
int setup(void **state);
int teardown(void **state);
void open_spool(struct fixture *f);
/* As another life of the agent: the run is another one. */
void start_again(struct fixture *f);
int64_t value_of(uint64_t n, uint32_t column);
int put_under(struct fixture *f, const struct table *table, uint64_t n);
int write_out(struct fixture *f);
void put(struct fixture *f, uint64_t first, uint64_t last);
void done(struct fixture *f, uint8_t run, uint64_t first, uint64_t last);
void pass(struct fixture *f, int64_t us);
bool pick(struct fixture *f);
/* The parcel holds exactly first..last of the run, as they were put. */
void assert_parcel(struct fixture *f, uint8_t run, uint64_t first, uint64_t last);
void assert_next(struct fixture *f, uint8_t run, uint64_t first, uint64_t last);
/* Delivers all there is; returns how many ticks. */
uint64_t deliver_all(struct fixture *f);
void assert_dropped(struct fixture *f, uint8_t run, uint64_t first, uint64_t last, enum drop_cause cause);
void assert_nothing_dropped(struct fixture *f);
size_t count_segments(const struct fixture *f);
void segment_path(const struct fixture *f, size_t i, char *ret, size_t size);
void fill_small_spool(struct fixture *f, uint64_t last);

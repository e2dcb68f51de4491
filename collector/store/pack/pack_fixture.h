/* collector/store/pack/pack_fixture.h - ticks that are put into a store and remembered, and what is in the file
 * held against them: each tick once, with its values; rollups as they come of the ticks one by one.
 */
#pragma once
#include "collector/store/store_fixture.h"

enum {
    WORLD_TENANT = 1,
    WORLD_HOSTS = 4,
    WORLD_RUNS = 3,
    WORLD_NUMBERS = 20000, /* of a run's ticks */
    WORLD_SERIES = 7
};

struct world_tick {
    bool put;
    bool gone; /* expected to be */
    uint8_t table;
    int64_t at_us;
    double values[WORLD_SERIES]; /* NaN: absent */
    unsigned seen;               /* by the last look */
    bool rolled;
    bool coarse;
};

struct world {
    struct fixture *f;
    struct world_tick *ticks; /* by host, run and number */
    uint64_t n;
};

struct world_counts {                               /* what is in the file */
    uint64_t inbox, aside, sealed, rewritten, good; /* ticks; rows set aside */
    uint64_t blocks, minutes, sketches;             /* rows */
    uint64_t minute_parts, sketch_parts;            /* of those, not whole */
};

struct world *world_new(struct fixture *f);
void world_free(struct world *world);
struct world_tick *world_tick(struct world *world, uint64_t host, uint8_t run, uint64_t number);

/* Ticks first..first+n-1 of a run, in batches of `cut`, the first at `at_us` and the others `interval_us` apart, under
 * one of two tables (0 or 1; the second has one series more). Committed. */
void world_put(struct world *world, uint64_t host, uint8_t run, uint64_t first, uint32_t n, uint32_t cut, int64_t at_us,
               int64_t interval_us, uint8_t table);

/* The same, but they are only remembered: somebody else has put them. */
void world_remember(struct world *world, uint64_t host, uint8_t run, uint64_t first, uint32_t n, uint32_t cut,
                    int64_t at_us, int64_t interval_us, uint8_t table);

/* What the packer does by now. */
void world_pack(struct world *world);
int world_try_pack(struct world *world);
void world_pass(struct world *world, int64_t us);
int64_t world_now_us(const struct world *world);

/* Fails the test unless every tick put (and not gone) is in the file exactly once, bit by bit, and rollups are those of
 * the ticks that left level 0. Nobody else may hold the file locked. */
struct world_counts world_check(struct world *world);

/* A number of the tenant's file, by SQL. */
int64_t world_number(struct world *world, const char *sql);
/* Changes the file behind the store's back. */
void world_sql(struct world *world, const char *sql);

/* collector/store/read/stages_fixture.h - ticks moved by hand from the inbox to where a packer puts them, so that
 * reads can be held against what is known to be there.
 *
 * Shape    for batches of pack(): the values follow from the ticks' numbers. With the store closed
 */
#pragma once
#include "collector/store/store_fixture.h"

struct sqlite3;

struct stages {
    struct fixture *f;
    struct sqlite3 *db;
    struct block_coder *coder;
    int64_t table; /* row of pack()'s table */
};

void stages_open(struct stages *stages, struct fixture *f);
void stages_close(struct stages *stages);

struct staged { /* a run's ticks, of one UTC day */
    uint64_t host;
    uint8_t run;
    uint32_t n;
    const uint64_t *numbers; /* rising */
    int64_t anchor_us;       /* tick n lies at anchor + n `apart_us` */
    int64_t apart_us;
};

/* Takes the batches of these ticks out of the inbox, each of which lies within them as a whole. */
void stages_take(const struct stages *stages, const struct staged *ticks);
/* Puts them into a block. From level 1 on they are in a sketch, and unless they are coarse in minutes too. */
void stages_block(const struct stages *stages, const struct staged *ticks, int level);
/* Only into the rollups: their block expired. */
void stages_roll(const struct stages *stages, const struct staged *ticks);
/* Any change of rows. */
void stages_sql(const struct stages *stages, const char *format, ...) __attribute__((format(printf, 2, 3)));

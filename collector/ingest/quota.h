/* collector/ingest/quota.h - how many new names a host may bring in a UTC day. Used by ingest.c alone.
 *
 * Shape    the names of the day, QUOTA_NAMES at most: a name that came already costs nothing
 * Why      what a name stands for is kept for months and looked through by reads, whatever sends it
 * Owner    the caller's memory; zeroed memory has had no names
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_NAMES = 100, QUOTA_NAME_BYTES = 16 };

struct quota {
    int64_t day; /* since 1970 */
    unsigned n, room;
    uint8_t (*names)[QUOTA_NAME_BYTES]; /* owned */
};

void quota_done(struct quota *quota);

/* Counts `name` on the day of `now_us`. False: that day has had QUOTA_NAMES others, or memory is out. */
bool quota_take(struct quota *quota, const uint8_t name[QUOTA_NAME_BYTES], int64_t now_us);

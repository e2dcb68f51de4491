/* Points of filesystems, one a round, and the straight line of least squares through the latest of them. It is a guess
 * for the next hours: what grows by bursts, or by day and night, it does not know. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/patrol/parts.h"
#include "uthash.h"

enum { POINTS_LEAST = 3 };
#define SPAN_LEAST_US (INT64_C(900) * US_PER_S)
#define RISE_LEAST    0.002 /* over all points: what is less is noise */
#define HOUR_US       (INT64_C(3600) * US_PER_S)
#define SEEN_US       (60 * US_PER_S) /* in this round */
#define FORGET_US     (24 * HOUR_US)  /* a filesystem that was not seen for as long */

struct disk_key { /* compared as bytes: padding is zero */
    uint64_t host;
    char mountpoint[INSTANCE_MAX + 1];
};

struct disk {
    struct disk_key key;
    unsigned n;
    struct disk_point {
        int64_t at_us;
        double used;
    } points[PATROL_POINTS]; /* by time */
    UT_hash_handle hh;
};

struct patrol_disks {
    struct disk *disks;
};

struct patrol_disks *patrol_disks_new(void)
{
    return calloc(1, sizeof(struct patrol_disks));
}

struct patrol_disks *patrol_disks_free(struct patrol_disks *disks)
{
    struct disk *disk, *next;
    if (!disks)
        return NULL;
    HASH_ITER(hh, disks->disks, disk, next)
    {
        HASH_DELETE(hh, disks->disks, disk);
        free(disk);
    }
    free(disks);
    return NULL;
}

static struct disk *find(struct patrol_disks *disks, const struct patrol_value *value)
{
    struct disk_key key;
    struct disk *disk;
    memset(&key, 0, sizeof key);
    key.host = value->host->id;
    snprintf(key.mountpoint, sizeof key.mountpoint, "%s", value->instance);
    HASH_FIND(hh, disks->disks, &key, sizeof key, disk);
    if (disk || HASH_COUNT(disks->disks) >= PATROL_DISKS_MAX)
        return disk;
    disk = calloc(1, sizeof *disk);
    if (!disk)
        return NULL;
    disk->key = key;
    HASH_ADD(hh, disks->disks, key, sizeof disk->key, disk);
    if (disk->hh.tbl)
        return disk;
    free(disk);
    return NULL;
}

/* Points from a future that a clock set back has taken away are of no use. */
static void drop_from(struct disk *disk, int64_t at_us)
{
    while (disk->n > 0 && disk->points[disk->n - 1].at_us >= at_us)
        disk->n--;
}

int disks_see(struct patrol_sight *sight, const struct patrol_value *value)
{
    struct disk *disk = sight->disks ? find(sight->disks, value) : NULL;
    if (!disk)
        return -ENOMEM;
    drop_from(disk, value->at_us);
    if (disk->n == PATROL_POINTS)
        memmove(&disk->points[0], &disk->points[1], --disk->n * sizeof *disk->points);
    disk->points[disk->n++] = (struct disk_point){ value->at_us, value->value };
    return 0;
}

/* Share an hour. */
static double slope(const struct disk *disk)
{
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
    double x[PATROL_POINTS];
    for (unsigned i = 0; i < disk->n; i++) {
        x[i] = (double)(disk->points[i].at_us - disk->points[0].at_us) / (double)HOUR_US;
        mean_x += x[i] / disk->n;
        mean_y += disk->points[i].used / disk->n;
    }
    for (unsigned i = 0; i < disk->n; i++) {
        xy += (x[i] - mean_x) * (disk->points[i].used - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
    }
    return xx > 0 ? xy / xx : 0;
}

static struct patrol_line line_of(const struct patrol_sight *sight, const struct disk *disk,
                                  const struct patrol_host *host)
{
    const struct disk_point *first = &disk->points[0];
    const struct disk_point *last = &disk->points[disk->n - 1];
    struct patrol_line line = { .host = host,
                                .mountpoint = disk->key.mountpoint,
                                .n = disk->n,
                                .span_us = last->at_us - first->at_us,
                                .used = last->used,
                                .per_hour = slope(disk) };
    double hours = line.per_hour > 0 ? (1 - last->used) / line.per_hour : -1;
    bool rises = last->used - first->used >= RISE_LEAST;
    double most = (double)(sight->end_us - last->at_us) / (double)HOUR_US; /* further ahead nobody asks */
    if (rises && hours >= 0 && hours <= most)
        line.full_us = last->at_us + (int64_t)(hours * (double)HOUR_US);
    return line;
}

size_t disks_each(const struct patrol_sight *sight, void (*fn)(void *user, const struct patrol_line *line), void *user)
{
    size_t too_few = 0;
    struct disk *disk, *next;
    if (!sight->disks)
        return 0;
    HASH_ITER(hh, sight->disks->disks, disk, next)
    {
        const struct patrol_host *host = patrol_sight_host(sight, disk->key.host);
        int64_t last_us = disk->n > 0 ? disk->points[disk->n - 1].at_us : 0;
        if (sight->now_us - last_us > FORGET_US) {
            HASH_DELETE(hh, sight->disks->disks, disk);
            free(disk);
            continue;
        }
        if (!host || sight->now_us - last_us > SEEN_US)
            continue;
        if (disk->n < POINTS_LEAST || last_us - disk->points[0].at_us < SPAN_LEAST_US) {
            too_few++;
            continue;
        }
        struct patrol_line line = line_of(sight, disk, host);
        fn(user, &line);
    }
    return too_few;
}

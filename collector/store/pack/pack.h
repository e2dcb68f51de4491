/* collector/store/pack/pack.h - the packer: ticks on their way from the inbox to blocks, rollups and out of the file.
 *
 * Shape    docs/storage.md tells the stages. One thread for all files, politer than every other; it takes files in
 *          turn. A turn reads one file over a connection of its own, does a bounded amount of what is due, and hands
 *          the result to the file's commit groups as ops of a few milliseconds, one a group; the file's next turn
 *          begins when they are on disk. What has come to nothing (a fault, a kill) is found again by looking
 * Time     what is due is decided by corrected tick time against the clock handed in, so a standing clock can drive it.
 *          The loop's timer only says when to look
 * Rest     a file in which nothing was written and nothing is due is left alone: its connection and thread end after
 *          PACK_REST_US, until the next write
 * Threads  the loop's
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "collector/store/file.h"
#include "collector/store/store.h"

#define PACK_MINUTE_US INT64_C(60000000)
#define PACK_HOUR_US   INT64_C(3600000000)
#define PACK_DAY_US    INT64_C(86400000000)

/* When ticks move on. Ages are those of ticks. */
#define PACK_SEAL_AGE_US  (10 * PACK_MINUTE_US) /* of a run's oldest tick in the inbox */
#define PACK_STEP_AGE_US  (2 * PACK_HOUR_US)    /* of a sealed tick; of a day's end */
#define PACK_LOOK_US      (15 * US_PER_S)       /* how often files are looked at in which many ticks were stored... */
#define PACK_LOOK_FEW_US  PACK_MINUTE_US        /* ...and those in which a few were */
#define PACK_KEEP_LOOK_US PACK_HOUR_US          /* how often those are looked for that expire, at most */
#define PACK_PUT_OFF_US   PACK_HOUR_US          /* until a unit that failed by itself is tried again */
#define PACK_REST_US      (5 * PACK_MINUTE_US)
#define PACK_COARSE_US    PACK_MINUTE_US /* ticks so far apart are the one-minute tier themselves */
enum {
    PACK_SEAL_TICKS = 60,
    PACK_REWRITE_TICKS = 600,
    PACK_BLOCK_TICKS = 3600, /* of a block at most */
    PACK_SMALL_TICKS = 300   /* a rewritten block of fewer joins its neighbour */
};

struct packer; /* opaque */

int packer_open(struct packer **ret_packer, uv_loop_t *loop, const struct clock *clock, const struct log *log,
                struct err *err);
/* Before the files are closed: lets the turn under way end, `wait_ms` at most; what it found is forgotten. NULL is
 * fine. */
void packer_stop(struct packer *packer, uint64_t wait_ms);
/* When they are. The loop must run once more. Always returns NULL; NULL is fine. */
struct packer *packer_free(struct packer *packer);

/* As store_retain(). */
void packer_keep(struct packer *packer, const struct store_retention *retention);

/* Makes a tenant's file known; it is looked at from then on. Borrowed until packer_free(). */
int packer_add(struct packer *packer, struct file *file, uint64_t tenant, struct err *err);

/* Looks at every file now and goes on until nothing is due in any; then `fn` is called on the loop, with a failure if
 * one kept it from that (the file is in fault, or store_pack_failed was logged). By packer_stop() with -ECANCELED.
 * -ENOMEM: it never will be. */
int packer_run(struct packer *packer, void (*fn)(void *user, int rc), void *user);

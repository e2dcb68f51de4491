/* collector/ingest/ingest.h - who is this, is it whole, have I had it: from reports to ticks that are judged once
 * and stored once.
 *
 * Shape    per (host, run) three sets of tick numbers: *judged* (memory), *pending* (in a commit group), *stored*
 *          (on disk); and the run's anchor. ingest_offer() says what to do with a batch, the caller does it and
 *          says so.
 * Life     offer -> NEW: judge what ingest_unjudged() names, put into the group, ingest_admit(); on disk:
 *          ingest_stored(); the group lost its samples: ingest_lost(). A tick judged whose samples were lost is
 *          stored when it comes again, not judged again.
 * Limits   INGEST_RUNS_MAX runs a host, of which the one not heard of for longest gives way (what it stored the
 *          store still knows); SPANS_MAX intervals a run, TABLES_PER_HOST tables a host; QUOTA_NAMES tables and as
 *          many runs that only declare losses a host and UTC day that were not known of it
 * Threads  one caller; no I/O, time handed in
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/ingest/anchor.h"
#include "collector/ingest/quota.h"
#include "collector/ingest/span.h"
#include "proto/codec/message.h"

enum { INGEST_RUNS_MAX = 64, TABLES_PER_HOST = 4 };

struct ingest; /* opaque */

struct ingest_run { /* one run of a host's agent */
    uint64_t host;
    struct run_id run;
    uint64_t highest; /* the largest tick number declared so far */
    struct spans judged;
    struct spans pending;
    struct spans stored;
    struct anchor anchor;
    unsigned holders;        /* sessions and waiting reports that point here: it must not be forgotten */
    bool anchored;           /* the anchor was set: by a hello or from the store */
    int64_t anchor_saved_us; /* the caller's: when it was last handed to the store */
};

int ingest_new(struct ingest **ret_ingest, struct err *err);
struct ingest *ingest_free(struct ingest *ingest);

/* The run's state, made when it is new. *ret_run is borrowed until the next call that makes one, or for as long as
 * it is held. -ENOSPC: INGEST_RUNS_MAX runs of this host are held at once; -ENOMEM. */
int ingest_run(struct ingest *ingest, uint64_t host, const struct run_id *run, struct ingest_run **ret_run,
               struct err *err);

/* Whether what `run` says of ticks that never come is to be kept: the run is known, or one of the day's QUOTA_NAMES
 * that are not: what an agent kept may be lost as a whole. */
bool ingest_may_declare(struct ingest *ingest, uint64_t host, const struct run_id *run, int64_t now_us);

/* The same, but none is made. NULL: it is not known. */
struct ingest_run *ingest_find_run(const struct ingest *ingest, uint64_t host, const struct run_id *run);

void ingest_hold(struct ingest_run *run);
void ingest_let_go(struct ingest_run *run);

enum ingest_verdict {
    INGEST_NEW,     /* none of it is stored or pending */
    INGEST_PENDING, /* all of it is in a group already: wait for the same commit */
    INGEST_STORED,  /* all of it is on disk: first..last of the answer says so */
    INGEST_REFUSED, /* for good: refusal and text say why */
    INGEST_BUSY     /* part of it is in a group: come again */
};

struct ingest_decision {
    enum ingest_verdict verdict;
    enum refusal refusal;
    struct span stored; /* STORED, REFUSED for overlap: the interval on disk */
    char text[160];
};

/* Looks at a batch without changing anything but `highest`. */
void ingest_offer(struct ingest_run *run, const struct report *report, struct ingest_decision *ret);

/* The next piece of first..last that was not judged yet, from `first` on. False: all of it was. */
bool ingest_unjudged(const struct ingest_run *run, uint64_t first, uint64_t last, struct span *ret);

/* first..last went into a group, judged. -ENOSPC: the run has so many gaps that what is stored of it could not be
 * remembered; -ENOMEM. Nothing changed then. */
int ingest_admit(struct ingest_run *run, uint64_t first, uint64_t last);
/* The group is on disk: *ret_stored is the interval that now holds first..last. */
int ingest_stored(struct ingest_run *run, uint64_t first, uint64_t last, struct span *ret_stored);
/* The group gave up its samples. */
void ingest_lost(struct ingest_run *run, uint64_t first, uint64_t last);
/* At start: first..last is on disk, and was judged. */
int ingest_restore(struct ingest_run *run, uint64_t first, uint64_t last);

/* ---- series tables, shared by all hosts that have the same ---- */

struct ingest_table {
    struct series_table table;
    struct bytes encoded;
    int32_t cpu;    /* column of system.cpu.utilization, -1: none */
    int32_t memory; /* of system.memory.utilization */
};

/* The table the run's host has sent under this hash, in whichever run, and that it may use. NULL: not sent since start,
 * or given way to later ones. */
const struct ingest_table *ingest_table(const struct ingest_run *run, const struct table_hash *hash);

/* Keeps a copy of a table `host` has sent at `now_us`; the oldest of more than TABLES_PER_HOST gives way. Borrowed
 * while the host has it. -EDQUOT: its day has had QUOTA_NAMES new ones; -ENOMEM. */
int ingest_learn_table(struct ingest *ingest, uint64_t host, const struct series_table *table, struct bytes encoded,
                       int64_t now_us, const struct ingest_table **ret_table, struct err *err);

/* Whether the store has this table of the run's host for sure. */
bool ingest_table_is_stored(const struct ingest_run *run, const struct table_hash *hash);
void ingest_table_set_stored(struct ingest_run *run, const struct table_hash *hash, bool stored);

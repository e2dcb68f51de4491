/* collector/store/store.h - everything that must outlive the process, in SQLite: registry.db and one file a tenant.
 *
 * Shape    writes of a file are gathered into its group; a group is one transaction on the file's own writer thread,
 *          one fsync. One group a file is in flight, one gathers; it closes when the writer is free and its oldest
 *          entry is STORE_GATHER_US old, at once when it is urgent. What depends on a write waits for store_then().
 * Files    DIR/registry.db (tenants, hosts, the collector's beat, heads of ledgers), DIR/tenant-N.db (the rest;
 *          tenant 0 is the collector's own); WAL, synchronous=FULL; opened on demand, created with their schema,
 *          migrated by user_version
 * Failure  a failed group stays in front and is retried each STORE_RETRY_US. After STORE_FAULT_US of that the file's
 *          fault is *declared*: samples in its groups are dropped (agents hold them; their store_then() gets the
 *          error), everything else stays in memory and is retried until it is written; store_fault() says so; the
 *          first success ends it. An attempt under way for as long is a fault as well: a disk may hang without a word
 * Threads  calls and callbacks on the loop's thread; SQL runs on one writer thread a file and one reader thread for
 *          all
 * Limits   STORE_GROUP_MAX bytes gathered a file: past it store_batch() is -EAGAIN and the caller answers busy
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "collector/event/book.h"
#include "collector/event/capacity.h"
#include "collector/event/document.h"
#include "collector/event/event.h"
#include "collector/event/gate.h"
#include "collector/event/notice.h"
#include "collector/event/rota.h"
#include "collector/ingest/fleet.h"
#include "collector/ingest/keyring.h"
#include "collector/page/page.h"
#include "collector/page/rehearsal.h"
#include "collector/page/silence.h"
#include "collector/watch/watch.h"
#include "proto/codec/message.h"
#include "proto/ledger/head.h"
#include "proto/ledger/ledger.h"

#define STORE_GATHER_US   (20 * US_PER_MS)
#define STORE_RETRY_US    (250 * US_PER_MS)
#define STORE_FAULT_US    (5 * US_PER_S)
#define STORE_CALM_US     (30 * US_PER_S)    /* without trouble, then it is over */
#define STORE_SLOW_US     (1 * US_PER_S)     /* a commit that takes as long... */
#define STORE_SLOW_FOR_US (10 * US_PER_S)    /* ...and another one so much later */
#define STORE_SPAN_MAX_US (86400 * US_PER_S) /* from the first to the last tick of a batch */
enum { STORE_GROUP_MAX = 64 << 20, STORE_TENANTS_MAX = 4096, STORE_POINTS_MAX = 100000, STORE_SERIES_MAX = 256 };

struct store; /* opaque */

/* Opens DIR (made 0700 if missing) and registry.db. -EBUSY: another collector holds it (lock file). Clock, log
 * borrowed. */
int store_open(struct store **ret_store, uv_loop_t *loop, const char *dir, const struct clock *clock,
               const struct log *log, struct err *err);
/* Writes what is gathered (waits for it), closes the files; the loop must run once more. Always returns NULL. A disk
 * that hangs is waited for for 10 s: then what is not written is lost, on the log, and threads stuck on the disk are
 * left behind with what they hold: the process is to end now. */
struct store *store_close(struct store *store);

/* Heads of ledgers are signed with this key from now on; copied. Before store_load(). Without one there are none: what
 * was signed before stays. `fresh`: it has signed nothing before, so that heads of another key, and ledgers without a
 * head, are what there was before it, and it vouches for them; otherwise such a ledger is broken. */
void store_sign(struct store *store, const struct ledger_key *key, bool fresh);

/* ---- at start, before the loop runs: blocking reads; `fn` gets borrowed rows ---- */

struct store_interval { /* ticks first..last of a run are stored */
    uint64_t host;
    struct run_id run;
    uint64_t first;
    uint64_t last;
};

struct store_anchor { /* wall time of a run's mono 0, as the collector corrected it */
    uint64_t host;
    struct run_id run;
    int64_t anchor_us;
    int64_t rtt_us;    /* of the exchange it was learned from */
    int64_t stored_us; /* corrected time of its newest stored tick */
};

struct store_head { /* of a tenant's ledger, and by whose key */
    struct ledger_head head;
    struct ledger_public key;
};

struct store_loader {
    void (*tenant)(void *user, const struct tenant *row);
    void (*host)(void *user, const struct host *row);
    void (*host_key)(void *user, const struct host_key *row);
    void (*token)(void *user, const struct token *row);
    void (*interval)(void *user, uint64_t tenant, const struct store_interval *row);
    void (*anchor)(void *user, uint64_t tenant, const struct store_anchor *row);
    void (*alert)(void *user, uint64_t tenant, const struct alert *row);
    void (*event)(void *user, const struct event *row);
    void (*event_document)(void *user, const struct event_document *row); /* behind the events of its file... */
    void (*gate)(void *user, const struct gate *row);                     /* ...and so are these */
    void (*incident)(void *user, const struct incident *row); /* not resolved, or with a queued page or a late one */
    void (*incident_alert)(void *user, const struct incident_alert *row); /* of those */
    void (*page)(void *user, const struct page *row);                     /* all of those */
    void (*contract)(void *user, const struct contract *row);
    void (*pack)(void *user, const struct pack *row);
    void (*draw)(void *user, const struct draw *row);
    void (*silence)(void *user, const struct silence *row); /* in force, and the one of the highest id */
    void (*notice)(void *user, const struct notice *row);
    void (*rehearsal)(void *user, const struct rehearsal *row);           /* behind the events of its file */
    void (*capacity_check)(void *user, const struct capacity_check *row); /* likewise, by version... */
    void (*capacity_span)(void *user, const struct capacity_span *row);   /* ...and by time */
    void (*ledger_head)(void *user, const struct store_head *row);        /* the store's own: nobody else needs it */
    void (*rota_override)(void *user, const struct rota_override *row);   /* all there ever were, by id */
    void *user;
};

struct store_marks { /* the highest ids ever given */
    uint64_t tenant;
    uint64_t event;
    uint64_t incident;
    uint64_t page;
    int64_t beat_us; /* the collector's last sign of life; 0: none */
};

/* Registry first, then each tenant's file; a tenant file that cannot be read is logged and left out, and its tenant's
 * writes are refused until it can: one broken file holds back its own tenant only. */
int store_load(struct store *store, const struct store_loader *loader, struct store_marks *ret, struct err *err);

/* Stored ticks from `from_us` on, oldest first, for re-judging. Blocking. `fn` gets borrowed values. */
int store_replay(struct store *store, uint64_t tenant, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, struct err *err);

/* ---- writes: each joins the gathering group of its tenant's file (registry rows: the registry's) ---- */

struct store_batch {
    uint64_t tenant;
    uint64_t host;
    struct run_id run;
    uint64_t first;
    uint32_t n_ticks;
    int64_t anchor_us; /* corrected time = anchor + mono */
    int64_t first_us;  /* corrected time of the first and the last tick */
    int64_t last_us;
    struct table_hash table;
    struct bytes table_bytes; /* kept once a hash; len 0 when the file has it for sure */
    struct bytes batch_bytes; /* codec's */
};

/* Copies all of it: the ticks, their table, and the stored interval that now includes them. A batch whose ticks are all
 * stored already is no failure and changes nothing. -EAGAIN: the group is full; -EIO: the file is in declared fault;
 * -EINVAL: numbers, times or sizes that no batch can have; -ENOMEM. */
int store_batch(struct store *store, const struct store_batch *batch, struct err *err);

/* These copy and cannot be refused but for memory (-ENOMEM): they are bounded by what made them. */
int store_put_tenant(struct store *store, const struct tenant *row);
int store_put_host(struct store *store, const struct host *row);
int store_put_host_key(struct store *store, const struct host_key *row); /* forgotten ones are deleted */
int store_put_token(struct store *store, const struct token *row);       /* used up ones likewise */
int store_put_rota_override(struct store *store, const struct rota_override *row);
int store_put_beat(struct store *store, int64_t now_us);
int store_put_anchor(struct store *store, uint64_t tenant, const struct store_anchor *row);
int store_put_alert(struct store *store, uint64_t tenant, const struct alert *row); /* ok ones are deleted */
int store_put_event(struct store *store, const struct event *row);
int store_put_event_document(struct store *store, uint64_t tenant, const struct event_document *row);
int store_put_gate(struct store *store, uint64_t tenant, const struct gate *row);
int store_put_incident(struct store *store, const struct incident *row);
int store_put_incident_alert(struct store *store, uint64_t tenant, const struct incident_alert *row);
int store_put_page(struct store *store, const struct page *row);         /* heartbeats that have ended are deleted */
int store_put_contract(struct store *store, const struct contract *row); /* cancelled ones are deleted */
int store_put_pack(struct store *store, const struct pack *row);
int store_put_draw(struct store *store, const struct draw *row);
int store_put_silence(struct store *store, const struct silence *row);
int store_put_notice(struct store *store, const struct notice *row);
int store_put_rehearsal(struct store *store, const struct rehearsal *row);
int store_put_capacity_check(struct store *store, uint64_t tenant, const struct capacity_check *row);
int store_put_capacity_piece(struct store *store, uint64_t tenant, const struct capacity_piece *row);
int store_put_capacity_span(struct store *store, uint64_t tenant, const struct capacity_span *row);

struct store_dropped { /* ticks first..last of a run will never come: the agent said so */
    uint64_t host;
    struct dropped dropped;
    int64_t told_us;
};
int store_put_dropped(struct store *store, uint64_t tenant, const struct store_dropped *row);

/* Appends to the chain of entry->tenant. Its n is not looked at: the entry gets it, and its hash, as it is written,
 * behind those put before it. -EINVAL: no entry can be like this. */
int store_put_ledger(struct store *store, const struct ledger_entry *entry);

struct store_clock_step { /* a run's corrected time jumped: what came before lies `step_us` off what came after */
    uint64_t host;
    struct run_id run;
    int64_t at_us;
    int64_t step_us;
};
int store_put_clock_step(struct store *store, uint64_t tenant, const struct store_clock_step *row);

enum store_file { STORE_REGISTRY, STORE_TENANT };

/* `fn` is called on the loop, never within a call of this header but store_close(), when the group now gathering
 * is on disk (rc 0), or when an attempt at it failed or hangs in a declared fault (rc < 0: its samples are
 * dropped, or may be stored yet when the disk hangs; the rest stays queued). In a fault that is each
 * STORE_RETRY_US. In the order of calls. -ENOMEM: it never will. */
int store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc), void *user);

/* The gathering group closes as soon as the writer is free: it holds a page. */
void store_hurry(struct store *store, enum store_file file, uint64_t tenant);

/* Whether the file is in declared fault. */
bool store_fault(const struct store *store, enum store_file file, uint64_t tenant);

/* A file that was left out at start can be read now: only another start takes up what it holds. */
bool store_wants_start(const struct store *store);

/* What is wrong with a file's disk, or was STORE_CALM_US ago: a disk that is nearly full takes small groups, and so
 * ends its fault again and again. */
enum store_trouble {
    STORE_WELL,
    STORE_FULL,
    STORE_READ_ONLY,
    STORE_HANGS,
    STORE_FAILS,   /* it reports errors, or anything else not in this list */
    STORE_DAMAGED, /* the file is; the disk may be well */
    STORE_SLOW     /* no fault: commits take STORE_SLOW_US and longer, for STORE_SLOW_FOR_US at least */
};
enum store_trouble store_trouble(const struct store *store, enum store_file file, uint64_t tenant);

struct store_space { /* of the disk the files lie on, as it was a second ago; 0, 0: not known yet */
    uint64_t free_bytes;
    uint64_t total_bytes;
};
struct store_space store_space(const struct store *store);

/* ---- what becomes of stored ticks with time: storage.md tells; it happens by itself ---- */

struct store_retention { /* by the time of the ticks */
    int64_t samples_us;  /* ticks less than a minute apart */
    int64_t minutes_us;  /* others, and minutes; which ticks were dropped, and where clocks jumped */
    int64_t sketches_us; /* a day's quantiles; which ticks are stored is kept as long as the longest of the three */
};
/* 7 days, 13 months and 3 years. */
#define STORE_RETENTION                                                                                                \
    ((struct store_retention){ 7 * 86400 * US_PER_S, 396 * 86400 * US_PER_S, 1096 * 86400 * US_PER_S })
/* What is 0 is kept as long as STORE_RETENTION has it. */
struct store_retention store_retention_of(const struct store_retention *wanted);
void store_retain(struct store *store, const struct store_retention *retention);

/* Does now what is due by the clock in any file, waiting for nothing: `fn` is called on the loop when nothing is due
 * any more (0), or when some of it cannot be done (a failure), by store_close() at the latest. -ENOMEM: it never
 * will be. */
int store_pack(struct store *store, void (*fn)(void *user, int rc), void *user);

struct store_counts {
    uint64_t samples; /* stored since start */
    uint64_t ticks;
    uint64_t groups;
    uint64_t failed; /* group attempts that failed */
    uint64_t slow;   /* that took STORE_SLOW_US and longer */
    uint64_t bytes;  /* of batches stored */
};
struct store_counts store_counts(const struct store *store);

struct store_commits { /* how long the latest groups of all files took to be on disk, once their writer had them */
    uint64_t n;        /* groups this is of; 0: then all is */
    int64_t p50_us, p99_us, max_us;
};
struct store_commits store_commits(const struct store *store);

/* ---- reads: on the reader thread, the answer on the loop ---- */

struct store_query {
    uint64_t tenant;
    uint64_t host;
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1]; /* glob */
    int64_t from_us;                 /* [from, to) */
    int64_t to_us;
    size_t points;   /* at most, per series, 1..STORE_POINTS_MAX; more samples are averaged into even steps */
    int64_t step_us; /* if not 0: steps of this width instead, on its multiples since 1970 */
    bool quantiles;  /* those of each step as well */
};

struct store_point {
    int64_t at_us; /* of the sample, or the start of its step */
    double min, mean, max;
    uint32_t count;
};

struct store_quantiles { /* within 1 %; NaN where the step's samples are gone and only minutes are left */
    double p95, p99;
};

struct store_series {
    const char *instance;
    const char *unit;
    size_t n;
    const struct store_point *points;        /* by time */
    const struct store_quantiles *quantiles; /* of each point; NULL: not asked for */
};

struct store_result { /* borrowed during the callback */
    size_t n;
    const struct store_series *series;
    bool truncated;  /* more series matched than STORE_SERIES_MAX, or than fit with so many points (2^20 in all) */
    bool minutes;    /* minutes stand for samples in some of it: their points lie on full minutes */
    int64_t step_us; /* 0: samples as they are */
};

/* `fn` is called once on the loop, by store_close() at the latest; `result` is NULL when it failed, `err` when it went
 * well. -EINVAL: points or range; -EAGAIN: too many reads are waiting. */
int store_query(struct store *store, const struct store_query *query,
                void (*fn)(void *user, const struct store_result *result, const struct err *err), void *user,
                struct err *err);

/* Incidents of a tenant, newest first, ids below `below` (0: from the newest), at most `most`; and, for one incident,
 * its alerts and pages. Callbacks as above. */
struct store_incidents {
    size_t n;
    const struct incident *at;
};
int store_list_incidents(struct store *store, uint64_t tenant, uint64_t below, size_t most,
                         void (*fn)(void *user, const struct store_incidents *result, const struct err *err),
                         void *user, struct err *err);
struct store_incident_detail {
    const struct incident *incident; /* NULL: this tenant has none of that id */
    size_t n_alerts, n_pages;
    const struct incident_alert *alerts;
    const struct page *pages;
};
int store_show_incident(struct store *store, uint64_t tenant, uint64_t id,
                        void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err),
                        void *user, struct err *err);

/* ---- the ledger, see proto/ledger/ledger.h ---- */

enum { STORE_LEDGER_MOST = 1000, STORE_LEDGER_PAGE_BYTES = 160 << 10 };

struct store_ledger_query {
    uint64_t tenant;
    uint64_t event;                 /* 0: of all, and of none */
    char kind[LEDGER_KIND_MAX + 1]; /* "": all */
    bool steps;                     /* none of the many: rounds, incidents, pages */
    bool oldest_first;
    uint64_t behind; /* go on behind the entry of this number, in that order; 0: from the beginning */
    bool raw;        /* rows as they lie there, whatever was done to them */
    size_t most;     /* 1..STORE_LEDGER_MOST; no more than STORE_LEDGER_PAGE_BYTES of them in any case, but one */
};

struct store_ledger_row {
    struct ledger_entry entry; /* raw: zeroed but for n, which is the row's */
    struct ledger_hash hash;
    struct bytes bytes; /* raw alone, as the next one */
    bool whole;         /* there is a hash, and the other columns say what the bytes say */
};

struct store_ledger { /* borrowed during the callback */
    size_t n;
    const struct store_ledger_row *at;
    bool more; /* behind the last one */
};

/* As store_query(). */
int store_ledger(struct store *store, const struct store_ledger_query *query,
                 void (*fn)(void *user, const struct store_ledger *result, const struct err *err), void *user,
                 struct err *err);

/* A head is signed once entries are on disk, and goes into registry.db in a group of its own, STORE_HEADS_US behind the
 * one before it at the earliest, STORE_HEADS_US behind the entries at the latest while registry.db can be written: a
 * tenant's commit waits for none. So a file may be ahead of its head, and never behind it. */
#define STORE_HEADS_US (1 * US_PER_S)

/* Whether an entry of `at_us` may be on record before the first head is, behind a first one of `first_us`. */
#define STORE_BEGUN_US (10 * US_PER_S)
static inline bool store_just_begun(int64_t first_us, int64_t at_us)
{
    return at_us >= first_us ? at_us - first_us <= STORE_BEGUN_US : first_us - at_us <= STORE_BEGUN_US;
}

/* Some heads are newer than those that went into registry.db's groups. */
bool store_heads_waiting(const struct store *store);

enum store_head_answer { STORE_NO_HEAD = 1 }; /* there are no entries, or nobody signs */
/* The head of all that is on disk. Of a ledger that does not go on from its last head, that one. */
int store_ledger_head(struct store *store, uint64_t tenant, struct store_head *ret);
/* The tenant's file did not go on from its last head, nothing of it was signed since: why. NULL: it did. */
const char *store_ledger_broken(const struct store *store, uint64_t tenant);
/* As store_put_ledger(), of an entry that says that a broken ledger may be as it is: once it is on disk, all of what is
 * there is signed by a new head. */
int store_accept_ledger(struct store *store, const struct ledger_entry *entry);

/* ---- import and export: history in and out ---- */

/* A run of ticks that came by import begins with these bytes; it has no anchor and is never judged. */
#define STORE_IMPORT_MARK "imported"
bool store_run_is_imported(const struct run_id *run);

struct store_run {   /* what is stored of a run from its first tick on, without a gap */
    uint64_t last;   /* its last tick; 0: none */
    int64_t last_us; /* that one's time */
};
/* As store_query(). */
int store_find_run(struct store *store, uint64_t tenant, uint64_t host, const struct run_id *run,
                   void (*fn)(void *user, const struct store_run *result, const struct err *err), void *user,
                   struct err *err);

struct store_export_page;

struct store_export {
    uint64_t tenant;
    uint64_t host;
    char metric[2 * SERIES_KEY_MAX + 1]; /* globs, fnmatch(3); each byte may have a backslash before it */
    char instance[2 * INSTANCE_MAX + 1];
    int64_t from_us; /* [from, to) */
    int64_t to_us;
    uint32_t skip; /* so many ticks of the moment from_us itself went with the page before */
    /* What takes long over a page, and so not on the loop: called on the reader's thread before the page goes to `fn`,
     * with the same `user`; it touches only what nobody else does until then. It is
     * over, and does not begin any more, once `fn` is told. What it fails with goes to `fn` as `err`.
     * NULL: nothing. */
    int (*study)(void *user, const struct store_export_page *page, struct err *err);
};

enum { STORE_EXPORT_PAGE_BYTES = 160 << 10, STORE_EXPORT_SERIES_MAX = 65536 };

struct store_export_page { /* borrowed during the callback */
    size_t n_tables;
    const struct bytes *tables; /* codec's, of the series asked for alone */
    size_t n_batches;
    const struct store_export_batch {
        uint32_t table; /* which of them */
        struct bytes
            bytes; /* codec's, in the order of time; wall_us is the corrected time, run and numbers say nothing */
    } * batches;
    bool more; /* the next page begins at next_us, skip ticks of it */
    int64_t next_us;
    uint32_t skip;
    uint64_t unreadable; /* rows passed over: damaged */
};

/* Ticks as they were stored, a page of STORE_EXPORT_PAGE_BYTES at a time; as store_query(). */
int store_export(struct store *store, const struct store_export *query,
                 void (*fn)(void *user, const struct store_export_page *result, const struct err *err), void *user,
                 struct err *err);

struct store_export_series { /* borrowed during the callback */
    size_t n;
    const struct series *at; /* by metric and instance; STORE_EXPORT_SERIES_MAX at most */
};
int store_export_series(struct store *store, const struct store_export *query,
                        void (*fn)(void *user, const struct store_export_series *result, const struct err *err),
                        void *user, struct err *err);

/* ---- backup: a copy of the files while they are written ---- */

#define STORE_ALL_TENANTS UINT64_MAX

struct store_backup { /* borrowed during the callback */
    bool done;        /* all of it lies under `path`, on disk */
    const char *path; /* DIR/20261123T024011Z */
    size_t files;     /* copied so far... */
    size_t n_files;   /* ...of so many */
    uint64_t bytes;   /* copied so far... */
    uint64_t n_bytes; /* ...of about so many */
};

/* Copies the file of `tenant`, or with STORE_ALL_TENANTS every file and registry.db behind them, into a new folder
 * under DIR (made 0700 if missing); there is nothing under its final name before all of it is on disk. A file is copied
 * as it was at one moment; commits go on meanwhile. `fn` is called on the loop about twice a second, and a last time
 * with `done` set or with a failure; then there is nothing left of it. -EBUSY: one is under way. */
int store_backup(struct store *store, const char *dir, uint64_t tenant,
                 void (*fn)(void *user, const struct store_backup *state, const struct err *err), void *user,
                 struct err *err);

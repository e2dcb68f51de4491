/* collector/store/file.h - one file as the loop sees it: a group gathers while another is on its way to the disk.
 *
 * Shape    gathering → front → written, or front again after STORE_RETRY_US. A front that has failed for STORE_FAULT_US
 *          declares the file's fault: batches go, the rest of what gathered joins the front, and every attempt answers
 *          the callbacks waiting until then, well or not. An attempt that takes STORE_FAULT_US declares it too: then
 *          the front's callbacks and those gathered since are answered each STORE_RETRY_US until the disk speaks
 * Rest     a file that was read at start, or rests, has neither a connection nor a thread; a write opens both
 * Threads  the loop's
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/work.h"
#include "collector/store/group.h"
#include "collector/store/store.h"
#include "collector/store/took.h"
#include "collector/store/writer.h"

struct file; /* opaque */

struct file_home { /* what all files of a store share; borrowed as long as they live */
    uv_loop_t *loop;
    const struct clock *clock;
    const struct log *log;
    const char *dir;
    struct store_counts *counts;
    struct took *took;
    /* A tenant's ledger ends here, on disk, unless it is broken. */
    void (*ledger)(void *user, uint64_t tenant, const struct chain_end *end, enum chain_state state);
    void *user;
};

/* Touches no disk yet. On 0 the caller owns *ret_file. */
int file_open(struct file **ret_file, const struct file_home *home, enum store_file kind, uint64_t tenant,
              struct err *err);
/* So much of its ledger is signed; or it ought to be, unless it has just begun. Before anything is read or written. */
void file_vouch(struct file *file, const struct chain_end *end, bool misses);
/* Creates or migrates it now, on this thread: nothing may have been written to it yet. */
int file_prepare(struct file *file, struct err *err);
/* The same, and reads it. */
int file_read(struct file *file, const struct store_loader *loader, struct store_marks *marks, struct err *err);
/* The same, but when it cannot be read its fault is declared; the first attempt that can read it ends that. */
int file_load(struct file *file, const struct store_loader *loader, struct store_marks *marks, struct err *err);
/* Writes what is left, waiting for it; `wait_ms` at most. The loop must run once more. NULL is fine. false: the
 * disk has not answered by then. Callbacks are told, but the file's memory is left to the writer's thread, which
 * may be on the disk for as long as the process lives: that is to end now. */
bool file_close(struct file *file, uint64_t wait_ms);

/* What to put operations into, or NULL without memory; file_touched() must follow. */
struct group *file_gathering(struct file *file);
/* Something was put: sees to it that the group closes in time. */
void file_touched(struct file *file);
int file_then(struct file *file, void (*fn)(void *user, int rc), void *user);
void file_hurry(struct file *file);

/* Somebody who read it found it damaged: the next attempt looks the path up anew and reads the file before it
 * writes. */
void file_doubt(struct file *file, const struct err *why);
/* How many ticks were stored in it since it was opened. */
uint64_t file_stored(const struct file *file);
/* Nothing was written for `idle_us` and nothing is on its way: ends its connection and its thread, until the next
 * write. */
void file_rest(struct file *file, int64_t idle_us);

bool file_in_fault(const struct file *file);
/* It could not be read at start, and now it can: what it holds is known to nobody. */
bool file_wants_start(const struct file *file);
enum store_trouble file_trouble(const struct file *file);
const char *file_path(const struct file *file);

/* Copies what the WAL holds to where it belongs, on `worker`, if there is any and it is not being done. */
void file_checkpoint(struct file *file, struct worker *worker);

/* tests/sim/disk.h - the collector's disk: SQLite's own VFS with faults before it, and power cuts behind.
 *
 * Shape    files of the collector are opened through it; the checker opens them by the VFS "unix", past all faults
 * Faults   of files with a given part in their name, until the fault is taken back: writes fail, the disk is full, a
 *          flush fails, a read fails; or it is slow, or hangs: then jobs of base/work wait (work_inline.c)
 * Death    disk_die(): the process was killed, nothing it does from here on reaches a file. disk_cut_power() also takes
 *          back what was written and not flushed: all of it behind a random point, that point torn
 * Speed    a flush costs nothing
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct process;

enum disk_fault { DISK_WELL, DISK_WRITE, DISK_FULL, DISK_SYNC, DISK_READ, DISK_SLOW, DISK_HANG };
enum { DISK_PARTS = 8 };

/* Once a program. */
void disk_install(void);
/* Sets what is wrong with files whose name begins with `name` (borrowed, a literal). One fault a name at a time. */
void disk_set(const char *name, enum disk_fault fault);
/* Some file has a fault that makes reads or writes fail. */
bool disk_fails(void);
/* How long a job of this worker takes before it runs, and then until it is done. */
int64_t disk_wait_us(const char *worker, bool before);
/* Until it does no more it does not run. */
bool disk_hangs(const char *worker);

void disk_die(void);
void disk_cut_power(void);
/* The collector dies on its own at the n-th write from now on, in the middle of whatever it writes. 0: it does not. */
void disk_die_at_write(uint64_t n);
/* A new life, of this process: it is marked dead when that ends. */
void disk_revive(struct process *owner);

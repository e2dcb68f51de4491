/* collector/store/faulty_vfs_fixture.h - a disk that fails when a test says so: SQLite's own unix VFS with a
 * switch before it.
 *
 * Threads  the switch may be set while a writer is at work
 */
#pragma once
#include <stdbool.h>

/* Makes it SQLite's default. Once a program. */
void faulty_vfs_install(void);

enum faulty {
    FAULTY_NOTHING,
    FAULTY_FULL,
    FAULTY_WRITE,
    FAULTY_READ_ONLY,
    FAULTY_CORRUPT, /* a write finds out */
    FAULTY_SYNC,
    FAULTY_HANG,
    FAULTY_HANG_READ
};
/* From now on files with `part` in their path (borrowed; a literal) fail this way. FAULTY_HANG: they do not, but
 * a flush of theirs takes until this is called again; FAULTY_HANG_READ: a read. */
void faulty_vfs_set(enum faulty how, const char *part);
/* The n-th write or flush from now on of such files fails, once; FAULTY_KILL: ends this process like kill -9. */
enum faulty_once { FAULTY_FAIL, FAULTY_KILL };
void faulty_vfs_once(enum faulty_once how, const char *part, int n);
/* How many there were so far, of all files. */
int faulty_vfs_changes(void);

/* ---- the n-th operation of a kind, on whatever file ---- */

enum faulty_op {
    FAULTY_OP_OPEN,
    FAULTY_OP_READ,
    FAULTY_OP_WRITE,
    FAULTY_OP_SYNC,
    FAULTY_OP_TRUNCATE,
    FAULTY_OP_DELETE,
    FAULTY_OP_LOCK,
    FAULTY_OP_SHM_MAP,
    FAULTY_OP_SHM_LOCK,
    FAULTY_OP_COUNT
};
struct faulty_plan {
    enum faulty_op op;
    long n;       /* the first to fail, counted from 1 since this plan was made; 0: none does, they are only counted */
    bool lasting; /* all behind it fail as well */
    int code;     /* SQLite's, of the failure */
    bool half;    /* of a write: its first half is on the disk */
};
/* Starts counting anew. Copies. */
void faulty_vfs_plan(const struct faulty_plan *to);
/* How many operations of a kind there were since. */
long faulty_vfs_count(enum faulty_op op);
/* Whether the plan's operation has come, and failed. */
bool faulty_vfs_has_failed(void);

/* Whether a flush hangs right now. */
bool faulty_vfs_is_hanging(void);
/* How often WALs were flushed so far: one for each transaction. */
int faulty_vfs_wal_syncs(void);

/* collector/store/faulty_vfs_fixture.h - a disk that fails when a test says so: SQLite's own unix VFS with a
 * switch before it.
 *
 * Threads  the switch may be set while a writer is at work
 */
#pragma once
#include <stdbool.h>

/* Makes it SQLite's default. Once a program. */
void faulty_vfs_install(void);

enum faulty { FAULTY_NOTHING, FAULTY_FULL, FAULTY_WRITE, FAULTY_SYNC, FAULTY_HANG, FAULTY_HANG_READ };
/* From now on files with `part` in their path (borrowed; a literal) fail this way. FAULTY_HANG: they do not, but
 * a flush of theirs takes until this is called again; FAULTY_HANG_READ: a read. */
void faulty_vfs_set(enum faulty how, const char *part);
/* Whether a flush hangs right now. */
bool faulty_vfs_is_hanging(void);
/* How often WALs were flushed so far: one for each transaction. */
int faulty_vfs_wal_syncs(void);

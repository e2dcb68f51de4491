/* collector/store/faulty_vfs.h - a disk that fails when a test says so: SQLite's own unix VFS with a switch before it.
 *
 * Threads  the switch may be set while a writer is at work
 */
#pragma once

/* Makes it SQLite's default. Once a program. */
void faulty_vfs_install(void);

enum faulty { FAULTY_NOTHING, FAULTY_FULL, FAULTY_WRITE, FAULTY_SYNC };
/* From now on files with `part` in their path (borrowed; a literal) fail this way. */
void faulty_vfs_set(enum faulty how, const char *part);
/* How often WALs were flushed so far: one for each transaction. */
int faulty_vfs_wal_syncs(void);

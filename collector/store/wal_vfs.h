/* collector/store/wal_vfs.h - SQLite's way to the disk with one difference: what a transaction appends to the WAL goes
 * to the system in large pieces.
 *
 * SQLite writes each page of a transaction in two calls, of 24 and of 4,096 bytes, neither aligned: that costs two to
 * three times what their bytes cost in one. Here they wait in memory until they fill a piece, until SQLite asks for
 * the flush that ends the transaction, or until it reads, measures or cuts the WAL.
 *
 * Crash    what waits belongs to a transaction that is not committed: under synchronous=FULL, which is all we use,
 *          SQLite flushes the WAL before it tells anybody of what it appended
 * Errors   of a write may come with a later one, or with the flush: the transaction fails either way
 * Threads  as the VFS underneath, which is SQLite's own, or whichever was the default when this was first asked for
 */
#pragma once

/* For sqlite3_open_v2(), which takes NULL for the default: what there is when this one cannot be had. */
const char *wal_vfs_name(void);

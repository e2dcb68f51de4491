/* agent/read/files.h - the kernel's files: kept open, read from the start each tick, complained about once.
 *
 * Shape    a table of files under the procfs root; what is read stays in one buffer until the next read
 * Errors   a file turns "failing" when it cannot be opened, read or parsed, and well again when it can; only the change
 *          is logged. An optional file that is not there is no failure: the kernel lacks the feature
 * Limit    a file of FILES_TEXT_MAX bytes or more is refused
 * Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/scan.h"

enum { FILES_TEXT_MAX = 4 << 20 };

enum host_file {
    FILE_STAT,
    FILE_LOADAVG,
    FILE_UPTIME,
    FILE_FILE_NR,
    FILE_MEMINFO,
    FILE_VMSTAT,
    FILE_PRESSURE_CPU,
    FILE_PRESSURE_IO,
    FILE_PRESSURE_MEMORY,
    FILE_SNMP,
    FILE_NETSTAT,
    FILE_SOCKSTAT,
    FILE_SOCKSTAT6,
    FILE_CONNTRACK_COUNT,
    FILE_CONNTRACK_MAX,
    FILE_DISKSTATS,
    FILE_NET_DEV,
    FILE_MOUNTINFO,
    FILE_COUNT
};

struct files {
    int proc_fd;
    bool foreign_root;     /* mount points are those of process 1, not of this one */
    const struct log *log; /* borrowed */
    char *text;
    size_t text_size;
    struct {
        int fd;
        bool failing;
    } at[FILE_COUNT];
};

/* On failure nothing is open. -ENOENT, -EACCES...: `procfs` cannot be opened. */
int files_open(struct files *files, const char *procfs, bool foreign_root, const struct log *log, struct err *err);
void files_close(struct files *files);

/* Reads the whole file; *ret is borrowed until the next call. False: it has none to give now, which has been said. */
bool files_read(struct files *files, enum host_file file, struct scan_text *ret);

/* Hands in what a parser made of the text: `rc` < 0 means failing, with `err` saying why. Returns whether it is well.
 */
bool files_judge(struct files *files, enum host_file file, int rc, const struct err *err);

/* Whether the kernel says that the file has another content since the last time this was asked (mountinfo only). */
bool files_changed(struct files *files, enum host_file file);

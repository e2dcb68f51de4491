/* agent/read/filesystem.h - space and inodes of local filesystems.
 *
 * Source   proc(5): mountinfo; statvfs(3). Sizes are in f_frsize; what programs can still get is f_bavail, as in df(1)
 * Traps    statvfs() on a network filesystem whose server is gone never returns, and nothing can kill it: only
 *          types known to be local are asked (the list is in mountinfo.c and docs/metrics.md)
 */
#pragma once
#include <sys/statvfs.h>

#include "agent/read/source.h"

enum { MOUNTS_MAX = 128, MOUNT_POINT_MAX = 1023, MOUNT_SOURCE_MAX = 255, MOUNT_TYPE_MAX = 31 };

struct mount {
    uint32_t major;
    uint32_t minor;
    bool whole;                      /* the filesystem's own root is mounted here, not a folder of it */
    char point[MOUNT_POINT_MAX + 1]; /* unescaped: any bytes but NUL */
    char source[MOUNT_SOURCE_MAX + 1];
    char type[MOUNT_TYPE_MAX + 1];
    bool failing; /* the taker's */
};

/* Local filesystems, each device once: of several mounts the one of its root, then the shortest mount point. A mount
 * point mounted over is gone. At most `room`. -EBADMSG: a line is not what proc(5) says; -ENODATA: no line at all;
 * *ret_n is untouched then, what `ret` holds is unspecified. */
int mountinfo_parse(const char *text, size_t len, struct mount *ret, size_t room, size_t *ret_n, struct err *err);

struct filesystem_figures {
    double limit_bytes, used_bytes, available_bytes;
    double utilization; /* as df: used / (used + available) */
    bool readonly;
    bool has_inodes; /* btrfs and vfat have no fixed number of them */
    double inodes_limit, inodes_used, inodes_utilization;
};

/* False: it has no blocks, so it is no place to put anything. */
bool filesystem_figures(const struct statvfs *stat, struct filesystem_figures *ret);

struct mount_list {
    size_t n;
    struct mount at[MOUNTS_MAX];
};

struct filesystem_history {
    struct mount_list *last; /* owned by the reader, both: the list in use, and room to read the next one */
    struct mount_list *now;
    bool known;
    int64_t read_ns; /* when the list was last read */
    bool left_out_said;
};

void filesystem_take(void *state, const struct take *take);
void filesystem_raw(void *state, const struct raw *raw);

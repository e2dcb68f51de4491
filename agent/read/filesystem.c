/* Mounts change rarely, so the list is kept: the kernel raises POLLPRI on mountinfo when it changes, and REREAD_NS is
 * there for kernels and captured folders that raise nothing. */
#include "agent/read/filesystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REREAD_NS (60 * NS_PER_S)

enum { PATH_MAX_BYTES = 4096 };

bool filesystem_figures(const struct statvfs *stat, struct filesystem_figures *ret)
{
    if (stat->f_blocks == 0)
        return false;
    double block = (double)(stat->f_frsize ? stat->f_frsize : stat->f_bsize);
    double used = stat->f_blocks > stat->f_bfree ? (double)(stat->f_blocks - stat->f_bfree) : 0;
    /* Some filesystems let f_bavail go below zero when root has used the reserve. */
    double available = stat->f_bavail <= stat->f_blocks ? (double)stat->f_bavail : 0;
    double inodes = (double)stat->f_files;
    double inodes_used = stat->f_files > stat->f_ffree ? (double)(stat->f_files - stat->f_ffree) : 0;
    *ret = (struct filesystem_figures){
        .limit_bytes = (double)stat->f_blocks * block,
        .used_bytes = used * block,
        .available_bytes = available * block,
        .utilization = used + available > 0 ? used / (used + available) : 1,
        .readonly = stat->f_flag & ST_RDONLY,
        .has_inodes = stat->f_files > 0,
        .inodes_limit = inodes,
        .inodes_used = inodes_used,
        .inodes_utilization = inodes > 0 ? inodes_used / inodes : 0,
    };
    return true;
}

/* Mounts that stay keep what was said about them. */
static void inherit(struct mount_list *now, const struct mount_list *last)
{
    for (size_t i = 0; i < now->n; i++)
        for (size_t j = 0; j < last->n; j++)
            if (strcmp(now->at[i].point, last->at[j].point) == 0)
                now->at[i].failing = last->at[j].failing;
}

static bool read_mounts(struct filesystem_history *history, struct files *files)
{
    struct mount_list *now = history->now;
    struct scan_text text;
    struct err err;
    if (!files_read(files, FILE_MOUNTINFO, &text) ||
        !files_judge(files, FILE_MOUNTINFO, mountinfo_parse(text.at, text.len, now->at, MOUNTS_MAX, &now->n, &err),
                     &err))
        return false;
    inherit(now, history->last);
    history->now = history->last;
    history->last = now;
    return true;
}

static void refresh(struct filesystem_history *history, const struct take *take)
{
    bool changed = files_changed(take->files, FILE_MOUNTINFO); /* asked each time: the asking is what resets it */
    if (history->known && !changed && take->now_ns - history->read_ns < REREAD_NS)
        return;
    history->known = read_mounts(history, take->files);
    history->read_ns = take->now_ns;
    bool too_many = history->known && history->last->n > MOUNTS_REPORTED;
    if (too_many && !history->left_out_said)
        log_event(take->log, LOG_WARN, "reader_filesystems_left_out", KV_COUNT("found", history->last->n),
                  KV_COUNT("reported", MOUNTS_REPORTED));
    history->left_out_said = too_many;
}

static int ask(const char *rootfs, const struct mount *mount, struct statvfs *ret)
{
    char path[PATH_MAX_BYTES];
    int n = snprintf(path, sizeof path, "%s%s", rootfs, mount->point);
    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    return statvfs(path, ret) < 0 ? -errno : 0;
}

/* Said once, and once more when it is well again. */
static void note(const struct take *take, struct mount *mount, int rc)
{
    if (rc < 0 && !mount->failing)
        log_event(take->log, LOG_WARN, "reader_filesystem_failing", KV_TEXT("mountpoint", mount->point),
                  KV_TEXT("error", strerrordesc_np(-rc)));
    if (rc == 0 && mount->failing)
        log_event(take->log, LOG_INFO, "reader_filesystem_well", KV_TEXT("mountpoint", mount->point));
    mount->failing = rc < 0;
}

static void add_figures(struct readings *to, const char *point, const struct filesystem_figures *figures)
{
    readings_add(to, METRIC_FILESYSTEM_UTILIZATION, point, figures->utilization);
    readings_add(to, METRIC_FILESYSTEM_LIMIT, point, figures->limit_bytes);
    readings_add(to, METRIC_FILESYSTEM_USED, point, figures->used_bytes);
    readings_add(to, METRIC_FILESYSTEM_AVAILABLE, point, figures->available_bytes);
    readings_add(to, METRIC_FILESYSTEM_READONLY, point, figures->readonly);
    if (!figures->has_inodes)
        return;
    readings_add(to, METRIC_INODES_LIMIT, point, figures->inodes_limit);
    readings_add(to, METRIC_INODES_USED, point, figures->inodes_used);
    readings_add(to, METRIC_INODES_UTILIZATION, point, figures->inodes_utilization);
}

void filesystem_take(void *state, const struct take *take)
{
    struct filesystem_history *history = state;
    refresh(history, take);
    if (!history->known)
        return;
    for (size_t i = 0; i < history->last->n && i < MOUNTS_REPORTED; i++) {
        struct mount *mount = &history->last->at[i];
        struct statvfs stat;
        struct filesystem_figures figures;
        int rc = ask(take->rootfs, mount, &stat);
        note(take, mount, rc);
        if (rc == 0 && filesystem_figures(&stat, &figures))
            add_figures(take->readings, mount->point, &figures);
    }
}

void filesystem_raw(void *state, const struct raw *raw)
{
    struct filesystem_history *history = state;
    history->known = read_mounts(history, raw->files);
    for (size_t i = 0; history->known && i < history->last->n; i++) {
        const struct mount *mount = &history->last->at[i];
        struct statvfs stat;
        if (ask(raw->rootfs, mount, &stat) < 0)
            continue;
        const struct raw_label labels[] = { { "device", mount->source },
                                            { "fstype", mount->type },
                                            { "mountpoint", mount->point } };
        double block = (double)stat.f_bsize; /* node_exporter multiplies by f_bsize; the same on Linux filesystems */
        raw_emit(raw, (double)stat.f_blocks * block, labels, 3, "filesystem_size_bytes");
        raw_emit(raw, (double)stat.f_bfree * block, labels, 3, "filesystem_free_bytes");
        raw_emit(raw, (double)stat.f_bavail * block, labels, 3, "filesystem_avail_bytes");
        raw_emit(raw, (double)stat.f_files, labels, 3, "filesystem_files");
        raw_emit(raw, (double)stat.f_ffree, labels, 3, "filesystem_files_free");
        raw_emit(raw, stat.f_flag & ST_RDONLY ? 1 : 0, labels, 3, "filesystem_readonly");
    }
}

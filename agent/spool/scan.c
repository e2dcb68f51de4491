/* What earlier runs left. Segments are read once, oldest first: which ticks are there, which are done, what is still to
 * be declared. What is missing between ticks of a run, neither done nor declared, was lost here: in a broken record, in
 * a segment that is gone, or because the disk could not be written when they were taken. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/spool/parts.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/scan.h"

enum { SEGMENT_READ_MAX = 2 * SEGMENT_BYTES_MAX, DISK_BLOCK = 4096 };

/* ---- files ---- */

static int open_file(const struct spool *spool, uint64_t number, struct stat *ret, struct err *err)
{
    char name[SEGMENT_NAME_LEN];
    segment_name(name, number);
    int fd = openat(spool->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, -errno, "spool: cannot open %s/%s", spool->directory, name);
    int rc = fstat(fd, ret) < 0 ? -errno : 0;
    if (rc == 0 && !S_ISREG(ret->st_mode))
        rc = -EINVAL;
    if (rc == 0)
        return fd;
    close(fd);
    return err_sys(err, rc, "spool: cannot read %s/%s", spool->directory, name);
}

/* `despite` errors a block the disk does not give back stays zeros: the records in it are broken, the others are not.
 * *ret_len: also how far it came when it failed. */
static int read_all(int fd, bool despite, uint8_t *bytes, size_t len, size_t *ret_len)
{
    size_t at = 0;
    int rc = 0;
    while (at < len && rc == 0) {
        ssize_t n = pread(fd, bytes + at, len - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            break;
        if (n < 0 && !despite)
            rc = -errno;
        else
            at += n > 0 ? (size_t)n : DISK_BLOCK - at % DISK_BLOCK;
    }
    *ret_len = at < len ? at : len;
    return rc;
}

static int read_file(const struct spool *spool, uint64_t number, bool despite, struct stat *ret_stat,
                     uint8_t **ret_bytes, size_t *ret_len, struct err *err)
{
    *ret_len = 0;
    struct stat stat = { .st_size = 0 };
    AUTO(auto_close) int fd = open_file(spool, number, &stat, err);
    if (fd < 0)
        return fd;
    size_t len = stat.st_size < SEGMENT_READ_MAX ? (size_t)stat.st_size : SEGMENT_READ_MAX;
    AUTO(auto_free) uint8_t *bytes = calloc(1, len + 1);
    if (!bytes)
        return err_set(err, -ENOMEM, "spool: out of memory for a segment");
    int rc = read_all(fd, despite, bytes, len, ret_len);
    if (rc < 0) {
        char name[SEGMENT_NAME_LEN];
        segment_name(name, number);
        return err_sys(err, rc, "spool: cannot read %s/%s", spool->directory, name);
    }
    *ret_bytes = TAKE(bytes);
    *ret_stat = stat;
    return 0;
}

int segment_read(const struct spool *spool, uint64_t number, bool despite, uint8_t **ret_bytes, size_t *ret_len,
                 struct err *err)
{
    struct stat stat;
    return read_file(spool, number, despite, &stat, ret_bytes, ret_len, err);
}

bool read_lacked_means(int rc)
{
    return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
}

bool read_found_none(int rc)
{
    return rc == -ENOENT || rc == -ELOOP || rc == -ENXIO || rc == -EINVAL;
}

/* ---- records ---- */

static void take_head(struct spool *spool, struct segment *segment, const struct spool_head *head, bool *foreign)
{
    if (segment->run || head->version != SPOOL_VERSION)
        return;
    if (head->host != spool->config.host) {
        *foreign = true;
        return;
    }
    segment->run = run_take(spool, &head->run, &head->boot);
    if (!segment->run)
        return;
    segment->run->segments++;
    spool->figures.strange--;
}

static bool take_ticks(struct segment *segment, const struct spool_ticks *ticks)
{
    struct run *run = segment->run;
    uint64_t last = ticks->first + ticks->n_ticks - 1;
    if (!run || ticks->first <= run->highest || ranges_add(&run->present, ticks->first, last) < 0)
        return false;
    if (segment->first == 0)
        segment->first = ticks->first;
    run->highest = segment->last = last;
    segment->mono_us = ticks->mono_us;
    segment->wall_us = ticks->wall_us;
    return true;
}

static void take_mark(struct spool *spool, const struct spool_record *record)
{
    const struct dropped *mark = &record->mark;
    struct run *run = run_find(spool, &mark->run);
    if (record->kind == SPOOL_DECLARED)
        drops_remove(&spool->drops, mark);
    else if (run)
        ranges_add(&run->done, mark->first, mark->last);
    if (record->kind == SPOOL_DROPPED)
        drops_add(&spool->drops, mark);
}

static void take_record(struct spool *spool, struct segment *segment, const struct spool_record *record, bool *foreign)
{
    switch (record->kind) {
    case SPOOL_HEAD:
        take_head(spool, segment, &record->head, foreign);
        break;
    case SPOOL_TABLE:
        break;
    case SPOOL_TICKS:
        if (!take_ticks(segment, &record->ticks) && segment->run)
            spool->figures.broken += record->len;
        break;
    case SPOOL_DONE:
    case SPOOL_DROPPED:
    case SPOOL_DECLARED:
        if (segment->run)
            take_mark(spool, record);
        break;
    }
}

static int64_t changed_us(const struct stat *stat)
{
    return (int64_t)stat->st_mtim.tv_sec * US_PER_S + stat->st_mtim.tv_nsec / NS_PER_US;
}

/* It is strange until its head says otherwise. */
static int scan_segment(struct spool *spool, uint64_t number, struct err *err)
{
    struct stat stat = { .st_size = 0 };
    AUTO(auto_free) uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = read_file(spool, number, spool->config.despite_errors, &stat, &bytes, &len, err);
    if (rc < 0)
        return rc;
    struct segment *segment = segment_add(spool, number, NULL);
    if (!segment)
        return err_set(err, -ENOMEM, "spool: out of memory for a segment");
    segment->bytes = (uint64_t)stat.st_size;
    segment->wall_us = changed_us(&stat);
    spool->figures.bytes += segment->bytes;
    struct reader reader = { bytes, bytes + len };
    struct spool_record record;
    size_t broken;
    bool foreign = false;
    uint64_t broken_before = spool->figures.broken;
    while (spool_next(&reader, &record, &broken)) {
        spool->figures.broken += broken;
        take_record(spool, segment, &record, &foreign);
    }
    spool->figures.broken += broken;
    spool->figures.foreign += foreign;
    if (!segment->run) /* said as strange, not as broken */
        spool->figures.broken = broken_before;
    return 0;
}

/* ---- the directory ---- */

static bool read_name(const char *name, uint64_t *ret)
{
    struct scan scan = scan_over(name, 16);
    return strlen(name) == SEGMENT_NAME_LEN - 1 && strcmp(name + 16, ".spool") == 0 && scan_hex64(&scan, ret) &&
           scan_done(&scan) && *ret < UINT64_MAX;
}

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int by_number(const void *a, const void *b)
{
    uint64_t one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return (one > other) - (one < other);
}

static int list_numbers(const struct spool *spool, uint64_t **ret, size_t *ret_n, struct err *err)
{
    int fd = openat(spool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(auto_closedir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return err_sys(err, -errno, "spool: cannot list %s", spool->directory);
    AUTO(auto_free) uint64_t *numbers = NULL;
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t number;
        if (!read_name(entry->d_name, &number))
            continue;
        uint64_t *more = n % 64 == 0 ? realloc(numbers, (n + 64) * sizeof *numbers) : numbers;
        if (!more)
            return err_set(err, -ENOMEM, "spool: out of memory");
        numbers = more;
        numbers[n++] = number;
    }
    if (n > 0)
        qsort(numbers, n, sizeof *numbers, by_number);
    *ret = TAKE(numbers);
    *ret_n = n;
    return 0;
}

/* What is missing between the ticks of a run, and nobody knows why. */
static void declare_missing(struct spool *spool, struct run *run)
{
    for (size_t i = 1; i < run->present.n; i++)
        index_drop(spool, run, run->present.at[i - 1].last + 1, run->present.at[i].first - 1, DROP_UNREADABLE);
    ranges_done(&run->present);
}

int scan_directory(struct spool *spool, struct err *err)
{
    AUTO(auto_free) uint64_t *numbers = NULL;
    size_t n = 0;
    int rc = list_numbers(spool, &numbers, &n, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        struct err why;
        spool->number = numbers[i];
        rc = scan_segment(spool, numbers[i], &why);
        if (read_lacked_means(rc) || (rc < 0 && !read_found_none(rc) && !spool->config.despite_errors))
            return err_set(err, rc, "%s", why.text);
        if (rc < 0) /* a link, a directory, one that cannot be opened: not ours to touch */
            spool->figures.unopened++;
    }
    struct run *run;
    DL_FOREACH(spool->runs, run)
    declare_missing(spool, run);
    spool->fresh = spool->drops;
    spool->figures.written = spool->own->highest;
    return 0;
}

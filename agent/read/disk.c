#include "agent/read/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS_LEAST = 11, FIELDS = 17, SECTOR_BYTES = 512, OLD_PARTITION_FIELDS = 4 };

static const size_t columns[FIELDS] = {
    offsetof(struct disk, reads),           offsetof(struct disk, reads_merged),
    offsetof(struct disk, sectors_read),    offsetof(struct disk, read_ms),
    offsetof(struct disk, writes),          offsetof(struct disk, writes_merged),
    offsetof(struct disk, sectors_written), offsetof(struct disk, write_ms),
    offsetof(struct disk, in_flight),       offsetof(struct disk, busy_ms),
    offsetof(struct disk, weighted_ms),     offsetof(struct disk, discards),
    offsetof(struct disk, discards_merged), offsetof(struct disk, sectors_discarded),
    offsetof(struct disk, discard_ms),      offsetof(struct disk, flushes),
    offsetof(struct disk, flush_ms),
};
enum { COLUMN_IN_FLIGHT = 8 };

static bool parse_column(struct scan *line, struct disk *disk, unsigned column)
{
    char *at = (char *)disk + columns[column];
    return column == COLUMN_IN_FLIGHT ? scan_i64(line, (int64_t *)(void *)at) : scan_u64(line, (uint64_t *)(void *)at);
}

/* " 254       0 vda 31115 8713 3235538 48732 ..."; later kernels append fields. */
static bool parse_line(struct scan line, struct disk *ret)
{
    uint64_t major, minor;
    struct scan_text name;
    scan_blanks(&line);
    if (!scan_u64(&line, &major))
        return false;
    scan_blanks(&line);
    if (!scan_u64(&line, &minor))
        return false;
    scan_blanks(&line);
    if (!scan_word(&line, &name) || !device_name_set(&ret->name, name))
        return false;
    for (ret->n_fields = 0; ret->n_fields < FIELDS; ret->n_fields++) {
        scan_blanks(&line);
        if (scan_done(&line))
            break;
        if (!parse_column(&line, ret, ret->n_fields))
            return false;
    }
    return ret->n_fields >= FIELDS_LEAST || ret->n_fields == OLD_PARTITION_FIELDS;
}

int disk_parse(const char *text, size_t len, struct disk *ret, size_t room, size_t *ret_n, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct scan_text line;
    size_t n = 0;
    while (scan_line(&scan, &line)) {
        struct disk disk = { .n_fields = 0 };
        if (!parse_line(scan_over(line.at, line.len), &disk))
            return err_set(err, -EBADMSG, "diskstats: a line is not a name and its counters");
        if (disk.n_fields >= FIELDS_LEAST && n < room)
            ret[n++] = disk;
    }
    if (len == 0)
        return err_set(err, -ENODATA, "diskstats: empty");
    *ret_n = n;
    return 0;
}

/* Milliseconds the kernel keeps in 32 bits. A wrap moves on by little; what looks like 24 days and more in one interval
 * is a counter that began anew. */
static double ms_moved(uint64_t now, uint64_t last)
{
    uint32_t moved = (uint32_t)now - (uint32_t)last;
    bool wraps = now <= UINT32_MAX && last <= UINT32_MAX;
    if (!wraps)
        return counter_moved(now, last);
    return moved <= INT32_MAX ? (double)moved : NAN;
}

static double await_s(double ms, double operations)
{
    return operations > 0 ? ms / 1000 / operations : operations * ms; /* 0, or NaN from either */
}

struct disk_rates disk_rates(const struct disk *last, const struct disk *now, double seconds)
{
    /* A device that was taken out and put back has all counters anew: some of them may be past the old ones already. */
    bool anew = now->reads < last->reads || now->writes < last->writes || now->sectors_read < last->sectors_read ||
                now->sectors_written < last->sectors_written;
    double per_s = anew ? NAN : 1 / seconds;
    double known = anew ? NAN : 1;
    double reads = counter_moved(now->reads, last->reads) * known;
    double writes = counter_moved(now->writes, last->writes) * known;
    return (struct disk_rates){
        .read_bytes = counter_moved(now->sectors_read, last->sectors_read) * SECTOR_BYTES * per_s,
        .write_bytes = counter_moved(now->sectors_written, last->sectors_written) * SECTOR_BYTES * per_s,
        .reads = reads * per_s,
        .writes = writes * per_s,
        .read_await_s = await_s(ms_moved(now->read_ms, last->read_ms), reads),
        .write_await_s = await_s(ms_moved(now->write_ms, last->write_ms), writes),
        .utilization = ratio_clamped(ms_moved(now->busy_ms, last->busy_ms) / 1000 * per_s),
        .queue = ms_moved(now->weighted_ms, last->weighted_ms) / 1000 * per_s,
    };
}

static size_t skip_letters(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyz");
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* sda1, hdb2, vdc3, xvda1; nvme0n1p2, mmcblk0p1 and others whose own names end in a digit. */
bool disk_is_partition_name(const char *name)
{
    static const char *const lettered[] = { "sd*", "hd*", "vd*", "xvd*" };
    if (device_matches(name, lettered, 4))
        return is_number(name + skip_letters(name));
    static const char *const numbered[] = { "nvme*", "mmcblk*", "nbd*", "md*" };
    const char *p = strrchr(name, 'p');
    return device_matches(name, numbered, 4) && p && p > name && p[-1] >= '0' && p[-1] <= '9' && is_number(p + 1);
}

/* Asked once for each name. A '/' in a name is a '!' in sysfs. */
static bool is_whole_disk(const struct take *take, const char *name)
{
    static const char *const skipped[] = { "loop*", "ram*", "zram*", "fd*", "sr*" };
    if (device_matches(name, skipped, sizeof skipped / sizeof skipped[0]))
        return false;
    if (faccessat(take->sys_fd, "block", F_OK, 0) < 0)
        return !disk_is_partition_name(name);
    char path[DEVICE_NAME_MAX + 8];
    snprintf(path, sizeof path, "block/%s", name);
    for (char *at = path + strlen("block/"); *at; at++)
        if (*at == '/')
            *at = '!';
    return faccessat(take->sys_fd, path, F_OK, 0) == 0;
}

static void add_disk(const struct take *take, const struct disk *last, const struct disk *now)
{
    const struct disk_rates none = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    struct disk_rates rates = last ? disk_rates(last, now, take->seconds) : none;
    struct readings *to = take->readings;
    const char *name = now->name.text;
    readings_add(to, METRIC_DISK_READ_BYTES, name, rates.read_bytes);
    readings_add(to, METRIC_DISK_WRITE_BYTES, name, rates.write_bytes);
    readings_add(to, METRIC_DISK_READS, name, rates.reads);
    readings_add(to, METRIC_DISK_WRITES, name, rates.writes);
    readings_add(to, METRIC_DISK_READ_AWAIT, name, rates.read_await_s);
    readings_add(to, METRIC_DISK_WRITE_AWAIT, name, rates.write_await_s);
    readings_add(to, METRIC_DISK_UTILIZATION, name, rates.utilization);
    readings_add(to, METRIC_DISK_QUEUE, name, rates.queue);
}

static bool read_disks(struct files *files, struct disk_list *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_DISKSTATS, &text) &&
           files_judge(files, FILE_DISKSTATS, disk_parse(text.at, text.len, ret->at, DISKS_MAX, &ret->n, &err), &err);
}

void disk_take(void *state, const struct take *take)
{
    struct disk_history *history = state;
    struct disk_list *now = history->now;
    struct disk_list *last = history->last;
    if (!read_disks(take->files, now)) {
        last->n = 0;
        return;
    }
    size_t reported = 0;
    for (size_t i = 0; i < now->n; i++) {
        struct disk *disk = &now->at[i];
        size_t before = device_find(last->at, last->n, sizeof *disk, &disk->name, i);
        bool known = before < last->n;
        disk->whole = known ? last->at[before].whole : is_whole_disk(take, disk->name.text);
        if (disk->whole && reported++ < DISKS_REPORTED)
            add_disk(take, known ? &last->at[before] : NULL, disk);
    }
    if (reported > DISKS_REPORTED && !history->left_out_said)
        log_event(take->log, LOG_WARN, "reader_disks_left_out", KV_COUNT("found", reported),
                  KV_COUNT("reported", DISKS_REPORTED));
    history->left_out_said = reported > DISKS_REPORTED;
    history->now = last;
    history->last = now;
}

static const struct raw_row {
    const char *name;
    size_t at;
    double unit;
    unsigned fields; /* that a line must have */
} raw_rows[] = {
    { "reads_completed_total", offsetof(struct disk, reads), 1, 11 },
    { "reads_merged_total", offsetof(struct disk, reads_merged), 1, 11 },
    { "read_bytes_total", offsetof(struct disk, sectors_read), SECTOR_BYTES, 11 },
    { "read_time_seconds_total", offsetof(struct disk, read_ms), 0.001, 11 },
    { "writes_completed_total", offsetof(struct disk, writes), 1, 11 },
    { "writes_merged_total", offsetof(struct disk, writes_merged), 1, 11 },
    { "written_bytes_total", offsetof(struct disk, sectors_written), SECTOR_BYTES, 11 },
    { "write_time_seconds_total", offsetof(struct disk, write_ms), 0.001, 11 },
    { "io_time_seconds_total", offsetof(struct disk, busy_ms), 0.001, 11 },
    { "io_time_weighted_seconds_total", offsetof(struct disk, weighted_ms), 0.001, 11 },
    { "discards_completed_total", offsetof(struct disk, discards), 1, 15 },
    { "discards_merged_total", offsetof(struct disk, discards_merged), 1, 15 },
    { "discarded_sectors_total", offsetof(struct disk, sectors_discarded), 1, 15 },
    { "discard_time_seconds_total", offsetof(struct disk, discard_ms), 0.001, 15 },
    { "flush_requests_total", offsetof(struct disk, flushes), 1, 17 },
    { "flush_requests_time_seconds_total", offsetof(struct disk, flush_ms), 0.001, 17 },
};

/* Leaves out what node_exporter leaves out: ^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$, a little wider. */
void disk_raw(void *state, const struct raw *raw)
{
    static const char *const skipped[] = { "ram*", "loop*", "fd*" };
    struct disk_history *history = state;
    if (!read_disks(raw->files, history->now))
        return;
    for (size_t i = 0; i < history->now->n; i++) {
        const struct disk *disk = &history->now->at[i];
        if (device_matches(disk->name.text, skipped, 3) || disk_is_partition_name(disk->name.text))
            continue;
        const struct raw_label label = { "device", disk->name.text };
        raw_emit(raw, (double)disk->in_flight, &label, 1, "disk_io_now");
        for (size_t j = 0; j < sizeof raw_rows / sizeof raw_rows[0]; j++) {
            uint64_t value = *(const uint64_t *)(const void *)((const char *)disk + raw_rows[j].at);
            if (disk->n_fields >= raw_rows[j].fields)
                raw_emit(raw, (double)value * raw_rows[j].unit, &label, 1, "disk_%s", raw_rows[j].name);
        }
    }
}

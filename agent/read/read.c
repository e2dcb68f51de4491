#include "agent/read/read.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/read/cpu.h"
#include "agent/read/disk.h"
#include "agent/read/filesystem.h"
#include "agent/read/load.h"
#include "agent/read/memory.h"
#include "agent/read/network.h"
#include "agent/read/pressure.h"
#include "agent/read/tcp.h"
#include "base/auto.h"

struct reader {
    struct clock clock;
    const struct log *log;
    char *rootfs;
    int sys_fd;
    struct files files;
    int64_t taken_ns; /* when the take before was; meaningless until `taken` */
    bool taken;
    struct stat_file *stat;
    struct cpu_history cpu;
    struct load_history load;
    struct memory_history memory;
    struct pressure_history pressure;
    struct tcp_history tcp;
    struct disk_history disk;
    struct filesystem_history filesystem;
    struct network_history network;
};

/* In this order a tick lists them: what grows with the host comes last, so that a full tick loses devices first. */
static const struct source {
    size_t history;
    void (*take)(void *state, const struct take *take);
    void (*raw)(void *state, const struct raw *raw);
} sources[] = {
    { offsetof(struct reader, cpu), cpu_take, cpu_raw },
    { offsetof(struct reader, load), load_take, load_raw },
    { offsetof(struct reader, memory), memory_take, memory_raw },
    { offsetof(struct reader, pressure), pressure_take, pressure_raw },
    { offsetof(struct reader, tcp), tcp_take, tcp_raw },
    { offsetof(struct reader, filesystem), filesystem_take, filesystem_raw },
    { offsetof(struct reader, disk), disk_take, disk_raw },
    { offsetof(struct reader, network), network_take, network_raw },
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

/* calloc: pages of a list that this host does not fill are never touched and cost nothing. */
static int make_lists(struct reader *reader, struct err *err)
{
    reader->stat = calloc(1, sizeof *reader->stat);
    reader->cpu.each = calloc(CPUS_MAX, sizeof *reader->cpu.each);
    reader->disk.last = calloc(1, sizeof *reader->disk.last);
    reader->disk.now = calloc(1, sizeof *reader->disk.now);
    reader->network.last = calloc(1, sizeof *reader->network.last);
    reader->network.now = calloc(1, sizeof *reader->network.now);
    reader->filesystem.last = calloc(1, sizeof *reader->filesystem.last);
    reader->filesystem.now = calloc(1, sizeof *reader->filesystem.now);
    bool all = reader->stat && reader->cpu.each && reader->disk.last && reader->disk.now && reader->network.last &&
               reader->network.now && reader->filesystem.last && reader->filesystem.now;
    return all ? 0 : err_set(err, -ENOMEM, "reader: out of memory");
}

struct reader *reader_close(struct reader *reader)
{
    if (!reader)
        return NULL;
    if (reader->files.proc_fd >= 0)
        files_close(&reader->files);
    auto_close(&reader->sys_fd);
    free(reader->filesystem.now);
    free(reader->filesystem.last);
    free(reader->network.now);
    free(reader->network.last);
    free(reader->disk.now);
    free(reader->disk.last);
    free(reader->cpu.each);
    free(reader->stat);
    free(reader->rootfs);
    free(reader);
    return NULL;
}

static void auto_reader(struct reader **reader)
{
    *reader = reader_close(*reader);
}

static int open_folder(int *ret_fd, const char *path, struct err *err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, -errno, "reader: cannot open %s", path);
    *ret_fd = fd;
    return 0;
}

static char *without_last_slashes(const char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    return strndup(path, len);
}

int reader_open(struct reader **ret_reader, const struct roots *roots, const struct clock *clock, const struct log *log,
                struct err *err)
{
    assert(ret_reader && roots && clock);
    AUTO(auto_reader) struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, -ENOMEM, "reader: out of memory");
    reader->clock = *clock;
    reader->log = log;
    reader->sys_fd = -1;
    reader->files.proc_fd = -1;
    reader->rootfs = without_last_slashes(roots->rootfs);
    if (!reader->rootfs)
        return err_set(err, -ENOMEM, "reader: out of memory");
    AUTO(auto_close) int root_fd = -1; /* opened only to say now, not each tick, that it is not there */
    int rc = open_folder(&root_fd, roots->rootfs, err);
    if (rc == 0)
        rc = open_folder(&reader->sys_fd, roots->sysfs, err);
    if (rc == 0)
        rc = files_open(&reader->files, roots->procfs, *reader->rootfs != '\0', log, err);
    if (rc == 0)
        rc = make_lists(reader, err);
    if (rc < 0)
        return rc;
    *ret_reader = TAKE(reader);
    return 0;
}

static const struct stat_file *read_stat(struct reader *reader)
{
    struct scan_text text;
    struct err err;
    bool well = files_read(&reader->files, FILE_STAT, &text) &&
                files_judge(&reader->files, FILE_STAT, stat_parse(text.at, text.len, reader->stat, &err), &err);
    return well ? reader->stat : NULL;
}

void reader_take(struct reader *reader, struct readings *readings)
{
    int64_t now_ns = clock_mono_ns(&reader->clock);
    int64_t passed_ns = now_ns - reader->taken_ns;
    struct take take = {
        .files = &reader->files,
        .stat = read_stat(reader),
        .readings = readings,
        .log = reader->log,
        .rootfs = reader->rootfs,
        .sys_fd = reader->sys_fd,
        .seconds = reader->taken && passed_ns > 0 ? (double)passed_ns / (double)NS_PER_S : NAN,
        .now_ns = now_ns,
    };
    for (size_t i = 0; i < SOURCES; i++)
        sources[i].take((char *)reader + sources[i].history, &take);
    reader->taken_ns = now_ns;
    reader->taken = true;
}

void reader_raw(struct reader *reader, raw_reading_fn *fn, void *user)
{
    struct raw raw = {
        .files = &reader->files, .stat = read_stat(reader), .rootfs = reader->rootfs, .fn = fn, .user = user
    };
    for (size_t i = 0; i < SOURCES; i++)
        sources[i].raw((char *)reader + sources[i].history, &raw);
}

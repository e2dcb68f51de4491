#include "agent/spool/spool_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bad_disk disk;

int __real_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode);
ssize_t __real_pread(int fd, void *bytes, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t at);
ssize_t __wrap___pread_chk(int fd, void *bytes, size_t len, off_t at, size_t room);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int __wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
    errno = disk.open;
    bool reads = strstr(name, ".spool") && (flags & O_ACCMODE) == O_RDONLY;
    return disk.open && reads ? -1 : __real_openat(dir, name, flags, mode);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t at)
{
    if (disk.read && at <= disk.bad && disk.bad < at + (off_t)len) {
        errno = disk.read;
        len = (size_t)(disk.bad / 4096 * 4096 - at); /* what is in front of the bad block is given */
        return at < disk.bad / 4096 * 4096 ? __real_pread(fd, bytes, len, at) : -1;
    }
    return __real_pread(fd, bytes, len, at);
}

/* What _FORTIFY_SOURCE makes of pread(). */
ssize_t __wrap___pread_chk(int fd, void *bytes, size_t len, off_t at, size_t room)
{
    if (len > room)
        abort(); /* on any thread */
    return __wrap_pread(fd, bytes, len, at);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    errno = disk.write;
    return disk.write ? -1 : __real_pwrite(fd, bytes, len, at);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    int rc = __real_unlinkat(dir, name, flags);
    if (disk.die)
        _exit(0);
    return rc;
}

void make_table(struct table *table, uint32_t n, const char *instance)
{
    for (uint32_t i = 0; i < n; i++)
        table->at[i] = (struct series){ .metric = "m", .instance = instance, .unit = "1", .exponent = -2 };
    table->series = (struct series_table){ .n = n, .at = table->at };
    assert_int_equal(codec_encode_table(&table->series, table->bytes, sizeof table->bytes, &table->len, NULL), 0);
    table->series.hash = codec_table_hash(table->bytes, table->len);
}

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    memset(&disk, 0, sizeof disk);
    assert_non_null(mkdtemp(folder_template(f->folder, sizeof f->folder, "spool-test")));
    snprintf(f->directory, sizeof f->directory, "%s/spool", f->folder);
    make_table(&f->table, SERIES, "vda");
    make_table(&f->other, SERIES, "vdb");
    f->tick_us = US_PER_S;
    f->now = (struct spool_time){ 1000 * US_PER_S, 1790000000 * US_PER_S };
    f->config = (struct spool_config){
        .directory = f->directory,
        .size_bytes = 64 << 20,
        .age_us = 7 * DAY_S * US_PER_S,
        .host = 0xc0ffee,
        .boot = { { 7 } },
        .run = { { 1 } },
    };
    arena_init(&f->arena, 64 << 20);
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    spool_parcel_free(f->parcel);
    spool_close(f->spool);
    arena_done(&f->arena);
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    int rc = system(command); /* NOLINT(cert-env33-c): a folder of our own */
    free(f);
    return rc;
}

void open_spool(struct fixture *f)
{
    struct err err = { .text = "" };
    if (spool_open(&f->spool, &f->config, &err) < 0)
        fail_msg("%s", err.text);
}

void start_again(struct fixture *f)
{
    f->spool = spool_close(f->spool);
    f->config.run.bytes[0]++;
    open_spool(f);
}

int64_t value_of(uint64_t n, uint32_t column)
{
    return (int64_t)(n * 7 % 1000 + column * 1000);
}

int put_under(struct fixture *f, const struct table *table, uint64_t n)
{
    int64_t mono_us = (int64_t)n * f->tick_us, wall_us = mono_us + 5;
    int64_t cells[SERIES_MAX];
    struct column columns[SERIES_MAX];
    for (uint32_t i = 0; i < table->series.n; i++) {
        cells[i] = value_of(n, i);
        columns[i] = (struct column){ .fixed = &cells[i] };
    }
    struct batch batch = {
        .run = f->config.run,
        .first = n,
        .n_ticks = 1,
        .n_columns = table->series.n,
        .table = table->series.hash,
        .mono_us = &mono_us,
        .wall_us = &wall_us,
        .columns = columns,
    };
    uint8_t buffer[16 << 10];
    size_t len;
    assert_int_equal(codec_encode_batch(&batch, buffer, sizeof buffer, &len, NULL), 0);
    struct spool_ticks ticks = { n, 1, f->now.mono_us, f->now.wall_us, { buffer, len } };
    return spool_put(f->spool, &ticks, &table->series.hash, &(struct bytes){ table->bytes, table->len }, NULL);
}

int write_out(struct fixture *f)
{
    return spool_write(f->spool, &f->now, NULL);
}

void put(struct fixture *f, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++)
        assert_int_equal(put_under(f, &f->table, n), 0);
    assert_int_equal(write_out(f), 0);
}

void done(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
{
    spool_done(f->spool, &(struct run_id){ { run } }, first, last);
}

void pass(struct fixture *f, int64_t us)
{
    f->now.mono_us += us;
    f->now.wall_us += us;
}

bool pick(struct fixture *f)
{
    int rc;
    f->parcel = spool_parcel_free(f->parcel);
    while ((rc = spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL)) == SPOOL_LOST)
        ;
    assert_true(rc == 0 || rc == SPOOL_EMPTY);
    return rc == 0;
}

void assert_parcel(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
{
    struct batch batch;
    arena_reset(&f->arena);
    assert_int_equal(codec_decode_batch(f->parcel->bytes, f->parcel->len, &f->arena, &batch, NULL), 0);
    assert_int_equal(batch.run.bytes[0], run);
    assert_int_equal(f->parcel->run.bytes[0], run);
    assert_int_equal(f->parcel->first, first);
    assert_int_equal(f->parcel->n_ticks, last - first + 1);
    assert_int_equal(batch.first, first);
    assert_int_equal(batch.n_ticks, last - first + 1);
    for (uint32_t tick = 0; tick < batch.n_ticks; tick++) {
        assert_int_equal(batch.mono_us[tick], (int64_t)(first + tick) * f->tick_us);
        for (uint32_t i = 0; i < batch.n_columns; i++)
            assert_int_equal(batch.columns[i].fixed[tick], value_of(first + tick, i));
    }
    struct table_hash hash = codec_table_hash(f->parcel->table.at, f->parcel->table.len);
    assert_memory_equal(&hash, &batch.table, sizeof hash);
    assert_memory_equal(&hash, &f->parcel->hash, sizeof hash);
}

void assert_next(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
{
    assert_true(pick(f));
    assert_parcel(f, run, first, last);
    done(f, run, first, last);
}

uint64_t deliver_all(struct fixture *f)
{
    uint64_t n = 0;
    while (pick(f)) {
        assert_parcel(f, f->parcel->run.bytes[0], f->parcel->first, f->parcel->first + f->parcel->n_ticks - 1);
        n += f->parcel->n_ticks;
        spool_done(f->spool, &f->parcel->run, f->parcel->first, f->parcel->first + f->parcel->n_ticks - 1);
    }
    return n;
}

void assert_dropped(struct fixture *f, uint8_t run, uint64_t first, uint64_t last, enum drop_cause cause)
{
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].run.bytes[0], run);
    assert_int_equal(dropped[0].first, first);
    assert_int_equal(dropped[0].last, last);
    assert_int_equal(dropped[0].cause, cause);
}

void assert_nothing_dropped(struct fixture *f)
{
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 0);
}

/* The names of the segments; at most `most`. */
static size_t list(const struct fixture *f, char (*names)[32], size_t most)
{
    struct dirent **entries;
    int n = scandir(f->directory, &entries, NULL, alphasort);
    assert_true(n >= 0);
    size_t found = 0;
    for (int i = 0; i < n; i++) {
        if (strstr(entries[i]->d_name, ".spool") && found < most)
            snprintf(names[found++], 32, "%s", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return found;
}

size_t count_segments(const struct fixture *f)
{
    char names[256][32];
    return list(f, names, 256);
}

void segment_path(const struct fixture *f, size_t i, char *ret, size_t size)
{
    char names[256][32];
    assert_true(list(f, names, 256) > i);
    snprintf(ret, size, "%s/%s", f->directory, names[i]);
}

void fill_small_spool(struct fixture *f, uint64_t last)
{
    f->config.size_bytes = SPOOL_SIZE_MIN;
    open_spool(f);
    for (uint64_t n = 1; n <= last; n += 100)
        put(f, n, n + 99);
}

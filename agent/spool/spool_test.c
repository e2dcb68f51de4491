#include "agent/spool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/folder_fixture.h"
#include "proto/codec/codec.h"

enum { SERIES = 3, DAY_S = 86400 };

struct table {
    struct series_table series;
    struct series at[SERIES_MAX];
    uint8_t bytes[48 << 10];
    size_t len;
};

struct fixture {
    char folder[64];
    char directory[80]; /* in it */
    struct spool_config config;
    struct spool *spool;
    struct spool_time now;
    int64_t tick_us; /* from one tick to the next */
    struct table table, other;
    struct arena arena;
    struct spool_parcel *parcel;
};

/* ---- a disk that says no when it is told to: the linker puts these in the place of libc's ---- */

static struct {
    int open, read, write; /* errno; 0: all is well */
    off_t bad;             /* reads fail that reach this byte */
    bool die;              /* with the next file that is removed */
} disk;

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

/* ---- setting the stage ---- */

static void make_table(struct table *table, uint32_t n, const char *instance)
{
    for (uint32_t i = 0; i < n; i++)
        table->at[i] = (struct series){ .metric = "m", .instance = instance, .unit = "1", .exponent = -2 };
    table->series = (struct series_table){ .n = n, .at = table->at };
    assert_int_equal(codec_encode_table(&table->series, table->bytes, sizeof table->bytes, &table->len, NULL), 0);
    table->series.hash = codec_table_hash(table->bytes, table->len);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void open_spool(struct fixture *f)
{
    struct err err = { .text = "" };
    if (spool_open(&f->spool, &f->config, &err) < 0)
        fail_msg("%s", err.text);
}

static int open_fails(struct fixture *f, const char *words)
{
    struct err err;
    int rc = spool_open(&f->spool, &f->config, &err);
    assert_true(rc < 0);
    assert_null(f->spool);
    assert_non_null(strstr(err.text, words));
    return rc;
}

/* As another life of the agent: the run is another one. */
static void start_again(struct fixture *f)
{
    f->spool = spool_close(f->spool);
    f->config.run.bytes[0]++;
    open_spool(f);
}

static int64_t value_of(uint64_t n, uint32_t column)
{
    return (int64_t)(n * 7 % 1000 + column * 1000);
}

static int put_under(struct fixture *f, const struct table *table, uint64_t n)
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

static int write_out(struct fixture *f)
{
    return spool_write(f->spool, &f->now, NULL);
}

static void put(struct fixture *f, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++)
        assert_int_equal(put_under(f, &f->table, n), 0);
    assert_int_equal(write_out(f), 0);
}

static void done(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
{
    spool_done(f->spool, &(struct run_id){ { run } }, first, last);
}

static void pass(struct fixture *f, int64_t us)
{
    f->now.mono_us += us;
    f->now.wall_us += us;
}

/* ---- looking ---- */

static bool pick(struct fixture *f)
{
    int rc;
    f->parcel = spool_parcel_free(f->parcel);
    while ((rc = spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL)) == SPOOL_LOST)
        ;
    assert_true(rc == 0 || rc == SPOOL_EMPTY);
    return rc == 0;
}

/* The parcel holds exactly first..last of the run, as they were put. */
static void assert_parcel(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
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

static void assert_next(struct fixture *f, uint8_t run, uint64_t first, uint64_t last)
{
    assert_true(pick(f));
    assert_parcel(f, run, first, last);
    done(f, run, first, last);
}

/* Delivers all there is; returns how many ticks. */
static uint64_t deliver_all(struct fixture *f)
{
    uint64_t n = 0;
    while (pick(f)) {
        assert_parcel(f, f->parcel->run.bytes[0], f->parcel->first, f->parcel->first + f->parcel->n_ticks - 1);
        n += f->parcel->n_ticks;
        spool_done(f->spool, &f->parcel->run, f->parcel->first, f->parcel->first + f->parcel->n_ticks - 1);
    }
    return n;
}

static void assert_dropped(struct fixture *f, uint8_t run, uint64_t first, uint64_t last, enum drop_cause cause)
{
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].run.bytes[0], run);
    assert_int_equal(dropped[0].first, first);
    assert_int_equal(dropped[0].last, last);
    assert_int_equal(dropped[0].cause, cause);
}

static void assert_nothing_dropped(struct fixture *f)
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

static size_t count_segments(const struct fixture *f)
{
    char names[256][32];
    return list(f, names, 256);
}

static void segment_path(const struct fixture *f, size_t i, char *ret, size_t size)
{
    char names[256][32];
    assert_true(list(f, names, 256) > i);
    snprintf(ret, size, "%s/%s", f->directory, names[i]);
}

static size_t load(const char *path, uint8_t *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, bytes, size);
    close(fd);
    assert_true(len >= 0);
    return (size_t)len;
}

static void store(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* ---- what it is for ---- */

static void what_was_written_is_there_for_the_next_life(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    assert_int_equal(spool_figures(f->spool).written, 5);
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    assert_int_equal(spool_figures(f->spool).written, 0);
    assert_next(f, 1, 1, 5);
    assert_false(pick(f));
    assert_nothing_dropped(f);
}

static void earlier_runs_come_first_and_tell_whether_they_are_of_this_boot(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    f->config.boot.bytes[0] = 8;
    start_again(f);
    put(f, 1, 4);
    start_again(f);
    put(f, 1, 2);
    assert_true(pick(f));
    assert_false(f->parcel->same_boot || f->parcel->own);
    assert_int_equal(f->parcel->highest, 3);
    assert_next(f, 1, 1, 3);
    assert_true(pick(f));
    assert_true(f->parcel->same_boot && !f->parcel->own);
    assert_int_equal(f->parcel->highest, 4);
    assert_next(f, 2, 1, 4);
    assert_true(pick(f));
    assert_true(f->parcel->own && !f->parcel->same_boot);
    assert_next(f, 3, 1, 2);
}

static void of_an_unknown_boot_nothing_is_of_this_one(void **state)
{
    struct fixture *f = *state;
    f->config.boot = (struct boot_id){ { 0 } };
    open_spool(f);
    put(f, 1, 3);
    start_again(f);
    assert_true(pick(f));
    assert_false(f->parcel->same_boot);
}

static void what_is_done_is_not_picked_and_a_restart_remembers(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 10);
    done(f, 1, 3, 4);
    put(f, 11, 12); /* carries the mark */
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 10);
    assert_next(f, 1, 1, 2);
    assert_next(f, 1, 5, 12);
    assert_false(pick(f));
}

static void our_own_ticks_are_picked_only_below_a_bound(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 10);
    assert_int_equal(spool_waiting(f->spool, 5), 4);
    assert_int_equal(spool_pick(f->spool, &f->now, 5, NULL, 0, &f->parcel, NULL), 0);
    assert_parcel(f, 1, 1, 4);
    done(f, 1, 1, 4);
    f->parcel = spool_parcel_free(f->parcel);
    assert_int_equal(spool_pick(f->spool, &f->now, 5, NULL, 0, &f->parcel, NULL), SPOOL_EMPTY);
}

static void a_spool_that_is_delivered_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    done(f, 1, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 1); /* nothing is created or removed in a tick */
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void what_earlier_lives_left_goes_when_it_is_done(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    put(f, 1, 5);
    assert_int_equal(count_segments(f), 2);
    done(f, 1, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 1);
}

/* ---- full messages ---- */

static void single_ticks_become_full_messages(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 1500);
    assert_next(f, 1, 1, 600);
    assert_next(f, 1, 601, 1200);
    assert_next(f, 1, 1201, 1500);
}

static void wide_ticks_fill_a_message_and_no_more(void **state)
{
    struct fixture *f = *state;
    make_table(&f->table, 500, "");
    open_spool(f);
    put(f, 1, 200);
    assert_true(pick(f));
    assert_true(f->parcel->n_ticks > 10 && f->parcel->n_ticks * 500 <= BATCH_VALUES_MAX);
    assert_true(f->parcel->len + f->parcel->table.len <= MESSAGE_MAX - (2 << 10));
    assert_int_equal(deliver_all(f), 200);
}

static void a_table_that_is_known_needs_no_room(void **state)
{
    struct fixture *f = *state;
    make_table(&f->table, 1000, "a name that makes it a long table");
    open_spool(f);
    put(f, 1, 64);
    assert_int_equal(spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL), 0);
    uint32_t beside_table = f->parcel->n_ticks;
    assert_true(f->parcel->len + f->table.len <= MESSAGE_MAX);
    f->parcel = spool_parcel_free(f->parcel);
    for (int i = 0; i < 8; i++) { /* it tries a little more each time */
        f->parcel = spool_parcel_free(f->parcel);
        assert_int_equal(spool_pick(f->spool, &f->now, UINT64_MAX, &f->table.series.hash, 1, &f->parcel, NULL), 0);
    }
    assert_true(f->parcel->n_ticks > beside_table);
}

static void ticks_of_two_tables_are_two_messages(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    assert_int_equal(put_under(f, &f->other, 4), 0);
    put(f, 5, 6);
    assert_next(f, 1, 1, 3);
    assert_next(f, 1, 4, 4);
    assert_next(f, 1, 5, 6);
}

static void ticks_a_day_apart_are_not_one_message(void **state)
{
    struct fixture *f = *state;
    f->tick_us = 4 * 3600 * US_PER_S;
    open_spool(f);
    put(f, 1, 6);
    assert_next(f, 1, 1, 4);
    assert_next(f, 1, 5, 6);
}

static void numbers_that_never_were_are_not_waited_for(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    put(f, 7, 9);
    assert_int_equal(spool_figures(f->spool).waiting, 6);
    assert_next(f, 1, 1, 3);
    assert_next(f, 1, 7, 9);
    assert_nothing_dropped(f);
    assert_int_equal(write_out(f), 0);
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void a_batch_of_many_ticks_is_cut_where_part_of_it_is_done(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 100);
    assert_true(pick(f));
    struct spool_parcel *whole = f->parcel;
    f->parcel = NULL;
    struct spool_ticks ticks = { 101, 100, f->now.mono_us, f->now.wall_us, { whole->bytes, whole->len } };
    struct batch batch;
    uint8_t buffer[BATCH_MAX];
    assert_int_equal(codec_decode_batch(whole->bytes, whole->len, &f->arena, &batch, NULL), 0);
    batch.first = 101;
    int64_t mono_us[100];
    for (int i = 0; i < 100; i++)
        mono_us[i] = (101 + i) * US_PER_S;
    batch.mono_us = mono_us;
    assert_int_equal(codec_encode_batch(&batch, buffer, sizeof buffer, &ticks.batch.len, NULL), 0);
    ticks.batch.at = buffer;
    struct bytes table = { f->table.bytes, f->table.len };
    assert_int_equal(spool_put(f->spool, &ticks, &f->table.series.hash, &table, NULL), 0);
    assert_int_equal(write_out(f), 0);
    done(f, 1, 1, 150);
    assert_true(pick(f));
    assert_int_equal(f->parcel->first, 151);
    assert_int_equal(f->parcel->n_ticks, 50);
    spool_parcel_free(whole);
}

/* ---- full and old ---- */

static void fill_small_spool(struct fixture *f, uint64_t last)
{
    f->config.size_bytes = SPOOL_SIZE_MIN;
    open_spool(f);
    for (uint64_t n = 1; n <= last; n += 100)
        put(f, n, n + 99);
}

static void a_full_spool_lets_its_oldest_segment_go_and_says_which_ticks(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 20000);
    struct spool_figures figures = spool_figures(f->spool);
    assert_true(figures.bytes <= SPOOL_SIZE_MIN);
    assert_true(figures.gave_way > 0);
    assert_int_equal(figures.gave_way + figures.waiting, 20000);
    assert_dropped(f, 1, 1, figures.gave_way, DROP_OVERFLOW);
    assert_nothing_dropped(f);
    assert_int_equal(deliver_all(f), figures.waiting);
}

static void what_was_delivered_is_not_dropped(void **state)
{
    struct fixture *f = *state;
    f->config.size_bytes = SPOOL_SIZE_MIN;
    open_spool(f);
    put(f, 1, 100);
    done(f, 1, 41, 60);
    for (uint64_t n = 101; n <= 20000; n += 100)
        put(f, n, n + 99);
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 2);
    assert_int_equal(dropped[0].first, 1);
    assert_int_equal(dropped[0].last, 40);
    assert_int_equal(dropped[1].first, 61);
}

static void declarations_are_kept_until_they_are_declared(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 20000);
    uint64_t gave_way = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, gave_way, DROP_OVERFLOW);
    deliver_all(f); /* so that there is room */
    put(f, 1, 5);
    start_again(f);
    assert_dropped(f, 1, 1, gave_way, DROP_OVERFLOW);
    spool_declared(f->spool, &(struct dropped){ .run = { { 1 } }, .first = 1, .last = gave_way });
    put(f, 1, 5); /* carries the mark */
    start_again(f);
    assert_nothing_dropped(f);
}

static void a_declaration_outlives_the_segment_it_was_made_in(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    struct dropped refused = { .run = { { 9 } }, .first = 4, .last = 6, .cause = DROP_REFUSED };
    put(f, 1, 1);
    spool_dropped(f->spool, &refused);
    assert_nothing_dropped(f); /* whoever said it knows */
    for (uint64_t n = 2; n <= 20000; n += 100) {
        put(f, n, n + 99);
        done(f, 1, 1, n + 99);
    }
    start_again(f);
    assert_dropped(f, 9, 4, 6, DROP_REFUSED);
}

static void a_part_that_was_declared_leaves_the_rest(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    struct dropped lost = { .run = { { 9 } }, .first = 1, .last = 10, .cause = DROP_OVERFLOW };
    put(f, 1, 1);
    spool_dropped(f->spool, &lost);
    lost.last = 7;
    spool_declared(f->spool, &lost);
    put(f, 2, 2);
    start_again(f);
    assert_dropped(f, 9, 8, 10, DROP_OVERFLOW);
}

static void ticks_too_old_give_way_by_the_monotonic_clock_of_this_boot(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    f->now.wall_us -= 400 * DAY_S * US_PER_S; /* whatever the wall clock says */
    f->now.mono_us += 7 * DAY_S * US_PER_S;
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    f->now.mono_us++;
    assert_int_equal(write_out(f), 0);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
    assert_int_equal(count_segments(f), 1); /* with the declaration, until it is declared */
    spool_declared(f->spool, &(struct dropped){ .run = { { 1 } }, .first = 1, .last = 5 });
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void ticks_of_another_boot_grow_old_by_the_wall_clock(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.boot.bytes[0]++;
    start_again(f);
    f->now.mono_us = 1;
    f->now.wall_us -= DAY_S * US_PER_S; /* it jumped back: they are from the future, and stay */
    assert_int_equal(write_out(f), 0);
    f->now.wall_us += 8 * DAY_S * US_PER_S;
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    f->now.wall_us++;
    assert_int_equal(write_out(f), 0);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
}

/* ---- syncing ---- */

static void only_ticks_that_wait_for_long_are_synced(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    int64_t began_us = f->now.mono_us;
    put(f, 1, 1);
    pass(f, SPOOL_SYNC_US - 1);
    put(f, 2, 2);
    assert_int_equal(spool_figures(f->spool).unsynced_us, began_us);
    done(f, 1, 1, 1);
    pass(f, 1);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, began_us + SPOOL_SYNC_US - 1); /* of tick 2 */
    pass(f, SPOOL_SYNC_US);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, 0);
}

static void what_is_done_in_time_is_never_synced(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    for (uint64_t n = 1; n <= 20; n++) {
        put(f, n, n);
        assert_int_equal(spool_figures(f->spool).unsynced_us, f->now.mono_us);
        done(f, 1, n, n);
        pass(f, US_PER_S);
    }
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, 0);
}

/* ---- broken ---- */

static void a_file_cut_anywhere_gives_what_is_whole_in_it(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 6);
    f->spool = spool_close(f->spool);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    uint64_t before = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        store(path, bytes, cut);
        open_spool(f);
        uint64_t waiting = spool_figures(f->spool).waiting;
        assert_true(waiting >= before && waiting <= before + 1); /* each byte more is never a tick less */
        before = waiting;
        if (cut % 7 == 0)
            assert_int_equal(deliver_all(f), waiting);
        assert_nothing_dropped(f); /* what follows the last one nobody knows */
        f->spool = spool_close(f->spool);
        store(path, bytes, len);
    }
    assert_int_equal(before, 6);
}

static void a_flipped_byte_costs_its_record_only_and_that_is_declared(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 6);
    f->spool = spool_close(f->spool);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    unsigned lost = 0;
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x40;
        store(path, bytes, len);
        bytes[at] ^= 0x40;
        open_spool(f);
        uint64_t waiting = spool_figures(f->spool).waiting;
        assert_true(waiting == 5 || waiting == 6);
        assert_true(spool_figures(f->spool).broken > 0);
        struct dropped dropped[SPOOL_DROPS_MAX];
        size_t n = spool_take_dropped(f->spool, dropped);
        assert_true(n <= 6 - waiting);
        if (n > 0)
            assert_true(dropped[0].first == dropped[0].last && dropped[0].cause == DROP_UNREADABLE);
        lost += n > 0;
        assert_int_equal(deliver_all(f), waiting);
        f->spool = spool_close(f->spool);
    }
    assert_true(lost > 4 * 50); /* all bytes of ticks but of the first and the last, whose neighbours are not there */
}

static void a_segment_that_is_gone_is_declared(void **state)
{
    struct fixture *f = *state;
    char path[128];
    fill_small_spool(f, 4000);
    assert_nothing_dropped(f);
    uint64_t all = spool_figures(f->spool).waiting;
    f->spool = spool_close(f->spool);
    segment_path(f, 1, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    open_spool(f);
    uint64_t left = spool_figures(f->spool).waiting;
    assert_true(left < all);
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].last - dropped[0].first + 1, all - left);
    assert_int_equal(dropped[0].cause, DROP_UNREADABLE);
}

static void a_record_that_breaks_while_it_is_open_is_declared_when_it_is_wanted(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 20);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    bytes[len - 30] ^= 1; /* of the last tick */
    store(path, bytes, len);
    assert_next(f, 1, 1, 19);
    assert_false(pick(f));
    assert_dropped(f, 1, 20, 20, DROP_UNREADABLE);
}

static void without_its_table_a_tick_is_lost_and_declared(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 3);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    for (uint8_t *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), f->table.bytes, f->table.len)); at++)
        *at ^= 1; /* both copies */
    store(path, bytes, len);
    assert_false(pick(f));
    assert_dropped(f, 1, 1, 3, DROP_UNREADABLE);
}

static void a_segment_that_vanished_is_declared_when_it_is_wanted(void **state)
{
    struct fixture *f = *state;
    char path[128];
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    put(f, 1, 5);
    segment_path(f, 0, path, sizeof path);
    unlink(path);
    assert_next(f, 2, 1, 5);
    assert_dropped(f, 1, 1, 5, DROP_UNREADABLE);
}

static int try_pick(struct fixture *f)
{
    f->parcel = spool_parcel_free(f->parcel);
    return spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL);
}

static void what_cannot_be_read_for_a_moment_is_not_lost(void **state)
{
    static const int errors[] = { EIO, ESTALE, EACCES, ETIMEDOUT };
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    assert_true(count_segments(f) > 2);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        disk.read = errors[i];
        disk.bad = 5000;
        assert_int_equal(try_pick(f), -errors[i]);
        disk.read = 0;
        disk.open = errors[i];
        assert_int_equal(try_pick(f), -errors[i]);
        disk.open = 0;
        pass(f, SPOOL_PATIENCE_US);
    }
    assert_nothing_dropped(f);
    assert_int_equal(deliver_all(f), waiting);
}

static void a_block_that_cannot_be_read_for_minutes_costs_the_records_in_it(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 300);
    disk.read = EIO;
    disk.bad = 5000;
    for (int64_t us = 0; us < SPOOL_PATIENCE_US; us += 5 * US_PER_S) {
        assert_int_equal(try_pick(f), -EIO);
        pass(f, 5 * US_PER_S);
    }
    assert_nothing_dropped(f);
    uint64_t delivered = deliver_all(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_true(figures.unreadable > 0 && figures.unreadable < 50);
    assert_int_equal(delivered, 300 - figures.unreadable);
}

static void of_a_dead_disk_one_segment_is_lost_at_once(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    disk.open = EIO;
    while (try_pick(f) == -EIO)
        pass(f, 5 * US_PER_S);
    uint64_t lost = spool_figures(f->spool).unreadable;
    assert_true(lost > 0 && lost < waiting / 2);
    assert_int_equal(try_pick(f), -EIO);
    assert_int_equal(spool_figures(f->spool).unreadable, lost);
    disk.open = 0;
    assert_dropped(f, 1, 1, lost, DROP_UNREADABLE);
    assert_int_equal(deliver_all(f), waiting - lost);
}

static void what_cannot_be_read_at_a_start_is_not_lost_unless_that_is_wanted(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    f->spool = spool_close(f->spool);
    disk.read = EIO;
    disk.bad = 5000;
    assert_int_equal(open_fails(f, "cannot read"), -EIO);
    disk.read = 0;
    disk.open = ESTALE;
    assert_int_equal(open_fails(f, "cannot open"), -ESTALE);
    disk.open = 0;
    start_again(f);
    assert_nothing_dropped(f);
    assert_int_equal(spool_figures(f->spool).waiting, waiting);
    f->spool = spool_close(f->spool);
    disk.read = EIO;
    f->config.despite_errors = true;
    open_spool(f);
    uint64_t left = spool_figures(f->spool).waiting;
    assert_true(left < waiting && left > waiting / 2);
}

/* ---- not ours ---- */

static void the_segments_of_another_host_are_left_alone(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.host++;
    start_again(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.strange, 1);
    assert_int_equal(figures.foreign, 1);
    assert_int_equal(figures.waiting, 0);
    assert_false(pick(f));
    put(f, 1, 5);
    done(f, 2, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 2);
    f->config.host--; /* the old identity finds them again */
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
}

static void a_strange_segment_gives_way_first_and_grows_old(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.host++;
    f->spool = spool_close(f->spool);
    fill_small_spool(f, 20000);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.strange, 0);
    assert_int_equal(figures.gave_way + figures.waiting, 20000);
}

static void files_that_are_no_segments_are_not_touched(void **state)
{
    struct fixture *f = *state;
    char path[160], target[160];
    open_spool(f);
    put(f, 1, 5);
    f->spool = spool_close(f->spool);
    snprintf(target, sizeof target, "%s/target", f->folder);
    store(target, (const uint8_t *)"precious", 8);
    snprintf(path, sizeof path, "%s/00000000000000aa.spool", f->directory);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/00000000000000ab.spool", f->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/notes.txt", f->directory);
    store(path, (const uint8_t *)"mine", 4);
    snprintf(path, sizeof path, "%s/00000000000000ac.spool", f->directory);
    store(path, (const uint8_t *)"no segment at all", 17);
    start_again(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.unopened, 2);
    assert_int_equal(figures.strange, 1);
    assert_int_equal(deliver_all(f), 5);
    put(f, 1, 5);
    uint8_t bytes[16];
    assert_int_equal(load(target, bytes, sizeof bytes), 8);
}

static void another_process_that_holds_it_is_named(void **state)
{
    struct fixture *f = *state;
    char words[64];
    open_spool(f);
    struct spool *first = f->spool;
    f->spool = NULL;
    snprintf(words, sizeof words, "is held by process %d", getpid());
    assert_int_equal(open_fails(f, words), -EBUSY);
    f->spool = first;
}

static void a_directory_others_may_write_to_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->directory, 0700), 0);
    assert_int_equal(chmod(f->directory, 0770), 0);
    assert_int_equal(open_fails(f, "others may write"), -EPERM);
    assert_int_equal(chmod(f->directory, 0755), 0);
    open_spool(f);
    struct stat stat_;
    assert_int_equal(stat(f->directory, &stat_), 0);
    assert_int_equal(stat_.st_mode & 0777, 0700);
}

static void what_is_no_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    store(f->directory, (const uint8_t *)"x", 1);
    assert_int_equal(open_fails(f, "cannot open the directory"), -ENOTDIR);
    assert_int_equal(unlink(f->directory), 0);
    assert_int_equal(symlink(f->folder, f->directory), 0);
    assert_true(open_fails(f, "cannot open the directory") < 0);
    assert_int_equal(unlink(f->directory), 0);
    f->config.directory = "/proc/no/such/place";
    assert_int_equal(open_fails(f, "cannot make the directory"), -ENOENT);
}

/* ---- a disk that says no ---- */

/* Lets no file grow beyond so many bytes: a write that would is cut there, and the next one fails. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_is_full_within_a_record_loses_nothing_that_was_written(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    uint64_t bytes = spool_figures(f->spool).bytes;
    limit_files(bytes + 100);
    for (uint64_t n = 6; n <= 9; n++)
        assert_int_equal(put_under(f, &f->table, n), 0);
    int rc = write_out(f);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(spool_figures(f->spool).written, 5);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    assert_int_equal(spool_figures(f->spool).bytes, bytes);
    put(f, 6, 9);
    assert_int_equal(spool_figures(f->spool).written, 9);
    start_again(f);
    assert_int_equal(spool_figures(f->spool).broken, 0);
    assert_int_equal(deliver_all(f), 9);
    assert_nothing_dropped(f);
}

static void a_disk_that_takes_nothing_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    limit_files(10);
    assert_int_equal(put_under(f, &f->table, 1), 0);
    int rc = write_out(f);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(count_segments(f), 0);
    assert_int_equal(spool_figures(f->spool).bytes, 0);
    put(f, 1, 3);
    assert_next(f, 1, 1, 3);
}

static void a_segment_removed_under_us_is_noticed(void **state)
{
    struct fixture *f = *state;
    char path[128];
    open_spool(f);
    put(f, 1, 3);
    segment_path(f, 0, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(put_under(f, &f->table, 4), 0);
    assert_int_equal(write_out(f), -ESTALE);
}

/* What a life of the agent does that is killed right after the first file it removes. */
static void die_removing(struct fixture *f, void (*life)(struct fixture *f))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        disk.die = true;
        life(f);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    f->config.run.bytes[0]++;
}

static void overflow(struct fixture *f)
{
    fill_small_spool(f, 20000);
}

static void grow_too_old(struct fixture *f)
{
    open_spool(f);
    pass(f, f->config.age_us + US_PER_S);
    write_out(f);
}

static void killed_in_giving_way_it_still_says_which_ticks_are_lost(void **state)
{
    struct fixture *f = *state;
    struct dropped dropped[SPOOL_DROPS_MAX];
    die_removing(f, overflow);
    open_spool(f);
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].first, 1);
    assert_int_equal(dropped[0].cause, DROP_OVERFLOW);
    assert_true(pick(f));
    assert_int_equal(f->parcel->first, dropped[0].last + 1);
}

static void killed_in_expiring_it_still_says_which_ticks_are_lost(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->spool = spool_close(f->spool);
    f->config.run.bytes[0]++;
    die_removing(f, grow_too_old);
    open_spool(f);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
}

/* Fills the spool to the brim: the next tick must make something give way. */
static uint64_t fill_to_the_brim(struct fixture *f)
{
    fill_small_spool(f, 20000);
    uint64_t n = 20001, gave_way = spool_figures(f->spool).gave_way;
    while (spool_figures(f->spool).gave_way == gave_way)
        put(f, n, n + 9), n += 10;
    uint64_t segment = spool_figures(f->spool).gave_way - gave_way;
    for (uint64_t end = n + segment * 9 / 10; n < end; n++)
        put(f, n, n);
    return n;
}

static void on_a_full_disk_a_full_spool_makes_its_own_room(void **state)
{
    struct fixture *f = *state;
    uint64_t n = fill_to_the_brim(f);
    uint64_t written = n - 1, gave_way = spool_figures(f->spool).gave_way;
    disk.write = ENOSPC;
    for (int tries = 0; tries < 1000 && spool_figures(f->spool).gave_way == gave_way; tries++) {
        int rc = 0;
        for (uint64_t at = n; rc == 0 && at < n + 1000; at++)
            rc = put_under(f, &f->table, at);
        assert_int_equal(rc, -ENOSPC);
    }
    assert_true(spool_figures(f->spool).gave_way > gave_way);
    assert_true(spool_figures(f->spool).bytes < SPOOL_SIZE_MIN - (32 << 10));
    assert_int_equal(spool_figures(f->spool).written, written);
    disk.write = 0;
    put(f, n, n + 9);
    uint64_t lost = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, lost, DROP_OVERFLOW);
    assert_int_equal(deliver_all(f), n + 9 - lost);
}

static void a_disk_that_takes_no_mark_loses_no_segment(void **state)
{
    struct fixture *f = *state;
    uint64_t n = fill_to_the_brim(f);
    size_t segments = count_segments(f);
    disk.write = EIO;
    int rc = 0;
    for (uint64_t at = n; rc == 0 && at < n + 1000; at++)
        rc = put_under(f, &f->table, at);
    assert_int_equal(rc, -EIO);
    assert_int_equal(count_segments(f), segments);
    disk.write = 0;
    put(f, n, n + 9);
    uint64_t lost = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, lost, DROP_OVERFLOW);
    assert_int_equal(deliver_all(f), n + 9 - lost);
}

static void ticks_it_has_are_passed_over(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    uint64_t bytes = spool_figures(f->spool).bytes;
    put(f, 1, 5);
    assert_int_equal(spool_figures(f->spool).bytes, bytes);
}

static void what_the_collector_says_of_ticks_we_do_not_have_does_no_harm(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    done(f, 1, 1, UINT64_MAX);
    done(f, 77, 1, 5);
    done(f, 1, 9, 3);
    put(f, 6, 7);
    assert_next(f, 1, 6, 7);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_was_written_is_there_for_the_next_life),
        test(earlier_runs_come_first_and_tell_whether_they_are_of_this_boot),
        test(of_an_unknown_boot_nothing_is_of_this_one),
        test(what_is_done_is_not_picked_and_a_restart_remembers),
        test(our_own_ticks_are_picked_only_below_a_bound),
        test(a_spool_that_is_delivered_leaves_nothing),
        test(what_earlier_lives_left_goes_when_it_is_done),
        test(single_ticks_become_full_messages),
        test(wide_ticks_fill_a_message_and_no_more),
        test(a_table_that_is_known_needs_no_room),
        test(ticks_of_two_tables_are_two_messages),
        test(ticks_a_day_apart_are_not_one_message),
        test(numbers_that_never_were_are_not_waited_for),
        test(a_batch_of_many_ticks_is_cut_where_part_of_it_is_done),
        test(a_full_spool_lets_its_oldest_segment_go_and_says_which_ticks),
        test(what_was_delivered_is_not_dropped),
        test(declarations_are_kept_until_they_are_declared),
        test(a_declaration_outlives_the_segment_it_was_made_in),
        test(a_part_that_was_declared_leaves_the_rest),
        test(ticks_too_old_give_way_by_the_monotonic_clock_of_this_boot),
        test(ticks_of_another_boot_grow_old_by_the_wall_clock),
        test(only_ticks_that_wait_for_long_are_synced),
        test(what_is_done_in_time_is_never_synced),
        test(a_file_cut_anywhere_gives_what_is_whole_in_it),
        test(a_flipped_byte_costs_its_record_only_and_that_is_declared),
        test(a_segment_that_is_gone_is_declared),
        test(a_record_that_breaks_while_it_is_open_is_declared_when_it_is_wanted),
        test(without_its_table_a_tick_is_lost_and_declared),
        test(a_segment_that_vanished_is_declared_when_it_is_wanted),
        test(what_cannot_be_read_for_a_moment_is_not_lost),
        test(a_block_that_cannot_be_read_for_minutes_costs_the_records_in_it),
        test(of_a_dead_disk_one_segment_is_lost_at_once),
        test(what_cannot_be_read_at_a_start_is_not_lost_unless_that_is_wanted),
        test(the_segments_of_another_host_are_left_alone),
        test(a_strange_segment_gives_way_first_and_grows_old),
        test(files_that_are_no_segments_are_not_touched),
        test(another_process_that_holds_it_is_named),
        test(a_directory_others_may_write_to_is_refused),
        test(what_is_no_directory_is_refused),
        test(a_disk_that_is_full_within_a_record_loses_nothing_that_was_written),
        test(a_disk_that_takes_nothing_leaves_nothing_behind),
        test(a_segment_removed_under_us_is_noticed),
        test(killed_in_giving_way_it_still_says_which_ticks_are_lost),
        test(killed_in_expiring_it_still_says_which_ticks_are_lost),
        test(on_a_full_disk_a_full_spool_makes_its_own_room),
        test(a_disk_that_takes_no_mark_loses_no_segment),
        test(ticks_it_has_are_passed_over),
        test(what_the_collector_says_of_ticks_we_do_not_have_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "collector/store/read/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

enum { READER_WAIT_MS = 10000 };

struct counting_read { /* rows of `batch`, one turn more for each of `turns` */
    struct read read;
    int turns;
    int64_t *rows;
    bool *done;
};

static int count_rows(struct read *read, struct reading *reading, struct err *err)
{
    struct counting_read *of = (struct counting_read *)read;
    int rc = db_number(reading->db, "SELECT count(*) FROM batch", of->rows, err);
    return rc == 0 && of->turns-- > 0 ? READING_MORE : rc;
}

static void tell_rows(struct read *read, const struct err *err)
{
    const struct counting_read *of = (struct counting_read *)read;
    if (err)
        *of->rows = err->code;
    *of->done = true;
}

/* What is told; of a read that failed its error. */
static int64_t rows_of(struct fixture *f, struct reader *reader, uint64_t tenant, int turns)
{
    int64_t rows = 0;
    bool done = false;
    struct counting_read *of = calloc(1, sizeof *of);
    assert_non_null(of);
    *of = (struct counting_read){ { .answer = count_rows, .tell = tell_rows }, turns, &rows, &done };
    const char *path = path_in(f, tenant == 0 ? "tenant-0.db" : "tenant-1.db");
    assert_int_equal(reader_take(reader, path, tenant, &of->read, &f->err), 0);
    run_until(f, &done);
    return rows;
}

/* Descriptors of this process on a file of the store. */
static int times_open(struct fixture *f, const char *name)
{
    char wanted[PATH_MAX];
    int n = 0;
    snprintf(wanted, sizeof wanted, "%s", path_in(f, name));
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char target[PATH_MAX];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        n += strcmp(target, wanted) == 0;
    }
    closedir(dir);
    return n;
}

/* Tenant 0 has a batch, tenant 1 two; the store is closed. */
static struct reader *begin(struct fixture *f)
{
    struct reader *reader;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 1), 0);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    assert_int_equal(put_batch(f, 1, 6, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    close_store(f);
    assert_int_equal(reader_open(&reader, &f->loop, &f->clock, &f->log, &f->err), 0);
    return reader;
}

/* The reader keeps the loop from becoming empty. */
static void close_store_beside(struct fixture *f)
{
    f->store = store_close(f->store);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void end(struct fixture *f, struct reader *reader)
{
    reader_close(reader, READER_WAIT_MS);
    assert_int_equal(times_open(f, "tenant-0.db"), 0);
    assert_int_equal(times_open(f, "tenant-1.db"), 0);
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void rest_until_closed(struct fixture *f, struct reader *reader, const char *name)
{
    while (times_open(f, name) > 0) {
        reader_rest(reader);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
}

static void the_file_of_the_latest_turn_stays_open_until_nothing_was_asked(void **state)
{
    struct fixture *f = *state;
    struct reader *reader = begin(f);
    assert_int_equal(rows_of(f, reader, 0, 2), 1);
    assert_int_equal(times_open(f, "tenant-0.db"), 1);
    reader_rest(reader); /* something was, since the last time */
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    assert_int_equal(times_open(f, "tenant-0.db"), 1);
    rest_until_closed(f, reader, "tenant-0.db");
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    end(f, reader);
}

static void files_of_tenants_are_read_in_turn(void **state)
{
    struct fixture *f = *state;
    struct reader *reader = begin(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows_of(f, reader, 0, 0), 1);
        assert_int_equal(times_open(f, "tenant-1.db"), 0);
        assert_int_equal(rows_of(f, reader, 1, 0), 2);
        assert_int_equal(times_open(f, "tenant-0.db"), 0);
    }
    end(f, reader);
}

static void what_was_written_since_the_last_turn_is_read(void **state)
{
    struct fixture *f = *state;
    struct reader *reader = begin(f);
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 2, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(rows_of(f, reader, 0, 0), 2);
    close_store_beside(f);
    assert_int_equal(rows_of(f, reader, 0, 0), 2);
    end(f, reader);
}

static void a_file_that_takes_the_place_of_another_is_read_at_once(void **state)
{
    struct fixture *f = *state;
    char place[PATH_MAX];
    char aside[PATH_MAX];
    snprintf(place, sizeof place, "%s", path_in(f, "tenant-0.db"));
    snprintf(aside, sizeof aside, "%s", path_in(f, "aside"));
    struct reader *reader = begin(f);
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    rest_until_closed(f, reader, "tenant-0.db"); /* so that nothing of it is left in a WAL */
    assert_int_equal(rename(place, aside), 0);
    open_store(f);
    assert_int_equal(put_batch(f, 0, 7, 1, 1, 1), 0);
    assert_int_equal(put_batch(f, 0, 8, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    close_store_beside(f);
    assert_int_equal(rows_of(f, reader, 0, 0), 2);
    assert_int_equal(times_open(f, "tenant-0.db"), 1);
    assert_int_equal(rename(aside, place), 0);
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    assert_int_equal(unlink(place), 0);
    assert_int_equal(rows_of(f, reader, 0, 0), 0); /* of what is not there nobody asks */
    end(f, reader);
}

static void a_file_that_became_damaged_is_seen_and_not_kept(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "this is no database, as everyone can see";
    char good[100];
    struct reader *reader = begin(f);
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    int fd = open(path_in(f, "tenant-0.db"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, good, sizeof good, 0), sizeof good);
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    assert_int_equal(rows_of(f, reader, 0, 0), -EBADMSG);
    assert_int_equal(pwrite(fd, good, sizeof good, 0), sizeof good);
    close(fd);
    assert_int_equal(times_open(f, "tenant-0.db"), 0);
    assert_int_equal(rows_of(f, reader, 0, 0), 1);
    end(f, reader);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(the_file_of_the_latest_turn_stays_open_until_nothing_was_asked),
        STORE_TEST(files_of_tenants_are_read_in_turn),
        STORE_TEST(what_was_written_since_the_last_turn_is_read),
        STORE_TEST(a_file_that_takes_the_place_of_another_is_read_at_once),
        STORE_TEST(a_file_that_became_damaged_is_seen_and_not_kept),
    };
    return cmocka_run_group_tests_name("collector.store.read.reader", tests, NULL, NULL);
}

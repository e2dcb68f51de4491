#include "agent/spool/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    uint8_t bytes[4096];
    struct writer writer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->writer = (struct writer){ f->bytes, f->bytes + sizeof f->bytes, false };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static const struct spool_head head = { SPOOL_VERSION, 0x0123456789abcdef, { "boot" }, { "run" } };
static const uint8_t content[] = "what a codec made";
static const struct spool_ticks ticks = { 300, 3, 5000000, -7, { content, sizeof content } };
static const struct dropped mark = { { "another run" }, 17, 42, DROP_EXPIRED };

static void write_four(struct fixture *f)
{
    spool_write_head(&f->writer, &head);
    spool_write_table(&f->writer, &(struct bytes){ content, sizeof content });
    spool_write_ticks(&f->writer, &ticks);
    spool_write_mark(&f->writer, SPOOL_DROPPED, &mark);
    assert_false(f->writer.full);
}

static struct reader reader_of(const struct fixture *f)
{
    return (struct reader){ f->bytes, f->writer.at };
}

static void what_was_written_is_read(void **state)
{
    struct fixture *f = *state;
    struct spool_record record;
    size_t broken;
    write_four(f);
    struct reader reader = reader_of(f);
    assert_true(spool_next(&reader, &record, &broken));
    assert_int_equal(record.kind, SPOOL_HEAD);
    assert_int_equal(record.head.version, SPOOL_VERSION);
    assert_true(record.head.host == head.host);
    assert_memory_equal(&record.head.boot, &head.boot, sizeof head.boot);
    assert_memory_equal(&record.head.run, &head.run, sizeof head.run);
    assert_true(spool_next(&reader, &record, &broken));
    assert_int_equal(record.kind, SPOOL_TABLE);
    assert_int_equal(record.table.len, sizeof content);
    assert_memory_equal(record.table.at, content, sizeof content);
    assert_true(spool_next(&reader, &record, &broken));
    assert_int_equal(record.kind, SPOOL_TICKS);
    assert_int_equal(record.ticks.first, 300);
    assert_int_equal(record.ticks.n_ticks, 3);
    assert_int_equal(record.ticks.mono_us, 5000000);
    assert_int_equal(record.ticks.wall_us, -7);
    assert_memory_equal(record.ticks.batch.at, content, sizeof content);
    assert_true(spool_next(&reader, &record, &broken));
    assert_int_equal(record.kind, SPOOL_DROPPED);
    assert_memory_equal(&record.mark.run, &mark.run, sizeof mark.run);
    assert_int_equal(record.mark.first, 17);
    assert_int_equal(record.mark.last, 42);
    assert_int_equal(record.mark.cause, DROP_EXPIRED);
    assert_false(spool_next(&reader, &record, &broken));
    assert_int_equal(broken, 0);
}

static void the_bytes_are_as_the_document_has_them(void **state)
{
    static const uint8_t want[] = {
        0xd7, 'W',  'R',  'S',                          /* mark */
        0x7a, 0x62, 0x41, 0x3f, 0x8a, 0xcf, 0x6d, 0x9c, /* checksum */
        0x21, 0,    0,    4,                            /* 33 bytes, done */
    };
    struct fixture *f = *state;
    struct dropped done = { .run = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } },
                            .first = 1,
                            .last = 302 };
    spool_write_mark(&f->writer, SPOOL_DONE, &done);
    assert_int_equal(f->writer.at - f->bytes, SPOOL_FRAME_BYTES + 33);
    assert_memory_equal(f->bytes, want, sizeof want);
    assert_memory_equal(f->bytes + 16, &done.run, RUN_BYTES);
    assert_memory_equal(f->bytes + 32, "\x01\0\0\0\0\0\0\0\x2e\x01\0\0\0\0\0\0\0", 17);
}

static unsigned count(struct reader reader, size_t *ret_broken)
{
    struct spool_record record;
    unsigned n = 0;
    size_t broken;
    *ret_broken = 0;
    for (; spool_next(&reader, &record, &broken); n++)
        *ret_broken += broken;
    *ret_broken += broken;
    return n;
}

static void whatever_byte_is_flipped_the_other_records_are_read(void **state)
{
    struct fixture *f = *state;
    size_t broken;
    write_four(f);
    for (uint8_t *at = f->bytes; at < f->writer.at; at++)
        for (int bit = 0; bit < 8; bit++) {
            *at ^= (uint8_t)(1 << bit);
            assert_int_equal(count(reader_of(f), &broken), 3);
            assert_true(broken > 0);
            *at ^= (uint8_t)(1 << bit);
        }
    assert_int_equal(count(reader_of(f), &broken), 4);
}

static void whatever_is_cut_off_the_records_before_are_read(void **state)
{
    struct fixture *f = *state;
    struct spool_record record;
    size_t broken;
    write_four(f);
    struct reader whole = reader_of(f);
    const uint8_t *last = f->bytes; /* of the last whole record in what is left */
    unsigned n = 0;
    for (const uint8_t *end = f->bytes; end <= f->writer.at; end++) {
        struct reader next = { last, end };
        if (spool_next(&next, &record, &broken)) {
            last = end;
            n++;
        }
        struct reader cut = { f->bytes, end };
        assert_int_equal(count(cut, &broken), n);
        assert_int_equal(broken, end - last);
    }
    assert_int_equal(n, count(whole, &broken));
}

static void what_lies_between_records_is_passed_over_and_counted(void **state)
{
    struct fixture *f = *state;
    size_t broken;
    spool_write_head(&f->writer, &head);
    write_bytes(&f->writer, "\xd7WRS and then nonsense \xd7WR", 27);
    spool_write_ticks(&f->writer, &ticks);
    write_bytes(&f->writer, "\xd7", 1);
    assert_int_equal(count(reader_of(f), &broken), 2);
    assert_int_equal(broken, 28);
}

static void numbers_out_of_range_make_a_record_broken_whatever_its_checksum_says(void **state)
{
    static const struct spool_ticks bad_ticks[] = {
        { 0, 1, 0, 0, { content, 1 } },
        { 1, 0, 0, 0, { content, 1 } },
        { 1, TICKS_MAX + 1, 0, 0, { content, 1 } },
        { INT64_MAX, 2, 0, 0, { content, 1 } },
        { 1, 1, -1, 0, { content, 1 } },
        { 1, 1, 0, INT64_MAX, { content, 1 } },
        { 1, 1, 0, 0, { content, 0 } },
    };
    static const struct dropped bad_marks[] = {
        { { "" }, 0, 1, DROP_OTHER },
        { { "" }, 2, 1, DROP_OTHER },
        { { "" }, 1, UINT64_MAX, DROP_OTHER },
    };
    struct fixture *f = *state;
    size_t broken;
    for (size_t i = 0; i < sizeof bad_ticks / sizeof *bad_ticks; i++)
        spool_write_ticks(&f->writer, &bad_ticks[i]);
    for (size_t i = 0; i < sizeof bad_marks / sizeof *bad_marks; i++)
        spool_write_mark(&f->writer, SPOOL_DONE, &bad_marks[i]);
    spool_write_mark(&f->writer, (enum spool_kind)99, &mark);
    assert_int_equal(count(reader_of(f), &broken), 0);
    assert_int_equal(broken, f->writer.at - f->bytes);
}

static void a_cause_unknown_here_is_other(void **state)
{
    struct fixture *f = *state;
    struct dropped later = mark;
    struct spool_record record;
    size_t broken;
    later.cause = (enum drop_cause)77;
    spool_write_mark(&f->writer, SPOOL_DROPPED, &later);
    struct reader reader = reader_of(f);
    assert_true(spool_next(&reader, &record, &broken));
    assert_int_equal(record.mark.cause, DROP_OTHER);
}

static void a_writer_without_room_writes_no_record(void **state)
{
    struct fixture *f = *state;
    size_t broken;
    f->writer.end = f->bytes + 100;
    spool_write_head(&f->writer, &head);
    spool_write_ticks(&f->writer, &ticks);
    assert_true(f->writer.full);
    assert_int_equal(count(reader_of(f), &broken), 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_was_written_is_read),
        test(the_bytes_are_as_the_document_has_them),
        test(whatever_byte_is_flipped_the_other_records_are_read),
        test(whatever_is_cut_off_the_records_before_are_read),
        test(what_lies_between_records_is_passed_over_and_counted),
        test(numbers_out_of_range_make_a_record_broken_whatever_its_checksum_says),
        test(a_cause_unknown_here_is_other),
        test(a_writer_without_room_writes_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

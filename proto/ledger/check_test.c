/* A chain of forty entries, in a file and as rows, and what is done to it. */
#include "proto/ledger/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ledger/export.h"

enum { ENTRIES = 40, ENTRY_ROOM = 256, FILE_ROOM = 32 << 10 };

struct row {
    uint8_t bytes[ENTRY_ROOM];
    size_t len;
    struct ledger_hash hash;
};

struct fixture {
    struct ledger_key key, other_key;
    size_t n;
    struct row rows[ENTRIES + 1];
    struct ledger_head kept; /* of entry 20 */
    struct ledger_export export;
    uint8_t file[FILE_ROOM];
    size_t len;
};

static void put_row(struct fixture *f, size_t at, uint64_t n, const char *what)
{
    char body[100];
    snprintf(body, sizeof body, "{\"what\":\"%s\",\"which\":%d}", what, (int)n);
    struct ledger_entry entry = {
        .tenant = 3, .n = n, .at_us = 1795400000000000 + (int64_t)n, .kind = "page", .actor = "clock", .body = body
    };
    struct ledger_hash none = { { 0 } };
    uint8_t bytes[LEDGER_BYTES_MAX];
    struct row *row = &f->rows[at];
    assert_int_equal(ledger_encode(&entry, bytes, &row->len, NULL), 0);
    assert_true(row->len <= ENTRY_ROOM);
    memcpy(row->bytes, bytes, row->len);
    row->hash = ledger_chain(at ? &f->rows[at - 1].hash : &none, row->bytes, row->len);
}

static struct ledger_head head_of(const struct fixture *f, size_t n, const struct ledger_key *key)
{
    struct ledger_head head = { .tenant = 3, .n = n, .at_us = 1795400009000000, .hash = f->rows[n - 1].hash };
    ledger_head_sign(&head, key);
    return head;
}

static size_t put_entry(const struct row *row, uint8_t *at)
{
    ledger_export_length(at, row->len);
    memcpy(at + LEDGER_EXPORT_LENGTH, row->bytes, row->len);
    memcpy(at + LEDGER_EXPORT_LENGTH + row->len, row->hash.bytes, LEDGER_HASH_BYTES);
    return LEDGER_EXPORT_LENGTH + row->len + LEDGER_HASH_BYTES;
}

static void put_file(struct fixture *f, const struct ledger_head *head, const struct ledger_key *key)
{
    ledger_export_start(f->file, &key->public_key, head);
    f->len = LEDGER_EXPORT_START;
    for (size_t i = 0; i < f->n; i++)
        f->len += put_entry(&f->rows[i], f->file + f->len);
    assert_true(f->len + ENTRY_ROOM + 64 < FILE_ROOM);
}

static int setup(void **state)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 1 }, other_seed[LEDGER_KEY_BYTES] = { 2 };
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(ledger_key_of(&f->key, seed, NULL), 0);
    assert_int_equal(ledger_key_of(&f->other_key, other_seed, NULL), 0);
    for (f->n = 0; f->n < ENTRIES; f->n++)
        put_row(f, f->n, f->n + 1, "delivered");
    f->kept = head_of(f, 20, &f->key);
    struct ledger_head last = head_of(f, ENTRIES, &f->key);
    put_file(f, &last, &f->key);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* ---- rows ---- */

static struct ledger_check check_rows(const struct fixture *f, size_t n_head)
{
    struct ledger_check check;
    ledger_check_begin(&check, 3);
    if (n_head) {
        struct ledger_head head = head_of(f, n_head, &f->key);
        ledger_check_head(&check, &head, &f->key.public_key);
    }
    ledger_check_head(&check, &f->kept, &f->key.public_key);
    for (size_t i = 0; i < f->n; i++)
        ledger_check_entry(&check, f->rows[i].bytes, f->rows[i].len, &f->rows[i].hash);
    ledger_check_end(&check);
    return check;
}

static void expect(const struct fixture *f, enum ledger_fault fault, uint64_t at, uint64_t found, const char *words)
{
    char text[LEDGER_FAULT_TEXT];
    struct ledger_check check = check_rows(f, 0);
    assert_int_equal(check.fault, fault);
    assert_int_equal(check.at, at);
    assert_int_equal(check.found, found);
    assert_string_equal(ledger_fault_print(text, &check), words);
}

static void drop_row(struct fixture *f, size_t at)
{
    memmove(&f->rows[at], &f->rows[at + 1], (f->n - at - 1) * sizeof *f->rows);
    f->n--;
}

static void a_whole_chain_is_whole_up_to_its_last_entry(void **state)
{
    struct ledger_check check = check_rows(*state, ENTRIES);
    char text[LEDGER_FAULT_TEXT];
    assert_int_equal(check.fault, LEDGER_WHOLE);
    assert_int_equal(check.n, ENTRIES);
    assert_int_equal(check.vouched, ENTRIES);
    assert_string_equal(ledger_fault_print(text, &check), "");
}

static void entries_behind_the_head_are_chained_and_nobody_vouches_for_them_yet(void **state)
{
    struct ledger_check check = check_rows(*state, 30);
    assert_int_equal(check.fault, LEDGER_WHOLE);
    assert_int_equal(check.n, ENTRIES);
    assert_int_equal(check.vouched, 30);
}

static void an_altered_entry_is_named(void **state)
{
    struct fixture *f = *state;
    f->rows[6].bytes[f->rows[6].len - 4] ^= 1;
    expect(f, LEDGER_ALTERED, 7, 7, "entry 7 was altered");
}

static void an_altered_hash_is_of_its_entry(void **state)
{
    struct fixture *f = *state;
    f->rows[6].hash.bytes[31] ^= 0x80;
    expect(f, LEDGER_ALTERED, 7, 7, "entry 7 was altered");
}

static void an_altered_number_is_an_altered_entry_not_a_missing_one(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->rows[6].bytes[2], 7); /* n, behind the format and the tenant */
    f->rows[6].bytes[2] = 9;
    expect(f, LEDGER_ALTERED, 7, 9, "entry 7 was altered");
    f->rows[6].bytes[2] = 2;
    expect(f, LEDGER_ALTERED, 7, 2, "entry 7 was altered");
}

static void a_missing_entry_is_named(void **state)
{
    struct fixture *f = *state;
    drop_row(f, 6);
    expect(f, LEDGER_MISSING, 7, 8, "entry 7 is missing: entry 8 stands in its place");
}

static void the_first_of_two_faults_is_named(void **state)
{
    struct fixture *f = *state;
    f->rows[30].bytes[10] ^= 1;
    drop_row(f, 6);
    expect(f, LEDGER_MISSING, 7, 8, "entry 7 is missing: entry 8 stands in its place");
}

static void an_entry_put_in_a_second_time_is_named(void **state)
{
    struct fixture *f = *state;
    memmove(&f->rows[7], &f->rows[6], (f->n - 6) * sizeof *f->rows);
    f->rows[6] = f->rows[2];
    f->n++;
    expect(f, LEDGER_INSERTED, 7, 3, "in the place of entry 7 something was put in: it says it is entry 3");
}

static void an_entry_put_in_with_a_hash_that_fits_shows_by_the_next_one(void **state)
{
    struct fixture *f = *state;
    memmove(&f->rows[7], &f->rows[6], (f->n - 6) * sizeof *f->rows);
    put_row(f, 6, 7, "forged");
    f->n++;
    expect(f, LEDGER_INSERTED, 8, 7, "in the place of entry 8 something was put in: it says it is entry 7");
}

static void a_tail_that_was_cut_off_is_told_by_the_head(void **state)
{
    struct fixture *f = *state;
    f->n = 15;
    expect(f, LEDGER_CUT, 16, 20, "its tail was cut off: entries up to 20 were signed, from 16 on they are missing");
}

static void a_chain_with_no_entry_left_is_cut_from_the_first_one(void **state)
{
    struct fixture *f = *state;
    f->n = 0;
    expect(f, LEDGER_CUT, 1, 20, "its tail was cut off: entries up to 20 were signed, from 1 on they are missing");
}

/* Whoever can write the file can make every hash fit; what he cannot do is sign. */
static void a_chain_made_to_fit_is_told_by_the_head(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 4; i < f->n; i++)
        put_row(f, i, i + 1, i == 4 ? "never" : "delivered");
    expect(f, LEDGER_REWRITTEN, 1, 20,
           "entries 1 to 20 are not those that were signed: at least one was altered, taken out or put in, and the "
           "hashes made to fit");
}

static void a_head_that_was_kept_says_from_where_on(void **state)
{
    struct fixture *f = *state;
    struct ledger_check check;
    struct ledger_head last = head_of(f, ENTRIES, &f->key);
    for (size_t i = 25; i < f->n; i++)
        put_row(f, i, i + 1, "never");
    ledger_check_begin(&check, 3);
    ledger_check_head(&check, &last, &f->key.public_key);
    ledger_check_head(&check, &f->kept, &f->key.public_key);
    for (size_t i = 0; i < f->n; i++)
        ledger_check_entry(&check, f->rows[i].bytes, f->rows[i].len, &f->rows[i].hash);
    ledger_check_end(&check);
    assert_int_equal(check.fault, LEDGER_REWRITTEN);
    assert_int_equal(check.at, 21);
    assert_int_equal(check.found, ENTRIES);
}

static void a_head_of_another_key_or_another_tenant_vouches_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger_check check;
    struct ledger_head forged = head_of(f, ENTRIES, &f->other_key);
    ledger_check_begin(&check, 3);
    ledger_check_head(&check, &forged, &f->key.public_key);
    assert_int_equal(check.fault, LEDGER_UNSIGNED);
    ledger_check_begin(&check, 4);
    ledger_check_head(&check, &f->kept, &f->key.public_key);
    assert_int_equal(check.fault, LEDGER_UNSIGNED);
}

/* ---- a file ---- */

/* In pieces of `step` bytes. */
static enum ledger_fault check_file(struct fixture *f, const uint8_t *bytes, size_t len, size_t step)
{
    ledger_export_begin(&f->export, &f->key.public_key, NULL);
    for (size_t at = 0; at < len; at += step)
        ledger_export_take(&f->export, bytes + at, len - at < step ? len - at : step);
    ledger_export_end(&f->export);
    return f->export.check.fault;
}

static void an_untouched_export_is_whole_in_pieces_of_any_size(void **state)
{
    struct fixture *f = *state;
    for (size_t step = 1; step < 700; step += step < 8 ? 1 : 37) {
        assert_int_equal(check_file(f, f->file, f->len, step), LEDGER_WHOLE);
        assert_int_equal(f->export.check.n, ENTRIES);
        assert_int_equal(f->export.check.vouched, ENTRIES);
    }
}

static void no_byte_of_an_export_can_be_changed(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->len; i++) {
        uint8_t bit = (uint8_t)(1 << i * 5 % 8);
        f->file[i] ^= bit;
        assert_int_not_equal(check_file(f, f->file, f->len, f->len), LEDGER_WHOLE);
        f->file[i] ^= bit;
    }
    assert_int_equal(check_file(f, f->file, f->len, f->len), LEDGER_WHOLE);
}

static void an_export_cut_anywhere_is_not_whole(void **state)
{
    struct fixture *f = *state;
    for (size_t len = 0; len < f->len; len++)
        assert_int_equal(check_file(f, f->file, len, f->len),
                         len < LEDGER_EXPORT_START ? LEDGER_NO_EXPORT : LEDGER_CUT);
}

static void nothing_can_be_put_behind_an_export(void **state)
{
    struct fixture *f = *state;
    size_t more = put_entry(&f->rows[ENTRIES - 1], f->file + f->len);
    assert_int_equal(check_file(f, f->file, f->len + 1, f->len), LEDGER_INSERTED);
    assert_int_equal(check_file(f, f->file, f->len + more, f->len), LEDGER_INSERTED);
    assert_int_equal(f->export.check.at, ENTRIES + 1);
}

static void an_export_signed_anew_by_another_key_is_not_that_of_the_key_i_know(void **state)
{
    struct fixture *f = *state;
    struct ledger_head forged = head_of(f, ENTRIES, &f->other_key);
    put_file(f, &forged, &f->other_key);
    assert_int_equal(check_file(f, f->file, f->len, f->len), LEDGER_UNSIGNED);
    assert_int_equal(f->export.check.at, ENTRIES);                   /* it is this head's */
    memcpy(f->file + 24, f->key.public_key.bytes, LEDGER_KEY_BYTES); /* nor with that key named in it */
    assert_int_equal(check_file(f, f->file, f->len, f->len), LEDGER_UNSIGNED);
    put_file(f, &forged, &f->other_key);
    ledger_export_begin(&f->export, NULL, NULL); /* whose key it is, is not known: it holds in itself */
    ledger_export_take(&f->export, f->file, f->len);
    ledger_export_end(&f->export);
    assert_int_equal(f->export.check.fault, LEDGER_WHOLE);
    ledger_export_begin(&f->export, NULL, &f->kept); /* but not beside a head that was kept */
    ledger_export_take(&f->export, f->file, f->len);
    ledger_export_end(&f->export);
    assert_int_equal(f->export.check.fault, LEDGER_UNSIGNED);
}

static void an_older_export_is_cut_for_whoever_keeps_a_newer_head(void **state)
{
    struct fixture *f = *state;
    struct ledger_head newest = head_of(f, ENTRIES, &f->key);
    f->n = 20;
    put_file(f, &f->kept, &f->key);
    assert_int_equal(check_file(f, f->file, f->len, f->len), LEDGER_WHOLE);
    ledger_export_begin(&f->export, NULL, &newest);
    ledger_export_take(&f->export, f->file, f->len);
    ledger_export_end(&f->export);
    assert_int_equal(f->export.check.fault, LEDGER_CUT);
    assert_int_equal(f->export.check.at, 21);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_whole_chain_is_whole_up_to_its_last_entry),
        WITH(entries_behind_the_head_are_chained_and_nobody_vouches_for_them_yet),
        WITH(an_altered_entry_is_named),
        WITH(an_altered_hash_is_of_its_entry),
        WITH(an_altered_number_is_an_altered_entry_not_a_missing_one),
        WITH(a_missing_entry_is_named),
        WITH(the_first_of_two_faults_is_named),
        WITH(an_entry_put_in_a_second_time_is_named),
        WITH(an_entry_put_in_with_a_hash_that_fits_shows_by_the_next_one),
        WITH(a_tail_that_was_cut_off_is_told_by_the_head),
        WITH(a_chain_with_no_entry_left_is_cut_from_the_first_one),
        WITH(a_chain_made_to_fit_is_told_by_the_head),
        WITH(a_head_that_was_kept_says_from_where_on),
        WITH(a_head_of_another_key_or_another_tenant_vouches_for_nothing),
        WITH(an_untouched_export_is_whole_in_pieces_of_any_size),
        WITH(no_byte_of_an_export_can_be_changed),
        WITH(an_export_cut_anywhere_is_not_whole),
        WITH(nothing_can_be_put_behind_an_export),
        WITH(an_export_signed_anew_by_another_key_is_not_that_of_the_key_i_know),
        WITH(an_older_export_is_cut_for_whoever_keeps_a_newer_head),
    };
    return cmocka_run_group_tests_name("proto.ledger.check", tests, NULL, NULL);
}

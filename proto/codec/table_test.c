#include "proto/codec/codec_fixture.h"

#include <errno.h>
#include <stdio.h>

static void encode(struct fixture *f, const struct series_table *table)
{
    int rc = codec_encode_table(table, f->bytes, sizeof f->bytes, &f->len, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
}

static struct series_table decode(struct fixture *f)
{
    struct series_table table;
    int rc = codec_decode_table(f->bytes, f->len, &f->arena, &table, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return table;
}

static void assert_refused(struct fixture *f, const uint8_t *bytes, size_t len, int code)
{
    struct series_table table;
    struct series_table before;
    memset(&table, 0x77, sizeof table);
    memset(&before, 0x77, sizeof before);
    f->err = (struct err){ 0 };
    assert_int_equal(codec_decode_table(bytes, len, &f->arena, &table, &f->err), code);
    assert_int_equal(f->err.code, code);
    assert_true(strlen(f->err.text) > 0);
    assert_memory_equal(&table, &before, sizeof table);
}

static void assert_not_encoded(struct fixture *f, const struct series *series, uint32_t n)
{
    struct series_table table = { .n = n, .at = series };
    size_t len = 99;
    assert_int_equal(codec_encode_table(&table, f->bytes, sizeof f->bytes, &len, &f->err), -EMSGSIZE);
    assert_int_equal(len, 99);
}

/* `n` series of one metric, instances "0", "1"... */
static struct series_table many_series(struct fixture *f, uint32_t n)
{
    struct series *series = arena_alloc(&f->arena, n, sizeof *series);
    char(*names)[8] = arena_alloc(&f->arena, n, sizeof *names);
    assert_true(series && names);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "%u", i);
        series[i] = (struct series){ "system.cpu.time.share{mode=user}", names[i], "1", -4 };
    }
    return (struct series_table){ .n = n, .at = series };
}

static void a_table_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    struct series_table want = sample_table();
    encode(f, &want);
    struct series_table got = decode(f);
    assert_same_table(&got, &want);
}

static void a_table_is_named_by_its_bytes(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    encode(f, &table);
    struct series_table got = decode(f);
    struct table_hash hash = codec_table_hash(f->bytes, f->len);
    assert_memory_equal(got.hash.bytes, hash.bytes, TABLE_HASH_BYTES);

    struct series other[4];
    memcpy(other, sample_series, sizeof other);
    other[1].instance = "vdc";
    table.at = other;
    encode(f, &table);
    got = decode(f);
    assert_memory_not_equal(got.hash.bytes, hash.bytes, TABLE_HASH_BYTES);
}

static void a_metric_is_sent_once_however_many_series_it_has(void **state)
{
    struct fixture *f = *state;
    struct series_table want = many_series(f, 64);
    encode(f, &want);
    assert_in_range(f->len, 64 * 5, 64 * 6 + 64);
    struct series_table got = decode(f);
    assert_same_table(&got, &want);
}

static void metrics_differ_by_unit_and_exponent_too(void **state)
{
    struct fixture *f = *state;
    static const struct series series[] = {
        { "m", "", "1", 0 }, { "m", "", "s", 0 }, { "m", "", "1", -3 }, { "m", "a", "1", 0 }, { "m", "", "s", 0 },
    };
    struct series_table want = { .n = 5, .at = series };
    encode(f, &want);
    struct series_table got = decode(f);
    assert_same_table(&got, &want);
}

static void the_largest_of_everything_fits(void **state)
{
    struct fixture *f = *state;
    char key[SERIES_KEY_MAX + 1] = { 0 };
    char unit[SERIES_UNIT_MAX + 1] = { 0 };
    char instance[INSTANCE_MAX + 1] = { 0 };
    memset(key, 'k', SERIES_KEY_MAX);
    memset(unit, 'u', SERIES_UNIT_MAX);
    memset(instance, 'i', INSTANCE_MAX);
    const struct series series[] = { { key, instance, unit, 12 }, { key, instance, unit, -12 } };
    struct series_table want = { .n = 2, .at = series };
    encode(f, &want);
    struct series_table got = decode(f);
    assert_same_table(&got, &want);

    want = many_series(f, SERIES_MAX);
    encode(f, &want);
    got = decode(f);
    assert_same_table(&got, &want);
}

static void what_passes_a_limit_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    char text[300] = { 0 };
    memset(text, 'x', sizeof text - 1);
    const struct series wrong[] = {
        { "", "", "1", 0 },   { NULL, "", "1", 0 },  { text + 299 - SERIES_KEY_MAX - 1, "", "1", 0 },
        { "m", "", "", 0 },   { "m", "", NULL, 0 },  { "m", "", text + 299 - SERIES_UNIT_MAX - 1, 0 },
        { "m", "", "1", 13 }, { "m", "", "1", -13 }, { "m", text + 299 - INSTANCE_MAX - 1, "1", 0 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_not_encoded(f, &wrong[i], 1);
        const struct series second[] = { { "m", "", "1", 0 }, wrong[i] };
        assert_not_encoded(f, second, 2);
    }
    assert_not_encoded(f, sample_series, 0);
    struct series_table large = many_series(f, SERIES_MAX + 1);
    assert_not_encoded(f, large.at, large.n);
}

static void a_table_over_one_message_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    struct series_table table = many_series(f, 300);
    char long_name[INSTANCE_MAX + 1] = { 0 };
    memset(long_name, 'n', INSTANCE_MAX);
    for (uint32_t i = 0; i < table.n; i++)
        ((struct series *)table.at)[i].instance = long_name;
    assert_not_encoded(f, table.at, table.n);
}

static void the_buffer_may_be_exactly_as_large_as_the_table(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    encode(f, &table);
    assert_int_equal(codec_encode_table(&table, f->more, f->len, &f->more_len, NULL), 0);
    assert_int_equal(codec_encode_table(&table, f->more, f->len - 1, &f->more_len, NULL), -EMSGSIZE);
}

static void a_name_that_is_not_utf8_is_sent_with_question_marks(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *sent;
    } names[] = {
        { "/srv/caf\xe9", "/srv/caf?" },            /* Latin-1 */
        { "\xc3\xa9\xc3", "\xc3\xa9?" },            /* cut within a character */
        { "\xed\xa0\x80", "???" },                  /* a surrogate */
        { "\xc0\xafx", "??x" },                     /* overlong */
        { "\xf4\x90\x80\x80", "????" },             /* past U+10FFFF */
        { "\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5" }, /* four bytes are fine */
        { "a\nb\x7f", "a?b?" }                      /* control characters */
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct series series = { "m", names[i].text, "1", 0 };
        struct series_table table = { .n = 1, .at = &series };
        encode(f, &table);
        struct series_table got = decode(f);
        assert_string_equal(got.at[0].instance, names[i].sent);
    }
}

/* ---- malformed ---- */

static void put_metric(struct hand *hand, const char *key, size_t key_len, const char *unit, uint64_t zigzag_exponent)
{
    uint8_t bytes[512];
    struct hand inner = hand_over(bytes, sizeof bytes);
    put_bytes(&inner, 1, key, key_len);
    put_text(&inner, 2, unit);
    put_number(&inner, 3, zigzag_exponent);
    put_bytes(hand, 1, bytes, hand_len(&inner));
}

static void put_series(struct hand *hand, uint64_t metric, const char *instance, size_t len)
{
    uint8_t bytes[512];
    struct hand inner = hand_over(bytes, sizeof bytes);
    put_number(&inner, 1, metric);
    put_bytes(&inner, 2, instance, len);
    put_bytes(hand, 2, bytes, hand_len(&inner));
}

static void each_fault_within_a_table_is_found(void **state)
{
    struct fixture *f = *state;
    char text[300] = { 0 };
    memset(text, 'x', sizeof text - 1);
    const struct {
        const char *key;
        size_t key_len;
        const char *unit;
        uint64_t exponent, metric;
        const char *instance;
        size_t instance_len;
        int code;
    } rows[] = {
        { "m", 1, "1", 0, 0, "i", 1, 0 },
        { "m", 0, "1", 0, 0, "i", 1, -EBADMSG },
        { text, SERIES_KEY_MAX, "1", 0, 0, "i", 1, 0 },
        { text, SERIES_KEY_MAX + 1, "1", 0, 0, "i", 1, -EMSGSIZE },
        { "m\0m", 3, "1", 0, 0, "i", 1, -EBADMSG },
        { "\xff", 1, "1", 0, 0, "i", 1, -EBADMSG },
        { "a\n", 2, "1", 0, 0, "i", 1, -EBADMSG },
        { "k", 1, "\x1f", 0, 0, "i", 1, -EBADMSG },
        { "k", 1, "1", 0, 0, "i\x7f", 2, -EBADMSG },
        { "m", 1, "", 0, 0, "i", 1, -EBADMSG },
        { "m", 1, text + 299 - SERIES_UNIT_MAX - 1, 0, 0, "i", 1, -EMSGSIZE },
        { "m", 1, "\x80", 0, 0, "i", 1, -EBADMSG },
        { "m", 1, "1", 24, 0, "i", 1, 0 }, /* 12 */
        { "m", 1, "1", 23, 0, "i", 1, 0 }, /* -12 */
        { "m", 1, "1", 26, 0, "i", 1, -EBADMSG },
        { "m", 1, "1", 25, 0, "i", 1, -EBADMSG },
        { "m", 1, "1", UINT32_MAX, 0, "i", 1, -EBADMSG },
        { "m", 1, "1", 0, 1, "i", 1, -EBADMSG },
        { "m", 1, "1", 0, UINT32_MAX, "i", 1, -EBADMSG },
        { "m", 1, "1", 0, 0, "", 0, 0 },
        { "m", 1, "1", 0, 0, text, INSTANCE_MAX, 0 },
        { "m", 1, "1", 0, 0, text, INSTANCE_MAX + 1, -EMSGSIZE },
        { "m", 1, "1", 0, 0, "\xc3", 1, -EBADMSG },
        { "m", 1, "1", 0, 0, "\xe0\x80\x80", 3, -EBADMSG },
        { "m", 1, "1", 0, 0, "a\0", 2, -EBADMSG },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_metric(&hand, rows[i].key, rows[i].key_len, rows[i].unit, rows[i].exponent);
        put_series(&hand, rows[i].metric, rows[i].instance, rows[i].instance_len);
        struct series_table got;
        int rc = codec_decode_table(f->bytes, hand_len(&hand), &f->arena, &got, &f->err);
        if (rc != rows[i].code)
            fail_msg("row %zu: %d instead of %d", i, rc, rows[i].code);
        if (rc < 0)
            assert_refused(f, f->bytes, hand_len(&hand), rc);
    }
}

static void a_table_of_nothing_or_of_too_much_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, f->bytes, 0, -EBADMSG);
    assert_refused(f, f->bytes, MESSAGE_MAX + 1, -EMSGSIZE);

    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    put_metric(&hand, "m", 1, "1", 0);
    assert_refused(f, f->bytes, hand_len(&hand), -EBADMSG);
    for (int i = 0; i <= SERIES_MAX; i++)
        put_series(&hand, 0, "", 0);
    assert_refused(f, f->bytes, hand_len(&hand), -EMSGSIZE);

    hand = hand_over(f->bytes, sizeof f->bytes);
    for (int i = 0; i <= SERIES_MAX; i++)
        put_metric(&hand, "m", 1, "1", 0);
    put_series(&hand, 0, "", 0);
    assert_refused(f, f->bytes, hand_len(&hand), -EMSGSIZE);
}

static void a_table_cut_anywhere_is_refused_or_bears_another_name(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    encode(f, &table);
    struct table_hash whole = codec_table_hash(f->bytes, f->len);
    for (size_t len = 0; len < f->len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, f->bytes, len);
        struct series_table got;
        int rc = codec_decode_table(exact, len, &f->arena, &got, &f->err);
        free(exact);
        if (rc == 0) /* a table that ends early is a table, of fewer series */
            assert_memory_not_equal(got.hash.bytes, whole.bytes, TABLE_HASH_BYTES);
        else
            assert_int_equal(rc, -EBADMSG);
    }
}

static void an_arena_too_small_is_enomem_whatever_it_lacks(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    encode(f, &table);
    unsigned failures = 0;
    for (size_t limit = 0; limit < 8192; limit += 16) {
        struct arena small;
        arena_init(&small, limit);
        struct series_table got;
        int rc = codec_decode_table(f->bytes, f->len, &small, &got, &f->err);
        arena_done(&small);
        assert_true(rc == 0 || rc == -ENOMEM);
        failures += rc == -ENOMEM;
    }
    assert_in_range(failures, 10, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(a_table_comes_back_as_it_went),
        CODEC_TEST(a_table_is_named_by_its_bytes),
        CODEC_TEST(a_metric_is_sent_once_however_many_series_it_has),
        CODEC_TEST(metrics_differ_by_unit_and_exponent_too),
        CODEC_TEST(the_largest_of_everything_fits),
        CODEC_TEST(what_passes_a_limit_is_not_encoded),
        CODEC_TEST(a_table_over_one_message_is_not_encoded),
        CODEC_TEST(the_buffer_may_be_exactly_as_large_as_the_table),
        CODEC_TEST(a_name_that_is_not_utf8_is_sent_with_question_marks),
        CODEC_TEST(each_fault_within_a_table_is_found),
        CODEC_TEST(a_table_of_nothing_or_of_too_much_is_refused),
        CODEC_TEST(a_table_cut_anywhere_is_refused_or_bears_another_name),
        CODEC_TEST(an_arena_too_small_is_enomem_whatever_it_lacks),
    };
    return cmocka_run_group_tests_name("proto.codec.table", tests, NULL, NULL);
}

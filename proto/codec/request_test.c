#include "proto/codec/codec_fixture.h"

#include <errno.h>

static void encode(struct fixture *f, const struct request *request)
{
    int rc = codec_encode_request(request, f->bytes, sizeof f->bytes, &f->len, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
}

static struct request decode(struct fixture *f)
{
    struct request request;
    int rc = codec_decode_request(f->bytes, f->len, &f->arena, &request, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return request;
}

static void assert_refused(struct fixture *f, const uint8_t *bytes, size_t len, int code)
{
    struct request request;
    struct request before;
    memset(&request, 0x77, sizeof request);
    memset(&before, 0x77, sizeof before);
    f->err = (struct err){ 0 };
    assert_int_equal(codec_decode_request(bytes, len, &f->arena, &request, &f->err), code);
    assert_int_equal(f->err.code, code);
    assert_true(strlen(f->err.text) > 0);
    assert_memory_equal(&request, &before, sizeof request);
}

static struct request sample_hello(void)
{
    return (struct request){
        .kind = REQUEST_HELLO,
        .hello = {
            .host = UINT64_C(0x7fedcba987654321),
            .run = sample_run(),
            .mono_us = 123456789,
            .wall_us = 1795400000000000,
            .version = "0.1.0",
            .hostname = "b\xc3\xbchne-1",
            .system = "Linux 6.1.0-18-amd64 x86_64",
            .token = { (const uint8_t *)"thirty-two bytes nobody guesses.", TOKEN_BYTES },
        },
    };
}

/* Encodes table and batch of the sample, the batch under the table's name, into f->more. */
static struct request sample_report(struct fixture *f, const struct series_table *table)
{
    size_t table_len;
    assert_int_equal(codec_encode_table(table, f->more, sizeof f->more, &table_len, NULL), 0);
    struct batch batch = sample_batch();
    batch.table = codec_table_hash(f->more, table_len);
    uint8_t *at = f->more + table_len;
    size_t len;
    assert_int_equal(codec_encode_batch(&batch, at, sizeof f->more - table_len, &len, NULL), 0);
    return (struct request){
        .kind = REQUEST_REPORT,
        .report = {
            .batch_bytes = { at, len },
            .highest = 302,
            .policy_revision = 7,
            .interval_us = 1000000,
            .sent_us = 4000000,
            .answered_us = 4023456,
            .has_table = true,
            .table_bytes = { f->more, table_len },
        },
    };
}

/* ---- hello ---- */

static void a_hello_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    struct request want = sample_hello();
    encode(f, &want);
    struct request got = decode(f);
    assert_int_equal(got.kind, REQUEST_HELLO);
    assert_int_equal(got.hello.host, want.hello.host);
    assert_memory_equal(got.hello.run.bytes, want.hello.run.bytes, RUN_BYTES);
    assert_int_equal(got.hello.mono_us, want.hello.mono_us);
    assert_int_equal(got.hello.wall_us, want.hello.wall_us);
    assert_string_equal(got.hello.version, want.hello.version);
    assert_string_equal(got.hello.hostname, want.hello.hostname);
    assert_string_equal(got.hello.system, want.hello.system);
    assert_int_equal(got.hello.token.len, TOKEN_BYTES);
    assert_memory_equal(got.hello.token.at, want.hello.token.at, TOKEN_BYTES);
}

static void texts_an_agent_does_not_know_come_as_empty_ones(void **state)
{
    struct fixture *f = *state;
    struct request hello = sample_hello();
    hello.hello.version = NULL;
    hello.hello.hostname = "";
    hello.hello.system = "\xff";
    encode(f, &hello);
    struct request got = decode(f);
    assert_string_equal(got.hello.version, "");
    assert_string_equal(got.hello.hostname, "");
    assert_string_equal(got.hello.system, "?");
}

static void a_text_over_its_limit_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX + 2] = { 0 };
    memset(text, 't', TEXT_MAX + 1);
    struct request hello = sample_hello();
    hello.hello.system = text + 1;
    encode(f, &hello);
    assert_string_equal(decode(f).hello.system, text + 1);
    hello.hello.system = text;
    assert_int_equal(codec_encode_request(&hello, f->bytes, sizeof f->bytes, &f->len, NULL), -EMSGSIZE);
}

static void a_hosts_clock_never_gets_its_hello_refused(void **state)
{
    struct fixture *f = *state;
    struct request hello = sample_hello();
    hello.hello.wall_us = INT64_MIN;
    encode(f, &hello);
    assert_int_equal(decode(f).hello.wall_us, -TIME_US_MAX);
}

static void a_hello_goes_without_a_token(void **state)
{
    struct fixture *f = *state;
    struct request hello = sample_hello();
    hello.hello.token.len = 0;
    encode(f, &hello);
    assert_int_equal(decode(f).hello.token.len, 0);
}

static void each_fault_within_a_hello_is_found(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX + 2] = { 0 };
    memset(text, 't', TEXT_MAX + 1);
    const struct {
        size_t run_len;
        uint64_t mono_us;
        const char *hostname;
        int code;
    } rows[] = {
        { RUN_BYTES, 0, "h", 0 },
        { RUN_BYTES - 1, 0, "h", -EBADMSG },
        { 0, 0, "h", -EBADMSG },
        { RUN_BYTES, (uint64_t)TIME_US_MAX, "h", 0 },
        { RUN_BYTES, (uint64_t)TIME_US_MAX + 1, "h", -EBADMSG },
        { RUN_BYTES, UINT64_MAX, "h", -EBADMSG },
        { RUN_BYTES, 0, "\xf8", -EBADMSG },
        { RUN_BYTES, 0, text, -EMSGSIZE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[512];
        struct hand inner = hand_over(bytes, sizeof bytes);
        struct run_id run = sample_run();
        put_bytes(&inner, 2, run.bytes, rows[i].run_len);
        put_number(&inner, 3, rows[i].mono_us);
        put_text(&inner, 6, rows[i].hostname);
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_bytes(&hand, 1, bytes, hand_len(&inner));
        if (rows[i].code < 0) {
            assert_refused(f, f->bytes, hand_len(&hand), rows[i].code);
        } else {
            f->len = hand_len(&hand);
            decode(f);
        }
    }
}

/* ---- report ---- */

static void a_report_comes_back_as_it_went_with_its_table(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request want = sample_report(f, &table);
    encode(f, &want);
    struct request got = decode(f);
    assert_int_equal(got.kind, REQUEST_REPORT);
    assert_int_equal(got.report.highest, 302);
    assert_int_equal(got.report.policy_revision, 7);
    assert_int_equal(got.report.interval_us, 1000000);
    assert_int_equal(got.report.sent_us, 4000000);
    assert_int_equal(got.report.answered_us, 4023456);
    assert_true(got.report.has_table);
    assert_same_table(&got.report.table, &table);
    struct batch batch = sample_batch();
    batch.table = got.report.table.hash;
    assert_same_batch(&got.report.batch, &batch);
}

static void the_store_gets_the_bytes_that_were_sent(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request want = sample_report(f, &table);
    encode(f, &want);
    struct request got = decode(f);
    memset(f->bytes, 0, f->len); /* they are the arena's, not the message's */
    assert_int_equal(got.report.batch_bytes.len, want.report.batch_bytes.len);
    assert_memory_equal(got.report.batch_bytes.at, want.report.batch_bytes.at, want.report.batch_bytes.len);
    assert_int_equal(got.report.table_bytes.len, want.report.table_bytes.len);
    assert_memory_equal(got.report.table_bytes.at, want.report.table_bytes.at, want.report.table_bytes.len);
}

static void a_report_may_come_without_its_table_and_without_an_exchange_before_it(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    report.report.has_table = false;
    report.report.sent_us = 0;
    report.report.answered_us = 0;
    encode(f, &report);
    struct request got = decode(f);
    assert_false(got.report.has_table);
    assert_int_equal(got.report.table_bytes.len, 0);
    assert_int_equal(got.report.sent_us, 0);
    assert_int_equal(got.report.answered_us, 0);
}

static void dropped_ticks_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request want = sample_report(f, &table);
    struct dropped dropped[DROPPED_MAX];
    for (uint32_t i = 0; i < DROPPED_MAX; i++)
        dropped[i] = (struct dropped){ .run = sample_run(),
                                       .first = i + 1,
                                       .last = i % 2 ? i + 1 : INT64_MAX,
                                       .cause = (enum drop_cause)(i % DROP_COUNT) };
    want.report.same_boot = true;
    want.report.dropped = dropped;
    want.report.n_dropped = DROPPED_MAX;
    encode(f, &want);
    struct request got = decode(f);
    assert_true(got.report.same_boot);
    assert_int_equal(got.report.n_dropped, DROPPED_MAX);
    for (uint32_t i = 0; i < DROPPED_MAX; i++) {
        assert_memory_equal(&got.report.dropped[i].run, &dropped[i].run, sizeof dropped[i].run);
        assert_int_equal(got.report.dropped[i].first, dropped[i].first);
        assert_int_equal(got.report.dropped[i].last, dropped[i].last);
        assert_int_equal(got.report.dropped[i].cause, dropped[i].cause);
    }
}

/* `n` series and as many columns, each of `n_ticks` values, all of them absent: few bytes, much room. */
static struct request wide_report(struct fixture *f, uint32_t n, uint32_t n_ticks)
{
    struct series *series = arena_alloc(&f->arena, n, sizeof *series);
    struct column *columns = arena_alloc(&f->arena, n, sizeof *columns);
    int64_t *values = arena_alloc(&f->arena, n_ticks, sizeof *values);
    int64_t *times = arena_alloc(&f->arena, n_ticks, sizeof *times);
    assert_true(series && columns && values && times);
    for (uint32_t i = 0; i < n_ticks; i++) {
        values[i] = FIXED_ABSENT;
        times[i] = i + 1;
    }
    for (uint32_t c = 0; c < n; c++) {
        series[c] = (struct series){ .metric = "m", .instance = "instance", .unit = "1" };
        columns[c] = (struct column){ .fixed = values };
    }
    struct series_table table = { .n = n, .at = series };
    struct request request = sample_report(f, &table);
    uint8_t *at = (uint8_t *)request.report.batch_bytes.at;
    struct batch batch = { .first = 1, .n_ticks = n_ticks, .n_columns = n, .mono_us = times, .wall_us = times };
    batch.columns = columns;
    batch.table = codec_table_hash(f->more, request.report.table_bytes.len);
    assert_int_equal(codec_encode_batch(&batch, at, BATCH_MAX, &request.report.batch_bytes.len, NULL), 0);
    return request;
}

static void the_widest_and_the_longest_report_fit_an_arena_of_the_named_size(void **state)
{
    struct fixture *f = *state;
    const uint32_t sizes[][2] = { { SERIES_MAX, BATCH_VALUES_MAX / SERIES_MAX }, { 18, TICKS_MAX } };
    for (size_t i = 0; i < 2; i++) {
        struct request report = wide_report(f, sizes[i][0], sizes[i][1]);
        encode(f, &report);
        struct arena fresh;
        arena_init(&fresh, CODEC_ARENA_BYTES);
        struct request got;
        int rc = codec_decode_request(f->bytes, f->len, &fresh, &got, &f->err);
        arena_done(&fresh);
        assert_int_equal(rc, 0);
    }
}

static void a_table_that_is_not_the_batchs_own_is_refused(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    uint8_t other[1024];
    struct series_table shorter = { .n = 3, .at = sample_series };
    assert_int_equal(codec_encode_table(&shorter, other, sizeof other, &report.report.table_bytes.len, NULL), 0);
    report.report.table_bytes.at = other;
    encode(f, &report);
    assert_refused(f, f->bytes, f->len, -EBADMSG);
}

static void a_batch_with_more_columns_than_its_table_has_series_is_refused(void **state)
{
    struct fixture *f = *state;
    struct series_table shorter = { .n = 3, .at = sample_series };
    struct request report = sample_report(f, &shorter);
    encode(f, &report);
    assert_refused(f, f->bytes, f->len, -EBADMSG);
}

static void a_batch_over_its_limit_is_not_sent(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    report.report.batch_bytes = (struct bytes){ f->more, BATCH_MAX + 1 };
    assert_int_equal(codec_encode_request(&report, f->bytes, sizeof f->bytes, &f->len, NULL), -EMSGSIZE);
}

static void a_report_over_one_message_is_not_sent(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    report.report.batch_bytes = (struct bytes){ f->more, BATCH_MAX };
    report.report.table_bytes = (struct bytes){ f->more, 5 << 10 };
    assert_int_equal(codec_encode_request(&report, f->bytes, sizeof f->bytes, &f->len, NULL), -EMSGSIZE);
}

static void each_fault_within_a_report_is_found(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request right = sample_report(f, &table);
    const struct {
        uint64_t highest, interval_us, sent_us, exchange_us;
        size_t batch_cut, table_cut;
        int code;
    } rows[] = {
        { 302, 1000000, 5, 5, 0, 0, 0 },
        { 0, 1000000, 5, 5, 0, 0, -EBADMSG },
        { UINT64_MAX, 1000000, 5, 5, 0, 0, -EBADMSG },
        { 302, UINT64_MAX, 5, 5, 0, 0, -EBADMSG },
        { 302, 1000000, (uint64_t)TIME_US_MAX + 1, 0, 0, 0, -EBADMSG },
        { 302, 1000000, 5, (uint64_t)TIME_US_MAX + 1, 0, 0, -EBADMSG },
        { 302, 1000000, (uint64_t)TIME_US_MAX, 1, 0, 0, -EBADMSG },
        { 302, 1000000, 5, UINT64_MAX - 4, 0, 0, -EBADMSG },
        { 302, 1000000, 5, 5, 1, 0, -EBADMSG },
        { 302, 1000000, 5, 5, right.report.batch_bytes.len, 0, -EBADMSG },
        { 302, 1000000, 5, 5, 0, 1, -EBADMSG },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[2048];
        struct hand inner = hand_over(bytes, sizeof bytes);
        put_number(&inner, 1, rows[i].highest);
        put_number(&inner, 3, rows[i].interval_us);
        put_number(&inner, 4, rows[i].sent_us);
        put_number(&inner, 5, rows[i].exchange_us);
        put_bytes(&inner, 6, right.report.table_bytes.at, right.report.table_bytes.len - rows[i].table_cut);
        put_bytes(&inner, 7, right.report.batch_bytes.at, right.report.batch_bytes.len - rows[i].batch_cut);
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_bytes(&hand, 2, bytes, hand_len(&inner));
        if (rows[i].code < 0) {
            assert_refused(f, f->bytes, hand_len(&hand), rows[i].code);
        } else {
            f->len = hand_len(&hand);
            decode(f);
        }
    }
}

static void each_fault_within_dropped_ticks_is_found(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request right = sample_report(f, &table);
    const struct {
        size_t run_len;
        uint64_t first, further, cause;
        size_t times;
        int code;
    } rows[] = {
        { RUN_BYTES, 1, 0, 1, 1, 0 },
        { RUN_BYTES, 1, 0, 99, DROPPED_MAX, 0 }, /* a cause of a later version */
        { RUN_BYTES, 1, 0, 1, DROPPED_MAX + 1, -EMSGSIZE },
        { RUN_BYTES - 1, 1, 0, 1, 1, -EBADMSG },
        { RUN_BYTES, 0, 5, 1, 1, -EBADMSG },
        { RUN_BYTES, (uint64_t)INT64_MAX + 1, 0, 1, 1, -EBADMSG },
        { RUN_BYTES, INT64_MAX, 1, 1, 1, -EBADMSG },
        { RUN_BYTES, 2, UINT64_MAX, 1, 1, -EBADMSG },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t one[64], bytes[8192];
        struct run_id run = sample_run();
        struct hand dropped = hand_over(one, sizeof one);
        put_bytes(&dropped, 1, run.bytes, rows[i].run_len);
        put_number(&dropped, 2, rows[i].first);
        put_number(&dropped, 3, rows[i].further);
        put_number(&dropped, 4, rows[i].cause);
        struct hand inner = hand_over(bytes, sizeof bytes);
        put_number(&inner, 1, 302);
        put_bytes(&inner, 7, right.report.batch_bytes.at, right.report.batch_bytes.len);
        for (size_t k = 0; k < rows[i].times; k++)
            put_bytes(&inner, 9, one, hand_len(&dropped));
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_bytes(&hand, 2, bytes, hand_len(&inner));
        f->len = hand_len(&hand);
        if (rows[i].code < 0)
            assert_refused(f, f->bytes, f->len, rows[i].code);
        else
            assert_int_equal(decode(f).report.dropped[0].cause, rows[i].cause == 1 ? DROP_OVERFLOW : DROP_OTHER);
    }
}

/* ---- either ---- */

static void a_request_of_an_unknown_kind_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, f->bytes, 0, -EBADMSG);
    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    put_text(&hand, 3, "a kind of a later version");
    assert_refused(f, f->bytes, hand_len(&hand), -EBADMSG);
}

static void a_request_over_one_message_is_refused_unread(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, f->bytes, MESSAGE_MAX + 1, -EMSGSIZE);
}

static void fields_of_a_later_version_are_passed_over(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[512];
    struct hand inner = hand_over(bytes, sizeof bytes);
    struct run_id run = sample_run();
    put_bytes(&inner, 2, run.bytes, sizeof run.bytes);
    put_text(&inner, 99, "inside");
    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    put_number(&hand, 98, 1);
    put_bytes(&hand, 1, bytes, hand_len(&inner));
    put_text(&hand, 99, "outside");
    f->len = hand_len(&hand);
    assert_int_equal(decode(f).kind, REQUEST_HELLO);
}

/* protobuf merges a message that comes twice. What comes of it is checked like any other. */
static void a_kind_that_comes_twice_is_checked_like_any_other(void **state)
{
    struct fixture *f = *state;
    struct request hello = sample_hello();
    encode(f, &hello);
    struct hand hand = hand_over(f->bytes + f->len, sizeof f->bytes - f->len);
    uint8_t run_cut[] = { 0x12, 0x01, 0xaa };
    put_bytes(&hand, 1, run_cut, sizeof run_cut);
    assert_refused(f, f->bytes, f->len + hand_len(&hand), -EBADMSG);

    hand = hand_over(f->bytes + f->len, sizeof f->bytes - f->len);
    put_bytes(&hand, 2, NULL, 0); /* the later kind wins: a report without anything */
    assert_refused(f, f->bytes, f->len + hand_len(&hand), -EBADMSG);
}

static void a_report_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    encode(f, &report);
    for (size_t len = 0; len < f->len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, f->bytes, len);
        assert_refused(f, exact, len, -EBADMSG);
        free(exact);
    }
}

static void an_arena_too_small_is_enomem_whatever_it_lacks(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    struct request report = sample_report(f, &table);
    encode(f, &report);
    unsigned failures = 0;
    for (size_t limit = 0; limit < 8192; limit += 16) {
        struct arena small;
        arena_init(&small, limit);
        struct request got;
        int rc = codec_decode_request(f->bytes, f->len, &small, &got, &f->err);
        arena_done(&small);
        assert_true(rc == 0 || rc == -ENOMEM);
        failures += rc == -ENOMEM;
    }
    assert_in_range(failures, 20, 500);
}

static void the_buffer_may_be_exactly_as_large_as_the_request(void **state)
{
    struct fixture *f = *state;
    struct request hello = sample_hello();
    encode(f, &hello);
    uint8_t bytes[256];
    size_t len = 99;
    assert_int_equal(codec_encode_request(&hello, bytes, f->len - 1, &len, NULL), -EMSGSIZE);
    assert_int_equal(len, 99);
    assert_int_equal(codec_encode_request(&hello, bytes, f->len, &len, NULL), 0);
    assert_int_equal(len, f->len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(a_hello_comes_back_as_it_went),
        CODEC_TEST(texts_an_agent_does_not_know_come_as_empty_ones),
        CODEC_TEST(a_text_over_its_limit_is_not_encoded),
        CODEC_TEST(a_hello_goes_without_a_token),
        CODEC_TEST(a_hosts_clock_never_gets_its_hello_refused),
        CODEC_TEST(each_fault_within_a_hello_is_found),
        CODEC_TEST(a_report_comes_back_as_it_went_with_its_table),
        CODEC_TEST(the_store_gets_the_bytes_that_were_sent),
        CODEC_TEST(a_report_may_come_without_its_table_and_without_an_exchange_before_it),
        CODEC_TEST(the_widest_and_the_longest_report_fit_an_arena_of_the_named_size),
        CODEC_TEST(a_table_that_is_not_the_batchs_own_is_refused),
        CODEC_TEST(a_batch_with_more_columns_than_its_table_has_series_is_refused),
        CODEC_TEST(a_batch_over_its_limit_is_not_sent),
        CODEC_TEST(a_report_over_one_message_is_not_sent),
        CODEC_TEST(each_fault_within_a_report_is_found),
        CODEC_TEST(dropped_ticks_come_back_as_they_went),
        CODEC_TEST(each_fault_within_dropped_ticks_is_found),
        CODEC_TEST(a_request_of_an_unknown_kind_is_refused),
        CODEC_TEST(a_request_over_one_message_is_refused_unread),
        CODEC_TEST(fields_of_a_later_version_are_passed_over),
        CODEC_TEST(a_kind_that_comes_twice_is_checked_like_any_other),
        CODEC_TEST(a_report_cut_anywhere_is_refused),
        CODEC_TEST(an_arena_too_small_is_enomem_whatever_it_lacks),
        CODEC_TEST(the_buffer_may_be_exactly_as_large_as_the_request),
    };
    return cmocka_run_group_tests_name("proto.codec.request", tests, NULL, NULL);
}

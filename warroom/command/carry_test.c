/* Verbs that take several questions: what is asked, and what comes of the answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/codec/codec.h"
#include "proto/text/base64.h"
#include "warroom/command/fake_fixture.h"

#define RUN "aW1wb3J0ZWQwMTIzNDU2Nw==" /* "imported01234567" */

static char folder[] = "/tmp/warroom-carry-test.XXXXXX";
static char path[128];

static int setup(void **state)
{
    *state = fake_open();
    return 0;
}

static int teardown(void **state)
{
    fake_close(*state);
    unlink(path);
    return 0;
}

static const char *file_with(const char *text)
{
    snprintf(path, sizeof path, "%s/in", folder);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static enum command_exit run(struct fake *fake, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum command_exit run(struct fake *fake, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return fake_run(fake, line);
}

static void answer_stored(struct fake *fake, int stored, const char *last)
{
    char text[256];
    snprintf(text, sizeof text,
             "{'ok':true,'data':{'run':'" RUN "','stored':%d,'last':%s,'had':false,'keeps_s':604800,"
             "'keeps_minutes_s':34214400}}",
             stored, last);
    fake_answer(fake, text);
}

/* ---- import ---- */

/* The batch of the i-th request, decoded into `arena`. */
static void asked_batch(struct fake *fake, size_t i, struct arena *arena, struct batch *ret)
{
    json_t *request = json_loads(fake_asked(fake, i), 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(request, "args"), "batch"));
    assert_non_null(text);
    uint8_t bytes[BATCH_MAX + 3];
    size_t n;
    assert_int_equal(base64_decode(bytes, text, strlen(text), &n), 0);
    assert_int_equal(codec_decode_batch(bytes, n, arena, ret, NULL), 0);
    json_decref(request);
}

static void an_import_asks_how_far_it_is_and_sends_what_is_missing(void **state)
{
    struct fake *fake = *state;
    struct arena arena;
    struct batch batch;
    arena_init(&arena, 2 * CODEC_ARENA_BYTES);
    answer_stored(fake, 1, "1795401600000000");
    answer_stored(fake, 3, "1795401602000000");
    assert_int_equal(run(fake, "warroom import %s --host web-1 --tenant acme",
                         file_with("time_s,a\n1795401600,1\n1795401601,2\n1795401602,3\n")),
                     COMMAND_OK);
    assert_string_equal(fake_out(fake),
                        "web-1: 3 ticks of 1 series, 2026-11-23 10:40:00 CST to 2026-11-23 10:40:02 CST: "
                        "2 new, 1 stored before\n");
    assert_non_null(strstr(fake_asked(fake, 0), "{\"verb\":\"import\",\"args\":{\"host\":\"web-1\",\"tenant\":\"acme\","
                                                "\"source\":\""));
    assert_null(strstr(fake_asked(fake, 0), "batch"));
    asked_batch(fake, 1, &arena, &batch);
    assert_memory_equal(batch.run.bytes, "imported01234567", RUN_BYTES);
    assert_int_equal(batch.first, 2);
    assert_int_equal(batch.n_ticks, 2);
    assert_int_equal(batch.wall_us[0], 1795401601000000);
    assert_int_equal(batch.mono_us[0], 1000000);
    arena_done(&arena);
}

static void an_import_waits_while_the_collector_is_busy(void **state)
{
    struct fake *fake = *state;
    static const char busy[] = "{'ok':false,'error':{'code':'busy','text':'too much is waiting'}}";
    fake_answer(fake, busy);
    answer_stored(fake, 0, "null");
    fake_answer(fake, busy);
    fake_answer(fake, busy);
    answer_stored(fake, 1, "1795401600000000");
    assert_int_equal(run(fake, "warroom import %s --host web-1 --json", file_with("time_s,a\n1795401600,1\n")),
                     COMMAND_OK);
    assert_string_equal(fake_out(fake),
                        "{\"host\":\"web-1\",\"series\":1,\"ticks\":1,\"new\":1,\"from\":\"2026-11-23T02:"
                        "40:00.000Z\",\"to\":\"2026-11-23T02:40:00.000Z\",\"dropped_before\":null}\n");
    assert_int_equal(fake_pauses(fake), 3);
}

static void a_file_older_than_ticks_are_kept_is_said_to_be(void **state)
{
    struct fake *fake = *state;
    answer_stored(fake, 0, "null");
    answer_stored(fake, 2, "1790000001000000");
    assert_int_equal(run(fake, "warroom import %s --host web-1", file_with("time_s,a\n1790000000,1\n1790000001,1\n")),
                     COMMAND_OK);
    assert_non_null(strstr(fake_out(fake), "Ticks before 2026-11-16 10:41:00 CST are older than the collector keeps"));
}

static void a_file_that_was_changed_is_not_taken_for_itself(void **state)
{
    struct fake *fake = *state;
    answer_stored(fake, 2, "1795401605000000");
    assert_int_equal(run(fake, "warroom import %s --host web-1", file_with("time_s,a\n1795401600,1\n1795401601,2\n")),
                     COMMAND_FAILED);
    assert_non_null(strstr(fake_err(fake), "line 3: a file that begins like this one was imported before"));
}

static void a_fault_says_what_is_imported_already(void **state)
{
    struct fake *fake = *state;
    answer_stored(fake, 0, "null");
    assert_int_equal(run(fake, "warroom import %s --host web-1", file_with("time_s,a\n1795401600,1\n1795401601,x\n")),
                     COMMAND_FAILED);
    assert_non_null(strstr(fake_err(fake), "/in: line 3: column 2: \"x\" is not a number"));
    /* over a day apart: the first batch went before the fault */
    answer_stored(fake, 0, "null");
    answer_stored(fake, 1, "1795000000000000");
    assert_int_equal(
        run(fake, "warroom import %s --host web-1", file_with("time_s,a\n1795000000,1\n1795401600,1\n1795401601,x\n")),
        COMMAND_FAILED);
    assert_non_null(strstr(fake_err(fake), "(1 ticks before it are imported; run it again to go on)"));
}

static void nonsense_from_the_collector_stops_an_import(void **state)
{
    static const char *const answers[] = { "{'ok':true,'data':{}}", "{'ok':true,'data':{'run':'AAAA','stored':0}}",
                                           "{'ok':true,'data':{'run':'" RUN "','stored':-1}}" };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fake *fake = *state;
        fake_answer(fake, answers[i]);
        assert_int_equal(run(fake, "warroom import %s --host web-1", file_with("time_s,a\n1795401600,1\n")),
                         COMMAND_FAILED);
        assert_non_null(strstr(fake_err(fake), "makes no sense"));
    }
}

static void formats_are_two(void **state)
{
    struct fake *fake = *state;
    assert_int_equal(fake_run(fake, "warroom import x --host web-1 --format xml"), COMMAND_USAGE);
    assert_int_equal(fake_run(fake, "warroom export --host web-1 --format xml"), COMMAND_USAGE);
    assert_int_equal(fake_run(fake, "warroom status -o x"), COMMAND_USAGE);
    assert_string_equal(fake_asked(fake, 0), "");
    assert_int_equal(fake_run(fake, "warroom import /nonexistent --host web-1"), COMMAND_FAILED);
    assert_non_null(strstr(fake_err(fake), "cannot read /nonexistent: No such file"));
}

/* ---- export ---- */

/* A page of ticks of series `cpu` (two decimals) and `free` (doubles): one answer of the collector. */
static void answer_page(struct fake *fake, int64_t at_us, uint32_t n, const char *next)
{
    const struct series series[] = { { "cpu", "", "1", -2 }, { "free", "a,b", "By", 0 } };
    struct series_table table = { .n = 2, .at = series };
    static uint8_t table_bytes[4096], batch_bytes[BATCH_MAX];
    size_t table_len, batch_len;
    assert_int_equal(codec_encode_table(&table, table_bytes, sizeof table_bytes, &table_len, NULL), 0);
    int64_t mono_us[8], wall_us[8], fixed[8];
    double values[8];
    for (uint32_t i = 0; i < n; i++) {
        mono_us[i] = i + 1;
        wall_us[i] = at_us + i * US_PER_S;
        fixed[i] = i == 1 ? FIXED_ABSENT : 25 + i;
        values[i] = 0.1 + i;
    }
    const struct column columns[] = { { .real = false, .fixed = fixed }, { .real = true, .values = values } };
    struct batch batch = { .first = 1,
                           .n_ticks = n,
                           .n_columns = 2,
                           .table = codec_table_hash(table_bytes, table_len),
                           .mono_us = mono_us,
                           .wall_us = wall_us,
                           .columns = columns };
    assert_int_equal(codec_encode_batch(&batch, batch_bytes, sizeof batch_bytes, &batch_len, NULL), 0);
    char table_text[BASE64_TEXT(4096)], batch_text[8192], text[16384];
    base64_encode(table_text, table_bytes, table_len);
    assert_true(BASE64_TEXT(batch_len) <= sizeof batch_text);
    base64_encode(batch_text, batch_bytes, batch_len);
    snprintf(text, sizeof text, "{'ok':true,'data':{'tables':['%s'],'batches':[[0,'%s']],'unreadable':%d}%s%s%s}",
             table_text, batch_text, n == 3 ? 2 : 0, next ? ",'next':'" : "", next ? next : "", next ? "'" : "");
    fake_answer(fake, text);
}

#define SERIES "{'ok':true,'data':{'series':[['cpu','','1'],['free','a,b','By']]}}"

static void csv_is_put_together_from_pages(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, SERIES);
    answer_page(fake, 1795401600000000, 2, "1795401602000000 0");
    answer_page(fake, 1795401602000001, 1, NULL);
    assert_int_equal(fake_run(fake, "warroom export --host web-1 --metric 'c*' --from -10m --to -5m"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "time_ms,cpu (1),\"free[a,b] (By)\"\n"
                                        "1795401600000,0.25,0.1\n1795401601000,,1.1\n1795401602000.001,0.25,0.1\n");
    assert_string_equal(fake_asked(fake, 0),
                        "{\"verb\":\"export series\",\"args\":{\"host\":\"web-1\",\"metric\":\"c*\",\"from\":\"2026-11-"
                        "23T02:31:00.000Z\",\"to\":\"2026-11-23T02:36:00.000Z\"}}");
    assert_non_null(strstr(fake_asked(fake, 2), "\"next\":\"1795401602000000 0\""));
}

static void damaged_rows_that_an_export_lacks_are_told(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, SERIES);
    answer_page(fake, 1795401600000000, 3, NULL);
    assert_int_equal(fake_run(fake, "warroom export --host web-1"), COMMAND_OK);
    assert_non_null(strstr(fake_err(fake), "2 damaged rows were passed over"));
}

static void openmetrics_asks_series_by_series(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'series':[['cpu','','1']]}}");
    answer_page(fake, 1795401600000000, 2, NULL);
    assert_int_equal(fake_run(fake, "warroom export --host web-1 --format openmetrics"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "# TYPE cpu gauge\ncpu{host=\"web-1\"} 0.25 1795401600\n# EOF\n");
    fake_answer(fake, "{'ok':true,'data':{'series':[['a*[b]','x?','s']]}}");
    answer_page(fake, 1795401600000000, 1, NULL);
    assert_int_equal(fake_run(fake, "warroom export --host web-1 --format openmetrics"), COMMAND_OK);
    assert_non_null(strstr(fake_asked(fake, 3), "\"metric\":\"a\\\\*\\\\[b\\\\]\",\"instance\":\"x\\\\?\""));
}

static void a_file_has_its_name_only_when_it_is_whole(void **state)
{
    struct fake *fake = *state;
    char part[160];
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(part, sizeof part, "%s.part", path);
    fake_answer(fake, SERIES);
    answer_page(fake, 1795401600000000, 2, "more");
    fake_fail(fake, -EPIPE);
    assert_int_equal(run(fake, "warroom export --host web-1 -o %s", path), COMMAND_FAILED);
    assert_true(access(path, F_OK) < 0 && access(part, F_OK) < 0);
    fake_answer(fake, SERIES);
    answer_page(fake, 1795401600000000, 2, NULL);
    assert_int_equal(run(fake, "warroom export --host web-1 -o %s", path), COMMAND_OK);
    assert_true(access(path, F_OK) == 0 && access(part, F_OK) < 0);
    assert_string_equal(fake_out(fake), "");
}

static void nothing_to_export_is_a_failure_and_nonsense_too(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'series':[]}}");
    assert_int_equal(fake_run(fake, "warroom export --host web-1"), COMMAND_FAILED);
    assert_string_equal(fake_err(fake), "warroom: web-1 has no samples between 2026-11-23T01:41:00.000Z and "
                                        "2026-11-23T02:41:00.000Z; warroom coverage --host web-1 shows when it has\n");
    fake_answer(fake, "{'ok':true,'data':{'series':[]}}");
    assert_int_equal(fake_run(fake, "warroom export --host web-1 --metric zz* --instance vd*"), COMMAND_FAILED);
    assert_non_null(strstr(fake_asked(fake, 1), "\"metric\":\"zz*\""));
    assert_non_null(strstr(fake_err(fake), "000Z of metrics that match 'zz*' of instances that match 'vd*'; warroom"));
    static const char *const pages[] = { "{'ok':true,'data':{'tables':['!'],'batches':[]}}",
                                         "{'ok':true,'data':{'tables':['AAAA'],'batches':[]}}",
                                         "{'ok':true,'data':{'tables':[],'batches':[[0,'AAAA']]}}",
                                         "{'ok':true,'data':{'tables':[],'batches':['x']}}" };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        fake_answer(fake, "{'ok':true,'data':{'series':[['a','','1']]}}");
        fake_answer(fake, pages[i]);
        assert_int_equal(fake_run(fake, "warroom export --host web-1"), COMMAND_FAILED);
    }
}

/* ---- backup ---- */

static void a_backup_is_asked_about_until_it_is_done(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake,
                "{'ok':true,'data':{'backup':{'done':false,'path':'/b/x','files':0,'bytes':5}},'next':'running'}");
    fake_answer(fake,
                "{'ok':true,'data':{'backup':{'done':false,'path':'/b/x','files':1,'bytes':9}},'next':'running'}");
    fake_answer(fake, "{'ok':true,'data':{'backup':{'done':true,'path':'/b/x','files':2,'bytes':6164480}}}");
    assert_int_equal(fake_run(fake, "warroom backup --tenant acme"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "/b/x  2 files, 6.16 MB\n");
    assert_string_equal(fake_err(fake), "");
    assert_string_equal(fake_asked(fake, 2),
                        "{\"verb\":\"backup\",\"args\":{\"tenant\":\"acme\"},\"next\":\"running\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_import_asks_how_far_it_is_and_sends_what_is_missing),
        TEST(an_import_waits_while_the_collector_is_busy),
        TEST(a_file_older_than_ticks_are_kept_is_said_to_be),
        TEST(a_file_that_was_changed_is_not_taken_for_itself),
        TEST(a_fault_says_what_is_imported_already),
        TEST(nonsense_from_the_collector_stops_an_import),
        TEST(formats_are_two),
        TEST(csv_is_put_together_from_pages),
        TEST(damaged_rows_that_an_export_lacks_are_told),
        TEST(openmetrics_asks_series_by_series),
        TEST(a_file_has_its_name_only_when_it_is_whole),
        TEST(nothing_to_export_is_a_failure_and_nonsense_too),
        TEST(a_backup_is_asked_about_until_it_is_done),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}

/* Verdicts on a ledger, where the collector's answers are made up: it is believed nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/ledger/ledger.h"
#include "proto/text/base64.h"
#include "warroom/command/fake_fixture.h"

#define NOW_US INT64_C(1795401660000000)
#define KEY    "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

/* Nothing is signed, and one entry is there of this time; 0: none is. `now` is what the collector says it is. */
static void answer(struct fake *fake, int64_t at_us, const char *now)
{
    static uint8_t bytes[LEDGER_BYTES_MAX];
    char entry[600] = "", bytes_text[300], hash_text[64], text[1200];
    size_t len = 0;
    if (at_us > 0) {
        struct ledger_entry row = {
            .tenant = 1, .n = 1, .at_us = at_us, .kind = "round", .actor = "clock", .body = "{}"
        };
        assert_int_equal(ledger_encode(&row, bytes, &len, NULL), 0);
        struct ledger_hash hash = ledger_chain(&(struct ledger_hash){ .bytes = { 0 } }, bytes, len);
        base64_encode(bytes_text, bytes, len);
        base64_encode(hash_text, hash.bytes, sizeof hash.bytes);
        snprintf(entry, sizeof entry, "['%s','%s',true]", bytes_text, hash_text);
    }
    snprintf(text, sizeof text,
             "{'ok':true,'data':{'id':1,'tenant':'acme','head':null,'key':null,'broken':false,'now':'%s',"
             "'entries':[%s]}}",
             now, entry);
    fake_answer(fake, text);
}

static void how_late_it_is_the_collector_does_not_say(void **state)
{
    answer(*state, NOW_US - 30 * US_PER_S, "2026-11-23T02:41:00Z");
    assert_int_equal(fake_run(*state, "warroom ledger verify acme"), COMMAND_OK);
    answer(*state, NOW_US - 3600 * US_PER_S, "2026-11-23T01:41:00Z");
    assert_int_equal(fake_run(*state, "warroom ledger verify acme"), PLUGIN_WARNING);
    answer(*state, NOW_US + 3600 * US_PER_S, "2026-11-23T02:41:00Z");
    assert_int_equal(fake_run(*state, "warroom ledger verify acme"), PLUGIN_WARNING);
}

static void a_key_with_nothing_to_compare_it_with_is_no_proof(void **state)
{
    answer(*state, 0, "2026-11-23T02:41:00Z");
    assert_int_equal(fake_run(*state, "warroom ledger verify acme --key " KEY), PLUGIN_WARNING);
    assert_non_null(strstr(fake_out(*state), "nothing to compare"));
    answer(*state, 0, "2026-11-23T02:41:00Z");
    assert_int_equal(fake_run(*state, "warroom ledger verify acme"), COMMAND_OK);
}

static void what_could_not_be_looked_at_is_unknown_also_for_want_of_settings(void **state)
{
    assert_int_equal(fake_run(*state, "warroom --config /nonexistent/x.yaml ledger verify acme"), PLUGIN_UNKNOWN);
    assert_int_equal(fake_run(*state, "warroom --config /nonexistent/x.yaml lint sale"), PLUGIN_UNKNOWN);
    assert_int_equal(fake_run(*state, "warroom --config /nonexistent/x.yaml status"), COMMAND_FAILED);
}

/* A link where the export is written first would have it written wherever somebody likes. */
static void an_export_follows_no_link(void **state)
{
    char dir[] = "/tmp/warroom-ledger-XXXXXX", part[64], other[64], line[160];
    struct stat info;
    assert_non_null(mkdtemp(dir));
    snprintf(part, sizeof part, "%s/out.part", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(line, sizeof line, "warroom ledger export acme %s/out", dir);
    FILE *file = fopen(other, "we");
    assert_non_null(file);
    fputs("kept", file);
    fclose(file);
    assert_int_equal(symlink(other, part), 0);
    answer(*state, NOW_US, "2026-11-23T02:41:00Z");
    assert_int_not_equal(fake_run(*state, line), COMMAND_OK); /* nothing of it is signed */
    assert_int_equal(stat(other, &info), 0);
    assert_int_equal(info.st_size, 4);
    unlink(part);
    unlink(other);
    assert_int_equal(rmdir(dir), 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(how_late_it_is_the_collector_does_not_say),
        WITH(a_key_with_nothing_to_compare_it_with_is_no_proof),
        WITH(what_could_not_be_looked_at_is_unknown_also_for_want_of_settings),
        WITH(an_export_follows_no_link),
    };
    return cmocka_run_group_tests_name("warroom.ledger", tests, NULL, NULL);
}

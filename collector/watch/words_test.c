#include "collector/watch/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/watch/rules_fixture.h"

static void reads(struct fixture *f, const char *body, const double *limits, const char *expected)
{
    char file[1024];
    char text[RULE_WORDS];
    snprintf(file, sizeof file, "rules:\n  - name: r\n%s" PLAIN, body);
    assert_string_equal(rule_words(text, parse_one(f, file), limits), expected);
}

static void a_level_is_read_with_its_end(void **state)
{
    reads(*state, CPU_RULE "    above: 0.85\n    clear: 0.75\n", NULL, "above 85 %, ends at 75 %");
    reads(*state, CPU_RULE "    below: 0.01\n", NULL, "below 1 %");
}

static void a_share_is_a_quantity_where_the_limit_is_known(void **state)
{
    static const double none[LIMIT_COUNT] = { NAN, NAN, NAN, NAN, NAN, NAN };
    double limits[LIMIT_COUNT];
    memcpy(limits, none, sizeof limits);
    limits[LIMIT_EGRESS] = 125e6;
    const char *body = EGRESS_RULE "    above: 0.8\n    clear: 0.7\n    limit: egress\n";
    reads(*state, body, NULL, "above 80 % of the declared egress, ends at 70 %");
    reads(*state, body, none, "above 80 % of the declared egress, ends at 70 %");
    reads(*state, body, limits, "above 100 MB/s (80 % of the declared egress), ends at 87.5 MB/s");
}

static void each_condition_has_its_words(void **state)
{
    reads(*state, "    metric: system.filesystem.used\n    above: 20e6\n    clear: 10e6\n    over: 5m\n", NULL,
          "change over 5m above 20 MB/s, ends at 10 MB/s");
    reads(*state, CPU_RULE "    above: 0.9\n    clear: 0.8\n    of: 60s\n    at_least: 50s\n    at_most: 20s\n", NULL,
          "above 90 %, ends at 80 %, for 50s of the last 1m, until no more than 20s");
    reads(*state,
          "    metric: system.network.connection.reset.rate\n"
          "    per: \"system.network.connection.rate{direction=inbound}\"\n    above: 0.2\n",
          NULL, "per system.network.connection.rate{direction=inbound} above 20 %");
    reads(*state, "    metric: system.filesystem.utilization\n    above: 0.95\n    over: 1h\n    within: 4h\n", NULL,
          "within 4h, by the last 1h, above 95 %");
    reads(*state, CPU_RULE "    absent: true\n    hold: 60s\n", NULL, "no value");
}

static void the_states_have_the_words_of_the_file(void **state)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        { "", "always" },
        { "    in_force: [window]\n", "window" },
        { "    in_force: [normal]\n", "normal" },
        { "    in_force: [live, no-event]\n", "live no-event" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[512];
        char text[RULE_WORDS];
        snprintf(file, sizeof file, "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n%s" PLAIN, cases[i].line);
        assert_string_equal(rule_in_force_words(text, parse_one(*state, file)), cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_level_is_read_with_its_end),
        TEST(a_share_is_a_quantity_where_the_limit_is_known),
        TEST(each_condition_has_its_words),
        TEST(the_states_have_the_words_of_the_file),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}

#include "collector/watch/prometheus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/watch/rules_fixture.h"

static const double some_limits[LIMIT_COUNT] = {
    [LIMIT_EGRESS] = 125e6,        [LIMIT_INGRESS] = NAN,   [LIMIT_CONNECTIONS] = NAN,
    [LIMIT_NEW_CONNECTIONS] = NAN, [LIMIT_DISK_READ] = NAN, [LIMIT_DISK_WRITE] = NAN
};
static const struct prometheus_host web_1 = { "web-1", some_limits };

/* The item of the only rule in a file whose body this is; to be freed. */
static char *item_of(struct fixture *f, const char *body, const struct prometheus_host *host, bool sayable)
{
    char file[1024];
    char *text = NULL;
    size_t len = 0;
    snprintf(file, sizeof file, "rules:\n  - name: r\n%s" PLAIN, body);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    bool said = prometheus_print(out, parse_one(f, file), host);
    fclose(out);
    assert_int_equal(said, sayable);
    return text;
}

static void says(struct fixture *f, const char *body, const struct prometheus_host *host, const char *expected)
{
    char *text = item_of(f, body, host, true);
    if (!strstr(text, expected))
        fail_msg("no %s in %s", expected, text);
    free(text);
}

static void refuses(struct fixture *f, const char *body, const struct prometheus_host *host, const char *why)
{
    char *text = item_of(f, body, host, false);
    assert_memory_equal(text, "      # r: ", strlen("      # r: "));
    if (!strstr(text, why))
        fail_msg("no %s in %s", why, text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void a_level_becomes_an_item_whole(void **state)
{
    char *text = item_of(*state, CPU_RULE "    above: 0.85\n    hold: 30s\n", NULL, true);
    assert_string_equal(text, "      - alert: \"r\"\n        expr: \"system_cpu_utilization_ratio > 0.85\"\n"
                              "        for: 30s\n        labels: { severity: warning, page: \"false\" }\n"
                              "        annotations: { summary: \"bad\" }\n");
    free(text);
}

static void clear_holds_while_the_alert_is_up(void **state)
{
    says(*state, CPU_RULE "    above: 0.85\n    clear: 0.75\n", NULL,
         "\"system_cpu_utilization_ratio > 0.85 or (system_cpu_utilization_ratio > 0.75 and ignoring (alertname, "
         "alertstate, page, severity) ALERTS{alertname=\\\"r\\\"})\"");
    says(*state, CPU_RULE "    below: 0.1\n    clear: 0.2\n", NULL,
         "ratio < 0.1 or (system_cpu_utilization_ratio < 0.2");
}

static void attributes_instance_and_host_choose_the_series(void **state)
{
    says(*state, EGRESS_RULE "    instance: eth0\n    above: 1e6\n", &web_1,
         "{host=\\\"web-1\\\",direction=\\\"transmit\\\",device=\\\"eth0\\\"} > 1e+06");
    says(*state, EGRESS_RULE "    instance: \"eth[!0-3].?*\"\n    above: 1e6\n", NULL,
         "device=~\\\"eth[^0-3]\\\\\\\\...*\\\"}");
    says(*state, EGRESS_RULE "    instance: 'a\\*b+'\n    above: 1e6\n", NULL, "device=~\\\"a\\\\\\\\*b\\\\\\\\+\\\"}");
}

static void a_share_becomes_what_the_host_declares(void **state)
{
    const char *egress = EGRESS_RULE "    above: 0.8\n    limit: egress\n";
    says(*state, egress, &web_1, "> 1e+08\"");
    refuses(*state, egress, NULL, "--host");
    refuses(*state, "    metric: \"system.network.io.rate{direction=receive}\"\n    above: 0.8\n    limit: ingress\n",
            &web_1, "does not declare");
}

static void an_absence_is_of_one_hosts_series(void **state)
{
    says(*state, CPU_RULE "    absent: true\n    hold: 60s\n", &web_1,
         "\"absent(system_cpu_utilization_ratio{host=\\\"web-1\\\"})\"\n        for: 1m\n");
    refuses(*state, CPU_RULE "    absent: true\n", NULL, "--host");
    refuses(*state, EGRESS_RULE "    absent: true\n", &web_1, "met before");
}

static void what_promql_cannot_say_is_a_comment_with_the_reason(void **state)
{
    refuses(*state, CPU_RULE "    above: 0.1\n    over: 5m\n", NULL, "span");
    refuses(*state, CPU_RULE "    above: 0.1\n    of: 60s\n    at_least: 30s\n", NULL, "part of the time");
    refuses(*state, CPU_RULE "    above: 0.1\n    per: system.memory.utilization\n", NULL, "ratio");
}

static void the_summary_has_its_threshold(void **state)
{
    char file[] = "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n    severity: critical\n"
                  "    summary: \"it is \\\"{threshold}\\\" and {threshold}\"\n";
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    prometheus_print(out, parse_one(*state, file), NULL);
    fclose(out);
    assert_non_null(strstr(text, "summary: \"it is \\\"90 %\\\" and 90 %\" }"));
    assert_non_null(strstr(text, "severity: critical, page: \"true\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_level_becomes_an_item_whole),
        TEST(clear_holds_while_the_alert_is_up),
        TEST(attributes_instance_and_host_choose_the_series),
        TEST(a_share_becomes_what_the_host_declares),
        TEST(an_absence_is_of_one_hosts_series),
        TEST(what_promql_cannot_say_is_a_comment_with_the_reason),
        TEST(the_summary_has_its_threshold),
    };
    return cmocka_run_group_tests_name("prometheus", tests, NULL, NULL);
}

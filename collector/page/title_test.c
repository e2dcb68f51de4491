#include "collector/page/page_fixture.h"

static const char *title_of(struct fixture *f, const char *metric, const char *instance, const char *summary,
                            double threshold)
{
    static uint64_t event = 1000;
    struct transition t = { .from = ALERT_OK, .detected_us = f->now_us };
    t.alert = (struct alert){ .host = 1,
                              .rule = "r",
                              .state = ALERT_FIRING,
                              .crossed_us = f->now_us,
                              .threshold = threshold,
                              .severity = SEVERITY_CRITICAL,
                              .page = true };
    snprintf(t.alert.rule, sizeof t.alert.rule, "%s", metric[0] ? "r" : WATCH_SILENCE_RULE);
    snprintf(t.alert.metric, sizeof t.alert.metric, "%s", metric);
    snprintf(t.alert.instance, sizeof t.alert.instance, "%s", instance);
    t.alert.host = ++event;
    const struct page_scope scope = {
        .tenant = SHOP, .event = event, .host_name = "web-1", .host_group = "web", .summary = summary
    };
    page_effects_clear(&f->out);
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    return f->out.incidents[0].title;
}

static void a_title_says_what_is_past_which_threshold_where(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(title_of(f, CPU, "", "CPU utilisation above {threshold}", 0.9),
                        "CPU utilisation above 90 % on web-1");
    assert_string_equal(title_of(f, READ, "vda", "Disk reads above {threshold}", 131072000),
                        "Disk reads above 131 MB/s (vda) on web-1");
    assert_string_equal(title_of(f, "probe.latency", "db:3306", "Latency above {threshold}", 0.15),
                        "Latency above 150 ms (db:3306) on web-1");
    assert_string_equal(title_of(f, "probe.latency", "db:3306", "Latency above {threshold}", 1.5),
                        "Latency above 1.5 s (db:3306) on web-1");
    assert_string_equal(
        title_of(f, "system.network.connection.rate{direction=inbound}", "", "New connections above {threshold}", 1200),
        "New connections above 1200/s on web-1");
    assert_string_equal(
        title_of(f, "system.network.connection.count{state=established}", "", "Connections above {threshold}", 85000),
        "Connections above 85000 on web-1");
    assert_string_equal(title_of(f, "system.memory.linux.available", "", "Memory left below {threshold}", 5e8),
                        "Memory left below 500 MB on web-1");
    assert_string_equal(title_of(f, "", "", "No data for {threshold}", 3), "No data for 3 s on web-1");
    assert_string_equal(title_of(f, CPU, "", "Bad, {threshold}, {threshold}", 0.125), "Bad, 12.5 %, 12.5 % on web-1");
}

static void a_title_too_long_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char summary[128] = "";
    for (int i = 0; i < 126; i++)
        summary[i] = "\xe4\xb8\xad"[i % 3];
    const char *title =
        title_of(f, CPU, "\xe4\xb8\xad-a-mount-point-with-a-very-long-name-that-goes-on-and-on-and-on", summary, 0.9);
    assert_in_range(strlen(title), 150, 159);
    assert_int_equal(strncmp(title, summary, 126), 0);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(incident_state_name(INCIDENT_TRIGGERED), "triggered");
    assert_string_equal(incident_state_name(INCIDENT_RESOLVED), "resolved");
    assert_string_equal(page_state_name(PAGE_QUEUED), "queued");
    assert_string_equal(page_state_name(PAGE_CANCELLED), "cancelled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_title_says_what_is_past_which_threshold_where),
        TEST(a_title_too_long_is_cut_between_characters),
        TEST(states_have_names),
    };
    return cmocka_run_group_tests_name("collector.page.title", tests, NULL, NULL);
}

#include "collector/channel/webhook.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/moment.h"
#include "collector/channel/answer.h"
#include "collector/channel/receiver_fixture.h"

enum { ALERTS = 60 };

static const struct receiver_rule rules[] = {
    { "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/hang", NULL, RECEIVER_KEEP },
    { NULL, NULL, RECEIVER_KEEP },
};

struct fixture {
    struct channel_route route;
    struct incident incident;
    struct incident_alert alerts[ALERTS];
    struct message_item what; /* the two above */
    struct message message;   /* of that one item */
    char *body;
    json_t *json; /* of the body */
    uv_loop_t loop;
    struct receiver *receiver;
    struct channel_sender *sender;
    unsigned outcomes;
    struct page_outcome outcome;
};

static int64_t at(const char *text)
{
    int64_t us = -1;
    assert_int_equal(moment_parse(text, strlen(text), &us), 0);
    return us;
}

static struct incident_alert an_alert(const char *host, const char *rule, enum alert_state state)
{
    struct incident_alert alert = { .incident = 12, .summary = "CPU utilisation above 90 %" };
    snprintf(alert.host_name, sizeof alert.host_name, "%s", host);
    snprintf(alert.alert.rule, sizeof alert.alert.rule, "%s", rule);
    snprintf(alert.alert.metric, sizeof alert.alert.metric, "system.cpu.utilization");
    alert.alert.host = 0x1f2e3d4c5b6a7988;
    alert.alert.state = state;
    alert.alert.severity = SEVERITY_CRITICAL;
    alert.alert.crossed_us = state == ALERT_OK ? 0 : at("2026-11-23T02:40:11.123Z");
    alert.alert.changed_us = at("2026-11-23T02:40:41.123Z");
    alert.alert.value = 0.973;
    alert.alert.threshold = 0.9;
    return alert;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->incident = (struct incident){
        .id = 12,
        .tenant = 1,
        .event = 3,
        .group = "web",
        .title = "CPU utilisation above 90 % on web-1",
        .severity = SEVERITY_CRITICAL,
        .clock = 1,
        .crossed_us = at("2026-11-23T02:40:11.123Z"),
        .detected_us = at("2026-11-23T02:40:41.201Z"),
        .n_alerts = 1,
    };
    f->alerts[0] = an_alert("web-1", "cpu", ALERT_FIRING);
    f->what = (struct message_item){ &f->incident, f->alerts, 1, "acme", "launch", false, false };
    f->message = (struct message){ .kind = MESSAGE_TRIGGER,
                                   .key = "12-trigger-1-0-war-room-war-room-6443b1d2a5c40",
                                   .contact = "war-room",
                                   .address = "",
                                   .n_items = 1,
                                   .items = &f->what };
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->json);
    free(f->body);
    free(f);
    return 0;
}

static void make(struct fixture *f)
{
    json_decref(f->json);
    free(f->body);
    f->body = webhook_body(&f->route, &f->message);
    assert_non_null(f->body);
    f->json = json_loads(f->body, 0, NULL);
    assert_non_null(f->json);
}

static const char *text(json_t *object, const char *first, const char *second)
{
    const char *value = json_string_value(json_object_get(json_object_get(object, first), second));
    return value ? value : "(none)";
}

static json_t *alert(struct fixture *f, size_t i)
{
    return json_array_get(json_object_get(f->json, "alerts"), i);
}

static json_t *documented_example(void)
{
    FILE *file = fopen("docs/webhook.md", "r");
    assert_non_null(file);
    char page[16 << 10];
    size_t len = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[len] = '\0';
    char *start = strstr(page, "```json\n");
    assert_non_null(start);
    char *end = strstr(start + 8, "```");
    assert_non_null(end);
    return json_loadb(start + 8, (size_t)(end - start - 8), 0, NULL);
}

static void the_body_is_the_documented_example(void **state)
{
    struct fixture *f = *state;
    make(f);
    json_t *example = documented_example();
    int equal = json_equal(f->json, example);
    json_decref(example);
    if (!equal)
        fail_msg("docs/webhook.md should show: %s", f->body);
}

static void it_has_what_alertmanagers_readers_expect(void **state)
{
    struct fixture *f = *state;
    static const char *const fields[] = { "version",     "groupKey",     "truncatedAlerts",   "status",      "receiver",
                                          "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "alerts" };
    static const char *const alert_fields[] = { "status", "labels",       "annotations", "startsAt",
                                                "endsAt", "generatorURL", "fingerprint" };
    make(f);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_non_null(json_object_get(f->json, fields[i]));
    for (size_t i = 0; i < sizeof alert_fields / sizeof alert_fields[0]; i++)
        assert_non_null(json_object_get(alert(f, 0), alert_fields[i]));
    assert_string_equal(json_string_value(json_object_get(f->json, "version")), "4");
    assert_string_equal(json_string_value(json_object_get(alert(f, 0), "endsAt")), "0001-01-01T00:00:00Z");
}

static void only_labels_that_all_alerts_share_are_common(void **state)
{
    struct fixture *f = *state;
    f->alerts[1] = an_alert("web-2", "cpu", ALERT_FIRING);
    f->alerts[1].alert.severity = SEVERITY_WARNING;
    f->what.n_alerts = 2;
    make(f);
    assert_string_equal(text(f->json, "commonLabels", "alertname"), "cpu");
    assert_string_equal(text(f->json, "commonLabels", "instance"), "(none)");
    assert_string_equal(text(f->json, "commonLabels", "tenant"), "acme");
    assert_string_equal(text(f->json, "commonLabels", "severity"), "critical"); /* the incident's */
    assert_string_equal(text(alert(f, 1), "labels", "severity"), "warning");
}

static void fingerprints_tell_alerts_apart_and_stay(void **state)
{
    struct fixture *f = *state;
    char first[17];
    f->alerts[1] = an_alert("web-2", "cpu", ALERT_FIRING);
    f->what.n_alerts = 2;
    make(f);
    snprintf(first, sizeof first, "%s", json_string_value(json_object_get(alert(f, 0), "fingerprint")));
    assert_string_not_equal(first, json_string_value(json_object_get(alert(f, 1), "fingerprint")));
    f->message.kind = MESSAGE_RESOLVE; /* how it stands is no part of what it is */
    f->alerts[0].alert.state = ALERT_OK;
    f->alerts[0].alert.value = 0.2;
    f->alerts[1].alert.state = ALERT_OK;
    make(f);
    assert_string_equal(first, json_string_value(json_object_get(alert(f, 0), "fingerprint")));
}

static void a_resolution_says_resolved_throughout_and_the_state_says_the_truth(void **state)
{
    struct fixture *f = *state;
    f->message.kind = MESSAGE_RESOLVE;
    f->incident.state = INCIDENT_RESOLVED;
    f->incident.resolved_us = at("2026-11-23T02:50:00.000Z");
    snprintf(f->incident.resolved_by, sizeof f->incident.resolved_by, "li");
    f->alerts[1] = an_alert("web-2", "cpu", ALERT_OK);
    f->what.n_alerts = 2;
    make(f);
    assert_string_equal(json_string_value(json_object_get(f->json, "status")), "resolved");
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(json_string_value(json_object_get(alert(f, i), "status")), "resolved");
    assert_string_equal(text(alert(f, 0), "annotations", "state"), "firing");
    assert_string_equal(json_string_value(json_object_get(alert(f, 0), "endsAt")), "2026-11-23T02:50:00.000Z");
    assert_string_equal(json_string_value(json_object_get(alert(f, 1), "endsAt")), "2026-11-23T02:40:41.123Z");
    /* An alert that is ok keeps no crossing of its own. */
    assert_string_equal(json_string_value(json_object_get(alert(f, 1), "startsAt")), "2026-11-23T02:40:11.123Z");
    assert_string_equal(text(f->json, "commonAnnotations", "resolved_by"), "li");
}

static void at_most_fifty_alerts_go_out_firing_ones_first(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < ALERTS; i++)
        f->alerts[i] = an_alert("web-1", "cpu", i < ALERTS - 1 ? ALERT_OK : ALERT_FIRING);
    f->what.n_alerts = ALERTS;
    make(f);
    assert_int_equal(json_array_size(json_object_get(f->json, "alerts")), WEBHOOK_ALERTS_MAX);
    assert_int_equal(json_integer_value(json_object_get(f->json, "truncatedAlerts")), ALERTS - WEBHOOK_ALERTS_MAX);
    assert_string_equal(json_string_value(json_object_get(alert(f, 0), "status")), "firing");
}

static void an_incident_without_alerts_or_event_still_pages(void **state)
{
    struct fixture *f = *state;
    f->what.n_alerts = 0;
    f->what.alerts = NULL;
    f->what.event_name = "";
    f->what.drill = true;
    f->what.unrecorded = true;
    f->message.possible_copy = true;
    make(f);
    assert_int_equal(json_array_size(json_object_get(f->json, "alerts")), 0);
    assert_string_equal(text(f->json, "commonLabels", "event"), "(none)");
    assert_string_equal(text(f->json, "commonLabels", "incident"), "12");
    assert_string_equal(text(f->json, "commonAnnotations", "drill"), "true");
    assert_string_equal(text(f->json, "commonAnnotations", "unrecorded"), "true");
    assert_string_equal(text(f->json, "commonAnnotations", "possible_copy"), "true");
    assert_string_equal(text(f->json, "commonAnnotations", "budget_deadline"), "2026-11-23T02:50:11.123Z");
}

static void values_that_are_no_numbers_are_left_out(void **state)
{
    struct fixture *f = *state;
    f->alerts[0].alert.value = NAN;
    f->alerts[0].alert.threshold = INFINITY;
    make(f);
    assert_string_equal(text(alert(f, 0), "annotations", "value"), "(none)");
    assert_string_equal(text(alert(f, 0), "annotations", "threshold"), "(none)");
}

static void text_cut_within_a_character_is_repaired(void **state)
{
    struct fixture *f = *state;
    snprintf(f->incident.title, sizeof f->incident.title, "%s", "\xe7\xbd\x91\xe7\xbd"); /* the second one is cut */
    make(f);
    assert_string_equal(text(f->json, "commonAnnotations", "summary"), "\xe7\xbd\x91??");
}

static void a_test_and_chatter_open_nothing(void **state)
{
    struct fixture *f = *state;
    f->message = (struct message){ .kind = MESSAGE_TEST, .key = "k", .contact = "ops", .text = "Does this reach you?" };
    make(f);
    assert_string_equal(json_string_value(json_object_get(f->json, "status")), "resolved");
    assert_int_equal(json_array_size(json_object_get(f->json, "alerts")), 0);
    assert_string_equal(text(f->json, "commonAnnotations", "summary"), "Does this reach you?");
    assert_string_equal(text(f->json, "commonAnnotations", "kind"), "test");
    assert_string_equal(text(f->json, "commonAnnotations", "idempotency_key"), "k");
    assert_string_equal(text(f->json, "commonAnnotations", "drill"), "(none)");
    f->message.kind = MESSAGE_CHATTER;
    make(f);
    assert_string_equal(json_string_value(json_object_get(f->json, "groupKey")), "{}:{chatter}");
}

static void what_an_answer_means_is_a_table(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool delivered, permanent;
        int64_t retry_after_us;
    } cases[] = {
        { 200, true, false, 0 },  { 202, true, false, 0 },  { 204, true, false, 0 },  { 299, true, false, 0 },
        { 301, false, true, 0 },  { 308, false, true, 0 },  { 400, false, true, 0 },  { 401, false, true, 0 },
        { 404, false, true, 0 },  { 410, false, true, 0 },  { 408, false, false, 9 }, { 425, false, false, 9 },
        { 429, false, false, 9 }, { 500, false, false, 9 }, { 503, false, false, 9 }, { 599, false, false, 9 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_answer answer = { .status = cases[i].status, .retry_after_us = 9, .body = "/hook/SECRET" };
        struct page_outcome outcome;
        answer_judge_status(&answer, &outcome);
        assert_int_equal(outcome.status, cases[i].status);
        assert_int_equal(outcome.delivered, cases[i].delivered);
        assert_int_equal(outcome.permanent, cases[i].permanent);
        assert_int_equal(outcome.retry_after_us, cases[i].retry_after_us);
        assert_int_equal(outcome.error[0] == '\0', cases[i].delivered);
        assert_null(strstr(outcome.error, "SECRET")); /* receivers like to repeat the path */
    }
}

static void no_answer_is_tried_again(void **state)
{
    (void)state;
    struct channel_answer answer = { .error = "Timeout was reached", .body = "" };
    struct page_outcome outcome;
    answer_judge_status(&answer, &outcome);
    assert_false(outcome.delivered);
    assert_false(outcome.permanent);
    assert_string_equal(outcome.error, "Timeout was reached");
}

static int setup_sender(void **state)
{
    setup(state);
    struct fixture *f = *state;
    uv_loop_init(&f->loop);
    f->receiver = receiver_open(&f->loop, rules);
    return channel_sender_open(&f->sender, &f->loop, NULL);
}

static int teardown_sender(void **state)
{
    struct fixture *f = *state;
    f->sender = channel_sender_close(f->sender);
    receiver_close(f->receiver);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    teardown(state);
    return rc;
}

static void on_outcome(void *user, const struct page_outcome *outcome)
{
    struct fixture *f = user;
    f->outcomes++;
    f->outcome = *outcome;
}

static int send_to(struct fixture *f, const char *path)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", receiver_port(f->receiver), path);
    f->route = (struct channel_route){ .name = "war-room", .kind = CHANNEL_WEBHOOK, .url = url };
    return channel_send(f->sender, &f->route, &f->message, on_outcome, f, NULL);
}

static void a_page_reaches_the_receiver_under_its_key(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send_to(f, "/ok"), 0);
    while (f->outcomes == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_true(f->outcome.delivered);
    const char *got = receiver_last(f->receiver);
    assert_non_null(strstr(got, "\r\nIdempotency-Key: 12-trigger-1-0-war-room-war-room-6443b1d2a5c40\r\n"));
    assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
    f->body = webhook_body(&f->route, &f->message);
    assert_string_equal(strstr(got, "\r\n\r\n") + 4, f->body);
}

static void a_busy_receiver_says_when_to_come_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send_to(f, "/busy"), 0);
    while (f->outcomes == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_false(f->outcome.delivered);
    assert_false(f->outcome.permanent);
    assert_int_equal(f->outcome.status, 503);
    assert_int_equal(f->outcome.retry_after_us, 7 * US_PER_S);
}

static void one_body_is_of_one_incident(void **state)
{
    struct fixture *f = *state;
    const struct message_item two[] = { f->what, f->what };
    f->message.items = two;
    f->message.n_items = 2;
    assert_int_equal(send_to(f, "/ok"), -E2BIG);
}

static void a_sender_that_closes_takes_the_page_with_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send_to(f, "/hang"), 0);
    while (receiver_requests(f->receiver) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->sender = channel_sender_close(f->sender);
    assert_int_equal(f->outcomes, 0);
}

static void a_key_with_a_line_feed_is_refused(void **state)
{
    struct fixture *f = *state;
    f->message.key = "12\r\nHost: elsewhere";
    assert_int_equal(send_to(f, "/ok"), -EINVAL);
}

#define WITH(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)
#define SENDER(test) cmocka_unit_test_setup_teardown(test, setup_sender, teardown_sender)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_body_is_the_documented_example),
        WITH(it_has_what_alertmanagers_readers_expect),
        WITH(only_labels_that_all_alerts_share_are_common),
        WITH(fingerprints_tell_alerts_apart_and_stay),
        WITH(a_resolution_says_resolved_throughout_and_the_state_says_the_truth),
        WITH(at_most_fifty_alerts_go_out_firing_ones_first),
        WITH(an_incident_without_alerts_or_event_still_pages),
        WITH(values_that_are_no_numbers_are_left_out),
        WITH(text_cut_within_a_character_is_repaired),
        WITH(a_test_and_chatter_open_nothing),
        cmocka_unit_test(what_an_answer_means_is_a_table),
        cmocka_unit_test(no_answer_is_tried_again),
        SENDER(a_page_reaches_the_receiver_under_its_key),
        SENDER(a_busy_receiver_says_when_to_come_back),
        SENDER(one_body_is_of_one_incident),
        SENDER(a_sender_that_closes_takes_the_page_with_it),
        SENDER(a_key_with_a_line_feed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

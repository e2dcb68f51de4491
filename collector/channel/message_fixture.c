#include "collector/channel/message_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define CROSSED_US (INT64_C(1795401611) * US_PER_S) /* 2026-11-23T02:40:11Z */

static void fill_incident(struct incident *incident, unsigned i)
{
    *incident = (struct incident){
        .id = 12 + i,
        .tenant = 1,
        .event = 3,
        .group = "web",
        .severity = SEVERITY_CRITICAL,
        .clock = 1,
        .crossed_us = CROSSED_US,
        .detected_us = CROSSED_US + 30 * US_PER_S,
        .n_alerts = 1,
    };
    snprintf(incident->title, sizeof incident->title, "CPU utilisation above 90 %% on web-%u", i + 1);
}

static void fill_alert(struct incident_alert *alert, unsigned i)
{
    *alert = (struct incident_alert){ .incident = 12, .summary = "CPU utilisation above 90 %" };
    snprintf(alert->host_name, sizeof alert->host_name, "web-%u", i + 1);
    snprintf(alert->alert.rule, sizeof alert->alert.rule, "cpu");
    snprintf(alert->alert.metric, sizeof alert->alert.metric, "system.cpu.utilization");
    alert->alert.state = ALERT_FIRING;
    alert->alert.severity = SEVERITY_CRITICAL;
    alert->alert.crossed_us = CROSSED_US;
    alert->alert.value = 0.973;
    alert->alert.threshold = 0.9;
}

void message_fixture_fill(struct message_fixture *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < MESSAGE_FIXTURE_ALERTS; i++)
        fill_alert(&ret->alerts[i], i);
    for (unsigned i = 0; i < MESSAGE_FIXTURE_ITEMS; i++) {
        fill_incident(&ret->incidents[i], i);
        ret->items[i] = (struct message_item){ &ret->incidents[i], ret->alerts, 1, "acme", "launch", false, false };
    }
    ret->message = (struct message){
        .kind = MESSAGE_TRIGGER,
        .key = "12-trigger-1-6443b1d2a5c40-0-alice-mail",
        .contact = "alice",
        .address = "",
        .n_items = 1,
        .items = ret->items,
        .now_us = INT64_C(1700000000) * US_PER_S,
    };
}

void message_fixture_be_test(struct message_fixture *f, const char *text)
{
    f->message.kind = MESSAGE_TEST;
    f->message.n_items = 0;
    f->message.items = NULL;
    f->message.text = text;
}

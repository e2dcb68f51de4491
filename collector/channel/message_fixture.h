/* collector/channel/message_fixture.h - for tests: a page of an incident with alerts, as a message. */
#pragma once
#include "collector/channel/message.h"

enum { MESSAGE_FIXTURE_ALERTS = 60, MESSAGE_FIXTURE_ITEMS = 20 };

struct message_fixture {
    struct incident incidents[MESSAGE_FIXTURE_ITEMS];
    struct incident_alert alerts[MESSAGE_FIXTURE_ALERTS];
    struct message_item items[MESSAGE_FIXTURE_ITEMS];
    struct message message;
};

/* A trigger with one incident, number 12, of one firing alert; further ones are there to be counted in. */
void message_fixture_fill(struct message_fixture *ret);
/* The same told as a test with this text. */
void message_fixture_be_test(struct message_fixture *f, const char *text);

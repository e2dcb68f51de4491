/* collector/channel/message.h - what is said to one contact by one way, before any channel gives it its form.
 *
 * Shape    a trigger or a resolution has 1..channel_items_max() items, one for each page that goes with it; a test and
 *          chatter have none and a text instead
 * Key      the same for every attempt at the same message, over restarts too: channels that can, send it on
 * Owner    everything is borrowed during the call it is handed to
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/page/page.h"

enum message_kind {
    MESSAGE_TRIGGER,
    MESSAGE_RESOLVE,
    MESSAGE_TEST,    /* of a way, asked for by a person */
    MESSAGE_CHATTER, /* the course of an event: nobody has to do anything */
    MESSAGE_KIND_COUNT
};

extern const char *const language_names[]; /* "en", "zh"; NULL ends them */

struct message_item {
    const struct incident *incident;
    const struct incident_alert *alerts;
    size_t n_alerts;
    const char *tenant_name;
    const char *event_name; /* "" for none */
    bool drill;             /* its event is an exercise */
    bool unrecorded;        /* sent while the disk could not take the record */
};

struct message {
    enum message_kind kind;
    enum language language;
    const char *key;
    const char *contact; /* who is told: the name in the configuration */
    const char *address; /* at the channel: a mailbox, whom a robot mentions; "" for none */
    bool possible_copy;  /* may have gone out before */
    size_t n_items;
    const struct message_item *items;
    const char *text; /* of a test and of chatter; one or more lines */
    int64_t now_us;   /* wall time of this attempt */
};

/* "trigger", "resolve", "test", "chatter" */
const char *message_kind_name(enum message_kind kind);

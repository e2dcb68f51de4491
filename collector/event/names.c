/* Apart from what knows calendars: whoever only names a state needs none. */
#include "collector/event/event.h"

static const char *const state_names[EVENT_STATE_COUNT] = {
    [EVENT_DRAFT] = "draft",         [EVENT_REQUESTED] = "requested", [EVENT_ACCEPTED] = "accepted",
    [EVENT_CHECKED] = "checked",     [EVENT_ARMED] = "armed",         [EVENT_LIVE] = "live",
    [EVENT_CLOSING] = "closing",     [EVENT_REPORTED] = "reported",   [EVENT_CLOSED] = "closed",
    [EVENT_CANCELLED] = "cancelled",
};
static const char *const verb_names[EVENT_VERB_COUNT] = {
    [EVENT_REQUEST] = "request", [EVENT_ACCEPT] = "accept", [EVENT_CHECK] = "check",
    [EVENT_ARM] = "arm",         [EVENT_START] = "start",   [EVENT_END] = "end",
    [EVENT_REPORT] = "report",   [EVENT_CLOSE] = "close",   [EVENT_CANCEL] = "cancel",
};

const char *event_state_name(enum event_state state)
{
    return state_names[state];
}

const char *event_verb_name(enum event_verb verb)
{
    return verb_names[verb];
}

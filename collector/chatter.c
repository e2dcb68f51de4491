/* What those hear who follow an event from afar, a group's robot say: its course, its rounds, its hand-overs. Nobody
 * has to act upon it: it goes behind all pages. */
#include <stdarg.h>
#include <stdio.h>

#include "collector/parts.h"
#include "collector/patrol/patrol.h"

static void say(struct collector *collector, const struct event *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct collector *collector, const struct event *event, const char *format, ...)
{
    char what[PAGE_TEXT_MAX + 1];
    char text[PAGE_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s%s: %s", event->drill ? "DRILL: " : "", event->name, what);
    if (pager_chatter(collector->pager, event->tenant, text, now_us(collector), &collector->effects) < 0)
        log_event(&collector->log, LOG_ERROR, "chatter_not_kept", KV_TEXT("event_name", event->name),
                  KV_TEXT("error", "out of memory"));
}

void chatter_change(struct collector *collector, const struct event *event, const struct event_change *change)
{
    bool why = change->reason[0];
    if (change->what == EVENT_ARMING)
        say(collector, event, "to be armed when all its hosts are ready, for %s", change->by);
    else if (change->what == EVENT_STEPPED)
        say(collector, event, "%s, by %s%s%s", event_state_name(change->to), change->by, why ? ": " : "",
            why ? change->reason : "");
}

/* Its worst finding, and how many there are. */
void chatter_round(struct collector *collector, const struct event *event, const struct patrol_round *round,
                   const struct patrol_report *report)
{
    const struct patrol_finding *worst = NULL;
    char line[PAGE_TEXT_MAX - 64];
    size_t found = 0;
    for (int i = 0; i < PATROL_CHECK_COUNT; i++) {
        const struct patrol_result *result = &report->results[i];
        found += result->found;
        if (result->found > 0 && (!worst || result->findings[0].severity > worst->severity))
            worst = &result->findings[0];
    }
    if (worst)
        say(collector, event, "round %u of patrol (%s): %zu found; %s", round->k, patrol_state_name(round->state),
            found, patrol_finding_line(line, sizeof line, worst));
    else
        say(collector, event, "round %u of patrol (%s): nothing found", round->k, patrol_state_name(round->state));
}

void chatter_missed(struct collector *collector, const struct event *event, const struct patrol_round *first,
                    unsigned n, const char *cause)
{
    say(collector, event, "%u round%s of patrol missed from round %u on: %s", n, n == 1 ? "" : "s", first->k, cause);
}

void chatter_handover(struct collector *collector, const struct event *event, const char *by, const char *note)
{
    say(collector, event, "handed over by %s: %s", by, note);
}

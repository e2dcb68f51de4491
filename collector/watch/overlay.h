/* collector/watch/overlay.h - what is other about a rule on some hosts: overlays, laid over the rules host by host.
 *
 * Shape    a rule file's overlays are for groups of hosts, a document's for hosts of its event. What a host gets is
 *          worked out rule by rule: the event's over the group's over the rule; of several that fit a host within one
 *          list the first counts
 * Pairs    threshold and clear go together: an overlay that says one of them takes the other from the rule, never from
 *          another overlay, so that both lie right to each other whatever lies over what
 * Events   of several that are armed or live for a host each is worked out alone; then the stricter of each value
 *          counts
 * Pages    a severity brings its paging with it, as in a rule, unless `page` says otherwise. Who pages holds for
 *          RULE_PAGE_HOLD_MAX_US at most, whatever lies over what
 * Threads  pure functions
 */
#pragma once
#include "collector/event/document.h"
#include "collector/watch/rules.h"

enum { OVERLAYS_MAX = 256, OVERLAY_GIVEN_NOT = -1, OVERLAY_EVENTS_MAX = 64, OVERLAY_FROM_TEXT = 512 };

struct overlay {
    char rule[RULE_NAME_MAX + 1];
    char hosts[DOCUMENT_HOSTS_MAX + 1]; /* a rule file's: glob over groups; a document's: names and globs, "" for all */
    double above;                       /* NaN: not given, as the next two */
    double below;
    double clear;
    int64_t hold_us; /* OVERLAY_GIVEN_NOT, as the next two */
    int severity;
    int page;
    bool off;
};

struct overlays {
    size_t n;
    struct overlay at[OVERLAYS_MAX];
};

/* Tells what is wrong with overlay `i` of the list: no such rule, a value that does not go with the rule, two of one
 * rule for the same hosts, nothing that it changes. -EINVAL: `faults` says what, with `name` and `line`. */
int overlay_check(const struct overlays *overlays, size_t i, const struct rule *rules, size_t n, const char *name,
                  int line, struct config_faults *faults);

/* Those of the document that are right. -EINVAL: the others are left out, `faults` says which and why. */
int overlays_of_document(const struct document *document, const struct rule *rules, size_t n, struct overlays *ret,
                         struct config_faults *faults);

/* What lies over the rules of one host. All of it is borrowed. */
struct overlay_where {
    const struct overlays *groups; /* the rule file's; NULL: none */
    const char *group;
    const char *host;
    size_t n_events; /* armed or live for it */
    struct overlay_event {
        const char *name;
        const struct overlays *overlays; /* NULL: none */
    } events[OVERLAY_EVENTS_MAX];
};

/* False: the rule is as it is for all. `from`, unless NULL, says where it comes from: "group web-*, event sale". */
bool overlay_resolve(const struct rule *rule, const struct overlay_where *where, struct tuning *ret,
                     char from[OVERLAY_FROM_TEXT]);

/* Those of all rules; `ret` has room for RULES_MAX. */
size_t overlay_resolve_all(const struct rule *rules, size_t n, const struct overlay_where *where, struct tuning *ret);

/* The rule as it is with the tuning. */
void overlay_apply(struct rule *rule, const struct tuning *tuning);

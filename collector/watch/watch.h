/* collector/watch/watch.h - rules over ticks: alert states and their transitions. Pure: no I/O, time handed in.
 *
 * Shape    a rule meeting a series is an alert: ok, pending, firing, unknown. watch_judge() runs a batch through the
 * rules in force for its host; what changed comes out as transitions, in the order it happened. Marks    bad: the value
 * passes `threshold`; it stays bad until it passes `clear` (hysteresis). pending from the first bad sample; firing once
 * bad for `hold`; ok at the first sample past `clear`. An absent value changes nothing. Silence  no tick of a host for
 * 3 of its intervals: the alert `silence` of its own fires, every other alert of the host turns unknown and tells
 * nobody; unknown ends by data, never by itself, and never means ok Late     ticks older than what was judged already
 * (a gap that closes) are run through states of their own, from ok: an alert that would have fired is told, with its
 * true `crossed`; one that still is pending or firing gets the earlier `crossed` Units    microseconds of corrected
 * wall time; values in the unit of the metric Owner    the watch owns alerts and rules; transitions live in the
 * caller's list Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/event/event.h"
#include "collector/ingest/fleet.h"
#include "proto/codec/message.h"
#include "proto/metric/metric.h"

enum { RULE_NAME_MAX = 63, RULES_MAX = 256, WATCH_SILENCE_INTERVALS = 3, ALERTS_PER_HOST_MAX = 4096 };

/* Rule in force when a host is in no event, or by the state of its event. */
#define IN_FORCE_NO_EVENT  (1u << EVENT_STATE_COUNT)
#define IN_FORCE(state)    (1u << (state))
#define IN_FORCE_ALWAYS    ((1u << (EVENT_STATE_COUNT + 1)) - 1)
#define WATCH_SILENCE_RULE "silence" /* the name of silence's own alert */

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum comparison { COMPARE_ABOVE, COMPARE_BELOW };
enum alert_state { ALERT_OK, ALERT_PENDING, ALERT_FIRING, ALERT_UNKNOWN };

struct rule {
    char name[RULE_NAME_MAX + 1]; /* unique */
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1]; /* glob over instances, "*" for all */
    enum comparison comparison;
    double threshold;
    double clear; /* on the good side of threshold, or equal */
    int limit;    /* enum host_limit: threshold and clear are shares of what the host declares, no limit no rule; -1:
                     absolute */
    int64_t hold_us;
    enum severity severity;
    unsigned in_force;
    bool page;         /* tells people: critical ones by default */
    char summary[128]; /* what it means, for people */
};

struct alert { /* also the row the store keeps */
    uint64_t host;
    char rule[RULE_NAME_MAX + 1];
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1];
    enum alert_state state;
    int64_t crossed_us; /* first bad sample of this bad spell; 0 when ok */
    int64_t changed_us; /* when it entered this state, by the samples' time */
    double value;       /* the sample that changed it last */
    double threshold;   /* absolute, limits resolved */
    enum severity severity;
    bool page;
};

struct transition {
    struct alert alert; /* after it */
    enum alert_state from;
    int64_t detected_us; /* `now` of the call that found it */
    bool late;           /* found in ticks of a closed gap */
};

struct transitions { /* zeroed memory is an empty list */
    size_t n;
    size_t room;
    struct transition *at;
};
void transitions_clear(struct transitions *list);
void transitions_done(struct transitions *list);

struct watch; /* opaque */

/* Copies the rules. On 0 the caller owns *ret_watch. */
int watch_new(struct watch **ret_watch, const struct rule *rules, size_t n, struct err *err);

/* Replaces the rules; alerts of rules that are gone turn ok, told in `out`. */
int watch_set_rules(struct watch *watch, const struct rule *rules, size_t n, int64_t now_us, struct transitions *out,
                    struct err *err);

/* Says what holds for a host from now on: the states of the live or coming events it is in (IN_FORCE(...) bits, or
 * IN_FORCE_NO_EVENT), its declared limits, the interval it confirmed (0: not yet). Rules that are no longer in force
 * let their alerts turn ok, told in `out`. */
int watch_set_host(struct watch *watch, uint64_t host, unsigned in_force, const double limits[LIMIT_COUNT],
                   int64_t interval_us, int64_t now_us, struct transitions *out);

/* Puts back an alert as it was stored. Alerts of rules that no longer exist are left out. */
int watch_restore(struct watch *watch, const struct alert *alert);

/* Silence is judged from `now_us` on, and for each host not before 3 intervals and `grace_us` have passed since then.
 */
void watch_listen(struct watch *watch, int64_t now_us, int64_t grace_us);

/* Judges `batch` of `host`; `at_us[i]` is the corrected time of tick i, never after `now_us`. */
int watch_judge(struct watch *watch, uint64_t host, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us, int64_t now_us, struct transitions *out);

/* Judges silence; call each second. */
void watch_tick(struct watch *watch, int64_t now_us, struct transitions *out);

/* Calls `fn` with every alert that is not ok. */
void watch_each(const struct watch *watch, void (*fn)(void *user, const struct alert *alert), void *user);

/* Always returns NULL; NULL is fine. */
struct watch *watch_free(struct watch *watch);

const char *alert_state_name(enum alert_state state);
const char *severity_name(enum severity severity);

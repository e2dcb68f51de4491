/* collector/watch/watch.h - rules over ticks: alert states and their transitions. Pure: no I/O, time handed in.
 *
 * Shape    a rule meeting a series is an alert: ok, pending, firing, unknown. watch_judge() runs a batch through
 *          the rules in force for its host; what changed comes out as transitions, in the order it happened
 * Marks    bad: the value passes `threshold`; it stays bad until it reaches `clear` (hysteresis). pending from the
 *          first bad sample; firing once bad for `hold`, from the first bad sample to the last, by the samples'
 *          time; ok at the first sample that reaches `clear`. An absent value changes nothing
 * Beyond   a condition other than level makes bad and clear of something else than the value (enum condition); from
 *          there level on all is the same. Rate and fraction look back over a span: a window of some 64 cells, whatever
 *          the interval. They say nothing, so nothing changes, while the window is too short: rate until it reaches
 *          back a span, fraction until what is known suffices to call it bad or clear, whatever the rest was. A
 *          fraction has no pending; its `crossed` is the first bad sample in its span that no alert before has told. A
 *          ratio whose divisor is absent or 0 is absent. An absence rule misses the one instance it names, on every
 *          host it is in force for, and with a pattern those that were in the host's table when it came into force, or
 *          have been since; a late table does not count
 * Gaps     a pending alert begins anew when two samples lie more than 3 intervals (of 10 s, or the host's own
 *          longer one) apart: nobody saw that it was bad all the time. A firing one goes on. A window begins anew
 *          there; it also does when its series comes back into the table, or its rule into force. A ratio looks at one
 *          tick, so no gap concerns it. A series that is in the host's table no more turns its pending or firing alert
 *          unknown, unless that is what the rule is about
 * Silence  no tick of a host for 3 of its intervals: the alert `silence` of its own fires, crossed when the first
 *          tick was missing; every pending or firing alert of the host turns unknown and tells nobody; unknown
 *          ends by data, not by itself, and never means ok (but see watch_judge() for a host that has too many).
 *          Silence ends with a tick younger than 3 intervals. A watch_tick() that comes more than 3 s after the
 *          one before was deaf itself: silence is then judged as if listening had just begun
 * Late     ticks older than what was judged already (a gap that closes) are run through states of their own, from
 *          ok, or from pending where the gap began in a pending spell: an alert that would have fired is told as
 *          `late`, with its true `crossed`, and so is its end. Where they end bad and the live alert began bad with the
 *          first tick behind the gap, it is one spell: the live alert gets the earlier `crossed`, and fires if that
 *          makes its hold full. Windows that ended where the gap began go on in the late ticks. Where a live one behind
 *          the gap is too short yet to say anything, it gets what the late one holds, and with it a spell that the late
 *          ticks end in: only the next live tick shows how that goes on
 * Muted    an alert that begins to fire while a rule fires that its rule depends on, on the same host, is muted: it
 *          goes on in its states and tells nobody. When none of them fires any more (one that is unknown does not) and
 *          it still does, that is told. One that fired before stays told. Among alerts of one tick it does not matter
 *          which came first; a late one looks at those that fire among the late ticks, and at the live ones
 * Exercise two rules of the watch's own are always in force (WATCH_HEARTBEAT_RULE, WATCH_REHEARSAL_RULE): what an agent
 *          says when the way from it to people is being tried crosses them. They are judged and told like any other;
 *          watch_each() leaves their alerts out
 * Services a probe's series whose instance is the name of a host of the same tenant, or begins with it and ':', '/' or
 *          ' ', is of a service of that host. While the host's silence fires, what begins to fire on the series is
 *          muted likewise. It is told when the silence is over and the next ticks of the probe's host leave it firing
 * Clock    when `now` goes back by more than a second, all times noted before are moved back with it: a clock set
 *          back neither blinds the watch nor makes a spell shorter or longer
 * Units    microseconds of corrected wall time; values in the unit of the metric
 * Owner    the watch owns alerts and rules; transitions live in the caller's list
 * Cost     what was never bad has no state of its own: 40 bytes a pair of rule and series, for each table of a
 *          host
 * Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/event/event.h"
#include "collector/ingest/fleet.h"
#include "proto/codec/message.h"
#include "proto/metric/metric.h"

enum {
    RULE_NAME_MAX = 63,
    RULE_PACK_MAX = 31,
    RULES_MAX = 256,
    RULES_OWN = 2, /* beside them */
    RULES_ALL_MAX = RULES_MAX + RULES_OWN,
    RULE_DEPENDS_MAX = 8,
    WATCH_SILENCE_INTERVALS = 3,
    ALERTS_PER_HOST_MAX = 4096,
    ALERT_UNIT_MAX = 2 * METRIC_UNIT_MAX + 1
};
#define WATCH_INTERVAL_US (10 * US_PER_S) /* of a host that has confirmed none */

/* Rule in force when a host is in no event, or by the state of its event. */
#define IN_FORCE_NO_EVENT    (1u << EVENT_STATE_COUNT)
#define IN_FORCE(state)      (1u << (state))
#define IN_FORCE_ALWAYS      ((1u << (EVENT_STATE_COUNT + 1)) - 1)
#define WATCH_SILENCE_RULE   "silence" /* the name of silence's own alert; its metric is "", its values are seconds */
#define WATCH_HEARTBEAT_RULE "warroom_heartbeat" /* the agent says 1 or more... */
#define WATCH_REHEARSAL_RULE "warroom_rehearsal" /* ...2 or more: proto/codec/message.h */
/* The rule is one of these two. */
bool watch_is_exercise(const char *rule);
/* No rule may be called so: the name is silence's, or of one of these two. */
bool watch_keeps_name(const char *name);

enum watch_answer { WATCH_GONE = 1 };
enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum comparison { COMPARE_ABOVE, COMPARE_BELOW };
enum alert_state { ALERT_OK, ALERT_PENDING, ALERT_FIRING, ALERT_UNKNOWN };

enum condition {                     /* what is held against the threshold */
                 CONDITION_LEVEL,    /* the value */
                 CONDITION_RATE,     /* its change per second over `span_us`, in its unit per second */
                 CONDITION_FRACTION, /* the value, which must be bad for `at_least_us` of the last `span_us` */
                 CONDITION_RATIO,    /* the value, divided by that of `per` in the same tick */
                 CONDITION_ABSENCE,  /* nothing: that the series has no value is what is bad */
                 CONDITION_FORECAST, /* the value `ahead_us` from now, on the line through the last `span_us` */
                 CONDITION_COUNT
};

struct rule {
    char name[RULE_NAME_MAX + 1]; /* unique */
    char pack[RULE_PACK_MAX + 1]; /* it belongs to; "": none */
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1]; /* glob over instances, "*" for all */
    char summary[128]; /* what it means, for people; "{threshold}" stands for the threshold with its unit */
    bool page;         /* tells people: critical ones by default */
    enum comparison comparison;
    enum severity severity;
    int limit; /* enum host_limit: threshold and clear are shares of what the host declares; -1: they are absolute */
    unsigned in_force;
    double threshold;
    double clear; /* on the good side of threshold, or equal */
    int64_t hold_us;
    enum condition condition;
    int64_t span_us;                     /* rate, fraction, forecast; else 0 */
    int64_t ahead_us;                    /* forecast; else 0 */
    int64_t at_least_us;                 /* fraction; else 0 */
    int64_t at_most_us;                  /* fraction: it ends when no more of the span is bad; -1: below at_least_us */
    char per[METRIC_KEY_MAX + 1];        /* ratio; else "" */
    char per_instance[INSTANCE_MAX + 1]; /* ratio: of `per`; "": the same as the value's */
    unsigned n_depends;                  /* rules which, while they fire on the same host, explain this one's alerts */
    char depends_on[RULE_DEPENDS_MAX][RULE_NAME_MAX + 1];
};

struct tuning { /* a rule on a host where it is other than for all */
    char rule[RULE_NAME_MAX + 1];
    double threshold; /* both as in the rule: shares of what the host declares where it has a limit */
    double clear;
    int64_t hold_us;
    enum severity severity;
    bool page;
    bool off; /* it is not in force there */
};
bool tuning_is_same(const struct tuning *a, const struct tuning *b);

struct alert { /* also the row the store keeps */
    uint64_t host;
    char rule[RULE_NAME_MAX + 1];
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1];
    enum alert_state state;
    int64_t crossed_us; /* first bad sample of this bad spell; 0 when ok, and when unknown before it fired */
    int64_t was_us;     /* unknown: `crossed_us` of the pending spell that silence cut short; else 0 */
    int64_t changed_us; /* when it entered this state, by the samples' time; by ours where no sample did it */
    double value;       /* the sample that changed it last */
    double threshold;   /* absolute, limits resolved */
    char unit[ALERT_UNIT_MAX + 1]; /* of both; "": the metric's own */
    enum severity severity;
    bool page;
    bool muted; /* firing, and a rule it depends on, or its host's silence, fired when it began to: tells nobody */
};

struct transition {
    struct alert alert;    /* after it */
    enum alert_state from; /* the same as alert.state when the alert only got another `crossed` */
    int64_t detected_us;   /* `now` of the call that found it */
    bool unmuted;          /* firing as before, but what muted it is over: people are to hear of it now */
    bool late;             /* a spell of the past, found in ticks of a closed gap: only firing and ok are told. The row
                              the store keeps is the alert as it is now: a late one is no row */
};

struct transitions { /* zeroed memory is an empty list */
    size_t n;
    size_t room;
    struct transition *at;
};
void transitions_clear(struct transitions *list); /* forgets what it holds, keeps its memory */
void transitions_done(struct transitions *list);

struct watch;   /* opaque */
struct watched; /* opaque: what a watch has of a host */

/* Copies the rules. On 0 the caller owns *ret_watch. -EINVAL: more than RULES_MAX, a name twice, one that is kept
 * (watch_keeps_name()), or what rules_check_depends() refuses; -ENOMEM. */
int watch_new(struct watch **ret_watch, const struct rule *rules, size_t n, struct err *err);

/* What rule `i` of `rules` depends on: -EINVAL: a rule that is not among them, one twice, silence (of which every rule
 * depends), or a circle, which is told at the first of its rules: "a -> b -> a". */
int rules_check_depends(const struct rule *rules, size_t n, size_t i, struct err *err);

/* Whether these can be the rules: -EINVAL: what watch_new() refuses. */
int watch_check_rules(const struct rule *rules, size_t n, struct err *err);

/* Replaces the rules; alerts of rules that are gone, or no longer meet their series, turn ok, told in `out`. A failure
 * is one of watch_new()'s and leaves everything as it was. */
int watch_set_rules(struct watch *watch, const struct rule *rules, size_t n, int64_t now_us, struct transitions *out,
                    struct err *err);

/* Those of a host's states that count: armed and live leave the others behind. */
unsigned watch_strictest(unsigned in_force);

/* Says what holds for a host from now on: the states of the live or coming events it is in (IN_FORCE(...) bits, or
 * IN_FORCE_NO_EVENT), its declared limits, the interval it confirmed (0: not yet). While one of the states is armed or
 * live the others do not count: the window's rules replace the ordinary ones. Rules that are no longer in force let
 * their alerts turn ok, told in `out`. Cheap when nothing changed. -ENOMEM: as it was. */
int watch_set_host(struct watch *watch, uint64_t host, unsigned in_force, const double limits[LIMIT_COUNT],
                   int64_t interval_us, int64_t now_us, struct transitions *out);

/* What the host is called, and within which tenant; `name` is copied. It stays so, dropped or not, until it is said
 * anew. -ENOMEM: it has no name. */
int watch_name_host(struct watch *watch, uint64_t host, uint64_t tenant, const char *name);

/* Says which rules are other on the host from now on than they are for all; none of RULES_MAX is said twice. What is
 * off lets its alerts turn ok, told in `out`; others go on under the new values. Cheap when nothing changed. -ENOMEM:
 * as it was. */
int watch_tune_host(struct watch *watch, uint64_t host, const struct tuning *tunings, size_t n, int64_t now_us,
                    struct transitions *out);

/* What was said of it so. Borrowed until it is said anew. */
const struct tuning *watch_tunings(struct watch *watch, uint64_t host, size_t *ret_n);

/* How far back ticks say something of how it is now: the longest span and hold of a rule, on the host where that is
 * longest. */
int64_t watch_look_back_us(const struct watch *watch);

/* The host is watched no more: its alerts turn ok, silence too, told in `out`. What is said of it later begins anew.
 * -ENOMEM: as it was. */
int watch_drop_host(struct watch *watch, uint64_t host, int64_t now_us, struct transitions *out);

/* At start, once for each host: the time of its newest stored tick. What is older counts as late from here on. */
int watch_seen(struct watch *watch, uint64_t host, int64_t at_us);

/* At start: puts back an alert as it was stored, the pending ones too; one already there gives way, but leaves its
 * `crossed` to one that silence cut short while it was pending, whose row has none. WATCH_GONE: its rule exists no
 * more, it was left out: whoever holds it as bad is to be told that it is ok. -ENOMEM. */
int watch_restore(struct watch *watch, const struct alert *alert);

/* At start: what `replay`, a watch of the same rules, remembers of the last spans of its hosts' series, and which
 * series it has met, is handed over; it is not to judge any more. What does not fit into memory is not remembered. */
void watch_remember(struct watch *watch, struct watch *replay);

/* Silence is judged from `now_us` on, and for each host not before 3 intervals and `grace_us` have passed since then.
 * To be called again after a time in which ticks could not be taken. A host that never sent a tick is not silent. */
void watch_listen(struct watch *watch, int64_t now_us, int64_t grace_us);

/* The host has a reason to send nothing until `from_us`: its silence is judged as if it had begun then. */
void watch_excuse_host(struct watch *watch, uint64_t host_id, int64_t from_us);

/* Made if missing; borrowed until it is dropped or the watch ends, so that whoever hands in batch after batch need not
 * let the host be looked for each time. NULL: out of memory. */
struct watched *watch_host(struct watch *watch, uint64_t host_id);

/* Judges `batch` of `host`; `at_us[i]` is the corrected time of tick i, never after `now_us`, rising. -ENOBUFS: the
 * host has ALERTS_PER_HOST_MAX alerts that are not ok, further ones are not watched. Before that those of series that
 * are no more in its table give way, the one lost longest ago first: they are told as ok, so that nothing waits for
 * them; -ENOMEM: the same for want of
 * memory. All others were judged. -EINVAL: `batch` has other columns than `table`; nothing was judged. */
int watch_judge(struct watch *watch, struct watched *host, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us, int64_t now_us, struct transitions *out);

/* Judges silence; call each second. */
void watch_tick(struct watch *watch, int64_t now_us, struct transitions *out);

/* Whether the host's ticks say by what the way from it is being exercised: an older agent's do not, and nobody knows
 * before its first one came. */
bool watch_can_exercise(const struct watch *watch, uint64_t host);

/* Calls `fn` with every alert that is not ok, but for those of an exercise. */
void watch_each(const struct watch *watch, void (*fn)(void *user, const struct alert *alert), void *user);

/* The summary of a rule by its name, silence's too; borrowed until the rules are replaced. NULL: there is no such rule.
 */
const char *watch_summary(const struct watch *watch, const char *rule);

/* Always returns NULL; NULL is fine. */
struct watch *watch_free(struct watch *watch);

const char *alert_state_name(enum alert_state state);
const char *severity_name(enum severity severity);

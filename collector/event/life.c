/* The life of an event is the table `steps`. A step is taken by a person, whose role its row names, or by the clock;
 * where there is no row the verb is refused, and the refusal is written from the table as well: from where it would be
 * allowed, for whom.
 *
 * Arming takes two: `arm` is refused while any other gate is closed, and then only marks the event, for its hosts begin
 * to report each second by that mark. The step itself is event_tick()'s, when the last gate lets through too.
 *
 * Time: the row alone says what was done. Each tick compares the clock with the window anew, so nothing is passed over
 * when the clock leaps or the program was not there, and nothing is done twice when it is put back: the states have no
 * way back. How the clock stood is in the change; the stamps of an end are never before the start's. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "base/utf8.h"
#include "collector/event/calendar.h"
#include "collector/event/event.h"

enum { LOCAL_TEXT = 32, BOTH_TEXT = LOCAL_TEXT + EVENT_ZONE_MAX + MOMENT_TEXT + 8, FROM_TEXT = 128, GATES_TEXT = 96 };

#define COMMANDER ROLE_BIT(ROLE_COMMANDER)
#define OPERATOR  ROLE_BIT(ROLE_OPERATOR)
#define CUSTOMER  ROLE_BIT(ROLE_CUSTOMER)

#define TO_ARM                                                                                                         \
    (GATE_BIT(GATE_ENTITLEMENT) | GATE_BIT(GATE_VERDICT) | GATE_BIT(GATE_REHEARSAL) | GATE_BIT(GATE_LINT) |            \
     GATE_BIT(GATE_CONTACTS) | GATE_BIT(GATE_NOTICES))

typedef int (*check_fn)(const struct event *event, const struct event_ask *ask, struct err *err);

static int check_request(const struct event *event, const struct event_ask *ask, struct err *err);
static int check_accept(const struct event *event, const struct event_ask *ask, struct err *err);
static int check_arm(const struct event *event, const struct event_ask *ask, struct err *err);
static int check_inside(const struct event *event, const struct event_ask *ask, struct err *err);
static int check_reason(const struct event *event, const struct event_ask *ask, struct err *err);

enum kind { REAL = 1, DRILL = 2, ANY = REAL | DRILL };

static const struct step {
    enum event_state from;
    enum event_verb verb;
    enum event_state to;
    enum kind kind;
    unsigned who;   /* ROLE_BIT(...), ROLE_CLOCK */
    unsigned gates; /* GATE_BIT(...); a drill's are not asked for */
    check_fn check; /* of what a person asks; NULL: nothing to check */
} steps[] = {
    { EVENT_DRAFT, EVENT_REQUEST, EVENT_REQUESTED, ANY, OPERATOR | COMMANDER | CUSTOMER, 0, check_request },
    { EVENT_REQUESTED, EVENT_ACCEPT, EVENT_ACCEPTED, ANY, COMMANDER, GATE_BIT(GATE_ENTITLEMENT), check_accept },
    { EVENT_ACCEPTED, EVENT_CHECK, EVENT_CHECKED, ANY, COMMANDER, GATE_BIT(GATE_ENTITLEMENT) | GATE_BIT(GATE_VERDICT),
      NULL },
    { EVENT_CHECKED, EVENT_ARM, EVENT_ARMED, ANY, COMMANDER, TO_ARM, check_arm },
    { EVENT_ARMED, EVENT_START, EVENT_LIVE, ANY, COMMANDER | ROLE_CLOCK, 0, check_inside },
    { EVENT_LIVE, EVENT_END, EVENT_CLOSING, REAL, COMMANDER | ROLE_CLOCK, 0, check_reason },
    { EVENT_CLOSING, EVENT_REPORT, EVENT_REPORTED, REAL, OPERATOR | COMMANDER, 0, NULL },
    { EVENT_REPORTED, EVENT_CLOSE, EVENT_CLOSED, REAL, COMMANDER | CUSTOMER, 0, NULL },

    { EVENT_DRAFT, EVENT_START, EVENT_LIVE, DRILL, OPERATOR | COMMANDER, 0, check_inside },
    { EVENT_REQUESTED, EVENT_START, EVENT_LIVE, DRILL, OPERATOR | COMMANDER, 0, check_inside },
    { EVENT_ACCEPTED, EVENT_START, EVENT_LIVE, DRILL, OPERATOR | COMMANDER, 0, check_inside },
    { EVENT_CHECKED, EVENT_START, EVENT_LIVE, DRILL, OPERATOR | COMMANDER, 0, check_inside },
    { EVENT_LIVE, EVENT_END, EVENT_CLOSED, DRILL, OPERATOR | COMMANDER | ROLE_CLOCK, 0, NULL },
    { EVENT_LIVE, EVENT_CLOSE, EVENT_CLOSED, DRILL, OPERATOR | COMMANDER, 0, NULL },

    { EVENT_DRAFT, EVENT_CANCEL, EVENT_CANCELLED, ANY, OPERATOR | COMMANDER, 0, NULL },
    { EVENT_REQUESTED, EVENT_CANCEL, EVENT_CANCELLED, ANY, COMMANDER | ROLE_CLOCK, 0, NULL },
    { EVENT_ACCEPTED, EVENT_CANCEL, EVENT_CANCELLED, ANY, COMMANDER | ROLE_CLOCK, 0, NULL },
    { EVENT_CHECKED, EVENT_CANCEL, EVENT_CANCELLED, ANY, COMMANDER | ROLE_CLOCK, 0, NULL },
    { EVENT_ARMED, EVENT_CANCEL, EVENT_CANCELLED, ANY, COMMANDER, 0, NULL },
};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

static enum kind kind_of(const struct event *event)
{
    return event->drill ? DRILL : REAL;
}

static const struct step *find_step(const struct event *event, enum event_verb verb)
{
    for (int i = 0; i < N_STEPS; i++)
        if (steps[i].from == event->state && steps[i].verb == verb && (steps[i].kind & kind_of(event)))
            return &steps[i];
    return NULL;
}

static unsigned gates_of(const struct event *event, const struct step *step)
{
    return event->drill ? 0 : step->gates;
}

unsigned event_wants_gates(const struct event *event, enum event_verb verb)
{
    const struct step *step = find_step(event, verb);
    return step ? gates_of(event, step) : 0;
}

/* ---- what a step wants of its moment ---- */

/* "2026-11-24 00:00:00 Asia/Shanghai (2026-11-23T16:00:00.000Z)" */
static const char *moment_both(char text[BOTH_TEXT], const struct event *event, int64_t at_us)
{
    char local[LOCAL_TEXT];
    char utc[MOMENT_TEXT];
    moment_format(utc, at_us);
    if (calendar_local_text(event->zone, at_us, local, NULL) == 0)
        snprintf(text, BOTH_TEXT, "%s %s (%s)", local, event->zone, utc);
    else
        snprintf(text, BOTH_TEXT, "%s", utc); /* a zone tzdata has dropped since */
    return text;
}

int event_check_window(const struct event *event, int64_t now_us, struct err *err)
{
    char when[BOTH_TEXT];
    if (now_us < event->start_us)
        return 0;
    return err_set(err, -ERANGE, "event %s: its window began at %s; want a first_day that lies ahead", event->name,
                   moment_both(when, event, event->start_us));
}

static bool overlaps(const struct event *event, const struct event *other)
{
    return other->id != event->id && other->tenant == event->tenant && !other->drill &&
           other->state >= EVENT_REQUESTED && other->state <= EVENT_LIVE && other->start_us < event->end_us &&
           event->start_us < other->end_us;
}

int event_check_overlap(const struct event *event, struct event *const *others, size_t n, struct err *err)
{
    for (size_t i = 0; !event->drill && i < n; i++) {
        char from[BOTH_TEXT], to[LOCAL_TEXT];
        if (!overlaps(event, others[i]))
            continue;
        moment_both(from, others[i], others[i]->start_us);
        if (calendar_local_text(others[i]->zone, others[i]->end_us, to, NULL) < 0)
            moment_format(to, others[i]->end_us);
        return err_set(err, -EEXIST, "event %s: its window overlaps that of %s, from %s to %s; want days apart",
                       event->name, others[i]->name, from, to);
    }
    return 0;
}

static int check_request(const struct event *event, const struct event_ask *ask, struct err *err)
{
    if (event->drill)
        return 0;
    int rc = event_check_window(event, ask->now_us, err);
    if (rc == 0)
        rc = event_check_overlap(event, ask->others, ask->n_others, err);
    if (rc < 0)
        return rc;
    rc = scope_check(event->hosts, event->labels, ask->hosts, ask->n_hosts, err);
    return rc < 0 ? err_within(err, rc, "event %s", event->name) : 0;
}

static bool has_reason(const struct event_ask *ask)
{
    return ask->reason && ask->reason[0];
}

static int check_accept(const struct event *event, const struct event_ask *ask, struct err *err)
{
    if (!event->late_request || has_reason(ask))
        return 0;
    return err_set(err, -EINVAL, "event %s was requested late; to accept it all the same wants a reason: --reason TEXT",
                   event->name);
}

static int check_arm(const struct event *event, const struct event_ask *ask, struct err *err)
{
    char when[BOTH_TEXT];
    if (ask->now_us >= event->end_us)
        return err_set(err, -ERANGE, "event %s: its window was over at %s", event->name,
                       moment_both(when, event, event->end_us));
    if (event->arming_us != 0)
        return err_set(err, -EALREADY, "event %s is arming already, since %s for %s: it waits for its hosts",
                       event->name, moment_both(when, event, event->arming_us), event->arming_by);
    return 0;
}

static int check_inside(const struct event *event, const struct event_ask *ask, struct err *err)
{
    char when[BOTH_TEXT];
    if (ask->now_us < event->start_us)
        return err_set(err, -ERANGE, "event %s: its window opens at %s; start it then", event->name,
                       moment_both(when, event, event->start_us));
    if (ask->now_us >= event->end_us)
        return err_set(err, -ERANGE, "event %s: its window was over at %s; create a new event", event->name,
                       moment_both(when, event, event->end_us));
    return 0;
}

static int check_reason(const struct event *event, const struct event_ask *ask, struct err *err)
{
    if (has_reason(ask))
        return 0;
    return err_set(err, -EINVAL,
                   "event %s is live until its window ends; to end it before wants a reason: --reason TEXT",
                   event->name);
}

/* ---- who may, and from where ---- */

static int refuse_state(const struct event *event, enum event_verb verb, struct err *err)
{
    char from[FROM_TEXT] = "";
    for (int i = 0; i < N_STEPS; i++) {
        size_t used = strlen(from);
        if (steps[i].verb == verb && (steps[i].kind & kind_of(event)))
            snprintf(from + used, sizeof from - used, "%s%s", used ? " or " : "", event_state_name(steps[i].from));
    }
    if (!from[0])
        return err_set(err, -EPERM, "event %s is a drill: it knows no %s, `close` ends it", event->name,
                       event_verb_name(verb));
    return err_set(err, -EPERM, "event %s is %s; %s wants %s that is %s", event->name, event_state_name(event->state),
                   event_verb_name(verb), event->drill ? "a drill" : "one", from);
}

int event_may(const struct event *event, enum event_verb verb, enum role role, struct err *err)
{
    char roles[ROLES_TEXT];
    const struct step *step = find_step(event, verb);
    if (!step)
        return refuse_state(event, verb, err);
    if (step->who & ROLE_BIT(role))
        return 0;
    return err_set(err, -EPERM, "event %s: %s is for %s, not for %s", event->name, event_verb_name(verb),
                   role_list(roles, step->who), role_one(role));
}

static int check_gates(const struct event *event, const struct step *step, const struct gate *gates, struct err *err)
{
    char list[GATES_TEXT];
    unsigned closed = gates_closed(gates, gates_of(event, step));
    if (closed == 0)
        return 0;
    return err_set(err, -EBUSY, "event %s: %s wants gates to pass that do not yet: %s; event show says why",
                   event->name, event_verb_name(step->verb), gates_list(list, sizeof list, closed));
}

static int check_texts(const struct event_ask *ask, struct err *err)
{
    if (!ask->by || !utf8_is_shown(ask->by, 1, EVENT_BY_MAX, ""))
        return err_set(err, -EINVAL, "event: want the name of who asks, 1..%d bytes", EVENT_BY_MAX);
    if (ask->reason && !utf8_is_shown(ask->reason, 0, EVENT_REASON_MAX, ""))
        return err_set(err, -EINVAL, "event: reason: want one line of at most %d bytes", EVENT_REASON_MAX);
    return 0;
}

static int check_all(const struct event *event, const struct step *step, const struct event_ask *ask, struct err *err)
{
    int rc = check_texts(ask, err);
    if (rc == 0 && step->check)
        rc = step->check(event, ask, err);
    return rc < 0 ? rc : check_gates(event, step, ask->gates, err);
}

/* ---- taking a step ---- */

/* The stamp a state leaves in the row. */
static int64_t *stamp_of(struct event *event, enum event_state state)
{
    switch (state) {
    case EVENT_REQUESTED:
        return &event->requested_us;
    case EVENT_ACCEPTED:
        return &event->accepted_us;
    case EVENT_ARMED:
        return &event->armed_us;
    case EVENT_LIVE:
        return &event->started_us;
    case EVENT_CLOSING:
        return &event->closing_us;
    case EVENT_REPORTED:
        return &event->reported_us;
    case EVENT_CLOSED:
    case EVENT_CANCELLED:
        return &event->closed_us;
    default:
        return NULL;
    }
}

/* No end lies before its start, wherever the clock was put meanwhile. */
static void stamp(const struct event *event, int64_t *ret_us, int64_t now_us)
{
    *ret_us = now_us > event->started_us ? now_us : event->started_us;
}

struct actor {
    const char *by;
    const char *role;
    const char *reason;
    const struct gate *gates;
};

/* So much behind the window, when that is too much: a start of what was armed, an end by the clock. */
static int64_t late_of(const struct event *event, const struct step *step, bool by_clock, int64_t now_us)
{
    int64_t behind_us = 0;
    if (step->verb == EVENT_START && step->from == EVENT_ARMED)
        behind_us = now_us - event->start_us;
    if (step->verb == EVENT_END && by_clock)
        behind_us = now_us - event->end_us;
    return behind_us > EVENT_LATE_US ? behind_us : 0;
}

static struct event_change describe(const struct event *event, const struct step *step, const struct actor *actor,
                                    int64_t now_us)
{
    struct event_change change = {
        .what = EVENT_STEPPED,
        .from = step->from,
        .to = step->to,
        .verb = step->verb,
        .role = actor->role,
        .at_us = now_us,
        .late_us = late_of(event, step, strcmp(actor->role, EVENT_CLOCK) == 0, now_us),
        .late_request = event->late_request,
        .gates = gates_of(event, step),
        .overridden = gates_overridden(actor->gates, gates_of(event, step)),
    };
    snprintf(change.by, sizeof change.by, "%s", actor->by);
    snprintf(change.reason, sizeof change.reason, "%s", actor->reason);
    return change;
}

static void enter(struct event *event, const struct event_change *change)
{
    event->state = change->to;
    int64_t *stamp_us = stamp_of(event, change->to);
    if (stamp_us)
        stamp(event, stamp_us, change->at_us);
    snprintf(event->by, sizeof event->by, "%s", change->by);
}

static void begin_arming(struct event *event, const struct event_change *change)
{
    event->arming_us = change->at_us;
    snprintf(event->arming_by, sizeof event->arming_by, "%s", change->by);
}

int event_do(struct event *event, const struct event_ask *ask, struct event_change *ret, struct err *err)
{
    int rc = event_may(event, ask->verb, ask->role, err);
    if (rc < 0)
        return rc;
    const struct step *step = find_step(event, ask->verb);
    assert(step); /* event_may() found it */
    rc = check_all(event, step, ask, err);
    if (rc < 0)
        return rc;
    const struct actor actor = { ask->by, role_name(ask->role), ask->reason ? ask->reason : "", ask->gates };
    if (ask->verb == EVENT_REQUEST)
        event->late_request = ask->late && !event->drill;
    *ret = describe(event, step, &actor, ask->now_us);
    if (ask->verb == EVENT_ARM)
        begin_arming(event, ret);
    if (ask->verb == EVENT_ARM && !event->drill) {
        ret->what = EVENT_ARMING;
        ret->to = ret->from;
    } else {
        enter(event, ret);
    }
    return 0;
}

/* ---- the clock ---- */

static void step_by_clock(struct event *event, enum event_verb verb, const char *reason, int64_t now_us,
                          struct event_change *ret)
{
    const struct step *step = find_step(event, verb);
    const struct actor clock = { EVENT_CLOCK, EVENT_CLOCK, reason, NULL };
    assert(step && (step->who & ROLE_CLOCK));
    *ret = describe(event, step, &clock, now_us);
    enter(event, ret);
}

/* What was asked for comes about: in the name of who asked. */
static void finish_arming(struct event *event, const struct gate *gates, int64_t now_us, struct event_change *ret)
{
    const struct step *step = find_step(event, EVENT_ARM);
    const struct actor asker = { event->arming_by, role_name(ROLE_COMMANDER), "", gates };
    assert(step);
    *ret = describe(event, step, &asker, now_us);
    ret->gates |= GATE_BIT(GATE_HOSTS);
    ret->overridden |= gates_overridden(gates, GATE_BIT(GATE_HOSTS));
    enter(event, ret);
}

static void notice_unarmed(struct event *event, int64_t now_us, struct event_change *ret)
{
    event->unarmed_us = now_us;
    *ret = (struct event_change){
        .what = EVENT_OPENED_UNARMED,
        .from = event->state,
        .to = event->state,
        .verb = EVENT_START,
        .by = EVENT_CLOCK,
        .role = EVENT_CLOCK,
        .reason = "its window is open and it is not armed",
        .at_us = now_us,
        .late_us = now_us - event->start_us > EVENT_LATE_US ? now_us - event->start_us : 0,
        .late_request = event->late_request,
    };
}

static bool tick_waiting(struct event *event, const struct gate *gates, int64_t now_us, struct event_change *ret)
{
    bool arming = event->state == EVENT_CHECKED && event->arming_us != 0 && now_us < event->end_us;
    if (arming && gates_closed(gates, TO_ARM | GATE_BIT(GATE_HOSTS)) == 0)
        finish_arming(event, gates, now_us, ret);
    else if (now_us >= event->start_us && event->unarmed_us == 0 && !event->drill)
        notice_unarmed(event, now_us, ret);
    else if (now_us >= event->end_us)
        step_by_clock(event, EVENT_CANCEL, "its window passed and it was not armed", now_us, ret);
    else
        return false;
    return true;
}

bool event_tick(struct event *event, const struct gate *gates, int64_t now_us, struct event_change *ret)
{
    switch (event->state) {
    case EVENT_REQUESTED:
    case EVENT_ACCEPTED:
    case EVENT_CHECKED:
        return tick_waiting(event, gates, now_us, ret);
    case EVENT_ARMED:
        if (now_us < event->start_us)
            return false;
        step_by_clock(event, EVENT_START, "", now_us, ret);
        return true;
    case EVENT_LIVE:
        if (now_us < event->end_us)
            return false;
        step_by_clock(event, EVENT_END, "", now_us, ret);
        return true;
    default: /* a draft was promised to nobody; the others are over */
        return false;
    }
}

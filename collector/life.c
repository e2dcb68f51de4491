/* The life of events: what people and the clock bring about, carried into memory, the tenant's group, its ledger and
 * the log. What is allowed, and where it leads, is collector/event's to say; what its gates rest on is gathered here.
 * */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"

struct assured *life_of(const struct collector *collector, uint64_t event)
{
    return (struct assured *)scope_event(collector, event); /* its first member */
}

const struct gate *collector_gates(const struct collector *collector, uint64_t event)
{
    const struct assured *assured = life_of(collector, event);
    return assured ? assured->gates : NULL;
}

/* ---- the ledger ---- */

void life_note(struct collector *collector, const struct event *event, const char *kind, const char *actor,
               json_t *body)
{
    int rc = ledger_note(collector, event->tenant,
                         (struct ledger_note){ .kind = kind, .event = event->id, .actor = actor, .body = body });
    if (rc < 0)
        log_event(&collector->log, LOG_ERROR, "ledger_not_kept", KV_TEXT("kind", kind),
                  KV_TEXT("event_name", event->name), KV_TEXT("error", strerror(-rc)));
}

static json_t *gate_names(unsigned gates)
{
    json_t *names = json_array();
    for (enum gate_kind gate = 0; gate < GATE_COUNT; gate++)
        if (gates & GATE_BIT(gate))
            json_array_append_new(names, json_string(gate_name(gate)));
    return names;
}

static const char *happening_name(const struct event_change *change)
{
    static const char *const names[] = {
        [EVENT_STEPPED] = "stepped", [EVENT_ARMING] = "arming", [EVENT_OPENED_UNARMED] = "opened-unarmed"
    };
    return names[change->what];
}

/* `lead`: how far ahead it was asked for; "" when that is not the question. */
static json_t *change_body(const struct event_change *change, const char *lead)
{
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:b, s:o, s:o}", "what", happening_name(change),
                             "from", event_state_name(change->from), "to", event_state_name(change->to), "verb",
                             event_verb_name(change->verb), "role", change->role, "reason", change->reason, "late_s",
                             (double)change->late_us / (double)US_PER_S, "late_request", change->late_request, "gates",
                             gate_names(change->gates), "overridden", gate_names(change->overridden));
    if (lead[0])
        json_object_set_new(body, "lead", json_string(lead));
    return body;
}

void life_note_created(struct collector *collector, const struct event *event, const struct decision *decision)
{
    life_note(collector, event, "event", decision->by,
              json_pack("{s:s, s:s, s:s, s:s}", "what", "created", "to", event_state_name(event->state), "role",
                        role_name(decision->role), "reason", decision->reason ? decision->reason : ""));
}

static json_t *gate_body(const struct gate *gate)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "gate", gate_name(gate->gate), "state", gate_state_name(gate->state),
                     "evidence", gate->evidence, "reason", gate->reason);
}

/* ---- gates ---- */

static void keep_gate(struct collector *collector, const struct event *event, const struct gate *gate,
                      enum gate_turn turn)
{
    if (turn == GATE_SAME)
        return;
    store_put_gate(collector->store, event->tenant, gate);
    if (turn != GATE_TURNED)
        return;
    log_event(&collector->log, LOG_INFO, "gate_turned", KV_TEXT("event_name", event->name),
              KV_TEXT("gate", gate_name(gate->gate)), KV_TEXT("state", gate_state_name(gate->state)),
              KV_TEXT("by", gate->by), KV_TEXT("evidence", gate->evidence));
    life_note(collector, event, "gate", gate->by, gate_body(gate));
}

void life_judge(struct collector *collector, struct assured *assured, enum gate_kind kind, bool passed,
                const char *evidence)
{
    struct gate *gate = &assured->gates[kind];
    if (event_may_turn(&assured->row))
        keep_gate(collector, &assured->row, gate, gate_judge(gate, passed, evidence, "collector", now_us(collector)));
}

static bool is_ready(const struct host_state *state)
{
    return state->session && !state->silent && state->last_tick_us != 0 && state->interval_us == INTERVAL_WINDOW_US;
}

/* What arming waits for. The first ones that are not ready are named: somebody has to look after them. */
static void judge_hosts(struct collector *collector, struct assured *assured)
{
    enum { NAMED = 3 };
    unsigned total = 0, ready = 0;
    char waiting[NAMED * (NAME_MAX_BYTES + 2) + 8] = "";
    char evidence[GATE_TEXT_MAX + 1];
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next) {
        if (!scope_is_in(&assured->row, state->row))
            continue;
        size_t used = strlen(waiting);
        unsigned missing = total++ - ready;
        ready += is_ready(state);
        if (!is_ready(state) && missing <= NAMED)
            snprintf(waiting + used, sizeof waiting - used, "%s%s", missing ? ", " : "",
                     missing < NAMED ? state->row->name : "...");
    }
    snprintf(evidence, sizeof evidence, "%u of %u report and confirm 1 s%s%s", ready, total,
             waiting[0] ? "; not yet " : "", waiting);
    life_judge(collector, assured, GATE_HOSTS, total > 0 && ready == total, evidence);
}

static void judge_notices(struct collector *collector, struct assured *assured)
{
    char named[GATE_TEXT_MAX - 32];
    char evidence[GATE_TEXT_MAX + 1];
    size_t n = notices_conflict(collector, &assured->row, named, sizeof named);
    if (n == 0)
        snprintf(evidence, sizeof evidence, "no planned change stands unanswered");
    else
        snprintf(evidence, sizeof evidence, "%zu unanswered: %s", n, named);
    life_judge(collector, assured, GATE_NOTICES, n == 0, evidence);
}

static void judge_contacts(struct collector *collector, struct assured *assured)
{
    char evidence[GATE_TEXT_MAX + 1];
    bool reached = told_reached(collector, &assured->row, evidence);
    life_judge(collector, assured, GATE_CONTACTS, reached, evidence);
}

static void judge_lint(struct collector *collector, struct assured *assured)
{
    char evidence[GATE_TEXT_MAX + 1];
    bool holds = lint_holds(collector, &assured->row, evidence);
    life_judge(collector, assured, GATE_LINT, holds, evidence);
}

/* It may be that nobody has rehearsed; and whoever has, did so with those who were to be told then. */
void life_judge_rehearsal(struct collector *collector, struct assured *assured)
{
    struct gate *gate = &assured->gates[GATE_REHEARSAL];
    char why[GATE_TEXT_MAX + 1];
    if (gate->state == GATE_PASSED && event_may_turn(&assured->row) &&
        rehearse_is_stale(collector, assured, why, sizeof why))
        keep_gate(collector, &assured->row, gate, gate_reopen(gate, why, "collector", now_us(collector)));
}

static void judge_entitlement(struct collector *collector, struct assured *assured)
{
    struct contract_finding finding;
    if (assured->row.drill)
        return;
    contract_look(collector, &assured->row, &finding);
    life_judge(collector, assured, GATE_ENTITLEMENT, finding.enough, finding.evidence);
}

void life_reopen(struct collector *collector, struct assured *assured, unsigned gates, const struct decision *decision)
{
    for (enum gate_kind kind = 0; kind < GATE_COUNT; kind++)
        if ((gates & GATE_BIT(kind)) && event_may_turn(&assured->row))
            keep_gate(
                collector, &assured->row, &assured->gates[kind],
                gate_reopen(&assured->gates[kind], "what it rested on was changed", decision->by, now_us(collector)));
}

int collector_override_gate(struct collector *collector, uint64_t event, enum gate_kind gate,
                            const struct decision *decision, const struct event **ret_row, struct err *err)
{
    struct assured *assured = life_of(collector, event);
    if (!assured)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    if (assured->row.drill)
        return err_set(err, -EPERM, "event %s is a drill: it has no gates", assured->row.name);
    if (!event_may_turn(&assured->row))
        return err_set(err, -EPERM, "event %s is %s: its gates turn no more", assured->row.name,
                       event_state_name(assured->row.state));
    int rc =
        gate_override(&assured->gates[gate], decision->role, decision->by, decision->reason, now_us(collector), err);
    if (rc < 0)
        return rc;
    keep_gate(collector, &assured->row, &assured->gates[gate], GATE_TURNED);
    desk_event_changed(collector, &assured->row);
    *ret_row = &assured->row;
    return 0;
}

/* ---- what follows from a change ---- */

static void tell(struct collector *collector, const struct event *event, const struct event_change *change)
{
    bool bad = change->late_us != 0 || change->what == EVENT_OPENED_UNARMED;
    log_event(&collector->log, bad ? LOG_WARN : LOG_INFO, "event_changed", KV_TEXT("name", event->name),
              KV_TEXT("what", happening_name(change)), KV_TEXT("state", event_state_name(event->state)),
              KV_TEXT("by", change->by), KV_TEXT("reason", change->reason),
              KV_INT("late_s", change->late_us / US_PER_S));
}

/* People were promised a window, and it is open: they are told whatever the hour. */
static void raise_unarmed(struct collector *collector, const struct event *event)
{
    char title[128];
    uint64_t incident;
    snprintf(title, sizeof title, "The window of %s is open and it is not armed: it is %s", event->name,
             event_state_name(event->state));
    struct page_own own = { .tenant = event->tenant,
                            .event = event->id,
                            .group = "window",
                            .title = title,
                            .severity = SEVERITY_CRITICAL,
                            .crossed_us = now_us(collector) };
    pager_own(collector->pager, &own, own.crossed_us, &incident, &collector->effects);
}

static void give_back(struct collector *collector, const struct event *event, const struct event_change *change)
{
    int days = 0;
    if (event->accepted_us != 0 && !event->drill)
        contract_give_back(collector, event, change->by, &days);
}

static void follow(struct collector *collector, const struct event *event, const struct event_change *change,
                   const char *lead)
{
    tell(collector, event, change);
    chatter_change(collector, event, change);
    life_note(collector, event, "event", change->by, change_body(change, lead));
    if (change->what == EVENT_OPENED_UNARMED)
        raise_unarmed(collector, event);
    if (change->what == EVENT_STEPPED && change->to == EVENT_CANCELLED)
        give_back(collector, event, change);
    describe_refresh(collector, life_of(collector, event->id));
    desk_event_changed(collector, event);
    scope_refresh(collector, event->tenant);
    if (change->what == EVENT_STEPPED && (change->to == EVENT_ARMED || change->to == EVENT_LIVE))
        silences_yield(collector, event, change->by);
}

/* ---- what people do ---- */

void life_gathered_done(struct life_gathered *gathered)
{
    free(gathered->events);
    free(gathered->hosts);
}

int life_gather(const struct collector *collector, uint64_t tenant, struct life_gathered *ret)
{
    ret->events = calloc(collector->n_events + 1, sizeof *ret->events);
    ret->hosts = calloc(fleet_count_hosts(collector->fleet) + 1, sizeof *ret->hosts);
    if (!ret->events || !ret->hosts)
        return -ENOMEM;
    for (size_t i = 0; i < collector->n_events; i++)
        if (collector->events[i]->tenant == tenant)
            ret->events[ret->n_events++] = collector->events[i];
    for (const struct host *host = NULL; (host = fleet_next_host(collector->fleet, host));)
        if (host->tenant == tenant && host->standing == HOST_ACTIVE)
            ret->hosts[ret->n_hosts++] = (struct scope_host){ host->name, host->labels };
    return 0;
}

/* An accepted event has drawn its days, unless a commander has overridden that it cannot. */
static int draw(struct collector *collector, struct assured *assured, const struct decision *decision, struct err *err)
{
    char evidence[ERR_TEXT_MAX];
    if (assured->gates[GATE_ENTITLEMENT].state == GATE_OVERRIDDEN)
        return 0;
    int rc = contract_draw(collector, &assured->row, decision->by, evidence, err);
    if (rc == 0)
        life_judge(collector, assured, GATE_ENTITLEMENT, true, evidence);
    return rc;
}

/* From here on its rules hold: a drill is not armed. */
static bool begins_window(const struct event *event, enum event_verb verb)
{
    return verb == EVENT_ARM || (verb == EVENT_START && event->drill);
}

/* Those who cannot be reached are named where arming is refused: somebody is waiting for it. */
static void say_whom(const struct assured *assured, struct err *err)
{
    static const enum gate_kind said[] = { GATE_CONTACTS, GATE_LINT, GATE_REHEARSAL };
    for (size_t i = 0; i < sizeof said / sizeof said[0] && !assured->row.drill; i++) {
        const struct gate *gate = &assured->gates[said[i]];
        struct err refusal = *err;
        if (!gate_lets(gate) && gate->evidence[0]) {
            err_set(err, -EBUSY, "%.140s; %s: %.100s", refusal.text, gate_name(gate->gate), gate->evidence);
            return;
        }
    }
}

static int take(struct collector *collector, struct assured *assured, struct event_ask *ask,
                const struct decision *decision, struct contract_finding *finding, struct event_change *ret,
                struct err *err)
{
    AUTO(life_gathered_done) struct life_gathered gathered = { 0 };
    struct event after = assured->row;
    if (ask->verb == EVENT_REQUEST) {
        if (life_gather(collector, after.tenant, &gathered) < 0)
            return err_set(err, -ENOMEM, "out of memory");
        if (!after.drill)
            contract_look(collector, &after, finding);
        ask->late = finding->late;
        ask->others = gathered.events;
        ask->n_others = gathered.n_events;
        ask->hosts = gathered.hosts;
        ask->n_hosts = gathered.n_hosts;
    }
    int rc = event_may(&after, ask->verb, ask->role, err);
    if (rc == 0 && ask->verb == EVENT_ACCEPT)
        judge_entitlement(collector, assured);
    if (rc == 0 && ask->verb == EVENT_ARM) {
        judge_notices(collector, assured);
        judge_contacts(collector, assured);
        judge_lint(collector, assured);
        life_judge_rehearsal(collector, assured);
    }
    if (rc == 0 && begins_window(&after, ask->verb))
        rc = describe_check_rules(collector, assured, err);
    if (rc == 0)
        rc = event_do(&after, ask, ret, err);
    if (rc == -EBUSY && ask->verb == EVENT_ARM)
        say_whom(assured, err);
    if (rc == 0 && ask->verb == EVENT_REQUEST)
        rc = describe_check_hosts(assured, &gathered, err);
    if (rc == 0 && ask->verb == EVENT_REQUEST && !after.drill)
        rc = contract_lock(collector, &after, decision->by);
    if (rc == 0 && ask->verb == EVENT_ACCEPT && !after.drill)
        rc = draw(collector, assured, decision, err);
    if (rc == 0)
        assured->row = after;
    return rc;
}

int collector_event_do(struct collector *collector, uint64_t event, enum event_verb verb,
                       const struct decision *decision, const struct event **ret_row, struct err *err)
{
    struct assured *assured = life_of(collector, event);
    struct contract_finding finding = { .late = false };
    struct event_change change = { 0 };
    if (!assured)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    struct event_ask ask = { .verb = verb,
                             .role = decision->role,
                             .by = decision->by,
                             .reason = decision->reason,
                             .now_us = now_us(collector),
                             .gates = assured->gates };
    int rc = take(collector, assured, &ask, decision, &finding, &change, err);
    if (rc < 0)
        return rc;
    follow(collector, &assured->row, &change, finding.lead);
    *ret_row = &assured->row;
    return 0;
}

/* ---- what the clock does ---- */

static void tick(struct collector *collector, struct assured *assured, int64_t now)
{
    struct event_change change = { 0 };
    if (assured->row.state == EVENT_CHECKED && assured->row.arming_us != 0) {
        judge_hosts(collector, assured);
        judge_notices(collector, assured);
        judge_contacts(collector, assured);
        judge_lint(collector, assured);
        life_judge_rehearsal(collector, assured);
    }
    while (event_tick(&assured->row, assured->gates, now, &change))
        follow(collector, &assured->row, &change, "");
}

void life_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    for (size_t i = 0; i < collector->n_events; i++)
        tick(collector, (struct assured *)collector->events[i], now);
}

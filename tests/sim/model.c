#include "tests/sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/patrol/schedule.h"
#include "tests/sim/record.h"
#include "tests/sim/room.h"

enum { KNOWN_MAX = 32, SQL_MAX = 512 };

static const char *const any_step[][4] = {
    /* from, verb, to, and who may: the first letters of roles, k the clock */
    { "draft", "request", "requested", "ocu" },
    { "requested", "accept", "accepted", "c" },
    { "accepted", "check", "checked", "c" },
    { "checked", "arm", "armed", "c" },
    { "armed", "start", "live", "ck" },
    { "draft", "cancel", "cancelled", "oc" },
    { "requested", "cancel", "cancelled", "ck" },
    { "accepted", "cancel", "cancelled", "ck" },
    { "checked", "cancel", "cancelled", "ck" },
    { "armed", "cancel", "cancelled", "c" },
    { NULL, NULL, NULL, NULL },
};
static const char *const real_step[][4] = {
    { "live", "end", "closing", "ck" },
    { "closing", "report", "reported", "oc" },
    { "reported", "close", "closed", "cu" },
    { NULL, NULL, NULL, NULL },
};
static const char *const drill_step[][4] = {
    { "draft", "start", "live", "oc" },   { "requested", "start", "live", "oc" }, { "accepted", "start", "live", "oc" },
    { "checked", "start", "live", "oc" }, { "live", "end", "closed", "ock" },     { "live", "close", "closed", "oc" },
    { NULL, NULL, NULL, NULL },
};

struct known {
    uint64_t id;
    char state[16];
    unsigned starts, preparing, rounds;
    bool closing_round, cancelled_early;
};

static struct {
    struct record record;
    size_t n;
    struct known known[KNOWN_MAX];
    struct model_counts counts;
} model;

void model_begin(uint64_t tenant)
{
    model.record = (struct record){ .tenant = tenant };
}

static int64_t number(const char *format, uint64_t id, const char *text)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE id = %" PRIu64 " AND %s '%s'", id, format, text);
    return record_number(model.record.tenant, sql);
}

static int64_t column(const char *what, uint64_t id)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof sql, "SELECT %s FROM event WHERE id = %" PRIu64, what, id);
    return record_number(model.record.tenant, sql);
}

/* ---- steps ---- */

static struct known *known_of(uint64_t id)
{
    for (size_t i = 0; i < model.n; i++)
        if (model.known[i].id == id)
            return &model.known[i];
    world_fail("an entry is of event %" PRIu64 ", which was never made", id);
}

static bool is_step(const char *const steps[][4], const json_t *body)
{
    const char *role = record_text(body, "role");
    char who = strcmp(role, "customer") == 0 ? 'u' : strcmp(role, "clock") == 0 ? 'k' : role[0];
    for (int i = 0; steps[i][0]; i++)
        if (strcmp(steps[i][0], record_text(body, "from")) == 0 &&
            strcmp(steps[i][1], record_text(body, "verb")) == 0 && strcmp(steps[i][2], record_text(body, "to")) == 0 &&
            strchr(steps[i][3], who))
            return true;
    return false;
}

static void take_step(struct known *known, const struct ledger_entry *entry, const json_t *body)
{
    const char *to = record_text(body, "to"), *verb = record_text(body, "verb");
    bool drill = column("drill", known->id) != 0, by_clock = strcmp(record_text(body, "role"), "clock") == 0;
    int64_t start_us = column("start_us", known->id), end_us = column("end_us", known->id);
    if (strcmp(known->state, record_text(body, "from")) != 0)
        world_fail("event %" PRIu64 " went from %s to %s, and was %s", known->id, record_text(body, "from"), to,
                   known->state);
    if (!is_step(any_step, body) && !is_step(drill ? drill_step : real_step, body))
        world_fail("event %" PRIu64 " went from %s to %s by %s of %s", known->id, known->state, to, verb,
                   record_text(body, "role"));
    if (strcmp(verb, "start") == 0 && (entry->at_us < start_us || ++known->starts > 1))
        world_fail("event %" PRIu64 " was started too soon, or twice", known->id);
    if (by_clock && strcmp(to, "live") != 0 && entry->at_us < end_us)
        world_fail("event %" PRIu64 " became %s by the clock within its window", known->id, to);
    known->cancelled_early = strcmp(to, "cancelled") == 0 && entry->at_us < start_us;
    snprintf(known->state, sizeof known->state, "%s", to);
    model.counts.steps++;
    model.counts.starts += strcmp(to, "live") == 0;
}

static void take_event(const struct ledger_entry *entry, const json_t *body)
{
    const char *what = record_text(body, "what");
    if (strcmp(what, "stepped") == 0)
        take_step(known_of(entry->event), entry, body);
    if (strcmp(what, "created") != 0)
        return;
    for (size_t i = 0; i < model.n; i++)
        if (model.known[i].id == entry->event)
            world_fail("event %" PRIu64 " was made twice", entry->event);
    if (model.n == KNOWN_MAX)
        world_fail("more events than the model knows");
    model.known[model.n++] = (struct known){ .id = entry->event, .state = "draft" };
    model.counts.events++;
}

/* ---- rounds ---- */

static void take_round(struct known *known, const json_t *body)
{
    const char *phase = record_text(body, "phase"), *state = record_text(body, "state");
    bool preparing = strcmp(phase, "preparing") == 0;
    unsigned *n = preparing ? &known->preparing : &known->rounds;
    if ((unsigned)json_integer_value(json_object_get(body, "k")) != *n)
        world_fail("event %" PRIu64 ": a round (%s) is lost or doubled where round %u was next", known->id, phase, *n);
    if (known->closing_round || (!preparing && known->starts == 0))
        world_fail("event %" PRIu64 ": a round (%s) when there was none to be", known->id, phase);
    (*n)++;
    known->closing_round = strcmp(phase, "closing") == 0;
    model.counts.rounds++;
    model.counts.late += strcmp(state, "late") == 0;
    model.counts.missed += strcmp(state, "missed") == 0;
}

static void take_entry(void *user, const struct ledger_entry *entry, const json_t *body)
{
    (void)user;
    if (strcmp(entry->kind, "event") == 0)
        take_event(entry, body);
    if (strcmp(entry->kind, "round") == 0)
        take_round(known_of(entry->event), body);
    model.counts.draws += strcmp(entry->kind, "draw") == 0;
}

/* ---- days ---- */

static void check_balances(void)
{
    static const char years[] =
        "SELECT count(*) FROM (SELECT c.plan AS plan, d.kind AS kind, sum(d.days) AS days FROM draw AS d"
        " JOIN contract AS c ON c.id = d.contract WHERE d.state = 'taken' AND d.pack = 0"
        " GROUP BY c.id, d.kind, substr(d.first_day, 1, 4)) WHERE days > CASE plan || ' ' || kind"
        " WHEN 'enterprise assurance' THEN 3 WHEN 'enterprise advice' THEN 2 WHEN 'business assurance' THEN 1"
        " WHEN 'business advice' THEN 1 ELSE 0 END";
    static const char packs[] = "SELECT count(*) FROM pack AS p WHERE days < (SELECT coalesce(sum(d.days), 0) FROM draw"
                                " AS d WHERE d.pack = p.id AND d.state = 'taken')";
    static const char orphans[] = "SELECT count(*) FROM draw AS d WHERE d.state = 'taken' AND d.pack = 0 AND NOT EXISTS"
                                  " (SELECT 1 FROM contract AS c WHERE c.id = d.contract)";
    if (record_number(model.record.tenant, years) || record_number(model.record.tenant, packs))
        world_fail("more days are drawn than there are");
    if (record_number(model.record.tenant, orphans))
        world_fail("days are drawn from a contract that is not there");
}

static void check_drawn(const struct known *known)
{
    static const char *const without[] = { "draft", "requested" };
    char taken_sql[] =
        "(SELECT coalesce(sum(d.days), 0) FROM draw AS d WHERE d.event = event.id AND d.state = 'taken')";
    char gate_sql[] = "(SELECT count(*) FROM gate AS g WHERE g.event = event.id AND g.gate = 'entitlement' AND"
                      " g.state = 'overridden')";
    int64_t taken = column(taken_sql, known->id), days = column("days", known->id);
    bool none = known->cancelled_early || column("drill", known->id);
    bool cancelled = strcmp(known->state, "cancelled") == 0;
    for (int i = 0; i < 2; i++)
        none = none || strcmp(known->state, without[i]) == 0;
    if (none ? taken != 0 : taken != days && !(taken == 0 && (cancelled || column(gate_sql, known->id))))
        world_fail("event %" PRIu64 " of %" PRId64 " days is %s and has drawn %" PRId64, known->id, days, known->state,
                   taken);
}

/* ---- all of it ---- */

static void check_rows(const struct known *known)
{
    if (number("state =", known->id, known->state) != 1)
        world_fail("event %" PRIu64 " is %s by the ledger and not by its row", known->id, known->state);
    if (column("patrol_preparing", known->id) != known->preparing ||
        column("patrol_rounds + patrol_closed", known->id) != known->rounds ||
        (column("patrol_closed", known->id) != 0) != known->closing_round)
        world_fail("event %" PRIu64 " counts other rounds than are in the ledger", known->id);
    check_drawn(known);
}

void model_look(void)
{
    record_read(&model.record, take_entry, NULL);
    if ((size_t)record_number(model.record.tenant, "SELECT count(*) FROM event") != model.n)
        world_fail("there are other events than were made by the ledger");
    for (size_t i = 0; i < model.n; i++)
        check_rows(&model.known[i]);
    check_balances();
}

void model_compare(void)
{
    for (size_t i = 0; i < model.n; i++) {
        const struct event *event = collector_event(room_collector(), model.known[i].id);
        if (!event || strcmp(event_state_name(event->state), model.known[i].state) != 0)
            world_fail("event %" PRIu64 " is %s on disk and %s in memory", model.known[i].id, model.known[i].state,
                       event ? event_state_name(event->state) : "nowhere");
    }
}

static int64_t first_of(int64_t a_us, int64_t b_us)
{
    return b_us && b_us < a_us ? b_us : a_us;
}

/* So many rounds its window wants: as docs/patrol.md has it. */
static unsigned rounds_wanted(const struct event *event)
{
    bool in_time = event->armed_us && event->armed_us <= event->start_us;
    int64_t from_us = in_time ? event->start_us : event->started_us;
    int64_t end_us = first_of(first_of(event->end_us, event->closing_us), event->closed_us);
    return (end_us > from_us ? (unsigned)((end_us - from_us - 1) / PATROL_INTERVAL_US) + 1 : 0) + 1;
}

/* An event that was ended by hand just behind a clock that was set back had rounds later than its end. */
static bool is_enough(unsigned rounds, const struct event *event)
{
    bool by_hand = first_of(first_of(event->end_us, event->closing_us), event->closed_us) < event->end_us;
    return rounds == rounds_wanted(event) || (by_hand && rounds > rounds_wanted(event));
}

void model_end(void)
{
    for (size_t i = 0; i < model.n; i++) {
        const struct known *known = &model.known[i];
        const struct event *event = collector_event(room_collector(), known->id);
        if (event->state == EVENT_LIVE || event->state == EVENT_ARMED)
            world_fail("event %" PRIu64 " is %s behind its window", known->id, known->state);
        if (event->started_us && (!known->closing_round || !is_enough(known->rounds, event)))
            world_fail("event %" PRIu64 " has %u rounds on record, its window wants %u", known->id, known->rounds,
                       rounds_wanted(event));
    }
}

struct model_counts model_counts(void)
{
    return model.counts;
}

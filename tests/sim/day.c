/* An event from its contract to the customer's acceptance: what people do is a table, the rest is the clock's. Unless
 * the run is calm the collector is killed in each state, while what was asked for is on its way to the disk, and over
 * the live day before, within and behind rounds. The record must be the same. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/event/calendar.h"
#include "collector/patrol/schedule.h"
#include "collector/rounds.h"
#include "tests/sim/check.h"
#include "tests/sim/files.h"
#include "tests/sim/record.h"
#include "tests/sim/scenario.h"

#define ZONE     "Asia/Shanghai"
#define FIRST    "2026-11-24"
#define MINUTE   (60 * US_PER_S)
#define HOUR     (60 * MINUTE)
#define SETTLE   (2 * US_PER_S)
#define IN_DOUBT (5 * US_PER_S) /* a round whose time is as near to the collector's end may go either way */
enum { HOSTS = 2, LINE = 200, LINES_MAX = 64, ROUNDS = 145 };

enum act_kind { SIGN, CREATE, TAKE, OVERRIDE };

static const struct act { /* of a person */
    int64_t at_us;        /* from four hours before the window on */
    enum act_kind kind;
    int detail; /* verb or gate */
    const char *by;
    enum role role;
    const char *reason;
    const char *refused; /* it must be, with these words; NULL: it must not */
} acts[] = {
    { 0, SIGN, 0, "lin", ROLE_COMMANDER, NULL, NULL },
    { 1 * MINUTE, CREATE, 0, "omar", ROLE_OPERATOR, NULL, NULL },
    { 5 * MINUTE, TAKE, EVENT_REQUEST, "shop", ROLE_CUSTOMER, NULL, NULL },
    { 20 * MINUTE, TAKE, EVENT_ACCEPT, "omar", ROLE_OPERATOR, "they ask for it", "for commander" },
    { 30 * MINUTE, TAKE, EVENT_ACCEPT, "lin", ROLE_COMMANDER, NULL, "wants a reason" },
    { 31 * MINUTE, TAKE, EVENT_ACCEPT, "lin", ROLE_COMMANDER, "the launch was moved", NULL },
    { 60 * MINUTE, TAKE, EVENT_CHECK, "lin", ROLE_COMMANDER, NULL, "verdict" },
    { 70 * MINUTE, OVERRIDE, GATE_VERDICT, "lin", ROLE_COMMANDER, "sized by hand", NULL },
    { 71 * MINUTE, TAKE, EVENT_CHECK, "lin", ROLE_COMMANDER, NULL, NULL },
    { 100 * MINUTE, TAKE, EVENT_ARM, "lin", ROLE_COMMANDER, NULL, "rehearsal and contacts" },
    { 120 * MINUTE, OVERRIDE, GATE_REHEARSAL, "lin", ROLE_COMMANDER, "walked on Friday", NULL },
    { 122 * MINUTE, OVERRIDE, GATE_CONTACTS, "lin", ROLE_COMMANDER, "called in turn", NULL },
    { 3 * HOUR + 30 * MINUTE, TAKE, EVENT_ARM, "lin", ROLE_COMMANDER, NULL, NULL },
    { 28 * HOUR + 20 * MINUTE, TAKE, EVENT_REPORT, "omar", ROLE_OPERATOR, NULL, NULL },
    { 28 * HOUR + 30 * MINUTE, TAKE, EVENT_CLOSE, "shop", ROLE_CUSTOMER, NULL, NULL },
};
enum { N_ACTS = sizeof acts / sizeof acts[0] };

/* What must be on record of it, besides rounds, incidents and pages: kind, what, by whom. */
static const char *const expected[] = {
    "contract set lin",
    "event created omar",
    "document omar",
    "contract locked shop",
    "event requested shop",
    "gate entitlement passed collector",
    "draw taken lin",
    "event accepted lin",
    "gate verdict overridden lin",
    "event checked lin",
    "gate notices passed collector",
    "gate contacts failed collector",
    "gate lint passed collector",
    "gate rehearsal overridden lin",
    "gate contacts overridden lin",
    "event arming lin",
    "gate hosts failed collector",
    "gate hosts passed collector",
    "event armed lin",
    "event live clock",
    "event closing clock",
    "event reported omar",
    "event closed shop",
};
enum { N_EXPECTED = sizeof expected / sizeof expected[0] };

static struct {
    struct stage *stage;
    struct dice dice;
    uint64_t tenant, event;
    unsigned kills, lost; /* of these while a command was on its way, and it was lost with the process */
    size_t n_lines;
    char lines[LINES_MAX][LINE];
    uint64_t kinds[3]; /* entries of rounds, incidents, pages */
    unsigned states[3], preparing, live;
} day;

/* ---- the account ---- */

static void say(int64_t wall_us, const char *text)
{
    char when[32];
    if (calendar_local_text(ZONE, wall_us, when, NULL) == 0)
        printf("%s  %s\n", when, text);
}

/* ---- the collector's ends ---- */

static void end_room(void)
{
    bool power = dice_chance(&day.dice, 50);
    day.kills++;
    room_say(power ? "room_without_power" : "room_killed", NULL, 0);
    room_end(power ? ROOM_POWER_CUT : ROOM_KILLED);
    for (size_t i = 0; i < day.stage->n_hosts && power; i++) { /* nobody says that the connections are gone */
        net_cut(&day.stage->hosts[i].line, NET_UP, world_now_us() + US_PER_S);
        net_cut(&day.stage->hosts[i].line, NET_DOWN, world_now_us() + US_PER_S);
    }
}

static void be_down(int64_t us)
{
    world_run(world_now_us() + us, NULL);
    room_open();
    if (!room_collector())
        world_fail("the collector did not open");
    world_run(world_now_us() + SETTLE, NULL);
}

static const struct event *event_now(void)
{
    return day.event ? collector_event(room_collector(), day.event) : NULL;
}

/* ---- people ---- */

static int sign(const struct act *act, struct err *err)
{
    const struct contract *row;
    const struct contract_terms terms = {
        .first_day = "2026-01-01", .plan = "enterprise", .zone = ZONE, .calendar = "cn", .years = 1
    };
    return collector_set_contract(room_ask(), day.tenant, &terms, act->by, &row, err);
}

static int create(const struct decision *decision, struct err *err)
{
    static const char text[] = "name: sale\nzone: " ZONE "\nfirst_day: " FIRST "\nhosts: [\"host-*\"]\n"
                               "tiers:\n  - { hosts: \"host-*\", tier: core }\ncontacts: [duty]\n"
                               "notes: \"Prices change at 20:00.\"\n";
    static struct document document;
    static struct config_faults faults;
    const struct event *row;
    if (document_parse("sale.yaml", text, sizeof text - 1, &document, &faults) < 0)
        world_fail("the event's document is faulty");
    int rc = collector_add_event(room_ask(), day.tenant, &document, decision, &row, err);
    day.event = rc == 0 ? row->id : 0;
    return rc;
}

static int ask(const struct act *act, struct err *err)
{
    const struct decision decision = { .by = act->by, .role = act->role, .reason = act->reason };
    const struct event *row;
    switch (act->kind) {
    case SIGN:
        return sign(act, err);
    case CREATE:
        return create(&decision, err);
    case TAKE:
        return collector_event_do(room_ask(), day.event, (enum event_verb)act->detail, &decision, &row, err);
    default:
        return collector_override_gate(room_ask(), day.event, (enum gate_kind)act->detail, &decision, &row, err);
    }
}

static bool was_taken(enum event_verb verb, const struct event *event)
{
    static const enum event_state to[EVENT_VERB_COUNT] = {
        [EVENT_REQUEST] = EVENT_REQUESTED, [EVENT_ACCEPT] = EVENT_ACCEPTED, [EVENT_CHECK] = EVENT_CHECKED,
        [EVENT_REPORT] = EVENT_REPORTED,   [EVENT_CLOSE] = EVENT_CLOSED,
    };
    return verb == EVENT_ARM ? event->arming_us != 0 : event->state >= to[verb];
}

/* The collector knows of it. */
static bool is_done(const struct act *act)
{
    const struct event *event = event_now();
    switch (act->kind) {
    case SIGN:
        return collector_book(room_collector(), day.tenant)->n_contracts == 1;
    case CREATE:
        return event != NULL;
    case TAKE:
        return was_taken((enum event_verb)act->detail, event);
    default:
        return collector_gates(room_collector(), day.event)[act->detail].state == GATE_OVERRIDDEN;
    }
}

static void must_refuse(const struct act *act)
{
    struct err err;
    char line[LINE + ERR_TEXT_MAX];
    if (ask(act, &err) == 0)
        world_fail("%s was allowed what had to be refused", act->by);
    if (!strstr(err.text, act->refused))
        world_fail("the refusal \"%s\" does not say \"%s\"", err.text, act->refused);
    snprintf(line, sizeof line, "%s is refused: %s", act->by, err.text);
    say(world_wall_us(), line);
}

/* Asks; in a run that is not calm the first time the collector ends while it is on its way to the disk. */
static void do_act(const struct act *act)
{
    struct err err;
    if (ask(act, &err) < 0)
        world_fail("%s was refused: %s", act->by, err.text);
    if (!day.stage->calm) {
        world_run(world_now_us() + dice_between(&day.dice, 0, 30) * US_PER_MS, NULL);
        end_room();
        be_down(dice_between(&day.dice, 1, 20) * US_PER_S);
        if (!is_done(act)) {
            day.lost++;
            if (ask(act, &err) < 0)
                world_fail("%s was refused the second time: %s", act->by, err.text);
        }
    }
    if (!room_wait(day.tenant))
        world_fail("the collector ended by itself");
    if (!day.stage->calm) {
        end_room();
        be_down(dice_between(&day.dice, 1, 20) * US_PER_S);
    }
    if (!is_done(act))
        world_fail("what %s did was on disk and is gone", act->by);
}

/* ---- the live day ---- */

static void must_be(enum event_state state)
{
    if (event_now()->state != state)
        world_fail("the event is %s, it should be %s", event_state_name(event_now()->state), event_state_name(state));
}

static bool is_swept(void)
{
    return room_collector()->rounds && room_collector()->rounds->n_sweeps > 0;
}

static bool is_counted(void)
{
    static unsigned rounds;
    bool more = event_now()->patrol.rounds > rounds;
    rounds = event_now()->patrol.rounds;
    return more;
}

static void wait_for(bool (*is_so)(void), int64_t most_us)
{
    int64_t until_us = world_now_us() + most_us;
    while (!is_so() && world_now_us() < until_us)
        world_run(world_now_us() + US_PER_MS, NULL);
}

/* The end of the collector about the time of the next round, or between two. */
static void kill_about_a_round(void)
{
    int64_t due_us = patrol_next_us(event_now()) - world_wall_us();
    switch (dice_between(&day.dice, 0, 3)) {
    case 0: /* between */
        world_run(world_now_us() + due_us / 2, NULL);
        break;
    case 1: /* at any moment of its second */
        world_run(world_now_us() + due_us + dice_between(&day.dice, 0, 1500) * US_PER_MS, NULL);
        break;
    case 2: /* while it is swept */
        world_run(world_now_us() + due_us, NULL);
        wait_for(is_swept, 3 * US_PER_S);
        break;
    default: /* it is counted, and perhaps on its way to the disk */
        world_run(world_now_us() + due_us, NULL);
        is_counted();
        wait_for(is_counted, 3 * US_PER_S);
        world_run(world_now_us() + dice_between(&day.dice, 0, 5) * US_PER_MS, NULL);
    }
    end_room();
}

static int64_t downtime_us(void)
{
    int64_t kind = dice_between(&day.dice, 0, 9);
    if (kind < 6)
        return dice_between(&day.dice, 1, 40) * US_PER_S;
    return kind < 9 ? dice_between(&day.dice, 2, 8) * MINUTE : dice_between(&day.dice, 11, 25) * MINUTE;
}

static void run_to(int64_t wall_us)
{
    if (world_wall_us() < wall_us)
        world_run(world_now_us() + wall_us - world_wall_us(), NULL);
}

/* Nobody is there at that moment, and until so much later. */
static void be_down_over(int64_t wall_us, int64_t behind_us)
{
    if (day.stage->calm)
        return;
    run_to(wall_us - US_PER_S);
    end_room();
    be_down(US_PER_S + behind_us);
}

/* From before the window to behind it. */
static void live_the_day(void)
{
    int64_t start_us = event_now()->start_us, end_us = event_now()->end_us;
    int64_t last_us = end_us - 30 * MINUTE; /* the closing round is to be made by who is there */
    must_be(EVENT_ARMED);
    be_down_over(start_us - 10 * MINUTE, 10 * US_PER_S);
    be_down_over(start_us, 90 * US_PER_S);
    run_to(start_us + 2 * MINUTE);
    must_be(EVENT_LIVE);
    while (!day.stage->calm && world_wall_us() < last_us) {
        run_to(world_wall_us() + dice_between(&day.dice, 5, 60) * MINUTE);
        if (world_wall_us() >= last_us)
            break;
        kill_about_a_round();
        be_down(downtime_us());
    }
    be_down_over(end_us, 20 * US_PER_S);
    run_to(end_us + 2 * MINUTE);
    must_be(EVENT_CLOSING);
}

/* ---- the record ---- */

/* When the collector was next there: `at_us`, or the end of the downtime it lies in or just before. */
static int64_t there_us(int64_t at_us, int64_t *ret_least_us)
{
    size_t n;
    const struct downtime *downtimes = check_downtimes(&n);
    *ret_least_us = at_us;
    for (size_t i = 0; i < n; i++) {
        if (downtimes[i].from_us > at_us + IN_DOUBT || downtimes[i].to_us < at_us)
            continue;
        if (downtimes[i].from_us <= at_us)
            *ret_least_us = downtimes[i].to_us;
        return downtimes[i].to_us;
    }
    return at_us;
}

static void check_round(const json_t *body, enum patrol_state state, int64_t interval_us)
{
    int64_t due_us = 0, least_us;
    const char *due = record_text(body, "due");
    if (moment_parse(due, strlen(due), &due_us) < 0)
        world_fail("a round is due at no time");
    int64_t most_us = there_us(due_us, &least_us);
    if (state == PATROL_MISSED && most_us < due_us + interval_us - IN_DOUBT)
        world_fail("a round was missed while the collector was there");
    if (state == PATROL_LATE && most_us <= due_us + PATROL_ON_TIME_US - IN_DOUBT)
        world_fail("a round was late though the collector was there");
    if (state == PATROL_KEPT && least_us > due_us + PATROL_ON_TIME_US + IN_DOUBT)
        world_fail("a round was kept while the collector was not there");
}

static enum patrol_state state_of(const json_t *body)
{
    for (int state = PATROL_KEPT; state <= PATROL_MISSED; state++)
        if (strcmp(record_text(body, "state"), patrol_state_name((enum patrol_state)state)) == 0)
            return (enum patrol_state)state;
    world_fail("a round is %s", record_text(body, "state"));
}

static void take_round(const json_t *body)
{
    const char *phase = record_text(body, "phase");
    unsigned k = (unsigned)json_integer_value(json_object_get(body, "k"));
    bool preparing = strcmp(phase, "preparing") == 0;
    unsigned *n = preparing ? &day.preparing : &day.live;
    if (k != *n || (!preparing && (strcmp(phase, "closing") == 0) != (k == ROUNDS - 1)))
        world_fail("round %u (%s) is on record where %u was next", k, phase, *n);
    (*n)++;
    check_round(body, state_of(body), preparing ? PATROL_PREPARING_US : PATROL_INTERVAL_US);
    day.states[state_of(body)] += !preparing;
}

/* "gate verdict overridden lin" */
static void write_line(char line[LINE], const struct ledger_entry *entry, const json_t *body)
{
    bool stepped = strcmp(record_text(body, "what"), "stepped") == 0;
    const char *words[] = { entry->kind, record_text(body, "gate"), record_text(body, stepped ? "to" : "what"), "",
                            entry->actor };
    size_t used = 0;
    if (words[1][0])
        words[3] = record_text(body, "state");
    for (int i = 0; i < 5; i++)
        if (words[i][0] && used < LINE)
            used += (size_t)snprintf(line + used, LINE - used, "%s%s", used ? " " : "", words[i]);
}

static void tell(int64_t at_us, const char *line, const json_t *body)
{
    char said[LINE * 4];
    const char *why = record_text(body, "reason");
    why = why[0] ? why : record_text(body, "evidence");
    double late_s = json_real_value(json_object_get(body, "late_s"));
    bool late =
        json_is_true(json_object_get(body, "late_request")) && strcmp(record_text(body, "to"), "requested") == 0;
    int len = snprintf(said, sizeof said, "%s%s%s%s", line, late ? " (late)" : "", why[0] ? ": " : "", why);
    if (late_s > 0)
        snprintf(said + len, sizeof said - (size_t)len, " (%.0f s late)", late_s);
    say(at_us, said);
}

static void take_entry(void *user, const struct ledger_entry *entry, const json_t *body)
{
    (void)user;
    static const char *const counted[] = { "round", "incident", "page" };
    for (int i = 0; i < 3; i++)
        day.kinds[i] += strcmp(entry->kind, counted[i]) == 0;
    if (strcmp(entry->kind, "round") == 0)
        take_round(body);
    if (strcmp(entry->kind, "round") == 0 || strcmp(entry->kind, "incident") == 0 || strcmp(entry->kind, "page") == 0)
        return;
    if (day.n_lines == LINES_MAX)
        world_fail("more is on record than there was");
    char *line = day.lines[day.n_lines++];
    write_line(line, entry, body);
    tell(entry->at_us, line, body);
}

static void judge(void)
{
    struct record record = { .tenant = day.tenant };
    printf("\non record:\n");
    record_read(&record, take_entry, NULL);
    for (size_t i = 0; i < day.n_lines || i < N_EXPECTED; i++)
        if (i >= N_EXPECTED || i >= day.n_lines || strcmp(day.lines[i], expected[i]) != 0)
            world_fail("on record is \"%s\" where there should be \"%s\"", i < day.n_lines ? day.lines[i] : "nothing",
                       i < N_EXPECTED ? expected[i] : "nothing");
    if (day.live != ROUNDS)
        world_fail("%u rounds are on record, there should be %d", day.live, ROUNDS);
    printf("\nrounds: %u of %d on record: %u kept, %u late, %u missed; preparing: %u\n", day.live, ROUNDS,
           day.states[PATROL_KEPT], day.states[PATROL_LATE], day.states[PATROL_MISSED], day.preparing);
    printf("ledger: %" PRIu64 " entries in one chain (%" PRIu64 " rounds, %" PRIu64 " of incidents, %" PRIu64
           " of pages), its last hash ",
           record.n, day.kinds[0], day.kinds[1], day.kinds[2]);
    for (int i = 0; i < LEDGER_HASH_BYTES; i++)
        printf("%02x", record.hash.bytes[i]);
    printf("\ncollector: killed or cut off %u times, %u commands lost with it and asked for again\n", day.kills,
           day.lost);
}

/* ---- all of it ---- */

static void people_the_room(void)
{
    struct stage *stage = day.stage;
    day.tenant = room_add_tenant("shop");
    stage->n_hosts = stage->most_hosts ? stage->most_hosts : HOSTS;
    for (unsigned i = 0; i < stage->n_hosts; i++) {
        struct sim_host *host = &stage->hosts[i];
        host_init(host, i, stage->seed, stage->log_fd);
        host->tenant = day.tenant;
        host->id = room_add_host(day.tenant, host->name, &host->keys.public_key);
    }
    for (size_t i = 0; i < stage->n_hosts; i++)
        host_open(&stage->hosts[i]);
}

void play_event(struct stage *stage)
{
    day.stage = stage;
    day.dice = dice_of(stage->seed, 'e');
    tap_set(check_tap());
    receiver_listen(check_took, NULL);
    check_begin(stage->hosts, HOSTS_MAX);
    room_open();
    people_the_room();
    int64_t began_us = world_wall_us();
    for (int i = 0; i < N_ACTS; i++) {
        const struct act *act = &acts[i];
        if (act->kind == TAKE && act->detail == EVENT_REPORT) {
            run_to(began_us + 4 * HOUR - 15 * MINUTE);
            live_the_day();
        }
        run_to(began_us + act->at_us);
        if (act->refused)
            must_refuse(act);
        else
            do_act(act);
    }
    must_be(EVENT_CLOSED);
    world_run(world_now_us() + 30 * MINUTE, NULL); /* nothing more comes of it */
    struct files_counts files = files_audit(stage->hosts, stage->n_hosts, world_wall_us() - MINUTE);
    judge();
    printf("hosts: %zu, %" PRIu64 " ticks stored, each once\n", stage->n_hosts, files.ticks);
}

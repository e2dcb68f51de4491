#include "tests/sim/asks.h"

#include <stdio.h>

#include "collector/event/calendar.h"
#include "collector/event/notice.h"
#include "collector/page/silence.h"
#include "tests/sim/room.h"

#define MINUTE (60 * US_PER_S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
enum { EVENTS = 8 };

static const char *const zones[] = { "UTC", "Asia/Shanghai", "Europe/Berlin" };
static const char *const people[ROLE_COUNT] = { "vera", "omar", "lin", "shop" };

static struct {
    uint64_t tenant;
    struct dice *dice;
    unsigned made; /* events, if all of them came to disk */
} asks;

void asks_begin(uint64_t tenant, struct dice *dice)
{
    asks.tenant = tenant;
    asks.dice = dice;
}

static int64_t draw(int64_t least, int64_t most)
{
    return dice_between(asks.dice, least, most);
}

static bool chance(unsigned percent)
{
    return dice_chance(asks.dice, percent);
}

static struct decision anyone(void)
{
    enum role role = chance(70) ? ROLE_COMMANDER : (enum role)draw(0, ROLE_COUNT - 1);
    return (struct decision){ .by = people[role], .role = role, .reason = chance(70) ? "for a reason" : NULL };
}

static const struct event *any_event(void)
{
    const struct event *found = NULL;
    int64_t n = draw(1, asks.made > 0 ? asks.made : 1);
    for (const struct event *event = NULL; n > 0 && (event = collector_next_event(room_collector(), event)); n--)
        found = event;
    return found;
}

static const char *day_in(char text[32], const char *zone, int64_t days)
{
    if (calendar_local_text(zone, world_wall_us() + days * DAY, text, NULL) < 0)
        world_fail("no such zone: %s", zone);
    text[sizeof "2026-11-23" - 1] = '\0';
    return text;
}

int ask_make(struct err *err)
{
    static struct document document;
    struct event event;
    const struct event *row;
    char name[16], first[32];
    const struct decision decision = anyone();
    const char *zone = zones[draw(0, 2)];
    bool drill = chance(25);
    snprintf(name, sizeof name, "e%u", asks.made + 1);
    const struct event_plan plan = { .name = name,
                                     .zone = zone,
                                     .first_day = day_in(first, zone, draw(drill ? 0 : 1, 3)),
                                     .days = draw(1, 2),
                                     .hosts = "host-*",
                                     .drill = drill };
    if (asks.made == EVENTS || event_init(&event, &plan, err) < 0)
        return -1;
    document_of(&event, &document);
    int rc = collector_add_event(room_ask(), asks.tenant, &document, &decision, &row, err);
    asks.made += rc == 0;
    return rc;
}

int ask_change(struct err *err)
{
    static struct document document;
    const struct event *event = any_event();
    const struct event *row;
    const struct decision decision = anyone();
    char first[32];
    if (!event || collector_document(room_ask(), event->id, &document, err) < 0)
        return -1;
    if (chance(50))
        document_set(&document, "notes", chance(50) ? "call the shop" : "", NULL);
    else if (chance(50))
        document_set(&document, "days", chance(50) ? "1" : "2", NULL);
    else
        document_set(&document, "first_day", day_in(first, event->zone, draw(0, 3)), NULL);
    return collector_set_event(room_ask(), event->id, &document, &decision, &row, err);
}

static int step_of(const struct event *event, enum event_verb verb, const struct decision *decision, struct err *err)
{
    const struct event *row;
    return collector_event_do(room_ask(), event->id, verb, decision, &row, err);
}

int ask_any_step(struct err *err)
{
    const struct event *event = any_event();
    const struct decision decision = anyone();
    return event ? step_of(event, (enum event_verb)draw(0, EVENT_VERB_COUNT - 1), &decision, err) : -1;
}

int ask_override_gate(struct err *err)
{
    const struct event *event = any_event();
    const struct event *row;
    const struct decision decision = anyone();
    return event ? collector_override_gate(room_ask(), event->id, (enum gate_kind)draw(0, GATE_COUNT - 1), &decision,
                                           &row, err)
                 : -1;
}

/* The step that leads on, by who may, with what it wants. */
int ask_lead_on(struct err *err)
{
    static const enum event_verb next[EVENT_STATE_COUNT] = {
        [EVENT_DRAFT] = EVENT_REQUEST,  [EVENT_REQUESTED] = EVENT_ACCEPT, [EVENT_ACCEPTED] = EVENT_CHECK,
        [EVENT_CHECKED] = EVENT_ARM,    [EVENT_ARMED] = EVENT_START,      [EVENT_LIVE] = EVENT_END,
        [EVENT_CLOSING] = EVENT_REPORT, [EVENT_REPORTED] = EVENT_CLOSE,
    };
    const struct decision decision = { .by = "lin", .role = ROLE_COMMANDER, .reason = "on it goes" };
    const struct event *event = any_event();
    const struct event *row;
    if (!event || event->state >= EVENT_CLOSED || (event->state == EVENT_LIVE && chance(80)))
        return -1;
    enum event_verb verb = event->drill && event->state == EVENT_DRAFT && chance(50) ? EVENT_START : next[event->state];
    unsigned closed = gates_closed(collector_gates(room_ask(), event->id), event_wants_gates(event, verb));
    for (int gate = GATE_VERDICT; gate < GATE_HOSTS; gate++)
        if (closed & GATE_BIT(gate))
            collector_override_gate(room_ask(), event->id, (enum gate_kind)gate, &decision, &row, NULL);
    return step_of(event, verb, &decision, err);
}

int ask_contract(struct err *err)
{
    static const char *const plans[] = { "enterprise", "enterprise", "business", "basic" };
    const struct contract *row;
    const struct contract_terms terms = { .first_day = "2026-01-01",
                                          .plan = plans[draw(0, 3)],
                                          .zone = "Asia/Shanghai",
                                          .calendar = "cn",
                                          .years = draw(1, 2) };
    if (chance(15))
        return collector_end_contract(room_ask(), asks.tenant, "2026-01-01", "lin", err);
    return collector_set_contract(room_ask(), asks.tenant, &terms, "lin", &row, err);
}

/* The tenant has a file from then on. */
void asks_sign(void)
{
    struct err err;
    const struct contract *row;
    const struct contract_terms terms = {
        .first_day = "2026-01-01", .plan = "enterprise", .zone = "Asia/Shanghai", .calendar = "cn", .years = 2
    };
    if (collector_set_contract(room_ask(), asks.tenant, &terms, "lin", &row, &err) < 0 || !room_wait(asks.tenant))
        world_fail("no contract: %s", err.text);
}

int ask_pack(struct err *err)
{
    const struct pack *row;
    struct pack wish = { .tenant = asks.tenant,
                         .kind = chance(70) ? GRANT_ASSURANCE : GRANT_ADVICE,
                         .days = (int)draw(1, 3),
                         .bought_by = "lin" };
    char text[32];
    snprintf(wish.from_day, sizeof wish.from_day, "%s", day_in(text, "UTC", draw(-2, 2)));
    snprintf(wish.to_day, sizeof wish.to_day, "%s", day_in(text, "UTC", draw(2, 30)));
    return collector_buy_pack(room_ask(), &wish, &row, err);
}

int ask_advice(struct err *err)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    char text[32];
    if (chance(30))
        return collector_cancel_advice(room_ask(), asks.tenant, (uint64_t)draw(1, 12), "lin", draws, err);
    return collector_advise(room_ask(), asks.tenant, day_in(text, "Asia/Shanghai", draw(0, 20)), draw(1, 2), "lin",
                            draws, &n, err);
}

int ask_silence(struct err *err)
{
    struct silence silence;
    const struct silence *row;
    const struct silence_wish wish = { .hosts = "host-*",
                                       .reason = "a disk is changed",
                                       .owner = "omar",
                                       .from_us = world_wall_us(),
                                       .to_us = world_wall_us() + draw(1, 300) * MINUTE };
    if (chance(40))
        return collector_end_silence(room_ask(), asks.tenant, (uint64_t)draw(1, 6), "omar", &silence, err);
    if (silence_init(&silence, &wish, err) < 0)
        return -1;
    silence.tenant = asks.tenant;
    return collector_add_silence(room_ask(), &silence, (enum role)draw(ROLE_OPERATOR, ROLE_COMMANDER), &row, err);
}

int ask_notice(struct err *err)
{
    struct notice notice;
    const struct notice *row;
    const struct decision decision = anyone();
    int64_t from_us = world_wall_us() + draw(1, 72) * HOUR;
    const struct notice_wish wish = { .kind = "change",
                                      .hosts = "host-*",
                                      .title = "a switch is changed",
                                      .impact = "a minute without a line",
                                      .by = "omar",
                                      .from_us = from_us,
                                      .to_us = from_us + draw(1, 6) * HOUR };
    if (chance(60))
        return collector_answer_notice(room_ask(), asks.tenant, (uint64_t)draw(1, 4), &decision, &row, err);
    if (notice_init(&notice, &wish, err) < 0)
        return -1;
    notice.tenant = asks.tenant;
    return collector_add_notice(room_ask(), &notice, &row, err);
}

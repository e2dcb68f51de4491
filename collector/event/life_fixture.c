#include "collector/event/life_fixture.h"

#include <string.h>

const struct scope_host hosts[2] = { { "web-1", "" }, { "db-1", "" } };

struct event a_draft(bool drill)
{
    struct event event;
    struct err err = { 0 };
    const struct event_plan plan = { .name = "spring-sale",
                                     .zone = "Asia/Shanghai",
                                     .first_day = "2026-11-24",
                                     .days = 1,
                                     .hosts = "web-*,db-1",
                                     .drill = drill };
    if (event_init(&event, &plan, &err) != 0)
        fail_msg("%s", err.text);
    event.id = 7;
    event.tenant = 1;
    return event;
}

void pass_gates(struct fixture *f, unsigned gates)
{
    for (int i = 0; i < GATE_COUNT; i++)
        f->gates[i].state = gates & GATE_BIT(i) ? GATE_PASSED : GATE_OPEN;
}

struct fixture in_state(enum event_state state, bool drill)
{
    struct fixture f = { .event = a_draft(drill) };
    gates_init(f.gates, f.event.id);
    pass_gates(&f, ALL_GATES);
    f.event.state = state;
    return f;
}

int do_as(struct fixture *f, enum event_verb verb, enum role role, int64_t now_us, const char *reason)
{
    struct event_ask ask = { .verb = verb,
                             .role = role,
                             .by = "li",
                             .reason = reason,
                             .now_us = now_us,
                             .gates = f->gates,
                             .hosts = hosts,
                             .n_hosts = 2 };
    return event_do(&f->event, &ask, &f->change, &f->err);
}

int ask(struct fixture *f, enum event_verb verb, const char *reason)
{
    return do_as(f, verb, ROLE_COMMANDER, f->event.start_us - HOUR_US, reason);
}

void asked(struct fixture *f, enum event_verb verb)
{
    if (ask(f, verb, "") != 0)
        fail_msg("%s: %s", event_verb_name(verb), f->err.text);
}

bool tick(struct fixture *f, int64_t now_us)
{
    return event_tick(&f->event, f->gates, now_us, &f->change);
}

void assert_refused(struct fixture *f, int rc, int expected, const char *says, const struct fixture *before)
{
    assert_int_equal(rc, expected);
    if (!strstr(f->err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, says);
    assert_memory_equal(&f->event, &before->event, sizeof f->event);
    assert_memory_equal(&f->change, &before->change, sizeof f->change);
}

#include "collector/event/gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char *const names[GATE_COUNT] = {
    [GATE_ENTITLEMENT] = "entitlement",
    [GATE_VERDICT] = "verdict",
    [GATE_REHEARSAL] = "rehearsal",
    [GATE_LINT] = "lint",
    [GATE_CONTACTS] = "contacts",
    [GATE_NOTICES] = "notices",
    [GATE_HOSTS] = "hosts",
};
static const char *const state_names[GATE_STATE_COUNT] = {
    [GATE_OPEN] = "open",
    [GATE_PASSED] = "passed",
    [GATE_FAILED] = "failed",
    [GATE_OVERRIDDEN] = "overridden",
};

const char *gate_name(enum gate_kind gate)
{
    return names[gate];
}

const char *gate_state_name(enum gate_state state)
{
    return state_names[state];
}

bool gate_find(const char *name, enum gate_kind *ret)
{
    for (int i = 0; i < GATE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum gate_kind)i;
            return true;
        }
    }
    return false;
}

void gates_init(struct gate gates[GATE_COUNT], uint64_t event)
{
    for (int i = 0; i < GATE_COUNT; i++)
        gates[i] = (struct gate){ .event = event, .gate = (enum gate_kind)i };
}

bool gate_lets(const struct gate *gate)
{
    return gate->state == GATE_PASSED || gate->state == GATE_OVERRIDDEN;
}

unsigned gates_closed(const struct gate *gates, unsigned wanted)
{
    unsigned closed = 0;
    for (int i = 0; i < GATE_COUNT; i++)
        if ((wanted & GATE_BIT(i)) && !(gates && gate_lets(&gates[i])))
            closed |= GATE_BIT(i);
    return closed;
}

unsigned gates_overridden(const struct gate *gates, unsigned wanted)
{
    unsigned overridden = 0;
    for (int i = 0; gates && i < GATE_COUNT; i++)
        if ((wanted & GATE_BIT(i)) && gates[i].state == GATE_OVERRIDDEN)
            overridden |= GATE_BIT(i);
    return overridden;
}

const char *gates_list(char *text, size_t size, unsigned gates)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < GATE_COUNT; i++) {
        if (!(gates & GATE_BIT(i)))
            continue;
        const char *between = used == 0 ? "" : gates >> (i + 1) == 0 ? " and " : ", ";
        int len = snprintf(text + used, size - used, "%s%s", between, names[i]);
        used += (size_t)len < size - used ? (size_t)len : size - used - 1;
    }
    return text;
}

static void copy(char *to, size_t size, const char *from)
{
    to[utf8_clean(to, size - 1, from, strlen(from))] = '\0';
}

static void turn(struct gate *gate, enum gate_state state, const char *by, const char *reason, int64_t now_us)
{
    gate->state = state;
    gate->at_us = now_us;
    copy(gate->by, sizeof gate->by, by);
    copy(gate->reason, sizeof gate->reason, reason);
}

enum gate_turn gate_judge(struct gate *gate, bool passed, const char *evidence, const char *by, int64_t now_us)
{
    char told[sizeof gate->evidence];
    enum gate_state found = passed ? GATE_PASSED : GATE_FAILED;
    copy(told, sizeof told, evidence);
    bool same = strcmp(told, gate->evidence) == 0;
    memcpy(gate->evidence, told, sizeof told);
    if (gate->state == GATE_OVERRIDDEN || gate->state == found)
        return same ? GATE_SAME : GATE_RETOLD;
    turn(gate, found, by, "", now_us);
    return GATE_TURNED;
}

enum gate_turn gate_reopen(struct gate *gate, const char *why, const char *by, int64_t now_us)
{
    if (gate->state == GATE_OPEN)
        return GATE_SAME;
    turn(gate, GATE_OPEN, by, "", now_us);
    copy(gate->evidence, sizeof gate->evidence, why);
    return GATE_TURNED;
}

int gate_override(struct gate *gate, enum role role, const char *by, const char *reason, int64_t now_us,
                  struct err *err)
{
    const char *name = names[gate->gate];
    if (role != ROLE_COMMANDER)
        return err_set(err, -EPERM, "gate %s: an override wants a commander, not %s", name, role_one(role));
    if (gate_lets(gate))
        return err_set(err, -EALREADY, "gate %s is %s, there is nothing to override", name, state_names[gate->state]);
    if (!reason || !utf8_is_shown(reason, 1, GATE_TEXT_MAX, ""))
        return err_set(err, -EINVAL, "gate %s: an override wants a reason of 1..%d bytes, one line: --reason TEXT",
                       name, GATE_TEXT_MAX);
    if (!by || !utf8_is_shown(by, 1, GATE_BY_MAX, ""))
        return err_set(err, -EINVAL, "gate %s: an override wants the name of who asks, 1..%d bytes", name, GATE_BY_MAX);
    turn(gate, GATE_OVERRIDDEN, by, reason, now_us);
    return 0;
}

/* collector/event/gate.h - the conditions of an event's way to its window, each a row: what it rests on, who said so.
 *
 * Shape    an event has GATE_COUNT gates, an array of its own in the order of the enum, from its creation on; a row
 *          that was never written is an open one. steps of event.h say which of them a verb wants. A drill has no gates
 * Passing  a part finds out and tells (gate_judge), or a commander overrides by name and reason (gate_override): that
 *          stays visible in the state, whatever is found later. What changes the event reopens what rested on the old
 *          one (gate_reopen), an override too
 * Ledger   each GATE_TURNED is one entry of kind "gate": state, evidence, by, reason
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/event/role.h"

enum gate_kind {
    GATE_ENTITLEMENT, /* days of a plan or a pack are there for it: before it is accepted */
    GATE_VERDICT,     /* a fresh capacity check: before it counts as checked */
    GATE_REHEARSAL,   /* the rest before arming: the way to people was walked... */
    GATE_LINT,        /* ...the configuration is clean... */
    GATE_CONTACTS,    /* ...its contacts can be reached... */
    GATE_NOTICES,     /* ...no planned change stands unanswered against its window... */
    GATE_HOSTS,       /* ...and every host in scope reports and confirms a tick each second: what arming waits for */
    GATE_COUNT
};

enum gate_state { GATE_OPEN, GATE_PASSED, GATE_FAILED, GATE_OVERRIDDEN, GATE_STATE_COUNT };

enum { GATE_TEXT_MAX = 255, GATE_BY_MAX = 63 };
#define GATE_BIT(gate) (1U << (unsigned)(gate))

struct gate { /* a row; zeros but for event and gate: open */
    uint64_t event;
    enum gate_kind gate;
    enum gate_state state;
    char evidence[GATE_TEXT_MAX + 1]; /* "5 of 5 report and confirm 1 s" */
    char by[GATE_BY_MAX + 1];         /* who or which part last turned it */
    char reason[GATE_TEXT_MAX + 1];   /* of an override */
    int64_t at_us;                    /* it last turned */
};

const char *gate_name(enum gate_kind gate);
const char *gate_state_name(enum gate_state state);
bool gate_find(const char *name, enum gate_kind *ret);

/* GATE_COUNT open ones of a new event. */
void gates_init(struct gate gates[GATE_COUNT], uint64_t event);

/* Passed or overridden. */
bool gate_lets(const struct gate *gate);
/* Those of `wanted` (bits) that do not; `gates` NULL: none lets anything through. */
unsigned gates_closed(const struct gate *gates, unsigned wanted);
/* Those that do by override alone. */
unsigned gates_overridden(const struct gate *gates, unsigned wanted);
/* "rehearsal, lint and contacts". Returns `text`. */
const char *gates_list(char *text, size_t size, unsigned gates);

enum gate_turn { GATE_SAME, GATE_RETOLD, GATE_TURNED };

/* What a part found. GATE_TURNED: the state is another: write the row and the ledger. GATE_RETOLD: only the evidence
 * is: write the row. An override stays one. Texts are copied, cut to their room. */
enum gate_turn gate_judge(struct gate *gate, bool passed, const char *evidence, const char *by, int64_t now_us);

/* Whatever it rested on is no more. GATE_SAME: it was open. */
enum gate_turn gate_reopen(struct gate *gate, const char *why, const char *by, int64_t now_us);

/* By a commander, with a reason. -EPERM: not this role; -EINVAL: no reason, NULL too, or a text that is none;
 * -EALREADY: it lets through already. See event_may_turn() for until when. */
int gate_override(struct gate *gate, enum role role, const char *by, const char *reason, int64_t now_us,
                  struct err *err);

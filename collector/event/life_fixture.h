/* An event in any state, what is asked of it and what comes of that. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "collector/event/event.h"

#define MINUTE_US (60 * US_PER_S)
#define HOUR_US   (60 * MINUTE_US)

struct fixture {
    struct event event;
    struct gate gates[GATE_COUNT];
    struct event_change change;
    struct err err;
};

enum { ALL_GATES = (1 << GATE_COUNT) - 1 };

extern const struct scope_host hosts[2];

struct event a_draft(bool drill);
void pass_gates(struct fixture *f, unsigned gates);
struct fixture in_state(enum event_state state, bool drill);
int do_as(struct fixture *f, enum event_verb verb, enum role role, int64_t now_us, const char *reason);
/* The commander's, before the window; "" is no reason. */
int ask(struct fixture *f, enum event_verb verb, const char *reason);
void asked(struct fixture *f, enum event_verb verb);
bool tick(struct fixture *f, int64_t now_us);
void assert_refused(struct fixture *f, int rc, int expected, const char *says, const struct fixture *before);

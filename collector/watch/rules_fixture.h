/* collector/watch/rules_fixture.h - what the tests of the rule file share. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/watch/rules.h"

#define S             US_PER_S
#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

struct fixture {
    struct rule rules[RULES_MAX];
    size_t n;
    struct config_faults faults;
};

int setup(void **state);
int teardown(void **state);
int parse(struct fixture *f, const char *text);
/* The only rule of a file without fault. */
const struct rule *parse_one(struct fixture *f, const char *text);
/* `body` stands behind "rules:\n  - name: r\n" and gives a fault that says `says` and `line`; nothing is taken. */
void assert_fault(struct fixture *f, const char *body, const char *line, const char *says);

#define CPU_RULE    "    metric: system.cpu.utilization\n"
#define PLAIN       "    severity: warning\n    summary: bad\n"
#define EGRESS_RULE "    metric: \"system.network.io.rate{direction=transmit}\"\n"

#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

/* agent/read/pressure.h - pressure stall information: how long tasks waited for a CPU, for I/O, for memory.
 *
 * Source   Documentation/accounting/psi.rst, Linux 4.20; the running totals, in microseconds, not the averages
 */
#pragma once
#include "agent/read/source.h"

struct pressure {
    uint64_t some_us;
    uint64_t full_us; /* 0 where the line is missing: /proc/pressure/cpu before Linux 5.13 */
};

/* -ENODATA: no line "some". -EBADMSG: a line without a total. */
int pressure_parse(const char *text, size_t len, struct pressure *ret, struct err *err);

enum { PRESSURES = 3 };

struct pressure_history {
    bool known[PRESSURES];
    struct pressure last[PRESSURES];
};

void pressure_take(void *state, const struct take *take);
void pressure_raw(void *state, const struct raw *raw);

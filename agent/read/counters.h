/* agent/read/counters.h - the kernel's network counters as (group, name, value), however a file lays them out. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/scan.h"

struct counter {            /* borrowed from the text */
    struct scan_text group; /* "Tcp" */
    struct scan_text name;  /* "CurrEstab" */
    struct scan_text value; /* a word, not yet known to be a number: MaxConn is "-1" */
};

typedef bool counter_fn(void *user, const struct counter *counter); /* false: stop */

/* /proc/net/snmp and netstat: "Tcp: A B" above "Tcp: 1 2". False: the two lines of a pair do not belong together or
 * have not as many words, or `fn` said stop. */
bool counters_in_pairs(struct scan_text text, counter_fn *fn, void *user);

/* /proc/net/sockstat: "TCP: inuse 1 orphan 0". False: a name without a value, or `fn` said stop. */
bool counters_in_lines(struct scan_text text, counter_fn *fn, void *user);

/* False: the value is not a number, or a negative one. */
bool counter_number(const struct counter *counter, uint64_t *ret);

/* tests/bench/enrol.h - makes the hosts of a swarm known to a collector, by its control socket.
 *
 * Threads  blocks its caller; asks from several threads at once, for each answer waits for the disk
 */
#pragma once
#include <stdint.h>

#include "base/err.h"

/* Makes tenants bench-1..bench-`n_tenants` and enrols `n` hosts, shared out evenly; their ids go to `ret_hosts`. */
int enrol_hosts(const char *control, unsigned n_tenants, unsigned n, uint64_t *ret_hosts, struct err *err);

/* collector/ingest/fleet.h - who there is: tenants and their hosts, in memory.
 *
 * Shape    two tables filled from the registry at start and by commands; a host belongs to one tenant for ever
 * Limits   declared per host and never read from the host: a NIC's own idea of its speed is no bandwidth
 * Owner    the fleet owns its rows; a pointer to a row stays valid until the fleet is freed (rows are never removed)
 * Threads  the loop's thread
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "uthash.h"

enum { NAME_MAX_BYTES = 63, TENANT_RESERVED = 0 }; /* tenant 0: the collector's own incidents */

enum host_limit { LIMIT_EGRESS, LIMIT_INGRESS, LIMIT_CONNECTIONS, LIMIT_NEW_CONNECTIONS, LIMIT_COUNT };

struct tenant {
    uint64_t id; /* from 1 */
    char name[NAME_MAX_BYTES + 1];
    int64_t created_us;
};

struct host {
    uint64_t id; /* 63 random bits, never 0; shown as 16 hexadecimal digits */
    uint64_t tenant;
    char name[NAME_MAX_BYTES + 1];  /* unique within its tenant */
    char group[NAME_MAX_BYTES + 1]; /* hosts whose alerts belong to one incident; the host's own name by default */
    double limits[LIMIT_COUNT];     /* By/s, By/s, connections, connections/s; NaN: not declared */
    int64_t enrolled_us;
};

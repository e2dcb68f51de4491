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
#include "collector/ingest/labels.h"

enum { NAME_MAX_BYTES = 63, TENANT_RESERVED = 0 }; /* tenant 0: the collector's own incidents */
#define TENANT_RESERVED_NAME "warroom"

enum host_limit {
    LIMIT_EGRESS,
    LIMIT_INGRESS,
    LIMIT_CONNECTIONS,
    LIMIT_NEW_CONNECTIONS,
    LIMIT_DISK_READ, /* of each disk */
    LIMIT_DISK_WRITE,
    LIMIT_COUNT
};

struct tenant {
    uint64_t id; /* from 1 */
    char name[NAME_MAX_BYTES + 1];
    int64_t created_us;
};

enum host_standing {
    HOST_ACTIVE,
    HOST_RETIRED /* judged by nobody: its history stays */
};

struct host {
    uint64_t id; /* 63 random bits, never 0; shown as 16 hexadecimal digits */
    uint64_t tenant;
    char name[NAME_MAX_BYTES + 1];  /* unique within its tenant */
    char group[NAME_MAX_BYTES + 1]; /* hosts whose alerts belong to one incident; the host's own name by default */
    char labels[LABELS_TEXT_MAX + 1];
    double limits[LIMIT_COUNT]; /* By/s, By/s, connections, connections/s, By/s, By/s; NaN: not declared */
    int64_t enrolled_us;
    enum host_standing standing;
};

struct fleet; /* opaque */

int fleet_new(struct fleet **ret_fleet, struct err *err);
struct fleet *fleet_free(struct fleet *fleet);

/* 1..NAME_MAX_BYTES of letters, digits, '.', '_' and '-', first a letter or digit. -EINVAL: it is not; the text
 * says what is. `what`: "host", "tenant"... for the text. */
int fleet_check_name(const char *what, const char *name, struct err *err);

/* Copies the row, or changes the row of the same id. -EEXIST: another row has the name; -ENOMEM. On 0 *ret_row is
 * borrowed. */
int fleet_put_tenant(struct fleet *fleet, const struct tenant *row, const struct tenant **ret_row, struct err *err);
int fleet_put_host(struct fleet *fleet, const struct host *row, const struct host **ret_row, struct err *err);

/* NULL: none. */
const struct tenant *fleet_tenant(const struct fleet *fleet, uint64_t id);
const struct tenant *fleet_tenant_named(const struct fleet *fleet, const char *name);
const struct host *fleet_host(const struct fleet *fleet, uint64_t id);

/* By name or by id in hexadecimal, within `tenant` or, when it is 0, among all. -ENOENT: none; -ENOTUNIQ: the name
 * stands in several tenants. */
int fleet_find_host(const struct fleet *fleet, uint64_t tenant, const char *name, const struct host **ret_row,
                    struct err *err);

size_t fleet_count_hosts(const struct fleet *fleet);
/* Of a tenant, which was put before them; retired ones are not counted. */
size_t fleet_count_active(const struct fleet *fleet, uint64_t tenant);

/* In the order they were enrolled. NULL: no more; start with NULL. */
const struct tenant *fleet_next_tenant(const struct fleet *fleet, const struct tenant *after);
const struct host *fleet_next_host(const struct fleet *fleet, const struct host *after);

/* "egress", "ingress", "connections", "new_connections": as configured and shown. */
const char *host_limit_name(enum host_limit limit);

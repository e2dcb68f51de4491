/* Rows live in uthash tables by id, which keep the order of insertion; names are looked up through a second table
 * keyed by (tenant, name). Rows are changed in place and never removed, so pointers to them can be handed out. */
#include "collector/ingest/fleet.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "uthash.h"

struct name_key {
    uint64_t tenant; /* 0 for tenants themselves */
    char name[NAME_MAX_BYTES + 1];
};

struct tenant_entry {
    struct tenant row; /* first: a row pointer is an entry pointer */
    size_t active;     /* hosts of it that are not retired */
    struct name_key key;
    UT_hash_handle by_id;
    UT_hash_handle by_name;
};

struct host_entry {
    struct host row; /* first, as above */
    struct name_key key;
    UT_hash_handle by_id;
    UT_hash_handle by_name;
};

struct fleet {
    struct tenant_entry *tenants;
    struct tenant_entry *tenants_by_name;
    struct host_entry *hosts;
    struct host_entry *hosts_by_name;
};

int fleet_new(struct fleet **ret_fleet, struct err *err)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return err_set(err, -ENOMEM, "fleet: out of memory");
    *ret_fleet = fleet;
    return 0;
}

struct fleet *fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return NULL;
    struct tenant_entry *tenant, *next_tenant;
    struct host_entry *host, *next_host;
    HASH_CLEAR(by_name, fleet->tenants_by_name);
    HASH_CLEAR(by_name, fleet->hosts_by_name);
    HASH_ITER(by_id, fleet->tenants, tenant, next_tenant)
    {
        HASH_DELETE(by_id, fleet->tenants, tenant);
        free(tenant);
    }
    HASH_ITER(by_id, fleet->hosts, host, next_host)
    {
        HASH_DELETE(by_id, fleet->hosts, host);
        free(host);
    }
    free(fleet);
    return NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int fleet_check_name(const char *what, const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool good = len >= 1 && len <= NAME_MAX_BYTES && is_alphanumeric(name[0]);
    for (size_t i = 0; good && i < len; i++)
        good = is_alphanumeric(name[i]) || strchr("._-", name[i]);
    if (!good)
        return err_set(err, -EINVAL,
                       "not a %s name: want 1 to %d letters, digits, '.', '_' or '-', the first a letter or digit",
                       what, NAME_MAX_BYTES);
    return 0;
}

static struct name_key name_key(uint64_t tenant, const char *name)
{
    struct name_key key;
    memset(&key, 0, sizeof key); /* hashed whole, padding and tail included */
    key.tenant = tenant;
    memcpy(key.name, name, strnlen(name, sizeof key.name - 1));
    return key;
}

int fleet_put_tenant(struct fleet *fleet, const struct tenant *row, const struct tenant **ret_row, struct err *err)
{
    struct tenant_entry *entry, *namesake;
    struct name_key key = name_key(0, row->name);
    HASH_FIND(by_name, fleet->tenants_by_name, &key, sizeof key, namesake);
    if (namesake && namesake->row.id != row->id)
        return err_set(err, -EEXIST, "there already is a tenant %s", row->name);
    HASH_FIND(by_id, fleet->tenants, &row->id, sizeof row->id, entry);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return err_set(err, -ENOMEM, "fleet: out of memory");
        entry->row.id = row->id;
        HASH_ADD(by_id, fleet->tenants, row.id, sizeof entry->row.id, entry);
        if (!entry->by_id.tbl) { /* uthash had no memory */
            free(entry);
            return err_set(err, -ENOMEM, "fleet: out of memory");
        }
    } else if (entry->by_name.tbl) {
        HASH_DELETE(by_name, fleet->tenants_by_name, entry);
    }
    entry->row = *row;
    entry->key = key;
    HASH_ADD(by_name, fleet->tenants_by_name, key, sizeof entry->key, entry);
    if (!entry->by_name.tbl)
        return err_set(err, -ENOMEM, "fleet: out of memory");
    *ret_row = &entry->row;
    return 0;
}

/* What a row has become, or was till now. */
static void count_active(struct fleet *fleet, const struct host *row, int by)
{
    struct tenant_entry *tenant;
    HASH_FIND(by_id, fleet->tenants, &row->tenant, sizeof row->tenant, tenant);
    if (tenant && row->standing == HOST_ACTIVE)
        tenant->active += (size_t)by;
}

int fleet_put_host(struct fleet *fleet, const struct host *row, const struct host **ret_row, struct err *err)
{
    assert(row->id != 0);
    struct host_entry *entry, *namesake;
    struct name_key key = name_key(row->tenant, row->name);
    HASH_FIND(by_name, fleet->hosts_by_name, &key, sizeof key, namesake);
    if (namesake && namesake->row.id != row->id)
        return err_set(err, -EEXIST, "this tenant already has a host %s", row->name);
    HASH_FIND(by_id, fleet->hosts, &row->id, sizeof row->id, entry);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return err_set(err, -ENOMEM, "fleet: out of memory");
        entry->row.id = row->id;
        HASH_ADD(by_id, fleet->hosts, row.id, sizeof entry->row.id, entry);
        if (!entry->by_id.tbl) { /* uthash had no memory */
            free(entry);
            return err_set(err, -ENOMEM, "fleet: out of memory");
        }
    } else if (entry->by_name.tbl) {
        HASH_DELETE(by_name, fleet->hosts_by_name, entry);
    }
    count_active(fleet, &entry->row, -1);
    entry->row = *row;
    count_active(fleet, &entry->row, 1);
    entry->key = key;
    HASH_ADD(by_name, fleet->hosts_by_name, key, sizeof entry->key, entry);
    if (!entry->by_name.tbl)
        return err_set(err, -ENOMEM, "fleet: out of memory");
    *ret_row = &entry->row;
    return 0;
}

const struct tenant *fleet_tenant(const struct fleet *fleet, uint64_t id)
{
    struct tenant_entry *entry;
    HASH_FIND(by_id, fleet->tenants, &id, sizeof id, entry);
    return entry ? &entry->row : NULL;
}

const struct tenant *fleet_tenant_named(const struct fleet *fleet, const char *name)
{
    if (strlen(name) > NAME_MAX_BYTES)
        return NULL;
    struct tenant_entry *entry;
    struct name_key key = name_key(0, name);
    HASH_FIND(by_name, fleet->tenants_by_name, &key, sizeof key, entry);
    return entry ? &entry->row : NULL;
}

const struct host *fleet_host(const struct fleet *fleet, uint64_t id)
{
    struct host_entry *entry;
    HASH_FIND(by_id, fleet->hosts, &id, sizeof id, entry);
    return entry ? &entry->row : NULL;
}

static const struct host *host_named(const struct fleet *fleet, uint64_t tenant, const char *name)
{
    struct host_entry *entry;
    struct name_key key = name_key(tenant, name);
    HASH_FIND(by_name, fleet->hosts_by_name, &key, sizeof key, entry);
    return entry ? &entry->row : NULL;
}

static const struct host *host_by_hex(const struct fleet *fleet, uint64_t tenant, const char *name)
{
    uint64_t id;
    struct scan scan = scan_over(name, strlen(name));
    if (!scan_hex64(&scan, &id) || !scan_done(&scan))
        return NULL;
    const struct host *host = fleet_host(fleet, id);
    return host && (tenant == 0 || host->tenant == tenant) ? host : NULL;
}

int fleet_find_host(const struct fleet *fleet, uint64_t tenant, const char *name, const struct host **ret_row,
                    struct err *err)
{
    const struct host *found = NULL;
    if (strlen(name) <= NAME_MAX_BYTES) {
        if (tenant != 0) {
            found = host_named(fleet, tenant, name);
        } else {
            for (const struct tenant_entry *at = fleet->tenants; at; at = at->by_id.next) {
                const struct host *host = host_named(fleet, at->row.id, name);
                if (host && found)
                    return err_set(err, -ENOTUNIQ, "several tenants have a host %s: say which with --tenant", name);
                found = host ? host : found;
            }
        }
    }
    if (!found)
        found = host_by_hex(fleet, tenant, name);
    if (!found)
        return err_set(err, -ENOENT, "there is no host %.*s; warroom hosts shows them", NAME_MAX_BYTES, name);
    *ret_row = found;
    return 0;
}

size_t fleet_count_hosts(const struct fleet *fleet)
{
    return HASH_CNT(by_id, fleet->hosts);
}

size_t fleet_count_active(const struct fleet *fleet, uint64_t tenant)
{
    struct tenant_entry *entry;
    HASH_FIND(by_id, fleet->tenants, &tenant, sizeof tenant, entry);
    return entry ? entry->active : 0;
}

const struct tenant *fleet_next_tenant(const struct fleet *fleet, const struct tenant *after)
{
    const struct tenant_entry *entry =
        after ? ((const struct tenant_entry *)after)->by_id.next : (const void *)fleet->tenants;
    return entry ? &entry->row : NULL;
}

const struct host *fleet_next_host(const struct fleet *fleet, const struct host *after)
{
    const struct host_entry *entry =
        after ? ((const struct host_entry *)after)->by_id.next : (const void *)fleet->hosts;
    return entry ? &entry->row : NULL;
}

const char *host_limit_name(enum host_limit limit)
{
    static const char *const names[LIMIT_COUNT] = {
        [LIMIT_EGRESS] = "egress",           [LIMIT_INGRESS] = "ingress",
        [LIMIT_CONNECTIONS] = "connections", [LIMIT_NEW_CONNECTIONS] = "new_connections",
        [LIMIT_DISK_READ] = "disk_read",     [LIMIT_DISK_WRITE] = "disk_write",
    };
    return names[limit];
}

/* Disk troubles, and broken ledgers, told to people: the store says how its files fare, this makes each kind an
 * incident of the collector's own, once, and ends it when the trouble is over.
 *
 * Many files lie on one disk, so a disk's trouble is one incident however many of them it keeps from being written; a
 * damaged file is an incident for each file. When the collector's own file lies on the same disk, the incident lives in
 * memory and its page goes out unrecorded, as everything else does in a fault (desk.c).
 *
 * An incident is known again after a restart by its group, "disk-full" say. The store finds a fault only by trying for
 * some seconds, so nothing is taken for over before the collector has run for STORE_CALM_US. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"
#include "utlist.h"

#define LOW_LEAST_BYTES ((uint64_t)256 << 20)
#define LOW_MOST_BYTES  ((uint64_t)16 << 30)
#define SMALL_DISK      ((uint64_t)1 << 30)

enum kind {
    DISK_FULL,
    DISK_READ_ONLY,
    DISK_HANGS,
    DISK_FAILS,
    FILE_DAMAGED,
    DISK_SLOW,
    DISK_LOW,
    LEDGER_BROKEN,
    KIND_COUNT
};

static const struct {
    const char *group;
    enum severity severity;
    const char *cause; /* NULL: its title is its own */
    const char *what_to_do;
} kinds[KIND_COUNT] = {
    [DISK_FULL] = { "disk-full", SEVERITY_CRITICAL, "disk full", "make room" },
    [DISK_READ_ONLY] = { "disk-read-only", SEVERITY_CRITICAL, "disk read-only", "mount it for writing" },
    [DISK_HANGS] = { "disk-hangs", SEVERITY_CRITICAL, "the disk does not answer", "see the kernel's log" },
    [DISK_FAILS] = { "disk-fails", SEVERITY_CRITICAL, "disk errors", "see the kernel's log" },
    [FILE_DAMAGED] = { "damaged-", SEVERITY_CRITICAL, "file damaged", "restore it from a backup" },
    [DISK_SLOW] = { "disk-slow", SEVERITY_WARNING, NULL, "see what else uses it" },
    [DISK_LOW] = { "disk-low", SEVERITY_WARNING, NULL, "make room" },
    [LEDGER_BROKEN] = { "ledger-", SEVERITY_CRITICAL, NULL, "see warroom ledger verify, then ledger accept" },
};

static const enum kind kind_of_trouble[] = {
    [STORE_WELL] = KIND_COUNT,  [STORE_FULL] = DISK_FULL,   [STORE_READ_ONLY] = DISK_READ_ONLY,
    [STORE_HANGS] = DISK_HANGS, [STORE_FAILS] = DISK_FAILS, [STORE_DAMAGED] = FILE_DAMAGED,
    [STORE_SLOW] = DISK_SLOW,
};

/* Whose file: a tenant's id, TENANT_RESERVED for the collector's own, or... */
#define THE_REGISTRY   (UINT64_MAX - 1)
#define THE_WHOLE_DISK UINT64_MAX

struct trouble {
    enum kind kind;
    uint64_t file;     /* THE_WHOLE_DISK but for those that are of a file */
    uint64_t incident; /* 0: none could be made */
    bool there;        /* as of this tick */
    char title[160];
    struct trouble *next;
};

struct found { /* of one kind, in one look at all files */
    unsigned n;
    uint64_t first; /* file */
};

static bool is_of_a_file(enum kind kind)
{
    return kind == FILE_DAMAGED || kind == LEDGER_BROKEN;
}

static void group_text(char text[NAME_MAX_BYTES + 1], enum kind kind, uint64_t file)
{
    if (is_of_a_file(kind) && file == THE_REGISTRY)
        snprintf(text, NAME_MAX_BYTES + 1, "%sregistry", kinds[kind].group);
    else if (is_of_a_file(kind))
        snprintf(text, NAME_MAX_BYTES + 1, "%stenant-%" PRIu64, kinds[kind].group, file);
    else
        snprintf(text, NAME_MAX_BYTES + 1, "%s", kinds[kind].group);
}

static struct trouble *find(struct collector *collector, enum kind kind, uint64_t file)
{
    for (struct trouble *trouble = collector->troubles; trouble; trouble = trouble->next)
        if (trouble->kind == kind && trouble->file == file)
            return trouble;
    return NULL;
}

/* NULL: out of memory; the next second tries again. */
static struct trouble *note(struct collector *collector, enum kind kind, uint64_t file)
{
    struct trouble *trouble = calloc(1, sizeof *trouble);
    if (!trouble)
        return NULL;
    trouble->kind = kind;
    trouble->file = file;
    LL_APPEND(collector->troubles, trouble);
    return trouble;
}

/* ---- words ---- */

static void name_store(char *text, size_t size, const struct collector *collector, uint64_t file)
{
    const struct tenant *tenant = fleet_tenant(collector->fleet, file);
    if (file == THE_REGISTRY)
        snprintf(text, size, "The registry");
    else if (tenant)
        snprintf(text, size, "The store of tenant %s", tenant->name);
    else
        snprintf(text, size, "The store of the collector's own incidents");
}

static void title_of_fault(char *text, size_t size, const struct collector *collector, enum kind kind,
                           const struct found *found)
{
    char store[NAME_MAX_BYTES + 32];
    char others[32] = "";
    name_store(store, sizeof store, collector, found->first);
    if (found->n > 1)
        snprintf(others, sizeof others, " (and %u more)", found->n - 1);
    snprintf(text, size, "%s%s cannot be written: %s; %s", store, others, kinds[kind].cause, kinds[kind].what_to_do);
}

static void title_of_ledger(char *text, size_t size, const struct collector *collector, uint64_t file)
{
    const struct tenant *tenant = fleet_tenant(collector->fleet, file);
    const char *what_to_do = kinds[LEDGER_BROKEN].what_to_do;
    if (tenant)
        snprintf(text, size, "The ledger of tenant %s is broken: %s", tenant->name, what_to_do);
    else
        snprintf(text, size, "The collector's own ledger is broken: %s", what_to_do);
}

/* `found` is NULL for what no file has. */
static void title_of(char *text, size_t size, const struct collector *collector, enum kind kind,
                     const struct found *found)
{
    const char *dir = collector->config->state;
    struct store_space space = store_space(collector->store);
    if (kinds[kind].cause && found)
        title_of_fault(text, size, collector, kind, found);
    else if (kind == LEDGER_BROKEN && found)
        title_of_ledger(text, size, collector, found->first);
    else if (kind == DISK_LOW)
        snprintf(text, size, "The disk is nearly full: %" PRIu64 " MiB free; make room under %s",
                 space.free_bytes >> 20, dir);
    else
        snprintf(text, size, "The disk is slow: writes take over %d s; %s under %s", (int)(STORE_SLOW_US / US_PER_S),
                 kinds[kind].what_to_do, dir);
}

/* ---- from trouble to incident ---- */

static void raise_incident(struct collector *collector, struct trouble *trouble)
{
    char group[NAME_MAX_BYTES + 1];
    group_text(group, trouble->kind, trouble->file);
    struct page_own own = {
        .group = group,
        .title = trouble->title,
        .severity = kinds[trouble->kind].severity,
        .crossed_us = now_us(collector),
    };
    if (trouble->kind != LEDGER_BROKEN) /* the store has said why */
        log_event(&collector->log, own.severity == SEVERITY_CRITICAL ? LOG_ERROR : LOG_WARN, "disk_trouble",
                  KV_TEXT("group", group), KV_TEXT("title", trouble->title),
                  KV_TEXT("state", collector->config->state));
    pager_own(collector->pager, &own, own.crossed_us, &trouble->incident, &collector->effects);
}

static void see(struct collector *collector, enum kind kind, uint64_t file, const struct found *found)
{
    struct trouble *trouble = find(collector, kind, file);
    bool is_new = !trouble;
    if (is_new)
        trouble = note(collector, kind, file);
    if (!trouble)
        return;
    trouble->there = true;
    title_of(trouble->title, sizeof trouble->title, collector, kind, found);
    if (is_new)
        raise_incident(collector, trouble);
}

static void end_those_over(struct collector *collector)
{
    bool too_early = now_us(collector) - collector->started_us < STORE_CALM_US;
    struct trouble *trouble, *next;
    LL_FOREACH_SAFE(collector->troubles, trouble, next)
    {
        if (trouble->there || too_early)
            continue;
        if (trouble->kind != LEDGER_BROKEN)
            log_event(&collector->log, LOG_WARN, "disk_trouble_over", KV_TEXT("title", trouble->title));
        pager_own_ends(collector->pager, trouble->incident, NULL, now_us(collector), &collector->effects);
        LL_DELETE(collector->troubles, trouble);
        free(trouble);
    }
}

/* ---- looking ---- */

static void look_at_ledger(struct collector *collector, uint64_t tenant)
{
    if (store_ledger_broken(collector->store, tenant))
        see(collector, LEDGER_BROKEN, tenant, &(struct found){ .n = 1, .first = tenant });
}

static void look_at_file(struct collector *collector, enum store_file which, uint64_t tenant, struct found *found)
{
    enum kind kind = kind_of_trouble[store_trouble(collector->store, which, tenant)];
    uint64_t file = which == STORE_REGISTRY ? THE_REGISTRY : tenant;
    if (which == STORE_TENANT)
        look_at_ledger(collector, tenant);
    if (kind == KIND_COUNT)
        return;
    if (kind == FILE_DAMAGED) {
        see(collector, kind, file, &(struct found){ .n = 1, .first = file });
        return;
    }
    if (found[kind].n++ == 0)
        found[kind].first = file;
}

/* A warning is of use while there is time: from 5 % on, but neither so late that the last 256 MiB go unwarned on a
 * disk of today, nor with more than 16 GiB to spare. It ends with a quarter more than that, not at the first file
 * deleted. */
static bool is_low(struct store_space space, bool already)
{
    uint64_t least = space.total_bytes / 20;
    if (least < LOW_LEAST_BYTES && space.total_bytes >= SMALL_DISK)
        least = LOW_LEAST_BYTES;
    if (least > LOW_MOST_BYTES)
        least = LOW_MOST_BYTES;
    return space.free_bytes < (already ? least + least / 4 : least);
}

static void look_at_space(struct collector *collector, bool full)
{
    struct trouble *low = find(collector, DISK_LOW, THE_WHOLE_DISK);
    struct store_space space = store_space(collector->store);
    if (space.total_bytes == 0)
        return;
    if (full && !low) /* said already, and worse */
        return;
    if (is_low(space, low != NULL))
        see(collector, DISK_LOW, THE_WHOLE_DISK, NULL);
}

void trouble_tick(struct collector *collector)
{
    struct found found[KIND_COUNT] = { 0 };
    struct trouble *trouble;
    LL_FOREACH(collector->troubles, trouble)
    trouble->there = false;
    look_at_file(collector, STORE_REGISTRY, 0, found);
    for (const struct tenant *tenant = NULL; (tenant = fleet_next_tenant(collector->fleet, tenant));)
        look_at_file(collector, STORE_TENANT, tenant->id, found);
    look_at_file(collector, STORE_TENANT, TENANT_RESERVED, found);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        if (found[kind].n > 0)
            see(collector, kind, THE_WHOLE_DISK, &found[kind]);
    look_at_space(collector, found[DISK_FULL].n > 0);
    end_those_over(collector);
}

/* ---- at start and end ---- */

static uint64_t file_of_group(const struct collector *collector, enum kind kind, const char *group)
{
    char text[NAME_MAX_BYTES + 1];
    for (const struct tenant *tenant = NULL; (tenant = fleet_next_tenant(collector->fleet, tenant));) {
        group_text(text, kind, tenant->id);
        if (strcmp(text, group) == 0)
            return tenant->id;
    }
    return TENANT_RESERVED;
}

static void take_up(void *user, const struct incident *incident)
{
    struct collector *collector = user;
    if (incident->tenant != TENANT_RESERVED || incident->state == INCIDENT_RESOLVED)
        return;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        if (strncmp(incident->group, kinds[kind].group, strlen(kinds[kind].group)) != 0)
            continue;
        uint64_t file = is_of_a_file(kind) ? file_of_group(collector, kind, incident->group) : THE_WHOLE_DISK;
        struct trouble *trouble = find(collector, kind, file) ? NULL : note(collector, kind, file);
        if (!trouble)
            return;
        trouble->incident = incident->id;
        memcpy(trouble->title, incident->title, sizeof trouble->title);
    }
}

void trouble_restore(struct collector *collector)
{
    pager_each(collector->pager, take_up, collector);
}

void trouble_free(struct collector *collector)
{
    struct trouble *trouble, *next;
    LL_FOREACH_SAFE(collector->troubles, trouble, next)
    free(trouble);
}

const char *collector_next_trouble(const struct collector *collector, const char *after)
{
    const struct trouble *trouble = collector->troubles;
    while (after && trouble && trouble->title != after)
        trouble = trouble->next;
    if (after && trouble)
        trouble = trouble->next;
    return trouble ? trouble->title : NULL;
}

#include "tests/sim/clocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/files.h"
#include "tests/sim/record.h"
#include "tests/sim/world.h"

enum { TENANTS_MAX = 8 };

static struct {
    struct record records[TENANTS_MAX];
    size_t n;
    struct clock_row *rows;
    uint64_t entries;
} clocks;

static int64_t stamp(const json_t *body, const char *key)
{
    return json_integer_value(json_object_get(body, key));
}

static struct clock_row *find_row(uint64_t incident, unsigned clock)
{
    for (size_t i = clocks.n; i-- > 0;)
        if (clocks.rows[i].incident == incident && clocks.rows[i].clock == clock)
            return &clocks.rows[i];
    return NULL;
}

/* `by` NULL: by the next one. */
static void end_row(uint64_t incident, unsigned clock, int64_t at_us, const char *by)
{
    struct clock_row *row = find_row(incident, clock);
    if (!row || row->ended_us > 0)
        return;
    row->ended_us = at_us;
    row->recovered = by && strcmp(by, "recovery") == 0;
    row->by_hand = by && !row->recovered && strcmp(by, "collector") != 0 && strcmp(by, "record") != 0;
}

static struct clock_row *add_row(const struct ledger_entry *entry, const json_t *body, unsigned clock)
{
    clocks.rows = reallocarray(clocks.rows, clocks.n + 1, sizeof *clocks.rows);
    if (!clocks.rows)
        world_fail("out of memory");
    struct clock_row *row = &clocks.rows[clocks.n++];
    *row = (struct clock_row){ .tenant = entry->tenant,
                               .event = entry->event,
                               .incident = entry->incident,
                               .clock = clock,
                               .late = json_is_true(json_object_get(body, "late")),
                               .crossed_us = stamp(body, "crossed_us"),
                               .detected_us = stamp(body, "detected_us"),
                               .damped_us = stamp(body, "damped_us"),
                               .noted_us = entry->at_us };
    snprintf(row->group, sizeof row->group, "%s", record_text(body, "group"));
    snprintf(row->title, sizeof row->title, "%s", record_text(body, "title"));
    struct clock_row *before = clock > 0 ? find_row(entry->incident, clock - 1) : NULL;
    if (before)
        before->next_us = entry->at_us;
    if (before)
        end_row(entry->incident, clock - 1, entry->at_us, NULL);
    return row;
}

static bool is_step(const json_t *body, enum incident_step step)
{
    return strcmp(record_text(body, "what"), incident_step_name(step)) == 0;
}

static void take_entry(void *user, const struct ledger_entry *entry, const json_t *body)
{
    (void)user;
    clocks.entries++;
    if (strcmp(entry->kind, "incident") != 0)
        return;
    unsigned clock = (unsigned)stamp(body, "clock");
    struct clock_row *row = find_row(entry->incident, clock);
    if (!row)
        row = add_row(entry, body, clock);
    row->moved_us = stamp(body, "crossed_us");
    if (is_step(body, STEP_REOPENED))
        row->ended_us = 0; /* it may be one that goes on */
    if (is_step(body, STEP_BREACHED)) {
        row->breached_us = entry->at_us;
        snprintf(row->cause, sizeof row->cause, "%s", record_text(body, "text"));
    } else if (is_step(body, STEP_RESOLVED) || is_step(body, STEP_RECORDED)) {
        end_row(entry->incident, clock, entry->at_us, entry->actor);
    } else if (is_step(body, STEP_ACKNOWLEDGED) && row->acknowledged_us == 0) {
        row->acknowledged_us = entry->at_us;
    } else if (is_step(body, STEP_EXPIRED)) {
        row->expired++;
    }
}

void clocks_read(uint64_t tenants)
{
    static const char is_there[] = "SELECT 1 FROM sqlite_master WHERE name = 'ledger'"; /* else it is just being made */
    for (uint64_t tenant = 0; tenant <= tenants && tenant < TENANTS_MAX; tenant++) {
        clocks.records[tenant].tenant = tenant;
        if (files_kept(tenant) && record_number(tenant, is_there) > 0)
            record_read(&clocks.records[tenant], take_entry, NULL);
    }
}

const struct clock_row *clocks_all(size_t *ret_n)
{
    *ret_n = clocks.n;
    return clocks.rows;
}

uint64_t clocks_entries(void)
{
    return clocks.entries;
}

void clocks_end(void)
{
    free(clocks.rows);
    memset(&clocks, 0, sizeof clocks);
}

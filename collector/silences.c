/* Maintenance silences, carried: who set which, until when, and what comes of it when one is over. What a silence means
 * is collector/page/silence.h's to say; those in force are kept in memory, the rest is the ledger's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"
#include "utlist.h"

bool silence_over(const struct collector *collector, const struct host_state *host, const char *rule)
{
    const struct kept_silence *kept;
    LL_FOREACH(collector->silences, kept)
    if (kept->row.tenant == host->row->tenant && silence_means(&kept->row, host->row->name, rule))
        return true;
    return false;
}

bool collector_is_silenced(const struct collector *collector, const struct alert *alert)
{
    const struct host_state *host = scope_host(collector, alert->host);
    return host && silence_over(collector, host, alert->rule);
}

const struct silence *collector_next_silence(const struct collector *collector, const struct silence *after)
{
    const struct kept_silence *kept = collector->silences;
    while (after && kept && &kept->row != after)
        kept = kept->next;
    if (after && kept)
        kept = kept->next;
    return kept ? &kept->row : NULL;
}

/* ---- on record ---- */

/* `event`: whose arming did it; 0: none's. */
static void keep(struct collector *collector, const struct silence *row, const char *what, const char *actor,
                 uint64_t event)
{
    store_put_silence(collector->store, row);
    json_t *body = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I}", "what", what, "silence", (json_int_t)row->id,
                             "hosts", row->hosts, "rule", row->rule, "owner", row->owner, "reason", row->reason,
                             "from_us", (json_int_t)row->from_us, "to_us", (json_int_t)row->to_us);
    ledger_note(collector, row->tenant,
                (struct ledger_note){ .kind = "silence", .event = event, .actor = actor, .body = body });
    log_event(&collector->log, LOG_INFO, "silence_changed", KV_COUNT("silence", row->id), KV_TEXT("what", what),
              KV_TEXT("by", actor), KV_TEXT("hosts", row->hosts), KV_TEXT("rule", row->rule));
}

static struct kept_silence *take_in(struct collector *collector, const struct silence *row)
{
    struct kept_silence *kept = calloc(1, sizeof *kept);
    if (!kept)
        return NULL;
    kept->row = *row;
    LL_APPEND(collector->silences, kept);
    return kept;
}

/* ---- who may ---- */

static bool share_a_host(const struct collector *collector, const struct silence *silence, const struct event *event)
{
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next)
        if (scope_is_in(event, state->row) && scope_names(silence->hosts, state->row->name))
            return true;
    return false;
}

/* Within a window, and where one begins before the silence is over, muting is a commander's decision. */
static int check_windows(const struct collector *collector, const struct silence *silence, enum role role,
                         struct err *err)
{
    for (const struct event *event = NULL; (event = collector_next_event(collector, event));) {
        bool ahead = event->state >= EVENT_REQUESTED && event->state < EVENT_CLOSING &&
                     event->start_us < silence->to_us && event->end_us > silence->from_us;
        bool in_force = event->state == EVENT_ARMED || event->state == EVENT_LIVE;
        if (role == ROLE_COMMANDER || event->tenant != silence->tenant || !(ahead || in_force) ||
            !share_a_host(collector, silence, event))
            continue;
        return err_set(err, -EPERM, "these hosts are in the window of %s: there a silence is a commander's decision",
                       event->name);
    }
    return 0;
}

static bool names_any_host(const struct collector *collector, const struct silence *silence)
{
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next)
        if (state->row->tenant == silence->tenant && scope_names(silence->hosts, state->row->name))
            return true;
    return false;
}

static int check_room(const struct collector *collector, struct err *err)
{
    const struct kept_silence *kept;
    size_t n;
    LL_COUNT(collector->silences, kept, n);
    return n < COLLECTOR_SILENCES_MAX
               ? 0
               : err_set(err, -ENOSPC, "%d silences are in force, as many as there can be", COLLECTOR_SILENCES_MAX);
}

/* ---- commands ---- */

int collector_add_silence(struct collector *collector, const struct silence *silence, enum role role,
                          const struct silence **ret_row, struct err *err)
{
    struct silence row = *silence;
    int rc = check_room(collector, err);
    if (rc == 0 && !names_any_host(collector, &row))
        rc =
            err_set(err, -ENOENT, "no host of this tenant is named by \"%.100s\"; warroom hosts shows them", row.hosts);
    if (rc == 0)
        rc = check_windows(collector, &row, role, err);
    if (rc < 0)
        return rc;
    row.id = collector->last_silence + 1;
    row.commander = role == ROLE_COMMANDER;
    struct kept_silence *kept = take_in(collector, &row);
    if (!kept)
        return err_set(err, -ENOMEM, "out of memory");
    collector->last_silence = row.id;
    keep(collector, &row, "added", row.owner, 0);
    *ret_row = &kept->row;
    return 0;
}

/* The pager hears of it with the silence out of force. */
static void end(struct collector *collector, struct kept_silence *kept, const char *what, const char *by,
                uint64_t event, struct silence *ret)
{
    kept->row.ended_us = now_us(collector);
    *ret = kept->row;
    LL_DELETE(collector->silences, kept);
    free(kept);
    keep(collector, ret, what, by, event);
    desk_silence_ended(collector, ret);
}

int collector_end_silence(struct collector *collector, uint64_t tenant, uint64_t id, const char *by,
                          struct silence *ret, struct err *err)
{
    struct kept_silence *kept;
    LL_FOREACH(collector->silences, kept)
    {
        if (kept->row.id != id || (tenant != 0 && kept->row.tenant != tenant))
            continue;
        end(collector, kept, "ended", by, 0, ret);
        return 0;
    }
    return err_set(err, -ENOENT, "there is no silence %" PRIu64 " in force; warroom silence list shows them", id);
}

void silences_yield(struct collector *collector, const struct event *event, const char *by)
{
    struct kept_silence *kept, *next;
    struct silence row;
    LL_FOREACH_SAFE(collector->silences, kept, next)
    if (!kept->row.commander && kept->row.tenant == event->tenant && share_a_host(collector, &kept->row, event))
        end(collector, kept, "overruled", by, event->id, &row);
}

void silences_yield_host(struct collector *collector, const struct host *host)
{
    for (const struct event *event = NULL; (event = collector_next_event(collector, event));)
        if ((event->state == EVENT_ARMED || event->state == EVENT_LIVE) && scope_is_in(event, host))
            silences_yield(collector, event, "collector");
}

/* ---- time, start and end ---- */

void silences_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    struct kept_silence *kept, *next;
    struct silence row;
    LL_FOREACH_SAFE(collector->silences, kept, next)
    if (kept->row.to_us <= now)
        end(collector, kept, "expired", EVENT_CLOCK, 0, &row);
}

int silences_restore(struct collector *collector, const struct silence *row)
{
    if (row->id > collector->last_silence)
        collector->last_silence = row->id;
    return row->ended_us != 0 || take_in(collector, row) ? 0 : -ENOMEM;
}

void silences_free(struct collector *collector)
{
    struct kept_silence *kept, *next;
    LL_FOREACH_SAFE(collector->silences, kept, next)
    free(kept);
}

/* Advisories and planned changes, carried: those that are not over are kept in memory, the rest in the tenant's file. A
 * change within an event's window stands against it until a commander has answered it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"
#include "utlist.h"

const struct notice *collector_next_notice(const struct collector *collector, const struct notice *after)
{
    const struct kept_notice *kept = collector->notices;
    while (after && kept && &kept->row != after)
        kept = kept->next;
    if (after && kept)
        kept = kept->next;
    return kept ? &kept->row : NULL;
}

static bool share_a_host(const struct collector *collector, const struct notice *notice, const struct event *event)
{
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next)
        if (scope_is_in(event, state->row) && scope_names(notice->hosts, state->row->name))
            return true;
    return false;
}

size_t notices_conflict(const struct collector *collector, const struct event *event, char *text, size_t size)
{
    size_t n = 0;
    size_t used = 0;
    const struct kept_notice *kept;
    text[0] = '\0';
    LL_FOREACH(collector->notices, kept)
    {
        const struct notice *row = &kept->row;
        if (row->tenant != event->tenant || !notice_stands_against(row, event->start_us, event->end_us) ||
            !share_a_host(collector, row, event))
            continue;
        if (used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%" PRIu64 " %s", n++ ? ", " : "", row->id, row->title);
        else
            n++;
    }
    return n;
}

const struct event *collector_notice_against(const struct collector *collector, const struct notice *notice,
                                             const struct event *after)
{
    const struct event *event = after;
    while ((event = collector_next_event(collector, event)))
        if (event->tenant == notice->tenant && event->state >= EVENT_REQUESTED && event->state <= EVENT_LIVE &&
            notice_stands_against(notice, event->start_us, event->end_us) && share_a_host(collector, notice, event))
            return event;
    return NULL;
}

/* ---- on record ---- */

static void keep(struct collector *collector, const struct notice *row, const char *what, const char *actor)
{
    store_put_notice(collector->store, row);
    json_t *body =
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "what", what, "notice", (json_int_t)row->id, "kind",
                  notice_kind_name(row->kind), "hosts", row->hosts, "title", row->title, "impact", row->impact,
                  "answer", row->answer, "from_us", (json_int_t)row->from_us, "to_us", (json_int_t)row->to_us);
    ledger_note(collector, row->tenant, (struct ledger_note){ .kind = "notice", .actor = actor, .body = body });
}

static struct kept_notice *take_in(struct collector *collector, const struct notice *row)
{
    struct kept_notice *kept = calloc(1, sizeof *kept);
    if (!kept)
        return NULL;
    kept->row = *row;
    LL_APPEND(collector->notices, kept);
    return kept;
}

/* ---- commands ---- */

static int check(const struct collector *collector, const struct notice *notice, struct err *err)
{
    const struct kept_notice *kept;
    size_t n;
    LL_COUNT(collector->notices, kept, n);
    if (n >= COLLECTOR_NOTICES_MAX)
        return err_set(err, -ENOSPC, "%d notices are not over yet, as many as there can be", COLLECTOR_NOTICES_MAX);
    if (notice->to_us <= now_us(collector))
        return err_set(err, -ERANGE, "the notice is over already: `to` lies in the past");
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next)
        if (state->row->tenant == notice->tenant && scope_names(notice->hosts, state->row->name))
            return 0;
    return err_set(err, -ENOENT, "no host of this tenant is named by \"%.100s\"; warroom hosts shows them",
                   notice->hosts);
}

int collector_add_notice(struct collector *collector, const struct notice *notice, const struct notice **ret_row,
                         struct err *err)
{
    struct notice row = *notice;
    int rc = check(collector, &row, err);
    if (rc < 0)
        return rc;
    row.id = collector->last_notice + 1;
    row.created_us = now_us(collector);
    struct kept_notice *kept = take_in(collector, &row);
    if (!kept)
        return err_set(err, -ENOMEM, "out of memory");
    collector->last_notice = row.id;
    keep(collector, &row, "added", row.by);
    *ret_row = &kept->row;
    return 0;
}

static struct notice *find(struct collector *collector, uint64_t tenant, uint64_t id)
{
    struct kept_notice *kept;
    LL_FOREACH(collector->notices, kept)
    if (kept->row.id == id && (tenant == 0 || kept->row.tenant == tenant))
        return &kept->row;
    return NULL;
}

int collector_answer_notice(struct collector *collector, uint64_t tenant, uint64_t id, const struct decision *decision,
                            const struct notice **ret_row, struct err *err)
{
    struct notice *row = find(collector, tenant, id);
    if (!row)
        return err_set(err, -ENOENT, "there is no notice %" PRIu64 "; warroom notice list shows them", id);
    if (row->answered_us != 0)
        return err_set(err, -EPERM, "notice %" PRIu64 " was answered by %s: %s", id, row->answered_by, row->answer);
    if (!decision->reason || !*decision->reason || strlen(decision->reason) > NOTICE_TEXT_MAX)
        return err_set(err, -EINVAL, "an answer needs a reason, 1 to %d bytes of it", NOTICE_TEXT_MAX);
    snprintf(row->answer, sizeof row->answer, "%s", decision->reason);
    snprintf(row->answered_by, sizeof row->answered_by, "%s", decision->by);
    row->answered_us = now_us(collector);
    keep(collector, row, "answered", decision->by);
    *ret_row = row;
    return 0;
}

/* ---- time, start and end ---- */

void notices_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    struct kept_notice *kept, *next;
    LL_FOREACH_SAFE(collector->notices, kept, next)
    {
        if (kept->row.to_us > now)
            continue;
        LL_DELETE(collector->notices, kept);
        free(kept);
    }
}

int notices_restore(struct collector *collector, const struct notice *row)
{
    if (row->id > collector->last_notice)
        collector->last_notice = row->id;
    return row->to_us <= now_us(collector) || take_in(collector, row) ? 0 : -ENOMEM;
}

void notices_free(struct collector *collector)
{
    struct kept_notice *kept, *next;
    LL_FOREACH_SAFE(collector->notices, kept, next)
    free(kept);
}

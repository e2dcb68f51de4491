#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/scan.h"
#include "collector/control/call.h"

enum { HOSTS_SHOWN = 200, EVENTS_SHOWN = 100 };

static bool is_number(const char *text, uint64_t *ret)
{
    struct scan scan = scan_over(text, strlen(text));
    return scan_u64(&scan, ret) && scan_done(&scan);
}

int call_event(const struct call *call, const struct event **ret, struct err *err)
{
    const char *name = call_text(call, "event");
    const struct event *found = NULL;
    uint64_t tenant, id;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    for (const struct event *event = NULL; (event = collector_next_event(call->collector, event));) {
        if (strcmp(event->name, name) != 0 || (tenant != 0 && event->tenant != tenant))
            continue;
        if (found)
            return err_set(err, -ENOTUNIQ, "several tenants have an event %s: say which with --tenant", name);
        found = event;
    }
    if (!found && is_number(name, &id))
        found = collector_event(call->collector, id);
    if (!found || (tenant != 0 && found->tenant != tenant))
        return err_set(err, -ENOENT, "there is no event %.63s; warroom event list shows them", name);
    *ret = found;
    return 0;
}

static int answer_event(struct call *call, const struct event *row)
{
    call->data = json_pack("{s:o}", "event", form_event(call->collector, row));
    call->file = STORE_TENANT;
    call->tenant = row->tenant;
    return CALL_WHEN_STORED;
}

int verb_event_create(struct call *call, struct err *err)
{
    struct event draft;
    const struct event *row;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    struct event_plan plan = { .name = call_text(call, "name"),
                               .zone = call_text(call, "zone"),
                               .first_day = call_text(call, "first_day"),
                               .days = call_int(call, "days", 0),
                               .hosts = call_text(call, "hosts"),
                               .drill = true };
    if (rc == 0)
        rc = event_init(&draft, &plan, err);
    if (rc < 0)
        return rc;
    draft.tenant = tenant;
    snprintf(draft.by, sizeof draft.by, "%s", call->by);
    rc = collector_add_event(call->collector, &draft, &row, err);
    return rc < 0 ? rc : answer_event(call, row);
}

static int do_verb(struct call *call, enum event_verb verb, struct err *err)
{
    const struct event *row;
    int rc = call_event(call, &row, err);
    if (rc == 0)
        rc = collector_event_do(call->collector, row->id, verb, call->by, &row, err);
    return rc < 0 ? rc : answer_event(call, row);
}

int verb_event_start(struct call *call, struct err *err)
{
    return do_verb(call, EVENT_START, err);
}

int verb_event_close(struct call *call, struct err *err)
{
    return do_verb(call, EVENT_CLOSE, err);
}

int verb_event_list(struct call *call, struct err *err)
{
    uint64_t tenant, after = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    if (call->next && !is_number(call->next, &after))
        return err_set(err, -EINVAL, "\"next\" is not one that event list has given");
    json_t *rows = json_array();
    for (const struct event *event = NULL; (event = collector_next_event(call->collector, event));) {
        if (event->id <= after || (tenant != 0 && event->tenant != tenant))
            continue;
        if (json_array_size(rows) == EVENTS_SHOWN) {
            char token[24];
            snprintf(token, sizeof token, "%" PRIu64, after);
            call->more = strdup(token);
            break;
        }
        json_array_append_new(rows, form_event(call->collector, event));
        after = event->id;
    }
    call->data = json_pack("{s:o}", "events", rows);
    return CALL_ANSWER;
}

struct listing {
    const struct collector *collector;
    uint64_t event;
    json_t *rows;
};

static void add_incident(void *user, const struct incident *incident)
{
    struct listing *listing = user;
    if (incident->event == listing->event)
        json_array_append_new(listing->rows, form_incident(listing->collector, incident));
}

int verb_event_show(struct call *call, struct err *err)
{
    const struct event *row = NULL;
    int rc = call_event(call, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    json_t *hosts = json_array();
    const struct fleet *fleet = collector_fleet(call->collector);
    for (const struct host *host = NULL; (host = fleet_next_host(fleet, host));)
        if (host->tenant == row->tenant && event_selects(row, host->name, host->labels) && json_array_size(hosts) < HOSTS_SHOWN)
            json_array_append_new(hosts, form_host(call->collector, host));
    struct listing listing = { .collector = call->collector, .event = row->id, .rows = json_array() };
    pager_each(collector_pager(call->collector), add_incident, &listing);
    call->data = json_pack("{s:o, s:o, s:o}", "event", form_event(call->collector, row), "hosts", hosts, "incidents",
                           listing.rows);
    return CALL_ANSWER;
}

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"

/* Of an event's page, so that with the longest document it stays an answer. */
enum { HOSTS_SHOWN = 100, INCIDENTS_SHOWN = 50, EVENTS_SHOWN = 100, HISTORY_SHOWN = 100, HISTORY_BYTES = 48 << 10 };

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

int call_answer_event(struct call *call, const struct event *row)
{
    call->data = json_pack("{s:o}", "event", form_event(call->collector, row));
    call->file = STORE_TENANT;
    call->tenant = row->tenant;
    return CALL_WHEN_STORED;
}

struct decision call_decision(const struct call *call)
{
    return (struct decision){ .by = call->by, .role = call->role, .reason = call_text(call, "reason") };
}

static enum event_verb verb_of(const struct call *call)
{
    enum event_verb verb = 0;
    while (verb < EVENT_VERB_COUNT - 1 && strcmp(call->verb->name + strlen("event "), event_verb_name(verb)) != 0)
        verb++;
    return verb;
}

int verb_event_do(struct call *call, struct err *err)
{
    const struct event *row;
    struct decision decision = call_decision(call);
    int rc = call_event(call, &row, err);
    if (rc == 0)
        rc = collector_event_do(call->collector, row->id, verb_of(call), &decision, &row, err);
    return rc < 0 ? rc : call_answer_event(call, row);
}

static int find_gate(const struct call *call, enum gate_kind *ret, struct err *err)
{
    char names[128];
    if (gate_find(call_text(call, "gate"), ret))
        return 0;
    return err_set(err, -EINVAL, "there is no gate %.40s; there are %s", call_text(call, "gate"),
                   gates_list(names, sizeof names, GATE_BIT(GATE_COUNT) - 1));
}

int verb_event_override(struct call *call, struct err *err)
{
    const struct event *row;
    enum gate_kind gate = 0;
    struct decision decision = call_decision(call);
    int rc = call_event(call, &row, err);
    if (rc == 0)
        rc = find_gate(call, &gate, err);
    if (rc == 0)
        rc = collector_override_gate(call->collector, row->id, gate, &decision, &row, err);
    return rc < 0 ? rc : call_answer_event(call, row);
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
    if (incident->event == listing->event && json_array_size(listing->rows) < INCIDENTS_SHOWN)
        json_array_append_new(listing->rows, form_incident(listing->collector, incident));
}

static json_t *hosts_of(const struct call *call, const struct event *row)
{
    json_t *hosts = json_array();
    const struct fleet *fleet = collector_fleet(call->collector);
    for (const struct host *host = NULL; (host = fleet_next_host(fleet, host));)
        if (host->tenant == row->tenant && event_selects(row, host->name, host->labels) &&
            json_array_size(hosts) < HOSTS_SHOWN)
            json_array_append_new(hosts, form_host(call->collector, host));
    return hosts;
}

/* ---- what was done for it: read backwards, a page at a time, for documents are long ---- */

struct history {
    struct call *call;
    struct store_ledger_query query;
    json_t *rows;
    size_t bytes;
};

static void end_history(struct history *history, const struct err *err)
{
    json_object_set_new(history->call->data, "history", history->rows);
    call_finish(history->call, err);
    free(history);
}

/* False: there is no room for it. */
static bool add_history(struct history *history, const struct ledger_entry *entry)
{
    json_t *body = form_said(entry);
    AUTO(auto_free) char *text = json_dumps(body, JSON_COMPACT);
    history->bytes += text ? strlen(text) : 0;
    if (history->bytes > HISTORY_BYTES || json_array_size(history->rows) == HISTORY_SHOWN) {
        json_decref(body);
        return false;
    }
    json_array_insert_new(history->rows, 0,
                          json_pack("{s:I, s:o, s:s, s:s, s:o}", "n", (json_int_t)entry->n, "at",
                                    form_instant(entry->at_us), "kind", entry->kind, "actor", entry->actor, "body",
                                    body));
    return true;
}

static void on_history(void *user, const struct store_ledger *result, const struct err *err)
{
    struct history *history = user;
    struct err why;
    bool more = !err && result->more;
    for (size_t i = 0; !err && i < result->n; i++) {
        history->query.behind = result->at[i].entry.n;
        if (!add_history(history, &result->at[i].entry)) {
            more = false;
            break;
        }
    }
    if (more) {
        if (store_ledger(collector_store(history->call->collector), &history->query, on_history, history, &why) == 0)
            return;
        err = &why;
    }
    end_history(history, err);
}

static int read_history(struct call *call, const struct event *row, struct err *err)
{
    struct history *history = calloc(1, sizeof *history);
    if (!history)
        return err_set(err, -ENOMEM, "out of memory");
    history->call = call;
    history->query =
        (struct store_ledger_query){ .tenant = row->tenant, .event = row->id, .steps = true, .most = HISTORY_SHOWN };
    history->rows = json_array();
    int rc = store_ledger(collector_store(call->collector), &history->query, on_history, history, err);
    if (rc == 0)
        return 0;
    json_decref(history->rows);
    free(history);
    return rc;
}

static void show_page(struct call *call, const struct event *row)
{
    struct err failed;
    struct listing listing = { .collector = call->collector, .event = row->id, .rows = json_array() };
    pager_each(collector_pager(call->collector), add_incident, &listing);
    call->data = json_pack("{s:o, s:o, s:o, s:o, s:o}", "event", form_event(call->collector, row), "gates",
                           form_gates(call->collector, row), "document", form_document(call->collector, row), "hosts",
                           hosts_of(call, row), "incidents", listing.rows);
    json_object_set_new(call->data, "heartbeat", form_heartbeat(call->collector, row));
    if (read_history(call, row, &failed) < 0)
        call_finish(call, &failed);
}

/* Whatever the disk said: in a fault, too, people want to see what is. */
static void on_settled(void *user, int rc)
{
    struct call *call = user;
    const struct event *row = NULL;
    struct err failed;
    (void)rc;
    if (call_event(call, &row, &failed) < 0)
        call_finish(call, &failed);
    else
        show_page(call, row);
}

/* What is shown is on disk, and its entries of the ledger with it. */
int verb_event_show(struct call *call, struct err *err)
{
    const struct event *row = NULL;
    int rc = call_event(call, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    collector_then(call->collector, STORE_TENANT, row->tenant, on_settled, call);
    return CALL_LATER;
}

/* Rounds of patrol as the ledger has them, and the word one shift leaves to the next. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"
#include "collector/patrol/schedule.h"

enum { ROUNDS_SHOWN = 50, NOTE_MAX = 4000, ENTRIES_READ = 4000, ENTRIES_A_TIME = 200, LINES_MAX = 50 };

/* ---- the rounds ---- */

static bool is_severer(const char *severity, const char *than)
{
    static const char *const rising[] = { "info", "warning", "critical" };
    int a = -1, b = -1;
    for (int i = 0; i < 3; i++) {
        a = severity && strcmp(severity, rising[i]) == 0 ? i : a;
        b = than && strcmp(than, rising[i]) == 0 ? i : b;
    }
    return a > b;
}

/* NULL: there is none. Borrowed. */
static const char *most_serious_of(const json_t *body)
{
    const char *worst = NULL;
    size_t i;
    json_t *finding;
    json_array_foreach(json_object_get(body, "findings"), i, finding)
    {
        const char *severity = json_string_value(json_object_get(finding, "severity"));
        worst = is_severer(severity, worst) ? severity : worst;
    }
    return worst;
}

static json_int_t count_not_checked(const json_t *body)
{
    json_int_t n = 0;
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(body, "checks"), i, check) n += json_is_false(json_object_get(check, "checked"));
    return n;
}

static json_int_t count_findings(const json_t *body)
{
    return (json_int_t)json_array_size(json_object_get(body, "findings")) +
           json_integer_value(json_object_get(body, "left_out"));
}

/* The entry's body with its sums; without what it looked at, unless `all` of it is wanted. */
static json_t *form_round(const struct store_ledger_row *row, bool all)
{
    json_t *body = json_loads(row->entry.body, 0, NULL);
    const char *worst = most_serious_of(body);
    if (!json_is_object(body)) {
        json_decref(body);
        return json_pack("{s:I}", "n", (json_int_t)row->entry.n);
    }
    json_object_set_new(body, "n", json_integer((json_int_t)row->entry.n));
    json_object_set_new(body, "incident",
                        row->entry.incident ? json_integer((json_int_t)row->entry.incident) : json_null());
    json_object_set_new(body, "worst", worst ? json_string(worst) : json_null());
    json_object_set_new(body, "found", json_integer(count_findings(body)));
    json_object_set_new(body, "not_checked", json_integer(count_not_checked(body)));
    if (!all) {
        json_object_del(body, "checks");
        json_object_del(body, "findings");
        json_object_del(body, "nearest");
    }
    return body;
}

static json_t *form_patrol(const struct event *event)
{
    const struct event_patrol *patrol = &event->patrol;
    int64_t interval_us = patrol->interval_us ? patrol->interval_us : PATROL_INTERVAL_US;
    return json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:o, s:o}", "event", event->name, "state",
                     event_state_name(event->state), "interval_s", form_seconds(interval_us), "on_record",
                     (int)patrol->rounds + patrol->closed, "total", (int)patrol_total(event), "preparing",
                     (int)patrol->preparing, "last", form_instant(patrol->last_us), "next_due",
                     form_instant(patrol_next_us(event)));
}

static void on_rounds(void *user, const struct store_ledger *result, const struct err *err)
{
    struct call *call = user;
    const struct event *event;
    struct err gone;
    if (err) {
        call_finish(call, err);
        return;
    }
    if (call_event(call, &event, &gone) < 0) {
        call_finish(call, &gone);
        return;
    }
    json_t *rounds = json_array();
    for (size_t i = 0; i < result->n; i++)
        json_array_append_new(rounds,
                              form_round(&result->at[i], json_is_true(json_object_get(call->args, "findings"))));
    call->data = json_pack("{s:o, s:o}", "patrol", form_patrol(event), "rounds", rounds);
    if (result->more && asprintf(&call->more, "%" PRIu64, result->at[result->n - 1].entry.n) < 0)
        call->more = NULL;
    call_finish(call, NULL);
}

int verb_patrol_log(struct call *call, struct err *err)
{
    struct store_ledger_query query = { .kind = "round",
                                        .oldest_first = json_is_true(json_object_get(call->args, "oldest")),
                                        .most = ROUNDS_SHOWN };
    const struct event *event;
    int rc = call_event(call, &event, err);
    if (rc < 0)
        return rc;
    struct scan scan = scan_over(call->next ? call->next : "0", call->next ? strlen(call->next) : 1);
    if (!scan_u64(&scan, &query.behind) || !scan_done(&scan))
        return err_set(err, -EINVAL, "\"next\" is not one that patrol log has given");
    query.tenant = event->tenant;
    query.event = event->id;
    rc = store_ledger(collector_store(call->collector), &query, on_rounds, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

/* ---- handing over ---- */

struct handover { /* read backwards from now to the last one */
    struct call *call;
    uint64_t event;
    uint64_t behind;
    size_t read;
    json_t *since; /* the last one's time; null: there was none */
    json_t *happened, *findings, *watch;
    json_int_t happened_left_out, findings_left_out;
    json_int_t kept, late, missed, found;
};

static void handover_free(struct handover *handover)
{
    json_decref(handover->since);
    json_decref(handover->happened);
    json_decref(handover->findings);
    json_decref(handover->watch);
    free(handover);
}

/* Reading goes backwards, so what is older goes in front. */
static void add_line(json_t *list, json_int_t *left_out, json_t *line)
{
    if (json_array_size(list) < LINES_MAX) {
        json_array_insert_new(list, 0, line);
        return;
    }
    ++*left_out;
    json_decref(line);
}

static void take_round(struct handover *handover, const json_t *body)
{
    const char *state = json_string_value(json_object_get(body, "state"));
    size_t i;
    json_t *finding;
    handover->kept += state && strcmp(state, "kept") == 0;
    handover->late += state && strcmp(state, "late") == 0;
    handover->missed += state && strcmp(state, "missed") == 0;
    handover->found += count_findings(body) > 0;
    if (!handover->watch && json_is_array(json_object_get(body, "nearest")))
        handover->watch = json_incref(json_object_get(body, "nearest"));
    json_array_foreach(json_object_get(body, "findings"), i, finding)
    {
        json_t *line = json_pack("{s:O, s:O}", "k", json_object_get(body, "k"), "at", json_object_get(body, "at"));
        if (!line || !is_severer(json_string_value(json_object_get(finding, "severity")), "info")) {
            json_decref(line);
            continue;
        }
        json_object_update(line, finding);
        json_object_del(line, "evidence");
        add_line(handover->findings, &handover->findings_left_out, line);
    }
}

static void take_other(struct handover *handover, const struct ledger_entry *entry)
{
    json_t *line = json_pack("{s:o, s:s, s:s, s:o}", "at", form_instant(entry->at_us), "kind", entry->kind, "by",
                             entry->actor, "said", form_said(entry));
    if (line && entry->incident)
        json_object_set_new(line, "incident", json_integer((json_int_t)entry->incident));
    if (line)
        add_line(handover->happened, &handover->happened_left_out, line);
}

/* False: it is the hand-over before, where reading ends. */
static bool take_entry(struct handover *handover, const struct ledger_entry *entry)
{
    json_t *body = json_loads(entry->body, 0, NULL);
    bool last = strcmp(entry->kind, "handover") == 0;
    handover->read++;
    if (last) {
        json_decref(handover->since);
        handover->since = form_instant(entry->at_us);
    } else if (strcmp(entry->kind, "round") == 0) {
        take_round(handover, body);
    } else if (body && strcmp(entry->kind, "page") != 0) {
        take_other(handover, entry);
    }
    json_decref(body);
    return !last;
}

struct open_list {
    uint64_t event;
    json_t *list;
};

static void add_open(void *user, const struct incident *row)
{
    const struct open_list *open = user;
    if (row->event != open->event || row->state == INCIDENT_RESOLVED || json_array_size(open->list) >= LINES_MAX)
        return;
    json_array_append_new(open->list,
                          json_pack("{s:I, s:s, s:s, s:s, s:s, s:o}", "id", (json_int_t)row->id, "title", row->title,
                                    "group", row->group, "severity", severity_name(row->severity), "state",
                                    incident_state_name(row->state), "crossed", form_instant(row->crossed_us)));
}

static json_t *form_handover(struct handover *handover)
{
    struct open_list open = { handover->event, json_array() };
    struct store_head head;
    char line[LEDGER_HEAD_TEXT + 1];
    const struct event *event = collector_event(handover->call->collector, handover->event);
    bool is_signed = event && store_ledger_head(collector_store(handover->call->collector), event->tenant, &head) == 0;
    pager_each(collector_pager(handover->call->collector), add_open, &open);
    return json_pack("{s:s?, s:O, s:s, s:{s:I, s:I, s:I, s:I}, s:O, s:I, s:O, s:I, s:o, s:o}", "ledger_head",
                     is_signed ? ledger_head_print(line, &head.head) : NULL, "since", handover->since, "note",
                     call_text(handover->call, "note"), "rounds", "kept", handover->kept, "late", handover->late,
                     "missed", handover->missed, "with_findings", handover->found, "happened", handover->happened,
                     "happened_left_out", handover->happened_left_out, "findings", handover->findings,
                     "findings_left_out", handover->findings_left_out, "open", open.list, "watch",
                     handover->watch ? json_incref(handover->watch) : json_array());
}

/* `body` goes into the ledger as it is; the answer says the rest, too. */
static int keep_handover(const struct handover *handover, const struct event *event, json_t *body, struct err *err)
{
    struct call *call = handover->call;
    AUTO(auto_free) char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        return err_set(err, -ENOMEM, "the hand-over cannot be kept: out of memory");
    int rc = collector_hand_over(call->collector, event->id, call->by, text, err);
    if (rc < 0)
        return rc;
    json_object_set_new(body, "event", json_string(event->name));
    json_object_set_new(body, "by", json_string(call->by));
    json_object_set_new(body, "at", form_instant(collector_now_us(call->collector)));
    json_object_set_new(body, "patrol", form_patrol(event));
    call->data = json_pack("{s:O}", "handover", body);
    return 0;
}

static void end_handover(struct handover *handover)
{
    struct call *call = handover->call;
    const struct event *event = collector_event(call->collector, handover->event);
    json_t *body = form_handover(handover);
    struct err err;
    if (keep_handover(handover, event, body, &err) < 0)
        call_finish(call, &err);
    else
        collector_then(call->collector, STORE_TENANT, event->tenant, call_stored, call);
    json_decref(body);
    handover_free(handover);
}

static int read_entries(struct handover *handover, struct err *err);

static void on_entries(void *user, const struct store_ledger *result, const struct err *err)
{
    struct handover *handover = user;
    struct err why;
    bool more = !err && result->more;
    for (size_t i = 0; !err && i < result->n; i++) {
        handover->behind = result->at[i].entry.n;
        if (!take_entry(handover, &result->at[i].entry)) {
            more = false;
            break;
        }
    }
    if (more && handover->read < ENTRIES_READ) {
        if (read_entries(handover, &why) == 0)
            return;
        err = &why;
    }
    if (!err) {
        end_handover(handover);
        return;
    }
    call_finish(handover->call, err);
    handover_free(handover);
}

static int read_entries(struct handover *handover, struct err *err)
{
    struct collector *collector = handover->call->collector;
    const struct event *event = collector_event(collector, handover->event);
    struct store_ledger_query query = {
        .tenant = event->tenant, .event = handover->event, .behind = handover->behind, .most = ENTRIES_A_TIME
    };
    return store_ledger(collector_store(collector), &query, on_entries, handover, err);
}

int verb_patrol_handover(struct call *call, struct err *err)
{
    const char *note = call_text(call, "note");
    const struct event *event;
    int rc = call_event(call, &event, err);
    if (rc == 0 && (!*note || strlen(note) > NOTE_MAX))
        rc = err_set(err, -EINVAL, "note is to be 1 to %d bytes: what the next shift has to know", NOTE_MAX);
    if (rc < 0)
        return rc;
    struct handover *handover = calloc(1, sizeof *handover);
    if (!handover)
        return err_set(err, -ENOMEM, "out of memory");
    handover->call = call;
    handover->event = event->id;
    handover->since = json_null();
    handover->happened = json_array();
    handover->findings = json_array();
    rc = read_entries(handover, err);
    if (rc == 0)
        return CALL_LATER;
    handover_free(handover);
    return rc;
}

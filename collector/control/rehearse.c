/* Rehearsals: one is asked for, looked at and stopped. Pages are the pager's while it has them, else the store's. */
#include <errno.h>

#include "collector/control/call.h"

static json_t *form_rehearsal(const struct event *event, const struct rehearsal *row)
{
    bool ended = row->state == REHEARSAL_ENDED;
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "event", event->name, "host",
                     row->host_name, "state", rehearsal_state_name(row->state), "passed",
                     ended ? json_boolean(row->passed) : json_null(), "incident",
                     row->incident ? json_integer((json_int_t)row->incident) : json_null(), "started",
                     form_instant(row->started_us), "started_by", row->started_by, "crossed",
                     form_instant(row->crossed_us), "detected", form_instant(row->detected_us), "ended",
                     form_instant(row->ended_us), "evidence", form_text(row->evidence));
}

/* As a monitoring plugin has it. */
static const char *state_of(const struct rehearsal *row)
{
    if (row->state != REHEARSAL_ENDED)
        return "unknown";
    return row->passed ? "ok" : "critical";
}

static void add_page(void *user, const struct page *page)
{
    if (page->kind == PAGE_TRIGGER)
        json_array_insert_new(user, 0, form_page(page)); /* the newest comes first */
}

/* `pages` is handed over. */
static json_t *form_answer(const struct call *call, const struct event *event, const struct rehearsal *row,
                           const struct incident *incident, json_t *pages)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "state", state_of(row), "rehearsal", form_rehearsal(event, row),
                     "incident", incident ? form_incident(call->collector, incident) : json_null(), "pages", pages);
}

/* False: the pager has forgotten it. */
static bool answer_from_memory(struct call *call, const struct event *event, const struct rehearsal *row)
{
    const struct pager *pager = collector_pager(call->collector);
    const struct incident *incident = pager_incident(pager, row->incident);
    if (row->incident && !incident)
        return false;
    json_t *pages = json_array();
    pager_each_page(pager, row->incident, add_page, pages);
    call->data = form_answer(call, event, row, incident, pages);
    return true;
}

static int answer_stored(struct call *call, const struct event *event, const struct rehearsal *row)
{
    answer_from_memory(call, event, row);
    call->file = STORE_TENANT;
    call->tenant = row->tenant;
    return CALL_WHEN_STORED;
}

int verb_rehearse(struct call *call, struct err *err)
{
    const struct event *event;
    const struct host *host = NULL;
    const struct rehearsal *row = NULL;
    int rc = call_event(call, &event, err);
    if (rc == 0 && call_text(call, "host"))
        rc = call_host(call, &host, err);
    if (rc == 0)
        rc = collector_rehearse(call->collector, event->id, host ? host->id : 0, call->by, &row, err);
    return row ? answer_stored(call, event, row) : rc;
}

int verb_rehearsal_stop(struct call *call, struct err *err)
{
    const struct event *event;
    const struct rehearsal *row = NULL;
    int rc = call_event(call, &event, err);
    if (rc == 0)
        rc = collector_stop_rehearsal(call->collector, event->id, call->by, &row, err);
    return row ? answer_stored(call, event, row) : rc;
}

static void on_shown(void *user, const struct store_incident_detail *result, const struct err *err)
{
    struct call *call = user;
    const struct event *event = NULL;
    struct err failed;
    const struct rehearsal *row =
        call_event(call, &event, &failed) < 0 ? NULL : collector_rehearsal(call->collector, event->id);
    if (err || !row) {
        call_finish(call, err ? err : &failed);
        return;
    }
    json_t *pages = json_array();
    for (size_t i = 0; i < result->n_pages; i++)
        if (result->pages[i].kind == PAGE_TRIGGER)
            json_array_append_new(pages, form_page(&result->pages[i]));
    call->data = form_answer(call, event, row, result->incident, pages);
    call_finish(call, NULL);
}

int verb_rehearsal_show(struct call *call, struct err *err)
{
    const struct event *event;
    int rc = call_event(call, &event, err);
    const struct rehearsal *row = rc < 0 ? NULL : collector_rehearsal(call->collector, event->id);
    if (!row)
        return rc < 0 ? rc
                      : err_set(err, -ENOENT, "event %s was not rehearsed yet; warroom rehearse does it", event->name);
    if (answer_from_memory(call, event, row))
        return CALL_ANSWER;
    rc = store_show_incident(collector_store(call->collector), row->tenant, row->incident, on_shown, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

/* Open incidents are in memory, with the pager; resolved ones are read from the store when `all` asks for them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scan.h"
#include "collector/control/call.h"

enum { INCIDENTS_A_PAGE = 100 };

/* ---- list ---- */

/* A token is "TENANT BELOW": where to go on. All incidents are listed tenant by tenant, the open ones (TENANT 0)
 * by id alone. */
static int continue_from(const struct call *call, uint64_t *tenant, uint64_t *below, struct err *err)
{
    *below = 0;
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_u64(&scan, tenant) || !scan_char(&scan, ' ') || !scan_u64(&scan, below) || !scan_done(&scan))
        return err_set(err, -EINVAL, "\"next\" is not one that incident list has given");
    return 0;
}

static char *token_of(uint64_t tenant, uint64_t below)
{
    char *text = NULL;
    return asprintf(&text, "%" PRIu64 " %" PRIu64, tenant, below) < 0 ? NULL : text;
}

struct picking {     /* the newest open incidents below an id: a small sorted window over all of them */
    uint64_t tenant; /* 0: all */
    uint64_t below;  /* 0: from the newest */
    size_t n;
    const struct incident *at[INCIDENTS_A_PAGE + 1]; /* by falling id; one more than is shown tells of more */
};

static void pick_open(void *user, const struct incident *incident)
{
    struct picking *picking = user;
    if (incident->state == INCIDENT_RESOLVED || (picking->tenant != 0 && incident->tenant != picking->tenant) ||
        (picking->below != 0 && incident->id >= picking->below))
        return;
    size_t at = picking->n;
    while (at > 0 && picking->at[at - 1]->id < incident->id)
        at--;
    if (at > INCIDENTS_A_PAGE)
        return;
    size_t kept = picking->n < INCIDENTS_A_PAGE + 1 ? picking->n : INCIDENTS_A_PAGE;
    memmove(&picking->at[at + 1], &picking->at[at], (kept - at) * sizeof picking->at[0]);
    picking->at[at] = incident;
    picking->n = kept + 1;
}

static int list_open(struct call *call, uint64_t tenant, uint64_t below)
{
    struct picking picking = { .tenant = tenant, .below = below };
    pager_each(collector_pager(call->collector), pick_open, &picking);
    json_t *rows = json_array();
    for (size_t i = 0; i < picking.n && i < INCIDENTS_A_PAGE; i++)
        json_array_append_new(rows, form_incident(call->collector, picking.at[i]));
    if (picking.n > INCIDENTS_A_PAGE)
        call->more = token_of(0, picking.at[INCIDENTS_A_PAGE - 1]->id);
    call->data = json_pack("{s:o}", "incidents", rows);
    return CALL_ANSWER;
}

static void on_listed(void *user, const struct store_incidents *result, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *rows = json_array();
    for (size_t i = 0; i < result->n; i++)
        json_array_append_new(rows, form_incident(call->collector, &result->at[i]));
    call->data = json_pack("{s:o}", "incidents", rows);
    const struct fleet *fleet = collector_fleet(call->collector);
    const struct tenant *following = NULL;
    if (result->n == INCIDENTS_A_PAGE)
        call->more = token_of(call->tenant, result->at[result->n - 1].id);
    else if (!call_text(call, "tenant"))
        following =
            fleet_next_tenant(fleet, fleet_tenant(fleet, call->tenant)); /* tenant 0, the collector's own, first */
    if (following)
        call->more = token_of(following->id, 0);
    call_finish(call, NULL);
}

int verb_incident_list(struct call *call, struct err *err)
{
    uint64_t asked = 0;
    uint64_t below = 0;
    int rc = call_tenant(call, &asked, err);
    uint64_t tenant = asked;
    if (rc == 0)
        rc = continue_from(call, &tenant, &below, err);
    if (asked != 0)
        tenant = asked; /* whatever the token says */
    if (rc < 0)
        return rc;
    if (!json_is_true(json_object_get(call->args, "all")))
        return list_open(call, asked, below);
    call->tenant = tenant;
    rc = store_list_incidents(collector_store(call->collector), tenant, below, INCIDENTS_A_PAGE, on_listed, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

/* ---- show ---- */

static uint64_t incident_arg(const struct call *call)
{
    int64_t id = call_int(call, "incident", 0);
    return id > 0 ? (uint64_t)id : 0;
}

static int ask_tenant(struct call *call, uint64_t tenant, struct err *err);

static json_t *form_alert_of(const struct collector *collector, const struct incident_alert *row)
{
    json_t *form = form_alert(&row->alert, row->host_name, row->summary);
    bool silenced = row->alert.state == ALERT_FIRING && collector_is_silenced(collector, &row->alert);
    json_object_set_new(form, "silenced", json_boolean(silenced));
    return form;
}

static void on_shown(void *user, const struct store_incident_detail *result, const struct err *err)
{
    struct call *call = user;
    struct err failed;
    const struct fleet *fleet = collector_fleet(call->collector);
    if (!err && !result->incident) { /* ids are unique in the collector: one of the tenants has it */
        const struct tenant *following =
            call->role_tenant ? NULL : fleet_next_tenant(fleet, fleet_tenant(fleet, call->tenant));
        if (following && ask_tenant(call, following->id, &failed) >= 0)
            return;
        if (!following)
            err_set(&failed, -ENOENT, "there is no incident %" PRIu64 "; warroom incident list --all shows them",
                    incident_arg(call));
        err = &failed;
    }
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *alerts = json_array();
    json_t *pages = json_array();
    for (size_t i = 0; i < result->n_alerts; i++)
        json_array_append_new(alerts, form_alert_of(call->collector, &result->alerts[i]));
    for (size_t i = 0; i < result->n_pages; i++)
        json_array_append_new(pages, form_page(&result->pages[i]));
    call->data = json_pack("{s:o, s:o, s:o}", "incident", form_incident(call->collector, result->incident), "alerts",
                           alerts, "pages", pages);
    call_finish(call, NULL);
}

static int ask_tenant(struct call *call, uint64_t tenant, struct err *err)
{
    call->tenant = tenant;
    int rc = store_show_incident(collector_store(call->collector), tenant, incident_arg(call), on_shown, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

int verb_incident_show(struct call *call, struct err *err)
{
    const struct incident *known = pager_incident(collector_pager(call->collector), incident_arg(call));
    if (call->role_tenant)
        return ask_tenant(call, call->role_tenant, err);
    return ask_tenant(call, known ? known->tenant : 0, err);
}

/* ---- work on it ---- */

static int answer_incident(struct call *call, uint64_t id)
{
    const struct incident *incident = pager_incident(collector_pager(call->collector), id);
    call->data = json_pack("{s:o}", "incident", form_incident(call->collector, incident));
    call->file = STORE_TENANT;
    call->tenant = incident->tenant;
    return CALL_WHEN_STORED;
}

int verb_incident_ack(struct call *call, struct err *err)
{
    int rc = collector_acknowledge(call->collector, incident_arg(call), call->by, err);
    return rc < 0 ? rc : answer_incident(call, incident_arg(call));
}

int verb_incident_resolve(struct call *call, struct err *err)
{
    int rc = collector_resolve(call->collector, incident_arg(call), call->by, err);
    return rc < 0 ? rc : answer_incident(call, incident_arg(call));
}

int verb_incident_assign(struct call *call, struct err *err)
{
    int rc = collector_assign(call->collector, incident_arg(call), call_text(call, "to"), call->by, err);
    return rc < 0 ? rc : answer_incident(call, incident_arg(call));
}

int verb_incident_note(struct call *call, struct err *err)
{
    int rc = collector_note(call->collector, incident_arg(call), call_text(call, "text"), call->by, err);
    return rc < 0 ? rc : answer_incident(call, incident_arg(call));
}

int verb_incident_reopen(struct call *call, struct err *err)
{
    int rc = collector_reopen(call->collector, incident_arg(call), call->by, err);
    return rc < 0 ? rc : answer_incident(call, incident_arg(call));
}

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/page/parts.h"

/* ---- dossiers ---- */

struct dossier *dossier_find(const struct pager *pager, uint64_t id)
{
    struct dossier *dossier;
    HASH_FIND(hh, pager->dossiers, &id, sizeof id, dossier);
    return dossier;
}

struct dossier *dossier_make(struct pager *pager, uint64_t id)
{
    struct dossier *dossier = dossier_find(pager, id);
    if (dossier)
        return dossier;
    dossier = calloc(1, sizeof *dossier);
    if (!dossier)
        return NULL;
    dossier->row.id = id;
    HASH_ADD(hh, pager->dossiers, row.id, sizeof dossier->row.id, dossier);
    if (!dossier->hh.tbl) {
        free(dossier);
        return NULL;
    }
    return dossier;
}

static void leave_group(struct pager *pager, struct dossier *dossier)
{
    if (dossier->in_group)
        HASH_DELETE(hh_group, pager->groups, dossier);
    dossier->in_group = false;
}

int dossier_join_group(struct pager *pager, struct dossier *dossier)
{
    struct dossier *other;
    memset(&dossier->key, 0, sizeof dossier->key);
    dossier->key.tenant = dossier->row.tenant;
    dossier->key.event = dossier->row.event;
    snprintf(dossier->key.group, sizeof dossier->key.group, "%s", dossier->row.group);
    HASH_FIND(hh_group, pager->groups, &dossier->key, sizeof dossier->key, other);
    if (dossier->in_group)
        return 0;
    if (other && other->row.state != INCIDENT_RESOLVED)
        return 0;
    if (other)
        leave_group(pager, other);
    HASH_ADD(hh_group, pager->groups, key, sizeof dossier->key, dossier);
    if (!dossier->hh_group.tbl)
        return -ENOMEM;
    dossier->in_group = true;
    return 0;
}

static void let_go_of_holders(struct pager *pager, struct dossier *dossier)
{
    struct holder *holder, *next;
    if (dossier->n_holders == 0)
        return;
    for (size_t i = 0; i < dossier->n_rows; i++) {
        holder = holder_find(pager, &dossier->rows[i].alert);
        if (holder && holder->dossier == dossier)
            holder_free(pager, holder);
    }
    if (dossier->n_holders == 0)
        return;
    HASH_ITER(hh, pager->holders, holder, next) /* those past the rows */
    if (holder->dossier == dossier)
        holder_free(pager, holder);
}

void dossier_free(struct pager *pager, struct dossier *dossier)
{
    let_go_of_holders(pager, dossier);
    leave_group(pager, dossier);
    for (struct slip *slip = dossier->slips, *next; slip; slip = next) {
        next = slip->next;
        queue_remove(slip);
        assert(pager->slips);
        HASH_DELETE(hh, pager->slips, slip);
        free(slip);
    }
    HASH_DELETE(hh, pager->dossiers, dossier);
    free(dossier->rows);
    free(dossier);
}

/* ---- holders ---- */

static struct alert_key key_of(const struct alert *alert)
{
    struct alert_key key;
    memset(&key, 0, sizeof key);
    key.host = alert->host;
    snprintf(key.rule, sizeof key.rule, "%s", alert->rule);
    snprintf(key.metric, sizeof key.metric, "%s", alert->metric);
    snprintf(key.instance, sizeof key.instance, "%s", alert->instance);
    return key;
}

struct holder *holder_find(const struct pager *pager, const struct alert *alert)
{
    struct alert_key key = key_of(alert);
    struct holder *holder;
    HASH_FIND(hh, pager->holders, &key, sizeof key, holder);
    return holder;
}

struct holder *holder_make(struct pager *pager, const struct alert *alert, struct dossier *dossier, int row)
{
    struct holder *holder = calloc(1, sizeof *holder);
    if (!holder)
        return NULL;
    struct alert_key key = key_of(alert);
    memcpy(&holder->key, &key, sizeof key);
    holder->dossier = dossier;
    holder->row = row;
    HASH_ADD(hh, pager->holders, key, sizeof holder->key, holder);
    if (!holder->hh.tbl) {
        free(holder);
        return NULL;
    }
    dossier->n_holders++;
    return holder;
}

void holder_free(struct pager *pager, struct holder *holder)
{
    assert(pager->holders && holder->dossier->n_holders > 0);
    holder->dossier->n_holders--;
    HASH_DELETE(hh, pager->holders, holder);
    free(holder);
}

/* What is not ok holds its incident open, unless that is resolved. */
static int hold(struct pager *pager, struct dossier *dossier, int row)
{
    const struct alert *alert = &dossier->rows[row].alert;
    if (alert->state == ALERT_OK || !dossier->known || dossier->row.state == INCIDENT_RESOLVED ||
        holder_find(pager, alert))
        return 0;
    return holder_make(pager, alert, dossier, row) ? 0 : -ENOMEM;
}

int dossier_hold(struct pager *pager, struct dossier *dossier)
{
    int rc = 0;
    for (size_t i = 0; i < dossier->n_rows && rc == 0; i++)
        rc = hold(pager, dossier, (int)i);
    return rc;
}

/* ---- the clock ---- */

int64_t incident_budget_from(const struct incident *row)
{
    return row->silenced_us > row->crossed_us ? row->silenced_us : row->crossed_us;
}

/* The verdict follows from the stamps alone, so that anybody can work it out again from the record. */
static bool is_breached(const struct incident *row, int64_t now_us)
{
    int64_t deadline_us = incident_budget_from(row) + PAGE_BUDGET_US;
    int64_t told_us = row->delivered_us;
    if (row->resolved_us > 0 && row->resolved_us < row->damped_us && told_us == 0 && row->acknowledged_us == 0)
        return false; /* it was gone again before anybody was to be told */
    int64_t noticed_us = row->acknowledged_us > 0 ? row->acknowledged_us : row->resolved_us;
    if (told_us == 0 || (row->acknowledged_us > 0 && row->acknowledged_us < told_us))
        told_us = row->acknowledged_us; /* who acknowledges knows */
    return (told_us > 0 ? told_us : now_us) > deadline_us || (noticed_us > 0 ? noticed_us : now_us) > deadline_us;
}

/* The error of the latest attempt at telling anybody. NULL: there was none. */
static const struct page *latest_refusal(const struct dossier *dossier)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip->clock == dossier->row.clock && slip->row.kind == PAGE_TRIGGER && slip->row.error[0])
            return &slip->row;
    return NULL;
}

static void write_cause(const struct dossier *dossier, int64_t now_us, char *text, size_t size)
{
    const struct incident *row = &dossier->row;
    const struct page *refused = latest_refusal(dossier);
    int64_t from_us = incident_budget_from(row);
    if (row->detected_us - from_us > PAGE_BUDGET_US)
        snprintf(text, size, "found %" PRId64 " s after it had crossed", (row->detected_us - from_us) / US_PER_S);
    else if (row->delivered_us - from_us > PAGE_BUDGET_US)
        snprintf(text, size, "the first page was delivered %" PRId64 " s after it had crossed",
                 (row->delivered_us - from_us) / US_PER_S);
    else if (row->delivered_us > 0)
        snprintf(text, size, "delivered after %" PRId64 " s, and not acknowledged",
                 (row->delivered_us - from_us) / US_PER_S);
    else if (refused)
        snprintf(text, size, "no page was delivered; the last error, of %s by %s: %s", refused->contact,
                 refused->channel, refused->error);
    else
        snprintf(text, size, "no page was delivered within %" PRId64 " s", (now_us - from_us) / US_PER_S);
}

bool dossier_check_budget(struct paging *p, struct dossier *dossier)
{
    struct incident *row = &dossier->row;
    if (row->warned_pct == ALL_GONE_PCT || row->rehearsal || row->clock == 0 || !is_breached(row, p->now_us))
        return false;
    char cause[PAGE_NOTE_MAX + 1];
    row->breached = true;
    row->warned_pct = ALL_GONE_PCT;
    write_cause(dossier, p->now_us, cause, sizeof cause);
    tell_step(p, dossier, STEP_BREACHED, NULL, cause);
    return true;
}

void dossier_tell(struct paging *p, struct dossier *dossier)
{
    dossier_check_budget(p, dossier);
    tell_incident(p, dossier);
}

void dossier_trigger(struct paging *p, struct dossier *dossier, const char *title, int64_t crossed_us,
                     int64_t detected_us, bool late)
{
    struct incident *row = &dossier->row;
    enum incident_step step = row->resolved_us > 0    ? STEP_REOPENED
                              : row->detected_us == 0 ? STEP_OPENED
                                                      : STEP_TRIGGERED_AGAIN;
    if (row->clock > 0) {
        dossier_check_budget(p, dossier); /* of the clock that ends here */
        slips_cancel(p, dossier);         /* the new pages say more, and of an end before nobody need hear */
    }
    row->clock++;
    row->state = INCIDENT_TRIGGERED;
    row->detected_us = detected_us < p->now_us ? detected_us : p->now_us;
    row->crossed_us = crossed_us < row->detected_us ? crossed_us : row->detected_us;
    row->late = row->late || late || row->detected_us - incident_budget_from(row) > PAGE_BUDGET_US;
    row->delivered_us = row->acknowledged_us = row->expires_us = row->resolved_us = 0;
    row->resolved_by[0] = '\0';
    row->acknowledged_by[0] = '\0';
    row->turn = row->warned_pct = 0;
    snprintf(row->title, sizeof row->title, "%s", title);
    int64_t from_us = incident_budget_from(row);
    escalate_begin(p, dossier, row->detected_us - from_us > PAGE_BUDGET_US ? row->detected_us : from_us);
    tell_step(p, dossier, step, NULL, NULL);
    dossier_tell(p, dossier);
}

void dossier_go_on(struct paging *p, struct dossier *dossier)
{
    struct incident *row = &dossier->row;
    slips_cancel(p, dossier);
    row->state = INCIDENT_TRIGGERED;
    row->resolved_us = 0;
    row->resolved_by[0] = '\0';
    row->turn++;
    escalate_begin(p, dossier, row->steps_us);
    tell_step(p, dossier, STEP_REOPENED, NULL, NULL);
    dossier_tell(p, dossier);
}

void dossier_resolve(struct paging *p, struct dossier *dossier, const char *by)
{
    dossier->row.state = INCIDENT_RESOLVED;
    dossier->row.resolved_us = p->now_us;
    dossier->row.expires_us = 0;
    snprintf(dossier->row.resolved_by, sizeof dossier->row.resolved_by, "%s", by);
    if (strcmp(by, BY_RECOVERY) != 0) /* else it may come back */
        leave_group(p->pager, dossier);
    let_go_of_holders(p->pager, dossier);
    slips_resolve(p, dossier);
    tell_step(p, dossier, dossier->row.clock == 0 && dossier->row.late ? STEP_RECORDED : STEP_RESOLVED, by, NULL);
    dossier_tell(p, dossier);
}

#include "collector/page/page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/page/parts.h"

const char *incident_state_name(enum incident_state state)
{
    static const char *const names[] = { "triggered", "acknowledged", "resolved" };
    return names[state];
}

const char *incident_step_name(enum incident_step step)
{
    static const char *const names[STEP_COUNT] = {
        "opened",   "triggered-again", "acknowledged", "breached", "resolved", "recorded", "acknowledgement-expired",
        "assigned", "noted",           "reopened",     "warned",
    };
    return names[step];
}

const char *page_kind_name(enum page_kind kind)
{
    static const char *const names[] = { "trigger", "resolve", "chatter", "heartbeat" };
    return names[kind];
}

const char *page_class_name(enum page_class class)
{
    static const char *const names[] = { "first", "spill", "rehearsed" };
    return names[class];
}

const char *page_state_name(enum page_state state)
{
    static const char *const names[] = { "queued", "delivered", "failed", "cancelled" };
    return names[state];
}

int pager_new(struct pager **ret_pager, struct err *err)
{
    struct pager *pager = calloc(1, sizeof *pager);
    if (!pager)
        return err_set(err, -ENOMEM, "pager: out of memory");
    pager->queue.is_before = slip_is_earlier;
    *ret_pager = pager;
    return 0;
}

struct pager *pager_free(struct pager *pager)
{
    struct dossier *dossier, *next;
    if (!pager)
        return NULL;
    HASH_ITER(hh, pager->dossiers, dossier, next)
    dossier_free(pager, dossier);
    chatter_forget(pager, INT64_MAX);
    queue_done(&pager->queue);
    lanes_done(pager);
    ways_done(&pager->ways);
    free(pager);
    return NULL;
}

/* ---- alerts ---- */

static bool same_alert(const struct alert *a, const struct alert *b)
{
    return a->host == b->host && strcmp(a->rule, b->rule) == 0 && strcmp(a->metric, b->metric) == 0 &&
           strcmp(a->instance, b->instance) == 0;
}

static int add_row(struct dossier *dossier)
{
    if (dossier->n_rows == dossier->rows_room) {
        size_t room = dossier->rows_room ? dossier->rows_room * 2 : 1;
        struct incident_alert *rows = reallocarray(dossier->rows, room, sizeof *rows);
        if (!rows)
            return ROW_NONE;
        dossier->rows = rows;
        dossier->rows_room = room;
    }
    return (int)dossier->n_rows++;
}

/* NULL: the incident does not know the alert. */
static const struct incident_alert *row_of(const struct dossier *dossier, const struct alert *alert)
{
    for (size_t i = 0; i < dossier->n_rows; i++)
        if (same_alert(&dossier->rows[i].alert, alert))
            return &dossier->rows[i];
    return NULL;
}

/* The alert's own row if it had one, else a new one, else one of an alert that is ok; ROW_NONE: all are taken. */
static int row_for(struct dossier *dossier, const struct alert *alert, bool *ret_new)
{
    int ok = ROW_NONE;
    *ret_new = false;
    for (size_t i = 0; i < dossier->n_rows; i++) {
        if (same_alert(&dossier->rows[i].alert, alert))
            return (int)i;
        if (ok == ROW_NONE && dossier->rows[i].alert.state == ALERT_OK)
            ok = (int)i;
    }
    *ret_new = true;
    return dossier->n_rows < INCIDENT_ALERTS_MAX ? add_row(dossier) : ok;
}

static void write_row(struct paging *p, struct dossier *dossier, int row, const struct alert *alert,
                      const struct page_scope *scope)
{
    if (row == ROW_NONE)
        return;
    struct incident_alert *at = &dossier->rows[row];
    *at = (struct incident_alert){ .incident = dossier->row.id, .alert = *alert };
    snprintf(at->host_name, sizeof at->host_name, "%s", scope->host_name);
    summary_text(at->summary, sizeof at->summary, scope->summary, alert);
    tell_alert(p, at);
}

/* False for want of memory: the dossier is as it was. */
static bool join(struct paging *p, struct dossier *dossier, const struct alert *alert, const struct page_scope *scope)
{
    size_t n_rows = dossier->n_rows;
    bool is_new;
    int row = row_for(dossier, alert, &is_new);
    if (!holder_make(p->pager, alert, dossier, row)) {
        dossier->n_rows = n_rows;
        p->rc = -ENOMEM;
        return false;
    }
    if (is_new)
        dossier->row.n_alerts++;
    write_row(p, dossier, row, alert, scope);
    return true;
}

/* Nobody could hear of what was muted: its clock begins when that ends. */
static int64_t clock_from(const struct transition *t)
{
    return t->unmuted ? t->detected_us : t->alert.crossed_us;
}

static void trigger(struct paging *p, struct dossier *dossier, const struct transition *t,
                    const struct page_scope *scope, int64_t damped_us)
{
    char title[sizeof dossier->row.title];
    dossier->row.severity = t->alert.severity;
    dossier->row.silenced_us = scope->silenced_us;
    dossier->row.damped_us = damped_us;
    title_text(title, sizeof title, scope, &t->alert);
    dossier_trigger(p, dossier, title, clock_from(t), t->detected_us, t->late);
}

static void take_policy(struct paging *p, struct dossier *dossier)
{
    const struct page_ways *ways = &p->pager->ways;
    struct incident *row = &dossier->row;
    struct page_policy policy;
    if (ways->policy_of && ways->policy_of(ways->user, row->tenant, row->event, &policy))
        page_policy_text(&policy, row->policy, NULL);
}

static struct dossier *open_dossier(struct paging *p, const struct page_scope *scope)
{
    struct dossier *dossier = dossier_make(p->pager, p->pager->last_incident + 1);
    if (!dossier) {
        p->rc = -ENOMEM;
        return NULL;
    }
    p->pager->last_incident++;
    dossier->known = true;
    dossier->row.tenant = scope->tenant;
    dossier->row.event = scope->event;
    snprintf(dossier->row.group, sizeof dossier->row.group, "%s", scope->host_group);
    take_policy(p, dossier);
    return dossier;
}

/* A crossing of the past, too old to page anybody, and nobody was promised anything: it is on record, no more. */
static void record(struct paging *p, const struct transition *t, const struct page_scope *scope)
{
    struct dossier *dossier = open_dossier(p, scope);
    if (!dossier)
        return;
    struct incident *row = &dossier->row;
    row->severity = t->alert.severity;
    row->late = true;
    row->crossed_us = t->alert.crossed_us;
    row->detected_us = t->detected_us;
    title_text(row->title, sizeof row->title, scope, &t->alert);
    if (join(p, dossier, &t->alert, scope))
        dossier_resolve(p, dossier, BY_RECORD);
    else
        dossier_free(p->pager, dossier);
}

/* The first that pages of an incident nobody was paged for, or one that is worse than those before. */
static bool must_page(const struct dossier *dossier, const struct transition *t)
{
    return t->alert.page && (dossier->row.clock == 0 || t->alert.severity > dossier->row.severity);
}

static void open_unpaged(struct paging *p, struct dossier *dossier, const struct transition *t,
                         const struct page_scope *scope)
{
    struct incident *row = &dossier->row;
    row->state = INCIDENT_TRIGGERED;
    row->severity = t->alert.severity;
    row->crossed_us = t->alert.crossed_us;
    row->detected_us = t->detected_us;
    title_text(row->title, sizeof row->title, scope, &t->alert);
    tell_step(p, dossier, STEP_OPENED, NULL, NULL);
    dossier_tell(p, dossier);
}

static struct dossier *find_group(const struct pager *pager, const struct page_scope *scope)
{
    struct dossier *dossier;
    struct group_key key;
    memset(&key, 0, sizeof key);
    key.tenant = scope->tenant;
    key.event = scope->event;
    snprintf(key.group, sizeof key.group, "%s", scope->host_group);
    HASH_FIND(hh_group, pager->groups, &key, sizeof key, dossier);
    return dossier;
}

static struct dossier *open_group(struct paging *p, const struct page_scope *scope)
{
    struct dossier *dossier = open_dossier(p, scope);
    if (!dossier || dossier_join_group(p->pager, dossier) == 0)
        return dossier;
    dossier_free(p->pager, dossier);
    p->rc = -ENOMEM;
    return NULL;
}

static bool is_back(const struct dossier *dossier, const struct transition *t, int64_t now_us)
{
    return dossier->row.clock > 0 && t->alert.page && !t->late && now_us - dossier->row.resolved_us < FLAP_US;
}

/* Pages of its last clock were due, and nobody has got one. */
static bool is_untold(const struct incident *row)
{
    return row->delivered_us == 0 && row->acknowledged_us == 0 && row->resolved_us >= row->damped_us;
}

/* Half of its ten minutes, those gone in the rule's hold included. 0: it has stayed for as long. */
static int64_t damped_until(const struct transition *t, const struct page_scope *scope, int64_t now_us)
{
    int64_t from_us = clock_from(t) > scope->silenced_us ? clock_from(t) : scope->silenced_us;
    int64_t until_us = (from_us < now_us ? from_us : now_us) + DAMP_US;
    return until_us > now_us ? until_us : 0;
}

/* The incident had recovered a short while ago. As long as nobody knows of it at all, the clock that they were to be
 * told by goes on. Else each time is a clock of its own, on record. The first time an alert comes back it pages as any
 * other; after that it has to stay for a while, unless it is worse than it was. What is new to the incident pages. */
static void comes_back(struct paging *p, struct dossier *dossier, const struct transition *t,
                       const struct page_scope *scope)
{
    struct incident *row = &dossier->row;
    const struct incident_alert *was = row_of(dossier, &t->alert);
    bool again = was && t->alert.severity <= was->alert.severity;
    if (!join(p, dossier, &t->alert, scope))
        return;
    if (row->resolved_us - row->detected_us >= FLAP_US)
        row->flaps = 0; /* it had stayed */
    row->flaps++;
    if (t->alert.severity <= row->severity && is_untold(row)) {
        row->severity = t->alert.severity;
        title_text(row->title, sizeof row->title, scope, &t->alert);
        dossier_go_on(p, dossier);
        return;
    }
    trigger(p, dossier, t, scope, again && row->flaps > 1 ? damped_until(t, scope, p->now_us) : 0);
}

/* What has not come and gone itself has nobody wait for what has. */
static void end_damping(struct paging *p, struct dossier *dossier)
{
    if (dossier->row.damped_us <= p->now_us)
        return;
    dossier->row.damped_us = p->now_us;
    escalate_begin(p, dossier, dossier->row.steps_us);
}

static void fires(struct paging *p, const struct transition *t, const struct page_scope *scope)
{
    struct dossier *dossier = find_group(p->pager, scope);
    if (dossier && dossier->row.state == INCIDENT_RESOLVED) {
        if (is_back(dossier, t, p->now_us)) {
            comes_back(p, dossier, t, scope);
            return;
        }
        dossier = NULL;
    }
    bool opens = !dossier, is_new = opens || !row_of(dossier, &t->alert);
    if (opens && !t->alert.page && !scope->opens)
        return;
    if (t->late && scope->event == 0 && t->detected_us - t->alert.crossed_us > PAGE_BUDGET_US) {
        record(p, t, scope);
        return;
    }
    if (opens)
        dossier = open_group(p, scope);
    if (!dossier)
        return;
    if (!join(p, dossier, &t->alert, scope)) {
        if (opens)
            dossier_free(p->pager, dossier);
        return;
    }
    if (opens && !t->alert.page)
        open_unpaged(p, dossier, t, scope);
    else if (opens || must_page(dossier, t))
        trigger(p, dossier, t, scope, 0);
    else {
        if (is_new && t->alert.page)
            end_damping(p, dossier);
        dossier_tell(p, dossier);
    }
}

/* An alert that an incident holds already is firing again, or still. */
static void fires_on(struct paging *p, struct holder *holder, const struct transition *t,
                     const struct page_scope *scope)
{
    struct dossier *dossier = holder->dossier;
    int64_t before_us = holder->row == ROW_NONE ? 0 : dossier->rows[holder->row].alert.crossed_us;
    if (t->late)
        return; /* another spell, in the past: the row is of the present one */
    write_row(p, dossier, holder->row, &t->alert, scope);
    if (t->alert.muted)
        return;
    if (must_page(dossier, t)) {
        trigger(p, dossier, t, scope, 0);
    } else if (before_us == dossier->row.crossed_us && t->alert.crossed_us < before_us) {
        dossier->row.crossed_us = t->alert.crossed_us;
        dossier->row.late = dossier->row.late || t->detected_us - t->alert.crossed_us > PAGE_BUDGET_US;
        dossier_tell(p, dossier);
    }
}

static void is_ok(struct paging *p, struct holder *holder, const struct transition *t, const struct page_scope *scope)
{
    struct dossier *dossier = holder->dossier;
    write_row(p, dossier, holder->row, &t->alert, scope);
    holder_free(p->pager, holder);
    if (dossier->n_holders == 0 && !dossier->row.held)
        dossier_resolve(p, dossier, BY_RECOVERY);
}

int pager_alert(struct pager *pager, const struct transition *t, const struct page_scope *scope, int64_t now_us,
                struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct holder *holder = holder_find(pager, &t->alert);
    switch (t->alert.state) {
    case ALERT_PENDING: /* tells nobody; what was firing is not ok by it */
        break;
    case ALERT_FIRING:
        if (holder)
            fires_on(&p, holder, t, scope);
        else if (!t->alert.muted && (t->from != ALERT_FIRING || t->unmuted))
            /* else another explains it, or only its crossing moved, of an incident resolved by hand */
            fires(&p, t, scope);
        break;
    case ALERT_UNKNOWN:
        if (holder)
            write_row(&p, holder->dossier, holder->row, &t->alert, scope);
        break;
    case ALERT_OK:
        if (holder)
            is_ok(&p, holder, t, scope);
        break;
    }
    return p.rc;
}

int pager_own(struct pager *pager, const struct page_own *own, int64_t now_us, uint64_t *ret_incident,
              struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    const struct page_scope scope = { .tenant = own->tenant, .event = own->event, .host_group = own->group };
    char title[sizeof((struct incident *)NULL)->title];
    struct dossier *dossier = open_dossier(&p, &scope); /* in no group: each is told by itself */
    if (!dossier)
        return p.rc;
    dossier->row.severity = own->severity;
    snprintf(title, sizeof title, "%s%s", title_mark(own->drill), own->title);
    dossier_trigger(&p, dossier, title, own->crossed_us, now_us, false);
    *ret_incident = dossier->row.id;
    return p.rc;
}

int pager_rehearse(struct pager *pager, const struct page_own *own, const char *const whom[], size_t n, int64_t now_us,
                   uint64_t *ret_incident, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    const struct page_scope scope = { .tenant = own->tenant, .event = own->event, .host_group = own->group };
    char title[sizeof((struct incident *)NULL)->title];
    struct dossier *dossier = open_dossier(&p, &scope);
    if (!dossier)
        return p.rc;
    dossier->row.severity = own->severity;
    dossier->row.rehearsal = true;
    dossier->row.policy[0] = '\0';
    snprintf(title, sizeof title, REHEARSAL_MARK "%s", own->title);
    dossier_trigger(&p, dossier, title, own->crossed_us, now_us, false);
    for (size_t i = 0; i < n; i++) {
        const struct page_contact *contact = contact_find(pager, whom[i], own->tenant);
        if (contact)
            slips_rehearse(&p, dossier, contact);
    }
    for (size_t i = 0; i < pager->ways.n_contacts; i++)
        if (pager->ways.contacts[i].everything && contact_is_for(&pager->ways.contacts[i], own->tenant))
            slips_rehearse(&p, dossier, &pager->ways.contacts[i]);
    *ret_incident = dossier->row.id;
    return p.rc;
}

int pager_stop_rehearsal(struct pager *pager, uint64_t incident, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier = dossier_find(pager, incident);
    if (dossier && dossier->known && dossier->row.rehearsal)
        slips_cancel(&p, dossier);
    return p.rc;
}

void pager_each_page(const struct pager *pager, uint64_t incident, void (*fn)(void *user, const struct page *page),
                     void *user)
{
    const struct dossier *dossier = dossier_find(pager, incident);
    for (const struct slip *slip = dossier ? dossier->slips : NULL; slip; slip = slip->next)
        fn(user, &slip->row);
}

int pager_own_ends(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier = dossier_find(pager, incident);
    if (dossier && dossier->known && dossier->row.state != INCIDENT_RESOLVED && (by || !dossier->row.held))
        dossier_resolve(&p, dossier, by ? by : BY_RECOVERY);
    return p.rc;
}

/* ---- time, memory ---- */

static void tick_dossier(struct paging *p, struct dossier *dossier)
{
    struct incident *row = &dossier->row;
    if (row->rehearsal)
        slips_expire(p, dossier);
    if (row->state == INCIDENT_RESOLVED) { /* it may be that nobody is told of it yet */
        if (dossier_check_budget(p, dossier))
            tell_incident(p, dossier);
        return;
    }
    if (row->n_alerts > 0 && dossier->n_holders == 0 && !row->held) { /* put back with nothing that holds it open */
        dossier_resolve(p, dossier, BY_RECOVERY);
        return;
    }
    unsigned step = row->step;
    bool changed = expire(p, dossier);
    if (row->state == INCIDENT_TRIGGERED && dossier->step_us <= p->now_us)
        escalate(p, dossier);
    changed |= dossier_check_budget(p, dossier);
    changed |= dossier_warn(p, dossier);
    if (changed || row->step != step)
        tell_incident(p, dossier);
}

void pager_tick(struct pager *pager, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier, *next;
    pager_follow_clock(&p);
    HASH_ITER(hh, pager->dossiers, dossier, next)
    {
        if (!dossier->known)
            continue;
        tick_dossier(&p, dossier);
    }
    lanes_consider(&p, NULL);
}

const struct incident *pager_incident(const struct pager *pager, uint64_t id)
{
    const struct dossier *dossier = dossier_find(pager, id);
    return dossier && dossier->known ? &dossier->row : NULL;
}

uint64_t pager_incident_of(const struct pager *pager, const struct alert *alert)
{
    const struct holder *holder = holder_find(pager, alert);
    return holder ? holder->dossier->row.id : 0;
}

const struct incident_alert *pager_alerts(const struct pager *pager, uint64_t id, size_t *ret_n)
{
    const struct dossier *dossier = dossier_find(pager, id);
    *ret_n = dossier ? dossier->n_rows : 0;
    return dossier ? dossier->rows : NULL;
}

void pager_each(const struct pager *pager, void (*fn)(void *user, const struct incident *incident), void *user)
{
    for (const struct dossier *dossier = pager->dossiers; dossier; dossier = dossier->hh.next)
        if (dossier->known)
            fn(user, &dossier->row);
}

void pager_count_open(const struct pager *pager, size_t *ret_open, size_t *ret_unacknowledged)
{
    size_t open = 0;
    size_t unacknowledged = 0;
    for (const struct dossier *dossier = pager->dossiers; dossier; dossier = dossier->hh.next) {
        bool counts = dossier->known && !dossier->row.rehearsal;
        open += counts && dossier->row.state != INCIDENT_RESOLVED;
        unacknowledged += counts && dossier->row.state == INCIDENT_TRIGGERED;
    }
    *ret_open = open;
    *ret_unacknowledged = unacknowledged;
}

size_t pager_count_queued(const struct pager *pager)
{
    size_t n = 0;
    for (const struct slip *slip = pager->slips; slip; slip = slip->hh.next)
        n += slip->row.state == PAGE_QUEUED && slip->row.kind != PAGE_BEAT;
    return n;
}

int64_t pager_oldest_queued_us(const struct pager *pager, uint64_t tenant, unsigned *ret_queued)
{
    int64_t oldest_us = 0;
    *ret_queued = 0;
    for (const struct slip *slip = pager->slips; slip; slip = slip->hh.next) {
        if (slip->row.state != PAGE_QUEUED || slip->row.tenant != tenant || is_rehearsed(slip) ||
            slip->row.kind == PAGE_BEAT)
            continue;
        ++*ret_queued;
        if (oldest_us == 0 || slip->row.created_us < oldest_us)
            oldest_us = slip->row.created_us;
    }
    return oldest_us;
}

static bool is_settled(const struct dossier *dossier)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip->row.state == PAGE_QUEUED)
            return false;
    return true;
}

void pager_forget(struct pager *pager, int64_t before_us)
{
    struct dossier *dossier, *next;
    chatter_forget(pager, before_us);
    HASH_ITER(hh, pager->dossiers, dossier, next)
    {
        if (dossier->row.state == INCIDENT_RESOLVED && dossier->row.resolved_us < before_us && is_settled(dossier))
            dossier_free(pager, dossier);
    }
}

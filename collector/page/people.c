/* What people do with an incident. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "collector/page/parts.h"

static struct dossier *find_for_people(const struct pager *pager, uint64_t id, struct err *err)
{
    struct dossier *dossier = dossier_find(pager, id);
    if (dossier && dossier->known)
        return dossier;
    err_set(err, -ENOENT, "there is no open incident %" PRIu64, id);
    return NULL;
}

static struct dossier *find_open(const struct pager *pager, uint64_t id, const char *what, int *ret_rc, struct err *err)
{
    struct dossier *dossier = find_for_people(pager, id, err);
    *ret_rc = dossier ? 0 : -ENOENT;
    if (!dossier || dossier->row.state != INCIDENT_RESOLVED)
        return dossier;
    *ret_rc = err_set(err, -EPERM, "incident %" PRIu64 " is resolved, there is nothing to %s", id, what);
    return NULL;
}

static void stamp_acknowledged(struct dossier *dossier, const char *by, int64_t now_us)
{
    if (dossier->row.acknowledged_us > 0)
        return;
    dossier->row.acknowledged_us = now_us;
    snprintf(dossier->row.acknowledged_by, sizeof dossier->row.acknowledged_by, "%s", by);
}

/* Only there somebody has promised to be at it. */
static bool is_in_window(const struct paging *p, const struct incident *row)
{
    const struct page_ways *ways = &p->pager->ways;
    return row->event && !row->rehearsal && ways->in_window && ways->in_window(ways->user, row->event, p->now_us);
}

static void set_expiry(const struct paging *p, struct dossier *dossier)
{
    dossier->row.expires_us = is_in_window(p, &dossier->row) ? p->now_us + ACKNOWLEDGED_FOR_US : 0;
}

int pager_acknowledge(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                      struct err *err)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    int rc;
    struct dossier *dossier = find_open(pager, incident, "acknowledge", &rc, err);
    if (!dossier)
        return rc;
    bool again = dossier->row.state == INCIDENT_ACKNOWLEDGED;
    if (again && dossier->row.expires_us == 0)
        return 0;
    stamp_acknowledged(dossier, by, now_us);
    set_expiry(&p, dossier);
    dossier->row.state = INCIDENT_ACKNOWLEDGED;
    if (!dossier->row.rehearsal) /* one that got there says nothing of the others */
        slips_cancel(&p, dossier);
    tell_step(&p, dossier, STEP_ACKNOWLEDGED, by, NULL);
    dossier_tell(&p, dossier);
    return p.rc;
}

bool expire(struct paging *p, struct dossier *dossier)
{
    struct incident *row = &dossier->row;
    if (row->state != INCIDENT_ACKNOWLEDGED || row->expires_us == 0 || p->now_us < row->expires_us)
        return false;
    row->expires_us = 0;
    if (!is_in_window(p, row)) /* the window is over: it lasts */
        return true;
    row->state = INCIDENT_TRIGGERED;
    row->turn++;
    tell_step(p, dossier, STEP_EXPIRED, NULL, NULL);
    escalate_begin(p, dossier, p->now_us);
    return true;
}

/* Text of one line. */
static int check_text(const char *text, size_t most, const char *what, struct err *err)
{
    if (utf8_is_shown(text, 1, most, ""))
        return 0;
    return err_set(err, -EINVAL, "%s is to be 1 to %zu bytes of text of one line", what, most);
}

int pager_assign(struct pager *pager, uint64_t incident, const char *to, const char *by, int64_t now_us,
                 struct page_effects *out, struct err *err)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    int rc = check_text(to, sizeof((struct incident *)NULL)->assigned_to - 1, "to", err);
    struct dossier *dossier = rc < 0 ? NULL : find_open(pager, incident, "assign", &rc, err);
    if (!dossier)
        return rc;
    snprintf(dossier->row.assigned_to, sizeof dossier->row.assigned_to, "%s", to);
    tell_step(&p, dossier, STEP_ASSIGNED, by, to);
    dossier_tell(&p, dossier);
    return p.rc;
}

int pager_note(struct pager *pager, uint64_t incident, const char *text, const char *by, int64_t now_us,
               struct page_effects *out, struct err *err)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    int rc = check_text(text, PAGE_NOTE_MAX, "text", err);
    if (rc < 0)
        return rc;
    struct dossier *dossier = find_for_people(pager, incident, err);
    if (!dossier)
        return -ENOENT;
    tell_step(&p, dossier, STEP_NOTED, by, text);
    return p.rc;
}

int pager_resolve(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                  struct err *err)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier = find_for_people(pager, incident, err);
    if (!dossier)
        return -ENOENT;
    if (dossier->row.state == INCIDENT_RESOLVED)
        return err_set(err, -EPERM, "incident %" PRIu64 " is resolved already, by %s", incident,
                       dossier->row.resolved_by);
    stamp_acknowledged(dossier, by, now_us);
    slips_cancel(&p, dossier);
    dossier_resolve(&p, dossier, by);
    return p.rc;
}

/* Of a clock of its own: the one before has its verdict. Who reopens it is at it. */
static void start_reopened(struct incident *row, const char *by, int64_t now_us)
{
    row->state = INCIDENT_ACKNOWLEDGED;
    row->held = true;
    row->clock++;
    row->turn = row->step = row->warned_pct = 0;
    row->crossed_us = row->detected_us = row->steps_us = row->acknowledged_us = now_us;
    row->delivered_us = row->resolved_us = row->silenced_us = row->damped_us = 0;
    row->resolved_by[0] = '\0';
    snprintf(row->acknowledged_by, sizeof row->acknowledged_by, "%s", by);
}

int pager_reopen(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                 struct err *err)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier = dossier_find(pager, incident);
    if (!dossier || !dossier->known)
        return err_set(err, -ENOENT,
                       "incident %" PRIu64 " cannot be reopened: there is none, or it has been over for an hour",
                       incident);
    if (dossier->row.state != INCIDENT_RESOLVED)
        return err_set(err, -EPERM, "incident %" PRIu64 " is open", incident);
    if (dossier->row.rehearsal)
        return err_set(err, -EPERM, "incident %" PRIu64 " was a rehearsal; warroom rehearse begins another", incident);
    dossier_check_budget(&p, dossier); /* of the clock that ends here */
    slips_cancel(&p, dossier);
    start_reopened(&dossier->row, by, now_us);
    set_expiry(&p, dossier);
    int rc = dossier_hold(pager, dossier);
    if (rc == 0 && dossier->row.n_alerts > 0)
        rc = dossier_join_group(pager, dossier);
    tell_step(&p, dossier, STEP_REOPENED, by, NULL);
    dossier_tell(&p, dossier);
    return rc < 0 ? rc : p.rc;
}

/* Rows as they were stored, in any order: an alert or a page makes a dossier whose own row comes later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/page/parts.h"

static uint64_t larger_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void pager_start_ids(struct pager *pager, uint64_t incident, uint64_t page)
{
    pager->last_incident = larger_of(pager->last_incident, incident);
    pager->last_page = larger_of(pager->last_page, page);
}

int pager_restore_incident(struct pager *pager, const struct incident *incident)
{
    struct dossier *dossier = dossier_make(pager, incident->id);
    int rc = 0;
    if (!dossier)
        return -ENOMEM;
    dossier->row = *incident;
    dossier->known = true;
    pager->last_incident = larger_of(pager->last_incident, incident->id);
    bool may_come_back = strcmp(incident->resolved_by, BY_RECOVERY) == 0;
    if ((incident->state != INCIDENT_RESOLVED || may_come_back) && incident->n_alerts > 0)
        rc = dossier_join_group(pager, dossier);
    return rc == 0 ? dossier_hold(pager, dossier) : rc;
}

int pager_restore_alert(struct pager *pager, const struct incident_alert *alert)
{
    struct dossier *dossier = dossier_make(pager, alert->incident);
    if (!dossier)
        return -ENOMEM;
    struct incident_alert *rows = reallocarray(dossier->rows, dossier->n_rows + 1, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    dossier->rows = rows;
    dossier->rows_room = dossier->n_rows + 1;
    rows[dossier->n_rows] = *alert;
    dossier->n_rows++;
    return dossier_hold(pager, dossier);
}

int pager_restore_page(struct pager *pager, const struct page *page)
{
    struct dossier *dossier = page->incident ? dossier_make(pager, page->incident) : NULL; /* chatter is of none */
    struct page row = *page;
    if (page->incident && !dossier)
        return -ENOMEM;
    if (row.state == PAGE_QUEUED) {
        row.possible_copy = true;
        row.next_us = 0; /* due at once, whatever the clock says that stamped it */
    }
    pager->last_page = larger_of(pager->last_page, row.id);
    struct slip *slip = slip_make(pager, dossier, &row, slip_clock_of_key(row.key));
    if (!slip)
        return -ENOMEM;
    slip->restored_us = page->next_us;
    return slip_record(pager, slip, false);
}

/* Our wall clock may be set back. Pages that wait for their next attempt would then wait until time has caught up, and
 * the budget of what was stamped by the clock before would not run. Both are moved back with it. */
#include "collector/page/parts.h"

static void move(int64_t *at_us, int64_t step_us, int64_t now_us)
{
    if (*at_us <= 0) /* 0: there is none */
        return;
    *at_us -= step_us;
    if (*at_us > now_us)
        *at_us = now_us;
}

/* All by the same step, those in no heap too: so the order of each heap stays. */
static void move_pages(struct paging *p, int64_t step_us)
{
    for (struct slip *slip = p->pager->slips; slip; slip = slip->hh.next) {
        if (slip->row.state != PAGE_QUEUED)
            continue;
        slip->row.created_us -= step_us;
        slip->deadline_us -= step_us;
        if (slip->row.next_us > 0)
            slip->row.next_us -= step_us;
        tell_page(p, slip);
    }
}

static bool is_ahead(const struct incident *row, int64_t now_us)
{
    return row->crossed_us > now_us || row->detected_us > now_us || row->delivered_us > now_us ||
           row->acknowledged_us > now_us || row->resolved_us > now_us || row->silenced_us > now_us ||
           row->steps_us > now_us || row->expires_us > now_us + ACKNOWLEDGED_FOR_US;
}

/* All stamps of an incident or none, so that they stay as far apart as they were. */
static void move_stamps(struct paging *p, struct dossier *dossier, int64_t step_us)
{
    struct incident *row = &dossier->row;
    int64_t *const stamps[] = { &row->crossed_us,  &row->detected_us, &row->delivered_us, &row->acknowledged_us,
                                &row->resolved_us, &row->silenced_us, &row->steps_us };
    for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++)
        move(stamps[i], step_us, p->now_us);
    row->expires_us -= row->expires_us > 0 ? step_us : 0; /* these lie ahead */
    if (row->expires_us > p->now_us + ACKNOWLEDGED_FOR_US)
        row->expires_us = p->now_us + ACKNOWLEDGED_FOR_US;
    row->damped_us -= row->damped_us > 0 ? step_us : 0;
    dossier->step_us = 0; /* to be looked at anew */
    tell_incident(p, dossier);
}

void pager_follow_clock(struct paging *p)
{
    struct pager *pager = p->pager;
    int64_t step_us = pager->ticked_us > p->now_us ? pager->ticked_us - p->now_us : 0;
    pager->ticked_us = p->now_us;
    if (step_us > 0) {
        move_pages(p, step_us);
        lanes_move(pager, step_us);
    }
    for (struct dossier *dossier = pager->dossiers; dossier; dossier = dossier->hh.next)
        if (dossier->known && is_ahead(&dossier->row, p->now_us))
            move_stamps(p, dossier, step_us);
}

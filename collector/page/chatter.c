/* What is said besides: how events go, and that a budget runs out. Nobody has to act upon it, so it waits behind pages.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/page/parts.h"

/* Its number stands where a clock would, so that no two keys are the same. */
static int say(struct paging *p, const struct page_contact *contact, uint64_t tenant, const char *text)
{
    struct page row = {
        .id = p->pager->last_page + 1,
        .tenant = tenant,
        .kind = PAGE_CHATTER,
        .state = PAGE_QUEUED,
        .created_us = p->now_us,
        .next_us = p->now_us,
    };
    const struct page_way *way = &contact->ways[0];
    snprintf(row.contact, sizeof row.contact, "%s", contact->name);
    snprintf(row.channel, sizeof row.channel, "%s", way->channel);
    snprintf(row.address, sizeof row.address, "%s", way->address);
    cut_text(row.text, sizeof row.text, text);
    snprintf(row.key, sizeof row.key, "0-%s-%" PRIu64 "-0-%s-%s-%" PRIx64, page_kind_name(row.kind), row.id,
             row.contact, row.channel, (uint64_t)row.created_us);
    struct slip *slip = slip_make(p->pager, NULL, &row, 0);
    if (!slip)
        return -ENOMEM;
    p->pager->last_page = row.id;
    tell_page(p, slip);
    return 0;
}

static void chatter(struct paging *p, uint64_t tenant, const struct page_said *said)
{
    for (size_t i = 0; i < p->pager->ways.n_contacts; i++) {
        const struct page_contact *contact = &p->pager->ways.contacts[i];
        if (contact->hears && contact->n_ways > 0 && contact_is_for(contact, tenant) &&
            say(p, contact, tenant, said->in[contact->language]) < 0)
            p->rc = -ENOMEM;
    }
}

int pager_chatter(struct pager *pager, uint64_t tenant, const struct page_said *said, int64_t now_us,
                  struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    chatter(&p, tenant, said);
    return p.rc;
}

void chatter_cancel_gone(struct paging *p)
{
    struct slip *slip, *next;
    HASH_ITER(hh, p->pager->slips, slip, next)
    if (slip->row.kind == PAGE_CHATTER && !slip_is_aimed(p->pager, &slip->row))
        slip_cancel(p, slip);
}

void chatter_forget(struct pager *pager, int64_t before_us)
{
    struct slip *slip, *next;
    HASH_ITER(hh, pager->slips, slip, next)
    {
        bool settled = slip->row.state != PAGE_QUEUED && slip->row.created_us < before_us;
        if (slip->row.incident != 0 || !(settled || before_us == INT64_MAX))
            continue;
        queue_remove(slip);
        assert(pager->slips);
        HASH_DELETE(hh, pager->slips, slip);
        free(slip);
    }
}

static unsigned gone_pct(const struct incident *row, int64_t now_us)
{
    int64_t gone_us = now_us - incident_budget_from(row);
    if (gone_us >= PAGE_BUDGET_US * 80 / 100)
        return 80;
    return gone_us >= PAGE_BUDGET_US * 50 / 100 ? 50 : 0;
}

bool dossier_warn(struct paging *p, struct dossier *dossier)
{
    struct incident *row = &dossier->row;
    char text[PAGE_NOTE_MAX + 1], chinese[PAGE_NOTE_MAX + 1];
    if (row->state != INCIDENT_TRIGGERED || row->rehearsal || row->clock == 0 || row->acknowledged_us > 0 ||
        p->now_us < row->damped_us)
        return false;
    unsigned pct = gone_pct(row, p->now_us);
    if (pct <= row->warned_pct)
        return false;
    row->warned_pct = pct;
    snprintf(text, sizeof text, "%u %% of its ten minutes are gone", pct);
    tell_step(p, dossier, STEP_WARNED, NULL, text);
    snprintf(text, sizeof text,
             "incident %" PRIu64 ": %u %% of its ten minutes are gone, and nobody has acknowledged: %s", row->id, pct,
             row->title);
    snprintf(chinese, sizeof chinese, "事件 %" PRIu64 "：十分钟时限已过去 %u %%，尚无人响应：%s", row->id, pct,
             row->title);
    chatter(p, row->tenant, &(struct page_said){ .in = { [LANGUAGE_EN] = text, [LANGUAGE_ZH] = chinese } });
    return true;
}

/* A heartbeat's page goes the way of all pages, but for its end: its channel is the desk itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "collector/page/parts.h"

int pager_beat(struct pager *pager, uint64_t tenant, int64_t now_us, uint64_t *ret_page, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct page row = {
        .id = pager->last_page + 1,
        .tenant = tenant,
        .kind = PAGE_BEAT,
        .contact = PAGE_LOOPBACK,
        .channel = PAGE_LOOPBACK,
        .state = PAGE_QUEUED,
        .created_us = now_us,
        .next_us = now_us,
    };
    snprintf(row.key, sizeof row.key, "0-%s-%" PRIu64 "-%" PRIx64, page_kind_name(row.kind), row.id,
             (uint64_t)row.created_us);
    struct slip *slip = slip_make(pager, NULL, &row, 0);
    if (!slip)
        return -ENOMEM;
    pager->last_page = row.id;
    tell_page(&p, slip);
    out->urgent = true;
    *ret_page = row.id;
    return p.rc;
}

void pager_beat_ends(struct pager *pager, uint64_t page, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct slip *slip;
    HASH_FIND(hh, pager->slips, &page, sizeof page, slip);
    if (slip && slip->row.kind == PAGE_BEAT)
        slip_cancel(&p, slip);
}

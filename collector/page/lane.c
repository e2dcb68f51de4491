/* A channel and what waits for it. A page whose time has come stands in the channel's own queue, the most urgent first,
 * until the channel may take it: not more than its limit in any minute, and nothing while it has asked to be left
 * alone, but for a page at its last chance. A page that cannot go this way in time goes by the contact's next way, too:
 * it spills. The first one stays where it is; nothing is ever dropped. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/page/parts.h"

static unsigned rank_of(const struct slip *slip)
{
    static const unsigned ranks[] = { [PAGE_TRIGGER] = 0, [PAGE_RESOLVE] = 1, [PAGE_CHATTER] = 2 };
    return ranks[slip->row.kind];
}

static bool is_more_urgent(const struct slip *a, const struct slip *b)
{
    if (rank_of(a) != rank_of(b))
        return rank_of(a) < rank_of(b);
    if (a->deadline_us != b->deadline_us)
        return a->deadline_us < b->deadline_us;
    return a->row.id < b->row.id;
}

/* ---- lanes ---- */

static struct lane *lane_find(const struct pager *pager, const char *name)
{
    struct lane *lane;
    HASH_FIND_STR(pager->lanes, name, lane);
    return lane;
}

struct lane *lane_make(struct pager *pager, const char *name)
{
    struct lane *lane = lane_find(pager, name);
    if (lane)
        return lane;
    lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;
    snprintf(lane->name, sizeof lane->name, "%s", name);
    lane->together = 1;
    lane->ready.is_before = is_more_urgent;
    HASH_ADD_STR(pager->lanes, name, lane);
    if (!lane->hh.tbl) {
        free(lane);
        return NULL;
    }
    return lane;
}

/* What was sent is forgotten when the limit changes. */
static int set_limit(struct lane *lane, unsigned per_minute)
{
    if (per_minute > PAGE_PER_MINUTE_MAX)
        per_minute = PAGE_PER_MINUTE_MAX;
    if (per_minute == lane->per_minute)
        return 0;
    int64_t *sent_us = calloc(per_minute + 1, sizeof *sent_us);
    if (!sent_us)
        return -ENOMEM;
    free(lane->sent_us);
    lane->sent_us = sent_us;
    lane->per_minute = per_minute;
    lane->oldest = 0;
    return 0;
}

static int set_channel(struct pager *pager, const struct page_channel *channel)
{
    struct lane *lane = lane_make(pager, channel->name);
    if (!lane)
        return -ENOMEM;
    lane->together = channel->together > 0 ? channel->together : 1;
    if (lane->together > PAGE_TOGETHER_MAX)
        lane->together = PAGE_TOGETHER_MAX;
    return set_limit(lane, channel->per_minute);
}

static bool is_configured(const struct pager *pager, const char *name)
{
    for (size_t i = 0; i < pager->ways.n_channels; i++)
        if (strcmp(pager->ways.channels[i].name, name) == 0)
            return true;
    return false;
}

int lanes_set(struct pager *pager)
{
    int rc = 0;
    for (struct lane *lane = pager->lanes; lane; lane = lane->hh.next) {
        if (is_configured(pager, lane->name))
            continue;
        lane->together = 1;
        rc = set_limit(lane, 0) < 0 ? -ENOMEM : rc;
    }
    for (size_t i = 0; i < pager->ways.n_channels; i++)
        rc = set_channel(pager, &pager->ways.channels[i]) < 0 ? -ENOMEM : rc;
    return rc;
}

void lanes_move(struct pager *pager, int64_t step_us)
{
    for (struct lane *lane = pager->lanes; lane; lane = lane->hh.next) {
        lane->blocked_us -= step_us;
        for (unsigned i = 0; i < lane->per_minute; i++)
            lane->sent_us[i] -= lane->sent_us[i] ? step_us : 0;
    }
}

void lanes_done(struct pager *pager)
{
    struct lane *lane, *next;
    HASH_ITER(hh, pager->lanes, lane, next)
    {
        HASH_DELETE(hh, pager->lanes, lane);
        queue_done(&lane->ready);
        free(lane->sent_us);
        free(lane);
    }
}

/* ---- what goes next ---- */

static int64_t chance_us(const struct page *page)
{
    return page->created_us + PAGE_BUDGET_US - CHANCE_US;
}

int64_t slip_deadline(const struct pager *pager, const struct slip *slip)
{
    const struct dossier *dossier = dossier_find(pager, slip->row.incident);
    int64_t own_us = chance_us(&slip->row);
    if (slip->row.kind != PAGE_TRIGGER || !dossier || !dossier->known)
        return own_us;
    int64_t end_us = incident_budget_from(&dossier->row) + PAGE_BUDGET_US - CHANCE_US;
    return end_us > slip->row.created_us ? end_us : own_us;
}

static bool has_room(const struct lane *lane, int64_t now_us)
{
    if (lane->per_minute == 0)
        return true;
    int64_t oldest_us = lane->sent_us[lane->oldest];
    return oldest_us == 0 || now_us - oldest_us >= US_PER_MINUTE;
}

/* Left alone it is given only what has its last chance. */
static bool is_chance(const struct slip *slip, int64_t now_us)
{
    return slip->row.kind != PAGE_CHATTER && now_us >= slip->deadline_us;
}

/* NULL: it takes nothing now. */
static struct slip *first_taken(const struct lane *lane, int64_t now_us)
{
    const struct slip_queue *ready = &lane->ready;
    struct slip *best = NULL;
    if (!has_room(lane, now_us))
        return NULL;
    if (now_us >= lane->blocked_us)
        return queue_first(ready);
    for (size_t i = 0; i < ready->n; i++)
        if (is_chance(ready->at[i], now_us) && (!best || is_more_urgent(ready->at[i], best)))
            best = ready->at[i];
    return best;
}

static void count_sent(struct lane *lane, int64_t now_us)
{
    if (lane->per_minute == 0)
        return;
    lane->sent_us[lane->oldest] = now_us;
    lane->oldest = (lane->oldest + 1) % lane->per_minute;
}

bool pager_take_turn(struct pager *pager, const char *channel, int64_t now_us)
{
    struct lane *lane = lane_find(pager, channel);
    if (lane && (now_us < lane->blocked_us || !has_room(lane, now_us)))
        return false;
    if (lane) /* one that nothing was ever sent by has no limit */
        count_sent(lane, now_us);
    return true;
}

static void make_ready(struct pager *pager, int64_t now_us)
{
    for (struct slip *slip; (slip = queue_first(&pager->queue)) && slip->row.next_us <= now_us;) {
        queue_remove(slip);
        slip->deadline_us = slip_deadline(pager, slip);
        if (queue_add(&slip->lane->ready, slip) == 0)
            continue;
        queue_add(&pager->queue, slip); /* it has just had the room */
        return;
    }
}

static struct slip *most_urgent(const struct pager *pager, int64_t now_us)
{
    struct slip *best = NULL;
    for (const struct lane *lane = pager->lanes; lane; lane = lane->hh.next) {
        struct slip *slip = first_taken(lane, now_us);
        if (slip && (!best || is_more_urgent(slip, best)))
            best = slip;
    }
    return best;
}

static bool may_go_with(const struct slip *slip, const struct slip *lead)
{
    return slip != lead && slip->row.kind == lead->row.kind && strcmp(slip->row.contact, lead->row.contact) == 0 &&
           strcmp(slip->row.address, lead->row.address) == 0;
}

/* The most urgent of those that may go with the lead, behind it; up to `most` in all. Returns how many there are. */
static size_t gather(struct slip *lead, size_t most, struct slip *ret[PAGE_TOGETHER_MAX])
{
    const struct slip_queue *ready = &lead->lane->ready;
    size_t n = 1;
    ret[0] = lead;
    for (size_t i = 0; i < ready->n && most > 1; i++) {
        struct slip *slip = ready->at[i];
        if (!may_go_with(slip, lead) || (n == most && !is_more_urgent(slip, ret[n - 1])))
            continue;
        size_t at = n < most ? n++ : n - 1;
        for (; at > 1 && is_more_urgent(slip, ret[at - 1]); at--)
            ret[at] = ret[at - 1];
        ret[at] = slip;
    }
    return n;
}

/* Other pages with the same lead are another message. */
static void write_key(struct page_due *due)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a over their numbers */
    for (size_t i = 1; i < due->n; i++)
        hash = (hash ^ due->at[i]->id) * UINT64_C(0x100000001b3);
    if (due->n == 1)
        memcpy(due->key, due->at[0]->key, sizeof due->key);
    else
        snprintf(due->key, sizeof due->key, "%.200s+%" PRIx64, due->at[0]->key, hash);
}

bool pager_take_due(struct pager *pager, int64_t now_us, struct page_due *ret)
{
    struct slip *together[PAGE_TOGETHER_MAX];
    make_ready(pager, now_us);
    struct slip *lead = most_urgent(pager, now_us);
    if (!lead)
        return false;
    ret->n = gather(lead, lead->lane->together, together);
    for (size_t i = 0; i < ret->n; i++) {
        queue_remove(together[i]);
        together[i]->sending = true;
        together[i]->with = i + 1 < ret->n ? together[i + 1] : NULL;
        ret->at[i] = &together[i]->row;
    }
    write_key(ret);
    count_sent(lead->lane, now_us);
    return true;
}

/* ---- spilling ---- */

static bool is_down(const struct lane *lane)
{
    return lane->failures >= DOWN_AFTER;
}

/* NULL: its channel may yet take it in time. */
static const char *why_spill(const struct paging *p, const struct slip *slip, char *text, size_t size)
{
    const struct lane *lane = slip->lane;
    int64_t deadline_us = slip_deadline(p->pager, slip);
    int64_t patience_us = slip->row.created_us + SPILL_AFTER_US;
    if (is_down(lane))
        snprintf(text, size, "%s is down: %s", lane->name, lane->error);
    else if (slip->refused)
        snprintf(text, size, "%s refuses it: %s", lane->name, slip->row.error);
    else if (p->now_us < lane->blocked_us && lane->blocked_us > deadline_us)
        snprintf(text, size, "%s has asked to be left alone for %" PRId64 " s", lane->name,
                 (lane->blocked_us - p->now_us) / US_PER_S);
    else if (p->now_us >= patience_us || (p->now_us >= deadline_us && deadline_us > slip->row.created_us))
        snprintf(text, size, "%s has not taken it within %" PRId64 " s", lane->name,
                 (p->now_us - slip->row.created_us) / US_PER_S);
    else
        return NULL;
    return text;
}

static bool may_spill(const struct slip *slip)
{
    return slip->row.kind == PAGE_TRIGGER && slip->row.state == PAGE_QUEUED && !slip->unwanted && !slip->spilled;
}

void slip_consider(struct paging *p, struct slip *slip)
{
    char why[PAGE_TEXT_MAX + 1];
    while (slip && may_spill(slip)) {
        struct dossier *dossier = dossier_find(p->pager, slip->row.incident);
        if (!dossier || !dossier->known || slip->clock != dossier->row.clock || !why_spill(p, slip, why, sizeof why))
            return;
        slip->spilled = true;
        slip = slip_spill(p, dossier, slip, why); /* the next channel may be no better */
    }
}

void lanes_consider(struct paging *p, const struct lane *lane)
{
    struct slip *slip, *next;
    HASH_ITER(hh, p->pager->slips, slip, next)
    if (!lane || slip->lane == lane)
        slip_consider(p, slip);
}

void lane_note(struct paging *p, struct lane *lane, const struct page_outcome *outcome)
{
    bool was_down = is_down(lane);
    bool blocked = !outcome->delivered && outcome->retry_after_us > 0;
    if (outcome->delivered)
        lane->failures = 0;
    else if (!outcome->permanent && !outcome->local && outcome->status != 429)
        lane->failures++;
    if (!outcome->delivered)
        snprintf(lane->error, sizeof lane->error, "%s", outcome->error);
    if (blocked) {
        int64_t asked_us = outcome->retry_after_us < ASKED_US ? outcome->retry_after_us : ASKED_US;
        if (p->now_us + asked_us > lane->blocked_us)
            lane->blocked_us = p->now_us + asked_us;
    }
    if (blocked || (!was_down && is_down(lane)))
        lanes_consider(p, lane);
}

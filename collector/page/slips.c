#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/page/parts.h"

bool is_rehearsed(const struct slip *slip)
{
    return slip->row.class == PAGE_REHEARSED;
}

unsigned slip_clock_of_key(const char *key)
{
    struct scan scan = scan_over(key, strlen(key));
    struct scan_text kind;
    uint64_t incident, clock;
    if (!scan_u64(&scan, &incident) || !scan_char(&scan, '-') || !scan_until(&scan, '-', &kind) ||
        !scan_u64(&scan, &clock))
        return 0;
    return (unsigned)clock;
}

struct slip *slip_make(struct pager *pager, struct dossier *dossier, const struct page *row, unsigned clock)
{
    struct slip *slip = calloc(1, sizeof *slip);
    if (!slip)
        return NULL;
    slip->row = *row;
    slip->clock = clock;
    slip->lane = lane_make(pager, row->channel);
    if (!slip->lane) {
        free(slip);
        return NULL;
    }
    HASH_ADD(hh, pager->slips, row.id, sizeof slip->row.id, slip);
    if (!slip->hh.tbl) {
        free(slip);
        return NULL;
    }
    if (dossier) {
        slip->next = dossier->slips;
        dossier->slips = slip;
    }
    return slip;
}

int slip_record(struct pager *pager, struct slip *slip, bool unrecorded)
{
    if (slip->recorded)
        return 0;
    int rc = slip->row.state == PAGE_QUEUED ? queue_add(&pager->queue, slip) : 0;
    if (rc < 0)
        return rc; /* may be asked again */
    slip->recorded = true;
    slip->unrecorded = unrecorded;
    return 0;
}

struct aim { /* whom a page is for, and how it gets there */
    enum page_kind kind;
    const char *contact;
    const char *channel;
    const char *address;
    unsigned step;
    const char *why; /* of a spill; NULL: the first way */
};

static bool is_same_way(const struct page *row, const struct aim *aim)
{
    return row->kind == aim->kind && strcmp(row->contact, aim->contact) == 0 &&
           strcmp(row->channel, aim->channel) == 0 && strcmp(row->address, aim->address) == 0;
}

/* Of this clock and turn; a trigger of this step besides. */
static bool has_slip(const struct dossier *dossier, const struct aim *aim)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip->clock == dossier->row.clock && slip->row.turn == dossier->row.turn && is_same_way(&slip->row, aim) &&
            (aim->kind == PAGE_RESOLVE || slip->row.step == aim->step))
            return true;
    return false;
}

/* A page of a turn before went there, and nobody knows whether it arrived. */
static bool may_have_it(const struct dossier *dossier, const struct aim *aim)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip->clock == dossier->row.clock && is_same_way(&slip->row, aim) && (slip->perhaps || slip->sending))
            return true;
    return false;
}

/* NULL: out of memory, told. */
static struct slip *queue_page(struct paging *p, struct dossier *dossier, const struct aim *aim)
{
    struct page row = {
        .id = p->pager->last_page + 1,
        .tenant = dossier->row.tenant,
        .incident = dossier->row.id,
        .kind = aim->kind,
        .state = PAGE_QUEUED,
        .created_us = p->now_us,
        .next_us = p->now_us,
        .step = aim->step,
        .turn = dossier->row.turn,
        .possible_copy = may_have_it(dossier, aim),
        .class = dossier->row.rehearsal ? PAGE_REHEARSED
                 : aim->why             ? PAGE_SPILL
                                        : PAGE_FIRST,
    };
    snprintf(row.text, sizeof row.text, "%s", aim->why ? aim->why : "");
    snprintf(row.contact, sizeof row.contact, "%s", aim->contact);
    snprintf(row.channel, sizeof row.channel, "%s", aim->channel);
    snprintf(row.address, sizeof row.address, "%s", aim->address);
    snprintf(row.key, sizeof row.key, "%" PRIu64 "-%s-%u-%u-%s-%s-%" PRIx64, row.incident, page_kind_name(row.kind),
             dossier->row.clock, row.step, row.contact, row.channel, (uint64_t)row.created_us);
    struct slip *slip = slip_make(p->pager, dossier, &row, dossier->row.clock);
    if (!slip) {
        p->rc = -ENOMEM;
        return NULL;
    }
    p->pager->last_page = row.id;
    tell_page(p, slip);
    p->out->urgent = p->out->urgent || row.kind == PAGE_TRIGGER;
    return slip;
}

static bool is_of_this_turn(const struct dossier *dossier, const struct slip *slip)
{
    return slip->row.kind == PAGE_TRIGGER && slip->clock == dossier->row.clock && slip->row.turn == dossier->row.turn;
}

bool slip_stands(const struct dossier *dossier, const struct slip *slip)
{
    return is_of_this_turn(dossier, slip) && slip->row.state != PAGE_CANCELLED && !slip->unwanted;
}

/* A page of this step is under way to the contact, or has got there. */
static bool has_page_of(const struct dossier *dossier, const char *contact, unsigned step)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip_stands(dossier, slip) && slip->row.step == step && strcmp(slip->row.contact, contact) == 0)
            return true;
    return false;
}

void slips_trigger(struct paging *p, struct dossier *dossier, const struct page_contact *contact, unsigned step)
{
    if (contact->n_ways == 0 || has_page_of(dossier, contact->name, step))
        return;
    const struct page_way *way = &contact->ways[0];
    const struct aim aim = { PAGE_TRIGGER, contact->name, way->channel, way->address, step, NULL };
    struct slip *slip = queue_page(p, dossier, &aim);
    if (slip)
        slip_consider(p, slip);
}

void slips_rehearse(struct paging *p, struct dossier *dossier, const struct page_contact *contact)
{
    for (unsigned i = 0; i < contact->n_ways; i++) {
        const struct aim aim = { PAGE_TRIGGER, contact->name, contact->ways[i].channel, contact->ways[i].address, i,
                                 NULL };
        if (!has_slip(dossier, &aim))
            queue_page(p, dossier, &aim);
    }
}

/* The way behind the one that the page goes by. NULL: there is none. */
static const struct page_way *way_behind(const struct page_contact *contact, const struct page *page)
{
    for (unsigned i = 0; i + 1 < contact->n_ways; i++)
        if (strcmp(contact->ways[i].channel, page->channel) == 0 &&
            strcmp(contact->ways[i].address, page->address) == 0)
            return &contact->ways[i + 1];
    return NULL;
}

struct slip *slip_spill(struct paging *p, struct dossier *dossier, const struct slip *slip, const char *why)
{
    const struct page *page = &slip->row;
    const struct page_contact *contact = contact_find(p->pager, page->contact, page->tenant);
    const struct page_way *way = contact ? way_behind(contact, page) : NULL;
    if (!way)
        return NULL;
    const struct aim aim = { PAGE_TRIGGER, contact->name, way->channel, way->address, page->step, why };
    return has_slip(dossier, &aim) ? NULL : queue_page(p, dossier, &aim);
}

/* Whom a page goes to can be told of the tenant still, by the way that it goes. */
bool slip_is_aimed(const struct pager *pager, const struct page *page)
{
    const struct page_contact *contact = contact_find(pager, page->contact, page->tenant);
    return contact && contact_has_way(contact, page->channel, page->address);
}

/* Who heard of that clock's end has not heard since that it was back. */
static bool has_heard_end(const struct dossier *dossier, const struct aim *aim, unsigned clock)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip->clock >= clock && slip->row.state == PAGE_DELIVERED && is_same_way(&slip->row, aim))
            return true;
    return false;
}

void slips_resolve(struct paging *p, struct dossier *dossier)
{
    /* New ones are put before those that are gone through. */
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next) {
        const struct page *told = &slip->row;
        const struct aim aim = { PAGE_RESOLVE, told->contact, told->channel, told->address, told->step, NULL };
        if (has_heard_end(dossier, &aim, slip->clock))
            continue;
        if (told->kind == PAGE_TRIGGER && told->state == PAGE_DELIVERED && slip_is_aimed(p->pager, told) &&
            !has_slip(dossier, &aim))
            queue_page(p, dossier, &aim);
    }
}

void slip_cancel(struct paging *p, struct slip *slip)
{
    if (slip->row.state != PAGE_QUEUED)
        return;
    if (slip->sending) { /* it may be taken this very moment: its outcome says what became of it */
        slip->unwanted = true;
        return;
    }
    queue_remove(slip);
    slip->row.state = PAGE_CANCELLED;
    tell_page(p, slip);
}

void slips_cancel(struct paging *p, struct dossier *dossier)
{
    for (struct slip *slip = dossier->slips; slip; slip = slip->next)
        slip_cancel(p, slip);
}

/* Who can be told by another way now is told by that: nobody else would have them paged. False: its step has lost who
 * was to be told. */
static bool replace_gone(struct paging *p, struct dossier *dossier, struct slip *slip)
{
    const struct page_contact *contact = contact_find(p->pager, slip->row.contact, slip->row.tenant);
    bool wanted = slip->row.state == PAGE_QUEUED && slip_stands(dossier, slip);
    slip_cancel(p, slip);
    if (wanted && contact && !dossier->row.rehearsal)
        slips_trigger(p, dossier, contact, slip->row.step);
    return !wanted || contact;
}

unsigned slips_cancel_gone(struct paging *p, struct dossier *dossier)
{
    unsigned lost = 0;
    /* New ones are put before those that are gone through. */
    for (struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (!slip_is_aimed(p->pager, &slip->row) && !replace_gone(p, dossier, slip))
            lost |= STEP_BIT(slip->row.step);
    return lost;
}

/* ---- attempts ---- */

struct slip *slip_find(const struct pager *pager, uint64_t page)
{
    struct slip *slip;
    HASH_FIND(hh, pager->slips, &page, sizeof page, slip);
    return slip;
}

int pager_recorded(struct pager *pager, uint64_t page, bool recorded)
{
    struct slip *slip = slip_find(pager, page);
    return slip ? slip_record(pager, slip, !recorded) : 0;
}

bool pager_is_unrecorded(const struct pager *pager, uint64_t page)
{
    const struct slip *slip = slip_find(pager, page);
    return slip && slip->unrecorded;
}

int64_t slip_back_off(unsigned attempts)
{
    int64_t wait_us = attempts < 6 ? attempts > 0 ? US_PER_S << (attempts - 1) : 0 : WAIT_MAX_US;
    return wait_us < WAIT_MAX_US ? wait_us : WAIT_MAX_US;
}

static int64_t next_attempt_us(const struct pager *pager, const struct slip *slip, const struct page_outcome *outcome,
                               int64_t now_us)
{
    const struct page *page = &slip->row;
    int64_t chance_us = slip_deadline(pager, slip);
    int64_t wait_us = LATE_US;
    if (!outcome->permanent && now_us < page->created_us + PAGE_BUDGET_US)
        wait_us = slip_back_off(page->attempts);
    if (outcome->retry_after_us <= wait_us)
        return now_us + wait_us;
    /* One more attempt while it still counts; past that the channel may rest. */
    int64_t asked_us = outcome->retry_after_us < ASKED_US ? outcome->retry_after_us : ASKED_US;
    if (now_us + wait_us < chance_us && now_us + asked_us > chance_us)
        return chance_us;
    return now_us + asked_us;
}

static void note_delivery(struct paging *p, struct slip *slip)
{
    struct dossier *dossier = dossier_find(p->pager, slip->row.incident);
    slip->row.state = PAGE_DELIVERED;
    slip->row.delivered_us = p->now_us;
    slip->row.error[0] = '\0';
    tell_page(p, slip);
    if (!dossier || !dossier->known || slip->row.kind != PAGE_TRIGGER)
        return;
    if (slip->clock == dossier->row.clock && dossier->row.delivered_us == 0 &&
        contact_counts(p->pager, slip->row.contact, slip->row.tenant)) {
        dossier->row.delivered_us = p->now_us;
        dossier_tell(p, dossier);
    }
    if (dossier->row.state == INCIDENT_RESOLVED)
        slips_resolve(p, dossier);
}

/* Who acknowledges, or resolves by hand, takes what waits off the queue, but for what is on its way just then. */
static bool is_left_over(const struct dossier *dossier, const struct slip *slip)
{
    const struct incident *row = &dossier->row;
    return slip->row.kind == PAGE_TRIGGER && slip->row.state == PAGE_QUEUED && !slip->sending &&
           row->state != INCIDENT_TRIGGERED && row->acknowledged_us > 0 && !row->rehearsal;
}

void slips_cancel_left_over(struct paging *p, struct dossier *dossier)
{
    for (struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (is_left_over(dossier, slip))
            slip_cancel(p, slip);
}

static bool has_expired(const struct paging *p, const struct slip *slip)
{
    return p->now_us >= slip->row.created_us + REHEARSED_FOR_US;
}

void slips_expire(struct paging *p, struct dossier *dossier)
{
    for (struct slip *slip = dossier->slips; slip; slip = slip->next) {
        if (slip->row.state != PAGE_QUEUED || slip->sending || !has_expired(p, slip))
            continue;
        queue_remove(slip);
        slip->row.state = PAGE_FAILED;
        if (!slip->row.error[0])
            snprintf(slip->row.error, sizeof slip->row.error, "its channel had no room for it within %" PRId64 " s",
                     REHEARSED_FOR_US / US_PER_S);
        tell_page(p, slip);
    }
}

static void note_failure(struct paging *p, struct slip *slip, const struct page_outcome *outcome)
{
    bool over = is_rehearsed(slip) ? slip->row.attempts >= REHEARSED_TRIES || has_expired(p, slip)
                                   : p->now_us >= slip->row.created_us + PAGE_BUDGET_US + LATE_FOR_US;
    snprintf(slip->row.error, sizeof slip->row.error, "%s", outcome->error);
    if (slip->unwanted)
        slip->row.state = PAGE_CANCELLED;
    else if (over)
        slip->row.state = PAGE_FAILED;
    else
        slip->row.next_us = next_attempt_us(p->pager, slip, outcome, p->now_us);
    if (slip->row.state == PAGE_QUEUED && queue_add(&p->pager->queue, slip) < 0) {
        p->rc = -ENOMEM; /* the queue has had room for it before, so this is out of the ordinary: say so on record */
        slip->row.state = PAGE_FAILED;
    }
    tell_page(p, slip);
}

static void note_outcome(struct paging *p, struct slip *slip, const struct page_outcome *outcome)
{
    slip->sending = false;
    slip->row.attempts++;
    slip->row.status = outcome->status;
    slip->refused = outcome->permanent;
    slip->perhaps = slip->perhaps || outcome->perhaps;
    if (outcome->delivered)
        note_delivery(p, slip);
    else
        note_failure(p, slip, outcome);
    slip->unwanted = false;
    slip_consider(p, slip);
}

void pager_outcome(struct pager *pager, uint64_t page, const struct page_outcome *outcome, int64_t now_us,
                   struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct slip *slip = slip_find(pager, page);
    if (!slip || !slip->sending)
        return;
    struct lane *lane = slip->lane;
    unsigned sent = slip->sent;
    for (struct slip *next; slip; slip = next) {
        next = TAKE(slip->with);
        note_outcome(&p, slip, outcome);
    }
    lane_note(&p, lane, sent, outcome);
}

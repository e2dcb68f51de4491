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
#include "collector/page/worst.h"

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_PRIME UINT64_C(0x100000001b3)
enum { SPREAD_MAX = 120 /* a minute; of more there is always one left */, ADDRESS_BUCKETS = 251 };

static unsigned rank_of(const struct slip *slip)
{
    static const unsigned ranks[] = { [PAGE_TRIGGER] = 0, [PAGE_RESOLVE] = 1, [PAGE_CHATTER] = 3, [PAGE_BEAT] = 3 };
    return is_rehearsed(slip) ? 2 : ranks[slip->row.kind];
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

static int set_limit(const struct pager *pager, struct lane *lane, unsigned per_minute, int64_t now_us)
{
    if (per_minute > PAGE_PER_MINUTE_MAX)
        per_minute = PAGE_PER_MINUTE_MAX;
    if (per_minute == lane->per_minute)
        return 0;
    struct sent *sent = calloc(per_minute + 1, sizeof *sent);
    if (!sent)
        return -ENOMEM;
    free(lane->sent);
    lane->sent = sent;
    lane->per_minute = per_minute;
    lane->oldest = 0;
    return lane_recall(pager, lane, now_us);
}

static int set_channel(struct pager *pager, const struct page_channel *channel, int64_t now_us)
{
    struct lane *lane = lane_make(pager, channel->name);
    if (!lane)
        return -ENOMEM;
    lane->together = channel->together > 0 ? channel->together : 1;
    if (lane->together > PAGE_TOGETHER_MAX)
        lane->together = PAGE_TOGETHER_MAX;
    return set_limit(pager, lane, channel->per_minute, now_us);
}

static bool is_configured(const struct pager *pager, const char *name)
{
    for (size_t i = 0; i < pager->ways.n_channels; i++)
        if (strcmp(pager->ways.channels[i].name, name) == 0)
            return true;
    return false;
}

int lanes_set(struct pager *pager, int64_t now_us)
{
    int rc = 0;
    for (struct lane *lane = pager->lanes; lane; lane = lane->hh.next) {
        if (is_configured(pager, lane->name))
            continue;
        lane->together = 1;
        rc = set_limit(pager, lane, 0, now_us) < 0 ? -ENOMEM : rc;
    }
    for (size_t i = 0; i < pager->ways.n_channels; i++)
        rc = set_channel(pager, &pager->ways.channels[i], now_us) < 0 ? -ENOMEM : rc;
    lanes_recall_asked(pager, now_us);
    return rc;
}

void lanes_move(struct pager *pager, int64_t step_us)
{
    for (struct lane *lane = pager->lanes; lane; lane = lane->hh.next) {
        lane->blocked_us -= step_us;
        lane->last_us -= step_us;
        for (unsigned i = 0; i < lane->per_minute; i++)
            if (lane->sent[i].at_us != 0 && lane->sent[i].at_us != SENT_NOW)
                lane->sent[i].at_us -= step_us;
    }
}

void lanes_done(struct pager *pager)
{
    struct lane *lane, *next;
    HASH_ITER(hh, pager->lanes, lane, next)
    {
        HASH_DELETE(hh, pager->lanes, lane);
        queue_done(&lane->ready);
        free(lane->sent);
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
    int64_t own_us = is_rehearsed(slip) ? slip->row.created_us + REHEARSED_FOR_US : chance_us(&slip->row);
    if (slip->row.kind != PAGE_TRIGGER || is_rehearsed(slip) || !dossier || !dossier->known)
        return own_us;
    int64_t end_us = incident_budget_from(&dossier->row) + PAGE_BUDGET_US - CHANCE_US;
    return end_us > slip->row.created_us ? end_us : own_us;
}

/* The service counts what comes in, and that a message has by its outcome. So of any two that are per_minute apart the
 * later one is sent no sooner than a minute after the outcome of the other. */
static bool is_recent(const struct sent *sent, int64_t now_us)
{
    return sent->at_us == SENT_NOW || (sent->at_us != 0 && now_us - sent->at_us < US_PER_MINUTE);
}

static bool has_room(const struct lane *lane, int64_t now_us)
{
    return lane->per_minute == 0 || !is_recent(&lane->sent[lane->oldest], now_us);
}

/* Left alone it is given only what has its last chance. */
static bool is_chance(const struct lane *lane, const struct slip *slip, int64_t now_us)
{
    (void)lane;
    return slip->row.kind != PAGE_CHATTER && !is_rehearsed(slip) && now_us >= slip->deadline_us;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * HASH_PRIME;
    return hash * HASH_PRIME;
}

uint64_t slip_whom(const struct slip *slip)
{
    return hash_text(hash_text(HASH_BEGIN, slip->row.contact), slip->row.address);
}

/* How many messages of this minute are gone. */
static unsigned count_used(const struct lane *lane, int64_t now_us)
{
    unsigned used = 0;
    for (unsigned i = 0; i < lane->per_minute; i++)
        used += is_recent(&lane->sent[i], now_us);
    return used;
}

static bool is_half_gone(const struct lane *lane, int64_t now_us)
{
    return lane->per_minute > 0 && count_used(lane, now_us) >= (lane->per_minute + 1) / 2;
}

/* Pages that come one by one could use up a minute in its first moment, a message each, and all others would wait for
 * the next one. So the second half of a minute's messages is spread over what is left of it: what waits meanwhile for
 * the same address goes together, at once when it fills a message. Whom nothing was written to in this minute waits for
 * nothing, unless something more urgent waits. 0: nor does anybody. */
static int64_t spread_until_us(const struct lane *lane, int64_t now_us)
{
    int64_t oldest_us = now_us;
    if (lane->together == 1 || lane->per_minute > SPREAD_MAX || !is_half_gone(lane, now_us))
        return 0;
    for (unsigned i = 0; i < lane->per_minute; i++)
        if (is_recent(&lane->sent[i], now_us) && lane->sent[i].at_us < oldest_us)
            oldest_us = lane->sent[i].at_us;
    unsigned left = lane->per_minute - count_used(lane, now_us);
    return lane->last_us + (oldest_us + US_PER_MINUTE - now_us) / (left + 1);
}

/* Nothing was written there in this minute, or it has waited for long enough. What is less urgent than the first one
 * waits for that: the rest of the minute is not for it. */
static bool need_not_wait(const struct lane *lane, const struct slip *slip, int64_t now_us)
{
    uint64_t to = slip_whom(slip);
    if (rank_of(slip) != rank_of(queue_first(&lane->ready)))
        return false;
    for (unsigned i = 0; i < lane->per_minute; i++)
        if (lane->sent[i].whom == to && is_recent(&lane->sent[i], now_us))
            return is_chance(lane, slip, now_us);
    return true;
}

static bool may_go_with(const struct slip *slip, const struct slip *lead)
{
    return slip != lead && slip->row.kind == lead->row.kind && !is_rehearsed(slip) && !is_rehearsed(lead) &&
           strcmp(slip->row.contact, lead->row.contact) == 0 && strcmp(slip->row.address, lead->row.address) == 0;
}

/* Its message would hold all that one may. */
static bool fills_a_message(const struct slip *lead)
{
    const struct slip_queue *ready = &lead->lane->ready;
    size_t n = 1;
    for (size_t i = 0; i < ready->n && n < lead->lane->together; i++)
        n += may_go_with(ready->at[i], lead);
    return n == lead->lane->together;
}

static struct slip *first_of_those(const struct lane *lane, int64_t now_us,
                                   bool (*may)(const struct lane *lane, const struct slip *slip, int64_t now_us))
{
    const struct slip_queue *ready = &lane->ready;
    struct slip *best = NULL;
    for (size_t i = 0; i < ready->n; i++)
        if ((!best || is_more_urgent(ready->at[i], best)) && may(lane, ready->at[i], now_us))
            best = ready->at[i];
    return best;
}

/* Of those as urgent as the first one, that leads a message that is full. Only addresses that may have so many pages
 * are looked at closely. NULL: none. */
static struct slip *first_full(const struct lane *lane)
{
    const struct slip_queue *ready = &lane->ready;
    unsigned waiting[ADDRESS_BUCKETS] = { 0 };
    struct slip *best = NULL;
    for (size_t i = 0; i < ready->n; i++)
        waiting[slip_whom(ready->at[i]) % ADDRESS_BUCKETS]++;
    for (size_t i = 0; i < ready->n; i++) {
        struct slip *slip = ready->at[i];
        if ((!best || is_more_urgent(slip, best)) && rank_of(slip) == rank_of(queue_first(ready)) &&
            waiting[slip_whom(slip) % ADDRESS_BUCKETS] >= lane->together && fills_a_message(slip))
            best = slip;
    }
    return best;
}

/* NULL: it takes nothing now. */
static struct slip *first_taken(const struct lane *lane, int64_t now_us)
{
    struct slip *first = queue_first(&lane->ready);
    if (!first || !has_room(lane, now_us))
        return NULL;
    if (now_us < lane->blocked_us)
        return first_of_those(lane, now_us, is_chance);
    if (now_us >= spread_until_us(lane, now_us))
        return first;
    struct slip *full = first_full(lane);
    struct slip *fresh = first_of_those(lane, now_us, need_not_wait);
    return full && (!fresh || is_more_urgent(full, fresh)) ? full : fresh;
}

unsigned lane_count(struct lane *lane, struct sent sent, int64_t now_us)
{
    unsigned at = lane->oldest;
    lane->last_us = now_us;
    if (lane->per_minute == 0)
        return 0;
    lane->sent[at] = sent;
    lane->oldest = (at + 1) % lane->per_minute;
    return at;
}

bool pager_take_turn(struct pager *pager, const char *channel, int64_t now_us)
{
    struct lane *lane = lane_find(pager, channel);
    if (lane && (now_us < lane->blocked_us || is_half_gone(lane, now_us)))
        return false;
    if (lane) /* one that nothing was ever sent by has no limit; nobody says when this is answered: the longest */
        lane_count(lane, (struct sent){ .at_us = now_us + WORST_TRY_MAIL_US }, now_us);
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
    uint64_t hash = HASH_BEGIN; /* over their numbers */
    for (size_t i = 1; i < due->n; i++)
        hash = (hash ^ due->at[i]->id) * HASH_PRIME;
    if (due->n == 1)
        memcpy(due->key, due->at[0]->key, sizeof due->key);
    else
        snprintf(due->key, sizeof due->key, "%.200s+%" PRIx64, due->at[0]->key, hash);
}

/* Those that go together, the first one leads: they are being sent. */
static void put_together(struct slip *const together[], size_t n, struct page_due *ret)
{
    ret->n = n;
    ret->limited = together[0]->lane->per_minute > 0;
    for (size_t i = 0; i < n; i++) {
        together[i]->sending = true;
        together[i]->with = i + 1 < n ? together[i + 1] : NULL;
        ret->at[i] = &together[i]->row;
    }
    write_key(ret);
}

bool pager_take_due(struct pager *pager, int64_t now_us, struct page_due *ret)
{
    struct slip *together[PAGE_TOGETHER_MAX];
    make_ready(pager, now_us);
    struct slip *lead = most_urgent(pager, now_us);
    if (!lead)
        return false;
    size_t n = gather(lead, lead->lane->together, together);
    for (size_t i = 0; i < n; i++) {
        queue_remove(together[i]);
        together[i]->row.possible_copy = together[i]->row.possible_copy || together[i]->perhaps;
    }
    put_together(together, n, ret);
    lead->sent = lane_count(lead->lane, (struct sent){ SENT_NOW, slip_whom(lead) }, now_us);
    return true;
}

static void let_go(struct paging *p, struct slip *slip)
{
    slip->sending = slip->unwanted = false;
    slip->with = NULL;
    slip_cancel(p, slip);
}

bool pager_still_due(struct pager *pager, struct page_due *due, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct slip *left[PAGE_TOGETHER_MAX];
    const struct slip *lead = slip_find(pager, due->at[0]->id);
    struct sent *sent = lead->sent < lead->lane->per_minute ? &lead->lane->sent[lead->sent] : NULL;
    unsigned at = lead->sent;
    size_t n = 0;
    for (size_t i = 0; i < due->n; i++) {
        struct slip *slip = slip_find(pager, due->at[i]->id);
        if (slip->unwanted)
            let_go(&p, slip);
        else
            left[n++] = slip;
    }
    if (n == 0 && sent && sent->at_us == SENT_NOW)
        sent->at_us = 0;
    if (n == 0)
        return false;
    left[0]->sent = at;
    put_together(left, n, due);
    return true;
}

/* ---- spilling ---- */

static bool is_down(const struct lane *lane)
{
    return lane->failures >= DOWN_AFTER || lane->unreached >= DOWN_AFTER;
}

/* Names and errors are whole characters: nothing of a text may be cut off. */
_Static_assert(PAGE_TEXT_MAX >= CONTACT_NAME_MAX + PAGE_ERROR_MAX + 32, "why a page spills fits into its text");

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
    return slip->row.kind == PAGE_TRIGGER && !is_rehearsed(slip) && slip->row.state == PAGE_QUEUED && !slip->unwanted &&
           !slip->spilled;
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

/* True: it has asked to be left alone, and is. */
static bool is_blocked_by(const struct paging *p, struct lane *lane, const struct page_outcome *outcome)
{
    int64_t asked_us = outcome->retry_after_us < ASKED_US ? outcome->retry_after_us : ASKED_US;
    if (outcome->delivered || asked_us <= 0)
        return false;
    if (p->now_us + asked_us > lane->blocked_us)
        lane->blocked_us = p->now_us + asked_us;
    return true;
}

void pager_turn_answered(struct pager *pager, const char *channel, const struct page_outcome *outcome, int64_t now_us,
                         struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct lane *lane = lane_find(pager, channel);
    if (lane && is_blocked_by(&p, lane, outcome))
        lanes_consider(&p, lane);
}

void lane_note(struct paging *p, struct lane *lane, unsigned sent, const struct page_outcome *outcome)
{
    bool was_down = is_down(lane);
    bool blocked = is_blocked_by(p, lane, outcome);
    if (sent < lane->per_minute && lane->sent[sent].at_us == SENT_NOW) /* its limit may have changed meanwhile */
        lane->sent[sent].at_us = p->now_us;
    if (outcome->delivered)
        lane->failures = lane->unreached = 0;
    else if (!outcome->permanent && !outcome->local && outcome->status != STATUS_TOO_MUCH)
        lane->failures++;
    if (!outcome->delivered)
        snprintf(lane->error, sizeof lane->error, "%s", outcome->error);
    if (blocked || (!was_down && is_down(lane)))
        lanes_consider(p, lane);
}

void pager_channel_probed(struct pager *pager, const char *channel, const struct page_outcome *outcome, int64_t now_us,
                          struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct lane *lane = lane_make(pager, channel);
    if (!lane)
        return;
    bool was_down = is_down(lane);
    if (outcome->delivered) {
        lane->unreached = 0;
        return;
    }
    if (lane->unreached < DOWN_AFTER)
        lane->unreached++;
    snprintf(lane->error, sizeof lane->error, "%s", outcome->error);
    if (!was_down && is_down(lane))
        lanes_consider(&p, lane);
}

void pager_channel_unasked(struct pager *pager, const char *channel)
{
    struct lane *lane = lane_find(pager, channel);
    if (lane)
        lane->unreached = 0;
}

/* What a channel has counted within the last minute, whoever of us sent it: put together from the pages when a limit is
 * set, so that it holds over a restart, too. Pages tell how often they were tried, one under way included, and when the
 * last attempt ended, or when the next one is due; attempts before that lay further back by what they back off. */
#include <errno.h>
#include <stdlib.h>

#include "collector/page/parts.h"

enum { SENT_MAX = 8 }; /* attempts at a page within a minute */

static int64_t next_us(const struct slip *slip)
{
    return slip->row.next_us > 0 ? slip->row.next_us : slip->restored_us;
}

/* What may have been on its way when an earlier process ended may go out right now. Its row tells that it had begun. */
static bool is_on_its_way(const struct slip *slip, int64_t now_us)
{
    return slip->sending || (slip->row.state == PAGE_QUEUED && slip->row.possible_copy && slip->row.attempts > 0 &&
                             next_us(slip) <= now_us);
}

/* When the page went out at the latest, the last time first. Returns how often within the last minute. */
static size_t list_sent(const struct slip *slip, int64_t now_us, struct sent ret[SENT_MAX])
{
    const struct page *page = &slip->row;
    bool on_its_way = is_on_its_way(slip, now_us);
    unsigned left = page->attempts - (on_its_way && !slip->sending); /* an earlier process has counted that one */
    int64_t at_us = page->state == PAGE_DELIVERED ? page->delivered_us : next_us(slip) - slip_back_off(left);
    uint64_t whom = slip_whom(slip);
    size_t n = 0;
    if (on_its_way)
        ret[n++] = (struct sent){ now_us, whom };
    for (; left > 0 && n < SENT_MAX && at_us > now_us - US_PER_MINUTE; left--) {
        int64_t latest_us = now_us - (int64_t)n; /* each attempt is one of its own */
        ret[n++] = (struct sent){ at_us < latest_us ? at_us : latest_us, whom };
        at_us -= slip_back_off(left - 1);
    }
    return n;
}

static int compare(const void *left, const void *right)
{
    const struct sent *a = left, *b = right;
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    return a->whom < b->whom ? -1 : a->whom > b->whom;
}

/* Until when the service that refused the page has asked an earlier process to be left alone; 0: it has not, as far as
 * the row tells: it says when the next attempt was due, and that a page waits longer than it backs off. Behind a
 * refusal for good and past its budget that is a minute, unless the service says itself that it has had too much. */
static int64_t asked_until(const struct slip *slip, int64_t now_us)
{
    const struct page *page = &slip->row;
    int64_t left_us = slip->restored_us - now_us;
    int64_t own_us = page->status == STATUS_TOO_MUCH ? slip_back_off(page->attempts) : LATE_US;
    bool waits = page->state == PAGE_QUEUED && page->next_us == 0 && page->attempts > 0;
    return waits && left_us > own_us && left_us <= ASKED_US ? slip->restored_us : 0;
}

void lanes_recall_asked(const struct pager *pager, int64_t now_us)
{
    for (const struct slip *slip = pager->slips; slip; slip = slip->hh.next) {
        int64_t until_us = asked_until(slip, now_us);
        if (until_us > slip->lane->blocked_us)
            slip->lane->blocked_us = until_us;
    }
}

int lane_recall(const struct pager *pager, struct lane *lane, int64_t now_us)
{
    size_t n = 0;
    if (lane->per_minute == 0)
        return 0;
    struct sent *sent = calloc(HASH_COUNT(pager->slips) + 1, SENT_MAX * sizeof *sent);
    if (!sent)
        return -ENOMEM;
    for (const struct slip *slip = pager->slips; slip; slip = slip->hh.next)
        n += slip->lane == lane ? list_sent(slip, now_us, sent + n) : 0;
    qsort(sent, n, sizeof *sent, compare);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || compare(&sent[i - 1], &sent[i]) != 0) /* pages that went together were one message */
            lane_count(lane, sent[i], sent[i].at_us);
    free(sent);
    return 0;
}

#include "agent/spool/ranges.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first range that ends at `number` or behind it. */
static size_t find(const struct ranges *ranges, uint64_t number)
{
    size_t low = 0;
    size_t high = ranges->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->at[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int make_room(struct ranges *ranges)
{
    if (ranges->n < ranges->room)
        return 0;
    if (ranges->room >= RANGES_MAX)
        return -ENOSPC;
    size_t room = ranges->room ? ranges->room * 2 : 4;
    struct range *at = realloc(ranges->at, room * sizeof *at);
    if (!at)
        return -ENOMEM;
    ranges->at = at;
    ranges->room = room;
    return 0;
}

int ranges_add(struct ranges *ranges, uint64_t first, uint64_t last)
{
    assert(first >= 1 && first <= last && last < UINT64_MAX);
    size_t from = find(ranges, first - 1); /* those that touch become one with it */
    size_t to = from;
    while (to < ranges->n && ranges->at[to].first <= last + 1)
        to++;
    if (to == from) {
        int rc = make_room(ranges);
        if (rc < 0)
            return rc;
        memmove(ranges->at + from + 1, ranges->at + from, (ranges->n - from) * sizeof *ranges->at);
        ranges->at[from] = (struct range){ first, last };
        ranges->n++;
        return 0;
    }
    struct range *joined = &ranges->at[from];
    uint64_t end = ranges->at[to - 1].last;
    joined->first = joined->first < first ? joined->first : first;
    joined->last = end > last ? end : last;
    memmove(joined + 1, ranges->at + to, (ranges->n - to) * sizeof *ranges->at);
    ranges->n -= to - from - 1;
    return 0;
}

bool ranges_gap(const struct ranges *ranges, uint64_t first, uint64_t last, struct range *ret)
{
    size_t i = find(ranges, first);
    if (i < ranges->n && ranges->at[i].first <= first)
        first = ranges->at[i++].last + 1;
    if (first > last)
        return false;
    bool ends = i < ranges->n && ranges->at[i].first <= last;
    *ret = (struct range){ first, ends ? ranges->at[i].first - 1 : last };
    return true;
}

uint64_t ranges_missing(const struct ranges *ranges, uint64_t first, uint64_t last)
{
    uint64_t n = 0;
    struct range gap;
    for (; first <= last && ranges_gap(ranges, first, last, &gap); first = gap.last + 1)
        n += gap.last - gap.first + 1;
    return n;
}

void ranges_done(struct ranges *ranges)
{
    free(ranges->at);
    *ranges = (struct ranges){ .at = NULL };
}

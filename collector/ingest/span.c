#include "collector/ingest/span.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spans_done(struct spans *set)
{
    free(set->at);
    *set = (struct spans){ .n = 0 };
}

/* Index of the first interval whose last is >= n. Sets are mostly appended to, so the end is looked at first. */
static size_t seek(const struct spans *set, uint64_t n)
{
    if (set->n == 0 || set->at[set->n - 1].last < n)
        return set->n;
    size_t low = 0;
    size_t high = set->n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->at[middle].last < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert(struct spans *set, size_t index, struct span span)
{
    if (set->n >= SPANS_MAX)
        return -ENOSPC;
    if (set->n == set->room) {
        size_t room = set->room ? set->room * 2 : 2;
        struct span *grown = realloc(set->at, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        set->at = grown;
        set->room = room;
    }
    memmove(&set->at[index + 1], &set->at[index], (set->n - index) * sizeof *set->at);
    set->at[index] = span;
    set->n++;
    return 0;
}

static void erase(struct spans *set, size_t index, size_t count)
{
    memmove(&set->at[index], &set->at[index + count], (set->n - index - count) * sizeof *set->at);
    set->n -= count;
}

int spans_add(struct spans *set, uint64_t first, uint64_t last)
{
    assert(first <= last);
    size_t index = seek(set, first > 0 ? first - 1 : 0); /* one that only touches joins too */
    size_t end = index;
    while (end < set->n && (last == UINT64_MAX || set->at[end].first <= last + 1))
        end++;
    if (end == index)
        return insert(set, index, (struct span){ first, last });
    struct span *joined = &set->at[index];
    if (first < joined->first)
        joined->first = first;
    uint64_t reach = set->at[end - 1].last;
    joined->last = last > reach ? last : reach;
    erase(set, index + 1, end - index - 1);
    return 0;
}

int spans_remove(struct spans *set, uint64_t first, uint64_t last)
{
    assert(first <= last);
    for (size_t index = seek(set, first); index < set->n && set->at[index].first <= last;) {
        struct span *span = &set->at[index];
        if (span->first < first && span->last > last) { /* a hole: two intervals of one */
            int rc = insert(set, index + 1, (struct span){ last + 1, span->last });
            if (rc < 0)
                return rc;
            set->at[index].last = first - 1;
            return 0;
        }
        if (span->first >= first && span->last <= last) {
            erase(set, index, 1);
            continue;
        }
        if (span->first < first)
            span->last = first - 1;
        else
            span->first = last + 1;
        index++;
    }
    return 0;
}

void spans_forget_lowest(struct spans *set)
{
    erase(set, 0, 1);
}

const struct span *spans_meeting(const struct spans *set, uint64_t first, uint64_t last)
{
    size_t index = seek(set, first);
    return index < set->n && set->at[index].first <= last ? &set->at[index] : NULL;
}

enum spans_part spans_hold(const struct spans *set, uint64_t first, uint64_t last)
{
    const struct span *span = spans_meeting(set, first, last);
    if (!span)
        return SPANS_NONE;
    return span->first <= first && span->last >= last ? SPANS_ALL : SPANS_SOME;
}

bool spans_missing(const struct spans *set, uint64_t first, uint64_t last, struct span *ret)
{
    assert(first <= last);
    const struct span *span = spans_meeting(set, first, last);
    if (span && span->first <= first) { /* neighbours never touch, so what follows it is missing */
        if (span->last >= last)
            return false;
        first = span->last + 1;
        span = spans_meeting(set, first, last);
    }
    *ret = (struct span){ first, span ? span->first - 1 : last };
    return true;
}

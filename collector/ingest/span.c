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

static struct span *items(struct spans *set)
{
    return set->at ? set->at : &set->one;
}

/* Index of the first interval whose last is >= n. Sets are mostly appended to, so the end is looked at first. */
static size_t seek(const struct spans *set, uint64_t n)
{
    const struct span *at = spans_items(set);
    if (set->n == 0 || at[set->n - 1].last < n)
        return set->n;
    size_t low = 0;
    size_t high = set->n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at[middle].last < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int grow(struct spans *set)
{
    uint32_t room = set->at ? set->room * 2 : 2;
    struct span *grown = realloc(set->at, room * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    if (!set->at)
        grown[0] = set->one;
    set->at = grown;
    set->room = room;
    return 0;
}

static int insert(struct spans *set, size_t index, struct span span)
{
    if (set->n >= SPANS_MAX)
        return -ENOSPC;
    if (set->n == (set->at ? set->room : 1) && grow(set) < 0)
        return -ENOMEM;
    struct span *at = items(set);
    memmove(&at[index + 1], &at[index], (set->n - index) * sizeof *at);
    at[index] = span;
    set->n++;
    return 0;
}

static void erase(struct spans *set, size_t index, size_t count)
{
    struct span *at = items(set);
    memmove(&at[index], &at[index + count], (set->n - index - count) * sizeof *at);
    set->n -= (uint32_t)count;
}

int spans_add(struct spans *set, uint64_t first, uint64_t last)
{
    assert(first <= last);
    size_t index = seek(set, first > 0 ? first - 1 : 0); /* one that only touches joins too */
    size_t end = index;
    struct span *at = items(set);
    while (end < set->n && (last == UINT64_MAX || at[end].first <= last + 1))
        end++;
    if (end == index)
        return insert(set, index, (struct span){ first, last });
    struct span *joined = &at[index];
    if (first < joined->first)
        joined->first = first;
    uint64_t reach = at[end - 1].last;
    joined->last = last > reach ? last : reach;
    erase(set, index + 1, end - index - 1);
    return 0;
}

int spans_remove(struct spans *set, uint64_t first, uint64_t last)
{
    assert(first <= last);
    for (size_t index = seek(set, first); index < set->n && items(set)[index].first <= last;) {
        struct span *span = &items(set)[index];
        if (span->first < first && span->last > last) { /* a hole: two intervals of one */
            int rc = insert(set, index + 1, (struct span){ last + 1, span->last });
            if (rc < 0)
                return rc;
            items(set)[index].last = first - 1;
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
    return index < set->n && spans_items(set)[index].first <= last ? &spans_items(set)[index] : NULL;
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

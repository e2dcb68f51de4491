/* collector/ingest/span.h - sets of tick numbers, as sorted intervals that never touch.
 *
 * Shape    a growable array of [first, last]; a run without losses is one interval
 * Limit    SPANS_MAX intervals: whoever reports every other tick is refused, not remembered
 * Owner    the caller's memory; zeroed memory is the empty set
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPANS_MAX = 1024 };

struct span {
    uint64_t first;
    uint64_t last;
};

struct spans {
    uint32_t n;
    uint32_t room;
    struct span *at; /* NULL: there was never more than one, which is... */
    struct span one; /* ...here: a run without losses costs no memory elsewhere, and no look there */
};

void spans_done(struct spans *set);

/* The `n` of them, borrowed until the next change. */
static inline const struct span *spans_items(const struct spans *set)
{
    return set->at ? set->at : &set->one;
}

/* Adds first..last, joining what it meets. -ENOSPC: the set would hold more than SPANS_MAX; -ENOMEM. Unchanged on
 * failure. */
int spans_add(struct spans *set, uint64_t first, uint64_t last);

/* Takes first..last out of the set, whatever of it is there. Fails as spans_add(). */
int spans_remove(struct spans *set, uint64_t first, uint64_t last);

/* Forgets the lowest interval; there is one. */
void spans_forget_lowest(struct spans *set);

/* How much of first..last the set holds. */
enum spans_part { SPANS_NONE, SPANS_SOME, SPANS_ALL };
enum spans_part spans_hold(const struct spans *set, uint64_t first, uint64_t last);

/* The lowest interval of the set that meets first..last; NULL: none does. Borrowed until the next change. */
const struct span *spans_meeting(const struct spans *set, uint64_t first, uint64_t last);

/* The next part of first..last that is not in the set, from `first` on. False: all of it is. */
bool spans_missing(const struct spans *set, uint64_t first, uint64_t last, struct span *ret);

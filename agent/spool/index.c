#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/spool/parts.h"

/* ---- runs ---- */

struct run *run_find(const struct spool *spool, const struct run_id *id)
{
    struct run *run;
    DL_FOREACH(spool->runs, run)
    if (memcmp(&run->id, id, sizeof *id) == 0)
        return run;
    return NULL;
}

struct run *run_take(struct spool *spool, const struct run_id *id, const struct boot_id *boot)
{
    struct run *run = run_find(spool, id);
    if (run)
        return run;
    run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->id = *id;
    run->boot = *boot;
    DL_APPEND(spool->runs, run);
    return run;
}

void run_free(struct spool *spool, struct run *run)
{
    DL_DELETE(spool->runs, run);
    ranges_done(&run->done);
    ranges_done(&run->present);
    free(run);
}

/* ---- segments ---- */

struct segment *segment_add(struct spool *spool, uint64_t number, struct run *run)
{
    assert(!spool->segments || spool->segments->prev->number < number);
    struct segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return NULL;
    segment->number = number;
    segment->run = run;
    if (run)
        run->segments++;
    else
        spool->figures.strange++;
    DL_APPEND(spool->segments, segment);
    spool->figures.segments++;
    return segment;
}

void segment_forget(struct spool *spool, struct segment *segment)
{
    DL_DELETE(spool->segments, segment);
    spool->figures.segments--;
    spool->figures.bytes -= segment->bytes;
    if (!segment->run)
        spool->figures.strange--;
    else if (--segment->run->segments == 0 && segment->run != spool->own)
        run_free(spool, segment->run);
    free(segment);
}

void segment_remove(struct spool *spool, struct segment *segment)
{
    char name[SEGMENT_NAME_LEN];
    segment_name(name, segment->number);
    /* One that cannot be removed comes back at the next start, and its ticks are sent a second time at worst. */
    unlinkat(spool->dir_fd, name, 0);
    segment_forget(spool, segment);
}

bool segment_is_done(const struct segment *segment)
{
    struct range gap;
    return segment->run &&
           (segment->last == 0 || !ranges_gap(&segment->run->done, segment->first, segment->last, &gap));
}

void segment_name(char *ret, uint64_t number)
{
    snprintf(ret, SEGMENT_NAME_LEN, "%016" PRIx64 ".spool", number);
}

/* ---- what is to be declared ---- */

static bool same_run(const struct dropped *a, const struct dropped *b)
{
    return memcmp(&a->run, &b->run, sizeof a->run) == 0;
}

static void forget_drop(struct drops *drops, size_t i)
{
    memmove(drops->at + i, drops->at + i + 1, (drops->n - i - 1) * sizeof *drops->at);
    drops->n--;
}

/* Neighbours become one, and what was said before stays one. */
void drops_add(struct drops *drops, const struct dropped *dropped)
{
    for (size_t i = drops->n; i-- > 0;) {
        struct dropped *at = &drops->at[i];
        if (!same_run(at, dropped) || at->cause != dropped->cause || at->last + 1 < dropped->first ||
            dropped->last + 1 < at->first)
            continue;
        at->first = at->first < dropped->first ? at->first : dropped->first;
        at->last = at->last > dropped->last ? at->last : dropped->last;
        return;
    }
    if (drops->n == SPOOL_DROPS_MAX)
        forget_drop(drops, 0);
    drops->at[drops->n++] = *dropped;
}

void drops_remove(struct drops *drops, const struct dropped *dropped)
{
    for (size_t i = drops->n; i-- > 0;) {
        struct dropped was = drops->at[i];
        if (!same_run(&was, dropped) || was.last < dropped->first || was.first > dropped->last)
            continue;
        forget_drop(drops, i);
        struct dropped before = was, behind = was;
        before.last = dropped->first - 1;
        behind.first = dropped->last + 1;
        if (before.first <= before.last)
            drops_add(drops, &before);
        if (behind.first <= behind.last)
            drops_add(drops, &behind);
    }
}

void index_drop(struct spool *spool, struct run *run, uint64_t first, uint64_t last, enum drop_cause cause)
{
    uint64_t n = 0;
    struct range gap;
    for (; first <= last && ranges_gap(&run->done, first, last, &gap); first = gap.last + 1) {
        struct dropped dropped = { .run = run->id, .first = gap.first, .last = gap.last, .cause = cause };
        drops_add(&spool->drops, &dropped);
        drops_add(&spool->fresh, &dropped);
        spool_note(spool, SPOOL_DROPPED, &dropped);
        ranges_add(&run->done, gap.first, gap.last); /* without memory for it the ticks stay to be delivered */
        n += gap.last - gap.first + 1;
    }
    if (cause == DROP_UNREADABLE)
        spool->figures.unreadable += n;
    else
        spool->figures.gave_way += n;
}

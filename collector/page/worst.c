#include "collector/page/worst.h"

#define TRIES_BEFORE_SPILL 2
#define BETWEEN_TRIES_US   US_PER_S

const char *worst_stage_name(enum worst_stage stage)
{
    static const char *const names[WORST_STAGE_COUNT] = { "hold", "sample", "link",    "store",
                                                          "step", "queue",  "channel", "answer" };
    return names[stage];
}

/* Each message takes its share of the minute; the page itself is the last of them. */
static int64_t queued_us(const struct worst_path *path)
{
    return path->per_minute > 0 ? (int64_t)path->ahead * 60 * US_PER_S / path->per_minute : 0;
}

/* The first way does not answer until it counts as down; the next one does at its last instant. A contact that has one
 * way alone waits for that to come back. */
static int64_t told_us(const struct worst_path *path)
{
    int64_t down_us = TRIES_BEFORE_SPILL * path->try_us + BETWEEN_TRIES_US;
    return path->n_ways > 1 ? down_us + path->next_try_us : down_us + 2 * BETWEEN_TRIES_US + path->try_us;
}

struct worst worst_of(const struct worst_path *path)
{
    struct worst worst = { .stages = {
                               [WORST_HOLD] = path->hold_us,
                               [WORST_SAMPLE] = path->interval_us,
                               [WORST_LINK] = WORST_LINK_US,
                               [WORST_STORE] = WORST_STORE_US,
                               [WORST_STEP] = path->after_us,
                               [WORST_QUEUE] = queued_us(path),
                               [WORST_CHANNEL] = told_us(path),
                               [WORST_ANSWER] = WORST_ANSWER_US,
                           } };
    for (int i = 0; i < WORST_STAGE_COUNT; i++)
        worst.total_us += worst.stages[i];
    return worst;
}

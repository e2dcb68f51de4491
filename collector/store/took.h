/* collector/store/took.h - how long the latest groups of a store took, from the writer taking one until it is on disk.
 *
 * Threads  the loop's
 */
#pragma once
#include <stdint.h>

#include "collector/store/store.h"

enum { TOOK_KEPT = 4096 };

struct took { /* zeroed memory is ready */
    uint64_t n;
    uint32_t us[TOOK_KEPT]; /* the latest, in a ring */
};

void took_add(struct took *took, int64_t us);
struct store_commits took_sum_up(const struct took *took);

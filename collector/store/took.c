#include "collector/store/took.h"

#include <stdlib.h>
#include <string.h>

void took_add(struct took *took, int64_t us)
{
    int64_t most = UINT32_MAX;
    took->us[took->n++ % TOOK_KEPT] = (uint32_t)(us < 0 ? 0 : us < most ? us : most);
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

struct store_commits took_sum_up(const struct took *took)
{
    uint32_t us[TOOK_KEPT];
    uint64_t n = took->n < TOOK_KEPT ? took->n : TOOK_KEPT;
    if (n == 0)
        return (struct store_commits){ 0 };
    memcpy(us, took->us, n * sizeof *us);
    qsort(us, n, sizeof *us, by_size);
    return (struct store_commits){
        .n = n, .p50_us = us[(n - 1) / 2], .p99_us = us[(n * 99 - 1) / 100], .max_us = us[n - 1]
    };
}
